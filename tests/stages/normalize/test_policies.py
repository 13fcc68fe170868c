"""What settings leave out, refuse, or lay under a drawing."""

import pytest

from stages.base import Dropped
from stages.normalize import NormalizeSettings, normalize_one
from stages.reasons import Reason
from stages.sanitize import SanitizeSettings, sanitize_one

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784">'
RECT = '<rect x="0" y="0" width="90" height="90"/>'


def run(body: str, **chosen: object) -> str:
    svg = normalize_one(f"{HEAD}{body}</svg>".encode(), NormalizeSettings.model_validate(chosen)).svg
    return svg.removeprefix(HEAD).removesuffix("</svg>")


CLIPPED = '<clipPath id="c"><circle r="40"/></clipPath><rect width="90" height="90" {}/>'
MASKED = '<mask id="c"><circle r="40" fill="gray"/></mask><rect width="90" height="90" {}/>'
PATTERNED = (
    '<pattern id="c" width="9" height="9"><rect width="4" height="4"/></pattern><rect width="90" height="90" {}/>'
)


@pytest.mark.parametrize(
    ("setting", "body", "reason"),
    [
        ("clip_path", CLIPPED.format('clip-path="url(#c)"'), Reason.UNSUPPORTED_CLIP_PATH),
        (
            "clip_path",
            "<style>rect{clip-path:url(#c);fill:#000}</style>" + CLIPPED.format(""),
            Reason.UNSUPPORTED_CLIP_PATH,
        ),
        ("mask", MASKED.format('style="mask:url(#c)"'), Reason.UNSUPPORTED_MASK),
        ("pattern", PATTERNED.format('fill="url(#c) #000"'), Reason.UNSUPPORTED_PATTERN),
    ],
)
def test_a_feature_is_dropped_from_the_source_or_rejected(setting: str, body: str, reason: Reason):
    """drop gives the picture without it, says so in a note, and the source to compare with has lost it, too."""
    done = normalize_one(f"{HEAD}{body}</svg>".encode(), NormalizeSettings.model_validate({setting: "drop"}))
    assert done.svg == f"{HEAD}{RECT}</svg>"
    assert done.notes == (f"{setting}_dropped",)
    assert normalize_one(done.source, NormalizeSettings()).svg == done.svg
    with pytest.raises(Dropped) as caught:
        run(body, **{setting: "reject"})
    assert caught.value.reason is reason


def test_images_are_rejected_or_taken_out_when_sanitizing():
    """No setting keeps them, since tokens cannot say a raster."""
    svg = f'{HEAD}<image href="data:image/png;base64,AAAA" width="9" height="9"/>{RECT}</svg>'.encode()
    with pytest.raises(Dropped) as caught:
        sanitize_one(svg, SanitizeSettings())
    assert caught.value.reason is Reason.RASTER_EMBEDDED
    done = sanitize_one(svg, SanitizeSettings(images="drop"))
    assert b"image" not in done.svg and "image_dropped" in done.notes


def test_nothing_is_rewritten_where_nothing_is_dropped():
    """The source stays byte for byte."""
    source = f"{HEAD}<rect width='9' height='9'/></svg>".encode()
    assert normalize_one(source, NormalizeSettings(mask="drop")).source is source


def test_animation_is_dropped_with_a_note_or_rejected():
    """Also where the element that it animates is a shape."""
    body = '<rect width="90" height="90"><animate attributeName="x" to="9"/></rect>'
    assert run(body) == RECT
    with pytest.raises(Dropped) as caught:
        run(body, animation="reject")
    assert caught.value.reason is Reason.UNSUPPORTED_ANIMATION


def test_a_ground_is_laid_only_where_asked_for_and_only_once():
    """auto: under drawings that are light all over; a colour: under all; a second time changes nothing."""
    light = '<rect width="90" height="90" fill="#fff"/>'
    ground = '<rect x="0" y="0" width="784" height="784" fill="{}"/>'
    assert not run(light).startswith(ground.format("#222"))
    assert run(light, background="auto").startswith(ground.format("#222"))
    assert run(light + '<path d="M0 0h9v9z"/>', background="auto").startswith('<rect x="0" y="0" width="90"')
    assert run(light + '<path d="M0 0h9v9z" fill="#036"/>', background="auto").startswith(
        '<rect x="0" y="0" width="90"'
    )
    once = run(light, background="#abc")
    assert once.startswith(ground.format("#abc")) and run(once, background="#abc") == once
    assert run(run(light, background="auto"), background="auto") == run(light, background="auto")
