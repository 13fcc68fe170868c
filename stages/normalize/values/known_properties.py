"""Every property that a browser knows: handled, without effect on an SVG picture, or refused.

*Handled* are those of `properties.PROPERTIES`, `properties.CSS_ONLY` and the shorthands. This module has the others, so
that nothing passes that nobody understands. A name that is not in any list is in no specification and in no browser:
CSS ignores its declaration (CSS Syntax 3, section 5.4.4).

Which ones have no effect was measured, not believed: ``benchmarks/property_probe.py`` sets each property to each value
that Chromium accepts, on each kind of element, and compares the pictures.
"""

from __future__ import annotations

import re
from typing import NamedTuple

ALIASES = {
    **{f"-webkit-{name}": name for name in ("clip-path", "filter", "opacity")},
    **{f"-webkit-{name}": name for name in ("transform", "transform-origin", "writing-mode", "font-feature-settings")},
    "inline-size": "width",
    "block-size": "height",
    "-webkit-logical-width": "width",
    "-webkit-logical-height": "height",
    **dict.fromkeys(("overflow-x", "overflow-y", "overflow-inline", "overflow-block"), "overflow"),
}  # fmt: skip
"""Other names of handled properties (Compatibility, section 3.1; CSS Logical Properties 1, in horizontal writing)."""


class Rule(NamedTuple):
    """When a property is refused. ``neutral``: values that change nothing. ``root``: only on the document's root."""

    neutral: re.Pattern[str]
    root: bool = False


_NO_LINE = re.compile(
    r"(?!.*\b(?:auto|solid|dotted|dashed|double|groove|ridge|inset|outset)\b).*"
    r"|(?:[^()]|\([^()]*\))*?(?<![\w.#(+-])0(?:\.0+)?(?:px|em|rem|pt)?(?![\w.%])(?:[^()]|\([^()]*\))*",
    re.DOTALL,
)
"""No style of a line, or a width of zero."""
NO_LENGTH = re.compile(r"(?:\s|/|[+-]?0*\.?0+(?:[a-z]+|%)?(?![\d.])|none|auto|normal)*")
_NO_INSET = re.compile(r"(?!.*\binset\b).*", re.DOTALL)
_NONE = re.compile(r"\s*(?:none|normal|visible|auto|0(?:px)?)\s*")


def _edges(prefix: str, suffix: str = "") -> list[str]:
    sides = ("", "-top", "-right", "-bottom", "-left", "-block", "-block-start", "-block-end")
    return [f"{prefix}{side}{suffix}" for side in (*sides, "-inline", "-inline-start", "-inline-end")]


_WEBKIT_EDGES = ("before", "after", "start", "end")
_CORNERS = ("top-left", "top-right", "bottom-left", "bottom-right")
_LOGICAL_CORNERS = ("start-start", "start-end", "end-start", "end-end")

REFUSED: dict[str, Rule] = {
    # CSS UI 4, section 3: browsers draw outlines around elements of SVG, too
    **dict.fromkeys(("outline", "outline-style"), Rule(_NO_LINE)),
    # CSS Containment 2, section 4: hidden skips the contents
    "content-visibility": Rule(_NONE),
    "-webkit-text-security": Rule(_NONE),
    # Motion Path 1, section 2.6
    "offset": Rule(_NONE),
    "-webkit-box-reflect": Rule(_NONE),
    # CSS Masking 1, section 8
    **dict.fromkeys(
        ("mask-border", "mask-border-source", "-webkit-mask-box-image", "-webkit-mask-box-image-source"), Rule(_NONE)
    ),
    # what a browser paints or keeps free around the document's root, which is a box of CSS (SVG 2, section 8.3)
    **dict.fromkeys(
        [*_edges("border"), *_edges("border", "-style")]
        + [f"-webkit-border-{edge}{end}" for edge in _WEBKIT_EDGES for end in ("", "-style")],
        Rule(_NO_LINE, root=True),
    ),
    **dict.fromkeys(
        ["border-radius", "-webkit-border-radius", "border-shape", *_edges("padding")]
        + [f"-webkit-padding-{edge}" for edge in _WEBKIT_EDGES]
        + [f"border-{corner}-radius" for corner in (*_CORNERS, *_LOGICAL_CORNERS)]
        + [f"-webkit-border-{corner}-radius" for corner in _CORNERS],
        Rule(NO_LENGTH, root=True),
    ),
    **dict.fromkeys(("border-image", "border-image-source", "-webkit-border-image"), Rule(_NONE, root=True)),
    **dict.fromkeys(("box-shadow", "-webkit-box-shadow"), Rule(_NO_INSET, root=True)),
    "scrollbar-gutter": Rule(_NONE, root=True),
}  # fmt: skip
"""Properties that change a picture and that nobody handles, with when they do not."""

