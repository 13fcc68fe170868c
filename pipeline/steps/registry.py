"""All steps of a run, in the order they run."""

from __future__ import annotations

from typing import Any

from pipeline.steps.ask import ANSWERS, ASK
from pipeline.steps.caption import CAPTION_STEP
from pipeline.steps.collect import COLLECT
from pipeline.steps.copied import COPIED, INHERIT, OUTCOMES_STEP
from pipeline.steps.copies import COPIES_STEP
from pipeline.steps.crawl import CRAWL
from pipeline.steps.deal import DEAL
from pipeline.steps.decisions import COMPONENTS, DEDUPLICATE, ENDED, GATHER, ROUTE, SETTLE
from pipeline.steps.duplicates import BANDS_STEP, COMPARE, MATCH_STEP, PAIRS_STEP
from pipeline.steps.edited import EDITED_STEP
from pipeline.steps.fetch import FETCH
from pipeline.steps.index import INDEX_STEP
from pipeline.steps.keep import KEEP
from pipeline.steps.learning import COUNT, FREQUENT, RUNS_STEP, SEGMENTS
from pipeline.steps.lend import BORROW, LEND
from pipeline.steps.look import LOOK
from pipeline.steps.repeats import HEAR, REPEATS
from pipeline.steps.rowwise import SAMPLES_STEP
from pipeline.steps.sides import DESCRIBE_STEP, LATER_STEPS
from pipeline.steps.tiers import EDGES, LENGTHS_STEP, MEASURE, TIER_STEP
from pipeline.steps.write import WRITE
from pipeline.work.task import Step

STEPS: tuple[Step[Any], ...] = (
    FETCH,
    CRAWL,
    KEEP,
    COPIES_STEP,
    SAMPLES_STEP,
    OUTCOMES_STEP,
    COPIED,
    BANDS_STEP,
    PAIRS_STEP,
    COMPARE,
    MATCH_STEP,
    COMPONENTS,
    ROUTE,
    ENDED,
    SETTLE,
    GATHER,
    DEDUPLICATE,
    INHERIT,
    DESCRIBE_STEP,
    LOOK,
    ASK,
    ANSWERS,
    LEND,
    BORROW,
    EDITED_STEP,
    HEAR,
    REPEATS,
    CAPTION_STEP,
    COUNT,
    FREQUENT,
    RUNS_STEP,
    SEGMENTS,
    *(step for step, _ in LATER_STEPS),
    LENGTHS_STEP,
    MEASURE,
    EDGES,
    TIER_STEP,
    DEAL,
    COLLECT,
    WRITE,
    INDEX_STEP,
)
"""A partition that harms its worker is looked into by one more, `pipeline.steps.rowwise.BISECT`."""


def on_the_way_to(step: Step[Any]) -> tuple[Step[Any], ...]:
    """The steps whose records ``step`` stands for in a version."""
    return tuple(other for other in STEPS if other.to == step.name)
