"""Settings of deduplication."""

from pydantic import Field

from stages.base import Settings


class DeduplicateSettings(Settings):
    """What counts as a near-duplicate. Exact duplicates always count."""

    near: bool = Field(True, description="also drop near-duplicates")
    threshold: float = Field(
        0.95, gt=0.5, le=1, description="estimated Jaccard similarity of two drawings' shingles from which they are one"
    )
    grid: int = Field(
        16,
        ge=1,
        le=256,
        description="canvas units; shingles hold positions on this grid, so that small shifts keep them",
    )
    min_shingles: int = Field(
        8, ge=1, description="distinct shingles below which a drawing is compared exactly only: too little to tell"
    )
    seed: int = Field(42, ge=0, description="of the MinHash permutations")
    max_bucket: int = Field(
        64, ge=2, description="samples in one LSH bucket that are all compared; of more, each with the first only"
    )
