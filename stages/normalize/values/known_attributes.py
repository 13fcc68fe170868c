"""Every attribute that a specification of SVG knows: handled, or without effect on a still picture.

An attribute that is in no list is in no specification, and has no effect (SVG 2, section 4.2.1). How an
attribute takes part is the business of the module that reads it; what cannot be said, that module refuses by name.
"""

from __future__ import annotations

PRESENTATION_ATTRIBUTES = frozenset((
    "alignment-baseline", "baseline-shift", "clip-path", "clip-rule", "color", "color-interpolation",
    "color-interpolation-filters", "direction", "display", "dominant-baseline", "fill", "fill-opacity", "fill-rule",
    "filter", "flood-color", "flood-opacity", "font-family", "font-size", "font-stretch", "font-style", "font-variant",
    "font-weight", "letter-spacing", "lighting-color", "marker-end", "marker-mid", "marker-start", "mask", "mask-type",
    "opacity", "overflow", "paint-order", "stop-color", "stop-opacity", "stroke", "stroke-dasharray",
    "stroke-dashoffset", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit", "stroke-opacity", "stroke-width",
    "text-anchor", "text-decoration", "transform-origin", "unicode-bidi", "vector-effect", "visibility",
    "word-spacing", "writing-mode",
))  # fmt: skip
"""Attributes that declare a property of the same name (SVG 2, section 6.6), as Chromium takes them: of the properties
that change a picture, no others have an attribute."""

HANDLED: dict[str, str] = {
    "structure": (
        "class href id lang preserveAspectRatio requiredExtensions requiredFeatures style systemLanguage transform "
        "viewBox height width x y"
    ),
    "shapes": "cx cy d pathLength points r rx ry x1 x2 y1 y2",
    "paint servers": (
        "fr fx fy gradientTransform gradientUnits offset patternContentUnits patternTransform patternUnits spreadMethod"
    ),
    "clip paths, masks, markers": (
        "clipPathUnits maskContentUnits maskUnits markerHeight markerUnits markerWidth orient refX refY"
    ),
    "text": "dx dy lengthAdjust rotate textLength",
    "filters": (
        "amplitude azimuth baseFrequency bias diffuseConstant divisor edgeMode elevation exponent filterUnits in in2 "
        "intercept k1 k2 k3 k4 kernelMatrix limitingConeAngle mode numOctaves operator order pointsAtX pointsAtY "
        "pointsAtZ preserveAlpha primitiveUnits radius result scale seed slope specularConstant specularExponent "
        "stdDeviation stitchTiles surfaceScale tableValues targetX targetY values xChannelSelector yChannelSelector z"
    ),
    "style sheets": "media type",
    "animation": (
        "accumulate additive attributeName attributeType begin by calcMode dur end from keyPoints keySplines keyTimes "
        "max min origin path repeatCount repeatDur restart to"
    ),
}
"""Attributes that a module of the normalizer reads, or refuses, by subject."""

INERT: dict[str, str] = {
    "hints of rendering, which move edges by less than a pixel (SVG 2, section 13.10)": (
        "buffered-rendering color-rendering image-rendering shape-rendering text-rendering"
    ),
    "interaction and links (SVG 2, sections 15 and 16)": (
        "crossorigin cursor download focusable hreflang ping pointer-events referrerpolicy rel tabindex target title "
        "viewTarget zoomAndPan"
    ),
    "metadata (SVG 2, section 5.13; RDFa)": "about content datatype property resource rev typeof",
    "of SVG 1.1, and in no browser": (
        "baseProfile clip color-profile contentScriptType contentStyleType enable-background externalResourcesRequired "
        "filterRes font-size-adjust glyph-orientation-horizontal glyph-orientation-vertical kernelUnitLength kerning "
        "local name rendering-intent version"
    ),
    "of SVG 2, and in no browser": "text-overflow white-space",
    "of SVG Tiny 1.2, and in no browser": (
        "bandwidth defaultAction editable event focusHighlight handler initialVisibility mediaCharacterEncoding "
        "mediaContentEncodings mediaSize mediaTime nav-down nav-down-left nav-down-right nav-left nav-next nav-prev "
        "nav-right nav-up nav-up-left nav-up-right observer overlay phase playbackOrder playbackorder propagate "
        "requiredFonts requiredFormats snapshotTime syncBehavior syncBehaviorDefault syncMaster syncTolerance "
        "syncToleranceDefault timelineBegin timelinebegin transformBehavior"
    ),
    "of SVG fonts and alternate glyphs, which no browser draws (SVG 1.1, section 20)": (
        "accent-height alphabetic arabic-form ascent bbox cap-height descent format g1 g2 glyph-name glyphRef hanging "
        "horiz-adv-x horiz-origin-x horiz-origin-y ideographic k mathematical orientation overline-position "
        "overline-thickness panose-1 stemh stemv strikethrough-position strikethrough-thickness string u1 u2 "
        "underline-position underline-thickness unicode unicode-range units-per-em v-alphabetic v-hanging "
        "v-ideographic v-mathematical vert-adv-y vert-origin-x vert-origin-y widths x-height"
    ),
    "of text on a path, which is refused as an element (SVG 2, section 11.8)": "method side spacing startOffset",
}
"""Attributes without effect on a still picture, by why."""
