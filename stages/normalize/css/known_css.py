"""What of CSS is known, by its kind, with the class of each: handled, known to change no still picture, or refused.

Names that are nowhere here are unknown to browsers, too (Chromium 156 was asked about each): CSS says what becomes of
them, which is that an unknown at-rule is ignored, and that an unknown pseudo-class or selector makes a rule invalid.
"""

from __future__ import annotations

CAMEL_CASE_ELEMENTS = frozenset((
    "altGlyph", "altGlyphDef", "altGlyphItem", "animateColor", "animateMotion", "animateTransform", "clipPath",
    "feBlend", "feColorMatrix", "feComponentTransfer", "feComposite", "feConvolveMatrix", "feDiffuseLighting",
    "feDisplacementMap", "feDistantLight", "feDropShadow", "feFlood", "feFuncA", "feFuncB", "feFuncG", "feFuncR",
    "feGaussianBlur", "feImage", "feMerge", "feMergeNode", "feMorphology", "feOffset", "fePointLight",
    "feSpecularLighting", "feSpotLight", "feTile", "feTurbulence", "foreignObject", "glyphRef", "linearGradient",
    "radialGradient", "solidColor", "textPath",
))  # fmt: skip
"""Types of SVG that a selector can name with capitals."""

# -- at-rules ---------------------------------------------------------------------------------------------------------

STILL_AT_RULES = frozenset((
    "charset",  # CSS 2.2, 4.4: no rule of its own
    "import",  # CSS Cascade 5, 2: sanitized documents load nothing
    "font-face", "font-feature-values", "font-palette-values",  # CSS Fonts 4: the mill has fonts of its own
    "counter-style",  # CSS Counter Styles 3: there are no lists
    "page",  # CSS Paged Media 3: a screen has no pages
    "view-transition",  # CSS View Transitions 2: nothing navigates
    "position-try",  # CSS Anchor Positioning 1: nothing is positioned
    "starting-style",  # CSS Transitions 2, 2.3: where a change begins; a still picture is where it ended
))  # fmt: skip
"""At-rules that change no still picture of SVG."""

HANDLED_AT_RULES = frozenset((
    "media",  # Media Queries 5, CSS Conditional 3
    "supports",  # CSS Conditional 4
    "layer",  # CSS Cascade 5, 6.4
    "namespace",  # CSS Namespaces 3
    "property",  # CSS Properties and Values 1
    "keyframes", "-webkit-keyframes",  # CSS Animations 1, read for whoever draws the end of an animation
    "container",  # CSS Conditional 5, 5: without a container no size is known; refused where one is declared
))  # fmt: skip

REFUSED_AT_RULES = frozenset((
    "scope",  # CSS Cascade 6, 2.5
    "function",  # CSS Functions and Mixins 1
))  # fmt: skip
"""At-rules that browsers apply and that are not handled: what they decide is dropped, with a reason that names them."""

# -- selectors (Selectors 4) ------------------------------------------------------------------------------------------

NEVER_PSEUDO_CLASSES = frozenset((
    "visited", "hover", "active", "focus", "focus-visible", "focus-within",  # nobody points at a still picture
    "target", "target-current", "target-before", "target-after",  # nor came to it by a fragment
    "enabled", "disabled", "checked", "indeterminate", "default", "valid", "invalid", "in-range", "out-of-range",
    "required", "optional", "read-only", "read-write", "placeholder-shown", "user-valid",  # there are no forms
    "user-invalid",
    "autofill", "-webkit-autofill",
    "host", "modal", "popover-open", "open", "fullscreen", "-webkit-full-screen", "picture-in-picture",
    "past", "current", "future", "active-view-transition", "interest-source", "interest-target", "xr-overlay",
    "window-inactive", "horizontal", "vertical",
))  # fmt: skip
"""Pseudo-classes that browsers know and that no element of a still picture is in."""

NEVER_PSEUDO_FUNCTIONS = frozenset(("host", "host-context", "state", "active-view-transition-type"))

PLAIN_PSEUDO_CLASSES = frozenset((
    "first-child", "last-child", "only-child", "first-of-type", "last-of-type", "only-of-type", "root", "empty",
    "nth-child", "nth-last-child", "nth-of-type", "nth-last-of-type",
))  # fmt: skip
"""Pseudo-classes that the renderers that judge a drawing know, too."""

