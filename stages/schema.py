"""The Arrow schemas of the tables that pass between stages.

A *record* is one raw file: its key is (``source``, ``path``), unique in a run. ``raw_id`` is the hex sha256 of its
bytes as stored in the source (before any inflation). A *sample* is one canonical SVG: ``sample_id`` is the hex sha256
of the canonical text. Many records can be one sample.

The row-wise pass over a partition adds columns in this order::

    RAW -> sanitize (+SANITIZED) -> normalize (+NORMALIZED) -> tokenize.atomic (+ATOMIC) -> render (+RENDERED)
        -> deduplicate.signatures (+SIGNED) = stages.rowwise.SAMPLES (without the raw and the sanitized bytes)
"""

import pyarrow as pa

KEY = pa.schema([("raw_id", pa.string()), ("source", pa.string()), ("path", pa.string())])

CAPTIONS = pa.list_(
    pa.struct(
        [
            ("text", pa.string()),
            ("style", pa.string()),  # stages.crawl.items.CaptionStyle, "" where nobody said
            ("language", pa.string()),  # of the text, BCP 47, "" for unknown
            ("origin", pa.string()),  # stages.crawl.items.CaptionOrigin
            ("model", pa.string()),  # this and the rest: of what a model said, else null
            ("prompt", pa.string()),  # hex sha256 of what it was asked
            ("temperature", pa.float64()),
            ("seed", pa.int64()),
            ("score", pa.float32()),  # how well it fits the picture, by the scorer of the run; null for unscored
        ]
    )
)
"""Texts about a drawing. Tables that earlier versions wrote have some of these columns; the others are null."""

SIGNALS = pa.list_(pa.struct([("name", pa.string()), ("place", pa.string()), ("value", pa.string())]))
"""What a place says of the use of what it gives: ``name`` of the rule, ``place`` where it stood, and its words."""

RAW = pa.schema(
    [
        *KEY,
        ("name", pa.string()),  # file name without folder, as found
        ("url", pa.string()),  # where it was fetched from, null for local files
        ("license", pa.string()),  # SPDX expression: what the record states, else as configured for the source
        ("size", pa.int64()),  # bytes as stored in the source
        ("bytes", pa.binary()),  # inflated content
        ("own_license", pa.string()),  # what the record states itself, null for nothing
        ("author", pa.string()),  # null for nobody that is known
        ("hints", pa.list_(pa.string())),  # keywords
        ("own_captions", CAPTIONS),  # that the record came with
        ("facts", pa.list_(pa.struct([("name", pa.string()), ("text", pa.string())]))),  # what else came with it
        ("license_from", pa.string()),  # how the licence was found; see stages.crawl.items.LicenseFrom
        ("license_digest", pa.string()),  # hex sha256 of the licence's text, null where no text was found
        ("work_title", pa.string()),  # what the work is called, for a credit
        ("work_link", pa.string()),  # where the work is presented, for a credit
        ("permission", pa.string()),  # what its place says of training: allowed, reserved; null for nothing
        ("signals", SIGNALS),  # by which that was decided, as they stood there
        ("fetched", pa.string()),  # when the network gave it, UTC, as 2026-01-31T00:00:00Z; null for what was there
    ]
)

SANITIZED = pa.schema(
    [
        ("sanitized", pa.binary()),  # UTF-8 SVG, safe to parse and to render, structure and styling untouched
        ("title", pa.string()),  # text of the root's title elements, "" if none
        ("desc", pa.string()),
        ("notes", pa.list_(pa.string())),  # what was taken out or repaired, sorted codes
    ]
)

NORMALIZED = pa.schema(
    [
        ("sample_id", pa.string()),
        ("sanitized", pa.binary()),  # without what the settings leave out, which is what svg is compared with
        ("svg", pa.string()),  # canonical SVG
        ("background", pa.string()),  # colour of the ground that was laid under the drawing, "" for none
        ("view_box", pa.list_(pa.float64(), 4)),  # the source's resolved viewBox: min-x, min-y, width, height
        ("frame", pa.list_(pa.float32(), 4)),  # left, top, right, bottom of the viewBox on the canvas, 0..1
        ("beyond", pa.list_(pa.float32(), 4)),  # how far shapes reach beyond each of them, as shares of the viewBox
        ("notes", pa.list_(pa.string())),
    ]
)

