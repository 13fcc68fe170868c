"""Rewards for reinforcement learning, as trainers call them: verl's custom reward function, one answer or many.

    reward = Rewarder(Path("out/tokenizer"))
    reward.score(["<svg>viewBox=0 0 784 784…</svg>"], ["<svg>viewBox=0 0 784 784…</svg>"])

What an answer is worth is said in `stages.reward`. Answers are decoded and drawn in a child process with limits
(`pipeline.work.sandbox`): one that kills it, or takes too long, gets nothing, and the trainer goes on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
from pydantic import ValidationError

from pipeline.errors import ConfigError, InputError
from pipeline.models.embeddings import read_vocabulary
from pipeline.work.sandbox import SandboxSettings, shared
from stages.reward import ANSWERS, BAD_TRUTH, Job, Reward, RewardSettings, nothing
from stages.tokenize import AtomicSettings

LIMITS = SandboxSettings(record_seconds=1.0, memory_bytes=2**30, max_output_bytes=2**22, chunk_rows=16)
"""What an answer may take, or some together: most take a few milliseconds."""

Setting: TypeAlias = str | int | float | bool
Score: TypeAlias = dict[str, float | str]
"""``score``, the terms of `stages.reward.Reward` by name, 0..1, and ``why``, a word."""


class Rewarder:
    """Gives rewards for answers in the token language of one version."""

    def __init__(
        self, vocabulary: Path, settings: RewardSettings | None = None, limits: SandboxSettings = LIMITS
    ) -> None:
        """``vocabulary``: a version's folder ``vocabularies/<digest>``.

        Raises EmbeddingsError if it is none, and PartitionRefused and ConfigError if nothing can be drawn here.
        """
        table, segments = read_vocabulary(vocabulary)
        atoms = AtomicSettings(canvas=table.canvas, tolerance=table.limit - table.canvas, elements=table.elements)
        self._settings = settings or RewardSettings()
        self._job = Job(reward=self._settings, vocabulary=atoms, segments=segments.to_json()).model_dump_json()
        self._limits = limits
        self._check(table.canvas)

    def score(self, answers: Sequence[str], truths: Sequence[str]) -> list[Reward]:
        """The reward of each answer, any text, beside its truth, a token string with segments or without.

        Raises InputError for a truth that is no drawing: the dataset is of another version than the vocabulary.
        """
        # a character more says that there are more, and is all that is needed of them
        most = self._settings.max_characters + 1
        rows = [
            (answer[:most].encode("utf-8", "surrogatepass"), truth.encode("utf-8", "surrogatepass"))
            for answer, truth in zip(answers, truths, strict=True)
        ]
        order = sorted(range(len(rows)), key=lambda index: rows[index][1])
        columns = [pa.array([rows[index][side] for index in order], pa.binary()) for side in (0, 1)]
        # asked for each time, since a fork must not use the child of the process that it comes from
        result = shared("stages.reward:rewards", self._limits).run(pa.table(columns, schema=ANSWERS), self._job)
        given_up = {place: (reason, detail) for place, reason, detail in result.quarantined}
        scored = iter(result.tables[0].to_pylist() if result.tables else ())
        rewards: list[Reward | None] = [None] * len(rows)
        for place, index in enumerate(order):
            if place in given_up:
                reason, detail = given_up[place]
                rewards[index] = nothing(str(reason), detail)
            else:
                rewards[index] = Reward(**next(scored))
        whole = [reward for reward in rewards if reward is not None]
        for reward, truth in zip(whole, truths, strict=True):
            if reward.why == BAD_TRUTH:
                raise InputError(
                    f"the ground truth {truth[:40]!r} is no drawing ({reward.detail}); "
                    "give the vocabulary folder of the version that the dataset was made from"
                )
        return whole

    def _check(self, canvas: int) -> None:
        """Draw a square beside a smaller one, so that what is wrong with the machine does not look like bad answers."""
        square = "<svg>viewBox=0 0 {0} {0}<rect>width={1} height={1}</rect></svg>"
        (reward,) = self.score([square.format(canvas, canvas / 2)], [square.format(canvas, canvas / 4)])
        if not reward.renders:
            raise ConfigError(f"nothing can be drawn here: {reward.why}, {reward.detail}; check the installation")


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, object] | None = None,
    *,
    vocabulary: str,
    settings: Mapping[str, Setting] | None = None,
) -> Score:
    """verl's ``custom_reward_function``, for the reward managers naive, dapo, gdpo, limited and remote.

    ``solution_str``: the answer. ``ground_truth``: the token string of the drawing. ``vocabulary`` and ``settings``
    (`RewardSettings`) come from ``reward_kwargs``. Raises as `Rewarder` and `Rewarder.score` do, never for an answer.
    """
    (score,) = compute_score_batch([data_source], [solution_str], [ground_truth], [extra_info], vocabulary, settings)
    return score


def compute_score_batch(
    data_sources: Sequence[str],
    solution_strs: Sequence[str],
    ground_truths: Sequence[str],
    extra_infos: Sequence[Mapping[str, object] | None],
    vocabulary: str,
    settings: Mapping[str, Setting] | None = None,
) -> list[Score]:
    """The same of many answers at once, for verl's reward manager batch."""
    rewarder = _rewarder(vocabulary, json.dumps(dict(settings or {}), sort_keys=True))
    return [_score(reward) for reward in rewarder.score(solution_strs, ground_truths)]


def _score(reward: Reward) -> Score:
    terms: Score = {"score": reward.total}
    for name in ("format", "decodes", "renders", "length", "picture", "ink", "ssim", "visible"):
        terms[name] = float(getattr(reward, name))
    return terms | {"why": reward.why}


@lru_cache(maxsize=4)
def _rewarder(vocabulary: str, settings_json: str) -> Rewarder:
    try:
        return Rewarder(Path(vocabulary), RewardSettings.model_validate_json(settings_json))
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"])) or "settings"
        raise ConfigError(f"reward settings: {where}: {fault['msg']}") from None
