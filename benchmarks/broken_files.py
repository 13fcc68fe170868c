"""Broken and hostile SVG files for the bundled sample, one for each reason that a rule can give.

Written by this project; CC0-1.0, as ``broken/LICENSE`` in the archive says. Each file has the outcomes that the mill
may give it: ``kept`` or codes of `stages.reasons.Reason`; more than one where the rules that apply depend on order
or settings.

Not here, because no single file calls them forth: ``unreadable``, ``bad_archive`` and ``bad_archive_member`` (faults of
the medium), ``active_content`` (needs ``sanitize.scripts: reject``), ``render_failed``, ``visible_difference``,
``token_mismatch``, ``crashed``, ``out_of_memory``, ``output_too_large`` and ``stage_error``.
"""

from __future__ import annotations

import base64
import gzip
import math
import struct
import zlib
from dataclasses import dataclass

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 100 100">'
RED = '<rect x="20" y="20" width="60" height="60" fill="#c00"/>'


@dataclass(frozen=True)
class Broken:
    """A file's bytes, the outcomes that are right for it, and what it shows in one line."""

    content: bytes
    expected: tuple[str, ...]
    shows: str


def doc(body: str, head: str = "") -> bytes:
    """A whole SVG document with a viewBox of 100 by 100."""
    return f"{head}{SVG}{body}</svg>\n".encode()


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=0)


def _png(red: int, green: int, blue: int) -> bytes:
    """An 8 by 8 PNG of one colour."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes((red, green, blue)) * 8) * 8, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _wheel(fill: str, shift: float = 0.0, separator: str = " ", dent: float = 0.0) -> str:
    """A toothed wheel of 18 teeth, around (50, 50): enough geometry to be compared by its shingles."""
    corners = []
    for i in range(72):
        radius = 44 if i % 4 in (1, 2) else 34
        angle = math.tau * i / 72
        x, y = 50 + shift + radius * math.cos(angle), 50 + radius * math.sin(angle)
        corners.append(f"{x:.2f}{separator}{y:.2f}")
    hole = f"M50 38C56.6 {38 - dent:g} 62 43.4 62 50S56.6 62 50 62 38 56.6 38 50 43.4 38 50 38Z"
    return f'<path fill="{fill}" fill-rule="evenodd" d="M{"L".join(corners)}Z{hole}"/>'


def _doubling(levels: int, leaf: str) -> str:
    """Groups of two ``use`` elements of the group before: 2 ** ``levels`` copies of the leaf."""
    groups = [f'<g id="g0">{leaf}</g>']
    groups += [f'<g id="g{i}"><use href="#g{i - 1}"/><use href="#g{i - 1}" x="1"/></g>' for i in range(1, levels + 1)]
    return f'<defs>{"".join(groups)}</defs><use href="#g{levels}"/>'


def _dashes() -> str:
    """A line of 10,000 units' length in round dashes of a ten-thousandth of the picture: minutes for a renderer."""
    corners = " ".join(f"{i * 37 % 101} {100 if i % 2 else 0}" for i in range(400))
    look = 'fill="none" stroke="#036" stroke-width="4" stroke-linecap="round" stroke-dasharray=".005"'
    return f'<path d="M{corners}" {look}/>'


_MANY = " ".join(f'a{i}="1"' for i in range(600))
_LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
_LAUGHS_DTD = f'<!DOCTYPE svg [<!ENTITY l0 "ha">{_LAUGHS}]>'
_XXE_DTD = '<!DOCTYPE svg [<!ENTITY secret SYSTEM "secret.txt">]>'
_TEXT = '<text x="5" y="60" font-size="30">\u78e8\u574a</text>'
_IMAGE = f'<image width="100" height="100" href="data:image/png;base64,{base64.b64encode(_png(200, 0, 0)).decode()}"/>'
_NOISE = '<filter id="f"><feTurbulence baseFrequency=".08" numOctaves="3"/></filter>'
_FADE = '<linearGradient id="l"><stop stop-color="#fff"/><stop offset="1" stop-color="#000"/></linearGradient>'
_TILE = '<pattern id="p" width=".001" height=".001" patternUnits="userSpaceOnUse"><circle r=".001"/></pattern>'
_DOT = '<marker id="m" markerWidth="9" markerHeight="9" refX="4" refY="4"><circle cx="4" cy="4" r="3"/></marker>'
_CLIPS = '<clipPath id="c"><circle cx="40" cy="50" r="30"/><path d="M50 5L95 95H20Z" clip-rule="evenodd"/></clipPath>'
_DUPLICATE = (
    "kept",
    "duplicate_raw",
    "duplicate_canonical",
    "duplicate_geometry",
    "near_duplicate",
    "duplicate_picture",
)

