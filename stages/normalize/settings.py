"""Settings of the normalizer."""

from typing import Literal

from pydantic import Field

from stages.base import Settings


class NormalizeSettings(Settings):
    """The canvas, how far rounding may go, and what is refused. Lengths are canvas units unless said otherwise."""

    canvas: int = Field(default=784, ge=16, le=100_000, description="canvas.size")
    tolerance: int = Field(
        default=10,
        ge=0,
        description="canvas.tolerance; offsets reach canvas + tolerance",
    )
    fit: Literal["contain", "stretch"] = Field(
        default="contain",
        description="canvas.fit",
    )
    shapes: Literal["keep", "path"] = Field(
        default="keep",
        description="rect, circle, ellipse and line: keep as elements where possible, or write all as paths",
    )
    decimals: int = Field(
        default=0, ge=0, le=3, description="decimals of the coordinates of rect, circle, ellipse and line"
    )
    arc_tolerance: float = Field(
        default=0.75,
        ge=0,
        le=10,
        description="how far the middle of an arc may move when its radii are rounded to integers",
    )
    reflection_tolerance: float = Field(
        default=1.0,
        ge=0,
        le=10,
        description="how far the control point that s or t implies may lie from the rounded one",
    )
    collapse_lines: bool = Field(default=True, description="write horizontal and vertical lines as h and v")
    min_dashes: float = Field(
        default=0.1, ge=0, description="sum of a dash array, canvas units, below which dashes are too many to draw"
    )
    opacity_decimals: int = Field(default=3, ge=1, le=6, description="decimals of opacities")
    width_decimals: int = Field(default=2, ge=0, le=4, description="decimals of stroke widths and dashes")
    gradient_decimals: int = Field(default=2, ge=0, le=4, description="decimals of gradient coordinates and matrices")
    clip_tolerance: float = Field(
        default=0.5, ge=0, le=10, description="how far a drawing may leave the viewBox before it is clipped to it"
    )
    stroke_anisotropy: float = Field(
        default=0.05,
        ge=0,
        le=0.5,
        description="how far the two scales of a stroked shape's transform may differ, as a share; the render decides",
    )
    text: Literal["keep", "outline", "drop", "reject"] = Field(
        default="keep",
        description="text: keep as text elements, and as outlines where a map turns or skews letters; outline all;"
        " drop it; or reject the drawing",
    )
    filter: Literal["keep", "drop", "reject"] = Field(
        default="keep", description="filters: keep those that can be said, drop them, or reject the drawing"
    )
    mask: Literal["keep", "drop", "reject"] = Field(default="keep", description="masks: keep, drop, or reject")
    clip_path: Literal["keep", "drop", "reject"] = Field(
        default="keep", description="clip paths: keep, drop, or reject"
    )
    pattern: Literal["keep", "drop", "reject"] = Field(
        default="keep", description="patterns: keep, drop (their fallback is painted), or reject"
    )
    animation: Literal["end", "drop", "reject"] = Field(
        default="end",
        description="animation: keep what it holds at its end, and else the picture without it; drop it and keep the"
        " picture without; or reject the drawing",
    )
    root_background: Literal["keep", "drop"] = Field(
        default="keep",
        description="the CSS background of the root, which browsers paint: keep it as a rect under all, or drop it",
    )
    foreign_object: Literal["reject", "fallback", "drop"] = Field(
        default="reject",
        description="foreignObject with content that shows: reject the drawing; fallback: draw the next branch where a"
        " switch has one, else reject; or drop it",
    )
    screen: int = Field(
        default=512,
        ge=0,
        description="CSS pixels of the drawing's longer side on a screen, which non-scaling strokes and transforms,"
        " clip paths, masks and filters of the root element are relative to; 0 rejects drawings that have them",
    )
    background: str = Field(
        default="none",
        description="ground under the drawing: none; auto (dark, under drawings all of whose paints are light); or a"
        " colour, #rgb or #rrggbb",
        pattern="^(none|auto|#[0-9a-f]{3}([0-9a-f]{3})?)$",
    )
    dark_background: str = Field(
        default="#222", description="the ground that auto lays", pattern="^#[0-9a-f]{3}([0-9a-f]{3})?$"
    )
    light_luminance: float = Field(
        default=0.75, ge=0, le=1, description="relative luminance (WCAG 2.2) from which auto takes a paint for light"
    )
    max_bytes: int = Field(default=8 * 2**20, ge=1, le=2**30, description="bytes of the sanitized document")
    max_depth: int = Field(default=210, ge=1, le=240, description="nested elements, use elements expanded")
    max_elements: int = Field(default=50_000, ge=1, description="elements, use elements expanded")
    max_geometry_chars: int = Field(
        default=4_000_000, ge=1, description="characters of path data and points, use elements expanded"
    )
    max_render_cost: int = Field(
        default=400_000,
        ge=1,
        description="elements that a renderer has to draw, what masks, patterns and the like hold counted at each use,"
        " and a filter primitive as 250",
    )
    max_nested_references: int = Field(
        default=6, ge=1, description="masks, patterns and the like that may refer to each other in a row"
    )
    max_transform_chars: int = Field(default=20_000, ge=1, description="characters of one transform")
    max_css_matches: int = Field(default=5_000_000, ge=1, description="CSS rules times elements")
    max_css_nesting: int = Field(default=32, ge=1, le=100, description="nested brackets in CSS")
    min_side: float = Field(default=1e-3, gt=0, description="smallest width or height of a viewBox, source user units")
    max_side: float = Field(
        default=1e6, gt=0, description="largest width, height or origin of a viewBox, source user units"
    )
    max_aspect: float = Field(default=50, ge=1, description="largest ratio of a viewBox's sides")
    languages: tuple[str, ...] = Field(default=("en",), description="languages that systemLanguage is compared with")

    @property
    def limit(self) -> int:
        """The largest position and offset that tokens can say."""
        return self.canvas + self.tolerance
