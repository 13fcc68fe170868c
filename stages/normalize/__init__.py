"""Normalize: from a safe SVG to its picture as canonical geometry on a square integer canvas, or to a reason why not.

In HiVG's order (supplement A): `tree` parses, `css` cascades, `walk` expands references and composes transforms over
the `scene` that its modules share, `shapes`, `path_segments`, `arcs` and `boxes` hold the geometry, `paint` and
`gradients` what it is painted with, `compositing`, `clip_paths`, `masks` and `filters` what applies to groups, `canvas`
the viewBox, `draw` and `clip` bring shapes onto the canvas, `quantize` rounds, and `document` puts it together. What
cannot be said faithfully is rejected; nothing that shows is left out.
"""

from stages.normalize.document import Normalized, normalize_one, source_view_box
from stages.normalize.settings import NormalizeSettings
from stages.normalize.stage import NORMALIZE

__all__ = ["NORMALIZE", "NormalizeSettings", "Normalized", "normalize_one", "source_view_box"]
