"""Normalize: from a safe SVG to its picture as canonical geometry on a square integer canvas, or to a reason why not.

In HiVG's order (supplement A): `tree` parses, `css` cascades, `structure` expands references and composes transforms,
`shapes`, `segments` and `arcs` hold the geometry, `paint` and `gradients` what it is painted with, `effects` opacity,
clips and masks, `canvas` the viewBox, `draw` and `clip` bring shapes onto the canvas, `quantize` rounds, and `document`
puts it together. What cannot be said faithfully is rejected; nothing that shows is left out.
"""

from stages.normalize.document import Normalized, normalize_one, source_view_box
from stages.normalize.settings import NormalizeSettings
from stages.normalize.stage import normalize

VERSION: int = 3

__all__ = ["VERSION", "NormalizeSettings", "Normalized", "normalize", "normalize_one", "source_view_box"]
