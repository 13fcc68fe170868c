"""Draw the source and the canonical form, and keep the sample only if they look alike."""

from __future__ import annotations

from dataclasses import dataclass

from stages import fine
from stages.base import Columns, Dropped, RowStage
from stages.pictures import pack, reduce, sparse
from stages.reasons import Reason
from stages.render.compare import Difference, Pixels, blank, difference, over, visible_shares, visible_window
from stages.render.ink import inked, surely_inked
from stages.render.png import png
from stages.render.renderers import RendererUnavailable, Window, draw, framed, part, sized, version
from stages.render.settings import GateSettings
from stages.schema import RENDERED

SECOND = "resvg"
"""The second renderer."""

JUDGED = "judged_by_resvg"
"""The note of a sample that the second renderer has proven, since the first one cannot draw its source."""


def render_one(
    source: bytes, svg: str, view_box: tuple[float, ...], settings: GateSettings, background: str = ""
) -> tuple[bytes, bytes | None, Difference, tuple[str, ...]]:
    """Of the canonical ``svg``: a small picture, and a fine one where little is drawn.

    And how unlike ``source`` it is, and notes. ``background``: colour, #rgb or #rrggbb, of the ground that was laid
    under the drawing, "" for none. Raises Dropped and RendererUnavailable.
    """
    size = settings.compare_size
    ground = _rgb(background) if background else None
    framed_source, framed_svg = framed(source, view_box, size, settings.fit), sized(svg, size)
    svg_pixels = draw(framed_svg, settings.renderer)
    notes: tuple[str, ...] = ()
    try:
        source_pixels = _laid(draw(framed_source, settings.renderer), ground)
        if settings.second == "cross_check":
            _cross_check(source_pixels, _laid(draw(framed_source, SECOND), ground), settings)
        fidelity = _compare(source_pixels, svg_pixels, settings)
    except Dropped as error:
        if settings.second != "arbiter" or error.reason not in (Reason.VISIBLE_DIFFERENCE, Reason.RENDER_FAILED):
            raise
        fidelity, source_pixels = _arbitrate(error, framed_source, framed_svg, svg_pixels, ground, settings)
        notes = (JUDGED,)
    if blank(svg_pixels):
        raise Dropped(Reason.BLANK_RENDER)
    shown = {size: svg_pixels}
    box = (0.0, 0.0, 1.0, 1.0) if settings.fit == "stretch" else view_box
    if settings.close_size > size:
        if _doubtful(fidelity, source_pixels, svg_pixels, box, settings):
            closer = Closer(source, svg, view_box, ground, box)
            shown[settings.close_size], more = closer.look(bool(notes), settings)
            notes = notes or more
    elif excess := _excess(source_pixels, svg_pixels, box, settings):
        raise Dropped(Reason.VISIBLE_DIFFERENCE, excess)
    small = reduce(svg_pixels)
    close = fine_picture(svg, settings.renderer, shown.get(fine.SIDE)) if sparse(small) else None
    return pack(small), close, fidelity, notes


def fine_picture(svg: str, renderer: str = "librsvg", drawn: Pixels | None = None) -> bytes:
    """The packed fine picture of a canonical SVG, see `stages.fine`. ``drawn``: as it looks at `fine.SIDE` px."""
    pixels = draw(sized(svg, fine.SIDE), renderer) if drawn is None else drawn
    window = fine.window(pixels)
    if window is None:
        return fine.pack(pixels)
    left, top = window
    half = fine.SIDE // 2
    enlarged = part(svg, fine.SIDE, (left, top, left + half, top + half), 2)
    return fine.pack(draw(enlarged, renderer), 2 * left, 2 * top, 2)


