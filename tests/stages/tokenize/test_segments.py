import re
from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.tokenize import (
    Segments,
    SegmentSettings,
    TokenError,
    atomic_length,
    count_candidates,
    decode_segments,
    encode_segments,
    frequent_runs,
    learn,
    learn_runs,
    may_be_frequent,
)

HEAD = "<svg>viewBox=0 0 784 784"
H, V, Z, M, A = (
    "<cmd_h><d_1>",
    "<cmd_v><d_2>",
    "<cmd_z>",
    "<cmd_M><P_1><P_2>",
    "<cmd_a>2 3 0<large_0><sweep_1><d_1><d_1>",
)

commands = st.sampled_from([H, V, Z, M, A, "<cmd_h><d_-1>", "<cmd_l><d_1><d_1>"])
paths = st.lists(commands, max_size=12).map(lambda run: f"<path>fill=red x=1 2{''.join(run)}</path>")
drawings = st.lists(paths, max_size=4).map(lambda body: f"{HEAD}{''.join(body)}</svg>")
corpora = st.lists(drawings, max_size=8)


def drawing(*runs):
    return f"{HEAD}{''.join(f'<path>{run}</path>' for run in runs)}</svg>"


def pairs(segments):
    return [(item.left, item.right, item.frequency) for item in segments.items]


def plain(corpus, count, min_frequency, across, stale):
    """The rule in the plainest words: count all pairs anew after each merge."""
    runs = []
    for text in corpus:
        found = [re.findall("<cmd_(?:(?!<cmd_|</).)*", run) for run in re.split("</path>", text)]
        runs += [list(chain.from_iterable(found))] if across else found
    merges, last = [], None
    queued = {}
    while len(merges) < count:
        counts = {}
        for run in runs:
            for pair in pairwise(run):
                counts[pair] = counts.get(pair, 0) + 1
        for pair, n in counts.items():
            before = n - 1 if last is None else last.get(pair, 0)
            queued.setdefault(pair, set()).update(range(before + 1, n + 1))
        last = counts
        usable = [p for p, n in counts.items() if n >= min_frequency and not (stale and n not in queued[p])]
        if not usable:
            break
        best = min(usable, key=lambda p: (-counts[p], order(p[0]), order(p[1])))
        merges.append((*best, counts[best]))
        for run in runs:
            at = 0
            while at + 1 < len(run):
                if (run[at], run[at + 1]) == best:
                    run[at : at + 2] = ["".join(best)]
                at += 1
    return merges


def plain_savings(corpus, count, min_frequency):
    """What saves most, counted anew after each step; the runs are rewritten as they are merged."""

    def cost(unit):
        return 1 if unit in known else sum(len(re.findall("<[^<>]*>", c)) + 3 * c.startswith("<cmd_a") for c in [unit])

    runs = []
    for text in corpus:
        runs += [re.findall("<cmd_(?:(?!<cmd_|</).)*", run) for run in re.split("</path>", text)]
    known, found = set(), []
    while len(found) < count:
        counts = {}
        for run in runs:
            for unit in run:
                counts[unit, ""] = counts.get((unit, ""), 0) + 1
            for pair in pairwise(run):
                counts[pair] = counts.get(pair, 0) + 1
        saved = {
            (a, b): n * (cost(a) + (cost(b) if b else 0) - 1) for (a, b), n in counts.items() if n >= min_frequency
        }
        saved = {key: value for key, value in saved.items() if value > 0}
        if not saved:
            break
        best = min(saved, key=lambda key: (-saved[key], order(key[0]) + (order(key[1]) if key[1] else [])))
        unit = "".join(best)
        if unit not in known:
            known.add(unit)
            found.append((*best, counts[best], saved[best]))
        if best[1]:
            for run in runs:
                at = 0
                while at + 1 < len(run):
                    if (run[at], run[at + 1]) == best:
                        run[at : at + 2] = [unit]
                    at += 1
    return found


def order(segment):
    return [
        ("MLHVCSQTAZ".index(part[0].upper()), [float(n) for n in re.findall(r"-?\d+", part)])
        for part in segment.split("<cmd_")[1:]
    ]


@settings(max_examples=60, deadline=None)
@given(corpora, st.integers(0, 20), st.integers(2, 5), st.sampled_from(["pairs", "hivg"]))
def test_learning_is_what_counting_anew_after_each_merge_gives(corpus, count, min_frequency, algorithm):
    """The incremental learner equals the plain rule on any corpus, for both algorithms."""
    found = learn(corpus, SegmentSettings(algorithm=algorithm, count=count, min_frequency=min_frequency))
    hivg = algorithm == "hivg"
    assert pairs(found) == plain(corpus, count, min_frequency, across=hivg, stale=hivg)


