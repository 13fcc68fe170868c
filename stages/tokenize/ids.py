"""Ids: a ``tokenizer.json`` in which every atomic and segment token is one id, and other text is byte-level BPE.

Self-contained (`build_tokenizer`), the order of ids is: special tokens, the atomic vocabulary in its order, byte-level
BPE (256 bytes, then merges as learned), segment tokens. On a base model's tokenizer (`extend_tokenizer`) everything of
the base stays, and after its last id come the atomic vocabulary and the segment tokens. Segments are last either way,
so that a model trained on atomic tokens alone grows by appending rows when they come.

Atomic and segment tokens are added tokens, matched wherever their string occurs (escaping keeps it out of attribute
values), and not "special": a decoder that skips special tokens keeps them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from stages.schema import ENCODED, TEXTS
from stages.tokenize.atomic import atomic_length
from stages.tokenize.segments import Segments, encode_segments
from stages.tokenize.settings import IdSettings
from stages.tokenize.vocabulary import Vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ENCODE_VERSION: int = 2

# Names with their "=", colours, words, numbers up to three digits, punctuation, white space: merges stay inside.
_WORDS = r" ?[A-Za-z][A-Za-z0-9:_-]*=|#[0-9A-Fa-f]{3,8}| ?\p{L}+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_MARKUP = re.compile(r"(<[^<>]*>)")


def count_texts(strings: Iterable[str], vocabulary: Vocabulary, settings: IdSettings) -> pa.Table:
    """The counts of text between tokens in a partition: table `stages.schema.TEXTS`, sorted; captions count, too."""
    tokens = {*settings.special_tokens, *(token.text for token in vocabulary.tokens)}
    counts: Counter[str] = Counter()
    for string in strings:
        counts.update([piece for piece in _MARKUP.split(string) if piece and piece not in tokens])
    texts = sorted(counts)
    return pa.table([pa.array(texts, pa.string()), pa.array([counts[t] for t in texts], pa.int64())], schema=TEXTS)


def build_tokenizer(vocabulary: Vocabulary, segments: Segments, texts: Iterable[pa.Table], settings: IdSettings) -> str:
    """The text of a ``tokenizer.json`` for `tokenizers.Tokenizer` and `transformers.PreTrainedTokenizerFast`.

    ``texts``: tables of `count_texts`, which the BPE learns from, one at a time and in any order.
    Equal sums give equal bytes. Raises ValueError if a special token is an atomic or segment token.
    """
    specials = settings.special_tokens
    atoms = [token.text for token in vocabulary.tokens]
    learned = [segment.token for segment in segments.items]
    if len({*specials, *atoms, *learned}) != len(specials) + len(atoms) + len(learned):
        raise ValueError("a special token is an atomic or segment token")
    counts: Counter[str] = Counter()
    for table in texts:
        for text, count in zip(table["text"].to_pylist(), table["count"].to_pylist(), strict=True):
            counts[text] += count
    bytes_, merges = _learn_text(counts, settings)
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


def _learn_text(counts: Counter[str], settings: IdSettings) -> tuple[list[str], list[tuple[str, str]]]:
    """The 256 byte symbols, sorted, and the BPE merges."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    # the trainer takes no counts, so each text is given to it as often as it occurs, or in proportion
    scale = -(-counts.total() // settings.text_samples)
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
            yield from repeat(text, -(-counts[text] // max(scale, 1)))

    tokenizer.train_from_iterator(corpus(), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    symbols = sorted(pre_tokenizers.ByteLevel.alphabet())
    return symbols, [(left, right) for left, right in model["merges"]]


class BaseTokenizerError(ValueError):
    """A base tokenizer that the tokens cannot be added to."""


def extend_tokenizer(base: str, vocabulary: Vocabulary, segments: Segments) -> str:
    """The ``tokenizer.json`` text of a base model's tokenizer with the atomic and segment tokens after its own.

    A token that the base has as ordinary text already keeps the base's id. Raises BaseTokenizerError if ``base`` is no
    tokenizer, if one of our tokens is special to it, or if its ids have gaps, so that a new token gets the id of an
    old one.
    """
    from tokenizers import AddedToken, Tokenizer

    try:
        tokenizer = Tokenizer.from_str(base)
    except Exception as error:  # its errors have no class of their own
        raise BaseTokenizerError(f"no tokenizer.json: {error}") from None
    strings = [*(token.text for token in vocabulary.tokens), *(segment.token for segment in segments.items)]
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    if taken := special.intersection(strings):
        raise BaseTokenizerError(f"{min(taken)} means something to the base tokenizer already")
    # matched before the base's normalizer sees the text, or a base that lowercases would not find them
    tokenizer.add_tokens([AddedToken(string, normalized=False, special=False) for string in strings])
    owners: dict[int, str] = {}
    for token, number in tokenizer.get_vocab(with_added_tokens=True).items():
        if owners.setdefault(number, token) != token:
            raise BaseTokenizerError(f"its ids have gaps: {number} would be the id of two tokens")
    return str(tokenizer.to_str(pretty=True))


def tokenizer_config(settings: IdSettings, base: str | None = None) -> str:
    """The ``tokenizer_config.json`` beside a ``tokenizer.json``; ``base``: the base tokenizer's own, if it has one."""
    config: dict[str, Any] = {}
    if settings.base_tokenizer is None:
        config = {
            "bos_token": settings.bos_token,
            "eos_token": settings.eos_token,
            "pad_token": settings.pad_token,
            "unk_token": settings.unk_token,
        }
    elif base is not None:
        config = json.loads(base)
        for name in (
            "added_tokens_decoder",
            "auto_map",
        ):  # tokenizer.json holds the first; the second is the base's code
            config.pop(name, None)
    # the class that takes tokenizer.json as it is; a model's own may build its tokenizer anew from other files
    config |= {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    return json.dumps(config, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def token_table(vocabulary: Vocabulary, segments: Segments, tokenizer_json: str, base: str | None = None) -> str:
    """All new tokens with their ids in a ``tokenizer.json``, as JSON text, for trainers that initialize embeddings.

    ``base``: the base tokenizer's name, if it extends one.

    Of atomic tokens: id, token, kind, value (user units of coordinates), description (category, token, explanation).
    Of segment tokens: id, token, kind, atoms (the ids of what it stands for), frequency, saved.
    """
    tokenizer = load_tokenizer(tokenizer_json)
    rows: list[dict[str, Any]] = [
        {
            "id": tokenizer.token_to_id(token.text),
            "token": token.text,
            "kind": token.kind,
            "value": token.value,
            "description": list(token.description),
        }
        for token in vocabulary.tokens
    ]
    rows += [
        {
            "id": tokenizer.token_to_id(item.token),
            "token": item.token,
            "kind": "segment",
            "atoms": tokenizer.encode(item.tokens, add_special_tokens=False).ids,
            "frequency": item.frequency,
            "saved": item.saved,
        }
        for item in segments.items
    ]
    lines = ",\n".join(json.dumps(row) for row in rows)
    return f'{{"base": {json.dumps(base)}, "tokens": [\n{lines}\n]}}\n'


@lru_cache(maxsize=2)
def load_tokenizer(tokenizer_json: str) -> Tokenizer:
    """The `tokenizers.Tokenizer` of a ``tokenizer.json``'s text; the last two are kept."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str(tokenizer_json)


_PROBE = "<svg>viewBox=0 0 9 9<path>fill=red<cmd_M><P_1><P_2></path> a</svg>"


class _Encoder:
    """The tokenizer's own ids, looked up: added tokens split the text before anything else, so what is between two of
    them can be encoded by itself, and in a corpus it is mostly the same few strings. Base tokenizers that do something
    to the beginning of a text are an exception; with those everything goes the long way."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._plain = tokenizer.encode(_PROBE, add_special_tokens=False).ids == [
            i for part in _MARKUP.split(_PROBE) for i in tokenizer.encode(part, add_special_tokens=False).ids
        ]
        self._ids = {token.content: i for i, token in tokenizer.get_added_tokens_decoder().items()}
        self._texts: dict[str, list[int]] = {"": []}

    def encode(self, string: str) -> list[int]:
        """The ids of ``string``, equal to ``tokenizer.encode(string, add_special_tokens=False).ids``."""
        if not self._plain:
            return self._tokenizer.encode(string, add_special_tokens=False).ids
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
        ids = self._texts.get(text)
        if ids is None:
            ids = self._tokenizer.encode(text, add_special_tokens=False).ids
            if len(self._texts) < 100_000:
                self._texts[text] = ids
        return ids


@lru_cache(maxsize=2)
def _encoder(tokenizer_json: str) -> _Encoder:
    return _Encoder(load_tokenizer(tokenizer_json))


def encoder(tokenizer_json: str) -> Callable[[str], list[int]]:
    """A text to its ids by the tokenizer of a ``tokenizer.json``'s text, without special tokens around them."""
    return _encoder(tokenizer_json).encode


def encode_table(table: pa.Table, tokenizer_json: str, segments: Segments) -> pa.Table:
    """The table `stages.schema.ENCODED` of a table with ``sample_id`` and ``tokens``, row by row in the same order.

    ``input_ids`` are those of the string with segment tokens, without special tokens around it.
    """
    encoder = _encoder(tokenizer_json)
    strings = [encode_segments(tokens, segments) for tokens in table["tokens"].to_pylist()]
    ids = [encoder.encode(string) for string in strings]
    return pa.table(
        [
            table["sample_id"].combine_chunks(),
            pa.array(strings, pa.string()),
            pa.array([atomic_length(string) for string in strings], pa.int32()),
            pa.array(ids, pa.list_(pa.int32())),
            pa.array([len(each) for each in ids], pa.int32()),
        ],
        schema=ENCODED,
    )
