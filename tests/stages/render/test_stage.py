import subprocess
import sys

import pyarrow as pa
import pytest

from stages.base import Dropped, StageResult
from stages.render import RENDER, RendererUnavailable, RenderSettings, renderer_version, source_png
from stages.render import stage as stage_module
from stages.render.compare import difference
from stages.render.renderers import draw, sized
from stages.schema import RENDERED

SETTINGS = RenderSettings(size=64, compare_size=64)
HEAD = '<svg xmlns="http://www.w3.org/2000/svg"'


def run(*pairs: tuple[str, str], settings: RenderSettings = SETTINGS, background: str = "") -> StageResult:
    count = len(pairs)
    table = pa.table(
        {
            "raw_id": [f"r{i}" for i in range(count)],
            "source": ["s"] * count,
            "path": [f"p{i}" for i in range(count)],
            "sanitized": [source.encode() for source, _ in pairs],
            "svg": [svg for _, svg in pairs],
            "view_box": pa.array([[0.0, 0.0, 784.0, 784.0]] * count, pa.list_(pa.float64(), 4)),
            "background": [background] * count,
            "notes": pa.array([["comment"]] * count, pa.list_(pa.string())),
        }
    )
    return RENDER.run(table, settings)


def canonical(body: str) -> str:
    return f'{HEAD} viewBox="0 0 784 784">{body}</svg>'


DISC = canonical('<circle cx="392" cy="392" r="300"/>')


def test_equal_pictures_have_no_difference() -> None:
    """A drawing against itself is kept with perfect figures."""
    kept = run((DISC, DISC)).kept
    row = kept.to_pylist()[0]
    assert (row["ssim"], row["mae"], row["visible_share"]) == (1.0, 0.0, 0.0)
    assert "sanitized" not in row and "background" not in row
    assert row["notes"] == ["comment"]
    assert [kept.schema.field(field.name).type for field in RENDERED] == [field.type for field in RENDERED]


@pytest.mark.parametrize(
    ("source", "svg", "reason"),
    [
        ('<circle cx="392" cy="392" r="300"/>', '<rect x="92" y="92" width="600" height="600"/>', "visible_difference"),
        ('<rect width="784" height="400" fill="#fff"/>', '<rect width="784" height="400"/>', "visible_difference"),
        ('<rect width="784" height="400"/>', "", "visible_difference"),
        ('<rect width="9" height="9" fill="none"/>', '<rect width="9" height="9" fill="none"/>', "blank_render"),
        ('<rect width="784" height="784"/>', '<rect width="784" height="784"/>', "blank_render"),
        ('<path d="M0 9h6v1h-6z" fill="#aaa"/>', "", "blank_render"),
    ],
)
def test_gate(source: str, svg: str, reason: str) -> None:
    """What looks different, also on one of the two grounds only, or is uniform, is dropped with its reason."""
    assert run((canonical(source), canonical(svg))).dropped["reason"].to_pylist() == [reason]


def test_thresholds_decide() -> None:
    """Each of the three measures can drop a sample by itself, and none does when all are open."""
    other = canonical('<rect x="92" y="92" width="600" height="600"/>')
    open_gate = {"max_visible_share": 1.0, "max_ink_share": 1.0, "min_ssim": -1.0, "max_mae": 1.0}
    assert run((DISC, other), settings=SETTINGS.model_copy(update=open_gate)).kept.num_rows == 1
    for tight in ({"max_visible_share": 0.01}, {"min_ssim": 0.99}, {"max_mae": 0.01}):
        settings = SETTINGS.model_copy(update=open_gate | tight)
        assert run((DISC, other), settings=settings).dropped.num_rows == 1


def test_white_drawings_are_not_blank() -> None:
    """A white icon is invisible on white only."""
    svg = canonical('<circle cx="392" cy="392" r="300" fill="#fff"/>')
    assert run((svg, svg)).kept.num_rows == 1


