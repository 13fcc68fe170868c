import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from stages.schema import ENCODED
from stages.tokenize import (
    IdSettings,
    SegmentSettings,
    TokenizeSettings,
    Vocabulary,
    build_tokenizer,
    count_texts,
    encode_table,
    learn,
    load_tokenizer,
)

VOCABULARY = Vocabulary.build(TokenizeSettings(canvas=40, tolerance=2))
CORPUS = [
    f"<svg>viewBox=0 0 40 40<path>fill=#{i * 7919 % 4096:03x} stroke=none"
    f"<cmd_M><P_1><P_{i % 9}><cmd_h><d_3><cmd_z></path>"
    f"<circle>cx={i} cy=2 r=3 clip-path=url(#a{i % 7})</circle><text>=été &lt; {i} 図</text></svg>"
    for i in range(40)
] + ["A flat document icon with a blue outline.", "It isn't a <b>drawing</b>, is it ?"]
SEGMENTS = learn(CORPUS, SegmentSettings(min_frequency=2))
IDS = IdSettings(text_vocabulary=320)


def build(texts=CORPUS):
    """From three partitions."""
    parts = [count_texts(texts[i::3], VOCABULARY, IDS) for i in range(3)]
    return build_tokenizer(VOCABULARY, SEGMENTS, parts, IDS)


TEXT = build()


def test_every_atomic_and_segment_token_is_one_id_in_the_documented_order():
    """Specials, vocabulary, text, segments; ids are contiguous."""
    tokenizer = Tokenizer.from_str(TEXT)
    expected = [*IDS.special_tokens, *(token.text for token in VOCABULARY.tokens)]
    size = tokenizer.get_vocab_size()
    assert [tokenizer.id_to_token(i) for i in range(len(expected))] == expected
    assert [tokenizer.id_to_token(i) for i in range(size - len(SEGMENTS.items), size)] == [
        s.token for s in SEGMENTS.items
    ]
    assert sorted(tokenizer.get_vocab().values()) == list(range(size))
    assert size == len(expected) + 320 + len(SEGMENTS.items)
    for token in [*expected, *(s.token for s in SEGMENTS.items)]:
        assert tokenizer.encode(f"a {token}b").tokens.count(token) == 1


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=30) | st.lists(st.sampled_from([*CORPUS, "<P_1>", " ", " n't", "<", "<eos>", "  ."])).map("".join)
)
def test_ids_decode_to_exactly_the_text(text):
    """No space is gained, lost or moved, whatever the text."""
    tokenizer = load_tokenizer(TEXT)
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


def test_transformers_reads_the_file_and_gives_the_same_ids(tmp_path):
    """`PreTrainedTokenizerFast` loads it without any of this project, and decodes exactly."""
    import transformers

    (tmp_path / "tokenizer.json").write_text(TEXT, encoding="utf-8")
    theirs = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(tmp_path / "tokenizer.json"), pad_token="<pad>", eos_token="<eos>", bos_token="<bos>"
    )
    ours = Tokenizer.from_str(TEXT)
    assert (theirs.pad_token_id, theirs.eos_token_id, theirs.bos_token_id) == (0, 1, 2)
    assert len(theirs) == ours.get_vocab_size()
    for text in [*CORPUS, " a . b , c n't  ", "\n\t"]:
        ids = theirs(text)["input_ids"]
        assert ids == ours.encode(text).ids
        assert theirs.decode(ids, skip_special_tokens=False) == text
        assert theirs.decode(ids, skip_special_tokens=True) == text


def test_the_table_holds_segments_lengths_and_the_tokenizer_s_ids():
    """Looked-up ids equal those of the tokenizer and decode to the segment string."""
    table = pa.table({"sample_id": [str(i) for i in range(len(CORPUS))], "tokens": CORPUS, "other": [0] * len(CORPUS)})
    encoded = encode_table(table, TEXT, SEGMENTS)
    assert encoded.schema.equals(ENCODED)
    assert encoded["sample_id"].to_pylist() == table["sample_id"].to_pylist()
    tokenizer = Tokenizer.from_str(TEXT)
    for row in encoded.to_pylist():
        assert row["input_ids"] == tokenizer.encode(row["segments"]).ids
        assert tokenizer.decode(row["input_ids"], skip_special_tokens=False) == row["segments"]
    assert any("<SEG_" in string for string in encoded["segments"].to_pylist())
    assert encode_table(table.slice(0, 0), TEXT, SEGMENTS).num_rows == 0


def test_a_special_token_that_is_an_atomic_token_is_refused():
    """Two meanings of one string have no ids."""
    with pytest.raises(ValueError, match="special token"):
        build_tokenizer(VOCABULARY, SEGMENTS, [], IdSettings(pad_token="<svg>"))


def test_any_order_and_any_process_give_the_same_bytes():
    """Neither the order of texts, nor hash seeds, nor threads reach the file."""
    code = (
        "import sys, json, hashlib, test_tokenize_ids as t\n"
        "texts = json.load(sys.stdin)\n"
        "made = t.build(texts)\n"
        "print(hashlib.sha256(made.encode()).hexdigest())"
    )
    here = Path(__file__)
    for seed in ("1", "2", "3"):
        shuffled = random.Random(seed).sample(CORPUS, len(CORPUS))
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(shuffled),
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": f"{here.parents[2]}:{here.parent}", "RAYON_NUM_THREADS": seed},
        )
        assert done.stdout.strip() == hashlib.sha256(TEXT.encode()).hexdigest()
