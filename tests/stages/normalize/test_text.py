"""Text: where its runs stand, when it is outlined, and that no font of the machine has a say."""

import pytest

from stages import fonts
from stages.base import Dropped
from stages.normalize import NormalizeSettings, normalize_one
from stages.reasons import Reason
from stages.render.compare import difference
from stages.render.renderers import draw, sized
from tests.stages.normalize.drawn import HEAD, inner, unlike


def test_text_stays_text_with_its_place_size_and_generic_family():
    """Maps without a turn are baked into position and size, the family becomes the generic one that is drawn."""
    got = inner(
        '<g transform="translate(10 20)scale(2)" style="font:italic bold 20px/1.2 Arial, sans-serif">'
        '<text x="5" y="30" text-anchor="middle" fill="red"> two\n  words </text></g>'
    )
    assert got == (
        '<text x="20" y="80" font-family="sans-serif" font-size="40" font-weight="bold" font-style="italic" '
        'text-anchor="middle" fill="#f00">two words</text>'
    )


@pytest.mark.parametrize(
    "body",
    [
        '<text x="20" y="90" font-size="60">One <tspan fill="red" font-weight="bold">two</tspan> three</text>',
        '<text x="20" y="90" font-size="60" font-family="Arial" xml:space="preserve">  a  b</text>',
        '<text x="390" y="90" font-size="60" text-anchor="end">end<tspan font-style="italic">ing</tspan></text>',
        '<text x="390" y="190" font-size="70" text-anchor="middle" dominant-baseline="middle">middle</text>',
        '<text x="20" y="190" font-size="70" letter-spacing="9" word-spacing="20">f i fi</text>',
        '<text x="20" y="190" font-size="70">a<tspan dx="30" dy="20">b</tspan><tspan x="50" y="300">c</tspan></text>',
        '<text x="20" y="190" font-size="70">H<tspan baseline-shift="sub" font-size="40">2</tspan>O</text>',
        '<text x="20" y="190" font-size="90" stroke="red" stroke-width="3" text-decoration="underline">under</text>',
        '<text x="20" y="190" font-size="90" transform="rotate(30)" font-family="Courier">turned</text>',
        '<text x="20" y="90" font-size="90" transform="scale(1 4)" stroke="red" stroke-width="5">tall</text>',
        '<text x="20" y="290" font-size="99" font-family="serif" fill="url(#g)">Gradient</text><linearGradient id="g">'
        '<stop stop-color="red"/><stop offset="1" stop-color="blue"/></linearGradient>',
        '<clipPath id="c"><text x="20" y="290" font-size="200">Clip</text></clipPath>'
        '<rect width="500" height="240" clip-path="url(#c)"/>',
        '<text y="200" font-size="50" x="20">\u0416\u03bb \u2192 \u2211 \u20ac</text>',
    ],
)
def test_text_looks_as_the_renderer_sets_it(body: str):
    """Shaping, spacing, anchors, baselines and white space agree with the renderer's, as text and as outlines."""
    assert unlike(body) < 0.004
    if "underline" not in body:
        assert "<text" not in inner(body, text="outline")
        assert unlike(body, text="outline") < 0.004


def test_runs_stay_where_they_are_when_normalized_again():
    """Canonical text is canonical."""
    body = '<text x="20" y="90" font-size="61.7">One <tspan fill="red">two</tspan><tspan x="9" dy="1em">three</tspan></text>'
    assert inner(inner(body)) == inner(body)


def test_text_is_dropped_rejected_or_outlined_by_setting():
    """drop leaves the text out of the source, too; reject names it."""
    body = '<text x="9" y="90">word</text><rect width="9" height="9"/>'
    assert inner(body, text="drop") == '<rect x="0" y="0" width="9" height="9"/>'
    done = normalize_one(f"{HEAD}{body}</svg>".encode(), NormalizeSettings(text="drop"))
    assert b"word" not in done.source and done.notes == ("text_dropped",)
    with pytest.raises(Dropped) as caught:
        inner(body, text="reject")
    assert caught.value.reason is Reason.UNSUPPORTED_TEXT
    assert inner(body, text="outline").startswith("<path")