STYLED_OUTSIDE = "class_without_rule"
"""The note of a drawing with a shape that only a style sheet elsewhere could paint; see normalize.drawing.remarks."""

ATOMIC = pa.schema([("tokens", pa.string()), ("atomic_length", pa.int32())])

RENDERED = pa.schema(
    [
        ("ssim", pa.float32()),  # of source and canonical pictures, the worse of on white and on black, -1..1
        ("mae", pa.float32()),  # mean absolute error, the worse of both grounds, 0..1
        ("visible_share", pa.float32()),  # share of pixels that differ visibly, 0..1
        ("notes", pa.list_(pa.string())),
        ("picture", pa.binary()),  # of 64 x 64 px, packed; see stages.pictures
        ("fine", pa.binary()),  # of 512 x 512 px, of what has little ink, packed; see stages.fine
    ]
)

SIGNED = pa.schema(
    [
        ("geometry_key", pa.binary(16)),  # equal for drawings that differ in their one colour only, else null
        ("text_hash", pa.uint32()),  # of all character data, 0 for none
        ("shingles", pa.list_(pa.uint32())),  # sorted, distinct; none for a drawing that has too few
        ("picture_hash", pa.binary(24)),
        ("flags", pa.list_(pa.string())),  # what kind of picture it is, sorted; see stages.deduplicate.flags
        ("template", pa.uint32()),  # equal for drawings of the same elements and paints in the same order
    ]
)

