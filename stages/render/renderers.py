"""From SVG bytes to pixels. Each renderer is imported when it is first used."""

from __future__ import annotations

import os
from functools import lru_cache
from importlib import import_module, metadata
from typing import Any

from lxml import etree

from stages import fonts
from stages.base import Dropped
from stages.canonical import SVG_NS
from stages.reasons import Reason
from stages.render.compare import Pixels
from stages.untrusted import xml_parser

Window = tuple[int, int, int, int]
"""Left, top, right and bottom of a part of a picture, px."""


class RendererUnavailable(RuntimeError):
    """The configured renderer is not installed; the message says what to install."""


_packaged = lru_cache(metadata.version)
"""Planning asks for each partition, and the answer lies in a file."""


def version(renderer: str) -> str:
    """Name and version of what draws the pictures: they are part of a dataset. Raises RendererUnavailable."""
    if renderer == "resvg":
        try:
            return f"resvg in resvg-py {_packaged('resvg-py')}"
        except metadata.PackageNotFoundError as error:
            raise _no_resvg(error) from None
    if renderer == "cairosvg":
        return f"cairosvg {cairo().VERSION}, cairo {import_module('cairocffi').cairo_version_string()}"
    # the wheel bundles librsvg under its own version; loading it to ask would cost the conductor a second
    return f"librsvg in pyvips-binary {_packaged('pyvips-binary')}"


@lru_cache(1)
def vips() -> Any:
    """The pyvips module, single-threaded and without caches."""
    os.environ["VIPS_CONCURRENCY"] = "1"
    os.environ["LC_ALL"] = os.environ["LANG"] = "en_US.UTF-8"  # librsvg's language, for systemLanguage
    fonts.use()
    import pyvips

    pyvips.cache_set_max(0)
    pyvips.cache_set_max_mem(0)
    return pyvips


def cairo() -> Any:
    """The cairosvg module. Raises RendererUnavailable."""
    try:
        return import_module("cairosvg")
    except (ImportError, OSError) as error:  # OSError: the package is there, the system's library is not
        raise RendererUnavailable(
            f"renderer cairosvg cannot be loaded ({str(error).splitlines()[0]}): "
            "pip install 'svgmill[cairo]', and install the system's cairo (Debian: libcairo2)"
        ) from None


def resvg() -> Any:
    """The resvg_py module. Raises RendererUnavailable."""
    try:
        return import_module("resvg_py")
    except ImportError as error:
        raise _no_resvg(error) from None


def _no_resvg(error: ImportError) -> RendererUnavailable:
    return RendererUnavailable(
        f"renderer resvg cannot be loaded ({error}): pip install resvg-py, or set render.second to off"
    )


def draw(svg: bytes, renderer: str) -> Pixels:
    """RGBA with straight alpha, shape (height, width, 4), uint8. ``renderer``: librsvg, resvg or cairosvg.

    Raises Dropped (RENDER_FAILED), MemoryError and RendererUnavailable.
    """
    data = svg if renderer == "librsvg" else _cairo_png(svg) if renderer == "cairosvg" else _resvg_png(svg)
    pyvips = vips()
    try:
        if renderer == "librsvg":
            # CSS has 96 units to the inch; with it libvips enlarges the picture, which scale takes back
            image = pyvips.Image.svgload_buffer(data, dpi=96, scale=72 / 96)
        else:
            image = pyvips.Image.pngload_buffer(data)
        # cairo leaves out the alpha of an opaque picture
        pixels: Pixels = (image if image.hasalpha() else image.addalpha()).numpy()
    except pyvips.Error as error:
        message = " ".join(str(error).split())
        if "out of memory" in message:
            raise MemoryError(message[:200]) from None
        raise Dropped(Reason.RENDER_FAILED, message[:200]) from None
    return pixels


def _cairo_png(svg: bytes) -> bytes:
    cairosvg = cairo()
    try:
        # its default for ``unsafe`` keeps it from fetching what a drawing refers to
        data: bytes = cairosvg.svg2png(bytestring=svg)
    except MemoryError:
        raise
    except Exception as error:  # it raises whatever it meets
        raise Dropped(Reason.RENDER_FAILED, f"{type(error).__name__}: {error}"[:200]) from None
    return data


