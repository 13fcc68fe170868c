"""Flags of what a drawing shows: each with drawings that have it and drawings that nearly do."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.deduplicate.flags import FlagThresholds
from stages.deduplicate.shown import cut_off, light_only, tiny_ink
from stages.pictures import SIDE
from stages.rowwise import SAMPLES, RowwiseSettings, mill
from stages.schema import RAW

ICON = "M6 4v16l12-8z"
LOST = '<path class="line" d="M4 12h16M12 4v16c4 0 6-3 6-6"/>'


def whole(body: str, box: str = "0 0 24 24", more: str = "") -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" {more}>{body}</svg>'


FLAGGED = {
    "white": (whole(f'<path d="{ICON}" fill="#fff"/>'), ["light_only"]),
    "nearly white": (whole(f'<path d="{ICON}" fill="#eff0f1"/>'), ["light_only"]),
    "thin white": (whole('<path d="M4 12h16" stroke="#fff" stroke-width=".3"/>'), ["light_only", "tiny_ink"]),
    "translucent white": (whole(f'<path d="{ICON}" fill="#fff" opacity=".7"/>'), ["light_only"]),
    "a formula": (whole('<path d="M1 2h8v3h-8zm10 0h8v3h-8z"/>', "0 0 200 200"), ["tiny_ink"]),
    "a mark on a page": (
        whole('<path d="M0 0h90v90h-90z" fill="#fff"/><path d="M9 9h5v5h-5z"/>', "0 0 90 90"),
        ["tiny_ink"],
    ),
    "a hairline": (
        whole('<path d="M9 9h90v90" fill="none" stroke="#000" stroke-width=".2"/>', "0 0 100 100"),
        ["tiny_ink"],
    ),
    "cut at the right": (whole('<path d="M6 4h30v9h-30z"/>'), ["cut_off"]),
    "cut at the bottom": (whole('<g transform="translate(0 12)"><circle cx="12" cy="9" r="7"/></g>'), ["cut_off"]),
    "cut strokes": (whole('<path d="M6 6h10v30h5" fill="none" stroke="#00f" stroke-width="2"/>'), ["cut_off"]),
    "cut in a wide viewBox": (whole('<path d="M30 2h20v8h-20z"/>', "0 0 40 20"), ["cut_off"]),
    "cut on a page": (
        whole('<path d="M0 0h24v24h-24z" fill="#fff"/><path d="M6 -9h9v20h-9z" fill="#c00"/>'),
        ["cut_off"],
    ),
    "a class of a page": (whole(LOST), ["outside_style"]),
    "a class beside others'": (
        whole(f'<style>.other{{fill:red}}</style>{LOST}<path class="other" d="{ICON}"/>'),
        ["outside_style"],
    ),
    "a class and no paint": (whole(f'<g stroke-width="2">{LOST}</g>'), ["outside_style"]),
}

UNFLAGGED = {
    "black": whole(f'<path d="{ICON}"/>'),
    "grey": whole(f'<path d="{ICON}" fill="#ccc"/>'),
    "white with a grey line": whole(f'<path d="{ICON}" fill="#fff" stroke="#bbb"/>'),
    "white on blue": whole(f'<circle cx="12" cy="12" r="11" fill="#00f"/><path d="{ICON}" fill="#fff"/>'),
    "white on a page": whole('<path d="M0 0h24v24h-24z" fill="#fff"/><path d="M4 6h16v4h-16z" fill="#333"/>'),
    "a thin icon": whole('<path d="M4 12h16M12 4v16" fill="none" stroke="#000"/>'),
    "on a dark ground": whole(f'<path d="M0 0h24v24h-24z"/><path d="{ICON}" fill="#fff"/>'),
    "up to the edge": whole('<path d="M0 4h24v9h-24z"/>'),
    "strokes along the edge": whole('<path d="M0 6v12h9" fill="none" stroke="#000" stroke-width="2"/>'),
    "a full picture": whole('<path d="M-9 -9h50v20h-50z" fill="#9cf"/><path d="M-9 11h50v30h-50z" fill="#363"/>'),
    "a stripe": whole('<path d="M-9 9h42v5h-42z"/>'),
    "beyond, unseen": whole(f'<path d="{ICON}"/><path d="M30 4h9v9h-9z"/>'),
    "beyond, clipped": whole('<clipPath id="a"><path d="M2 2h9v9h-9z"/></clipPath><path d="M6 4h30v9h-30z" clip-path="url(#a)"/>'),
    "beyond, clipped as a group": whole('<clipPath id="a"><path d="M2 2h9v9h-9z"/></clipPath><g clip-path="url(#a)"><path d="M6 4h30v9h-30z"/></g>'),
    "beyond, in a viewport": whole('<svg x="2" y="2" width="9" height="9"><path d="M2 2h50v5h-50z"/></svg>'),
    "beyond, in a mask": whole('<mask id="a"><path d="M-9 4h50v9h-50z" fill="#fff"/></mask><path d="M4 2h15v15h-15z" mask="url(#a)"/>'),
    "beyond, in a pattern": whole('<pattern id="a" width="5" height="5" patternUnits="userSpaceOnUse"><path d="M2 2h40v1h-40z"/></pattern><path d="M4 2h15v15h-15z" fill="url(#a)"/>'),
    "a class with a fill": whole(f'<path class="line" fill="#333" d="{ICON}"/>'),
    "a class with black": whole(f'<path class="line" fill="#000" d="{ICON}"/>'),
    "a class with a style": whole(f'<path class="line" style="fill:black" d="{ICON}"/>'),
    "a class within a paint": whole(f'<g stroke="#00f" fill="none">{LOST}</g>'),
    "a class under a root that paints": whole(LOST, more='fill="currentColor"'),
    "a class with a rule": whole(f"<style>.line{{stroke-width:2}}</style>{LOST}"),
    "a class of the root": whole(f'<path d="{ICON}"/>', more='class="icon"'),
    "a class of a group": whole(f'<g class="layer"><path d="{ICON}"/></g>'),
    "a class that draws nothing": whole(f'<path class="line" d=""/><path d="{ICON}"/>'),
}  # fmt: skip


@pytest.fixture(scope="module")
def named() -> dict[str, list[str]]:
    """The flags of all drawings, by name, as the pass has them."""
    drawings = {name: svg for name, (svg, _) in FLAGGED.items()} | UNFLAGGED
    rows = [
        {"raw_id": name, "source": "s", "path": name, "name": name, "size": len(svg), "bytes": svg.encode()}
        for name, svg in drawings.items()
    ]
    settings = RowwiseSettings.model_validate(
        {name: {} for name in RowwiseSettings.model_fields} | {"render": {"compare_size": 128, "close_size": 128}}
    )
    kept, dropped, _ = mill(pa.Table.from_pylist(rows, schema=RAW), settings.model_dump_json(by_alias=True))
    assert dropped.num_rows == 0, dropped.to_pylist()
    assert kept.schema == SAMPLES and not {"frame", "beyond"} & set(kept.column_names)
    return dict(zip(kept["path"].to_pylist(), kept["flags"].to_pylist(), strict=True))


@pytest.mark.parametrize("name", FLAGGED)
def test_what_has_a_flag(name: str, named: dict[str, list[str]]) -> None:
    """Each drawing has its flags, and no others."""
    assert named[name] == FLAGGED[name][1]


@pytest.mark.parametrize("name", UNFLAGGED)
def test_what_has_no_flag(name: str, named: dict[str, list[str]]) -> None:
    """Drawings that are like flagged ones in one way, and unlike them in what counts."""
    assert named[name] == []


PICTURES = st.integers(0, 2**32 - 1).map(lambda seed: _noise(seed))
RULES = FlagThresholds()


def _noise(seed: int) -> np.ndarray:
    """A picture of random premultiplied pixels."""
    chance = np.random.default_rng(seed)
    picture = chance.integers(0, 256, (SIDE, SIDE, 4), np.uint8)
    picture[..., :3] = np.minimum(picture[..., :3], picture[..., 3:])
    return picture


@given(PICTURES, st.floats(0, 0.5))
def test_light_is_what_paint_is(picture: np.ndarray, darkest: float) -> None:
    """All in white is light whatever its coverage; one black pixel among it is enough not to be."""
    white = np.repeat(picture[..., 3:], 4, axis=2)
    assert light_only(white, darkest)
    spotted = white.copy()
    spotted[9, 9] = (0, 0, 0, 255)
    assert not light_only(spotted, darkest)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 12), st.booleans())
def test_ink_is_an_area(x: int, y: int, side: int, page: bool) -> None:
    """A square is tiny where its area is less than a hundredth of the canvas, on a page or without."""
    picture = np.zeros((SIDE, SIDE, 4), np.uint8)
    if page:
        picture[:] = 255
    picture[y : y + side, x : x + side] = (0, 0, 0, 255)
    area = (min(y + side, SIDE) - y) * (min(x + side, SIDE) - x)
    assert tiny_ink(picture, False, RULES.tiny_ink.share) == (area < 0.01 * SIDE * SIDE)


def test_nothing_has_no_tiny_ink() -> None:
    """A picture of one colour has no ink at all, which is another matter."""
    assert not tiny_ink(np.zeros((SIDE, SIDE, 4), np.uint8), False, 0.01)


@given(st.floats(0.05, 3), st.integers(2, 60))
def test_a_side_is_cut_where_it_has_ink(far: float, length: int) -> None:
    """Ink along a part of the side beyond which shapes reach, and not along another."""
    picture = np.zeros((SIDE, SIDE, 4), np.uint8)
    picture[:length, 40:] = (200, 0, 0, 255)
    whole_canvas = (0.0, 0.0, 1.0, 1.0)
    assert cut_off(picture, whole_canvas, (0, 0, far, 0), RULES.cut_off)
    assert not cut_off(picture, whole_canvas, (far, 0, 0, 0), RULES.cut_off)
    assert not cut_off(picture, whole_canvas, (0, 0, 0.049, 0), RULES.cut_off)
