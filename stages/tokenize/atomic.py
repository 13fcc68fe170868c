"""Atomic tokens (level 1): canonical SVG text to the HiVG token string and back, exactly.

The token string
----------------
For example::

    <svg>viewBox=0 0 9 9<path>fill=red<cmd_M><P_1><P_2><cmd_a>5 5 0<large_0><sweep_1><d_1><d_-2><cmd_z></path></svg>

* An element is its opening token, its attributes, its geometry, its character data, its children, its closing token.
  Empty elements have both tokens too. The root's ``xmlns`` is left out; decoding puts it back.
* ``d`` of a path is one command token for each command with its arguments; ``points`` of a polygon or polyline is a
  move, lines, and a close for a polygon. An arc's radii and rotation are bare numbers.
* Tokens are joined with nothing between them, but one space between two attributes and between two bare numbers.

Escaping
--------
An attribute is ``name=value``. The value is spelled as in the canonical SVG, that is with ``&amp; &lt; &gt; &quot;
&#9; &#10; &#13;``, and ``=`` is ``&#61;``. So a token string has ``<`` only where a token begins and ``=`` only after
an attribute's name, and a string of attributes splits at the last space before each ``=``; spaces within values need
no escape. Character data (``text`` and ``style``) is an attribute without a name, always the last:
``<text>x=1 =a &lt; b</text>``. Names are ASCII: a letter or underscore, then letters, digits, ``_ . -``, at most 100
characters; ``xml:`` may come before. Quotes, ``>``, ``<``, ``&`` and ``=`` within values are what the reference would
print raw; all else is printed alike. An empty ``d`` or ``points`` stays an attribute without a value.
"""

from __future__ import annotations

import re

import pyarrow as pa

from stages.base import Rows, StageResult
from stages.canonical import GEOMETRY, SVG_NS
from stages.reasons import Reason
from stages.schema import ATOMIC
from stages.tokenize.errors import TokenError, UnknownElement
from stages.tokenize.geometry import decode_path, decode_points, encode_path, encode_points
from stages.tokenize.markup import FORBIDDEN, NAME, TEXT_ELEMENTS, tags
from stages.tokenize.settings import TokenizeSettings
from stages.tokenize.vocabulary import Vocabulary

ATOMIC_VERSION: int = 1

XMLNS = f'xmlns="{SVG_NS}"'

# An element token with the attributes after it, then the geometry: all other tokens have an underscore.
# Possessive repeats would fit, but Python 3.11.2 (Debian 12) gets them wrong.
PART = re.compile(r"<(/?)([A-Za-z]+)>([^<]*)((?:<(?:cmd|P|d|large|sweep)_[^<]*)*)")
_BAD_VALUE = re.compile(r"""[<>"\t\n\r]|&(?!(?:amp|lt|gt|quot|\#10|\#9|\#13|\#61);)""", re.VERBOSE)
_BAD_CONTENT = re.compile(r"[<>]|&(?!(?:amp|lt|gt|#61);)")
_TOKEN = re.compile(r"<[^<>]*>|[^<]+|<")
BOUNDARY = re.compile(r" (?=[^ =]*=)")


def encode(svg: str, vocabulary: Vocabulary) -> str:
    """The token string of an SVG document.

    ``svg`` is in canonical form, or any SVG document of the vocabulary's canvas whose coordinates are integers:
    absolute commands become relative, white space and comments go. Raises TokenError when the text is not well-formed,
    when an element or a coordinate is not in the vocabulary, or when something has no place in tokens; nothing is left
    out, rounded or clamped.
    """
    out: list[str] = []
    root = True
    for close, name, attributes, empty, text in tags(svg):
        if close:
            out.append(f"</{name}>")
            continue
        if name not in vocabulary.names:
            raise UnknownElement(f"element {name} is not in the vocabulary")
        out.append(f"<{name}>")
        values, geometry = _attributes(name, attributes.split('"'), vocabulary.limit)
        if root:
            _check_root(name, values, vocabulary)
            values.remove(f"xmlns={SVG_NS}")
            root = False
        if text:
            values.append("=" + text.replace("=", "&#61;"))
        out.append(" ".join(values))
        out.append(geometry)
        if empty:
            out.append(f"</{name}>")
    return "".join(out)