@pytest.mark.parametrize(
    "body",
    [
        "<text>\u0627\u0628</text>",
        '<text writing-mode="tb">down</text>',
        '<text direction="rtl">left</text>',
        '<text style="text-shadow:1px 1px red">shadow</text>',
        '<text>a<tspan filter="grayscale(1)">b</tspan></text>',
        '<text style="text-decoration:underline wavy">wave</text>',
        '<text style="font-size-adjust:ch-width .5">narrow</text>',
        '<text style="text-transform:uppercase" xml:lang="tr">iki</text>',
    ],
)
def test_text_that_cannot_be_set_is_refused(body: str):
    """Each with UNSUPPORTED_TEXT and what it was."""
    with pytest.raises(Dropped) as caught:
        inner(body)
    assert caught.value.reason is Reason.UNSUPPORTED_TEXT and caught.value.detail


def alike(body: str, plain: str) -> float:
    """Share of pixels in which the canonical forms of two drawings differ, at 392 px."""
    pictures = [draw(sized(f"{HEAD}{inner(each)}</svg>", 392), "librsvg") for each in (body, plain)]
    return difference(*pictures, 48).visible_share


def judged(body: str) -> float:
    """Share of pixels in which the source as the judges see it differs from the canonical form, by the nearer one."""
    done = normalize_one(f"{HEAD}{body}</svg>".encode(), NormalizeSettings())
    pictures = [
        [draw(sized(svg, 392), renderer) for svg in (done.source.decode(), done.svg)]
        for renderer in ("librsvg", "resvg")
    ]
    return min(difference(*pair, 48).visible_share for pair in pictures)


STYLE = 'font-size="80" font-family="sans-serif"'


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        (f'<text y="90" {STYLE} style="text-transform:uppercase">Stra\u00dfe</text>', f'<text y="90" {STYLE}>STRASSE</text>'),
        (f'<text y="90" {STYLE} style="text-transform:lowercase">\u039f\u03a3 A</text>', f'<text y="90" {STYLE}>\u03bf\u03c2 a</text>'),
        (
            f'<text y="90" {STYLE} style="text-transform:capitalize">he<tspan fill="red">llo</tspan> it\'s 3d a-b</text>',
            f'<text y="90" {STYLE}>He<tspan fill="red">llo</tspan> It\'s 3d A-B</text>',
        ),
        (f'<text y="90" {STYLE} text-transform="uppercase">no attribute</text>', f'<text y="90" {STYLE}>no attribute</text>'),
        (
            f'<text y="90" {STYLE} font-variant="small-caps">Ti 1</text>',
            f'<text y="90" {STYLE}>T<tspan font-size="56">I</tspan> 1</text>',
        ),
        (
            f'<text y="90" {STYLE} style="font-variant-caps:all-small-caps">Ti 1</text>',
            '<text y="90" font-size="56" font-family="sans-serif">TI 1</text>',
        ),
        (
            f'<text y="90" {STYLE} style="font-variant:small-caps;font-synthesis:none">Ti</text>',
            f'<text y="90" {STYLE}>Ti</text>',
        ),
        (
            f'<text y="90" {STYLE} style="font-size-adjust:.8">xx</text>',
            '<text y="90" font-size="121.14" font-family="sans-serif">xx</text>',
        ),
        (
            f'<text y="90" {STYLE}>a<tspan opacity=".5">b<tspan opacity=".5">c</tspan></tspan></text>',
            f'<text y="90" {STYLE}>a<tspan fill-opacity=".5">b</tspan><tspan fill-opacity=".25">c</tspan></text>',
        ),
        (
            f'<text y="90" {STYLE} text-decoration="underline">mm</text>',
            f'<text y="90" {STYLE}>mm</text><path d="M0 94h140v8H0z"/>',
        ),
        (
            f'<text y="90" {STYLE} style="text-decoration-line:line-through" fill="red">m<tspan fill="blue">m</tspan></text>',
            f'<text y="90" {STYLE} fill="red">m<tspan fill="blue">m</tspan></text><path fill="red" d="M0 61h140v8H0z"/>',
        ),
        (
            f'<text y="90" {STYLE} textLength="400">abc</text>',
            f'<text y="90" {STYLE}>a<tspan x="179.5">b</tspan><tspan x="358.1">c</tspan></text>',
        ),
        (
            f'<text y="90" {STYLE} textLength="255.4" lengthAdjust="spacingAndGlyphs">abc</text>',
            f'<text y="90" transform="scale(2 1)" {STYLE}>abc</text>',
        ),
        (f'<text y="90" {STYLE} style="white-space:pre">  a\nb</text>', f'<text y="90" {STYLE} xml:space="preserve">  a b</text>'),
        (f'<g xml:space="preserve"><text y="90" {STYLE}>  a   b</text></g>', f'<text y="90" {STYLE}>a b</text>'),
        (
            f'<text y="90" {STYLE}>A<tspan baseline-shift="super">b</tspan></text>',
            f'<text y="90" {STYLE}>A<tspan dy="-46.9">b</tspan></text>',
        ),
        (
            f'<text y="90" {STYLE} alignment-baseline="middle">x</text>',
            f'<text y="111.1" {STYLE}>x</text>',
        ),
        (f'<text y="90" {STYLE}>A<tspan x="60">V</tspan></text>', f'<text y="90" {STYLE}>A</text><text x="60" y="90" {STYLE}>V</text>'),
        (
            f'<text y="90" {STYLE} font-weight="300">a<tspan font-weight="bolder">b</tspan></text>',
            f'<text y="90" {STYLE}>ab</text>',
        ),
        (f'<text y="90" {STYLE} font-weight="550">a</text>', f'<text y="90" {STYLE} font-weight="bold">a</text>'),
    ],
)  # fmt: skip
def test_what_styles_say_of_text_is_what_chromium_shows(body: str, plain: str):
    """Each is spelled out as Chromium was seen to draw it, and the judges see it so, too."""
    assert alike(body, plain) < 0.002
    assert judged(body) < 0.001


