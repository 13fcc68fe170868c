"""Settings of rendering and of the fidelity gate."""

from typing import Literal

from pydantic import Field

from stages.base import Settings


class RendererSettings(Settings):
    """Which library draws."""

    renderer: Literal["librsvg", "cairosvg"] = Field(
        "librsvg", description="librsvg comes with the package; cairosvg needs svgmill[cairo] and the system's libcairo"
    )


class PictureSettings(RendererSettings):
    """The pictures of canonical drawings that shards hold."""

    size: int | None = Field(
        512, ge=16, le=2048, description="side of the picture in the shards, px; null: shards hold none"
    )
    format: Literal["png", "webp"] = Field(
        "png",
        description="how the pictures are stored, in both without loss: webp takes two thirds of the bytes and ten"
        " times the CPU time",
    )
    png_compression: int = Field(
        5,
        ge=0,
        le=9,
        description="zlib's level: 2 takes a fifth more bytes in half the time, 6 a fiftieth less in a third more",
    )
    webp_compression: int = Field(
        1,
        ge=0,
        le=9,
        description="libwebp's level for pictures without loss, cwebp's -z: 0 takes three times the bytes, 6 a tenth"
        " less in three times the time",
    )

    @property
    def column(self) -> str | None:
        """The column of shards that holds the picture, one of `stages.schema.PICTURES`."""
        return None if self.size is None else self.format


class GateSettings(RendererSettings):
    """How unlike its source a sample may look."""

    second: Literal["off", "arbiter", "cross_check"] = Field(
        "arbiter",
        description="what a second renderer, resvg, is for: off: nothing; arbiter: to decide where the first one says"
        " that source and canonical form differ, or draws nothing; cross_check: every source must look alike in both",
    )
    fit: Literal["contain", "stretch"] = Field("contain", description="canvas.fit")
    compare_size: int = Field(256, ge=32, le=2048, description="side of the pictures that are compared, px")
    close_size: int = Field(
        512, ge=0, le=2048, description="side of the pictures of a closer look, px; none if it is not over compare_size"
    )
    close_threshold: int = Field(
        26,
        ge=0,
        le=255,
        description="as pixel_threshold: what would differ too much at compare_size, if that were the threshold, gets"
        " the closer look; not over pixel_threshold",
    )
    pixel_threshold: int = Field(
        48, ge=0, le=255, description="difference of a channel above which a pixel differs visibly (of 255)"
    )
    max_visible_share: float = Field(
        0.001, ge=0, le=1, description="share of pixels that may differ visibly once a shift of one pixel is forgiven"
    )
    max_ink_share: float = Field(
        0.03,
        ge=0,
        le=1,
        description="pixels that may differ visibly, as a share of those that are drawn on; decided at the closer look",
    )
    min_ink: float = Field(
        0.005, gt=0, le=1, description="share of pixels that count as drawn on at least, for max_ink_share"
    )
    min_ssim: float = Field(
        0.85, ge=-1, le=1, description="structural similarity of source and canonical picture at least"
    )
    max_mae: float = Field(0.05, ge=0, le=1, description="mean absolute error of source and canonical picture at most")
    cross_check_visible_share: float = Field(
        0.01, ge=0, le=1, description="share of pixels of a source that the two renderers may draw visibly differently"
    )


class RenderSettings(GateSettings, PictureSettings):
    """How pictures are drawn, and how unlike the source a sample may look."""