def _attributes(element: str, parts: list[str], limit: int) -> tuple[list[str], str]:
    """The attributes as token text, in order, and the geometry as tokens. ``parts``: `` name=``, value, …, empty."""
    own = GEOMETRY.get(element)
    values: list[str] = []
    geometry = ""
    seen: set[str] = set()
    for before, value in zip(parts[:-1:2], parts[1::2], strict=True):
        name = before[1:-1]
        if name == own and value:
            geometry = encode_path(value, limit) if own == "d" else encode_points(value, element == "polygon", limit)
        else:
            values.append(f"{name}={value.replace('=', '&#61;')}")
        if name not in _names:
            _learn(name)
        seen.add(name)
    if 2 * len(seen) + 1 != len(parts):
        raise TokenError(f"element {element} has an attribute twice")
    return values, geometry


_names: set[str] = set()


def _learn(name: str) -> None:
    """Check an attribute's name and remember it; names are few and checking each again costs more than the rest."""
    if not NAME.fullmatch(name) or len(name) > 100:
        raise TokenError(f"attribute {name[:100]} has a name that tokens cannot hold")
    if len(_names) < 10_000:
        _names.add(name)


def _check_root(name: str, values: list[str], vocabulary: Vocabulary) -> None:
    if name != "svg" or f"xmlns={SVG_NS}" not in values:
        raise TokenError("the root is not an svg element of the SVG namespace")
    side = vocabulary.canvas
    if f"viewBox=0 0 {side} {side}" not in values:
        raise TokenError(f'the root has no viewBox="0 0 {side} {side}", the canvas of the vocabulary')


def decode(text: str, vocabulary: Vocabulary) -> str:
    """The canonical SVG text of a token string; ``decode(encode(x)) == x`` for canonical x.

    Raises TokenError, and nothing else, for any other string, with the place where it stops being one. Unknown
    elements, malformed attributes and geometry, and text between elements are errors.
    """
    out: list[str] = []
    open_: list[str] = []
    at = 0
    pending = False  # the last opening tag still lacks its ">" or "/>"
    while match := PART.match(text, at):
        close, name, attributes, geometry = match.groups()
        if close:
            if not open_ or open_[-1] != name:
                raise TokenError(f"</{name}> closes nothing; open is {open_[-1] if open_ else 'no element'}", at)
            if attributes or geometry:
                raise TokenError(f"attributes or geometry after </{name}>", match.end(2) + 1)
            out.append("/>" if pending else f"</{name}>")
            open_.pop()
            pending = False
            at = match.end()
            if not open_:
                break
            continue
        if name not in vocabulary.names:
            raise TokenError(f"element {name} is not in the vocabulary", at)
        if pending:
            out.append(">")
        if not open_:
            if name != "svg":
                raise TokenError(f"the root must be <svg>, not <{name}>", at)
            out.append(f"<svg {XMLNS}")
        else:
            out.append(f"<{name}")
        content = print_element(name, attributes, geometry, not open_, match.start(3), vocabulary, out)
        open_.append(name)
        pending = not content
        if content:
            out.append(f">{content}")
        at = match.end()
    if open_ or not at:
        what = repr(text[at : at + 20]) if at < len(text) else "the end"
        raise TokenError(f"{what} where an element token is expected", at)
    if at < len(text):
        raise TokenError("text after the root element", at)
    return "".join(out)


def print_element(
    name: str, attributes: str, geometry: str, root: bool, at: int, vocabulary: Vocabulary, out: list[str]
) -> str:
    """Append an element's attributes to ``out``; returns its character data. ``at``: where the attributes begin."""
    own = GEOMETRY.get(name)
    content = ""
    values: dict[str, str] = {}
    if attributes:
        values = split_attributes(attributes, at)
        content = values.pop("", "")
        if content and name not in TEXT_ELEMENTS:
            raise TokenError(f"{name} holds no character data", at)
        if values.get(own or "") or (own in values and geometry):
            raise TokenError(f"{own} of {name} must be written as geometry tokens", at)
        for key, value in values.items():
            if "&#61;" in value:
                value = value.replace("&#61;", "=")
            out.append(f' {key}="{value}"')
    if root and values.get("viewBox") != f"0 0 {vocabulary.canvas} {vocabulary.canvas}":
        raise TokenError(f"the root has no viewBox=0 0 {vocabulary.canvas} {vocabulary.canvas}", at)
    if geometry:
        at += len(attributes)
        if own == "d":
            out.append(f' d="{decode_path(geometry, vocabulary.limit, at)}"')
        elif own == "points":
            out.append(f' points="{decode_points(geometry, name == "polygon", vocabulary.limit, at)}"')
        else:
            raise TokenError(f"{name} has no geometry tokens", at)
    return content.replace("&#61;", "=")


