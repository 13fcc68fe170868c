"""Shingles, buckets, candidates and their verification, held against datasketch and against brute force."""

import hashlib
import random
from itertools import pairwise

import datasketch
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.deduplicate import (
    FEATURES,
    DeduplicateSettings,
    Level,
    bands,
    components,
    match,
    merged,
    pairs,
    shingles,
    slices,
)
from stages.deduplicate.banding import PERMUTATIONS, lsh_parameters, minhash
from stages.deduplicate.matching import jaccard
from stages.deduplicate.pairing import FIRST
from stages.deduplicate.shingling import drawn
from stages.schema import EDGES
from tests.stages.deduplicate.records import SCHEMA, SETTINGS, points, record, tokens


def table(rows: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def corpus(count: int, seed: int = 0) -> list[dict]:
    """Drawings of which some are near to others, in two sources."""
    chance = random.Random(seed)
    found = []
    for n in range(count):
        base = points(chance.randrange(count // 3), 60)
        changed = chance.randrange(20)
        text = tokens(base[changed:] + points(1000 + n, changed))
        found.append(record("ab"[chance.randrange(2)], f"{n:04}", text))
    return found


def test_signature_estimates_jaccard_as_datasketch_does() -> None:
    """Over 80 pairs our estimate is as near to the true similarity as datasketch's, within its standard error."""
    errors, theirs = [], []
    for n in range(80):
        a, b = (set(shingles(tokens(p), 74).tolist()) for p in (points(n, 80), points(n, 80 - n) + points(n + 500, n)))
        true = len(a & b) / len(a | b)
        both = np.array([*sorted(a), *sorted(b)], np.uint32)
        x, y = minhash(both, np.array([len(a), len(b)]), seed=42).T
        errors.append((x == y).mean() - true)
        sketches = []
        for found in (a, b):
            sketch = datasketch.MinHash(PERMUTATIONS)
            sketch.update_batch([str(s).encode() for s in found])
            sketches.append(sketch)
        theirs.append(sketches[0].jaccard(sketches[1]) - true)
    assert np.std(errors) < 0.05 and abs(np.mean(errors)) < 0.015
    assert np.std(errors) < 1.5 * np.std(theirs)


def test_candidates_are_those_that_datasketch_would_find() -> None:
    """Of 400 drawings, nearly all pairs over the threshold are candidates, as with datasketch's MinHashLSH."""
    rows = corpus(400)
    sets = {row["sample_id"]: set(row["shingles"]) for row in rows if row["shingles"]}
    ids = sorted(sets)
    close = {
        (a, b)
        for i, a in enumerate(ids)
        for b in ids[i + 1 :]
        if len(sets[a] & sets[b]) >= SETTINGS.threshold * len(sets[a] | sets[b])
    }
    assert len(close) > 50
    own = SETTINGS.model_copy(update={"recoloured": "off"})
    found = pairs([(0, bands(table(rows), own))], {"a": 0, "b": 1}, own)
    of_item = {int(sample_id[:16], 16): sample_id for sample_id in sets}
    ours = {
        tuple(sorted((of_item[a], of_item[b])))
        for a, b in zip(found["a"].to_pylist(), found["b"].to_pylist(), strict=True)
    }
    count, width = lsh_parameters(SETTINGS.threshold)
    lsh = datasketch.MinHashLSH(params=(count, width), num_perm=PERMUTATIONS)
    sketches = {}
    for sample_id, values in sets.items():
        sketches[sample_id] = datasketch.MinHash(PERMUTATIONS)
        sketches[sample_id].update_batch([str(value).encode() for value in values])
        lsh.insert(sample_id, sketches[sample_id])
    theirs = {tuple(sorted((a, b))) for a in sets for b in lsh.query(sketches[a]) if a != b}
    assert len(close & ours) >= 0.98 * len(close)
    assert len(close & ours) >= len(close & theirs) - 2
    assert len(ours) < 2 * len(theirs) + 50


def test_verification_is_exact() -> None:
    """`jaccard` is the similarity of the sets, for any pairs of rows."""
    rows = [record("a", f"{n}", tokens(points(n % 7, 5 + n))) for n in range(30)]
    chance = np.random.default_rng(1)
    left, right = chance.integers(0, 30, 200), chance.integers(0, 30, 200)
    found = jaccard(table(rows)["shingles"].combine_chunks(), left, right)
    for a, b, value in zip(left, right, found, strict=True):
        one, other = set(rows[a]["shingles"]), set(rows[b]["shingles"])
        assert value == pytest.approx(len(one & other) / len(one | other) if one and other else 0.0)


@settings(max_examples=20)
@given(st.integers(1, 5), st.integers(1, 20), st.randoms(use_true_random=False))
def test_any_partitioning_gives_the_same_duplicates(parts: int, cuts: int, chance: random.Random) -> None:
    """However samples are cut into blocks, and buckets into tasks, the same pairs are duplicates."""
    rows = corpus(60)
    # the other source has some of the samples, too
    rows += [row | {"source": "ab"[row["source"] == "a"], "path": row["path"] + "-again"} for row in rows[:20]]
    whole = match(pairs([(0, bands(table(rows), SETTINGS))], {"a": 0, "b": 1}, SETTINGS), table(rows), SETTINGS)
    chance.shuffle(rows)
    blocks = [rows[n::parts] for n in range(parts)]
    buckets = [bands(table(block), SETTINGS) for block in blocks]
    edges = [(1 << 64) * k // cuts for k in range(cuts + 1)]
    found = []
    for begin, end in pairwise(edges):
        here = []
        for n, of in enumerate(buckets):
            values = of["bucket"].to_numpy()
            here.append((n, of.filter((values >= np.uint64(begin)) & (values <= np.uint64(end - 1)))))
        found.append(pairs(here, {"a": 0, "b": 1}, SETTINGS))
    together = merged(found)
    edges_found = []
    for a in range(parts):
        for b in range(parts):
            mine = together.filter(pc.and_(pc.equal(together["block_a"], a), pc.equal(together["block_b"], b)))
            features = [row for block in {a, b} for row in blocks[block]]
            edges_found += match(mine, table(features), SETTINGS).to_pylist() if len(mine) else []
    assert sorted(map(str, edges_found)) == sorted(map(str, whole.to_pylist()))
    assert all(edge["a"] != edge["b"] for edge in edges_found)
    assert len(whole) > 5


def edges(pairs: list[tuple[int, int]], level: int = 0) -> pa.Table:
    rows = [{"a": a, "b": b, "level": level, "score": 1.0} for a, b in pairs]
    return pa.Table.from_pylist(rows, schema=EDGES)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=60), st.integers(1, 5), st.integers(1, 4))
def test_components_of_components_are_those_of_all(pairs: list[tuple[int, int]], parts: int, count: int) -> None:
    """However edges are cut, and in however many rounds: what is connected, named by its least item; one shard each."""
    own = {item: {item} for pair in pairs for item in pair}
    for a, b in pairs:
        together = own[a] | own[b]
        own |= dict.fromkeys(together, together)
    found = components([edges(pairs), edges([(item, 99) for item in own], level=Level.ALMOST)])
    assert found.to_pylist() == [{"item": item, "component": min(own[item])} for item in sorted(own)]
    rounds = [components([edges(pairs[n::parts])]) for n in range(parts)]
    while len(rounds) > 1:
        rounds = [components(rounds[n : n + 2]) for n in range(0, len(rounds), 2)]
    assert rounds[0] == found
    everything = np.arange(60, dtype=np.uint64)
    shard = slices(everything, found, count)
    assert all(shard[item] == shard[min(own[item])] for item in own) and set(shard) <= set(range(count))


def test_crowded_bucket_costs_little() -> None:
    """In a bucket of 3,000, each sample meets the few first only, by source and item, whatever comes later."""
    one = [record("a", "first", tokens(points(1))), record("b", "second", tokens(points(2)))]
    rows = [record("ab"[n % 2], f"{n}", tokens(points(1), f"#{n:06x}")) for n in range(3000)]
    own = DeduplicateSettings(near=False, pictures=False)
    found = pairs([(0, bands(table(one + rows), own))], {"a": 0, "b": 1}, own)
    assert len(found) <= FIRST * len(rows)
    firsts = set(found["a"].to_pylist())
    assert len(firsts) <= FIRST
    of_a = {int(row["sample_id"][:16], 16) for row in one + rows if row["source"] == "a"}
    assert firsts <= of_a


def test_small_shifts_keep_most_shingles() -> None:
    """Of drawings whose ends are moved by a unit, nine in ten are over the threshold still."""
    chance = random.Random(3)
    over = 0
    for n in range(100):
        base = [(chance.randrange(1, 24) * 98 // 3, chance.randrange(1, 24) * 98 // 3) for _ in range(60)]
        moved = [(x + chance.randint(-1, 1), y + chance.randint(-1, 1)) for x, y in base]
        a, b = (set(shingles(tokens(p), SETTINGS.grid).tolist()) for p in (base, moved))
        over += len(a & b) >= SETTINGS.threshold * len(a | b)
        del n
    assert over >= 90


def test_shingles_follow_the_pen() -> None:
    """Relative commands are placed where the pen is: the same line reached by two ways is one shingle."""
    one = shingles("<svg>viewBox=0 0 784 784<path><cmd_M><P_0><P_0><cmd_l><d_64><d_64><cmd_h><d_9></path></svg>", 8)
    two = shingles("<svg>viewBox=0 0 784 784<path><cmd_M><P_64><P_64><cmd_l><d_9><d_0></path></svg>", 8)
    assert len(np.intersect1d(one, two)) == 1


def test_gradients_count_by_their_colours() -> None:
    """The same drawing in another gradient shares no path's shingle; the id of a gradient does not matter."""

    def drawing(name: str, colour: str) -> str:
        return (
            f"<svg>viewBox=0 0 784 784<defs><linearGradient>id={name} x1=0<stop>offset=0 stop-color={colour}</stop>"
            f"<stop>offset=1 stop-color=#fff</stop></linearGradient></defs><path>fill=url(#{name})<cmd_M><P_0><P_0>"
            "<cmd_l><d_64><d_64></path></svg>"
        )

    red, same, blue = (shingles(drawing(*of), 74) for of in (("g0", "#f00"), ("g7", "#f00"), ("g0", "#00f")))
    assert (red == same).all()
    assert drawn([drawing("g0", "#f00")], 74).geometry_keys == [None]
    assert len(np.intersect1d(red, blue)) <= len(red) - 1


def test_texts_tell_drawings_apart() -> None:
    """Drawings that differ in their words only are no duplicates, however alike they look."""
    base = tokens(points(1, 60))
    said = [base.replace("</svg>", f"<text>x=9 y=9 ={word}</text></svg>") for word in ("yes", "no")]
    none, yes, no = drawn([base, *said], 74).text_hashes
    assert none == 0 and yes != no
    rows = [record("a", f"{n}", text) for n, text in enumerate(said)]
    found = pairs([(0, bands(table(rows), SETTINGS))], {"a": 0}, SETTINGS)
    assert len(found) == 1
    assert len(match(found, table(rows).select(FEATURES), SETTINGS)) == 0


def test_features_are_the_same_everywhere() -> None:
    """What is made of a fixed drawing is fixed: stored features stay comparable."""
    row = record("a", "x", tokens(points(7)))
    found = bands(table([row]), SETTINGS)
    assert hashlib.sha256(found["bucket"].to_numpy().tobytes()).hexdigest()[:16] == FIXED


FIXED = "21fd70fdad918e3c"