@settings(max_examples=50, deadline=None)
@given(corpora, st.randoms(use_true_random=False))
def test_order_of_the_corpus_does_not_matter(corpus, random):
    """The same drawings in any order give the same segments, byte for byte."""
    rule = SegmentSettings(algorithm="pairs", count=10, min_frequency=2)
    shuffled = random.sample(corpus, len(corpus))
    assert learn(iter(shuffled), rule).to_json() == learn(corpus, rule).to_json()


@settings(max_examples=60, deadline=None)
@given(corpora, drawings)
def test_segments_decode_to_exactly_the_atomic_tokens(corpus, other):
    """Decoding undoes encoding, for drawings that were learned from and others; no string gets longer."""
    segments = learn(corpus, SegmentSettings(algorithm="pairs", count=10, min_frequency=2))
    for tokens in [*corpus, other]:
        encoded = encode_segments(tokens, segments)
        assert decode_segments(encoded, segments) == tokens
        assert atomic_length(encoded) <= atomic_length(tokens)


def test_no_segment_crosses_an_element():
    """A pair that stands only at the seam of two elements is not learned, nor encoded if a table holds it."""
    corpus = [drawing(M + H + Z, M + V + Z)] * 5
    learned = learn(corpus, SegmentSettings(algorithm="pairs", min_frequency=2))
    assert (Z, M) not in {(item.left, item.right) for item in learned.items}
    across = learn(corpus, SegmentSettings(algorithm="hivg", min_frequency=2))
    assert all(decode_segments(encode_segments(text, across), across) == text for text in corpus)


def test_the_longest_segment_is_taken_from_the_left():
    """Encoding is greedy: at each command the longest segment that matches, not the best split of the whole."""
    corpus = [drawing(H + V + Z)] * 9 + [drawing(Z + A + V)] * 8
    segments = learn(corpus, SegmentSettings(algorithm="pairs", min_frequency=5))
    assert pairs(segments) == [(H, V, 9), (H + V, Z, 9), (A, V, 8), (Z, A + V, 8)]
    assert encode_segments(drawing(H + V + Z + A + V), segments) == drawing("<SEG_1><SEG_2>")
    assert encode_segments(drawing(H + V + A), segments) == drawing("<SEG_0>" + A)


def test_equal_neighbours_merge_from_the_left():
    """Of five equal commands two pairs are merged and the last stays; overlapping pairs count."""
    segments = learn([drawing(H * 5)], SegmentSettings(algorithm="pairs", count=1, min_frequency=2))
    assert pairs(segments) == [(H, H, 4)]
    assert encode_segments(drawing(H * 5), segments) == drawing("<SEG_0><SEG_0>" + H)


def test_hivg_skips_a_pair_whose_count_has_fallen():
    """The reference's queue drops a pair that lost occurrences to another merge; the default does not."""
    corpus = [drawing(H + V)] * 5 + [drawing(H + V + Z)] * 2 + [drawing(V + Z)] * 4
    left = learn(corpus, SegmentSettings(algorithm="pairs", count=2, min_frequency=3))
    assert pairs(left) == [(H, V, 7), (V, Z, 4)]
    assert pairs(learn(corpus, SegmentSettings(algorithm="hivg", count=2, min_frequency=3))) == [(H, V, 7)]


def test_equally_frequent_pairs_are_taken_in_token_order():
    """M before L, H, V, C, S, Q, T, A, Z; then by value, so -2 before 1 and 9 before 10."""
    runs = ["<cmd_h><d_10>" + Z, "<cmd_h><d_9>" + Z, "<cmd_h><d_-2>" + Z, Z + A, M + H]
    found = learn([drawing(*runs)] * 3, SegmentSettings(algorithm="pairs", min_frequency=3))
    assert [item.tokens for item in found.items] == [M + H, *reversed(runs[:3]), Z + A]


def test_json_is_read_back_and_the_reference_file_is_understood():
    """`from_json` reads both layouts and refuses others."""
    learned = learn([drawing(A + Z + H)] * 3, SegmentSettings(algorithm="pairs", min_frequency=2))
    assert Segments.from_json(learned.to_json()) == learned
    arc = ["<cmd_a>", "2", "3", "0", "<large_0>", "<sweep_1>", "<d_1>", "<d_1>"]
    reference = f"""{{"merges": [[[{arc}, ["<cmd_z>"]], "<SEG_0>"]],
        "segments": [{{"id": 0, "tokens": {[*arc, "<cmd_z>"]}, "frequency": 12}}]}}""".replace("'", '"')
    assert pairs(Segments.from_json(reference)) == [(A, Z, 12)]
    for text in (
        "",
        "[]",
        "{}",
        '{"segments": [{}]}',
        learned.to_json().replace('"id": 0', '"id": 7'),
        '{"segments": 3}',
    ):
        with pytest.raises(ValueError, match="no table of segments"):
            Segments.from_json(text)