def split_attributes(text: str, at: int) -> dict[str, str]:
    """``a=1 b=2 3 =content`` to names and values (still escaped); character data has the name ""."""
    name, *pieces = text.split("=")
    if not pieces:
        raise TokenError(f"{text[:40]!r} is no attribute, name=value", at)
    values: dict[str, str] = {}
    last = len(pieces) - 1
    for index, piece in enumerate(pieces):
        value, following = piece, ""
        if index < last:
            value, space, following = piece.rpartition(" ")
            if not space:
                raise TokenError(f"no space before an attribute in {piece[:40]!r}", at)
        if name in values or (name == "" and index < last):
            raise TokenError(f"attribute {name[:40]} is there twice" if name else "attributes after text", at)
        if name and name not in _names:
            _learn(name)
        if name == "xmlns":
            raise TokenError("xmlns is implied", at)
        if not (value or name):
            raise TokenError("empty character data", at)
        if (_BAD_VALUE if name else _BAD_CONTENT).search(value) or FORBIDDEN.search(value):
            raise TokenError(f"{value[:40]!r} holds a character that must be escaped", at)
        values[name] = value
        name = following
    return values


def split(text: str) -> list[str]:
    """The tokens of a string with or without segment tokens, as the reference counts them.

    An attribute (name and value), and each bare number, is one. Joined by `join` they give the string again.
    """
    out: list[str] = []
    for piece in _TOKEN.findall(text):
        if piece[0] == "<":
            out.append(piece)
        elif "=" in piece:
            out += BOUNDARY.split(piece)
        else:
            out += piece.split(" ")
    return out


def join(tokens: list[str]) -> str:
    """The string of ``tokens``: a space only between two that are both attributes or bare numbers."""
    out: list[str] = []
    plain = False
    for token in tokens:
        if plain and token[:1] != "<":
            out.append(" ")
        plain = token[:1] != "<"
        out.append(token)
    return "".join(out)


def atomic_length(text: str) -> int:
    """``len(split(text))`` of a valid token string, counted without splitting it."""
    # Each token has one "<", each attribute one "=" and each arc three bare numbers; escaping keeps them apart.
    return text.count("<") + text.count("=") + 3 * text.count("<cmd_a>")


def tokenize_atomic(table: pa.Table, settings: TokenizeSettings) -> StageResult:
    """Add the columns of `stages.schema.ATOMIC` to rows with an ``svg``; see `stages.base`.

    A row with an element that has no token is dropped for NOT_IN_VOCABULARY, one whose tokens do not decode to exactly
    its ``svg`` for TOKEN_MISMATCH.
    """
    vocabulary = Vocabulary.build(settings)
    rows = Rows(table, "tokenize", ATOMIC)
    for index, svg in enumerate(table["svg"].to_pylist()):
        try:
            tokens = encode(svg, vocabulary)
            back = decode(tokens, vocabulary)
        except UnknownElement as error:
            rows.drop(index, Reason.NOT_IN_VOCABULARY, str(error))
            continue
        except TokenError as error:
            rows.drop(index, Reason.TOKEN_MISMATCH, str(error))
            continue
        if back == svg:
            rows.keep(index, tokens=tokens, atomic_length=atomic_length(tokens))
        else:
            rows.drop(index, Reason.TOKEN_MISMATCH, _difference(svg, back))
    return rows.result()


def _difference(svg: str, back: str) -> str:
    at = next((i for i, (a, b) in enumerate(zip(svg, back, strict=False)) if a != b), min(len(svg), len(back)))
    return f"at character {at} the tokens decode to {back[at : at + 40]!r}, not {svg[at : at + 40]!r}"
