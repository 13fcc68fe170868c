"""The peer of `tokens.py`: what one would write first, token by token. Gives the same strings."""

from __future__ import annotations

import re

from lxml import etree

ARITY = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}
PIECES = re.compile(r"[A-Za-z]|-?[0-9]+(?:\.[0-9]+)?")
TOKENS = re.compile(r"<[^<>]*>|[^<]+")


def tokenize(svg: str) -> str:
    """The token string of a canonical drawing."""
    tokens: list[str] = []
    element(etree.fromstring(svg), tokens)
    return join(tokens)


def element(node: etree._Element, tokens: list[str]) -> None:
    name = etree.QName(node).localname
    tokens.append(f"<{name}>")
    geometry: list[str] = []
    for key, value in node.attrib.items():
        if name == "path" and key == "d":
            geometry = path(value)
        elif name in ("polygon", "polyline") and key == "points":
            geometry = points(value, name == "polygon")
        else:
            for character, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("=", "&#61;")):
                value = value.replace(character, escaped)
            tokens.append(f"{key}={value}")
    tokens += geometry
    for child in node:
        element(child, tokens)
    tokens.append(f"</{name}>")


def path(data: str) -> list[str]:
    tokens: list[str] = []
    pieces = PIECES.findall(data)
    at = 0
    while at < len(pieces):
        letter = pieces[at]
        count = ARITY[letter.upper()]
        arguments = pieces[at + 1 : at + 1 + count]
        at += 1 + count
        tokens.append(f"<cmd_{letter}>")
        for index, argument in enumerate(arguments):
            if letter == "M":
                tokens.append(f"<P_{argument}>")
            elif letter == "a" and index < 3:
                tokens.append(argument)
            elif letter == "a" and index == 3:
                tokens.append(f"<large_{argument}>")
            elif letter == "a" and index == 4:
                tokens.append(f"<sweep_{argument}>")
            else:
                tokens.append(f"<d_{argument}>")
    return tokens


def points(data: str, closed: bool) -> list[str]:
    numbers = [int(n) for n in data.split()]
    tokens = ["<cmd_M>", f"<P_{numbers[0]}>", f"<P_{numbers[1]}>"]
    for i in range(2, len(numbers), 2):
        tokens += ["<cmd_l>", f"<d_{numbers[i] - numbers[i - 2]}>", f"<d_{numbers[i + 1] - numbers[i - 1]}>"]
    return tokens + ["<cmd_z>"] * closed


def join(tokens: list[str]) -> str:
    out: list[str] = []
    for i, token in enumerate(tokens):
        if i and not token.startswith("<") and not tokens[i - 1].startswith("<"):
            out.append(" ")
        out.append(token)
    return "".join(out)


def encode(text: str, segments: dict[tuple[str, ...], str], longest: int) -> str:
    """The string with the fewest tokens; ``segments``: commands to segment token, ``longest`` commands at most."""
    out: list[str] = []
    run: list[str] = []
    for token in TOKENS.findall(text):
        if token.startswith("<cmd_"):
            run.append(token)
        elif run and (token.startswith(("<P_", "<d_", "<large_", "<sweep_")) or not token.startswith("<")):
            run[-1] += token
        else:
            out += fewest(run, segments, longest)
            run = []
            out.append(token)
    return "".join(out)


def fewest(run: list[str], segments: dict[tuple[str, ...], str], longest: int) -> list[str]:
    best: list[tuple[int, list[str]]] = [(0, [])] * (len(run) + 1)
    for at in reversed(range(len(run))):
        cost = len(TOKENS.findall(run[at])) + 2 * run[at].startswith("<cmd_a>")
        found = (cost + best[at + 1][0], at + 1, run[at])
        for end in range(at + 1, min(at + longest, len(run)) + 1):
            token = segments.get(tuple(run[at:end]))
            if token and 1 + best[end][0] <= found[0]:
                found = (1 + best[end][0], end, token)
        best[at] = (found[0], [found[2], *best[found[1]][1]])
    return best[0][1]
