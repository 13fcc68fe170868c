"""Settings of deduplication."""

from typing import Literal

from pydantic import Field

from stages.base import Settings
from stages.deduplicate.flags import FlagSettings, FlagThresholds


class SignatureSettings(Settings):
    """What a drawing's signatures depend on, by which duplicates are found."""

    grid: int = Field(
        74,
        ge=8,
        le=255,
        description="canvas units; shingles hold positions on this grid, so that small shifts keep them",
    )
    min_shingles: int = Field(
        6, ge=1, description="distinct shingles below which drawings are not compared by shingles: too few to tell"
    )
    flags: FlagThresholds = Field(FlagThresholds(), description="kinds of drawings")


class MatchSettings(Settings):
    """What counts as a duplicate beside equal bytes and equal canonical form, which always do."""

    recoloured: Literal["drop", "keep", "off"] = Field(
        "drop",
        description="of drawings of one colour that differ in that colour only: drop all but one; keep all, as variants"
        " in one cluster; or off: take them for different drawings",
    )
    near: bool = Field(True, description="also drop near-duplicates: drawings of nearly the same commands")
    threshold: float = Field(
        0.8,
        ge=0.5,
        le=1,
        description="Jaccard similarity of two drawings' shingles from which they are near-duplicates",
    )
    pictures: bool = Field(
        True, description="also drop drawings that look the same, and compare the pictures of near-duplicates"
    )
    pixel_threshold: int = Field(
        36,
        ge=0,
        le=255,
        description="difference of a channel above which a pixel differs, in pictures of 64 x 64 px; neighbouring skin"
        " tones of emoji differ by 39",
    )
    picture_share: float = Field(
        0.006, ge=0, le=1, description="share of pixels that may differ in pictures of duplicates"
    )
    picture_mean: float = Field(
        0.01, ge=0, le=1, description="mean difference of the channels in pictures of duplicates, at most"
    )
    picture_patch: float = Field(
        0.05,
        ge=0,
        le=1,
        description="mean difference within any patch of 8 x 8 px in pictures of duplicates, at most: outlines"
        " that moved a little differ less, another mouth in a face differs more",
    )
    picture_strange: float = Field(
        0.2,
        ge=0,
        le=1,
        description="how far a pixel may lie outside of what the nine around its place span in pictures of duplicates:"
        " an outline that moved a little lies within, a small mark that only one has does not",
    )
    fine_patch: int = Field(
        2,
        ge=0,
        le=256,
        description="where little is drawn: pixels of any 16 x 16 that may be in one and not in the other of two"
        " duplicates' fine pictures, of"
        " 512 x 512 px of the canvas or of the half that is drawn on: a shift of a pixel is none, a glyph is more",
    )
    seed: int = Field(42, ge=0, description="of the MinHash permutations")
    max_bucket: int = Field(
        64, ge=4, description="samples in one bucket that are all compared; of more, each with the first few only"
    )


class DeduplicateSettings(MatchSettings, SignatureSettings):
    """What counts as a duplicate, and who stays."""

    flags: FlagSettings = Field(FlagSettings(), description="kinds of drawings, and what becomes of them")