PSEUDO_ELEMENTS = frozenset((
    "before", "after", "first-line", "first-letter", "marker", "placeholder", "selection", "backdrop", "cue", "part",
    "slotted", "highlight", "target-text", "spelling-error", "grammar-error", "file-selector-button", "column",
    "details-content", "picker", "picker-icon", "checkmark", "scroll-marker", "scroll-marker-group", "scroll-button",
    "search-text", "view-transition", "view-transition-group", "view-transition-image-pair", "view-transition-new",
    "view-transition-old", "view-transition-group-children",
))  # fmt: skip
"""Pseudo-elements that browsers know. None has a box in SVG, and ``::first-line`` changes no text of SVG."""

# -- media features (Media Queries 5), of a screen in light mode with a mouse -----------------------------------------

DISCRETE_MEDIA: dict[str, tuple[tuple[str, ...], str]] = {
    "prefers-color-scheme": (("light",), ""),
    "prefers-reduced-motion": (("no-preference",), "no-preference"),
    "prefers-reduced-transparency": (("no-preference",), "no-preference"),
    "prefers-contrast": (("no-preference",), "no-preference"),
    "forced-colors": (("none",), "none"),
    "hover": (("hover",), "none"),
    "any-hover": (("hover",), "none"),
    "pointer": (("fine",), "none"),
    "any-pointer": (("fine",), "none"),
    "color-gamut": (("srgb",), ""),
    "dynamic-range": (("standard",), ""),
    "update": (("fast",), "none"),
    "overflow-block": (("scroll",), "none"),
    "overflow-inline": (("scroll",), "none"),
    "display-mode": (("browser",), ""),
    "device-posture": (("continuous",), ""),
    "scan": ((), "interlace"),
}
"""The values that hold, and the one that makes a feature without a value false."""

MEDIA_VALUES: dict[str, frozenset[str]] = {
    "prefers-color-scheme": frozenset(("light", "dark")),
    "prefers-reduced-motion": frozenset(("no-preference", "reduce")),
    "prefers-reduced-transparency": frozenset(("no-preference", "reduce")),
    "prefers-contrast": frozenset(("no-preference", "more", "less", "custom")),
    "forced-colors": frozenset(("none", "active")),
    "hover": frozenset(("none", "hover")),
    "any-hover": frozenset(("none", "hover")),
    "pointer": frozenset(("none", "coarse", "fine")),
    "any-pointer": frozenset(("none", "coarse", "fine")),
    "color-gamut": frozenset(("srgb", "p3", "rec2020")),
    "dynamic-range": frozenset(("standard", "high")),
    "update": frozenset(("none", "slow", "fast")),
    "overflow-block": frozenset(("none", "scroll", "paged")),
    "overflow-inline": frozenset(("none", "scroll")),
    "scripting": frozenset(("none", "initial-only", "enabled")),
    "display-mode": frozenset(("fullscreen", "standalone", "minimal-ui", "browser", "picture-in-picture")),
    "device-posture": frozenset(("continuous", "folded")),
    "scan": frozenset(("interlace", "progressive")),
}
"""The values that browsers know; another makes a query unknown."""

NUMERIC_MEDIA: dict[str, float] = {
    "color": 8,
    "monochrome": 0,
    "grid": 0,
    "horizontal-viewport-segments": 1,
    "vertical-viewport-segments": 1,
    "resolution": 1,
    "-webkit-device-pixel-ratio": 1,
    "-webkit-transform-3d": 1,
}
"""Features whose value is one number on every screen that a drawing is made for."""

# -- values of @supports ----------------------------------------------------------------------------------------------

SUPPORTED_KEYWORDS: dict[str, frozenset[str]] = {
    "display": frozenset((
        "none", "inline", "block", "inline-block", "flex", "inline-flex", "grid", "inline-grid", "contents",
        "flow-root", "list-item", "table", "inline-table", "table-cell", "table-row", "ruby", "math", "-webkit-box",
    )),
    "position": frozenset(("static", "relative", "absolute", "fixed", "sticky", "-webkit-sticky")),
    "transform-box": frozenset(("content-box", "border-box", "fill-box", "stroke-box", "view-box")),
    "vector-effect": frozenset(("none", "non-scaling-stroke")),
    "appearance": frozenset(("none", "auto", "button", "textfield", "checkbox", "radio")),
    "-webkit-appearance": frozenset(("none", "auto", "button", "textfield", "checkbox", "radio")),
    "object-fit": frozenset(("fill", "contain", "cover", "none", "scale-down")),
    "text-wrap": frozenset(("wrap", "nowrap", "balance", "pretty", "stable")),
    "image-rendering": frozenset(("auto", "pixelated", "crisp-edges", "-webkit-optimize-contrast")),
    "contain": frozenset(("none", "strict", "content", "size", "layout", "style", "paint", "inline-size")),
    "text-rendering": frozenset(("auto", "optimizespeed", "optimizelegibility", "geometricprecision")),
    "shape-rendering": frozenset(("auto", "optimizespeed", "crispedges", "geometricprecision")),
    "pointer-events": frozenset(("auto", "none", "all", "fill", "stroke", "painted", "visible", "visiblepainted")),
}  # fmt: skip
"""Keywords of properties whose values nothing here reads."""

