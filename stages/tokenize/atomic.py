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
from collections.abc import Sequence

import pyarrow as pa

from stages.base import Batch, Dropped, RowStage
from stages.canonical import GEOMETRY, SVG_NS
from stages.reasons import Reason
from stages.schema import ATOMIC
from stages.tokenize.errors import TokenError, UnknownElement
from stages.tokenize.geometry import decode_path, decode_points, encode_paths, encode_points
from stages.tokenize.markup import NAME, TEXT_ELEMENTS, holds_forbidden, tags
from stages.tokenize.settings import AtomicSettings
from stages.tokenize.vocabulary import Vocabulary

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
    (tokens,) = encode_all([svg], vocabulary)
    if isinstance(tokens, TokenError):
        raise tokens
    return tokens


BATCH = 100
"""Documents whose paths are spelled together; more need more memory and are no faster."""


def encode_all(svgs: Sequence[str], vocabulary: Vocabulary) -> list[str | TokenError]:
    """What `encode` gives for each of ``svgs``, errors as values; many at once are faster than one by one."""
    results: list[str | TokenError] = []
    for start in range(0, len(svgs), BATCH):
        results += _encode_batch(svgs[start : start + BATCH], vocabulary)
    return results


def _encode_batch(svgs: Sequence[str], vocabulary: Vocabulary) -> list[str | TokenError]:
    documents: list[list[str] | TokenError] = []
    paths: list[str] = []
    places: list[tuple[list[str], int]] = []  # where the tokens of each path go
    for svg in svgs:
        out: list[str] = []
        before = len(paths)
        try:
            _encode(svg, vocabulary, out, paths, places)
            documents.append(out)
        except TokenError as error:
            documents.append(error)
            del paths[before:], places[before:]
    failed: dict[int, TokenError] = {}
    for (out, at), tokens in zip(places, encode_paths(paths, vocabulary.limit), strict=True):
        if isinstance(tokens, TokenError):
            failed.setdefault(id(out), tokens)
        else:
            out[at] = tokens
    return [
        out if isinstance(out, TokenError) else failed[id(out)] if id(out) in failed else "".join(out)
        for out in documents
    ]


def _encode(
    svg: str, vocabulary: Vocabulary, out: list[str], paths: list[str], places: list[tuple[list[str], int]]
) -> None:
    """Append a document's token text to ``out``, with "" for each path, whose data and place it appends, too."""
    root = True
    for close, name, attributes, empty, text in tags(svg):
        if close:
            out.append(f"</{name}>")
            continue
        if name not in vocabulary.names:
            raise UnknownElement(f"element {name} is not in the vocabulary")
        data, own = "", _OWN.get(name, "")
        if own and (at := _found(attributes, own)) >= 0:
            end = attributes.index('"', at + len(own))
            data = attributes[at + len(own) : end]
        if data:
            attributes = attributes[:at] + attributes[end + 1 :]
            if _found(attributes, own) >= 0:
                raise TokenError(f"element {name} has an attribute twice")
        values = _attributes(attributes)
        if root:
            values = _root(name, values, vocabulary)
            root = False
        out.append(f"<{name}>{values}")
        if text:
            out.append(f"{' ' if values else ''}={text.replace('=', '&#61;')}")
        if data and name == "path":
            paths.append(data)
            places.append((out, len(out)))
            out.append("")
        elif data:
            out.append(encode_points(data, name == "polygon", vocabulary.limit))
        if empty:
            out.append(f"</{name}>")


def _found(attributes: str, own: str) -> int:
    """Where an attribute begins, -1 for none; a value can hold what looks like its beginning."""
    at = attributes.find(own)
    while at >= 0 and attributes.count('"', 0, at) % 2:
        at = attributes.find(own, at + 1)
    return at


_OWN = {name: f' {attribute}="' for name, attribute in GEOMETRY.items()}


def _attributes(text: str) -> str:
    """Attributes as token text. ``text``: `` name="value"``, any number of times."""
    names = tuple(text.split('"')[:-1:2])
    if names not in _known:
        _check_names(names)
    if text.count("=") > len(names):
        values = text.split('"')[1::2]
        return " ".join([before[1:] + value.replace("=", "&#61;") for before, value in zip(names, values, strict=True)])
    return text[1:-1].replace('="', "=").replace('" ', " ")


_known: set[tuple[str, ...]] = set()
_names: set[str] = set()


def _check_names(names: tuple[str, ...]) -> None:
    """Check the names of an element's attributes, `` name=``; they are remembered, since few occur."""
    for name in names:
        if name[1:-1] not in _names:
            _learn(name[1:-1])
    if len(set(names)) < len(names):
        raise TokenError("an element has an attribute twice")
    if len(_known) < 10_000 and len(names) < 50:
        _known.add(names)


def _learn(name: str) -> None:
    """Check an attribute's name and remember it; names are few and checking each again costs more than the rest."""
    if not NAME.fullmatch(name) or len(name) > 100:
        raise TokenError(f"attribute {name[:100]} has a name that tokens cannot hold")
    if len(_names) < 10_000:
        _names.add(name)


def _root(name: str, values: str, vocabulary: Vocabulary) -> str:
    """The root's attributes without the namespace that they must declare."""
    attributes = BOUNDARY.split(values)
    if name != "svg" or f"xmlns={SVG_NS}" not in attributes:
        raise TokenError("the root is not an svg element of the SVG namespace")
    side = vocabulary.canvas
    if f"viewBox=0 0 {side} {side}" not in attributes:
        raise TokenError(f'the root has no viewBox="0 0 {side} {side}", the canvas of the vocabulary')
    attributes.remove(f"xmlns={SVG_NS}")
    return " ".join(attributes)


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
        if (_BAD_VALUE if name else _BAD_CONTENT).search(value) or holds_forbidden(value):
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


def _tokenize(rows: pa.Table, settings: AtomicSettings) -> Batch:
    vocabulary = Vocabulary.build(settings)
    svgs = rows["svg"].to_pylist()
    tokens: list[str] = []
    dropped: dict[int, Dropped] = {}
    for index, (svg, encoded) in enumerate(zip(svgs, encode_all(svgs, vocabulary), strict=True)):
        try:
            if isinstance(encoded, TokenError):
                raise encoded
            back = decode(encoded, vocabulary)
        except UnknownElement as error:
            dropped[index] = Dropped(Reason.NOT_IN_VOCABULARY, str(error))
        except TokenError as error:
            dropped[index] = Dropped(Reason.TOKEN_MISMATCH, str(error))
        else:
            if back == svg:
                tokens.append(encoded)
            else:
                dropped[index] = Dropped(Reason.TOKEN_MISMATCH, _difference(svg, back))
    return Batch(pa.table([tokens, [atomic_length(each) for each in tokens]], schema=ATOMIC), dropped)


def _difference(svg: str, back: str) -> str:
    at = next((i for i, (a, b) in enumerate(zip(svg, back, strict=False)) if a != b), min(len(svg), len(back)))
    return f"at character {at} the tokens decode to {back[at : at + 40]!r}, not {svg[at : at + 40]!r}"


TOKENIZE = RowStage(
    name="tokenize",
    version=1,
    settings=AtomicSettings,
    reads=("svg",),
    adds=ATOMIC,
    many=_tokenize,
    says="writes HiVG tokens and checks that they decode to the canonical form",
    shards={"tokens": "The atomic token string (HiVG level 1).", "atomic_length": "Number of atomic tokens."},
)
"""Drops a row with an element that has no token (NOT_IN_VOCABULARY), and one whose tokens do not decode to exactly its
``svg`` (TOKEN_MISMATCH)."""
