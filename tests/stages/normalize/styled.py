"""Shapes under a style sheet, as the mill's first two stages leave them."""

from __future__ import annotations

import re
from html import escape

from stages.normalize import Normalized, NormalizeSettings, normalize_one
from stages.sanitize import SanitizeSettings, sanitize_one

SHAPES = (
    '<g id="g" class="grp"><rect class="a r1" width="20" height="40"/><rect class="a r2" x="22" width="20" height="40"/>'
    '<rect class="b r3" x="44" width="20" height="40"/><rect class="b r4" x="66" width="20" height="40"/>'
    '<circle class="c" cx="20" cy="70" r="15"/><circle class="c d" cx="55" cy="70" r="15"/>'
    '<ellipse data-k="Foo" cx="85" cy="70" rx="10" ry="15"/></g>'
)


def normalized(body: str) -> Normalized:
    """A document of 784 by 784 as the mill's first two stages leave it."""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784">{body}</svg>'
    return normalize_one(sanitize_one(svg.encode(), SanitizeSettings()).svg, NormalizeSettings())


def fills(body: str) -> str:
    """The fill of each shape in order, as printed; #000 where none is printed."""
    shapes = re.findall(r"<(?:rect|circle|ellipse)([^>]*)/>", normalized(body).svg)
    found = [re.search(r' fill="([^"]*)"', shape) for shape in shapes]
    return " ".join(match[1] if match else "#000" for match in found)


def styled(sheet: str) -> str:
    """The fills of `SHAPES` under a style sheet."""
    return fills(f"<style>{escape(sheet)}</style>{SHAPES}")
