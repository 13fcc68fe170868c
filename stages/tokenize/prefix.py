"""The longest valid prefix of a model's output, its open elements closed, and where that prefix ends."""

from __future__ import annotations

from dataclasses import dataclass

from stages.canonical import GEOMETRY
from stages.tokenize import atomic
from stages.tokenize.errors import TokenError
from stages.tokenize.markup import TEXT_ELEMENTS
from stages.tokenize.vocabulary import Vocabulary


@dataclass(frozen=True)
class Prefix:
    """``svg``: canonical text, "" if not even the root is there. ``valid``: characters of the string that
    ``svg`` is made of.
    ``problem``: what is wrong after them, "" if nothing is, or if the string only stops too early.
    """

    svg: str
    valid: int
    problem: str

    @property
    def complete(self) -> bool:
        """Whether the whole string is a drawing."""
        return bool(self.svg) and not self.problem


def decode_prefix(text: str, vocabulary: Vocabulary) -> Prefix:
    """The longest beginning of ``text`` that is a drawing once its open elements are closed. Never raises.

    Within an element it ends after the last whole attribute or command; the next could not be told from a part of it.
    """
    try:
        return Prefix(atomic.decode(text, vocabulary), len(text), "")
    except TokenError as error:
        problem = str(error)
    out: list[str] = []
    open_: list[str] = []
    at = 0
    pending = False
    while match := atomic.PART.match(text, at):
        close, name, attributes, geometry = match.groups()
        if close:
            if not open_ or open_[-1] != name or attributes or geometry:
                if open_ and open_[-1] == name:  # the tag is right, what follows it is not
                    out.append("/>" if pending else f"</{name}>")
                    open_.pop()
                    pending, at = False, match.end(2) + 1
                break
            out.append("/>" if pending else f"</{name}>")
            open_.pop()
            pending, at = False, match.end()
            if not open_:
                break
            continue
        if name not in vocabulary.names or (not open_ and name != "svg"):
            break
        printed, valid = _element(name, attributes, geometry, not open_, vocabulary)
        if printed is None:
            break
        if pending:
            out.append(">")
        out.append(printed[0])
        content = printed[1]
        open_.append(name)
        pending = not content
        if content:
            out.append(f">{content}")
        at = match.end(2) + 1 + valid
        if at < match.end():
            break
    if not out:
        return Prefix("", 0, problem)
    while open_:
        name = open_.pop()
        out.append("/>" if pending else f"</{name}>")
        pending = False
    return Prefix("".join(out), at, problem)


def _element(
    name: str, attributes: str, geometry: str, root: bool, vocabulary: Vocabulary
) -> tuple[tuple[str, str] | None, int]:
    """The opening tag without its end and the character data, and how many characters of both texts are used.

    None for a root without what a root needs.
    """
    kept = _attributes(name, attributes)
    whole = len(kept) == len(attributes)
    kept_geometry = geometry if whole else ""
    closing = ""  # what a polygon needs that has lost its end
    start = f"<svg {atomic.XMLNS}" if root else f"<{name}"
    while True:
        out: list[str] = [start]
        try:
            content = atomic.print_element(name, kept, kept_geometry + closing, root, 0, vocabulary, out)
        except TokenError as error:
            if not kept_geometry:
                return None, 0
            if name == "polygon" and not closing:
                closing = "<cmd_z>"
                continue
            # back to the beginning of the command that went wrong, or of the last one where the error has no place
            fault_at = (error.position or 0) - len(kept)
            if 0 < fault_at < len(kept_geometry) and kept_geometry.startswith("<cmd_", fault_at):
                kept_geometry = kept_geometry[:fault_at]
            else:
                before = fault_at if 0 < fault_at < len(kept_geometry) else len(kept_geometry)
                kept_geometry = kept_geometry[: max(kept_geometry.rfind("<cmd_", 0, before), 0)]
            closing = closing if kept_geometry else ""
            continue
        return ("".join(out), content), len(kept) + len(kept_geometry)


def _attributes(name: str, text: str) -> str:
    """The beginning of ``text`` that is whole attributes, each once."""
    seen: set[str] = set()
    end = 0
    for piece in atomic.BOUNDARY.split(text) if text else ():
        key = piece.partition("=")[0]
        try:
            attributes = atomic.split_attributes(piece, 0)
        except TokenError:
            break
        content = "" in attributes
        if key in seen or len(attributes) != 1 or (content and name not in TEXT_ELEMENTS):
            break
        if attributes.get(GEOMETRY.get(name, "")):
            break  # geometry is written in tokens
        seen.add(key)
        end += len(piece) + (1 if end else 0)
        if content:
            break
    return text[:end]
