"""Draw the source and the canonical form, and keep the sample only if they look alike."""

from __future__ import annotations

import pyarrow as pa

from stages import fine
from stages.base import Dropped, Rows, StageResult
from stages.pictures import pack, reduce, sparse
from stages.reasons import Reason
from stages.render.compare import Difference, Pixels, blank, difference, over
from stages.render.renderers import RendererUnavailable, draw, enlarged, framed, png, sized, version
from stages.render.settings import RenderSettings
from stages.schema import RENDERED

SECOND = "resvg"
"""The second renderer."""

JUDGED = "judged_by_resvg"
"""The note of a sample that the second renderer has proven, since the first one cannot draw its source."""

_READ = ("sanitized", "svg", "view_box", "background", "notes")


def render(table: pa.Table, settings: RenderSettings) -> StageResult:
    """Render the rows of ``table`` (sanitized, svg, view_box, background, notes); adds `stages.schema.RENDERED`.

    Removes ``sanitized`` and ``background``. Drops what does not render (RENDER_FAILED), is uniform on white and on
    black (BLANK_RENDER, or UNSUPPORTED_ANIMATION if it is animated), differs from its source by more than the settings
    allow (VISIBLE_DIFFERENCE), or has a source that two renderers draw differently (RENDERERS_DISAGREE). Raises
    RendererUnavailable.
    """
    rows = Rows(table, "render", RENDERED, ("sanitized", "background"))
    columns = (table[name].to_pylist() for name in _READ)
    for i, (source, svg, box, background, notes) in enumerate(zip(*columns, strict=True)):
        try:
            picture, small, large, found, noted = render_one(source, svg, tuple(box), settings, background)
        except Dropped as error:
            if error.reason is Reason.BLANK_RENDER and "animation" in (notes or ()):
                rows.drop(i, Reason.UNSUPPORTED_ANIMATION, "nothing shows but by animation")
            else:
                rows.drop(i, error.reason, error.detail)
        except (MemoryError, RendererUnavailable):
            raise
        except Exception as error:  # a defect: it costs this record, and the reason says so
            rows.drop(i, Reason.STAGE_ERROR, f"{type(error).__name__}: {error}")
        else:
            rows.keep(
                i,
                png=picture,
                picture=small,
                fine=large,
                ssim=found.ssim,
                mae=found.mae,
                visible_share=found.visible_share,
                notes=sorted({*(notes or ()), *noted}),
            )
    return rows.result()


def render_one(
    source: bytes, svg: str, view_box: tuple[float, ...], settings: RenderSettings, background: str = ""
) -> tuple[bytes, bytes, bytes | None, Difference, tuple[str, ...]]:
    """Of the canonical ``svg``: the picture (PNG), a small one, and a fine one where little is drawn.

    And how unlike ``source`` it is, and notes. ``background``: colour, #rgb or #rrggbb, of the ground that was laid
    under the drawing, "" for none. Raises Dropped and RendererUnavailable.
    """
    size = settings.compare_size
    ground = _rgb(background) if background else None
    framed_source, framed_svg = framed(source, view_box, size, settings.fit), sized(svg, size)
    got = draw(framed_svg, settings.renderer)
    notes: tuple[str, ...] = ()
    try:
        want = _laid(draw(framed_source, settings.renderer), ground)
        if settings.second == "cross_check":
            _cross_check(want, _laid(draw(framed_source, SECOND), ground), settings)
        found = _compare(want, got, settings)
    except Dropped as error:
        if settings.second != "arbiter" or error.reason not in (Reason.VISIBLE_DIFFERENCE, Reason.RENDER_FAILED):
            raise
        found = _arbitrate(error, framed_source, framed_svg, got, ground, settings)
        notes = (JUDGED,)
    if blank(got):
        raise Dropped(Reason.BLANK_RENDER)
    picture = got if settings.size == size else draw(sized(svg, settings.size), settings.renderer)
    large = picture if settings.size == fine.SIDE else None
    small = reduce(got)
    close = fine_picture(svg, settings.renderer, large) if sparse(small) else None
    return png(picture, settings.png_compression), pack(small), close, found, notes


def fine_picture(svg: str, renderer: str = "librsvg", drawn: Pixels | None = None) -> bytes:
    """The packed fine picture of a canonical SVG, see `stages.fine`. ``drawn``: as it looks at `fine.SIDE` px."""
    pixels = draw(sized(svg, fine.SIDE), renderer) if drawn is None else drawn
    window = fine.window(pixels)
    if window is None:
        return fine.pack(pixels)
    left, top = window
    return fine.pack(draw(enlarged(svg, fine.SIDE, left, top), renderer), 2 * left, 2 * top, 2)


def _compare(want: Pixels, got: Pixels, settings: RenderSettings) -> Difference:
    """How unlike two pictures are. Raises Dropped where that is too much."""
    if want.shape != got.shape:
        raise Dropped(Reason.RENDER_FAILED, f"the source renders as {want.shape[1]} x {want.shape[0]} px")
    found = difference(want, got, settings.pixel_threshold)
    if (
        found.visible_share > settings.max_visible_share
        or found.ssim < settings.min_ssim
        or found.mae > settings.max_mae
    ):
        raise Dropped(
            Reason.VISIBLE_DIFFERENCE,
            f"visible_share {found.visible_share:.4f}, ssim {found.ssim:.3f}, mae {found.mae:.4f}",
        )
    return found


def _arbitrate(
    first: Dropped,
    source: bytes,
    svg: bytes,
    drawn: Pixels,
    ground: tuple[int, int, int] | None,
    settings: RenderSettings,
) -> Difference:
    """The second renderer's comparison, if that finds the two alike, and the canonical form as the first one drew it.

    Raises Dropped: the first renderer's verdict if the second one shares it.
    """
    try:
        got = draw(svg, SECOND)
        found = _compare(_laid(draw(source, SECOND), ground), got, settings)
        _compare(got, drawn, settings)  # the shard's picture is the first one's
    except Dropped as error:
        if error.reason is Reason.VISIBLE_DIFFERENCE and first.reason is Reason.RENDER_FAILED:
            raise
        raise first from None
    return found


def _cross_check(first: Pixels, second: Pixels, settings: RenderSettings) -> None:
    if first.shape != second.shape:
        raise Dropped(Reason.RENDERERS_DISAGREE, f"{first.shape[1::-1]} and {second.shape[1::-1]} px")
    share = difference(first, second, settings.pixel_threshold).visible_share
    if share > settings.cross_check_visible_share:
        raise Dropped(Reason.RENDERERS_DISAGREE, f"visible_share {share:.4f} between librsvg and resvg")


def _laid(pixels: Pixels, ground: tuple[int, int, int] | None) -> Pixels:
    return pixels if ground is None else over(pixels, ground)


def _rgb(color: str) -> tuple[int, int, int]:
    digits = color[1:] if len(color) == 7 else "".join(digit * 2 for digit in color[1:])
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


def source_png(svg: bytes, view_box: tuple[float, ...], size: int) -> bytes:
    """A picture of a sanitized source, for previews. Raises Dropped (RENDER_FAILED)."""
    return png(draw(framed(svg, view_box, size), "librsvg"), 6)


def renderer_version(settings: RenderSettings) -> str:
    """What draws the pictures, with its version. Raises RendererUnavailable."""
    first = version(settings.renderer)
    return first if settings.second == "off" else f"{first}; {settings.second}: {version(SECOND)}"
