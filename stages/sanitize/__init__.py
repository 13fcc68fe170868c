"""Sanitize: from untrusted bytes to a UTF-8 SVG that is safe to parse and to render, and looks the same.

`decode` finds the encoding, `doctype` bounds entities before the parser sees them, `parse` yields a tree within limits,
`clean` rebuilds it from what is allowed, `css` does the same for style sheets. Each removal leaves a code in ``notes``.
"""

from stages.sanitize.settings import SanitizeSettings
from stages.sanitize.stage import SANITIZE, Sanitized, sanitize_one

__all__ = ["SANITIZE", "SanitizeSettings", "Sanitized", "sanitize_one"]
