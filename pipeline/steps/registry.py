"""All steps of a run, in the order they run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pipeline.steps import crawl, decisions, duplicates, encode, keep, learning, rowwise, sides, write
from pipeline.work.ledger import Record
from pipeline.work.task import Work
from stages.installed import check_names, installed
from stages.sides import SIDES

LEARNING = ("count", "frequent", "runs", "segments")
"""The stages that learn a vocabulary, which are left out once it is frozen; see `stages.tokenize.learning`."""


IN_SHARDS = ("components", "route", "ended", "settle", "gather")
"""The stages that decide on a corpus too large for one task; see `pipeline.steps.decisions`."""


DUPLICATES = ("bands", "pairs", "match", *IN_SHARDS, "deduplicate")
"""The stages that find duplicates and decide who stays; see `pipeline.steps.duplicates`."""


STAGES = ("crawl", "keep", "samples", *DUPLICATES, *(side.name for side in SIDES), *LEARNING, "encode", "write")
"""In the order they run."""


WHOLE = ("keep", "pairs", *IN_SHARDS, "deduplicate", "frequent", "segments")
"""The stages with tasks over the whole corpus, which take as long as they take."""


_STEPS: dict[str, Callable[[Work], Record]] = {
    "crawl": crawl.crawl_step,
    "samples": rowwise.samples_step,
    "bisect": rowwise.samples_step,
    **keep.STEPS,
    **duplicates.STEPS,
    **decisions.STEPS,
    "count": learning.count_step,
    "frequent": learning.frequent_step,
    "runs": learning.runs_step,
    "segments": learning.segments_step,
    "encode": encode.encode_step,
    "write": write.write_step,
}
check_names(installed(), tuple(_STEPS))

STEPS = _STEPS | {side.name: partial(sides.side_step, side) for side in SIDES}