INERT: dict[str, str] = {
    # of filter-effects-1: the lighting primitives, which lighting-color colours, are refused (section 9.1)
    # margins place the drawing on a page, as width and height do, and are not of the drawing: see box-4
    "Chromium": (
        "-webkit-app-region -webkit-border-after-color -webkit-border-after-width -webkit-border-before-color "
        "-webkit-border-before-width -webkit-border-end-color -webkit-border-end-width "
        "-webkit-border-horizontal-spacing -webkit-border-start-color "
        "-webkit-border-start-width -webkit-border-vertical-spacing -webkit-box-decoration-break "
        "-webkit-box-direction -webkit-column-break-after -webkit-column-break-before -webkit-column-break-inside "
        "-webkit-column-count -webkit-column-gap -webkit-column-rule -webkit-column-rule-color "
        "-webkit-column-rule-style -webkit-column-rule-width -webkit-column-span -webkit-column-width "
        "-webkit-columns -webkit-font-smoothing -webkit-hyphenate-character -webkit-line-break -webkit-locale "
        "-webkit-margin-after -webkit-margin-before -webkit-margin-end -webkit-margin-start "
        "-webkit-mask-position-x -webkit-mask-position-y -webkit-max-logical-height -webkit-max-logical-width "
        "-webkit-min-logical-height -webkit-min-logical-width -webkit-perspective-origin-x "
        "-webkit-perspective-origin-y -webkit-print-color-adjust -webkit-rtl-ordering -webkit-ruby-position "
        "-webkit-shape-image-threshold -webkit-shape-margin -webkit-shape-outside -webkit-tap-highlight-color "
        "-webkit-text-combine -webkit-text-decorations-in-effect -webkit-text-emphasis "
        "-webkit-text-emphasis-color -webkit-text-emphasis-position -webkit-text-emphasis-style "
        "-webkit-text-orientation -webkit-transform-origin-x -webkit-transform-origin-y "
        "-webkit-transform-origin-z -webkit-user-drag -webkit-user-modify"
    ),
    "animation-triggers-1": (
        "animation-trigger timeline-trigger timeline-trigger-activation-range "
        "timeline-trigger-activation-range-end timeline-trigger-activation-range-start "
        "timeline-trigger-active-range timeline-trigger-active-range-end timeline-trigger-active-range-start "
        "timeline-trigger-name timeline-trigger-source trigger-scope"
    ),
    "compat": (
        "-webkit-align-content -webkit-align-items -webkit-align-self -webkit-backface-visibility "
        "-webkit-background-clip -webkit-background-origin -webkit-background-size -webkit-box-align "
        "-webkit-box-flex -webkit-box-ordinal-group -webkit-box-orient -webkit-box-pack -webkit-box-sizing "
        "-webkit-flex -webkit-flex-basis -webkit-flex-direction -webkit-flex-flow -webkit-flex-grow "
        "-webkit-flex-shrink -webkit-flex-wrap -webkit-justify-content -webkit-mask-box-image-outset "
        "-webkit-mask-box-image-repeat -webkit-mask-box-image-slice -webkit-mask-box-image-width "
        "-webkit-mask-clip -webkit-mask-composite -webkit-mask-origin -webkit-mask-position -webkit-mask-repeat "
        "-webkit-mask-size -webkit-order -webkit-perspective -webkit-perspective-origin -webkit-text-fill-color "
        "-webkit-text-size-adjust -webkit-text-stroke -webkit-text-stroke-color -webkit-text-stroke-width "
        "-webkit-transform-style -webkit-transition -webkit-transition-delay -webkit-transition-duration "
        "-webkit-transition-property -webkit-transition-timing-function touch-action"
    ),
    "compositing-2": "background-blend-mode",
    "css-animations-1": "animation-timing-function -webkit-animation-timing-function",
    "css-align-3": (
        "align-content align-items align-self justify-content justify-items justify-self place-content "
        "place-items place-self"
    ),
    "css-anchor-position-1": (
        "anchor-name anchor-scope position-anchor position-area position-try position-try-fallbacks "
        "position-try-order position-visibility"
    ),
    "css-animations-2": "animation-composition",
    "css-backgrounds-4": (
        "background-attachment background-clip background-origin background-position background-position-x "
        "background-position-y background-repeat background-size"
    ),
    "css-borders-4": (
        "border-block-color border-block-end-color border-block-end-width border-block-start-color "
        "border-block-start-width border-block-width border-bottom-color border-bottom-width border-color "
        "border-image-outset border-image-repeat border-image-slice border-image-width border-inline-color "
        "border-inline-end-color border-inline-end-width border-inline-start-color border-inline-start-width "
        "border-inline-width border-left-color border-left-width border-right-color border-right-width "
        "border-top-color border-top-width corner-block-end-shape corner-block-start-shape "
        "corner-bottom-left-shape corner-bottom-right-shape corner-bottom-shape corner-end-end-shape "
        "corner-end-start-shape corner-inline-end-shape corner-inline-start-shape corner-left-shape "
        "corner-right-shape corner-shape corner-start-end-shape corner-start-start-shape corner-top-left-shape "
        "corner-top-right-shape corner-top-shape"
    ),
    "css-box-4": "margin margin-bottom margin-left margin-right margin-top margin-trim",
    "css-break-4": "box-decoration-break break-after break-before break-inside orphans widows",
    "css-color-adjust-1": "forced-color-adjust print-color-adjust",
    "css-color-hdr-1": "dynamic-range-limit",
    "css-conditional-5": "container container-name container-type",
    "css-contain-2": "contain",
    "css-content-3": "content quotes",
    "css-display-4": "order reading-flow reading-order",
    "css-flexbox-2": ("flex flex-basis flex-direction flex-flow flex-grow flex-line-count flex-shrink flex-wrap"),
    # the fonts that text is set in have kerning and ligatures, and none of the features that the others ask for
    "css-fonts-4": (
        "font-language-override font-optical-sizing font-palette font-stretch font-synthesis-style "
        "font-synthesis-weight font-variant-alternates font-variant-east-asian font-variant-emoji "
        "font-variant-numeric font-variant-position font-variation-settings"
    ),
    "css-forms-1": "field-sizing",
    "css-gaps-1": (
        "column-gap column-rule column-rule-break column-rule-color column-rule-inset column-rule-inset-cap "
        "column-rule-inset-cap-end column-rule-inset-cap-start column-rule-inset-end column-rule-inset-junction "
        "column-rule-inset-junction-end column-rule-inset-junction-start column-rule-inset-start "
        "column-rule-style column-rule-visibility-items column-rule-width gap grid-column-gap grid-gap "
        "grid-row-gap row-gap row-rule row-rule-break row-rule-color row-rule-inset row-rule-inset-cap "
        "row-rule-inset-cap-end row-rule-inset-cap-start row-rule-inset-end row-rule-inset-junction "
        "row-rule-inset-junction-end row-rule-inset-junction-start row-rule-inset-start row-rule-style "
        "row-rule-visibility-items row-rule-width rule rule-break rule-color rule-inset rule-inset-cap "
        "rule-inset-end rule-inset-junction rule-inset-start rule-overlap rule-style rule-visibility-items "
        "rule-width"
    ),
    "css-grid-2": (
        "grid grid-area grid-auto-columns grid-auto-flow grid-auto-rows grid-column grid-column-end "
        "grid-column-start grid-row grid-row-end grid-row-start grid-template grid-template-areas "
        "grid-template-columns grid-template-rows"
    ),
    "css-images-3": "image-orientation image-rendering object-position",
    "css-images-4": "object-fit",
    "css-images-5": "object-view-box",
    "css-inline-3": ("baseline-source initial-letter line-height text-box text-box-edge text-box-trim vertical-align"),
    "css-lists-3": (
        "counter-increment counter-reset counter-set list-style list-style-image list-style-position list-style-type"
    ),
    "css-logical-1": (
        "margin-block margin-block-end margin-block-start margin-inline margin-inline-end margin-inline-start"
    ),
    "css-masking-1": ("clip mask-clip mask-composite mask-origin mask-position mask-repeat mask-size"),
    "css-multicol-2": "column-count column-fill column-height column-span column-wrap columns",
    "css-overflow-3": "scroll-behavior",
    "css-overflow-4": "-webkit-line-clamp overflow-clip-margin text-overflow",
    "css-overflow-5": "scroll-axis-lock scroll-marker-group scroll-target-group",
    "css-overscroll-1": (
        "overscroll-behavior overscroll-behavior-block overscroll-behavior-inline overscroll-behavior-x "
        "overscroll-behavior-y"
    ),
    "css-page-3": "page",
    "css-page-floats-3": "clear float",
    "css-position-3": (
        "bottom inset inset-block inset-block-end inset-block-start inset-inline inset-inline-end "
        "inset-inline-start left position right top"
    ),
    "css-position-4": "overlay",
    "css-ruby-1": "ruby-align ruby-overhang ruby-position",
    "css-scroll-anchoring-1": "overflow-anchor",
    "css-scroll-snap-1": (
        "scroll-margin scroll-margin-block scroll-margin-block-end scroll-margin-block-start scroll-margin-bottom "
        "scroll-margin-inline scroll-margin-inline-end scroll-margin-inline-start scroll-margin-left "
        "scroll-margin-right scroll-margin-top scroll-padding scroll-padding-block scroll-padding-block-end "
        "scroll-padding-block-start scroll-padding-bottom scroll-padding-inline scroll-padding-inline-end "
        "scroll-padding-inline-start scroll-padding-left scroll-padding-right scroll-padding-top "
        "scroll-snap-align scroll-snap-stop scroll-snap-type"
    ),
    "css-scroll-snap-2": "scroll-initial-target",
    "css-scrollbars-1": "scrollbar-color scrollbar-width",
    "css-shapes-1": "shape-image-threshold shape-margin shape-outside",
    "css-size-adjust-1": "text-size-adjust",
    "css-sizing-3": (
        "box-sizing max-block-size max-height max-inline-size max-width min-block-size min-height min-inline-size "
        "min-width"
    ),
    "css-sizing-4": (
        "aspect-ratio column-width contain-intrinsic-block-size contain-intrinsic-height "
        "contain-intrinsic-inline-size contain-intrinsic-size contain-intrinsic-width frame-sizing size"
    ),
    "css-speech-1": "speak",
    "css-tables-3": "border-collapse border-spacing caption-side empty-cells table-layout",
    "css-text-4": (
        "hyphenate-character hyphenate-limit-chars hyphens line-break overflow-wrap tab-size text-align "
        "text-align-last text-autospace text-indent text-justify text-spacing-trim text-wrap text-wrap-mode "
        "text-wrap-style word-break word-wrap"
    ),
    "css-text-5": "text-fit",
    "css-text-decor-4": (
        "text-decoration-skip-ink text-emphasis text-emphasis-color text-emphasis-position text-emphasis-style "
        "text-underline-offset text-underline-position text-decoration-color"
    ),
    "css-transforms-2": "backface-visibility perspective perspective-origin transform-style",
    "css-transitions-1": (
        "transition transition-delay transition-duration transition-property transition-timing-function"
    ),
    "css-transitions-2": "transition-behavior",
    "css-ui-4": (
        "-webkit-appearance -webkit-user-select accent-color appearance caret-animation caret-color caret-shape "
        "cursor interactivity interest-delay interest-delay-end interest-delay-start outline-color outline-offset "
        "outline-width resize user-select window-drag"
    ),
    "css-values-5": "interpolate-size",
    "css-view-transitions-2": "view-transition-class view-transition-group view-transition-scope",
    "css-viewport": "zoom",
    "css-writing-modes-4": "glyph-orientation-vertical text-combine-upright text-orientation unicode-bidi",
    "css2": "page-break-after page-break-before page-break-inside z-index",
    "filter-effects-2": "lighting-color",
    "mathml-core": "math-depth math-shift math-style",
    "motion-1": "offset-anchor offset-distance offset-position offset-rotate",
    "not in Chromium": (
        "-moz-float-edge -moz-force-broken-image-icon -moz-orient -moz-user-input -webkit-column-axis "
        "-webkit-column-progression -webkit-cursor-visibility -webkit-hyphenate-limit-after "
        "-webkit-hyphenate-limit-before -webkit-hyphenate-limit-lines -webkit-line-align -webkit-line-box-contain "
        "-webkit-line-grid -webkit-line-snap -webkit-mask-source-type -webkit-nbsp-mode -webkit-text-zoom "
        "-webkit-touch-callout alt animation-delay-end animation-delay-start animation-range-center "
        "background-position-block background-position-inline background-repeat-block background-repeat-inline "
        "background-repeat-x background-repeat-y background-tbd block-ellipsis block-step block-step-align "
        "block-step-insert block-step-round block-step-size bookmark-label bookmark-level bookmark-state "
        "border-block-clip border-block-end-clip border-block-end-radius border-block-start-clip "
        "border-block-start-radius border-bottom-clip border-bottom-radius border-boundary border-clip "
        "border-inline-clip border-inline-end-clip border-inline-end-radius border-inline-start-clip "
        "border-inline-start-radius border-left-clip border-left-radius border-limit border-right-clip "
        "border-right-radius border-top-clip border-top-radius box-align box-direction box-flex box-flex-group "
        "box-lines box-ordinal-group box-orient box-pack box-shadow-blur box-shadow-color box-shadow-offset "
        "box-shadow-position box-shadow-spread box-snap caret color-adjust continue copy-into corner "
        "corner-block-end corner-block-start corner-bottom corner-bottom-left corner-bottom-right corner-end-end "
        "corner-end-start corner-inline-end corner-inline-start corner-left corner-right corner-start-end "
        "corner-start-start corner-top corner-top-left corner-top-right cue cue-after cue-before event-trigger "
        "event-trigger-name event-trigger-source fill-break fill-color fill-image fill-origin fill-position "
        "fill-repeat fill-size fit-tolerance float-defer float-offset float-reference flow-from flow-into "
        "flow-tolerance font-smooth font-synthesis-position font-width footnote-display footnote-policy "
        "hanging-punctuation hyphenate-limit-last hyphenate-limit-lines hyphenate-limit-zone image-animation "
        "image-resolution ime-mode initial-letter-align initial-letter-wrap inline-sizing input-security "
        "line-clamp line-fit-edge line-grid line-height-step line-padding line-snap link-parameters margin-break "
        "marker-side mask-border-mode mask-border-outset mask-border-repeat mask-border-slice mask-border-width "
        "max-lines max-size min-intrinsic-sizing min-size nav-down nav-left nav-right nav-up "
        "overflow-clip-margin-block overflow-clip-margin-block-end overflow-clip-margin-block-start "
        "overflow-clip-margin-bottom overflow-clip-margin-inline overflow-clip-margin-inline-end "
        "overflow-clip-margin-inline-start overflow-clip-margin-left overflow-clip-margin-right "
        "overflow-clip-margin-top path-length pause pause-after pause-before pointer-timeline "
        "pointer-timeline-axis pointer-timeline-name region-fragment rest rest-after rest-before ruby-merge "
        "shape-inside shape-padding slider-orientation spatial-navigation-action spatial-navigation-contain "
        "spatial-navigation-function speak-as string-set stroke-align stroke-alignment stroke-break stroke-color "
        "stroke-dash-corner stroke-dash-justify stroke-dashadjust stroke-dashcorner stroke-image stroke-origin "
        "stroke-position stroke-repeat stroke-size text-align-all text-decoration-inset text-decoration-skip "
        "text-decoration-skip-box text-decoration-skip-self text-decoration-skip-spaces text-emphasis-skip "
        "text-group-align text-spacing user-modify voice-balance voice-duration voice-family voice-pitch "
        "voice-range voice-rate voice-stress voice-volume white-space-trim word-space-transform wrap-after "
        "wrap-before wrap-flow wrap-inside wrap-through"
    ),
    "other": "app-region buffered-rendering color-rendering page-margin-safety page-orientation",
    "scroll-animations-1": (
        "animation-range animation-range-end animation-range-start scroll-timeline scroll-timeline-axis "
        "scroll-timeline-name timeline-scope view-timeline view-timeline-axis view-timeline-inset "
        "view-timeline-name"
    ),
    "svg2-draft/interact.html": "pointer-events",
    "svg2-draft/painting.html": "shape-rendering text-rendering",
}
"""Properties without effect on an SVG picture, by specification. ``Chromium``: no specification has them, it does;
``not in Chromium``: a specification has them, and it does not. Rendering hints (``shape-rendering``,
``text-rendering``, ``image-rendering``) move edges by less than a pixel."""
