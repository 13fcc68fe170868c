"""Settings of the reward."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from stages.render.settings import RendererSettings


class RewardSettings(RendererSettings):
    """What a reward is made of. A weight says how much its term counts beside the others of its sum."""

    format: float = Field(0.1, ge=0, le=1, description="weight of being a whole token string and nothing else")
    drawn: float = Field(0.1, ge=0, le=1, description="weight of drawing something")
    length: float = Field(0.1, ge=0, le=1, description="weight of being as long as the truth")
    picture: float = Field(0.7, ge=0, le=1, description="weight of looking like the truth")
    ink: float = Field(0.4, ge=0, le=1, description="within picture: weight of ink that covers the truth's ink")
    ssim: float = Field(0.3, ge=0, le=1, description="within picture: weight of structural similarity")
    visible: float = Field(0.3, ge=0, le=1, description="within picture: weight of pixels that do not visibly differ")
    size: int = Field(
        224, ge=32, le=1024, multiple_of=16, description="side of the pictures that are compared, px; a multiple of 16"
    )
    pixel_threshold: int = Field(
        48, ge=0, le=255, description="difference of a channel above which a pixel differs visibly (of 255)"
    )
    max_characters: int = Field(
        200_000, ge=1000, description="an answer longer than this, also with its segments spelled out, is not looked at"
    )

    @model_validator(mode="after")
    def _sums(self) -> Self:
        if not self.format + self.drawn + self.length + self.picture:
            raise ValueError("one of format, drawn, length and picture must be over 0")
        if not self.ink + self.ssim + self.visible:
            raise ValueError("one of ink, ssim and visible must be over 0")
        return self
