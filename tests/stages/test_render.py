import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.metrics import structural_similarity

from stages.base import Dropped
from stages.render import RendererUnavailable, RenderSettings, render, source_png
from stages.render.compare import difference, on_ground, ssim
from stages.render.renderers import draw, framed, sized

SETTINGS = RenderSettings(size=64, compare_size=64)
HEAD = '<svg xmlns="http://www.w3.org/2000/svg"'


def run(source: str, svg: str, box: tuple[float, ...] = (0, 0, 784, 784), settings: RenderSettings = SETTINGS):  # type: ignore[no-untyped-def]
    table = pa.table(
        {
            "raw_id": ["r"],
            "source": ["s"],
            "path": ["p"],
            "sanitized": [source.encode()],
            "svg": [svg],
            "view_box": pa.array([list(map(float, box))], pa.list_(pa.float64(), 4)),
        }
    )
    return render(table, settings)


def canonical(body: str) -> str:
    return f'{HEAD} viewBox="0 0 784 784">{body}</svg>'


def test_equal_pictures_have_no_difference() -> None:
    """A drawing against itself is kept with perfect figures and a picture of the configured size."""
    svg = canonical('<circle cx="392" cy="392" r="300"/>')
    row = run(svg, svg).kept.to_pylist()[0]
    assert (row["ssim"], row["mae"], row["visible_share"]) == (1.0, 0.0, 0.0)
    assert row["png"][:8] == b"\x89PNG\r\n\x1a\n" and int.from_bytes(row["png"][16:20], "big") == 64
    assert "sanitized" not in row


@pytest.mark.parametrize(
    ("source", "svg", "reason"),
    [
        ('<circle cx="392" cy="392" r="300"/>', '<rect x="92" y="92" width="600" height="600"/>', "visible_difference"),
        ('<rect width="784" height="400" fill="#fff"/>', '<rect width="784" height="400"/>', "visible_difference"),
        ('<rect width="9" height="9" fill="none"/>', '<rect width="9" height="9" fill="none"/>', "blank_render"),
        ('<rect width="784" height="784"/>', '<rect width="784" height="784"/>', "blank_render"),
    ],
)
def test_gate(source: str, svg: str, reason: str) -> None:
    """What looks different, also on one of the two grounds only, or is uniform, is dropped with its reason."""
    assert run(canonical(source), canonical(svg)).dropped["reason"].to_pylist() == [reason]


def test_white_drawings_are_not_blank() -> None:
    """A white icon is invisible on white only."""
    svg = canonical('<circle cx="392" cy="392" r="300" fill="#fff"/>')
    assert run(svg, svg).kept.num_rows == 1


def test_what_cannot_be_drawn_is_dropped() -> None:
    """A source that the renderer refuses costs itself."""
    assert run("<svg", canonical("<path/>")).dropped["reason"].to_pylist() == ["render_failed"]


def test_source_is_framed_as_a_viewer_shows_it() -> None:
    """A wide viewBox with its own origin is centred, and what it cuts off does not show in the letterbox."""
    source = f'{HEAD} viewBox="10 20 100 50" width="7" height="900"><circle cx="60" cy="45" r="40" fill="red"/></svg>'
    pixels = draw(framed(source.encode(), (10, 20, 100, 50), 100), "librsvg")
    assert pixels.shape == (100, 100, 4)
    assert not pixels[:24, :, 3].any() and not pixels[76:, :, 3].any()
    assert tuple(pixels[50, 50]) == (255, 0, 0, 255)
    assert tuple(pixels[26, 50]) == (255, 0, 0, 255)


def test_style_of_the_root_survives_framing() -> None:
    """Attributes and rules of the source's root still apply to its content."""
    source = f'{HEAD} viewBox="0 0 9 9" fill="lime" class="a"><style>.a > rect{{stroke:none}}</style><rect width="9" height="9"/></svg>'
    pixels = draw(framed(source.encode(), (0, 0, 9, 9), 16), "librsvg")
    assert tuple(pixels[8, 8]) == (0, 255, 0, 255)


@given(
    hnp.arrays(np.float32, (16, 20), elements=st.integers(0, 255)),
    hnp.arrays(np.float32, (16, 20), elements=st.integers(0, 255)),
)
def test_ssim_is_scikit_images(a: np.ndarray, b: np.ndarray) -> None:
    """Our SSIM equals scikit-image's for any two pictures."""
    theirs = structural_similarity(a.astype(np.float64), b.astype(np.float64), win_size=7, data_range=255)
    assert ssim(a, b) == pytest.approx(theirs, abs=1e-4)


def test_a_shift_of_one_pixel_is_forgiven() -> None:
    """A moved edge counts as visible from two pixels on."""
    base = np.zeros((40, 40, 4), np.uint8)
    base[:, :, 3] = 255
    one, two, three = base.copy(), base.copy(), base.copy()
    one[:, 10:20, :3], two[:, 11:21, :3], three[:, 14:24, :3] = 255, 255, 255
    assert difference(one, two, 48).visible_share == 0
    assert difference(one, three, 48).visible_share > 0.1
    assert difference(one, two, 48) == difference(two, one, 48)


def test_grounds() -> None:
    """A transparent pixel shows the ground, an opaque one its own colour."""
    pixels = np.array([[[10, 20, 30, 0], [10, 20, 30, 255], [0, 0, 0, 128]]], np.uint8)
    assert on_ground(pixels, 255)[0].tolist() == [[255] * 3, [10, 20, 30], [127] * 3]


def test_pictures_are_the_same_bytes_each_time() -> None:
    """The PNG holds nothing but the picture."""
    svg = canonical('<path fill="#123" d="M9 9h700v600z"/>').encode()
    assert source_png(svg, (0, 0, 784, 784), 50) == source_png(svg, (0, 0, 784, 784), 50)
    with pytest.raises(Dropped):
        source_png(b"<svg", (0, 0, 1, 1), 50)


def test_missing_renderer_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """cairosvg is needed only when it is chosen; without it the error names the remedy."""
    import sys

    monkeypatch.setitem(sys.modules, "cairosvg", None)
    svg = canonical("<path/>")
    with pytest.raises(RendererUnavailable, match="pip install"):
        run(svg, svg, settings=RenderSettings(renderer="cairosvg"))
    assert draw(sized(svg, 16), "librsvg").shape == (16, 16, 4)
