"""Settings of the tokenize stage, and the vocabulary presets."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from stages.base import Settings

RELEASED_ELEMENTS = (
    "svg", "path", "defs", "style", "linearGradient", "radialGradient", "stop", "g", "rect", "circle", "ellipse",
    "line", "polyline", "polygon", "text", "use", "clipPath", "mask", "pattern", "filter", "marker", "symbol",
    "feGaussianBlur", "feOffset", "feBlend", "feColorMatrix", "feComposite", "feMerge",
)  # fmt: skip
"""The 28 elements of the reference's released code, in its order."""

PAPER_ELEMENTS = RELEASED_ELEMENTS[:21]
"""21 elements, as many as the paper counts. The paper does not name them: these are the released list without
``symbol``, which inlining of ``use`` makes needless, and without the six filter primitives."""

EXTENDED_ELEMENTS = (
    *RELEASED_ELEMENTS,
    "feComponentTransfer", "feFuncR", "feFuncG", "feFuncB", "feFuncA", "feMorphology",
)  # fmt: skip
"""The released elements and, after them, the others that canonical drawings may hold."""

ELEMENTS = {"paper": PAPER_ELEMENTS, "released": RELEASED_ELEMENTS, "extended": EXTENDED_ELEMENTS}


class AtomicSettings(Settings):
    """The vocabulary of atomic tokens: what token strings of drawings depend on."""

    canvas: int = Field(default=784, ge=1, le=100_000, description="canvas.size")
    tolerance: int = Field(
        default=10,
        ge=0,
        description="canvas.tolerance; the largest coordinate is canvas + tolerance",
    )
    elements: Literal["paper", "released", "extended"] | tuple[str, ...] = Field(
        default="released",
        description="elements that have tokens: paper (21), released (28), extended (34: all that canonical drawings"
        " hold; the ids of the released ones stay), or a list of names that begins with svg",
    )

    @property
    def element_names(self) -> tuple[str, ...]:
        """The elements that have tokens, in id order."""
        return ELEMENTS[self.elements] if isinstance(self.elements, str) else self.elements

    @model_validator(mode="after")
    def _elements(self) -> Self:
        names = self.element_names
        # Only letters: this keeps element tokens apart from <cmd_M>, <P_0> and the like, which all have an underscore.
        if "svg" not in names or len(set(names)) != len(names) or not all(n.isascii() and n.isalpha() for n in names):
            raise ValueError("elements must be distinct names of ASCII letters, svg among them")
        return self


class CandidateSettings(Settings):
    """What may become a segment token (level 2)."""

    algorithm: Literal["savings", "pairs", "hivg"] = Field(
        default="savings",
        description="savings: repeatedly take the command, or the pair of neighbours, that saves most tokens, and"
        " encode with the fewest; pairs: merge the most frequent pair of adjacent segments within an element, as in the"
        " paper; hivg: the same with the faults of the reference's trainer, for comparison",
    )
    min_frequency: int = Field(
        default=100, ge=2, description="occurrences in the corpus that a pair needs to be merged (the paper's f_min)"
    )
    sample: int | None = Field(
        default=None, ge=1, description="learn from about so many samples, chosen by hash; null: from all"
    )


class SegmentSettings(CandidateSettings):
    """How segment tokens (level 2) are learned."""

    count: int = Field(default=500, ge=0, le=100_000, description="segment tokens to learn at most (the paper's M)")


class IdSettings(Settings):
    """How token strings become ids. With a base tokenizer, its own special tokens and text are used."""

    base_tokenizer: str | None = Field(
        default=None,
        min_length=1,
        description="folder (relative to the config) or hub id (name, or name@revision) of a base model's tokenizer;"
        " null: a tokenizer of the dataset's own",
    )
    pad_token: str = Field(default="<pad>", description="token that fills batches; id 0")
    eos_token: str = Field(default="<eos>", description="token that ends a sequence; id 1")
    bos_token: str = Field(default="<bos>", description="token that begins a sequence; id 2")
    unk_token: str = Field(default="<unk>", description="token that trainers ask for; id 3; the encoder never emits it")
    text_vocabulary: int = Field(
        default=2048,
        ge=256,
        le=200_000,
        description="tokens for attribute and caption text at most: the 256 bytes and what the BPE learns",
    )
    text_min_frequency: int = Field(default=2, ge=1, description="occurrences in the corpus that a BPE merge needs")
    text_samples: int = Field(
        default=5_000_000,
        ge=1_000,
        description="texts that the BPE learns from at most; beyond, all counts are scaled down alike",
    )
    text_max_token: int = Field(default=16, ge=1, le=256, description="bytes of a BPE token at most")

    @property
    def special_tokens(self) -> tuple[str, str, str, str]:
        """The special tokens in id order."""
        return (self.pad_token, self.eos_token, self.bos_token, self.unk_token)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        # Attribute text never holds a raw "<", so a token that begins with one cannot be met inside it.
        if len(set(self.special_tokens)) != 4 or not all(t[:1] == "<" and t[-1:] == ">" for t in self.special_tokens):
            raise ValueError("special tokens must be distinct and written <like_this>")
        return self


class CountedSettings(AtomicSettings):
    """What counts over a corpus depend on, of which segments and ids are learned."""

    segments: CandidateSettings = Field(default_factory=CandidateSettings, description="level 2: segment tokens")
    ids: IdSettings = Field(default_factory=IdSettings, description="tokenizer.json")


class TokenizeSettings(CountedSettings):
    """The vocabulary of atomic tokens, the segments and the ids."""

    segments: SegmentSettings = Field(default_factory=SegmentSettings, description="level 2: segment tokens")
