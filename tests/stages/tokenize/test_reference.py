"""Equality with the reference: strings and merges that its released code made, of drawings with permissive licences.

``hivg-golden.tar.gz`` holds canonical drawings of 15 sets (their licence texts lie beside them) with the atomic and
segment strings of HiVG's tokenizer, and the table that its trainer learned from them (M = 500, f_min = 5).
"""

import json
import tarfile
from collections import Counter

import numpy as np
import pytest

from stages.tokenize import (
    Segments,
    SegmentSettings,
    TokenError,
    TokenizeSettings,
    Vocabulary,
    decode,
    decode_segments,
    encode,
    encode_segments,
    learn,
    split,
)
from stages.tokenize.learning import number_commands
from stages.tokenize.merging import merge_pairs
from tests.helpers import DATA

VOCABULARY = Vocabulary.build(TokenizeSettings())
RULE = SegmentSettings(algorithm="hivg", count=500, min_frequency=5)


@pytest.fixture(scope="module")
def reference():
    """The rows, and the reference's table."""
    with tarfile.open(DATA / "hivg-golden.tar.gz") as tar:
        rows = [json.loads(line) for line in tar.extractfile("golden.jsonl").read().splitlines()]
        table = Segments.from_json(tar.extractfile("segments.json").read().decode())
    return rows, table


def clamped(row):
    """Whether the drawing reaches beyond the vocabulary, which the reference clamps without a word."""
    try:
        encode(row["svg"], VOCABULARY)
    except TokenError as error:
        assert "is outside the vocabulary, 0 to 794" in str(error)
        return True
    return False


def test_atomic_tokens_are_the_reference_s(reference):
    """Of every drawing; but what the reference clamps (position -1 becomes 0, and all after it moves) is refused."""
    rows, _ = reference
    assert len(rows) == 450
    assert [row["set"] for row in rows if clamped(row)] == ["flag-icons"]
    for row in rows:
        if not clamped(row):
            tokens = encode(row["svg"], VOCABULARY)
            assert tokens == row["atomic"]
            assert encode(decode(tokens, VOCABULARY), VOCABULARY) == tokens


def test_segment_strings_are_the_reference_s(reference):
    """With its own table, greedily."""
    rows, table = reference
    assert not table.optimal and len(table.items) == 59
    for row in rows:
        encoded = encode_segments(row["atomic"], table)
        assert encoded == row["segment"]
        assert decode_segments(encoded, table) == row["atomic"]
    assert sum(len(split(row["segment"])) < len(split(row["atomic"])) for row in rows) > 30


def test_the_same_merges_are_learned_in_the_same_order(reference):
    """With the reference's tie rule (numbers in order of first sight) the tables are equal, and with ours up to ties."""
    rows, table = reference
    strings = [row["atomic"] for row in rows]
    flat, commands = number_commands(strings, RULE)
    theirs = merge_pairs(flat, np.ones(len(flat), np.int64), commands, RULE, lambda left, right: (left, right))
    assert [(s.left, s.right, s.frequency) for s in theirs.items] == [
        (s.left, s.right, s.frequency) for s in table.items
    ]
    ours = learn(strings, RULE)
    assert [s.frequency for s in ours.items] == [s.frequency for s in table.items]
    # where several pairs are equally frequent, taking another one first can leave others with fewer occurrences
    ties = Counter(s.frequency for s in table.items)
    different = {(s.tokens, s.frequency) for s in ours.items} ^ {(s.tokens, s.frequency) for s in table.items}
    assert len(different) < len(table.items) / 5 and all(ties[frequency] > 1 for _, frequency in different)
