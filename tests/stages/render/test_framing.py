import numpy as np
import pytest

from stages.render.renderers import draw, framed, part, sized

HEAD = '<svg xmlns="http://www.w3.org/2000/svg"'
RED, LIME = (255, 0, 0, 255), (0, 255, 0, 255)


def shown(svg: str, box: tuple[float, ...], size: int = 100) -> np.ndarray:
    return draw(framed(svg.encode(), box, size), "librsvg")


def test_a_wide_source_is_centred_and_cut() -> None:
    """A wide viewBox with its own origin is centred, and what it cuts off does not show in the letterbox."""
    pixels = shown(
        f'{HEAD} viewBox="10 20 100 50" width="7" height="900"><circle cx="60" cy="45" r="40" fill="red"/></svg>',
        (10, 20, 100, 50),
    )
    assert pixels.shape == (100, 100, 4)
    assert not pixels[:24, :, 3].any() and not pixels[76:, :, 3].any()
    assert tuple(pixels[50, 50]) == RED and tuple(pixels[26, 50]) == RED


@pytest.mark.parametrize("box", [(0, 0, 9, 9), (0, 0, 9, 4.5), (0, 0, 4.5, 9)])
@pytest.mark.parametrize(
    "root",
    [
        'width="24" height="24" style="width:2em;height:2em"',
        'class="a" x="3" y="3"',
        'preserveAspectRatio="xMaxYMax slice"',
        'overflow="visible"',
    ],
)
def test_the_page_does_not_decide_place_or_size(root: str, box: tuple[float, ...]) -> None:
    """Whatever the root says about its place in a page, the drawing fills its frame and nothing else."""
    style = "<style>svg{width:1em;height:1em!important;x:3px}.a{overflow:visible}</style>"
    rect = f'{style}<rect x="-50" y="-50" width="100" height="100" fill="red"/>'
    wide, tall = (round(100 * side / 9) for side in box[2:])
    pixels = shown(f"{HEAD} {root}>{rect}</svg>", box)
    assert pixels.shape == (100, 100, 4)
    want = np.zeros((100, 100), bool)
    want[(100 - tall) // 2 : (100 + tall) // 2, (100 - wide) // 2 : (100 + wide) // 2] = True
    assert (pixels[:, :, 3] > 0).tolist() == want.tolist()


def test_style_of_the_root_survives() -> None:
    """Attributes and rules of the source's root still apply to its content."""
    for box in ((0, 0, 9, 9), (0, 0, 9, 8.9)):
        style = "<style>.a > rect{stroke:none} svg{color:lime}</style>"
        pixels = shown(f'{HEAD} fill="currentColor" class="a">{style}<rect width="9" height="9"/></svg>', box, 16)
        assert tuple(pixels[8, 8]) == LIME


def test_rules_for_the_root_apply_once() -> None:
    """Half opacity stays half, although a source that is not square gets an svg around it."""
    style = "<style>svg{opacity:.5}</style>"
    for box in ((0, 0, 9, 9), (0, 0, 9, 8.9)):
        assert shown(f'{HEAD}>{style}<rect width="9" height="9"/></svg>', box, 16)[8, 8, 3] in (127, 128)


def test_names_and_prefixes_of_the_source_stay() -> None:
    """A prefixed document with xlink references is drawn as it is."""
    svg = (
        '<s:svg xmlns:s="http://www.w3.org/2000/svg" xmlns:l="http://www.w3.org/1999/xlink"><s:defs>'
        '<s:rect id="r" width="9" height="9" fill="red"/></s:defs><s:use l:href="#r"/></s:svg>'
    )
    for box in ((0, 0, 9, 9), (0, 0, 9, 8.9)):
        assert tuple(shown(svg, box, 16)[8, 8]) == RED


def test_as_deep_as_the_sanitizer_lets_through() -> None:
    """250 nested groups, the most that can be configured, are drawn."""
    svg = f'{HEAD}>{"<g>" * 248}<rect width="9" height="9" fill="red"/>{"</g>" * 248}</svg>'
    assert tuple(shown(svg, (0, 0, 9, 8.9), 16)[8, 8]) == RED


@pytest.mark.parametrize("width", ["72pt", "1in", "25.4mm", "6pc", "96px", "96"])
def test_absolute_units_are_those_of_css(width: str) -> None:
    """An inch is 96 px (CSS Values 4, section 6.2), though libvips asks librsvg for 72 by default."""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="20"><rect width="{width}" height="20"/></svg>'
    pixels = draw(svg.encode(), "librsvg")
    assert pixels.shape == (20, 200, 4)
    assert int((pixels[5, :, 3] > 127).sum()) == 96


def test_a_stretched_source_fills_the_square() -> None:
    """fit: stretch scales both sides by themselves."""
    svg = f'{HEAD} viewBox="0 0 100 50"><rect width="50" height="50" fill="red"/></svg>'
    pixels = draw(framed(svg.encode(), (0, 0, 100, 50), 100, "stretch"), "librsvg")
    assert (pixels[:, :50, 3] == 255).all() and not pixels[:, 50:, 3].any()


def test_the_initial_font_size_is_css_s() -> None:
    """An em is 16 units where nothing says otherwise, and what the source says where it does."""
    rect = '<rect width="1em" height="1em" fill="red"/>'
    for head, size in (("", 16), ('font-size="8"', 8), ('style="font-size:8px"', 8)):
        pixels = shown(f'{HEAD} {head} viewBox="0 0 32 32">{rect}</svg>', (0, 0, 32, 32), 32)
        assert int((pixels[:, :, 3] > 0).sum()) == size * size


DRAWING = (
    '<style>svg{color:lime}</style><g stroke="#123" stroke-width="3"><path fill="currentColor" d="M2 9l40-5 30 60-50 20z"/>'
    '<circle cx="50%" cy="30" r="70" fill="none" stroke="red"/></g>'
)


@pytest.mark.parametrize("renderer", ["librsvg", "resvg"])
@pytest.mark.parametrize("box", [(0, 0, 90, 90), (-10, 5, 90, 40), (0, 0, 40, 90)])
@pytest.mark.parametrize("window", [(0, 0, 100, 100), (10, 20, 60, 95), (99, 0, 100, 100)])
def test_a_window_shows_its_part_of_the_whole(
    box: tuple[float, ...], window: tuple[int, int, int, int], renderer: str
) -> None:
    """What is drawn of a part of the square is what the square shows there, but for steps of coverage: resvg has 17."""
    svg = f"{HEAD} viewBox='3 4 5 6'>{DRAWING}</svg>".encode()
    left, top, right, bottom = window
    whole = draw(framed(svg, box, 100), renderer)[top:bottom, left:right].astype(int)
    part_of_it = draw(framed(svg, box, 100, window=window), renderer)
    assert part_of_it.shape == whole.shape
    assert np.abs(whole * (whole[..., 3:] > 0) - part_of_it * (part_of_it[..., 3:] > 0)).max() <= 20


@pytest.mark.parametrize("renderer", ["librsvg", "resvg"])
@pytest.mark.parametrize("window", [(0, 0, 100, 100), (10, 20, 60, 95), (0, 99, 100, 100)])
def test_a_part_of_a_canonical_form_is_what_the_whole_shows_there(
    window: tuple[int, int, int, int], renderer: str
) -> None:
    svg = f'{HEAD} viewBox="0 0 784 784"><path fill="#a20" d="M20 90l400 -50l300 600l-500 100z"/></svg>'
    left, top, right, bottom = window
    whole = draw(sized(svg, 100), renderer)[top:bottom, left:right]
    assert np.abs(whole.astype(int) - draw(part(svg, 100, window), renderer)).max() <= 20
    doubled = draw(part(svg, 100, window, 2), renderer)
    assert doubled.shape == (2 * whole.shape[0], 2 * whole.shape[1], 4)
    assert np.array_equal(draw(sized(svg, 200), renderer)[2 * top : 2 * bottom, 2 * left : 2 * right] > 0, doubled > 0)
