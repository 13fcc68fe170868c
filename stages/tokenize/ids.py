"""Ids: a ``tokenizer.json`` in which every atomic and segment token is one id, and other text is byte-level BPE.

Order of ids: special tokens, the atomic vocabulary in its order, byte-level BPE (256 bytes, then merges as learned),
segment tokens. Segments are last, so that a model trained on atomic tokens alone grows by appending rows when they
come. Atomic and segment tokens are added tokens, matched wherever their string occurs (escaping keeps it out of
attribute values), and not "special": a decoder that skips special tokens keeps them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from stages.schema import ENCODED
from stages.tokenize.atomic import atomic_length
from stages.tokenize.segments import Segments, encode_segments
from stages.tokenize.settings import IdSettings
from stages.tokenize.vocabulary import Vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ENCODE_VERSION: int = 1

# Names with their "=", colours, words, numbers up to three digits, punctuation, white space: merges stay inside.
_WORDS = r" ?[A-Za-z][A-Za-z0-9:_-]*=|#[0-9A-Fa-f]{3,8}| ?\p{L}+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_MARKUP = re.compile(r"(<[^<>]*>)")


def build_tokenizer(vocabulary: Vocabulary, segments: Segments, texts: Iterable[str], settings: IdSettings) -> str:
    """The text of a ``tokenizer.json`` for `tokenizers.Tokenizer` and `transformers.PreTrainedTokenizerFast`.

    ``texts`` are token strings and captions: what is no token in them is what the BPE learns from, in whatever order
    they come. Equal arguments give equal bytes. Raises ValueError if a special token is an atomic or segment token.
    """
    specials = settings.special_tokens
    atoms = [token.text for token in vocabulary.tokens]
    learned = [segment.token for segment in segments.items]
    if len({*specials, *atoms, *learned}) != len(specials) + len(atoms) + len(learned):
        raise ValueError("a special token is an atomic or segment token")
    bytes_, merges = _learn_text(texts, {*specials, *atoms, *learned}, settings)
    pieces = list(dict.fromkeys([*bytes_, *(left + right for left, right in merges)]))
    ids = {token: i for i, token in enumerate([*specials, *atoms, *pieces, *learned])}
    added = [
        {
            "id": ids[token],
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": token in specials,
        }
        for token in [*specials, *atoms, *learned]
    ]
    return _document(ids, merges, added)


def _document(ids: dict[str, int], merges: list[tuple[str, str]], added: list[dict[str, Any]]) -> str:
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": added,
            "normalizer": None,
            "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "Split", "pattern": {"Regex": _WORDS}, "behavior": "Isolated", "invert": False},
                    {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
                ],
            },
            "post_processor": None,
            "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": ids,
                "merges": [list(pair) for pair in merges],
            },
        },
        ensure_ascii=False,
        indent=1,
    )


def _learn_text(
    texts: Iterable[str], tokens: set[str], settings: IdSettings
) -> tuple[list[str], list[tuple[str, str]]]:
    """The 256 byte symbols, sorted, and the BPE merges."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    counts: Counter[str] = Counter()
    for text in texts:
        rest = [piece for piece in _MARKUP.split(text) if piece not in tokens]
        counts.update(filter(None, rest))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = Tokenizer.from_str(_document({}, [], [])).pre_tokenizer
    # The trainer orders equally frequent pairs by their ids, which follow from the merges before, and the alphabet is
    # sorted: its result is a function of the counts. Sorted input leaves nothing to the order of arrival.
    trainer = trainers.BpeTrainer(
        vocab_size=settings.text_vocabulary,
        min_frequency=settings.text_min_frequency,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        max_token_length=settings.text_max_token,
    )

    def corpus() -> Iterator[str]:
        for text in sorted(counts):
            yield from repeat(text, counts[text])

    tokenizer.train_from_iterator(corpus(), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    symbols = sorted(pre_tokenizers.ByteLevel.alphabet())
    return symbols, [(left, right) for left, right in model["merges"]]


@lru_cache(maxsize=2)
def load_tokenizer(tokenizer_json: str) -> Tokenizer:
    """The `tokenizers.Tokenizer` of a ``tokenizer.json``'s text; the last two are kept."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str(tokenizer_json)


class _Encoder:
    """The tokenizer's own ids, looked up: added tokens split the text before anything else, so what is between two of
    them can be encoded by itself, and in a corpus it is mostly the same few strings."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids = {token.content: i for i, token in tokenizer.get_added_tokens_decoder().items()}
        self._texts: dict[str, list[int]] = {"": []}

    def encode(self, string: str) -> list[int]:
        """The ids of ``string``, equal to ``tokenizer.encode(string, add_special_tokens=False).ids``."""
        parts = _MARKUP.split(string)
        try:
            ids = [self._ids[token] for token in parts[1::2]]
        except KeyError:
            # "<" that begins no token: it belongs to the text around it.
            return self._tokenizer.encode(string, add_special_tokens=False).ids
        out = list(self._text(parts[0]))
        for i, text in zip(ids, parts[2::2], strict=True):
            out.append(i)
            if text:
                out += self._text(text)
        return out

    def _text(self, text: str) -> list[int]:
        found = self._texts.get(text)
        if found is None:
            found = self._tokenizer.encode(text, add_special_tokens=False).ids
            if len(self._texts) < 100_000:
                self._texts[text] = found
        return found


@lru_cache(maxsize=2)
def _encoder(tokenizer_json: str) -> _Encoder:
    return _Encoder(load_tokenizer(tokenizer_json))


def encode_table(table: pa.Table, tokenizer_json: str, segments: Segments) -> pa.Table:
    """The table `stages.schema.ENCODED` of a table with ``sample_id`` and ``tokens``, row by row in the same order.

    ``input_ids`` are those of the string with segment tokens, without special tokens around it.
    """
    encoder = _encoder(tokenizer_json)
    strings = [encode_segments(tokens, segments) for tokens in table["tokens"].to_pylist()]
    return pa.table(
        [
            table["sample_id"].combine_chunks(),
            pa.array(strings, pa.string()),
            pa.array([atomic_length(string) for string in strings], pa.int32()),
            pa.array([encoder.encode(string) for string in strings], pa.list_(pa.int32())),
        ],
        schema=ENCODED,
    )
