"""Every reason for which a record can leave the mill, with one sentence each.

A reason belongs to one outcome: *rejected* by a rule, *duplicate* of another record, or *quarantined* because the
machinery (not a rule) gave up on it. The funnel of a version counts records by these codes.
"""

from enum import StrEnum


class Outcome(StrEnum):
    """Where a record ends. Every input record has exactly one."""

    KEPT = "kept"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"


class Reason(StrEnum):
    """Why a record was dropped. The value is what tables, manifests and reports hold."""

    # crawl
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    BAD_GZIP = "bad_gzip"
    BAD_ARCHIVE = "bad_archive"
    BAD_ARCHIVE_MEMBER = "bad_archive_member"
    UNREADABLE = "unreadable"
    NO_DRAWING = "no_drawing"
    BAD_ROW = "bad_row"
    NOT_FETCHED = "not_fetched"
    OPTED_OUT = "opted_out"
    LICENSE_DENIED = "license_denied"
    LICENSE_UNKNOWN = "license_unknown"
    # sanitize
    NOT_SVG = "not_svg"
    XML_MALFORMED = "xml_malformed"
    BAD_ENCODING = "bad_encoding"
    ENTITY_EXPANSION = "entity_expansion"
    EXTERNAL_ENTITY = "external_entity"
    TOO_DEEP = "too_deep"
    TOO_COMPLEX = "too_complex"
    RASTER_EMBEDDED = "raster_embedded"
    ACTIVE_CONTENT = "active_content"
    # normalize
    BAD_DIMENSION = "bad_dimension"
    UNSUPPORTED_CSS = "unsupported_css"
    UNSUPPORTED_TEXT = "unsupported_text"
    UNSUPPORTED_FILTER = "unsupported_filter"
    UNSUPPORTED_MASK = "unsupported_mask"
    UNSUPPORTED_CLIP_PATH = "unsupported_clip_path"
    UNSUPPORTED_PATTERN = "unsupported_pattern"
    UNSUPPORTED_ANIMATION = "unsupported_animation"
    UNSUPPORTED_PAINT = "unsupported_paint"
    UNSUPPORTED_STROKE = "unsupported_stroke"
    UNSUPPORTED_ELEMENT = "unsupported_element"
    UNSUPPORTED_ATTRIBUTE = "unsupported_attribute"
    FOREIGN_OBJECT = "foreign_object"
    CYCLIC_REF = "cyclic_ref"
    USE_EXPANSION = "use_expansion"
    RENDER_BUDGET = "render_budget"
    OUT_OF_CANVAS = "out_of_canvas"
    NOTHING_DRAWN = "nothing_drawn"
    # tokenize
    NOT_IN_VOCABULARY = "not_in_vocabulary"
    TOKEN_MISMATCH = "token_mismatch"
    # render, fidelity
    RENDER_FAILED = "render_failed"
    BLANK_RENDER = "blank_render"
    VISIBLE_DIFFERENCE = "visible_difference"
    RENDERERS_DISAGREE = "renderers_disagree"
    # deduplicate
    DUPLICATE_RAW = "duplicate_raw"
    DUPLICATE_CANONICAL = "duplicate_canonical"
    DUPLICATE_GEOMETRY = "duplicate_geometry"
    NEAR_DUPLICATE = "near_duplicate"
    DUPLICATE_PICTURE = "duplicate_picture"
    TRACED = "traced"
    CHART = "chart"
    MAP = "map"
    GLYPH = "glyph"
    LIGHT_ONLY = "light_only"
    TINY_INK = "tiny_ink"
    CUT_OFF = "cut_off"
    OUTSIDE_STYLE = "outside_style"
    OVER_CAP = "over_cap"
    BENCHMARK_OVERLAP = "benchmark_overlap"
    TAKEN_DOWN = "taken_down"
    # a stage of another package
    FILTERED = "filtered"
    # quarantine: raised by the sandbox or by a fault in a stage, never by a rule
    CRASHED = "crashed"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    OUTPUT_TOO_LARGE = "output_too_large"
    STAGE_ERROR = "stage_error"


