import hashlib
import json
import random
import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from stages.schema import ENCODED
from stages.tokenize import (
    BaseTokenizerError,
    IdSettings,
    SegmentSettings,
    TokenizeSettings,
    Vocabulary,
    build_tokenizer,
    count_texts,
    encode_table,
    extend_tokenizer,
    learn,
    load_tokenizer,
)
from tests.helpers import ROOT

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


@settings(max_examples=60, deadline=None)
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
        "import sys, json, hashlib, tests.stages.tokenize.test_ids as t\n"
        "texts = json.load(sys.stdin)\n"
        "made = t.build(texts)\n"
        "print(hashlib.sha256(made.encode()).hexdigest())"
    )
    for seed in ("1", "2"):
        shuffled = random.Random(seed).sample(CORPUS, len(CORPUS))
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(shuffled),
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "RAYON_NUM_THREADS": seed},
        )
        assert done.stdout.strip() == hashlib.sha256(TEXT.encode()).hexdigest()


def base_tokenizer(pre=None, specials=("<|end|>",)):
    """A small tokenizer as a base model's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre or pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        ["fill=red stroke=none A flat <g> icon"] * 5,
        trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False),
    )
    tokenizer.add_special_tokens(list(specials))
    return tokenizer


@pytest.mark.parametrize("kind", ["bytes", "lowercase", "prefix", "metaspace"])
def test_a_base_tokenizer_is_extended_and_stays_itself(kind):
    """Its ids for any text stay, ours follow, and the table's ids are the extended tokenizer's own, whatever it does."""
    base = base_tokenizer(
        {
            "prefix": pre_tokenizers.ByteLevel(add_prefix_space=True),
            "metaspace": pre_tokenizers.Metaspace(prepend_scheme="first"),
        }.get(kind)
    )
    if kind == "lowercase":
        base.normalizer = normalizers.Lowercase()
    extended = Tokenizer.from_str(extend_tokenizer(base.to_str(), VOCABULARY, SEGMENTS))
    size = base.get_vocab_size()
    strings = [*(token.text for token in VOCABULARY.tokens), *(item.token for item in SEGMENTS.items)]
    assert [extended.token_to_id(string) for string in strings] == list(range(size, size + len(strings)))
    for text in ("A flat icon, fill=red", "", "<G> <p_1"):
        assert extended.encode(text).ids == base.encode(text).ids
    table = pa.table({"sample_id": [str(i) for i in range(len(CORPUS))], "tokens": CORPUS})
    for row in encode_table(table, extended.to_str(), SEGMENTS).to_pylist():
        assert row["input_ids"] == extended.encode(row["segments"], add_special_tokens=False).ids
        assert row["ids_length"] == len(row["input_ids"])
    again = extend_tokenizer(base.to_str(), VOCABULARY, SEGMENTS)
    assert again == extended.to_str(pretty=True)


def test_a_base_that_cannot_take_the_tokens_is_refused():
    """Neither a file that is no tokenizer, nor one to which a token of ours is special."""
    with pytest.raises(BaseTokenizerError, match=r"no tokenizer.json"):
        extend_tokenizer("{}", VOCABULARY, SEGMENTS)
    with pytest.raises(BaseTokenizerError, match="<mask> means something"):
        extend_tokenizer(base_tokenizer(specials=("<mask>",)).to_str(), VOCABULARY, SEGMENTS)


def test_texts_beyond_the_limit_are_scaled_down_alike():
    """Counts a thousand times as large, and a limit to bring them down again, give the same tokenizer."""
    table = count_texts(CORPUS, VOCABULARY, IDS)
    many = table.set_column(1, "count", pa.array([n * 1000 for n in table["count"].to_pylist()], pa.int64()))
    total = sum(table["count"].to_pylist())
    limit = IDS.model_copy(update={"text_samples": total})
    assert build_tokenizer(VOCABULARY, SEGMENTS, [many], limit) == TEXT