DROPPED = pa.schema(
    [
        ("id", pa.string()),  # raw_id
        ("source", pa.string()),
        ("path", pa.string()),
        ("stage", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)

SAMPLES_ORDER = (  # what is read together stands together, what most steps read last, beside a Parquet file's footer
    "svg",
    "tokens",
    "picture",
    "fine",
    *SIGNED.names,
    "view_box",
    *(name for name in RENDERED.names if name not in ("notes", "picture", "fine")),
    "notes",
    "facts",
    "own_captions",
    "hints",
    "own_license",
    "desc",
    "title",
    "name",
    "size",
    "atomic_length",
    "signals",
    "fetched",
    "license_digest",
    "permission",
    "work_link",
    "work_title",
    "license_from",
    "author",
    "url",
    "license",
    *KEY.names,
    "sample_id",
)
"""Columns of `stages.rowwise.SAMPLES`; the columns of other packages' stages come after them."""

PROVENANCE = pa.list_(
    pa.struct(
        [
            ("source", pa.string()),
            ("path", pa.string()),
            ("url", pa.string()),
            ("raw_id", pa.string()),
            ("license", pa.string()),
            ("author", pa.string()),
            ("license_from", pa.string()),
            ("work_title", pa.string()),
            ("work_link", pa.string()),
            ("permission", pa.string()),
        ]
    )
)

CREDITS = ("author", "url", "license", "license_from", "work_title", "work_link", "permission")
"""Columns of a record that its provenance holds beside its key."""

SHOWN = pa.list_(pa.bool_())  # of each in provenance, whether the sample's shard names it

BANDS = pa.schema(  # one row a bucket that a sample is in; see stages.deduplicate.banding
    [("bucket", pa.uint64()), ("item", pa.uint64()), ("source", pa.dictionary(pa.int32(), pa.string()))]
)

PAIRS = pa.schema(  # what shares a bucket, in which blocks; a comes before b by source and item
    [
        ("block_a", pa.int32()),
        ("block_b", pa.int32()),
        ("a", pa.uint64()),
        ("b", pa.uint64()),
        ("kinds", pa.uint8()),  # a bit for each kind of bucket that they share
    ]
)

EDGES = pa.schema(  # pairs that are duplicates: by which level, and how alike
    [("a", pa.uint64()), ("b", pa.uint64()), ("level", pa.uint8()), ("score", pa.float32())]
)

STARS = pa.schema([("item", pa.uint64()), ("component", pa.uint64())])  # the component's name is its least item

DECISIONS = pa.schema(  # deduplicate: one row a record that reached it
    [
        *KEY,
        ("sample_id", pa.string()),
        ("cluster_id", pa.string()),  # sample_id of the cluster's survivor
        ("kept", pa.bool_()),  # true for exactly one record of a cluster, for none of one that was taken down
        ("reason", pa.string()),  # why not kept, "" if kept
        ("score", pa.float32()),  # estimated Jaccard similarity to the survivor, 1 for exact levels
        ("provenance", PROVENANCE),  # of all the cluster's records if kept, else empty
        ("shown", SHOWN),
        ("late", pa.bool_()),  # it gave way to a drawing that was published before it came: shards tell nothing of it
    ]
)

LINE = [  # what earlier versions recorded of a record; see pipeline.versions.lineage
    ("group", pa.string()),  # the first key of the record that its cluster was published with
    ("keys", pa.list_(pa.string())),  # what splits go by; its own first
    ("since", pa.int32()),  # the version since which it represents a drawing, 0 if it never did
    ("joined", pa.int32()),  # the version whose provenance named it first
]

LINEAGE = pa.schema([*KEY, ("sample_id", pa.string()), *LINE])  # of a version: one row a record, sorted by source, path

TRACED = pa.schema(  # of a record on its way to a decision: its line, nulls and zeros if it has none
    [*LINE, ("also", pa.list_(pa.string()))]  # keys of records of its cluster that settings keep out
)

DECIDED = pa.schema(  # as it is stored for a samples partition, in its order, with what tiers go by
    [*DECISIONS, ("atomic_length", pa.int32()), ("keys", pa.list_(pa.string()))]  # keys: of the cluster if kept
)

_PLACE = [("partition", pa.int32()), ("row", pa.int32())]  # of the partitions that one task routes

SETTLED = pa.schema([*DECIDED, *_PLACE])  # decisions of a slice of the corpus

ORIGINS = pa.schema(  # of a version: one row a sample, sorted by sample_id; the first of provenance is its own record
    [("sample_id", pa.string()), ("cluster_id", pa.string()), ("provenance", PROVENANCE)]
)

ROUTED = pa.schema(  # what is decided by, on its way to a slice
    [
        *KEY,
        *(RAW.field(name) for name in CREDITS),
        NORMALIZED.field("sample_id"),
        SIGNED.field("geometry_key"),
        RENDERED.field("ssim"),
        *(SIGNED.field(name) for name in ("flags", "template")),
        ATOMIC.field("atomic_length"),
        *_PLACE,
        *TRACED,
    ]
)

CLUSTERS = pa.schema(  # of a version: one row a record of a cluster of two and more, or of what overlaps a benchmark
    [
        ("cluster_id", pa.string()),  # sample_id of the survivor, which comes first, or of a benchmark's drawing
        ("sample_id", pa.string()),
        *KEY,
        ("reason", pa.string()),  # why it joined, "" for the survivor
        ("score", pa.float32()),  # how alike it is to the survivor, by that reason's measure
    ]
)

DESCRIBED = pa.schema(  # what is known of a kept sample without a model, and without its duplicates
    [
        ("sample_id", pa.string()),
        ("captions", CAPTIONS),
        ("hues", pa.list_(pa.string())),  # colours that the drawing has; see stages.caption.hues
    ]
)

VOTED = pa.struct([*CAPTIONS.value_type, ("votes", pa.int32())])
"""A caption of duplicates, and how many records have it."""

LENT = pa.schema(  # what a samples partition has for clusters, sorted by cluster: captions of duplicates, and survivors
    [
        ("cluster_id", pa.string()),
        ("sample_id", pa.string()),  # of the duplicate's own drawing, or of the survivor
        ("row", pa.int32()),  # of a survivor: which it is of those in the partition; null for a caption
        ("caption", VOTED),  # null for a survivor
    ]
)

BORROWED = pa.schema(  # what the duplicates of a partition's survivors say
    [("sample_id", pa.string()), ("row", pa.int32()), ("captions", pa.list_(VOTED))]
)

EDITED = pa.schema(  # what people say of a partition's survivors
    [("sample_id", pa.string()), ("row", pa.int32()), ("captions", CAPTIONS)]
)

REJECTED = pa.struct(
    [
        ("origin", pa.string()),
        ("style", pa.string()),
        ("language", pa.string()),
        ("model", pa.string()),
        ("text", pa.string()),
        ("reason", pa.string()),  # stages.caption.rejections
        ("score", pa.float32()),  # 0..1, how sure that is
        ("detail", pa.string()),
    ]
)
"""A caption that is not used, and why."""

CAPTIONED = pa.schema(
    [("sample_id", pa.string()), ("captions", CAPTIONS), ("rejected", pa.list_(REJECTED))]  # the chosen one first
)

CAPTION_REJECTS = pa.schema([("sample_id", pa.string()), *REJECTED])  # one row a caption that is not used

ANSWERED = pa.schema(  # what a model said: one row for each kept sample, in their order, and each style
    [
        ("sample_id", pa.string()),
        ("style", pa.string()),
        ("text", pa.string()),  # null where there is a reason
        ("language", pa.string()),  # that the prompt asked for
        ("model", pa.string()),
        ("prompt", pa.string()),  # hex sha256 of the prompt's template
        ("temperature", pa.float32()),
        ("seed", pa.int64()),
        ("score", pa.float32()),  # null: models give none
        ("reason", pa.string()),  # why there is no text, "" if there is; see pipeline.asking.request
        ("detail", pa.string()),
        ("requests", pa.int32()),  # that were answered
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("money", pa.float64()),
    ]
)

SCORED = pa.schema(  # see stages.score
    [
        ("sample_id", pa.string()),
        ("complexity", pa.float32()),
        ("paths", pa.int32()),
        ("commands", pa.int32()),
        ("colors", pa.int32()),
    ]
)

TIERED = pa.schema([("sample_id", pa.string()), ("tier", pa.string()), ("split", pa.string())])

ENCODED = pa.schema(
    [
        ("sample_id", pa.string()),
        ("segments", pa.string()),  # token string with segment tokens
        ("segment_length", pa.int32()),
        ("input_ids", pa.list_(pa.int32())),
        ("ids_length", pa.int32()),
    ]
)

LENGTHS = pa.schema([ENCODED.field(name) for name in ("sample_id", "segment_length", "ids_length")])

MEASURED = pa.schema([("value", pa.float64()), ("count", pa.int64())])  # of what tiers go by, how many have it

CANDIDATES = pa.schema([("slot", pa.uint32()), ("count", pa.int64())])  # of segments; see stages.tokenize.learning

TEXTS = pa.schema([("text", pa.string()), ("count", pa.int64())])  # what the tokenizer's BPE learns from

RUNS = pa.schema([("run", pa.string()), ("count", pa.int64())])  # commands in a row, as in a token string

PICTURES = ("png", "webp")
"""Columns that pictures can stand in; a shard has one of them at most."""

SHARD_COLUMNS = pa.schema(  # what shards hold first; see stages.sides.SHARD
    [
        ("sample_id", pa.string()),
        ("svg", pa.string()),
        ("tokens", pa.string()),
        ("segments", pa.string()),
        ("input_ids", pa.list_(pa.int32())),
        ("caption", pa.string()),  # the first of captions
        ("captions", CAPTIONS),
        ("png", pa.binary()),  # or another of PICTURES, or none
        ("tier", pa.string()),
        ("split", pa.string()),
        ("atomic_length", pa.int32()),
        ("segment_length", pa.int32()),
        ("ids_length", pa.int32()),
        ("ssim", pa.float32()),
        ("mae", pa.float32()),
        ("visible_share", pa.float32()),
        ("width", pa.float64()),  # of the source's viewBox, user units
        ("height", pa.float64()),
        ("license", pa.string()),  # SPDX expression of the surviving record
        ("source", pa.string()),  # of the surviving record
        SIGNED.field("flags"),
        *(SCORED.field(name) for name in ("complexity", "paths", "commands", "colors")),
        ("provenance", PROVENANCE),
    ]
)
