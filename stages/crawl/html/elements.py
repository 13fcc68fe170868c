"""Which elements of HTML are what, and the case of SVG's names (HTML, section 13.2)."""

from __future__ import annotations

VOID = frozenset((
    "area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "img", "input", "keygen", "link",
    "meta", "param", "source", "track", "wbr",
))  # fmt: skip
"""Elements without content."""

RAW = frozenset(("script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"))
"""Elements whose content is text."""

HEAD = frozenset(("base", "link", "meta", "title", "style", "script", "noscript", "template", "basefont", "bgsound"))
"""What may stand in the head."""

FORMATTING = frozenset((
    "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u",
))  # fmt: skip
"""What begins again in the next block where it was not ended in the one before."""

HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))

ENDS_PARAGRAPH = HEADINGS | frozenset((
    "address", "article", "aside", "blockquote", "center", "details", "dialog", "dir", "div", "dl", "fieldset",
    "figcaption", "figure", "footer", "header", "hgroup", "main", "menu", "nav", "ol", "p", "search", "section",
    "summary", "ul", "pre", "listing", "form", "table", "hr", "xmp", "plaintext", "li", "dd", "dt",
))  # fmt: skip
"""Start tags that end a paragraph."""

SPECIAL = ENDS_PARAGRAPH | VOID - {"keygen", "track"} | RAW | frozenset((
    "applet", "body", "button", "caption", "colgroup", "head", "html", "marquee", "noscript", "object", "select",
    "tbody", "td", "template", "tfoot", "th", "thead", "tr",
))  # fmt: skip
"""Elements that the end tag of another does not reach beyond."""

SCOPES = frozenset(("applet", "caption", "html", "table", "td", "th", "marquee", "object", "template"))
"""Elements that bound what an end tag can end."""

TABLE_PARTS = frozenset(("caption", "colgroup", "col", "tbody", "thead", "tfoot", "tr", "td", "th"))
TABLE_BODIES = frozenset(("tbody", "thead", "tfoot"))
IN_TABLE = frozenset(("table", "tbody", "thead", "tfoot", "tr"))
"""Elements that hold parts of a table and nothing else: what else stands there moves before the table."""

BREAKS_OUT = HEADINGS | frozenset((
    "b", "big", "blockquote", "body", "br", "center", "code", "dd", "div", "dl", "dt", "em", "embed", "head", "hr",
    "i", "img", "li", "listing", "menu", "meta", "nobr", "ol", "p", "pre", "ruby", "s", "small", "span", "strong",
    "strike", "sub", "sup", "table", "tt", "u", "ul", "var",
))  # fmt: skip
"""Start tags that end a drawing or formula: they can only be HTML."""

INTEGRATION = frozenset(("foreignObject", "desc", "title"))
"""Elements of SVG whose content is HTML."""

MATH_TEXT = frozenset(("mi", "mo", "mn", "ms", "mtext", "annotation-xml"))

_CAMEL_ELEMENTS = (
    "altGlyph altGlyphDef altGlyphItem animateColor animateMotion animateTransform clipPath feBlend feColorMatrix "
    "feComponentTransfer feComposite feConvolveMatrix feDiffuseLighting feDisplacementMap feDistantLight feDropShadow "
    "feFlood feFuncA feFuncB feFuncG feFuncR feGaussianBlur feImage feMerge feMergeNode feMorphology feOffset "
    "fePointLight feSpecularLighting feSpotLight feTile feTurbulence foreignObject glyphRef linearGradient "
    "radialGradient textPath"
)
_CAMEL_ATTRIBUTES = (
    "attributeName attributeType baseFrequency baseProfile calcMode clipPathUnits diffuseConstant edgeMode filterUnits "
    "glyphRef gradientTransform gradientUnits kernelMatrix kernelUnitLength keyPoints keySplines keyTimes lengthAdjust "
    "limitingConeAngle markerHeight markerUnits markerWidth maskContentUnits maskUnits numOctaves pathLength "
    "patternContentUnits patternTransform patternUnits pointsAtX pointsAtY pointsAtZ preserveAlpha "
    "preserveAspectRatio primitiveUnits refX refY repeatCount repeatDur requiredExtensions requiredFeatures "
    "specularConstant specularExponent spreadMethod startOffset stdDeviation stitchTiles surfaceScale systemLanguage "
    "tableValues targetX targetY textLength viewBox viewTarget xChannelSelector yChannelSelector zoomAndPan"
)
SVG_ELEMENTS = {name.lower(): name for name in _CAMEL_ELEMENTS.split()}
"""Lower case -> the name of an element of SVG, of those with capitals (section 13.2.6.5)."""
SVG_ATTRIBUTES = {name.lower(): name for name in _CAMEL_ATTRIBUTES.split()}
"""Lower case -> the name of an attribute of SVG, of those with capitals (section 13.2.6.1)."""