def test_rows_keep_their_order_and_fate(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be drawn, and a defect, cost their own row; a lack of memory is the sandbox's affair."""
    result = run((DISC, DISC), ("<svg", DISC), (DISC, DISC))
    assert result.kept["path"].to_pylist() == ["p0", "p2"]
    assert result.dropped.select(["path", "stage", "reason"]).to_pylist() == [
        {"path": "p1", "stage": "render", "reason": "render_failed"}
    ]
    assert run().kept.num_rows == 0

    def fail(error: Exception) -> None:
        def broken(*_: object) -> None:
            raise error

        monkeypatch.setattr(stage_module, "difference", broken)

    fail(KeyError("x"))
    assert run((DISC, DISC)).dropped["reason"].to_pylist() == ["stage_error"]
    fail(MemoryError())
    with pytest.raises(MemoryError):
        run((DISC, DISC))


def test_pictures_are_the_same_bytes_each_time() -> None:
    """The PNG holds nothing but the picture, alpha included."""
    svg = canonical('<path fill="#123" d="M9 9h700v600z"/>').encode()
    png = source_png(svg, (0, 0, 784, 784), 50)
    assert png == source_png(svg, (0, 0, 784, 784), 50)
    at, chunks = 8, []
    while at < len(png):
        chunks.append(png[at + 4 : at + 8])
        at += 12 + int.from_bytes(png[at : at + 4], "big")
    assert [chunk for chunk in chunks if chunk not in (b"PLTE", b"tRNS")] == [b"IHDR", b"IDAT", b"IEND"]
    with pytest.raises(Dropped):
        source_png(b"<svg", (0, 0, 1, 1), 50)


# librsvg knows no transform-origin attribute and no rem, resvg does
TURNED = canonical('<rect x="192" y="92" width="400" height="200" transform="rotate(45)" transform-origin="392 392"/>')
BAKED = canonical('<path d="M462 39l283 283l-141 141l-283 -283z"/>')


def test_the_second_renderer_decides_where_the_first_one_sees_a_difference() -> None:
    """A source that the first one draws wrongly is kept if the second one finds both alike, with a note."""
    row = run((TURNED, BAKED)).kept.to_pylist()[0]
    assert row["notes"] == ["comment", "judged_by_resvg"] and row["ssim"] > 0.9
    alone = SETTINGS.model_copy(update={"second": "off"})
    assert run((TURNED, BAKED), settings=alone).dropped["reason"].to_pylist() == ["visible_difference"]
    assert run((TURNED, DISC)).dropped["reason"].to_pylist() == ["visible_difference"]


def test_cross_checked_sources_must_look_alike_in_both() -> None:
    """A source that the renderers draw differently proves nothing."""
    check = SETTINGS.model_copy(update={"second": "cross_check"})
    assert run((TURNED, BAKED), settings=check).dropped["reason"].to_pylist() == ["renderers_disagree"]
    assert run((DISC, DISC), settings=check).kept.num_rows == 1


def test_a_ground_is_laid_under_the_source_too() -> None:
    """The canonical form has it as an element, the source does not."""
    body = '<circle cx="392" cy="392" r="300" fill="#fff"/>'
    laid = canonical(f'<rect x="0" y="0" width="784" height="784" fill="#234"/>{body}')
    assert run((canonical(body), laid), background="#234").kept.num_rows == 1
    assert run((canonical(body), laid)).dropped["reason"].to_pylist() == ["visible_difference"]


def test_text_is_drawn_with_the_package_fonts_by_both() -> None:
    """The same text in the same fonts, near enough to arbitrate."""
    text = canonical('<text x="20" y="400" font-family="sans-serif" font-size="150">Mill 3</text>')
    pictures = [draw(sized(text, 196), name) for name in ("librsvg", "resvg")]
    assert difference(*pictures, 48).visible_share < 0.002


def test_missing_renderer_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """cairosvg is needed only when it is chosen; without it the error is one line that names the remedy."""
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    settings = RenderSettings(renderer="cairosvg")
    for act in (lambda: run((DISC, DISC), settings=settings), lambda: renderer_version(settings)):
        with pytest.raises(RendererUnavailable, match=r"pip install 'svgmill\[cairo\]'.*libcairo2") as caught:
            act()
        assert "\n" not in str(caught.value)
    assert draw(sized(DISC, 16), "librsvg").shape == (16, 16, 4)


def test_conductor_loads_no_renderer() -> None:
    """Importing the stage and asking for the renderer's version loads neither pyvips nor cairosvg."""
    code = (
        "import sys; from stages.render import RenderSettings, renderer_version; "
        "print(renderer_version(RenderSettings())); print({'pyvips', 'cairosvg', 'resvg_py'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[0].startswith("librsvg") and said[1] == "set()"


FORMULA = "".join(f'<path d="M{x} 380h14v30h-14z"/>' for x in range(100, 260, 40))
"""Four glyphs on a wide canvas."""


def test_one_glyph_of_a_sparse_drawing_counts() -> None:
    """A glyph is under 0.1 % of the canvas and a quarter of the ink: without it, a drawing is another one."""
    lost = canonical(FORMULA.replace('<path d="M180 380h14v30h-14z"/>', ""))
    result = run((canonical(FORMULA), lost), (canonical(FORMULA), canonical(FORMULA)), settings=RenderSettings())
    assert result.kept["path"].to_pylist() == ["p1"]
    assert result.dropped["detail"].to_pylist() == ["visible_share 0.00076 at 512 px, 15.3% of the ink"]
    blind = RenderSettings(max_ink_share=1.0)
    assert run((canonical(FORMULA), lost), settings=blind).kept.num_rows == 1


def test_ink_counts_at_the_first_look_if_that_is_the_closest() -> None:
    """Without a closer look the same limit holds, at the first one's size."""
    lost = canonical(FORMULA.replace('<path d="M180 380h14v30h-14z"/>', ""))
    result = run((canonical(FORMULA), lost), settings=RenderSettings(close_size=0))
    assert result.dropped["reason"].to_pylist() == ["visible_difference"]


SEAM = '<path d="M100 100h292v584h-292z"/><path d="M{}h{}v584h-{}z"/>'


def test_a_seam_is_seen_at_512_px() -> None:
    """A gap of half a unit is a faint line at 256 px, and one that differs visibly at 512."""
    source = canonical(SEAM.format("392 100", 292, 292))
    seam = canonical(SEAM.format("392.5 100", 291, 291))
    result = run((source, seam), settings=RenderSettings())
    assert result.dropped["detail"].to_pylist() == ["visible_share 0.00144 at 512 px"]
    assert run((source, seam), settings=RenderSettings(close_size=0)).kept.num_rows == 1


def test_rounding_is_kept_at_a_closer_look() -> None:
    """Edges half a unit beside their places are no difference, also where nothing else is drawn."""
    exact = canonical("".join(f'<path d="M{x}.5 380.4h14.4v30.3h-14.4z"/>' for x in range(100, 260, 40)))
    rounded = canonical("".join(f'<path d="M{x} 380h15v31h-15z"/>' for x in range(101, 261, 40)))
    row = run((exact, rounded), settings=RenderSettings()).kept.to_pylist()[0]
    assert row["visible_share"] == 0.0 and row["notes"] == ["comment"]