@pytest.mark.parametrize(
    "body",
    [
        f'<text x="400" y="90" {STYLE} text-anchor="end" textLength="300">abcd</text>',
        f'<text y="90" {STYLE}>a<tspan textLength="200">bc</tspan>d</text>',
        f'<text y="90" {STYLE} style="letter-spacing:.2em" text-anchor="middle" x="300">abc</text>',
        f'<g opacity=".5" transform="rotate(9)"><text id="t" y="90" {STYLE} opacity=".5" text-decoration="underline" '
        'transform="translate(60 5)">typing</text></g><use href="#t" y="200"/>',
        f'<text y="90" {STYLE} style="font-kerning:none">AVAVA</text>',
        f'<pattern id="p" width="90" height="99" patternUnits="userSpaceOnUse"><text y="90" {STYLE} '
        'style="text-transform:uppercase">ab</text></pattern><rect width="500" height="400" fill="url(#p)"/>',
        '<clipPath id="c"><text y="190" font-size="200" style="text-transform:uppercase">clip</text></clipPath>'
        '<rect width="784" height="784" clip-path="url(#c)"/>',
    ],
)
def test_the_judges_see_text_made_plain(body: str):
    """Wherever it stands, and however often it is drawn."""
    assert judged(body) < 0.001


def test_an_underline_leaves_room_for_descenders():
    """As browsers draw it: the line is interrupted around the letters that cross it."""
    pieces = [inner(f'<text y="90" {STYLE} text-decoration="underline">{word}</text>') for word in ("mmm", "mpm")]
    assert [piece.count("v8") for piece in pieces] == [1, 2]


def test_the_renderer_and_the_typesetter_agree_on_families():
    """fonts.conf is what `stages.fonts` says, and an unknown family is drawn as the one that stands for it."""
    assert (fonts.FOLDER / "fonts.conf").read_text() == fonts.configuration()
    line = '<text x="20" y="200" font-size="120" font-family="{}">Rag 3</text>'
    for named, generic in (("Arial", "sans-serif"), ("'Nowhere Sans'", "sans-serif"), ("Nowhere, Times", "serif")):
        assert fonts.family_of(named) == generic
        pictures = [draw(sized(f"{HEAD}{line.format(n)}</svg>", 196), "librsvg") for n in (named, generic)]
        assert (pictures[0] == pictures[1]).all()
