"""The characters of a text element: which are shown, in which case and size, and where attributes put them.

White space is that of CSS Text 4, section 4, as browsers apply it to SVG: nothing breaks a line, so a line feed that is
preserved is a space. Small capitals are synthesized, as the fonts have none (CSS Fonts 4, section 6.6).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from stages.base import Dropped
from stages.normalize.css.computed import compute
from stages.normalize.drawing.glyphs import extents, face_of
from stages.normalize.source.tree import Node
from stages.normalize.values.properties import Style
from stages.normalize.values.units import Length, Viewport, parse_length, resolve
from stages.reasons import Reason

_UNSET = frozenset(("textPath", "tref", "altGlyph"))
_LISTS = ("x", "y", "dx", "dy", "rotate")
_MOST = 20_000
_BIDI = frozenset("\u061c\u200f\u202a\u202b\u202d\u202e\u2066\u2067\u2068")
"""Controls that may turn what follows round; marks that say left to right, and ends, do nothing here."""
_SMALL = 0.7
"""The size of small capitals that browsers make."""
_TAILORED = ("tr", "az", "lt", "el", "nl", "hy")
"""Languages whose letters change case by rules of their own."""
_LANGUAGES = ("{http://www.w3.org/XML/1998/namespace}lang", "lang")
_WORD = re.compile(r"(?:[^\W_]|[\u0300-\u036f])+(?:['\u2019.:\u00b7](?=[^\W\d_])[^\W_]+|[.,'](?=\d)[^\W_]+)*")


class Layer(NamedTuple):
    """An element within the text that is painted as a whole: its opacity and blend mode."""

    node: Node
    opacity: float
    blend: str


@dataclass
class Character:
    """One character and its style. ``shift``: how far it stands above where its position says, user units.

    ``scale``: its size as a share of the font size. ``at``: what attributes of positions say for it.
    """

    text: str
    style: Style
    owner: Node
    shift: float = 0.0
    layers: tuple[Layer, ...] = ()
    scale: float = 1.0
    at: dict[str, float] = field(default_factory=dict)


def refuse(detail: str) -> Dropped:
    """The exception for text that cannot be set."""
    return Dropped(Reason.UNSUPPORTED_TEXT, detail)


def characters_of(node: Node, style: Style, own: Style, viewport: Viewport) -> list[Character]:
    """The characters of a ``text`` element with the computed ``style`` that take part in its layout, in order.

    Raises Dropped (UNSUPPORTED_TEXT, TOO_COMPLEX).
    """
    characters: list[Character] = []
    _collect(node, style, own, characters, 0.0, ())
    characters = _collapse(characters)
    _place(node, characters, viewport)
    return _cased(characters)


def _collect(
    node: Node,
    style: Style,
    own: Style,
    out: list[Character],
    shift: float,
    layers: tuple[Layer, ...],
) -> None:
    shift += _baseline_shift(own, style)
    stands = shift + _aligned(own, style)
    out += [Character(c, style, node, stands, layers) for c in node.source.text or ""]
    for child in node.children:
        if child.tag in _UNSET:
            raise refuse(f"a {child.tag} element")
        if child.tag in ("tspan", "a"):
            inner, theirs = compute(style, child.declared)
            if theirs.get("display") != "none":
                _collect(child, inner, theirs, out, shift, _layered(child, theirs, layers))
        out += [Character(c, style, node, stands, layers) for c in child.source.tail or ""]
        if len(out) > _MOST:
            raise Dropped(Reason.TOO_COMPLEX, f"over {_MOST} characters of text")


def _layered(node: Node, own: Style, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """Browsers apply opacity and blend modes to elements within text, too."""
    for name in ("filter", "mask", "clip-path"):
        if own.get(name):
            raise refuse(f"{name} on a {node.tag} within text")
    opacity, blend = own.get("opacity", 1.0), own.get("mix-blend-mode", "normal")
    return layers if opacity == 1 and blend == "normal" else (*layers, Layer(node, opacity, blend))


def _collapse(characters: list[Character]) -> list[Character]:
    """Without the white space that is not shown."""
    kept: list[Character] = []
    for character in characters:
        if character.text in "\n\t\r ":
            keep = character.style["white-space"] in ("pre", "pre-wrap", "break-spaces")
            character.text = "\u00a0" if keep else " "
            if not keep and (not kept or kept[-1].text == " "):
                continue
        elif character.text in _BIDI:
            raise refuse(f"the bidi control U+{ord(character.text):04X}")
        elif unicodedata.category(character.text) in ("Cc", "Cf"):
            continue
        kept.append(character)
    while kept and kept[-1].text == " ":
        kept.pop()
    return kept


def _place(node: Node, characters: list[Character], viewport: Viewport) -> None:
    """Give characters the positions that attributes of their elements say; inner elements go first."""
    owned = spans(node, characters)

    def apply(element: Node) -> None:
        places = owned.get(id(element), ())
        for name in _LISTS:
            text = element.attributes.get(name)
            if text is None or not places:
                continue
            size = characters[places[0]].style["font-size"].value
            reference = viewport.height if name in ("y", "dy") else viewport.width
            lengths = [parse_length(piece) for piece in text.replace(",", " ").split()]
            if any(length is None for length in lengths):
                continue
            values = [resolve(length, reference, size) for length in lengths if length is not None]
            if name == "rotate" and values:
                values += [values[-1]] * (len(places) - len(values))
            for i, value in zip(places, values, strict=False):
                characters[i].at[name] = value
        for child in element.children:
            apply(child)

    apply(node)


def spans(node: Node, characters: list[Character]) -> dict[int, range]:
    """The characters that each element of the text holds, by its identity."""
    ends: dict[int, tuple[int, int]] = {}
    for i, character in enumerate(characters):
        at: Node | None = character.owner
        while at is not None:
            ends[id(at)] = (ends.get(id(at), (i,))[0], i + 1)
            if at is node:
                break
            at = at.parent
    return {key: range(*pair) for key, pair in ends.items()}


def _cased(characters: list[Character]) -> list[Character]:
    """The characters as ``text-transform`` and ``font-variant-caps`` show them."""
    kinds = {c.style["text-transform"] for c in characters}
    if kinds - {"none"}:
        characters = [each for part in _transformed(characters) for each in part]
    if all(_caps(c.style) == "normal" for c in characters):
        return characters
    return [each for character in characters for each in _capital(character)]


def _transformed(characters: list[Character]) -> Iterator[list[Character]]:
    line = "".join(c.text for c in characters)
    lower = line.lower()  # knows the final sigma
    starts = {match.start() for match in _WORD.finditer(line)}
    for i, character in enumerate(characters):
        kind, text = character.style["text-transform"], character.text
        if kind == "none":
            yield [character]
            continue
        language = _language(character.owner)
        if language in _TAILORED:
            raise refuse(f"text-transform {kind} of the language {language}")
        if kind == "uppercase":
            text = text.upper()
        elif kind == "lowercase":
            text = lower[i] if len(lower) == len(line) else text.lower()
        elif i in starts and len(text.title()) == 1:
            text = text.title()
        yield _replaced(character, text, character.scale)


def _language(node: Node) -> str:
    at: Node | None = node
    while at is not None:
        for name in _LANGUAGES:
            if name in at.attributes:
                return at.attributes[name].split("-")[0].strip().lower()
        at = at.parent
    return ""


def _caps(style: Style) -> str:
    caps: str = style["font-variant-caps"] if style["font-synthesis-small-caps"] == "auto" else "normal"
    return caps


def _capital(character: Character) -> list[Character]:
    """A character in the capitals that its style asks for; a font without them lends its own, made smaller."""
    caps, text = _caps(character.style), character.text
    lower = text.upper() != text
    if caps in ("normal", "titling-caps"):
        return [character]
    if caps == "unicase":
        return [character] if lower else [replace(character, scale=_SMALL)]
    small = lower or caps.startswith("all-")
    return _replaced(character, text.upper() if lower else text, _SMALL) if small else [character]


def _replaced(character: Character, text: str, scale: float) -> list[Character]:
    """``text`` instead of a character; what its attributes say goes to the first of several."""
    return [
        replace(character, text=each, scale=scale, at=character.at if i == 0 else {}) for i, each in enumerate(text)
    ]


def _aligned(own: Style, style: Style) -> float:
    """How far text stands above where its position says (CSS Inline 3, sections 4.1 and 4.2), user units.

    What says how an element aligns itself takes the place of what is dominant in it.
    """
    name = own.get("alignment-baseline", "auto")
    name = style["dominant-baseline"] if name in ("auto", "baseline") else name
    if name in ("auto", "alphabetic", "no-change", "use-script", "reset-size"):
        return 0.0
    font = extents(face_of(style))
    above = {
        "middle": font.x_height / 2,
        "central": (font.ascent - font.descent) / 2,
        "hanging": font.ascent * 0.8,
        "mathematical": font.ascent / 2,
        "ideographic": -font.descent,
        "after-edge": -font.descent,
        "text-after-edge": -font.descent,
        "before-edge": font.ascent,
        "text-before-edge": font.ascent,
    }[name]
    return -above * float(style["font-size"].value)


def _baseline_shift(own: Style, style: Style) -> float:
    """SVG 2 leaves sub and super to the user agent; browsers shift by half the height of the font."""
    value: str | Length | None = own.get("baseline-shift")
    size = float(style["font-size"].value)
    if value is None or value == "baseline":
        return 0.0
    if isinstance(value, str):
        font = extents(face_of(style))
        return (font.ascent + font.descent) / 2 * size * (1 if value == "super" else -1)
    return resolve(value, size, size)
