"""Text: where its runs stand, when it is outlined, and that no font of the machine has a say."""

import pytest

from stages import fonts
from stages.base import Dropped
from stages.normalize import NormalizeSettings, normalize_one
from stages.reasons import Reason
from stages.render.compare import difference
from stages.render.renderers import draw, sized

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784">'


def inner(body: str, **chosen: object) -> str:
    svg = normalize_one(f"{HEAD}{body}</svg>".encode(), NormalizeSettings.model_validate(chosen)).svg
    return svg.removeprefix(HEAD).removesuffix("</svg>")


def unlike(body: str, **chosen: object) -> float:
    """Share of pixels of a drawing's canonical form that differ visibly from the drawing, at 392 px."""
    source, canonical = f"{HEAD}{body}</svg>", f"{HEAD}{inner(body, **chosen)}</svg>"
    return difference(draw(sized(source, 392), "librsvg"), draw(sized(canonical, 392), "librsvg"), 48).visible_share


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


def test_the_renderer_and_the_typesetter_agree_on_families():
    """fonts.conf is what `stages.fonts` says, and an unknown family is drawn as the one that stands for it."""
    assert (fonts.FOLDER / "fonts.conf").read_text() == fonts.configuration()
    line = '<text x="20" y="200" font-size="120" font-family="{}">Rag 3</text>'
    for named, generic in (("Arial", "sans-serif"), ("'Nowhere Sans'", "sans-serif"), ("Nowhere, Times", "serif")):
        assert fonts.family_of(named) == generic
        pictures = [draw(sized(f"{HEAD}{line.format(n)}</svg>", 196), "librsvg") for n in (named, generic)]
        assert (pictures[0] == pictures[1]).all()
