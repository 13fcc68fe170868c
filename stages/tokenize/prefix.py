"""What of a model's output is a drawing: the longest valid beginning of a token string, closed, and where it ends."""

from __future__ import annotations

from dataclasses import dataclass

from stages.canonical import GEOMETRY
from stages.tokenize import atomic
from stages.tokenize.errors import TokenError
from stages.tokenize.markup import TEXT_ELEMENTS
from stages.tokenize.vocabulary import Vocabulary


@dataclass(frozen=True)
class Prefix:
    """``svg``: canonical text, "" if not even the root is there. ``valid``: how many characters of the string it says.
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
    """The opening tag without its end and the character data, and how many characters of both texts they say.

    None for a root without what a root needs.
    """
    kept = _attributes(name, attributes)
    whole = len(kept) == len(attributes)
    said = geometry if whole else ""
    closing = ""  # what a polygon needs that has lost its end
    start = f"<svg {atomic.XMLNS}" if root else f"<{name}"
    while True:
        out: list[str] = [start]
        try:
            content = atomic.print_element(name, kept, said + closing, root, 0, vocabulary, out)
        except TokenError as error:
            if not said:
                return None, 0
            if name == "polygon" and not closing:
                closing = "<cmd_z>"
                continue
            # back to the beginning of the command that went wrong, or of the last one where that is not told
            told = (error.position or 0) - len(kept)
            if 0 < told < len(said) and said.startswith("<cmd_", told):
                said = said[:told]
            else:
                said = said[: max(said.rfind("<cmd_", 0, told if 0 < told < len(said) else len(said)), 0)]
            closing = closing if said else ""
            continue
        return ("".join(out), content), len(kept) + len(said)


def _attributes(name: str, text: str) -> str:
    """The beginning of ``text`` that is whole attributes, each once."""
    seen: set[str] = set()
    end = 0
    for piece in atomic.BOUNDARY.split(text) if text else ():
        key = piece.partition("=")[0]
        try:
            found = atomic.split_attributes(piece, 0)
        except TokenError:
            break
        content = "" in found
        if key in seen or len(found) != 1 or (content and name not in TEXT_ELEMENTS):
            break
        if found.get(GEOMETRY.get(name, "")):
            break  # geometry is written in tokens
        seen.add(key)
        end += len(piece) + (1 if end else 0)
        if content:
            break
    return text[:end]