def _resvg_png(svg: bytes) -> bytes:
    """A PNG by resvg, with the package's fonts and nothing else of the machine's."""
    try:
        return bytes(
            resvg().svg_to_bytes(
                svg_string=svg.decode(),
                dpi=96,  # the default refuses lengths in absolute units
                languages=["en"],
                skip_system_fonts=True,
                font_files=_font_files(),
                font_family=fonts.FAMILIES[fonts.INITIAL],
                serif_family=fonts.FAMILIES["serif"],
                sans_serif_family=fonts.FAMILIES["sans-serif"],
                monospace_family=fonts.FAMILIES["monospace"],
                cursive_family=fonts.FAMILIES["sans-serif"],
                fantasy_family=fonts.FAMILIES["sans-serif"],
            )
        )
    except ValueError as error:
        raise Dropped(Reason.RENDER_FAILED, f"resvg: {error}"[:200]) from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # pyo3 gives it no name to import, and derives it from this
            raise
        raise Dropped(Reason.RENDER_FAILED, f"resvg panicked: {error}"[:200]) from None


@lru_cache(1)
def _font_files() -> list[str]:
    return [str(path) for path in sorted(fonts.FOLDER.glob("*.ttf"))]


_PLACED = ("x", "y", "width", "height", "viewBox", "preserveAspectRatio")
_NEUTRAL = (
    "opacity:1!important;transform:none!important;clip-path:none!important;mask:none!important;"
    "filter:none!important;mix-blend-mode:normal!important"
)
"""For the outer svg, which rules for the source's root match, too; what they set must not apply twice."""


def framed(
    svg: bytes, view_box: tuple[float, ...], size: int, fit: str = "contain", window: Window | None = None
) -> bytes:
    """A source as a viewer shows it, fitted into a square of ``size`` px: its viewBox centred, and cut at its edges.

    ``view_box``: min-x, min-y, width, height. ``fit``: contain keeps its ratio, stretch fills the square. ``window``:
    the part of the square that is shown, all of it by default. What fills the square keeps its root, if all of it is
    shown. Any other becomes a nested svg, whose viewport clips as a root's does. Style sheets decide neither place nor
    size: CSS width and height are properties of the page, not of the drawing, and librsvg obeys them. Raises Dropped
    (RENDER_FAILED).
    """
    try:
        root = etree.fromstring(svg, xml_parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Dropped(Reason.RENDER_FAILED, str(error)[:200]) from None
    _, _, w, h = view_box
    scale = size / max(w, h)
    for name in _PLACED:
        root.attrib.pop(name, None)
    root.set("viewBox", " ".join(map(repr, view_box)))
    root.set("preserveAspectRatio", "none")
    if "font-size" not in root.attrib:
        root.set("font-size", "16")  # CSS's medium, of which librsvg has its own idea; rules still override it
    fills = w == h or fit == "stretch"
    if fills:
        # a second clip, at edges that no window reaches beyond, would take resvg 100 ns a pixel
        _place(root, 0, 0, size, size, "hidden" if window is None else "visible")
        if window is None:
            return bytes(etree.tostring(root, encoding="utf-8"))
    else:
        _place(root, (size - w * scale) / 2, (size - h * scale) / 2, w * scale, h * scale)
    left, top, right, bottom = window or (0, 0, size, size)
    outer = etree.Element(f"{{{SVG_NS}}}svg", nsmap={None: SVG_NS})
    _place(outer, 0, 0, right - left, bottom - top)
    if window is not None:
        outer.set("viewBox", f"{left} {top} {right - left} {bottom - top}")
    outer.set("style", f"{_NEUTRAL};{outer.get('style')}")
    outer.append(root)
    return bytes(etree.tostring(outer, encoding="utf-8"))


def _place(element: etree._Element, x: float, y: float, width: float, height: float, overflow: str = "hidden") -> None:
    """Set the viewport, px, as attributes and, against rules of style sheets, as the most important of properties."""
    style = element.get("style", "")
    for name, value in (("x", x), ("y", y), ("width", width), ("height", height)):
        element.set(name, f"{value:.6f}")
        style += f";{name}:{value:.6f}px!important"
    element.set("style", (style + f";overflow:{overflow}!important").lstrip(";"))


def sized(canonical: str, size: int) -> bytes:
    """A canonical SVG with a width and height of ``size`` px."""
    return canonical.replace("<svg ", f'<svg width="{size}" height="{size}" ', 1).encode()


def part(canonical: str, size: int, window: Window, zoom: int = 1) -> bytes:
    """A part of a canonical SVG, which ``window`` is of its picture of ``size`` px, so many times enlarged."""
    left, top, right, bottom = window
    root = etree.fromstring(canonical.encode(), xml_parser())
    x, y, width, height = (float(value) / size for value in root.get("viewBox").split())
    box = (x * size + left * width, y * size + top * height, (right - left) * width, (bottom - top) * height)
    root.set("viewBox", " ".join(f"{value:.9g}" for value in box))
    root.set("width", str((right - left) * zoom))
    root.set("height", str((bottom - top) * zoom))
    return bytes(etree.tostring(root))
