"""Rewards of a table of answers: what the sandbox's child runs."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache

import pyarrow as pa

from stages import tokenize
from stages.base import Dropped, Settings
from stages.reward.scoring import Language, Reward, Truth, nothing, score
from stages.reward.settings import RewardSettings
from stages.tokenize.settings import AtomicSettings

ANSWERS = pa.schema([("answer", pa.binary()), ("truth", pa.binary())])
"""Both UTF-8; with surrogates, since a text may hold them."""

REWARDS = pa.schema(
    [
        ("total", pa.float64()),
        ("format", pa.float64()),
        ("decodes", pa.bool_()),
        ("renders", pa.bool_()),
        ("length", pa.float64()),
        ("picture", pa.float64()),
        ("ink", pa.float64()),
        ("ssim", pa.float64()),
        ("visible", pa.float64()),
        ("why", pa.string()),
        ("detail", pa.string()),
    ]
)
"""The fields of `Reward`."""

BAD_TRUTH = "bad_truth"
"""``why`` of an answer to a truth that is no token string of the vocabulary, or that cannot be drawn."""

TRUTHS = 32
"""Truths of which the pictures are kept, a megabyte each: several answers to one question come one after the other."""


class Job(Settings):
    """All that rewards depend on beside answers and truths. ``segments``: as `tokenize.Segments.to_json` writes it."""

    reward: RewardSettings
    vocabulary: AtomicSettings
    segments: str


def rewards(table: pa.Table, job_json: str) -> list[pa.Table]:
    """The rewards (`REWARDS`) of the rows of ``table`` (`ANSWERS`), in their order. ``job_json``: `Job`."""
    settings, _ = _job(job_json)
    rows = [
        _reward(answer, truth, job_json, settings)
        for answer, truth in zip(table["answer"].to_pylist(), table["truth"].to_pylist(), strict=True)
    ]
    return [pa.Table.from_pylist([asdict(row) for row in rows], schema=REWARDS)]


def _reward(answer: bytes, truth: bytes, job_json: str, settings: RewardSettings) -> Reward:
    try:
        drawing = _truth(truth, job_json)
        return score(answer.decode("utf-8", "surrogatepass"), drawing, _job(job_json)[1], settings)
    except (tokenize.TokenError, Dropped) as error:
        return nothing(BAD_TRUTH, str(error))


@lru_cache(maxsize=4)
def _job(job_json: str) -> tuple[RewardSettings, Language]:
    job = Job.model_validate_json(job_json)
    vocabulary = tokenize.Vocabulary.build(job.vocabulary)
    return job.reward, Language(vocabulary, tokenize.Segments.from_json(job.segments))


@lru_cache(maxsize=TRUTHS)
def _truth(tokens: bytes, job_json: str) -> Truth:
    settings, language = _job(job_json)
    return Truth.of(tokens.decode("utf-8", "surrogatepass"), language, settings)
