"""Which elements a drawing is made of, and what the others are called in the notes."""

from __future__ import annotations

KEPT = frozenset((
    "svg", "g", "defs", "symbol", "use", "switch", "a", "view", "style",
    "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "image",
    "text", "tspan", "textPath", "tref", "altGlyph", "altGlyphDef", "altGlyphItem", "glyphRef",
    "linearGradient", "radialGradient", "stop", "pattern", "solidColor", "solidcolor",
    "meshgradient", "meshGradient", "mesh", "meshrow", "meshRow", "meshpatch", "meshPatch", "hatch", "hatchpath",
    "hatchPath",
    "clipPath", "mask", "marker", "filter",
    "feBlend", "feColorMatrix", "feComponentTransfer", "feComposite", "feConvolveMatrix", "feDiffuseLighting",
    "feDisplacementMap",
    "feDistantLight", "feDropShadow", "feFlood", "feFuncA", "feFuncB", "feFuncG", "feFuncR", "feGaussianBlur",
    "feImage", "feMerge", "feMergeNode",
    "feMorphology", "feOffset", "fePointLight", "feSpecularLighting", "feSpotLight", "feTile", "feTurbulence",
    "animate", "animateColor", "animateMotion", "animateTransform", "set", "discard", "mpath",
))  # fmt: skip
"""Elements of the SVG namespace that go on. What is not here never draws: SVG 2 renders no unknown element."""

ANIMATIONS = frozenset(("animate", "animateColor", "animateMotion", "animateTransform", "set"))

NOT_RENDERED = frozenset((
    "defs", "symbol", "pattern", "mask", "clipPath", "marker",
    "filter", "linearGradient", "radialGradient", "meshgradient", "hatch",
))  # fmt: skip
"""Containers whose content shows only where something refers to it."""

_CODES = {
    "script": "script",
    "handler": "script",
    "listener": "script",
    "foreignObject": "foreign_object",
    "metadata": "metadata",
    "title": "nested_title",
    "desc": "nested_title",
    "iframe": "embedded_content",
    "embed": "embedded_content",
    "object": "embedded_content",
    "video": "embedded_content",
    "audio": "embedded_content",
    "canvas": "embedded_content",
    "animation": "embedded_content",
    "prefetch": "embedded_content",
    "font": "svg_font",
    "font-face": "svg_font",
    "cursor": "external_ref",
    "color-profile": "external_ref",
}

NEVER_DRAWN: dict[str, str] = {
    **_CODES,
    # SVG 1.1 fonts (section 20), which no browser draws
    **dict.fromkeys(
        (
            "font-face-format", "font-face-name", "font-face-src", "font-face-uri", "glyph", "missing-glyph", "hkern",
            "vkern",
        ),
        "svg_font",
    ),
    # SVG Tiny 1.2, which no browser knows
    **dict.fromkeys(("textArea", "tbreak"), "unknown_element"),
    # SVG 2, section 5.6: unknown elements are not rendered
    "unknown": "unknown_element",
}  # fmt: skip
"""Elements that specifications know and that draw nothing in a still picture, with the note of their removal."""

_EDITORS = (
    "http://www.inkscape.org/",
    "http://sodipodi.sourceforge.net/",
    "http://inkscape.sourceforge.net/",
    "http://ns.adobe.com/",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns",
    "http://www.w3.org/2000/01/rdf-schema",
    "http://creativecommons.org/",
    "http://web.resource.org/cc/",
    "http://purl.org/dc/",
    "http://www.bohemiancoding.com/",
    "http://www.figma.com/",
    "http://www.serif.com/",
    "http://www.freecad",
    "http://vectornator.io",
    "http://www.corel.com/",
    "http://boxy-svg.com",
    "http://www.openswatchbook.org/",
    "http://schemas.microsoft.com/visio/",
    "http://fritzing.org",
)


def removed_as(local: str, namespace: str, in_svg: bool) -> str:
    """The note for an element that is taken out."""
    if in_svg:
        return NEVER_DRAWN.get(local, "unknown_element")
    if local == "script":
        return "script"
    return "editor_data" if namespace.startswith(_EDITORS) else "foreign_element"


def attribute_removed_as(namespace: str) -> str:
    """The note for an attribute of a foreign namespace that is taken out."""
    return "editor_data" if namespace.startswith(_EDITORS) else "foreign_attribute"
