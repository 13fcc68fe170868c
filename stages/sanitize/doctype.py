"""The document type declaration: what of it the parser may see, and how far its entities expand.

Legitimate files (Adobe Illustrator's above all) declare internal entities for namespace names and styles. Those are
rewritten into a declaration of nothing else, after their expansion was computed, so that the parser meets no external
identifier, no parameter entity and no attribute default. libxml2 has guards of its own (an amplification factor, a
depth); they start at a megabyte and stay in place behind this one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stages.base import Dropped
from stages.reasons import Reason
from stages.sanitize.settings import SanitizeSettings

_SPACE = re.compile(r"[ \t\r\n]*")
_NAME = r"[A-Za-z_:\u0080-\U0010ffff][\w:.\-\u00b7]*"
_HEAD = re.compile(rf"<!DOCTYPE[ \t\r\n]+({_NAME})")
_QUOTED = r"\"[^\"]*\"|'[^']*'"
_EXTERNAL = re.compile(
    rf"[ \t\r\n]+(?:SYSTEM[ \t\r\n]+(?:{_QUOTED})|PUBLIC[ \t\r\n]+(?:{_QUOTED})(?:[ \t\r\n]*(?:{_QUOTED}))?)"
)
_DECLARATION = re.compile(rf"<![A-Z](?:[^\"'<>]|{_QUOTED})*>")
_ENTITY = re.compile(rf"<!ENTITY[ \t\r\n]+(%[ \t\r\n]+)?({_NAME})[ \t\r\n]+({_QUOTED}|SYSTEM\b|PUBLIC\b)")
_PARAMETER = re.compile(rf"%({_NAME});")
_REFERENCE = re.compile(rf"&({_NAME});")
_CHARACTER = re.compile(r"&#(?:x([0-9a-fA-F]{1,8})|([0-9]{1,10}));")
_BUILT_IN = frozenset(("lt", "gt", "amp", "quot", "apos"))


@dataclass(frozen=True)
class Prolog:
    """``doctype``: what to give the parser instead of the declaration found, "" for none. ``root``: where the root
    element's tag begins in the text, or where a fault ended the search."""

    begin: int
    end: int
    root: int
    doctype: str
    notes: frozenset[str]


def read_prolog(text: str, settings: SanitizeSettings) -> Prolog:
    """Scan comments, processing instructions and the DOCTYPE before the root element.

    Raises Dropped: EXTERNAL_ENTITY, ENTITY_EXPANSION, XML_MALFORMED.
    """
    at = begin = end = 0
    doctype, notes = "", set()
    while True:
        at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
        if text.startswith("<!--", at):
            at = _after(text, "-->", at + 4)
        elif text.startswith("<?", at):
            at = _after(text, "?>", at + 2)
        elif text.startswith("<!DOCTYPE", at):
            if end:
                raise Dropped(Reason.XML_MALFORMED, "two DOCTYPEs")
            begin = at
            at, internal = _subset(text, at)
            end = at
            notes.add("doctype")
            doctype = _entities(internal, text, at, settings)
            if doctype:
                notes.add("entities_resolved")
        else:
            return Prolog(begin, end, at, doctype, frozenset(notes))


def _after(text: str, mark: str, at: int) -> int:
    position = text.find(mark, at)
    if position < 0:
        raise Dropped(Reason.XML_MALFORMED, f"no {mark} before the end")
    return position + len(mark)


def _subset(text: str, at: int) -> tuple[int, list[str]]:
    """The end of the DOCTYPE that begins at ``at``, and the declarations of its internal subset."""
    head = _HEAD.match(text, at)
    if head is None:
        raise Dropped(Reason.XML_MALFORMED, "a DOCTYPE without a name")
    if head[1].lower() == "html":
        raise Dropped(Reason.NOT_SVG, "an HTML page")
    at = head.end()
    if external := _EXTERNAL.match(text, at):
        at = external.end()
    at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
    declarations: list[str] = []
    if text.startswith("[", at):
        at += 1
        while not text.startswith("]", at := _SPACE.match(text, at).end()):  # type: ignore[union-attr]
            if text.startswith("<!--", at):
                at = _after(text, "-->", at + 4)
            elif text.startswith("<?", at):
                at = _after(text, "?>", at + 2)
            elif declaration := _DECLARATION.match(text, at) or _PARAMETER.match(text, at):
                declarations.append(declaration[0])
                at = declaration.end()
            else:
                raise Dropped(Reason.XML_MALFORMED, "the DOCTYPE's internal subset cannot be read")
        at = _SPACE.match(text, at + 1).end()  # type: ignore[union-attr]
    if not text.startswith(">", at):
        raise Dropped(Reason.XML_MALFORMED, "the DOCTYPE cannot be read")
    return at + 1, declarations


def _entities(declarations: list[str], text: str, body: int, settings: SanitizeSettings) -> str:
    """A DOCTYPE with the internal entities only, "" if there are none. Raises Dropped."""
    values: dict[str, str] = {}
    kept: list[str] = []
    external: set[str] = set()
    parameters: dict[str, bool] = {}
    for declaration in declarations:
        match = _ENTITY.match(declaration)
        if match is None:
            continue
        parameter, name, value = match.groups()
        if parameter:
            parameters.setdefault(name, value[0] not in "\"'")
        elif name in values or name in external:
            continue  # the first declaration binds (XML 1.0, section 4.2)
        elif value[0] in "\"'":
            values[name] = _CHARACTER.sub(_character, value[1:-1])
            kept.append(f"<!ENTITY {name} {value}>")
        else:
            external.add(name)
    for declaration in declarations:
        for name in _PARAMETER.findall(declaration):
            if parameters.get(name):
                raise Dropped(Reason.EXTERNAL_ENTITY, f"%{name};")
            if name in parameters or declaration.startswith("%"):
                raise Dropped(Reason.ENTITY_EXPANSION, f"parameter entity %{name};")
    if not values and not external:
        return ""
    sizes: dict[str, int] = {}
    total = 0
    for match in _REFERENCE.finditer(text, body):
        total += _size(match[1], values, external, sizes, settings, ())
        if total > settings.max_entity_chars:
            raise Dropped(Reason.ENTITY_EXPANSION, f"to more than {settings.max_entity_chars} characters")
    return f"<!DOCTYPE svg [{''.join(kept)}]>" if kept else ""


def _character(match: re.Match[str]) -> str:
    code = int(match[1], 16) if match[1] else int(match[2])
    return chr(code) if code < 0x110000 else match[0]


def _size(
    name: str,
    values: dict[str, str],
    external: set[str],
    sizes: dict[str, int],
    settings: SanitizeSettings,
    path: tuple[str, ...],
) -> int:
    """Characters that ``&name;`` becomes, each reference on the way counted as one. Raises Dropped."""
    if name in sizes:
        return sizes[name]
    if name in external:
        raise Dropped(Reason.EXTERNAL_ENTITY, f"&{name};")
    if name in path:
        raise Dropped(Reason.XML_MALFORMED, f"entity {name} refers to itself")
    if name in _BUILT_IN or name not in values:
        return 1
    if len(path) >= settings.max_entity_depth:
        raise Dropped(Reason.ENTITY_EXPANSION, f"nested more than {settings.max_entity_depth} deep")
    size = 1 + len(values[name])
    for reference in _REFERENCE.finditer(values[name]):
        size += _size(reference[1], values, external, sizes, settings, (*path, name))
        if size > settings.max_entity_chars:
            raise Dropped(Reason.ENTITY_EXPANSION, f"to more than {settings.max_entity_chars} characters")
    sizes[name] = size
    return size
