"""Draw the source and the canonical form, and keep the sample only if they look alike."""

from __future__ import annotations

import pyarrow as pa

from stages.base import Dropped, Rows, StageResult
from stages.reasons import Reason
from stages.render.compare import Difference, blank, difference
from stages.render.renderers import RendererUnavailable, draw, framed, png, sized, version
from stages.render.settings import RenderSettings
from stages.schema import RENDERED


def render(table: pa.Table, settings: RenderSettings) -> StageResult:
    """Render the rows of ``table`` (sanitized, svg, view_box); adds `stages.schema.RENDERED`, removes ``sanitized``.

    Drops what does not render (RENDER_FAILED), is uniform on white and on black (BLANK_RENDER), or differs from its
    source by more than the settings allow (VISIBLE_DIFFERENCE). Raises RendererUnavailable.
    """
    rows = Rows(table, "render", RENDERED, ("sanitized",))
    columns = (table[name].to_pylist() for name in ("sanitized", "svg", "view_box"))
    for i, (source, svg, box) in enumerate(zip(*columns, strict=True)):
        try:
            picture, found = _row(source, svg, tuple(box), settings)
        except Dropped as error:
            rows.drop(i, error.reason, error.detail)
        except (MemoryError, RendererUnavailable):
            raise
        except Exception as error:  # a defect: it costs this record, and the reason says so
            rows.drop(i, Reason.STAGE_ERROR, f"{type(error).__name__}: {error}")
        else:
            rows.keep(i, png=picture, ssim=found.ssim, mae=found.mae, visible_share=found.visible_share)
    return rows.result()


def _row(source: bytes, svg: str, box: tuple[float, ...], settings: RenderSettings) -> tuple[bytes, Difference]:
    size = settings.compare_size
    want = draw(framed(source, box, size), settings.renderer)
    got = draw(sized(svg, size), settings.renderer)
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
    if blank(got):
        raise Dropped(Reason.BLANK_RENDER)
    picture = got if settings.size == size else draw(sized(svg, settings.size), settings.renderer)
    return png(picture, settings.png_compression), found


def source_png(svg: bytes, view_box: tuple[float, ...], size: int) -> bytes:
    """A picture of a sanitized source, for previews. Raises Dropped (RENDER_FAILED)."""
    return png(draw(framed(svg, view_box, size), "librsvg"), 6)


def renderer_version(settings: RenderSettings) -> str:
    """What draws the pictures, with its version. Raises RendererUnavailable."""
    return version(settings.renderer)
