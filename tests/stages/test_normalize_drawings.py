import re

import pytest

from stages.base import Dropped
from stages.normalize import NormalizeSettings, normalize_one, source_view_box

SETTINGS = NormalizeSettings()
XLINK = 'xmlns:xlink="http://www.w3.org/1999/xlink"'


def canonical(body: str, root: str = 'viewBox="0 0 784 784"') -> str:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {XLINK} {root}>{body}</svg>'
    return normalize_one(svg.encode(), SETTINGS).svg


def inner(body: str, root: str = 'viewBox="0 0 784 784"') -> str:
    return re.sub(r"^<svg[^>]*>|</svg>$", "", canonical(body, root))


SAME = {
    "path grammar": (
        "<path d='M10-20.5.5l1e2 3'/>".replace("-20.5.5", " 20"),
        '<path d="M10 20l100 3"/>',
    ),
    "compact arc flags": ("<path d='M100 100a50 50 0 0110 90'/>", '<path d="M100 100a50 50 0 0 1 10 90"/>'),
    "repeated moveto is lineto": ("<path d='M1 2 30 40z'/>", '<path d="M1 2l29 38z"/>'),
    "after z comes a moveto": ("<path d='M5 5h9v9zl20 1v9z'/>", '<path d="M5 5h9v9zM5 5l20 1v9z"/>'),
    "error draws up to it": ("<path d='M1 1h20v20x9'/>", '<path d="M1 1h20v20"/>'),
    "no-ops vanish": ("<path d='M1 1h0v0l0 0c0 0 0 0 0 0h9v9a0 0 0 0 1 4 4z'/>", '<path d="M1 1h9v9l4 4z"/>'),
    "lines find h and v": ("<path d='M1 1L9 1L9 8'/>", '<path d="M1 1h8v7"/>'),
    "style attribute": ("<path style='fill:red' fill='blue' d='M1 1h9v9'/>", '<path fill="#f00" d="M1 1h9v9"/>'),
    "inherited": ("<g fill='#112233'><g><path d='M1 1h9v9'/></g></g>", '<path fill="#123" d="M1 1h9v9"/>'),
    "style sheet": (
        "<style>.a{fill:lime} path{fill:blue!important} #b{fill:red}</style><path class='a' id='b' d='M1 1h9v9'/>",
        '<path fill="#00f" d="M1 1h9v9"/>',
    ),
    "child selector": (
        "<style>g > path{fill:#0f0}</style><g><path d='M1 1h9v9'/></g>",
        '<path fill="#0f0" d="M1 1h9v9"/>',
    ),
    "currentColor": (
        "<g color='#abc'><path fill='currentColor' d='M1 1h9v9'/></g>",
        '<path fill="#abc" d="M1 1h9v9"/>',
    ),
    "rgba": (
        "<path fill='rgba(255,0,0,.5)' d='M1 1h9v9'/>",
        '<path fill="#f00" fill-opacity="0.5" d="M1 1h9v9"/>',
    ),
    "use": (
        "<defs><path id='a' d='M0 0h9v9'/></defs><use xlink:href='#a' x='10' transform='scale(2)'/>",
        '<path d="M20 0h18v18"/>',
    ),
    "symbol with viewBox": (
        "<symbol id='a' viewBox='0 0 10 10'><rect width='10' height='10'/></symbol>"
        "<use href='#a' width='100' height='100' x='5'/>",
        '<rect x="5" width="100" height="100"/>',
    ),
    "nested svg": (
        "<svg x='100' y='100' width='100' height='100' viewBox='0 0 10 10'><circle cx='5' cy='5' r='4'/></svg>",
        '<circle cx="150" cy="150" r="40"/>',
    ),
    "display none": ("<path display='none' d='M0 0h9v9'/><rect width='9' height='9'/>", '<rect width="9" height="9"/>'),
    "single child takes opacity": (
        "<g opacity='.5'><rect width='9' height='9' opacity='.5'/></g>",
        '<rect width="9" height="9" opacity="0.25"/>',
    ),
    "group keeps opacity": (
        "<g opacity='.5'><rect width='9' height='9'/><rect x='5' width='9' height='9'/></g>",
        '<g opacity="0.5"><rect width="9" height="9"/><rect x="5" width="9" height="9"/></g>',
    ),
    "stroke scales": (
        "<path transform='scale(3)' fill='none' stroke='red' stroke-width='2' d='M1 1h9'/>",
        '<path fill="none" stroke="#f00" stroke-width="6" d="M3 3h27"/>',
    ),
    "dot of a round cap": (
        "<path fill='none' stroke='red' stroke-linecap='round' stroke-width='9' d='M50 50h0'/>",
        '<path fill="none" stroke="#f00" stroke-width="9" stroke-linecap="round" d="M50 50h0"/>',
    ),
    "turned rect is a path": (
        "<rect x='100' y='100' width='100' height='100' transform='rotate(45 150 150)'/>",
        '<path d="M150 79l71 71l-71 71l-71 -71z"/>',
    ),
    "quarter turn keeps a rect": (
        "<rect x='100' y='100' width='50' height='20' transform='rotate(90 100 100)'/>",
        '<rect x="80" y="100" width="20" height="50"/>',
    ),
    "polygon": ("<polygon points='1,1 20 1 20,30'/>", '<polygon points="1 1 20 1 20 30"/>'),
    "mirrored arc turns the other way": (
        "<path transform='matrix(-1 0 0 1 400 0)' d='M100 100a50 50 0 0 1 50 50z'/>",
        '<path d="M300 100a50 50 0 0 0 -50 50z"/>',
    ),
    "stretched arc": (
        "<path transform='scale(2 1)' d='M100 100a50 50 0 0 1 50 50z'/>",
        '<path d="M200 100a100 50 0 0 1 100 50z"/>',
    ),
    "off the canvas": ("<path d='M-90-90h9v9z'/><rect width='9' height='9'/>", '<rect width="9" height="9"/>'),
    "background beyond the canvas": (
        "<rect x='-500' y='-500' width='5000' height='5000' fill='#eee'/>",
        '<rect width="784" height="784" fill="#eee"/>',
    ),
    "clip over everything": (
        "<clipPath id='c'><path d='M0 0h784v784H0z'/></clipPath><g clip-path='url(#c)'><rect width='9' height='9'/></g>",
        '<rect width="9" height="9"/>',
    ),
    "clip path": (
        "<clipPath id='k'><circle cx='50' cy='50' r='50'/></clipPath><rect clip-path='url(#k)' width='99' height='99'/>",
        '<defs><clipPath id="c0"><circle cx="50" cy="50" r="50"/></clipPath></defs>'
        '<rect width="99" height="99" clip-path="url(#c0)"/>',
    ),
    "mask": (
        "<mask id='k'><circle cx='50' cy='50' r='50' fill='#fff'/></mask><g mask='url(#k)'><path d='M1 1h9v9'/></g>",
        '<defs><mask id="m0" x="0" y="0" width="784" height="784" maskUnits="userSpaceOnUse">'
        '<circle cx="50" cy="50" r="50" fill="#fff"/></mask></defs><path mask="url(#m0)" d="M1 1h9v9"/>',
    ),
    "switch": (
        "<switch><g systemLanguage='de'><circle r='9'/></g><rect width='9' height='9'/></switch>",
        '<rect width="9" height="9"/>',
    ),
    "one stop is a colour": (
        "<linearGradient id='g'><stop stop-color='red' stop-opacity='.5'/></linearGradient>"
        "<rect width='9' height='9' fill='url(#g)'/>",
        '<rect width="9" height="9" fill="#f00" fill-opacity="0.5"/>',
    ),
    "gradient by box and href": (
        "<linearGradient id='a'><stop stop-color='red'/><stop offset='1' stop-color='blue'/></linearGradient>"
        "<linearGradient id='b' href='#a' x2='0' y2='1'/><rect x='10' width='100' height='200' fill='url(#b)'/>",
        '<defs><linearGradient id="g0" x1="10" y1="0" x2="10" y2="200" gradientUnits="userSpaceOnUse">'
        '<stop offset="0" stop-color="#f00"/><stop offset="1" stop-color="#00f"/></linearGradient></defs>'
        '<rect x="10" width="100" height="200" fill="url(#g0)"/>',
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_canonical_form(case: str) -> None:
    """Each construct has the one canonical form that draws the same."""
    body, expected = SAME[case]
    assert inner(body) == expected


@pytest.mark.parametrize("case", SAME)
def test_normalizing_twice_is_normalizing_once(case: str) -> None:
    """A canonical form is its own canonical form."""
    once = canonical(SAME[case][0])
    assert normalize_one(once.encode(), SETTINGS).svg == once


def test_view_box_is_fitted_and_centred() -> None:
    """A wide viewBox with another origin fills the width and is centred in the height."""
    assert inner("<rect x='10' y='10' width='200' height='100'/>", 'viewBox="10 10 200 100"') == (
        '<rect y="196" width="784" height="392"/>'
    )
    assert (
        inner("<rect width='20' height='10'/>", 'width="20px" height="10px"')
        == '<rect y="196" width="784" height="392"/>'
    )


def test_missing_size_comes_from_the_geometry() -> None:
    """Without viewBox, width and height the drawing's own box is the viewBox."""
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><rect x="5" y="6" width="20" height="10"/></svg>'
    assert source_view_box(svg) == (5.0, 6.0, 20.0, 10.0)


def test_what_the_view_box_cuts_off_stays_cut_off() -> None:
    """Geometry that reaches over a wide viewBox's lower edge does not appear in the letterbox."""
    assert "<clipPath" in inner("<circle cx='50' cy='25' r='40'/>", 'viewBox="0 0 100 50"')
    assert "<clipPath" not in inner("<circle cx='50' cy='25' r='20'/>", 'viewBox="0 0 100 50"')


def test_errors_do_not_add_up() -> None:
    """Fifty steps of 10.4 units end where the whole way ends, not fifty roundings off."""
    data = inner("<path d='M0 0" + "l10.4 1.3" * 50 + "'/>")
    steps = [tuple(map(int, pair)) for pair in re.findall(r"l(-?\d+) (-?\d+)", data)]
    assert (sum(x for x, _ in steps), sum(y for _, y in steps)) == (520, 65)


DROPPED = {
    "unsupported_text": "<text x='9' y='99'>A</text>",
    "unsupported_filter": "<filter id='f'><feOffset/></filter><rect width='9' height='9' filter='url(#f)'/>",
    "unsupported_mask": "<mask id='m' maskContentUnits='objectBoundingBox'/><rect width='9' height='9' mask='url(#m)'/>",
    "unsupported_pattern": "<pattern id='p'/><rect width='9' height='9' fill='url(#p)'/>",
    "unsupported_marker": "<marker id='m'><path/></marker><path d='M0 0h9' marker-end='url(#m)'/>",
    "unsupported_stroke": "<path transform='scale(9 1)' stroke='red' d='M0 0h9v9'/>",
    "cyclic_ref": "<g id='a'><use href='#a'/></g>",
    "use_expansion": "<g id='a0'><path d='M0 0h9v9'/></g>"
    + "".join(f"<g id='a{n + 1}'>{f'<use href={chr(39)}#a{n}{chr(39)}/>' * 10}</g>" for n in range(9)),
    "nothing_drawn": "<path fill='none' d='M0 0h9'/>",
    "out_of_canvas": "<path fill='none' stroke='red' stroke-width='60' d='M-25 50h200'/>",
    "unsupported_css": "<path style='fill:var(--x)' d='M0 0h9v9'/>",
    "unsupported_attribute": "<path style='mix-blend-mode:multiply' d='M0 0h9v9'/>",
}


@pytest.mark.parametrize("reason", DROPPED)
def test_what_cannot_be_said_has_a_reason(reason: str) -> None:
    """What would change the picture is rejected by its own code, never left out."""
    with pytest.raises(Dropped) as error:
        canonical(DROPPED[reason])
    assert error.value.reason == reason


@pytest.mark.parametrize(
    "root", ['viewBox="0 0 0 9"', 'viewBox="0 0 1 1000"', 'viewBox="a"', 'width="-1" height="5"', 'viewBox="0 0 nan 9"']
)
def test_bad_dimensions_are_rejected(root: str) -> None:
    """A viewBox without area, absurdly long or unreadable has no canvas to go to."""
    with pytest.raises(Dropped, match="bad_dimension"):
        canonical("<rect width='9' height='9'/>", root)


def test_unused_features_are_no_reason() -> None:
    """A filter or text that is never drawn costs nothing."""
    body = "<defs><filter id='f'/><text>x</text></defs><g display='none'><text>x</text></g><rect width='9' height='9'/>"
    assert inner(body) == '<rect width="9" height="9"/>'
