"""What a drawing is made of, for comparison: shingles of its commands, and a key of its geometry without its colour.

A shingle is one drawn command: the element's paint, whether it is straight, a curve or an arc, and the cells of a
coarse grid where it begins and ends. Control points are left out: they move more than ends do when a tool writes the
same curve in other numbers. Positions are absolute, so that an arrow to the left and one to the right share little;
paint is part of it, a gradient's colours included, so that flags which differ by colour only stay apart. The canvas
being the same for all drawings (see `stages.normalize`), shingles do not depend on the source's scale or origin.

Drawings are taken many at a time: their elements one by one, the commands of all of them together, as arrays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import groupby
from zlib import crc32

import numpy as np
import numpy.typing as npt

_TAG = re.compile(r"<(/?[A-Za-z]+)>")
_PAINT = re.compile(r"(?:fill|stroke|fill-opacity|stroke-opacity|stroke-width|opacity)=[^ ]+")
_ID = re.compile(r"(?:^| )id=(\w+)")
_STOP = re.compile(r"stop-(?:color|opacity)=([^ ]+)")
_URL = re.compile(r"=url\(#(\w+)\)")
_VALUE = re.compile(r"([\w-]+)=(-?[0-9.]+)(?= |$)")
_TEXT = re.compile(r"(?:^| )=(.*)$", re.DOTALL)
_COLOUR = re.compile(r"\b(?:fill|stroke|stop-color|flood-color)=([^ ]+)")
_FILL = re.compile(r"\bfill=(?!none)[^ ]+ ?")
_STROKE = re.compile(r"\bstroke=(?!none)[^ ]+")
_BLACK = frozenset({"black", "#000", "#000000"})
_PLACES = frozenset({"clipPath", "defs", "g", "mask", "pattern"})
_GRADIENTS = frozenset({"linearGradient", "radialGradient"})

_STRAIGHT, _CURVE, _ARC = 1, 2, 3
_KIND = np.zeros(128, np.int64)
_KIND[[ord(letter) for letter in "lhvzZ"]] = _STRAIGHT
_KIND[[ord(letter) for letter in "csqt"]] = _CURVE
_KIND[ord("a")] = _ARC

_AT_ONCE = 256
"""Drawings whose commands are taken together: enough for arrays to pay, few enough for them to stay small."""

Hashes = npt.NDArray[np.uint32]


@dataclass
class Drawn:
    """Features of drawings from their token strings, in order."""

    geometry_keys: list[bytes | None] = field(default_factory=list)
    """16 bytes that drawings of one colour share which differ in that colour only; None for one of several colours.

    Several colours carry meaning: flags differ by them, and faces of several skins. A drawing of one colour is the same
    in any.
    """
    text_hashes: list[int] = field(default_factory=list)
    """32 bits that stand for all character data, 0 if there is none."""
    templates: list[int] = field(default_factory=list)
    """32 bits that stand for the elements and their paints in their order, of equal ones in a row one."""
    shingles: Hashes = field(default_factory=lambda: np.empty(0, np.uint32))
    """Of all drawings one after the other; sorted and distinct within each."""
    offsets: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    """(drawings + 1): where each drawing's shingles begin, and the end of the last one's."""

    def shingle_set(self, number: int) -> Hashes:
        """The shingles of one drawing."""
        return self.shingles[self.offsets[number] : self.offsets[number + 1]]


@dataclass
class _Paths:
    """The geometry of all elements that have commands: text, paint, and the drawing it belongs to."""

    texts: list[str] = field(default_factory=list)
    paints: list[int] = field(default_factory=list)
    drawings: list[int] = field(default_factory=list)


def drawn(strings: Sequence[str], grid: int) -> Drawn:
    """Keys and shingles of atomic token strings; ``grid``: side of a cell, canvas units.

    Cells begin a quarter of a side off the origin: icons are drawn on lattices of 16, 20, 24 or 32 units, and with the
    default grid none of these lies on the edges of cells, where a small step changes the cell.
    """
    if len(strings) > _AT_ONCE:
        parts = [drawn(strings[begin : begin + _AT_ONCE], grid) for begin in range(0, len(strings), _AT_ONCE)]
        counts = np.concatenate([np.diff(part.offsets) for part in parts])
        return Drawn(
            [key for part in parts for key in part.geometry_keys],
            [hash_ for part in parts for hash_ in part.text_hashes],
            [template for part in parts for template in part.templates],
            np.concatenate([part.shingles for part in parts]),
            np.concatenate([[0], np.cumsum(counts)]),
        )
    features, paths = Drawn(), _Paths()
    others: list[int] = []
    other_numbers: list[int] = []
    for number, tokens in enumerate(strings):
        for shape in _elements(tokens, number, grid, features, paths):
            others.append(shape)
            other_numbers.append(number)
    hashes, numbers = _commands(paths, grid)
    hashes = np.concatenate([_mixed(hashes), _mixed(np.array(others, np.uint64))])
    numbers = np.concatenate([numbers, np.array(other_numbers, np.int64)])
    keys = numbers.astype(np.uint64) << np.uint64(32) | hashes
    keys.sort()
    keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys
    features.shingles = keys.astype(np.uint32)
    features.offsets = np.searchsorted(keys, np.arange(len(strings) + 1, dtype=np.uint64) << np.uint64(32))
    return features


def shingles(tokens: str, grid: int) -> Hashes:
    """The shingles of one drawing."""
    return drawn([tokens], grid).shingle_set(0)


def _elements(tokens: str, number: int, grid: int, features: Drawn, paths: _Paths) -> list[int]:
    """Take in the elements of a drawing; returns the shingles of those without commands."""
    parts = _TAG.split(tokens)
    gradients = _gradients(parts) if "url(" in tokens else {}
    place, stack = "", [""]
    shapes: list[int] = []
    texts: list[str] = []
    colours: set[str] = set()
    plain: list[str] = []
    outline: list[str] = []
    default_fill = False
    for name, content in zip(parts[1::2], parts[2::2], strict=True):
        if name[0] == "/":
            if len(stack) > 1:
                stack.pop()
                place = stack[-1]
            continue
        if name == "stop" or name in _GRADIENTS:  # compared as the paint of what refers to them
            stack.append(place)
            continue
        text, mark, geometry = content.partition("<")
        inside = name in _PLACES
        if inside:
            stack.append(f"{place}/{name}")
        else:
            stack.append(place)
        if gradients and "url(" in text:
            text = _URL.sub(lambda match: f"={gradients.get(match[1], '')}", text)
        own_colours = _COLOUR.findall(text) if "=" in text else ()
        colours.update(own_colours)
        default_fill |= not inside and name not in ("svg", "line") and "fill=" not in text
        plain += [name, _STROKE.sub("stroke=*", _FILL.sub("", text)).strip() if own_colours else text, mark, geometry]
        paint = f"{place} {' '.join(_PAINT.findall(text)) if text else ''}"
        outline.append(f"{name} {paint}")
        if geometry:
            paths.texts.append(mark + geometry)
            paths.paints.append(crc32(paint.encode()))
            paths.drawings.append(number)
        elif not inside and name != "svg":
            values = _VALUE.findall(text)
            inner = _TEXT.search(text)
            if inner:
                texts.append(inner[1])
            if values or inner:
                cells = " ".join(f"{k}{round(float(v) / grid) if abs(float(v)) > 2 else v}" for k, v in values)
                shapes.append(crc32(f"{paint} {name} {cells} {inner[1] if inner else ''}".encode()))
        place = stack[-1]
    colours.discard("none")
    one = len(colours) <= 1 and not gradients and not (default_fill and colours - _BLACK)
    features.geometry_keys.append(blake2b("|".join(plain).encode(), digest_size=16).digest() if one else None)
    features.templates.append(crc32("|".join(name for name, _ in groupby(outline)).encode()))
    features.text_hashes.append(crc32("\n".join(texts).encode()) | 1 if texts else 0)
    return shapes


def _gradients(parts: Sequence[str]) -> dict[str, str]:
    """Gradient's id -> its stops' colours."""
    stop_colours: dict[str, str] = {}
    current = ""
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        if name in _GRADIENTS:
            named = _ID.search(text)
            current = named[1] if named else ""
            stop_colours[current] = ""
        elif name == "stop" and current in stop_colours:
            stop_colours[current] += ",".join(_STOP.findall(text)) + ","
    return stop_colours


def _commands(paths: _Paths, grid: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """A number for each drawn command of all paths, and the drawing it belongs to."""
    if not paths.texts:
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    data = "".join(paths.texts).encode("ascii")
    text = np.frombuffer(data + bytes(16), np.uint8)
    starts = np.cumsum([0, *map(len, paths.texts[:-1])])
    marks = np.flatnonzero(text == ord("<"))
    kind = text[marks + 1]
    is_command = kind == ord("c")
    is_number = (kind == ord("d")) | (kind == ord("P"))
    values = _numbers(text, marks[is_number] + 3)
    at = marks[is_command]
    letters = text[at + 5]
    ends = np.append(np.cumsum(is_number)[np.flatnonzero(is_command)][1:], len(values))
    last = values[ends - 1]
    before = values[ends - 2]
    move, close = letters == ord("M"), (letters == ord("z")) | (letters == ord("Z"))
    across, up = letters == ord("h"), letters == ord("v")
    still = move | close
    step_x = np.where(still | up, 0, np.where(across, last, before))
    step_y = np.where(still | across, 0, last)
    # a subpath begins at its move, and again after it was closed
    number = np.arange(len(letters))
    home = np.maximum.accumulate(np.where(move, number, 0))
    reset = np.maximum.accumulate(np.where(still, number, 0))
    ends_at = []
    for step, base in ((step_x, before[home]), (step_y, last[home])):
        total = np.cumsum(step)
        ends_at.append(base + total - total[reset])
    begins_at = [np.concatenate([[0], values[:-1]]) for values in ends_at]
    closes = (begins_at[0] != ends_at[0]) | (begins_at[1] != ends_at[1])
    rows = np.flatnonzero(~move & (~close | closes))
    element = np.searchsorted(starts, at[rows], side="right") - 1
    shift = 3 * grid // 4
    codes = (np.array(paths.paints, np.int64)[element] << 2) + _KIND[letters[rows]]
    for values in (*begins_at, *ends_at):
        codes = (codes << 7) ^ ((values[rows] + shift) // grid)
    return codes.view(np.uint64), np.array(paths.drawings, np.int64)[element]


def _numbers(text: npt.NDArray[np.uint8], at: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    """The integers that begin at these places."""
    negative = text[at] == ord("-")
    at = at + negative
    values = np.zeros(len(at), np.int64)
    going = np.ones(len(at), bool)
    for k in range(8):
        digit = text[at + k] - np.uint8(48)
        going &= digit < 10
        if not going.any():
            break
        values = np.where(going, values * 10 + digit, values)
    return np.where(negative, -values, values)


def _mixed(wide: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """32-bit hashes of 64-bit numbers: MurmurHash3's finalizer."""
    wide = wide ^ (wide >> np.uint64(33))
    wide *= np.uint64(0xFF51AFD7ED558CCD)
    wide ^= wide >> np.uint64(33)
    wide *= np.uint64(0xC4CEB9FE1A85EC53)
    wide ^= wide >> np.uint64(32)
    return wide & np.uint64(0xFFFFFFFF)
