"""Masks (CSS Masking 1, section 6): elements that show by how light, or how opaque, what another element draws is."""

from __future__ import annotations

from stages.base import Dropped
from stages.canonical import Element
from stages.normalize.css.computed import check_declared
from stages.normalize.drawing.compositing import apply_clip, assign
from stages.normalize.drawing.look import Look
from stages.normalize.drawing.scene import Place, Scene
from stages.normalize.drawing.shapes import Shape
from stages.normalize.effects.clip_paths import clip, own_properties, units
from stages.normalize.geometry.boxes import BoxFinder, contains, map_box
from stages.normalize.source.tree import Node
from stages.normalize.values.properties import Mask, Paint, Style
from stages.normalize.values.srgb import BLACK, linear
from stages.normalize.values.units import parse_length, resolve
from stages.reasons import Reason


def mask(
    scene: Scene, owner: Node, value: Mask, mode: str, place: Place, elements: list[Element], box: BoxFinder
) -> list[Element]:
    """``elements``, drawn for ``owner``, under a mask. ``mode``: of ``mask-mode``, "" if that says nothing.

    Raises Dropped (UNSUPPORTED_MASK, CYCLIC_REF).
    """
    if value.image:
        raise Dropped(Reason.UNSUPPORTED_MASK, f"mask {value.image[:60]}")
    ref = value.ref
    mode = mode if mode in ("alpha", "luminance") else value.mode
    if not ref:
        scene.plain.declare(owner, "mask", "none", "mask")
        return elements
    node = scene.ids.get(ref)
    if node is None or node.tag != "mask":
        scene.notes.add("mask_missing")  # CSS Masking 1, section 6.1: no mask is applied
        return elements
    if scene.settings.mask == "reject":
        raise Dropped(Reason.UNSUPPORTED_MASK, f"mask {ref!r}")
    if not elements:
        return elements
    check_declared(node.declared)
    content = _mask_content(scene, node, place, box)
    if not content:
        return []
    own = own_properties(node)
    kind = mode or own.get("mask-type", "luminance")
    if mode and mode != own.get("mask-type", "luminance"):
        scene.plain.declare(node, "mask-type", mode, "mask")
    if not value.simple:
        scene.plain.declare(owner, "mask", f"url(#{ref})", "mask")
    region = _region(scene, node, place, box)
    if _is_clip(content, kind):
        shapes = [_bare(element) for element in content]
        return apply_clip(scene, region, apply_clip(scene, shapes, elements))
    elements = apply_clip(scene, region, elements)
    if not elements:
        return []
    size = str(scene.settings.canvas)
    attributes = {"x": "0", "y": "0", "width": size, "height": size, "maskUnits": "userSpaceOnUse"}
    if kind == "alpha":
        attributes["mask-type"] = "alpha"
    return assign(elements, "mask", scene.definitions.reference(Element("mask", attributes, content)))


def _mask_content(scene: Scene, node: Node, place: Place, box: BoxFinder) -> list[Element]:
    """What a mask draws, on the canvas."""
    inner = units(scene, node, "maskContentUnits", place, box, Reason.UNSUPPORTED_MASK)
    known = scene.target.contents.get((id(node), inner.matrix))
    if known is not None:
        return known
    own = own_properties(node)
    with scene.entered(node) as target:
        with scene.onto(target._replace(masking=True)):
            content = scene.children(node, inner._replace(style=scene.style_at(node), depth=place.depth + 1))
        if content and own.get("mask"):
            content = mask(scene, node, own["mask"], own.get("mask-mode", ""), place, content, box)
        if content and own.get("clip-path"):
            content = clip(scene, node, own["clip-path"], place, content, box)
    scene.target.contents[id(node), inner.matrix] = content
    return content


def _region(scene: Scene, node: Node, place: Place, box: BoxFinder) -> list[Element]:
    """The rectangle outside of which a mask hides everything, as a shape on the canvas."""
    size = scene.settings.canvas
    names = (("x", "-10%"), ("y", "-10%"), ("width", "120%"), ("height", "120%"))
    texts = [node.attributes.get(name, default) for name, default in names]
    relative = node.attributes.get("maskUnits", "").strip() != "userSpaceOnUse"
    reach = box() if relative else (0.0, 0.0, *place.viewport)
    if relative and (reach is None or reach[0] == reach[2] or reach[1] == reach[3]):
        return []  # a region without extent hides everything
    lengths = []
    wholes = (place.viewport.width, place.viewport.height) * 2
    for text, whole, (_, default) in zip(texts, wholes, names, strict=True):
        length = parse_length(text) or parse_length(default)
        value = 0.0 if length is None else resolve(length, 1.0 if relative else whole)
        lengths.append(value)
    x, y, width, height = lengths
    if relative and reach:
        w, h = reach[2] - reach[0], reach[3] - reach[1]
        x, y, width, height = reach[0] + x * w, reach[1] + y * h, width * w, height * h
    if width <= 0 or height <= 0:
        return []
    whole_box = map_box(place.matrix, (x, y, x + width, y + height))
    if contains(whole_box, (0, 0, size, size)):
        whole_rect = {"x": "0", "y": "0", "width": str(size), "height": str(size)}
        return [Element("rect", whole_rect)]
    return scene.target.drawer.draw(Shape("rect", (x, y, width, height, 0.0, 0.0)), place.matrix, Look({}, None, {}))


_BEYOND_FILL = ("stroke", "opacity", "mask", "filter", "clip-path", "style")


def _is_clip(content: list[Element], kind: str) -> bool:
    """Whether a mask shows or hides without half tones: plain shapes that are filled opaquely, white for luminance."""
    for element in content:
        attributes = element.attributes
        if element.tag == "g" or not attributes.keys().isdisjoint(_BEYOND_FILL):
            return False
        fill = attributes.get("fill", "#000")
        if fill.startswith("url") or (kind != "alpha" and fill != "#fff"):
            return False
    return True


def _bare(element: Element) -> Element:
    attributes = {k: v for k, v in element.attributes.items() if k not in ("fill", "fill-rule")}
    if "fill-rule" in element.attributes:
        attributes["clip-rule"] = element.attributes["fill-rule"]
    return Element(element.tag, attributes)


def in_linear_rgb(scene: Scene, node: Node, style: Style) -> Style:
    """The style of something in a mask whose ``color-interpolation`` is linearRGB, with the colours that it comes to.

    Browsers take each paint of such a mask for coded linearly; the renderers do not know the property.
    Raises Dropped (UNSUPPORTED_MASK).
    """
    changed: Style = {}
    for name in ("fill", "stroke"):
        paint: Paint = style[name]
        if paint.kind == "none":
            continue
        if paint.kind not in ("color", "current") or node.tag == "text":
            raise Dropped(Reason.UNSUPPORTED_MASK, f"color-interpolation linearRGB of the {name} of a {node.tag}")
        color = paint.solid(style["color"].color or BLACK)
        red, green, blue = (round(255 * linear(part / 255)) for part in (color.red, color.green, color.blue))
        color = color._replace(red=red, green=green, blue=blue)
        changed[name] = Paint("color", color)
        scene.plain.declare(node, name, f"rgba({red},{green},{blue},{color.alpha:g})", "linear_mask")
    return {**style, **changed}