@dataclass(frozen=True)
class Closer:
    """What is looked at more closely: a drawing, its canonical form, and what of the square its viewBox fills."""

    source: bytes
    svg: str
    view_box: tuple[float, ...]
    ground: tuple[int, int, int] | None
    box: tuple[float, ...]

    def look(self, judged: bool, settings: GateSettings) -> tuple[Pixels, tuple[str, ...]]:
        """The picture of the canonical form, and notes. ``judged``: the first renderer cannot draw the source.

        Raises Dropped where all renderers that may judge see too much of a difference.
        """
        size = settings.close_size
        svg_pixels = draw(sized(self.svg, size), settings.renderer)
        if judged:
            excess = _excess(*self._second((0, 0, size, size), settings), self.box, settings)
            if excess:
                raise Dropped(Reason.VISIBLE_DIFFERENCE, excess)
            return svg_pixels, (JUDGED,)
        source_pixels = self._source(settings.renderer, (0, 0, size, size), settings)
        excess = _excess(source_pixels, svg_pixels, self.box, settings)
        if not excess:
            return svg_pixels, ()
        if settings.second == "arbiter":
            # asked about what the first one sees, where that is a small part: it takes 100 ns a pixel
            window = visible_window(source_pixels, svg_pixels, settings.pixel_threshold)
            if 2 * _area(window) > size * size:
                window = (0, 0, size, size)
            shares = visible_shares(*self._second(window, settings), settings.pixel_threshold)
            shares = {ground: share * _area(window) / (size * size) for ground, share in shares.items()}
            if not _too_much(shares, source_pixels, svg_pixels, self.box, settings):
                return svg_pixels, (JUDGED,)
        raise Dropped(Reason.VISIBLE_DIFFERENCE, excess)

    def _second(self, window: Window, settings: GateSettings) -> tuple[Pixels, Pixels]:
        """What the second renderer draws in a window of the source, and of the canonical form.

        Of both, since what two renderers draw of one drawing differs by enough to hide what is sought.
        """
        source_pixels = self._source(SECOND, window, settings)
        return source_pixels, draw(part(self.svg, settings.close_size, window), SECOND)

    def _source(self, renderer: str, window: Window, settings: GateSettings) -> Pixels:
        """What a renderer draws of the source. Raises Dropped where that has another size than the window."""
        size = settings.close_size
        left, top, right, bottom = window
        shown = None if window == (0, 0, size, size) else window
        pixels = draw(framed(self.source, self.view_box, size, settings.fit, shown), renderer)
        if pixels.shape[:2] != (bottom - top, right - left):
            raise Dropped(Reason.RENDER_FAILED, f"the source renders as {pixels.shape[1]} x {pixels.shape[0]} px")
        return _laid(pixels, self.ground)


def _area(window: Window) -> int:
    left, top, right, bottom = window
    return (right - left) * (bottom - top)


def _doubtful(
    fidelity: Difference, source_pixels: Pixels, svg_pixels: Pixels, box: tuple[float, ...], settings: GateSettings
) -> bool:
    """Whether there would be too much of a difference if fainter ones counted."""
    if fidelity.faint_share > settings.max_visible_share:
        return True
    # most pictures have too few such pixels for any ink
    if fidelity.faint_share <= settings.max_ink_share * settings.min_ink:
        return False
    if surely_inked(source_pixels, box, settings.pixel_threshold, fidelity.faint_share, settings.max_ink_share):
        return False
    ink = max(inked(source_pixels, svg_pixels, box, settings.pixel_threshold)[1], settings.min_ink)
    return fidelity.faint_share > settings.max_ink_share * ink


def _excess(source_pixels: Pixels, svg_pixels: Pixels, box: tuple[float, ...], settings: GateSettings) -> str:
    """What is too much of a difference, of all pixels or of the ink; nothing where all is well."""
    return _too_much(
        visible_shares(source_pixels, svg_pixels, settings.pixel_threshold), source_pixels, svg_pixels, box, settings
    )


def _too_much(
    shares: dict[int, float],
    source_pixels: Pixels,
    svg_pixels: Pixels,
    box: tuple[float, ...],
    settings: GateSettings,
) -> str:
    """As `_excess`, of the shares of pixels that differ on each ground; the pictures show the ink."""
    worse, size = max(shares.values()), source_pixels.shape[0]
    if worse > settings.max_visible_share:
        return f"visible_share {worse:.5f} at {size} px"
    # most pictures have too few such pixels for any ink
    if worse <= settings.max_ink_share * settings.min_ink:
        return ""
    if surely_inked(source_pixels, box, settings.pixel_threshold, worse, settings.max_ink_share):
        return ""
    ground, ink = inked(source_pixels, svg_pixels, box, settings.pixel_threshold)
    share = shares[ground] / max(ink, settings.min_ink)
    if share > settings.max_ink_share:
        return f"visible_share {shares[ground]:.5f} at {size} px, {share:.1%} of the ink"
    return ""