def test_an_unknown_segment_is_refused_with_its_place():
    """Decoding does not guess what a token of another table means."""
    with pytest.raises(TokenError, match="<SEG_7> is not among the 0 segments") as caught:
        decode_segments("<svg><path><SEG_7></path></svg>", Segments(()))
    assert caught.value.position == 11


@settings(max_examples=60, deadline=None)
@given(corpora, st.integers(0, 20), st.integers(2, 5))
def test_savings_are_what_counting_anew_after_each_step_gives(corpus, count, min_frequency):
    """The incremental learner equals the plain rule: of commands and neighbours, what saves most tokens."""
    found = learn(corpus, SegmentSettings(algorithm="savings", count=count, min_frequency=min_frequency))
    told = [(item.left, item.right, item.frequency, item.saved) for item in found.items]
    assert told == plain_savings(corpus, count, min_frequency)
    assert found.optimal and Segments.from_json(found.to_json()) == found


def fewest(run, segments):
    """The fewest tokens for a run of commands, by trying everything."""
    if not run:
        return 0
    best = atomic_length(run[0]) + fewest(run[1:], segments)
    for n in range(1, len(run) + 1):
        if "".join(run[:n]) in segments:
            best = min(best, 1 + fewest(run[n:], segments))
    return best


@settings(max_examples=60, deadline=None)
@given(corpora, st.lists(commands, max_size=9))
def test_encoding_by_savings_takes_the_fewest_tokens(corpus, run):
    """No other way to write a run with segments and commands is shorter, and decoding gives it back."""
    found = learn(corpus, SegmentSettings(algorithm="savings", count=12, min_frequency=2))
    text = drawing("".join(run))
    encoded = encode_segments(text, found)
    assert decode_segments(encoded, found) == text
    units = {item.tokens for item in found.items}
    assert atomic_length(encoded) - atomic_length(drawing("")) == fewest(run, units)


@settings(max_examples=40, deadline=None)
@given(corpora, st.data(), st.sampled_from(["savings", "pairs", "hivg"]))
def test_any_partitioning_gives_the_same_segments(corpus, data, algorithm):
    """Partitions return counts, a reducer merges them; how the corpus is cut does not show."""
    rule = SegmentSettings(algorithm=algorithm, count=10, min_frequency=2)
    cuts = data.draw(st.lists(st.integers(0, len(corpus)), max_size=4).map(sorted))
    partitions = [corpus[a:b] for a, b in pairwise([0, *cuts, len(corpus)])]
    partitions = data.draw(st.permutations(partitions))
    mask = may_be_frequent((count_candidates(p, rule) for p in partitions), rule)
    found = learn_runs((frequent_runs(p, mask, rule) for p in partitions), rule)
    assert found.to_json() == learn(corpus, rule).to_json()
    # a counter that says too much, as one that two candidates share, changes nothing
    everything = np.ones_like(mask)
    assert learn_runs((frequent_runs(p, everything, rule) for p in partitions), rule).to_json() == found.to_json()


def test_a_sample_is_chosen_by_hash():
    """About as many drawings as asked are learned from, the same whatever their order."""
    corpus = [drawing(f"<cmd_h><d_{i}><cmd_v><d_{i}>") for i in range(400)] * 2
    every = learn(corpus, SegmentSettings(count=1000, min_frequency=2))
    some = SegmentSettings(count=1000, min_frequency=2, sample=200)
    found = learn(corpus, some)
    assert len(every.items) == 400 and 60 < len(found.items) < 140
    assert found.to_json() == learn(corpus[::-1], some).to_json()
    assert {item.tokens for item in found.items} < {item.tokens for item in every.items}
    assert learn(corpus, SegmentSettings(count=1000, min_frequency=2, sample=800)).to_json() == every.to_json()


def test_geometry_of_an_element_with_children_is_not_joined_with_theirs():
    """A path may hold an element; what that has is a run of its own."""
    text = drawing(f"{H}{V}<g>a=<path>{H}{V}</path></g>", f"{H}{V}<g><path>id=a_b{H}{V}</path></g>")
    segments = learn([text], SegmentSettings(min_frequency=2))
    assert [item.tokens for item in segments.items] == [H + V]
    assert encode_segments(text, segments) == text.replace(H + V, "<SEG_0>")
