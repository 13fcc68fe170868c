"""HiVG tokens: atomic tokens, learned segments, ids. See `atomic`, `segments`, `ids` and `hmn`."""

from stages.tokenize.atomic import (
    TOKENIZE,
    atomic_length,
    decode,
    encode,
    encode_all,
    join,
    split,
)
from stages.tokenize.errors import TokenError
from stages.tokenize.ids import (
    ENCODE_VERSION,
    BaseTokenizerError,
    build_tokenizer,
    count_texts,
    encode_table,
    encoder,
    extend_tokenizer,
    load_tokenizer,
    token_table,
    tokenizer_config,
)
from stages.tokenize.learning import (
    SEGMENTS_VERSION,
    SLOTS,
    count_candidates,
    frequent_runs,
    in_sample,
    learn,
    learn_runs,
    may_be_frequent,
)
from stages.tokenize.prefix import Prefix, decode_prefix
from stages.tokenize.segments import Segment, Segments, decode_segments, encode_segments
from stages.tokenize.settings import (
    AtomicSettings,
    CandidateSettings,
    CountedSettings,
    IdSettings,
    SegmentSettings,
    TokenizeSettings,
)
from stages.tokenize.vocabulary import Token, Vocabulary

__all__ = [
    "ENCODE_VERSION",
    "SEGMENTS_VERSION",
    "SLOTS",
    "TOKENIZE",
    "AtomicSettings",
    "BaseTokenizerError",
    "CandidateSettings",
    "CountedSettings",
    "IdSettings",
    "Prefix",
    "Segment",
    "SegmentSettings",
    "Segments",
    "Token",
    "TokenError",
    "TokenizeSettings",
    "Vocabulary",
    "atomic_length",
    "build_tokenizer",
    "count_candidates",
    "count_texts",
    "decode",
    "decode_prefix",
    "decode_segments",
    "encode",
    "encode_all",
    "encode_segments",
    "encode_table",
    "encoder",
    "extend_tokenizer",
    "frequent_runs",
    "in_sample",
    "join",
    "learn",
    "learn_runs",
    "load_tokenizer",
    "may_be_frequent",
    "split",
    "token_table",
    "tokenizer_config",
]
