"""One document from bytes to canonical text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stages.base import Dropped
from stages.canonical import Element, serialize
from stages.normalize.css.animation import end_of_styles
from stages.normalize.css.cascade import cascade
from stages.normalize.css.root_font import resolve_rem
from stages.normalize.css.smil import ANIMATIONS, hold_ends
from stages.normalize.css.variables import resolve_variables
from stages.normalize.drawing.budget import check_budget
from stages.normalize.drawing.canvas import Canvas, ViewBox, check_view_box, declared_view_box, make_canvas
from stages.normalize.drawing.compositing import apply_viewport
from stages.normalize.drawing.defs import sort_attributes
from stages.normalize.drawing.ink import ink
from stages.normalize.drawing.plain_values import declare_plain
from stages.normalize.geometry.boxes import Box, union
from stages.normalize.geometry.transforms import IDENTITY
from stages.normalize.paint.background import ground, rectangle
from stages.normalize.settings import NormalizeSettings
from stages.normalize.source.aliases import occurs, spell_out
from stages.normalize.source.omit import omit
from stages.normalize.source.plain import Plain
from stages.normalize.source.references import decode_references
from stages.normalize.source.tree import Node, build, parse
from stages.normalize.walk.walker import Walker
from stages.reasons import Reason
from stages.schema import STYLED_OUTSIDE

_REM = re.compile(rb"[0-9.]rem\b")


@dataclass(frozen=True)
class Normalized:
    """``svg``: canonical text. ``view_box``: the source's, resolved: min-x, min-y, width, height. ``notes``: sorted.

    ``source``: the document that ``svg`` is the picture of: without what settings leave out, and made plain
    (`plain.Plain`). ``background``: the colour of the ground that was laid under it, "" for none. ``frame``: left, top,
    right and bottom of the viewBox on the canvas, 0 to 1. ``beyond``: see `drawing.remarks.Remarks.beyond`.
    """

    svg: str
    view_box: ViewBox
    notes: tuple[str, ...]
    source: bytes
    background: str
    frame: Box
    beyond: Box


def normalize_one(svg: bytes, settings: NormalizeSettings) -> Normalized:
    """Normalize one sanitized document. Raises Dropped, and nothing else, whatever ``svg`` is."""
    try:
        return _normalize(svg, settings)
    except RecursionError:
        raise Dropped(Reason.TOO_DEEP, "references nested too deep") from None


def source_view_box(svg: bytes, settings: NormalizeSettings | None = None) -> ViewBox:
    """The part of the drawing that is its picture: viewBox, else width and height, else the geometry's box.

    Raises Dropped.
    """
    settings = settings or NormalizeSettings()
    root, ids, _ = _read(svg, settings, Plain())
    return check_view_box(declared_view_box(root) or _measure(root, ids, settings), settings)


def _read(svg: bytes, settings: NormalizeSettings, plain: Plain) -> tuple[Node, dict[str, Node], set[str]]:
    if len(svg) > settings.max_bytes:
        raise Dropped(Reason.TOO_LARGE, f"{len(svg)} bytes, over {settings.max_bytes}")
    document = parse(svg)
    text = svg.lower()
    if occurs(text):
        spell_out(document, plain)
    if b"%" in svg or b"\\" in svg:
        decode_references(document, plain)
    nodes, ids = build(document, settings.max_elements)
    cascaded = cascade(nodes, ids, settings, plain)
    notes = set(cascaded.notes)
    if any(node.tag in ANIMATIONS for node in nodes):
        if settings.animation == "reject":
            raise Dropped(Reason.UNSUPPORTED_ANIMATION, "the drawing is animated")
        if settings.animation == "end":
            hold_ends(nodes, ids, plain)
        notes.add("animation")
    if cascaded.keyframes and end_of_styles(nodes, cascaded.keyframes, settings, plain):
        notes.add("animation")
    if b"var(" in text:
        resolve_variables(nodes, plain)
    if b"rem" in text and _REM.search(text):
        resolve_rem(nodes)
    declare_plain(nodes, plain, svg)
    return nodes[0], ids, notes


def _measure(root: Node, ids: dict[str, Node], settings: NormalizeSettings) -> ViewBox:
    """The bounding box of all geometry, in user units."""
    canvas = Canvas((0.0, 0.0, 100.0, 100.0), IDENTITY, (0, 0, settings.canvas, settings.canvas))
    walker = Walker(ids, canvas, settings, Plain(dry=True), measure=True)
    walker.root(root)
    measured = walker.target.measured
    if not measured:
        raise Dropped(Reason.BAD_DIMENSION, "no viewBox, no width and height, and no geometry")
    left, top, right, bottom = union(measured)
    return left, top, right - left, bottom - top


def _normalize(svg: bytes, settings: NormalizeSettings) -> Normalized:
    svg, omitted = omit(svg, settings)
    plain = Plain()
    root, ids, notes = _read(svg, settings, plain)
    notes |= omitted
    view_box = declared_view_box(root)
    if view_box is None:
        given = root.attributes.get("viewBox", "").strip()
        if given:
            raise Dropped(Reason.BAD_DIMENSION, f"viewBox {given[:40]!r} is invalid, and no width and height")
        view_box = _measure(root, ids, settings)
        notes.add("view_box_measured")
    canvas = make_canvas(view_box, settings)
    walker = Walker(ids, canvas, settings, plain, contextual=b"context-" in svg)
    drawn = _frame(walker, walker.root(root))
    notes |= walker.notes | plain.notes
    if walker.remarks.unstyled:
        notes.add(STYLED_OUTSIDE)
    if not drawn:
        if "animation" in notes:
            raise Dropped(Reason.UNSUPPORTED_ANIMATION, "nothing is drawn but by animation")
        if "number_too_large" in notes:
            raise Dropped(Reason.UNSUPPORTED_ELEMENT, "nothing but shapes that are too large for browsers to draw")
        raise Dropped(Reason.NOTHING_DRAWN)
    for element in drawn:
        sort_attributes(element)
    used = walker.definitions.finish(drawn)
    check_budget(drawn, used, settings)
    color = ground(drawn, used, settings, "root_background" in plain.names)
    if color:
        drawn = [rectangle(color, settings), *drawn]
    size = settings.canvas
    children = [Element("defs", {}, used), *drawn] if used else drawn
    text = serialize(Element("svg", {"viewBox": f"0 0 {size} {size}"}, children))
    left, top, right, bottom = canvas.rect
    return Normalized(
        text,
        canvas.view_box,
        tuple(sorted(notes)),
        plain.document(root, svg),
        color,
        (left / size, top / size, right / size, bottom / size),
        walker.remarks.beyond(),
    )


def _frame(walker: Walker, drawn: list[Element]) -> list[Element]:
    """Clip to the viewBox what would show beside it, where the canvas is larger than the drawing."""
    size = walker.settings.canvas
    left, top, right, bottom = walker.target.canvas.rect
    if (left, top, right, bottom) == (0, 0, size, size):
        return drawn
    rect = walker.target.canvas.rect
    outside = [
        i
        for i, element in enumerate(drawn)
        if not (element.within is not None and element.extent is None and _inside(element.within, rect, size))
        and not _inside(ink(element), rect, size)
    ]
    if not outside:
        return drawn
    frame = Element(
        "rect",
        {"x": str(left), "y": str(top), "width": str(right - left), "height": str(bottom - top)},
    )
    if len(outside) > 1:
        return apply_viewport(walker, [frame], drawn)
    at = outside[0]
    return [*drawn[:at], *apply_viewport(walker, [frame], [drawn[at]]), *drawn[at + 1 :]]


def _inside(box: tuple[float, ...], rect: tuple[float, ...], size: int) -> bool:
    return (
        (rect[0] == 0 or box[0] >= rect[0])
        and (rect[1] == 0 or box[1] >= rect[1])
        and (rect[2] == size or box[2] <= rect[2])
        and (rect[3] == size or box[3] <= rect[3])
    )
