"""Fine pictures: packing, what is enlarged, and what tells two drawings apart."""

import pytest

from stages import fine
from stages.render.renderers import draw, sized
from stages.render.stage import fine_picture

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784">'
LEADS = "M100 392h280M404 392h280"


def line(data: str, width: float = 3) -> str:
    return f'{HEAD}<path fill="none" stroke="#000" stroke-width="{width}" d="{data}"/></svg>'


def apart(one: str, other: str, colours: bool = True) -> int:
    return fine.unlike(*(fine.unpack(fine_picture(svg)) for svg in (one, other)), colours)


PLATES = line(LEADS + "M380 340v104M404 340v104M340 330h20M350 320v20")
DIFFERENT = {
    "pins exchanged": (PLATES, line(LEADS + "M380 340v104M404 340v104M424 330h20M434 320v20")),
    "a point more": (line("M392 100l200 500h-400z"), line("M392 100l200 500l-200 40l-200 -40z")),
    "a letter on a wide band": (
        f'{HEAD}<path fill="#fff" d="M0 336h784v112h-784z"/><path d="M384 384h12v3h-5v12h-3v-12h-4z"/></svg>',
        f'{HEAD}<path fill="#fff" d="M0 336h784v112h-784z"/><path d="M384 384h3v12h9v3h-12z"/></svg>',
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_different_drawings_with_little_ink_are_told_apart(name: str) -> None:
    """Whatever share of the canvas their ink is."""
    assert apart(*DIFFERENT[name]) > 2


@pytest.mark.parametrize("moved", [line(LEADS.replace("392", "393")), line(LEADS, 3.4)])
def test_a_unit_more_or_less_is_forgiven(moved: str) -> None:
    """A line that is rounded otherwise is the same line."""
    assert apart(line(LEADS), moved) <= 2


def test_colour_counts_unless_it_is_left_out() -> None:
    """The same line in another colour differs, its coverage does not."""
    red = line(LEADS).replace("#000", "#f00")
    assert apart(line(LEADS), red) > 2
    assert apart(line(LEADS), red, colours=False) == 0


def test_small_drawings_are_enlarged_and_all_of_them_is_kept() -> None:
    """Within half of the canvas at twice the size; a wide one as it is; a busy one in part."""
    small, wide = (fine.unpack(fine_picture(line(data))) for data in ("M380 380l20 20", LEADS))
    busy = fine.unpack(fine_picture(line("M392 392" + "".join(f"l{300 - k} {k * 7 % 300 - 150}z" for k in range(120)))))
    assert (small.zoom, wide.zoom, busy.zoom) == (2, 1, 1)
    assert (small.levels >= 0).all() and (wide.levels >= 0).all() and (busy.levels < 0).any()


def test_what_is_packed_comes_back() -> None:
    """As levels, and as nothing known where a tile was left out."""
    pixels = draw(sized(PLATES, fine.SIDE), "librsvg")
    back = fine.unpack(fine.pack(pixels)).levels
    assert (back[pixels[..., 3] == 0] == 0).all()
    assert (back[..., 3][pixels[..., 3] == 255] == fine.LEVELS - 1).all()
