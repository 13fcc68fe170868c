"""How a shape is painted: what is printed of its fill and stroke, and what drawing has to know of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stages.normalize.geometry.quantize import Pen
from stages.normalize.geometry.transforms import Matrix


@dataclass(frozen=True)
class Stroke:
    """A visible stroke in canvas units. ``attributes``: as printed.

    ``pen``: for a stroke that no width can say, the maps from user units to those of its numbers, where it is a circle,
    and from there to the canvas.
    """

    width: float
    cap: str
    join: str
    miter_limit: float
    dashes: tuple[float, ...]
    offset: float
    attributes: dict[str, str]
    pen: tuple[Matrix, Matrix] | None = None

    @property
    def dashed(self) -> bool:
        """Whether it has gaps."""
        return bool(self.dashes)

    @property
    def reach(self) -> float:
        """The farthest that the stroke can lie from the path."""
        half = self.width / 2
        corner = self.miter_limit if self.join == "miter" else 1.0
        return half * max(corner, math.sqrt(2) if self.cap == "square" else 1.0)


@dataclass(frozen=True)
class Look:
    """How a shape is painted. ``fill``: its attributes if it is painted, else None; ``shared``: of the whole shape."""

    fill: dict[str, str] | None
    stroke: Stroke | None
    shared: dict[str, str]

    def attributes(self) -> dict[str, str]:
        """All attributes but the geometry."""
        fill = {"fill": "none"} if self.fill is None else self.fill
        return {**fill, **(self.stroke.attributes if self.stroke else {}), **self.shared}

    def pen(self) -> Pen:
        """What of a path draws."""
        if self.stroke is None:
            return Pen(True, False, False, 0.0)
        return Pen(
            self.fill is not None, True, self.stroke.cap != "butt", self.stroke.reach, self.stroke.cap == "square"
        )
