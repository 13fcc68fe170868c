"""Rewards: how many a second of CPU time, and whether small pictures rank answers as large ones do.

    python -m benchmarks.rewards WORKSPACE [--answers 4000] [--drawings 100]

The truths are drawings of the newest version, each with eight answers, as a trainer that samples groups has them. CPU
time is that of this process and of the sandbox's children, their starts included.
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, quantiles

from scipy.stats import spearmanr

from pipeline.models.embeddings import read_vocabulary
from pipeline.rewards import Rewarder, compute_score
from pipeline.storage.open import open_existing
from pipeline.versions import published, shards
from pipeline.work import sandbox
from stages.reward import Language, RewardSettings, Truth, score
from tests.stages.reward.answers import hostile, perturbed

GROUP = 8
"""Answers to a truth."""

SHARES = {
    "exact": 0.1,
    "a little askew": 0.3,
    "far off": 0.25,
    "another": 0.1,
    "broken": 0.2,
    "prose": 0.04,
    "hostile": 0.01,
}
"""Kinds of answers, and how many of them there are."""

REACHES = (1, 2, 4, 8, 16, 32, 64, 128)
"""Canvas units by which coordinates are off, of answers that are ranked."""


def answer(kind: str, truth: str, other: str, chance: random.Random) -> str:
    """An answer of this kind to a truth."""
    if kind == "exact":
        return truth
    if kind == "another":
        return other
    if kind == "a little askew":
        return perturbed(truth, chance.randint(1, 8), chance.randrange(2**32))
    if kind == "far off":
        return perturbed(truth, chance.randint(9, 100), chance.randrange(2**32))
    if kind == "prose":
        return (
            f"Here is the drawing:\n```svg\n{perturbed(truth, 4, chance.randrange(2**32))}\n```\nIt shows it.<|im_end|>"
        )
    if kind == "hostile":
        return chance.choice(list(hostile(chance.choice([2_000, 20_000, 10**7])).values()))
    at = chance.randrange(len(truth))
    return chance.choice([truth[:at], truth[:at] + "<d_7><g>" + truth[at:], truth[:at] + truth[at + 9 :]])


def cpu() -> float:
    """CPU seconds of this process and of all children that have ended."""
    sandbox.close_all()
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def rate(rewarder: Rewarder, strings: Sequence[str], kinds: dict[str, float], count: int) -> None:
    """Print how many rewards a second there are of answers of these kinds, and what became of them."""
    chance = random.Random(5)
    truths = [strings[i // GROUP % len(strings)] for i in range(count)]
    drawn = chance.choices(list(kinds), list(kinds.values()), k=count)
    texts = [answer(kind, truth, chance.choice(strings), chance) for kind, truth in zip(drawn, truths, strict=True)]
    before, began = cpu(), time.perf_counter()
    rewards = rewarder.score(texts, truths)
    took, wall = cpu() - before, time.perf_counter() - began
    print(f"{count} answers: {count / took:.0f} a second of CPU time, {count / wall:.0f} a second of wall-clock time")
    by_kind: dict[str, list[float]] = defaultdict(list)
    for kind, reward in zip(drawn, rewards, strict=True):
        by_kind[kind].append(reward.total)
    for kind, totals in by_kind.items():
        print(
            f"  {kind:15} {len(totals) / count:6.1%}  mean {mean(totals):.3f}, {min(totals):.3f} to {max(totals):.3f}"
        )
    for why, times in Counter(reward.why for reward in rewards).most_common():
        print(f"  {why:15} {times / count:6.1%}")


def one_by_one(vocabulary: Path, strings: Sequence[str]) -> None:
    """Print how many a second there are if each is asked for alone, as most of verl's reward managers do."""
    before = cpu()
    for index in range(400):
        truth = strings[index // GROUP % len(strings)]
        compute_score("", perturbed(truth, 8, index), truth, vocabulary=str(vocabulary))
    print(f"one by one: {400 / (cpu() - before):.0f} a second of CPU time")


def ranking(language: Language, strings: Sequence[str]) -> None:
    """Print how the ranking of a truth's answers at some sizes agrees with that at 512 px, and how it is ordered."""
    totals: dict[int, list[list[float]]] = {}
    for size in (64, 128, 224, 256, 512):
        settings = RewardSettings(size=size)
        began = time.process_time()
        rows = []
        for index, text in enumerate(strings):
            truth = Truth.of(text, language, settings)
            texts = [perturbed(text, reach, 100 * index + at) for at, reach in enumerate(REACHES)]
            texts += [strings[(index + k) % len(strings)] for k in (1, 2)] + ["<svg>viewBox=0 0 784 784</svg>"]
            rows.append([score(each, truth, language, settings).total for each in texts])
        totals[size] = rows
        print(f"{size} px: {len(rows) * len(rows[0]) / (time.process_time() - began):.0f} a second, without a sandbox")
    for size in (64, 128, 224, 256):
        agreed = [float(spearmanr(a, b).statistic) for a, b in zip(totals[size], totals[512], strict=True)]
        tenth = quantiles(agreed, n=10)[0]
        print(f"{size} px: Spearman with 512 px {mean(agreed):.4f}, a tenth under {tenth:.4f}, least {min(agreed):.4f}")
    for name, size in (("224", 224), ("512", 512)):
        pairs = [row[i] > row[i + 1] for row in totals[size] for i in range(len(REACHES) - 1)]
        near = [max(row[:2]) > max(row[5:]) for row in totals[size]]
        another = [max(row[8:10]) > row[10] for row in totals[size]]
        print(
            f"{name} px: off by half has more {mean(pairs):.1%}; off by at most 2 has more than off by 32 and others"
            f" {mean(near):.1%}; another has more than a blank page {mean(another):.1%}"
        )
        levels = [f"{mean(row[at] for row in totals[size]):.3f}" for at in range(len(REACHES) + 3)]
        print(f"  mean rewards: off by {REACHES}: {levels[:-3]}; others {levels[-3:-1]}; blank {levels[-1]}")


def main() -> None:
    """Run all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--answers", type=int, default=4000)
    parser.add_argument("--drawings", type=int, default=100)
    arguments = parser.parse_args()
    storage = open_existing(str(arguments.workspace))
    manifest = published.read(storage)
    vocabulary = (arguments.workspace / manifest.vocabulary_files["segments"].path).parent
    rows = [row for shard in shards.present(storage, manifest) for row in shards.read(storage, shard, ["segments"])]
    strings = [row["segments"] for row in rows]
    random.Random(1).shuffle(strings)
    rewarder = Rewarder(vocabulary)
    calm = {kind: share for kind, share in SHARES.items() if kind != "hostile"}
    print("without hostile answers,", end=" ")
    rate(rewarder, strings, calm, arguments.answers)
    print("with them,", end=" ")
    rate(rewarder, strings, SHARES, arguments.answers)
    one_by_one(vocabulary, strings)
    ranking(Language(*read_vocabulary(vocabulary)), strings[: arguments.drawings])


if __name__ == "__main__":
    main()
