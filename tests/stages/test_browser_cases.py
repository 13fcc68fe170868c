"""What a browser shows is what the shard says: small drawings of one construct each, with Chromium's pictures.

``tests/data/browser-cases.tar.gz``: CC0-1.0, its README says what ``expected`` means. Run as a script, this file
prints the outcome of each case, or of those whose names contain one of the arguments.
"""

from __future__ import annotations

import csv
import io
import sys
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from pictured import files

from stages import deduplicate, normalize, render, sanitize, tokenize
from stages.render.compare import difference
from stages.render.renderers import draw, sized, vips
from stages.rowwise import RowwiseSettings, mill
from stages.schema import RAW

CASES = files("browser-cases.tar.gz")
ALIKE = 0.005
"""Share of visibly different pixels up to which a canonical form looks like the reference, by the nearer renderer."""

NAMING = {
    "foreign_object",
    "raster_embedded",
    *(f"unsupported_{what}" for what in ["css", "text", "filter", "mask", "clip_path", "pattern", "animation"]),
    *(f"unsupported_{what}" for what in ["paint", "stroke", "element", "attribute"]),
}
"""Reasons that name a construct. That two pictures differ, or that none is drawn, does not."""

SETTINGS = RowwiseSettings(
    sanitize=sanitize.SanitizeSettings(),
    normalize=normalize.NormalizeSettings(),
    tokenize=tokenize.TokenizeSettings(),
    render=render.RenderSettings(),
    deduplicate=deduplicate.DeduplicateSettings(),
)

RUNNING = {"sem4-f24-drawon.svg"}
"""Cases whose picture was taken at the first moment of an animation: they are compared with the picture without it.

What a drawing that draws itself comes to is tested in ``test_normalize_animation.py``.
"""
FIRST = SETTINGS.model_copy(update={"normalize": normalize.NormalizeSettings(animation="drop")})


class Outcome(NamedTuple):
    """What became of a case: ``reason`` and ``detail`` of its drop, or how unlike the reference its form is."""

    reason: str
    detail: str
    share: float
    svg: str
    notes: tuple[str, ...]

    @property
    def right(self) -> bool:
        return not self.reason and self.share <= ALIKE


def cases() -> list[tuple[str, str]]:
    rows = csv.DictReader(io.StringIO(CASES["cases.csv"].decode()))
    return [(row["file"], row["expected"]) for row in rows]


def outcome_of(data: bytes, picture: bytes, settings: RowwiseSettings = SETTINGS) -> Outcome:
    row = {"raw_id": "0", "source": "s", "path": "p", "name": "n", "url": "", "license": "", "size": 0, "bytes": data}
    kept, dropped, _ = mill(pa.Table.from_pylist([row], schema=RAW), settings.model_dump_json())
    if not kept.num_rows:
        return Outcome(dropped["reason"][0].as_py(), dropped["detail"][0].as_py(), 1.0, "", ())
    image = vips().Image.new_from_buffer(picture, "").colourspace("srgb")
    want = (image if image.hasalpha() else image.addalpha()).numpy()[..., :4].astype(np.uint8)
    svg = kept["svg"][0].as_py()
    ground = np.full_like(want, 255)

    def share(renderer: str) -> float:
        got = draw(sized(svg, want.shape[0]), renderer)
        alpha = got[..., 3:].astype(np.float64) / 255
        laid = ground.copy()
        laid[..., :3] = np.rint(got[..., :3] * alpha + 255 * (1 - alpha))
        return difference(want, laid, SETTINGS.render.pixel_threshold).visible_share

    return Outcome("", "", min(share("librsvg"), share("resvg")), svg, tuple(kept["notes"][0].as_py()))


@lru_cache(None)
def outcome(name: str) -> Outcome:
    return outcome_of(CASES[name], CASES[f"{name}.png"], FIRST if name in RUNNING else SETTINGS)


@pytest.mark.parametrize("name", [name for name, expected in cases() if expected == "equal"])
def test_what_is_drawn_alike_everywhere_is_kept_and_right(name):
    got = outcome(name)
    assert got.right, got


@pytest.mark.parametrize("name", [name for name, expected in cases() if expected != "equal"])
def test_nothing_is_kept_wrong(name):
    """What the mill cannot say is dropped for a reason that names the construct."""
    got = outcome(name)
    assert got.right or got.reason in NAMING, got


def test_what_users_want_kept_is_kept():
    wanted = [name for name, expected in cases() if expected == "keep-wanted"]
    right = [name for name in wanted if outcome(name).right]
    assert len(wanted) == 28
    assert len(right) >= 24, sorted(set(wanted) - set(right))


if __name__ == "__main__":
    bad = 0
    for name, expected in cases():
        if len(sys.argv) > 1 and not any(word in name for word in sys.argv[1:]):
            continue
        try:
            got = outcome(name)
        except BaseException as error:  # a renderer's panic is no Exception
            got = Outcome("crashed", f"{type(error).__name__}: {error}", 1.0, "", ())
        fine = got.right or (expected != "equal" and got.reason in NAMING)
        bad += not fine
        print(f"{'ok ' if fine else 'BAD'} {expected:12} {name:40} {got.reason or f'{got.share:.4f}'} {got.detail}")
    print(f"{bad} bad; keep-wanted right: {sum(outcome(n).right for n, e in cases() if e == 'keep-wanted')} of 28")
