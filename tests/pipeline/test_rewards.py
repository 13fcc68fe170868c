"""Rewards as trainers ask for them: in a child process, one answer or many, and never an exception for an answer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ConfigError, InputError
from pipeline.rewards import LIMITS, Rewarder, compute_score, compute_score_batch
from pipeline.work import sandbox
from stages import tokenize
from stages.reward import RewardSettings, Truth, Why, score
from tests.stages.reward.answers import hostile, perturbed
from tests.stages.reward.drawings import LANGUAGE, drawings

SQUARE = "<svg>viewBox=0 0 784 784<rect>width=392 height=392</rect></svg>"


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The folder of a version's vocabulary."""
    folder: Path = tmp_path_factory.mktemp("vocabulary")
    (folder / "vocabulary.json").write_text(LANGUAGE.vocabulary.to_json())
    (folder / "segments.json").write_text(LANGUAGE.segments.to_json())
    yield str(folder)
    sandbox.close_all()


def test_many_at_once_are_as_one_by_one(vocabulary: str) -> None:
    """In their order, though they are drawn in another; and as the stage says, without a sandbox."""
    truths = [*drawings(), *drawings()]
    answers = [perturbed(truth, 9, seed) for seed, truth in enumerate(truths)]
    answers[3], answers[5] = truths[3], "I would rather not."
    rewards = Rewarder(Path(vocabulary)).score(answers, truths)
    settings = RewardSettings()
    expected = [
        score(answer, Truth.of(truth, LANGUAGE, settings), LANGUAGE, settings)
        for answer, truth in zip(answers, truths, strict=True)
    ]
    assert rewards == expected
    assert len({reward.total for reward in rewards}) > 20


def test_verl_calls_it(vocabulary: str) -> None:
    """With the names that its reward managers use, of arrays of objects; every answer has the same numbers."""
    extra = {"index": 3, "num_turns": None, "rollout_reward_scores": {}}
    said = tokenize.encode_segments(drawings()[0], LANGUAGE.segments)
    one = compute_score(
        data_source="icons", solution_str=said, ground_truth=drawings()[0], extra_info=extra, vocabulary=vocabulary
    )
    assert one["score"] == 1 and one["why"] == "exact"
    answers = [said, "no", "<svg>viewBox=0 0 784 784</svg>"]
    many = compute_score_batch(
        data_sources=np.array(["icons"] * 3, object),
        solution_strs=answers,
        ground_truths=[drawings()[0]] * 3,
        extra_infos=np.array([extra] * 3, object),
        vocabulary=vocabulary,
    )
    assert many[0] == one and [each["why"] for each in many] == ["exact", "no_tokens", "blank"]
    assert all(each.keys() == one.keys() for each in many)
    assert all(isinstance(value, float) for each in many for name, value in each.items() if name != "why")


def test_hostile_answers_cost_themselves(vocabulary: str) -> None:
    """Each among good ones, which have all they deserve; what cannot be finished has nothing and says why."""
    slow = ("wide filter", "tiny tiles", "huge dashes", "doubling uses")  # a second each
    answers = {name: answer for name, answer in hostile(5_000).items() if name not in slow}
    texts = [text for answer in answers.values() for text in (answer, SQUARE)]
    rewards = Rewarder(Path(vocabulary)).score(texts, [SQUARE] * len(texts))
    assert all(reward.total == 1 for reward in rewards[1::2])
    whys = dict(zip(answers, (reward.why for reward in rewards[::2]), strict=True))
    assert whys["huge canvas"] == "out_of_memory"
    assert whys["long text"] == Why.NO_TOKENS and whys["surrogates"] == Why.MALFORMED
    assert whys["a file"] == Why.BLANK
    assert max(reward.total for reward in rewards[::2]) <= 0.1


def test_a_fork_has_a_child_of_its_own(vocabulary: str) -> None:
    """Trainers fork: two processes that talk to one child would garble each other's answers."""
    rewarder = Rewarder(Path(vocabulary))
    answers = [perturbed(truth, 9, 1) for truth in drawings()]
    expected = rewarder.score(answers, drawings())
    pid = os.fork()
    if not pid:
        os._exit(0 if rewarder.score(answers, drawings()) == expected else 1)
    assert rewarder.score(answers, drawings()) == expected
    assert os.waitpid(pid, 0)[1] == 0


def test_ten_million_characters_are_not_looked_at(vocabulary: str) -> None:
    """Also not those that would decode."""
    rewards = Rewarder(Path(vocabulary)).score([*hostile(10**7).values()][:6], [SQUARE] * 6)
    assert {reward.why for reward in rewards} == {Why.TOO_LONG} and {reward.total for reward in rewards} == {0.0}


def test_settings_come_with_the_call(vocabulary: str) -> None:
    """As verl's reward_kwargs has them."""
    only_format = {"format": 1, "drawn": 0, "length": 0, "picture": 0.0, "size": 64}
    answer = "<svg>viewBox=0 0 784 784</svg>"
    assert compute_score("", answer, SQUARE, vocabulary=vocabulary, settings=only_format)["score"] == 1


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"size": 225}, "reward settings: size: Input should be a multiple of 16"),
        ({"pictures": 1}, "reward settings: pictures: Extra inputs are not permitted"),
    ],
)
def test_wrong_settings_are_one_line(vocabulary: str, settings: dict[str, int], line: str) -> None:
    with pytest.raises(ConfigError, match=line):
        compute_score("", SQUARE, SQUARE, vocabulary=vocabulary, settings=settings)


def test_a_truth_of_another_version_is_one_line(vocabulary: str) -> None:
    """No reward would say so: all answers would look bad."""
    with pytest.raises(
        InputError, match=r"the ground truth '<svg>viewBox=0 0 512 512</svg>' is no drawing .* give the"
    ):
        compute_score("", SQUARE, "<svg>viewBox=0 0 512 512</svg>", vocabulary=vocabulary)


def test_a_folder_that_is_no_vocabulary_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read: .*; give a version's vocabularies/<digest> folder"):
        compute_score("", SQUARE, SQUARE, vocabulary=str(tmp_path))


def test_a_machine_that_draws_nothing_is_one_line(vocabulary: str) -> None:
    """Before any answer is blamed for it."""
    with pytest.raises(ConfigError, match=r"nothing can be drawn here: .*; check the installation"):
        Rewarder(Path(vocabulary), limits=LIMITS.model_copy(update={"record_seconds": 1e-6}))