SENTENCES: dict[Reason, str] = {
    Reason.EMPTY: "The file has no content.",
    Reason.TOO_LARGE: "The file, or what it inflates to, is over the configured size.",
    Reason.BAD_GZIP: "The gzip data is truncated, damaged or gzipped twice.",
    Reason.BAD_ARCHIVE: "The archive or table is damaged, and the config drops it as a whole, as one record.",
    Reason.BAD_ARCHIVE_MEMBER: "The archive's entry cannot be read: damaged, encrypted, of unknown method, too deep.",
    Reason.UNREADABLE: "The file was listed but could not be read.",
    Reason.NO_DRAWING: "The row of the table has nothing in the column of drawings.",
    Reason.BAD_ROW: "The row of the table cannot be read: no JSON, too few or too many cells, no text as its drawing.",
    Reason.NOT_FETCHED: "The network did not give it: the server refused, failed, or sent something else.",
    Reason.OPTED_OUT: "Its place reserves it from training, and the config respects that.",
    Reason.LICENSE_DENIED: "The config does not allow its licence.",
    Reason.LICENSE_UNKNOWN: "No licence is known, and the config drops such records.",
    Reason.NOT_SVG: "The content is not an SVG document.",
    Reason.XML_MALFORMED: "The XML is not well-formed.",
    Reason.BAD_ENCODING: "The bytes do not match the declared or a supported encoding.",
    Reason.ENTITY_EXPANSION: "Entities expand past the limit.",
    Reason.EXTERNAL_ENTITY: "An entity refers to something outside the file.",
    Reason.TOO_DEEP: "Elements are nested deeper than the limit.",
    Reason.TOO_COMPLEX: "The document has more nodes, attributes or commands than the limit.",
    Reason.RASTER_EMBEDDED: "The drawing holds an image element.",
    Reason.ACTIVE_CONTENT: "The drawing depends on active content that cannot be taken out.",
    Reason.BAD_DIMENSION: "The viewBox, width or height is invalid, empty or out of range.",
    Reason.UNSUPPORTED_CSS: "A style rule cannot be resolved faithfully.",
    Reason.UNSUPPORTED_TEXT: "The drawing holds text, whose look depends on fonts.",
    Reason.UNSUPPORTED_FILTER: "A filter changes the picture and cannot be expressed.",
    Reason.UNSUPPORTED_MASK: "A mask changes the picture and cannot be expressed.",
    Reason.UNSUPPORTED_CLIP_PATH: "A clip path changes the picture and cannot be expressed.",
    Reason.UNSUPPORTED_PATTERN: "A pattern fill changes the picture and cannot be expressed.",
    Reason.UNSUPPORTED_ANIMATION: "Animation decides what the static picture shows.",
    Reason.UNSUPPORTED_PAINT: "A paint server or colour cannot be expressed.",
    Reason.UNSUPPORTED_STROKE: "A stroke under a non-uniform scale cannot be baked exactly.",
    Reason.UNSUPPORTED_ELEMENT: "An element that draws is not known to the normalizer.",
    Reason.UNSUPPORTED_ATTRIBUTE: "An attribute that changes the picture is not known to the normalizer.",
    Reason.FOREIGN_OBJECT: "A foreignObject shows HTML, which has no canonical form.",
    Reason.CYCLIC_REF: "References form a cycle.",
    Reason.USE_EXPANSION: "Expanding the use elements exceeds the limit.",
    Reason.RENDER_BUDGET: "Masks, patterns or filters within each other make the drawing too costly to render.",
    Reason.OUT_OF_CANVAS: "Geometry lies outside the canvas by more than the tolerance.",
    Reason.NOTHING_DRAWN: "After normalization no element is left that draws.",
    Reason.NOT_IN_VOCABULARY: "An element of the canonical form has no token in the configured vocabulary.",
    Reason.TOKEN_MISMATCH: "The tokens do not decode to the canonical form.",
    Reason.RENDER_FAILED: "The renderer refuses the source or the canonical form.",
    Reason.BLANK_RENDER: "The picture is uniform on white and on black.",
    Reason.VISIBLE_DIFFERENCE: "The canonical form renders visibly unlike the source.",
    Reason.RENDERERS_DISAGREE: "Two renderers draw the source visibly differently, so neither proves anything.",
    Reason.DUPLICATE_RAW: "The raw bytes equal another record's.",
    Reason.DUPLICATE_CANONICAL: "The canonical form equals another record's.",
    Reason.DUPLICATE_GEOMETRY: "The drawing equals another sample's but for its one colour.",
    Reason.NEAR_DUPLICATE: "The geometry nearly equals another sample's.",
    Reason.DUPLICATE_PICTURE: "The drawing looks the same as another sample's, by whatever means it is drawn.",
    Reason.TRACED: "It is an auto-traced bitmap, and the config drops these.",
    Reason.CHART: "It is a chart or diagram of a program, and the config drops these.",
    Reason.MAP: "It is an outline of land, and the config drops these.",
    Reason.GLYPH: "It is a single letter of a font, and the config drops these.",
    Reason.LIGHT_ONLY: "It shows nothing on white, and the config drops such drawings.",
    Reason.TINY_INK: "It has hardly any ink, and the config drops such drawings.",
    Reason.CUT_OFF: "Its viewBox cuts it, and the config drops such drawings.",
    Reason.OUTSIDE_STYLE: "It lacks the style sheet of its page, and the config drops such drawings.",
    Reason.OVER_CAP: "As many flagged drawings of the same template as the config allows are there already.",
    Reason.BENCHMARK_OVERLAP: "The drawing is a duplicate of one in a benchmark that the config names.",
    Reason.TAKEN_DOWN: "The drawing, or one that resembles it, was taken down.",
    Reason.FILTERED: "A stage of another package takes the record out; the detail says why.",
    Reason.CRASHED: "The process that handled the record died.",
    Reason.TIMED_OUT: "The record took more time than the limit.",
    Reason.OUT_OF_MEMORY: "The record took more memory than the limit.",
    Reason.OUTPUT_TOO_LARGE: "The record's results are larger than the limit.",
    Reason.STAGE_ERROR: "A stage failed on the record; this is a defect worth reporting.",
}

DUPLICATES = frozenset(
    {
        Reason.DUPLICATE_RAW,
        Reason.DUPLICATE_CANONICAL,
        Reason.DUPLICATE_GEOMETRY,
        Reason.NEAR_DUPLICATE,
        Reason.DUPLICATE_PICTURE,
    }
)
QUARANTINES = frozenset(
    {Reason.CRASHED, Reason.TIMED_OUT, Reason.OUT_OF_MEMORY, Reason.OUTPUT_TOO_LARGE, Reason.STAGE_ERROR}
)


def outcome(reason: Reason) -> Outcome:
    """The outcome that a record dropped for ``reason`` has."""
    if reason in DUPLICATES:
        return Outcome.DUPLICATE
    return Outcome.QUARANTINED if reason in QUARANTINES else Outcome.REJECTED