COLOR_FUNCTIONS = frozenset((
    "rgb", "rgba", "hsl", "hsla", "hwb", "lab", "lch", "oklab", "oklch", "color", "color-mix", "light-dark",
    "contrast-color",
))  # fmt: skip
"""Functions that browsers read as colours (CSS Color 4 and 5)."""

_BROWSER_PROPERTIES = """
    -webkit-align-content -webkit-align-items -webkit-align-self -webkit-animation -webkit-animation-delay
    -webkit-animation-direction -webkit-animation-duration -webkit-animation-fill-mode
    -webkit-animation-iteration-count -webkit-animation-name -webkit-animation-play-state
    -webkit-animation-timing-function -webkit-app-region -webkit-appearance -webkit-backface-visibility
    -webkit-background-clip -webkit-background-origin -webkit-background-size -webkit-border-after
    -webkit-border-after-color -webkit-border-after-style -webkit-border-after-width -webkit-border-before
    -webkit-border-before-color -webkit-border-before-style -webkit-border-before-width
    -webkit-border-bottom-left-radius -webkit-border-bottom-right-radius -webkit-border-end -webkit-border-end-color
    -webkit-border-end-style -webkit-border-end-width -webkit-border-horizontal-spacing -webkit-border-image
    -webkit-border-radius -webkit-border-start -webkit-border-start-color -webkit-border-start-style
    -webkit-border-start-width -webkit-border-top-left-radius -webkit-border-top-right-radius
    -webkit-border-vertical-spacing -webkit-box-align -webkit-box-decoration-break -webkit-box-direction
    -webkit-box-flex -webkit-box-ordinal-group -webkit-box-orient -webkit-box-pack -webkit-box-reflect
    -webkit-box-shadow -webkit-box-sizing -webkit-clip-path -webkit-column-break-after -webkit-column-break-before
    -webkit-column-break-inside -webkit-column-count -webkit-column-gap -webkit-column-rule
    -webkit-column-rule-color -webkit-column-rule-style -webkit-column-rule-width -webkit-column-span
    -webkit-column-width -webkit-columns -webkit-filter -webkit-flex -webkit-flex-basis -webkit-flex-direction
    -webkit-flex-flow -webkit-flex-grow -webkit-flex-shrink -webkit-flex-wrap -webkit-font-feature-settings
    -webkit-font-smoothing -webkit-hyphenate-character -webkit-justify-content -webkit-line-break -webkit-line-clamp
    -webkit-locale -webkit-logical-height -webkit-logical-width -webkit-margin-after -webkit-margin-before
    -webkit-margin-end -webkit-margin-start -webkit-mask -webkit-mask-box-image -webkit-mask-box-image-outset
    -webkit-mask-box-image-repeat -webkit-mask-box-image-slice -webkit-mask-box-image-source
    -webkit-mask-box-image-width -webkit-mask-clip -webkit-mask-composite -webkit-mask-image -webkit-mask-origin
    -webkit-mask-position -webkit-mask-position-x -webkit-mask-position-y -webkit-mask-repeat -webkit-mask-size
    -webkit-max-logical-height -webkit-max-logical-width -webkit-min-logical-height -webkit-min-logical-width
    -webkit-opacity -webkit-order -webkit-padding-after -webkit-padding-before -webkit-padding-end
    -webkit-padding-start -webkit-perspective -webkit-perspective-origin -webkit-perspective-origin-x
    -webkit-perspective-origin-y -webkit-print-color-adjust -webkit-rtl-ordering -webkit-ruby-position
    -webkit-shape-image-threshold -webkit-shape-margin -webkit-shape-outside -webkit-tap-highlight-color
    -webkit-text-combine -webkit-text-decorations-in-effect -webkit-text-emphasis -webkit-text-emphasis-color
    -webkit-text-emphasis-position -webkit-text-emphasis-style -webkit-text-fill-color -webkit-text-orientation
    -webkit-text-security -webkit-text-size-adjust -webkit-text-stroke -webkit-text-stroke-color
    -webkit-text-stroke-width -webkit-transform -webkit-transform-origin -webkit-transform-origin-x
    -webkit-transform-origin-y -webkit-transform-origin-z -webkit-transform-style -webkit-transition
    -webkit-transition-delay -webkit-transition-duration -webkit-transition-property
    -webkit-transition-timing-function -webkit-user-drag -webkit-user-modify -webkit-user-select
    -webkit-writing-mode accent-color align-content align-items align-self alignment-baseline all anchor-name
    anchor-scope animation animation-composition animation-delay animation-direction animation-duration
    animation-fill-mode animation-iteration-count animation-name animation-play-state animation-range
    animation-range-end animation-range-start animation-timeline animation-timing-function animation-trigger
    app-region appearance aspect-ratio backdrop-filter backface-visibility background background-attachment
    background-blend-mode background-clip background-color background-image background-origin background-position
    background-position-x background-position-y background-repeat background-size baseline-shift baseline-source
    block-size border border-block border-block-color border-block-end border-block-end-color border-block-end-style
    border-block-end-width border-block-start border-block-start-color border-block-start-style
    border-block-start-width border-block-style border-block-width border-bottom border-bottom-color
    border-bottom-left-radius border-bottom-right-radius border-bottom-style border-bottom-width border-collapse
    border-color border-end-end-radius border-end-start-radius border-image border-image-outset border-image-repeat
    border-image-slice border-image-source border-image-width border-inline border-inline-color border-inline-end
    border-inline-end-color border-inline-end-style border-inline-end-width border-inline-start
    border-inline-start-color border-inline-start-style border-inline-start-width border-inline-style
    border-inline-width border-left border-left-color border-left-style border-left-width border-radius border-right
    border-right-color border-right-style border-right-width border-shape border-spacing border-start-end-radius
    border-start-start-radius border-style border-top border-top-color border-top-left-radius
    border-top-right-radius border-top-style border-top-width border-width bottom box-decoration-break box-shadow
    box-sizing break-after break-before break-inside buffered-rendering caption-side caret-animation caret-color
    caret-shape clear clip clip-path clip-rule color color-interpolation color-interpolation-filters color-rendering
    color-scheme column-count column-fill column-gap column-height column-rule column-rule-break column-rule-color
    column-rule-inset column-rule-inset-cap column-rule-inset-cap-end column-rule-inset-cap-start
    column-rule-inset-end column-rule-inset-junction column-rule-inset-junction-end column-rule-inset-junction-start
    column-rule-inset-start column-rule-style column-rule-visibility-items column-rule-width column-span
    column-width column-wrap columns contain contain-intrinsic-block-size contain-intrinsic-height
    contain-intrinsic-inline-size contain-intrinsic-size contain-intrinsic-width container container-name
    container-type content content-visibility corner-block-end-shape corner-block-start-shape
    corner-bottom-left-shape corner-bottom-right-shape corner-bottom-shape corner-end-end-shape
    corner-end-start-shape corner-inline-end-shape corner-inline-start-shape corner-left-shape corner-right-shape
    corner-shape corner-start-end-shape corner-start-start-shape corner-top-left-shape corner-top-right-shape
    corner-top-shape counter-increment counter-reset counter-set cursor cx cy d direction display dominant-baseline
    dynamic-range-limit empty-cells field-sizing fill fill-opacity fill-rule filter flex flex-basis flex-direction
    flex-flow flex-grow flex-line-count flex-shrink flex-wrap float flood-color flood-opacity font font-family
    font-feature-settings font-kerning font-language-override font-optical-sizing font-palette font-size
    font-size-adjust font-stretch font-style font-synthesis font-synthesis-small-caps font-synthesis-style
    font-synthesis-weight font-variant font-variant-alternates font-variant-caps font-variant-east-asian
    font-variant-emoji font-variant-ligatures font-variant-numeric font-variant-position font-variation-settings
    font-weight forced-color-adjust frame-sizing gap grid grid-area grid-auto-columns grid-auto-flow grid-auto-rows
    grid-column grid-column-end grid-column-gap grid-column-start grid-gap grid-row grid-row-end grid-row-gap
    grid-row-start grid-template grid-template-areas grid-template-columns grid-template-rows height
    hyphenate-character hyphenate-limit-chars hyphens image-orientation image-rendering initial-letter inline-size
    inset inset-block inset-block-end inset-block-start inset-inline inset-inline-end inset-inline-start
    interactivity interest-delay interest-delay-end interest-delay-start interpolate-size isolation justify-content
    justify-items justify-self left letter-spacing lighting-color line-break line-height list-style list-style-image
    list-style-position list-style-type margin margin-block margin-block-end margin-block-start margin-bottom
    margin-inline margin-inline-end margin-inline-start margin-left margin-right margin-top margin-trim marker
    marker-end marker-mid marker-start mask mask-clip mask-composite mask-image mask-mode mask-origin mask-position
    mask-repeat mask-size mask-type math-depth math-shift math-style max-block-size max-height max-inline-size
    max-width min-block-size min-height min-inline-size min-width mix-blend-mode object-fit object-position
    object-view-box offset offset-anchor offset-distance offset-path offset-position offset-rotate opacity order
    orphans outline outline-color outline-offset outline-style outline-width overflow overflow-anchor overflow-block
    overflow-clip-margin overflow-inline overflow-wrap overflow-x overflow-y overlay overscroll-behavior
    overscroll-behavior-block overscroll-behavior-inline overscroll-behavior-x overscroll-behavior-y padding
    padding-block padding-block-end padding-block-start padding-bottom padding-inline padding-inline-end
    padding-inline-start padding-left padding-right padding-top page page-break-after page-break-before
    page-break-inside page-margin-safety page-orientation paint-order perspective perspective-origin place-content
    place-items place-self pointer-events position position-anchor position-area position-try position-try-fallbacks
    position-try-order position-visibility print-color-adjust quotes r reading-flow reading-order resize right
    rotate row-gap row-rule row-rule-break row-rule-color row-rule-inset row-rule-inset-cap row-rule-inset-cap-end
    row-rule-inset-cap-start row-rule-inset-end row-rule-inset-junction row-rule-inset-junction-end
    row-rule-inset-junction-start row-rule-inset-start row-rule-style row-rule-visibility-items row-rule-width
    ruby-align ruby-overhang ruby-position rule rule-break rule-color rule-inset rule-inset-cap rule-inset-end
    rule-inset-junction rule-inset-start rule-overlap rule-style rule-visibility-items rule-width rx ry scale
    scroll-axis-lock scroll-behavior scroll-initial-target scroll-margin scroll-margin-block scroll-margin-block-end
    scroll-margin-block-start scroll-margin-bottom scroll-margin-inline scroll-margin-inline-end
    scroll-margin-inline-start scroll-margin-left scroll-margin-right scroll-margin-top scroll-marker-group
    scroll-padding scroll-padding-block scroll-padding-block-end scroll-padding-block-start scroll-padding-bottom
    scroll-padding-inline scroll-padding-inline-end scroll-padding-inline-start scroll-padding-left
    scroll-padding-right scroll-padding-top scroll-snap-align scroll-snap-stop scroll-snap-type scroll-target-group
    scroll-timeline scroll-timeline-axis scroll-timeline-name scrollbar-color scrollbar-gutter scrollbar-width
    shape-image-threshold shape-margin shape-outside shape-rendering size speak stop-color stop-opacity stroke
    stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin stroke-miterlimit stroke-opacity stroke-width
    tab-size table-layout text-align text-align-last text-anchor text-autospace text-box text-box-edge text-box-trim
    text-combine-upright text-decoration text-decoration-color text-decoration-line text-decoration-skip-ink
    text-decoration-style text-decoration-thickness text-emphasis text-emphasis-color text-emphasis-position
    text-emphasis-style text-fit text-indent text-justify text-orientation text-overflow text-rendering text-shadow
    text-size-adjust text-spacing-trim text-transform text-underline-offset text-underline-position text-wrap
    text-wrap-mode text-wrap-style timeline-scope timeline-trigger timeline-trigger-activation-range
    timeline-trigger-activation-range-end timeline-trigger-activation-range-start timeline-trigger-active-range
    timeline-trigger-active-range-end timeline-trigger-active-range-start timeline-trigger-name
    timeline-trigger-source top touch-action transform transform-box transform-origin transform-style transition
    transition-behavior transition-delay transition-duration transition-property transition-timing-function
    translate trigger-scope unicode-bidi user-select vector-effect vertical-align view-timeline view-timeline-axis
    view-timeline-inset view-timeline-name view-transition-class view-transition-group view-transition-name
    view-transition-scope visibility white-space white-space-collapse widows width will-change window-drag
    word-break word-spacing word-wrap writing-mode x y z-index zoom
"""
BROWSER_PROPERTIES = frozenset(_BROWSER_PROPERTIES.split())
"""The properties that Chromium 156 knows, for ``@supports``."""
