"""Normalize: from a safe SVG to its picture as canonical geometry on a square integer canvas, or to a reason why not.

In HiVG's order (supplement A): `source` parses, `css` cascades, `walk` expands references and composes transforms,
`drawing` brings shapes onto the canvas, `paint` says what they are painted with, `text` sets what is written, `effects`
is what applies to groups, and `document` puts it together. `geometry` and `values` are what all of them compute with. A
package imports only those that stand before it here: geometry, values, source, css, drawing, text, paint, effects,
walk. What cannot be said faithfully is rejected; nothing that shows is left out.
"""

from stages.normalize.document import Normalized, normalize_one, source_view_box
from stages.normalize.settings import NormalizeSettings
from stages.normalize.stage import NORMALIZE

__all__ = ["NORMALIZE", "NormalizeSettings", "Normalized", "normalize_one", "source_view_box"]
