"""Settings of the normalizer."""

from pydantic import Field

from stages.base import Settings


class NormalizeSettings(Settings):
    """The canvas, and the limits beyond which a drawing is rejected."""

    canvas: int = Field(784, ge=16, le=4096, description="side of the square canvas, user units")
    tolerance: int = Field(
        10, ge=0, le=64, description="user units beyond the canvas that a coordinate may have; farther out is clipped"
    )
    max_commands: int = Field(20_000, ge=1, description="path commands of the whole drawing, after expansion")
    max_elements: int = Field(10_000, ge=1, description="drawn elements after expansion of use")
    max_depth: int = Field(200, ge=1, le=500, description="nested elements and references")
    max_aspect: float = Field(100.0, ge=1, description="longer to shorter side of the viewBox at most")
    anisotropy: float = Field(
        0.05,
        ge=0,
        le=0.5,
        description="relative difference of two scales up to which a stroke takes their mean; the render decides",
    )
    arc_deviation: float = Field(
        0.6, gt=0, le=5, description="user units that an arc may move when its radii are rounded to integers"
    )
