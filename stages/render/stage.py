"""Draw the source and the canonical form, and keep the sample only if they look alike."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from stages.base import Dropped, Rows, StageResult
from stages.pictures import pack, reduce
from stages.reasons import Reason
from stages.render.compare import Difference, Pixels, blank, difference, over
from stages.render.ink import ink_share
from stages.render.renderers import RendererUnavailable, draw, framed, png, sized, version
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
            picture, small, found, noted = render_one(source, svg, tuple(box), settings, background)
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
                ssim=found.ssim,
                mae=found.mae,
                visible_share=found.visible_share,
                notes=sorted({*(notes or ()), *noted}),
            )
    return rows.result()


def render_one(
    source: bytes, svg: str, view_box: tuple[float, ...], settings: RenderSettings, background: str = ""
) -> tuple[bytes, bytes, Difference, tuple[str, ...]]:
    """The picture (PNG) of the canonical ``svg``, a small one, how unlike ``source`` it is, and notes.

    ``background``: colour, #rgb or #rrggbb, of the ground that was laid under the drawing, "" for none. Raises Dropped
    and RendererUnavailable.
    """
    drawing = _Drawing(source, svg, view_box, _rgb(background) if background else None)
    got, found, notes = _look(drawing, settings.compare_size, settings)
    shown = {settings.compare_size: got}
    if found.unequal_share > settings.close_from and settings.close_size > settings.compare_size:
        shown[settings.close_size], _, more = _look(drawing, settings.close_size, settings)
        notes = notes or more
    if blank(got):
        raise Dropped(Reason.BLANK_RENDER)
    picture = shown.get(settings.size)
    if picture is None:
        picture = draw(sized(svg, settings.size), settings.renderer)
    return png(picture, settings.png_compression), pack(reduce(got)), found, notes


@dataclass(frozen=True)
class _Drawing:
    """A source, its canonical form, and the ground that was laid under that."""

    source: bytes
    svg: str
    view_box: tuple[float, ...]
    ground: tuple[int, int, int] | None

    def pair(self, size: int, fit: str) -> tuple[bytes, bytes]:
        """What is drawn to compare both at ``size`` px."""
        return framed(self.source, self.view_box, size, fit), sized(self.svg, size)


def _look(drawing: _Drawing, size: int, settings: RenderSettings) -> tuple[Pixels, Difference, tuple[str, ...]]:
    """The picture of the canonical form at ``size`` px, how unlike the source's it is, and notes. Raises Dropped."""
    source, svg = drawing.pair(size, settings.fit)
    got = draw(svg, settings.renderer)
    try:
        want = _laid(draw(source, settings.renderer), drawing.ground)
        if settings.second == "cross_check":
            _cross_check(want, _laid(draw(source, SECOND), drawing.ground), settings)
        found = _compare(want, got, settings)
        _measure_by_ink(want, got, found, drawing.view_box, settings)
    except Dropped as error:
        if settings.second != "arbiter" or error.reason not in (Reason.VISIBLE_DIFFERENCE, Reason.RENDER_FAILED):
            raise
        return got, _arbitrate(error, drawing, source, svg, got, settings), (JUDGED,)
    return got, found, ()


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
            f"visible_share {found.visible_share:.4f}, ssim {found.ssim:.3f}, mae {found.mae:.4f}"
            f" at {want.shape[0]} px",
        )
    return found


def _measure_by_ink(
    want: Pixels, got: Pixels, found: Difference, view_box: tuple[float, ...], settings: RenderSettings
) -> None:
    """Raises Dropped where what differs is much of what is drawn."""
    size = want.shape[0]
    # a picture that will be looked at more closely is measured then
    if size != max(settings.compare_size, settings.close_size):
        return
    # most pictures have too few such pixels for any ink
    if found.visible_share <= settings.max_ink_share * settings.min_ink:
        return
    ink = max(ink_share(want, got, _fitted(view_box, settings.fit), settings.pixel_threshold), settings.min_ink)
    if found.visible_share > settings.max_ink_share * ink:
        raise Dropped(
            Reason.VISIBLE_DIFFERENCE,
            f"visible_share {found.visible_share:.5f} at {size} px, {found.visible_share / ink:.1%} of the ink",
        )


def _fitted(view_box: tuple[float, ...], fit: str) -> tuple[float, ...]:
    return (0, 0, 1, 1) if fit == "stretch" else view_box


def _arbitrate(
    first: Dropped, drawing: _Drawing, source: bytes, svg: bytes, drawn: Pixels, settings: RenderSettings
) -> Difference:
    """The second renderer's comparison, if that finds the two alike, and the canonical form as the first one drew it.

    Raises Dropped: the first renderer's verdict if the second one shares it.
    """
    try:
        got = draw(svg, SECOND)
        want = _laid(draw(source, SECOND), drawing.ground)
        found = _compare(want, got, settings)
        _measure_by_ink(want, got, found, drawing.view_box, settings)
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