def _compare(source_pixels: Pixels, svg_pixels: Pixels, settings: GateSettings) -> Difference:
    """How unlike two pictures are. Raises Dropped where that is too much."""
    if source_pixels.shape != svg_pixels.shape:
        raise Dropped(
            Reason.RENDER_FAILED, f"the source renders as {source_pixels.shape[1]} x {source_pixels.shape[0]} px"
        )
    fidelity = difference(
        source_pixels, svg_pixels, settings.pixel_threshold, min(settings.close_threshold, settings.pixel_threshold)
    )
    if (
        fidelity.visible_share > settings.max_visible_share
        or fidelity.ssim < settings.min_ssim
        or fidelity.mae > settings.max_mae
    ):
        raise Dropped(
            Reason.VISIBLE_DIFFERENCE,
            f"visible_share {fidelity.visible_share:.4f}, ssim {fidelity.ssim:.3f}, mae {fidelity.mae:.4f}",
        )
    return fidelity


def _arbitrate(
    first: Dropped,
    source: bytes,
    svg: bytes,
    drawn: Pixels,
    ground: tuple[int, int, int] | None,
    settings: GateSettings,
) -> tuple[Difference, Pixels]:
    """The second renderer's comparison, if that finds the two alike, and the canonical form as the first one drew it;
    also its picture of the source.

    Raises Dropped: the first renderer's verdict if the second one shares it.
    """
    try:
        svg_pixels = draw(svg, SECOND)
        source_pixels = _laid(draw(source, SECOND), ground)
        fidelity = _compare(source_pixels, svg_pixels, settings)
        _compare(svg_pixels, drawn, settings)  # the shard's picture is the first one's
    except Dropped as error:
        if error.reason is Reason.VISIBLE_DIFFERENCE and first.reason is Reason.RENDER_FAILED:
            raise
        raise first from None
    return fidelity, source_pixels


def _cross_check(first: Pixels, second: Pixels, settings: GateSettings) -> None:
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


def renderer_version(settings: GateSettings) -> str:
    """What draws the pictures, with its version. Raises RendererUnavailable."""
    first = version(settings.renderer)
    return first if settings.second == "off" else f"{first}; {settings.second}: {version(SECOND)}"


def _render(
    sanitized: bytes,
    svg: str,
    view_box: list[float],
    background: str,
    notes: list[str] | None,
    settings: GateSettings,
) -> Columns:
    try:
        small, large, fidelity, noted = render_one(sanitized, svg, tuple(view_box), settings, background)
    except Dropped as lost:
        if lost.reason is Reason.BLANK_RENDER and "animation" in (notes or ()):
            raise Dropped(Reason.UNSUPPORTED_ANIMATION, "nothing shows but by animation") from None
        raise
    return {
        "picture": small,
        "fine": large,
        "ssim": fidelity.ssim,
        "mae": fidelity.mae,
        "visible_share": fidelity.visible_share,
        "notes": sorted({*(notes or ()), *noted}),
    }


RENDER = RowStage(
    name="render",
    version=6,
    settings=GateSettings,
    reads=("sanitized", "svg", "view_box", "background", "notes"),
    adds=RENDERED,
    removes=("sanitized", "background"),
    one=_render,
    raises=(RendererUnavailable,),
    uses=lambda settings: {"renderer": renderer_version(settings)},
    says="draws source and canonical form and compares the pictures",
    shards={
        "ssim": "Structural similarity of source and canonical pictures, the worse of white and black ground, −1 to 1.",
        "mae": "Mean absolute error of the two pictures, the worse of both grounds, 0 to 1.",
        "visible_share": "Share of pixels that differ visibly, 0 to 1.",
    },
)
"""Drops what does not render (RENDER_FAILED), is uniform on white and on black (BLANK_RENDER, or UNSUPPORTED_ANIMATION
if it is animated), differs from its source by more than the settings allow (VISIBLE_DIFFERENCE), or has a source that
two renderers draw differently (RENDERERS_DISAGREE)."""
