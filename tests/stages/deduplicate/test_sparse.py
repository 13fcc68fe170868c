"""Drawings with little ink: different ones stay apart, the same ones in other words come together."""

import math

import pyarrow as pa
import pytest

from stages.deduplicate import SIGNATURES, DeduplicateSettings, Level, match
from stages.deduplicate.columns import item_ids
from stages.deduplicate.matching import FEATURES
from stages.normalize import NORMALIZE, NormalizeSettings
from stages.render import RENDER, RenderSettings
from stages.sanitize import SANITIZE, SanitizeSettings
from stages.schema import PAIRS, RAW
from stages.tokenize import TOKENIZE, TokenizeSettings


def line(data: str, width: float = 1.2, box: str = "0 0 560 300") -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">'
        f'<path d="{data}" fill="none" stroke="#000" stroke-width="{width}"/></svg>'
    )


def star(points: int, depth: float = 0.9) -> str:
    corners = []
    for k in range(2 * points):
        r, angle = (45 if k % 2 == 0 else 45 * depth), math.pi * k / points
        corners.append(f"{50 + r * math.cos(angle):.3f} {50 + r * math.sin(angle):.3f}")
    return line(f"M{'L'.join(corners)}Z", 0.8, "0 0 100 100")


LEADS = "M10 150H270M290 150H550M270 100V200M290 100V200"
TWO, THREE = "M280 150q4-6 8-2q2 4-8 12h9", "M280 150q4-5 8-1q0 5-4 5q5 0 4 5q-4 5-8 0"
BOXES = "M30 40H150V100H30ZM220 40H340V100H220ZM410 40H530V100H410ZM150 70H220M340 70H410"
CHART = "M40 20V280H540"
CLOCK = "M280 10A140 140 0 1 1 279 10ZM280 150L280 50M280 150"

DIFFERENT = {
    "formulas": (line(TWO), line(THREE)),
    "a capacitor's plus": (line(LEADS + "M240 90h16M248 82v16"), line(LEADS + "M304 90h16M312 82v16")),
    "a point more": (star(24), star(25)),
    "a label's letter": (line(BOXES + "M60 60v14h8M80 60h8v14h-8z"), line(BOXES + "M60 60v14h8M80 74l4-14l4 14")),
    "an arrow's head": (line(BOXES + "M213 65L220 70L213 75"), line(BOXES + "M157 65L150 70L157 75")),
    "a chart's value": (
        line(CHART + "M40 200L140 120L240 180L340 90L440 150"),
        line(CHART + "M40 200L140 120L240 150L340 90L440 150"),
    ),
    "a clock's hand": (line(CLOCK + "L340 150"), line(CLOCK + "L332 180")),
    "tiny icons": (line("M480 20l10 10l20-20"), line("M480 20h25")),
    "thin rings": (
        line("M5 50A45 45 0 1 1 5 51", 0.6, "0 0 100 100"),
        line("M6 32A45 45 0 1 1 20 82", 0.6, "0 0 100 100"),
    ),
}

SAME = {
    "other words": (line(LEADS), line("M290 100v100M270 100v100M550 150h-260M270 150h-260")),
    "moved by half a unit": (line(BOXES), line(BOXES.replace("40H", "40.3H").replace("410 ", "409.7 "))),
    "a star, less exact": (star(25), star(25).replace("5Z", "51Z")),
    "another colour": (line(TWO), line(TWO).replace("#000", "#00f")),
    "a chart, drawn in parts": (
        line(CHART + "M40 200L140 120L240 180L340 90L440 150"),
        line(CHART + "M40 200L140 120L240 180M440 150L340 90L240 180"),
    ),
}


def level(one: str, other: str) -> int | None:
    """What makes two drawings duplicates: -1 for one canonical form, None for nothing."""
    rows = [
        {"raw_id": name, "source": "s", "path": name, "name": name, "url": "", "license": "", "size": 1, "bytes": svg}
        for name, svg in (("a", one.encode()), ("b", other.encode()))
    ]
    settings = DeduplicateSettings()
    table = pa.Table.from_pylist(rows, schema=RAW)
    for stage, own in (
        (SANITIZE, SanitizeSettings()),
        (NORMALIZE, NormalizeSettings()),
        (TOKENIZE, TokenizeSettings()),
        (RENDER, RenderSettings(size=64)),
        (SIGNATURES, settings),
    ):
        table = stage.run(table, own).kept
    assert len(table) == 2
    items = item_ids(table["sample_id"])
    if items[0] == items[1]:
        return -1
    values = {"a": [min(items)], "b": [max(items)], "block_a": [0], "block_b": [0], "kinds": [1]}
    candidates = pa.table([pa.array(values[field.name], field.type) for field in PAIRS], schema=PAIRS)
    edges = match(candidates, table.select(FEATURES), settings)["level"].to_pylist()
    return next((value for value in edges if value < Level.ALMOST), None)


@pytest.mark.parametrize("name", DIFFERENT)
def test_different_drawings_with_little_ink_are_no_duplicates(name: str) -> None:
    """Though a picture of 64 px hardly shows what differs."""
    assert level(*DIFFERENT[name]) is None


@pytest.mark.parametrize("name", SAME)
def test_the_same_drawing_with_little_ink_is_a_duplicate(name: str) -> None:
    """However it is written."""
    assert level(*SAME[name]) is not None