BROKEN: dict[str, Broken] = {
    # crawl
    "empty.svg": Broken(b"", ("empty",), "no bytes"),
    "whitespace.svg": Broken(b" \n\t\n", ("empty", "not_svg"), "blank lines only"),
    "inflates.svgz": Broken(
        _gzip(doc(f"<!--{' ' * 12 * 2**20}-->{RED}")), ("too_large",), "12 KB that inflate to 12 MB"
    ),
    "truncated.svgz": Broken(_gzip(doc(_wheel("#333")))[:-40], ("bad_gzip",), "a gzip stream without its end"),
    "twice.svgz": Broken(_gzip(_gzip(doc(RED))), ("bad_gzip",), "gzip in gzip"),
    # sanitize: is it an SVG at all
    "error_page.svg": Broken(
        b"<!DOCTYPE html>\n<html><head><title>404</title></head><body><svg><rect/></svg></body></html>\n",
        ("not_svg",),
        "an error page saved under the name of a drawing",
    ),
    "picture.svg": Broken(_png(0, 120, 0), ("not_svg",), "a PNG under the name of a drawing"),
    "vector_drawable.svg": Broken(
        b'<vector xmlns:android="http://schemas.android.com/apk/res/android" android:width="24dp"/>\n',
        ("not_svg",),
        "another XML vocabulary",
    ),
    "unclosed.svg": Broken(doc(RED)[:-30], ("xml_malformed",), "cut off within an attribute"),
    "wrong_encoding.svg": Broken(
        doc("<title>Größe</title>" + RED, '<?xml version="1.0" encoding="UTF-8"?>').decode().encode("latin-1"),
        ("bad_encoding",),
        "declares UTF-8 and is Latin-1",
    ),
    "billion_laughs.svg": Broken(
        doc(f"<desc>&l9;</desc>{RED}", _LAUGHS_DTD), ("entity_expansion",), "entities of 10 GB when expanded"
    ),
    "external_entity.svg": Broken(
        doc(f"<desc>&secret;</desc>{RED}", _XXE_DTD), ("external_entity",), "asks for a file through an entity"
    ),
    "deep.svg": Broken(doc("<g>" * 1000 + RED + "</g>" * 1000), ("too_deep",), "1,000 nested groups"),
    "attributes.svg": Broken(
        doc(f'<rect {_MANY} width="9" height="9"/>'),
        ("too_complex",),
        "600 attributes on one element",
    ),
    "raster.svg": Broken(doc(_IMAGE), ("raster_embedded",), "a vector wrapper round a PNG"),
    "active.svg": Broken(
        doc(
            "<script>location='//example.invalid'</script>"
            f'<g onclick="steal()"><a href="javascript:steal()">{RED}</a></g>'
            '<use href="https://example.invalid/sprite.svg#icon"/>'
        ),
        ("kept",),
        "script, handler, javascript link and a foreign file: cleaned, the red square survives",
    ),
    "no_namespace.svg": Broken(
        b'<svg viewBox="0 0 100 100"><path fill="#07c" d="M50 8L94 46H82V92H60V64H40V92H18V46H6Z"/></svg>\n',
        ("kept",),
        "the SVG namespace is not declared: repaired",
    ),
    # normalize
    "zero_view_box.svg": Broken(
        doc(RED).replace(b"0 0 100 100", b"0 0 0 100"), ("bad_dimension",), "a viewBox without width"
    ),
    "ribbon.svg": Broken(
        doc(RED).replace(b"0 0 100 100", b"0 0 1000000 1"), ("bad_dimension",), "a viewBox of 1,000,000 by 1"
    ),
    "text.svg": Broken(doc(_TEXT), ("unsupported_text",), "text in a script that the fonts have no glyphs for"),
    "filter.svg": Broken(
        doc(f'{_NOISE}<rect width="100" height="100" fill="#27c" filter="url(#f)"/>'),
        ("unsupported_filter",),
        "a turbulence filter",
    ),
    "mask.svg": Broken(
        doc(f'{_FADE}<mask id="k"><rect width="100" height="100" fill="url(#l)"/></mask><g mask="url(#k)">{RED}</g>'),
        ("kept",),
        "a mask that fades out",
    ),
    "mask_units.svg": Broken(
        doc(
            '<mask id="k" maskUnits="userSpaceOnUse" maskContentUnits="objectBoundingBox">'
            '<rect width="1" height="1" fill="#fff"/></mask>'
            '<path d="M10 50h80" stroke="#c00" stroke-width="9" mask="url(#k)"/>'
        ),
        ("unsupported_mask",),
        "a mask whose content is in units of a box that has no height",
    ),
    "clip_path.svg": Broken(
        doc(f'{_CLIPS}<g clip-path="url(#c)">{_wheel("#d60")}{RED}</g>'),
        ("kept", "unsupported_clip_path"),
        "a clip path that is the union of two shapes",
    ),
    "pattern.svg": Broken(
        doc(f'{_TILE}<rect width="100" height="100" fill="url(#p)"/>'),
        ("unsupported_pattern",),
        "a pattern of ten thousand million tiles",
    ),
    "marker.svg": Broken(
        doc(f'{_DOT}<path d="M10 80L50 20L90 80" stroke="red" marker-mid="url(#m)" paint-order="fill markers"/>'),
        ("kept",),
        "a marker that is painted between fill and stroke",
    ),
    "stroke.svg": Broken(
        doc(
            '<circle cx="50" cy="25" r="20" fill="none" stroke="#222" transform="scale(1 2)"'
            ' vector-effect="non-scaling-stroke"/>'
        ),
        ("unsupported_stroke",),
        "a stroke in pixels of the screen under an uneven scale",
    ),
    "switch.svg": Broken(
        doc(f'<switch><g requiredExtensions="http://example.invalid/x">{RED}</g></switch>'),
        ("kept", "nothing_drawn", "blank_render"),
        "a switch none of whose branches applies",
    ),
    "nested_svg.svg": Broken(
        doc(f'<svg x="60" y="60" width="30" height="30" viewBox="0 0 40 40">{RED}</svg>'),
        ("kept", "unsupported_clip_path"),
        "a viewport within the drawing that cuts its content off",
    ),
    "animation.svg": Broken(
        doc('<rect width="60" height="60" opacity="0"><animate attributeName="opacity" to="1" dur="1s"/></rect>'),
        ("unsupported_animation", "nothing_drawn", "blank_render"),
        "visible only once its animation has run",
    ),
    "paint.svg": Broken(
        doc('<meshgradient id="h"/><rect width="80" height="80" fill="url(#h)" stroke="#000"/>'),
        ("kept", "unsupported_paint", "unsupported_element"),
        "a paint server of another profile",
    ),
    "blend.svg": Broken(
        doc(f'{_wheel("#e3b")}<circle cx="60" cy="60" r="30" fill="#3be" style="mix-blend-mode:multiply"/>'),
        ("kept",),
        "a blend mode",
    ),
    "cyclic_use.svg": Broken(
        doc('<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>'),
        ("cyclic_ref", "nothing_drawn"),
        "two groups that use each other",
    ),
    "use_bomb.svg": Broken(
        doc(_doubling(30, '<rect width="1" height="1"/>')), ("use_expansion",), "2^30 rectangles in 2 KB"
    ),
    "out_of_canvas.svg": Broken(
        doc('<path d="M-300 50C-100 -400 200 500 400 50" fill="none" stroke="#222" stroke-width="6"/>'),
        ("kept", "out_of_canvas"),
        "a stroke that leaves the canvas on both sides",
    ),
    "far_away.svg": Broken(
        doc('<rect x="5000" y="5000" width="60" height="60"/>'),
        ("nothing_drawn", "out_of_canvas", "blank_render"),
        "a shape beyond the canvas",
    ),
    "only_defs.svg": Broken(
        doc(f"<defs>{RED}</defs>"), ("nothing_drawn", "blank_render"), "a definition that is never used"
    ),
    # render
    "one_colour.svg": Broken(
        doc('<rect width="100" height="100" fill="#fff"/>'), ("blank_render",), "one colour from edge to edge"
    ),
    "dashes.svg": Broken(
        doc(_dashes()),
        (
            "too_complex",
            "timed_out",
        ),
        "3 KB that keep a renderer busy for minutes: stopped by the sandbox",
    ),
    # deduplicate: of the six wheels one stays of each colour
    "wheel.svg": Broken(doc(_wheel("#556")), _DUPLICATE, "a wheel"),
    "wheel_copy.svg": Broken(doc(_wheel("#556")), _DUPLICATE, "its exact copy"),
    "wheel_reformatted.svg": Broken(
        doc(f"<!-- the same -->\n  <g>\n    {_wheel('#555566', separator=', ')}\n  </g>\n"),
        _DUPLICATE,
        "the same picture in other words",
    ),
    "wheel_recoloured.svg": Broken(doc(_wheel("#a22")), _DUPLICATE, "the same wheel in another colour"),
    "wheel_dented.svg": Broken(doc(_wheel("#556", dent=5)), _DUPLICATE, "the same wheel with a dent in its hole"),
    "wheel_packed.svgz": Broken(_gzip(doc(_wheel("#556"))), _DUPLICATE, "the same wheel, compressed"),
}
