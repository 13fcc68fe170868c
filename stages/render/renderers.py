"""From SVG bytes to pixels. Each renderer is imported when it is first used."""

from __future__ import annotations

import io
import os
from functools import lru_cache
from importlib import metadata
from typing import Any

import numpy as np
from lxml import etree

from stages.base import Dropped
from stages.canonical import SVG_NS
from stages.reasons import Reason
from stages.render.compare import Pixels


class RendererUnavailable(RuntimeError):
    """The configured renderer is not installed; the message says what to install."""


def version(renderer: str) -> str:
    """Name and version of what draws the pictures: they are part of a dataset."""
    if renderer == "librsvg":
        return f"librsvg in pyvips-binary {metadata.version('pyvips-binary')}"
    try:
        return f"cairosvg {metadata.version('cairosvg')}"
    except metadata.PackageNotFoundError:
        raise RendererUnavailable(_CAIRO) from None


_CAIRO = "renderer cairosvg is not installed: pip install 'svgmill[cairo]', and the system's cairo (Debian: libcairo2)"


@lru_cache(1)
def vips() -> Any:
    """The pyvips module, single-threaded and without caches."""
    os.environ.setdefault("VIPS_CONCURRENCY", "1")
    import pyvips

    pyvips.cache_set_max(0)
    pyvips.cache_set_max_mem(0)
    return pyvips


def draw(svg: bytes, renderer: str) -> Pixels:
    """RGBA with straight alpha, shape (height, width, 4), uint8. Raises Dropped (RENDER_FAILED)."""
    if renderer == "cairosvg":
        return _cairo(svg)
    pyvips = vips()
    try:
        image = pyvips.Image.svgload_buffer(svg)
        pixels: Pixels = image.numpy()
    except pyvips.Error as error:
        raise Dropped(Reason.RENDER_FAILED, " ".join(str(error).split())[:200]) from None
    return pixels


def _cairo(svg: bytes) -> Pixels:
    try:
        import cairosvg
    except (ImportError, OSError):
        raise RendererUnavailable(_CAIRO) from None
    try:
        png = cairosvg.svg2png(svg)
    except Exception as error:  # it raises whatever it meets
        raise Dropped(Reason.RENDER_FAILED, f"{type(error).__name__}: {error}"[:200]) from None
    image = vips().Image.new_from_buffer(io.BytesIO(png).getvalue(), "")
    pixels: Pixels = image.colourspace("srgb").numpy()
    if pixels.shape[2] == 3:
        pixels = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    return pixels


def png(pixels: Pixels, compression: int) -> bytes:
    """A PNG of RGBA pixels without metadata."""
    data: bytes = (
        vips().Image.new_from_array(pixels, interpretation="srgb").pngsave_buffer(compression=compression, keep="none")
    )
    return data


_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
_PLACED = ("x", "y", "width", "height", "viewBox", "preserveAspectRatio")


def framed(svg: bytes, view_box: tuple[float, ...], size: int) -> bytes:
    """A source as a viewer shows it, fitted into a square of ``size`` px: its viewBox centred, and cut at its edges.

    The source's root becomes a nested svg, whose viewport clips as a root's does. Raises Dropped (RENDER_FAILED).
    """
    try:
        root = etree.fromstring(svg, _PARSER)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Dropped(Reason.RENDER_FAILED, str(error)[:200]) from None
    x, y, w, h = view_box
    scale = size / max(w, h)
    for name in _PLACED:
        root.attrib.pop(name, None)
    place = {"x": (size - w * scale) / 2, "y": (size - h * scale) / 2, "width": w * scale, "height": h * scale}
    for name, value in place.items():
        root.set(name, f"{value:.6f}")
    root.set("viewBox", f"{x!r} {y!r} {w!r} {h!r}")
    root.set("preserveAspectRatio", "none")
    outer = etree.Element(f"{{{SVG_NS}}}svg", nsmap={None: SVG_NS})
    for name in ("width", "height"):
        outer.set(name, str(size))
    outer.append(root)
    return etree.tostring(outer)


def sized(canonical: str, size: int) -> bytes:
    """A canonical SVG with a width and height of ``size`` px."""
    return canonical.replace("<svg ", f'<svg width="{size}" height="{size}" ', 1).encode()
