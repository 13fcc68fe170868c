"""The source made plain: what the renderers that judge a drawing are shown.

A renderer that does not know a construct draws the source wrong, so the comparison with the canonical form says
nothing, or the wrong thing. Where the cascade is proven right and the renderers are known to lack a construct
(custom properties, ``oklch()``, ``@layer``, ``pathLength``), the normalizer resolves it in the document that they
see, and says so: each rewrite has a name, which becomes the note ``plain_<name>`` of the sample, and a case with
Chromium's picture in ``tests/data/browser-cases``.
"""

from __future__ import annotations

from collections.abc import Callable

from lxml import etree

from stages.base import Dropped
from stages.normalize.source.tree import Node
from stages.reasons import Reason

_LISTS = frozenset(("stroke-dasharray", "font-family", "text-decoration", "transform", "filter", "paint-order"))
"""Properties whose declarations librsvg takes for invalid if they are important: it reads their lists to the end."""


def append_declaration(source: etree._Element, name: str, value: str) -> None:
    """Add to an element's style a declaration that beats the others."""
    style = source.get("style", "").rstrip().rstrip(";")
    flag = "" if name in _LISTS else " !important"
    source.set("style", f"{style};{name}:{value}{flag}".lstrip(";"))


class Plain:
    """The rewrites of one document, made in place on the source's tree. ``names``: what was resolved.

    A rewrite that is made twice with the same value is made once. An element that several ``use`` elements show can
    have a value that differs with the place: what has no one plain form cannot be judged, and is dropped. ``dry``: a
    walk that only measures, in which nothing is rewritten.
    """

    def __init__(self, dry: bool = False) -> None:
        self.dry = dry
        self.names: set[str] = set()
        self._made: dict[tuple[int, str, str], str | None] = {}
        self._last: dict[tuple[int, str], str] = {}
        self._edits: list[Callable[[], None]] = []

    def declare(self, node: Node, name: str, value: str, why: str) -> None:
        """Set a property of an element, whatever else declares it. Raises Dropped (UNSUPPORTED_CSS)."""
        if self._new(node, f"style {name}", value, why):
            append_declaration(node.source, name, value)

    def attribute(self, node: Node, name: str, value: str | None, why: str) -> None:
        """Set an attribute of an element, or take it away. Raises Dropped (UNSUPPORTED_CSS)."""
        if self._new(node, name, value, why):
            if value is None:
                node.source.attrib.pop(name, None)
            else:
                node.source.set(name, value)

    def later(self, node: Node, value: str, why: str, edit: Callable[[], None]) -> None:
        """Make an edit of an element's content, once all is drawn; ``value`` says what it comes to.

        Raises Dropped (UNSUPPORTED_CSS).
        """
        new = (id(node), "content", why) not in self._made
        if self._new(node, "content", value, why):
            self._edits.append(edit)
        elif not new and not self.dry:
            self.names.add(why)

    def note(self, why: str) -> None:
        """Record a rewrite that was made on the tree otherwise, such as a style sheet's."""
        if not self.dry:
            self.names.add(why)

    def _new(self, node: Node, key: str, value: str | None, why: str) -> bool:
        """Whether this rewrite is to be made: it has not been made yet, or another one has come over it since."""
        if self.dry:
            return False
        made = (id(node), key, why)
        if made not in self._made:
            self._made[made] = value
        elif self._made[made] != value:
            raise Dropped(
                Reason.UNSUPPORTED_CSS, f"{why}: {key.removeprefix('style ')} of one {node.tag} differs with its place"
            )
        elif self._last[made[:2]] == why:
            return False
        self._last[made[:2]] = why
        self.names.add(why)
        return True

    @property
    def notes(self) -> set[str]:
        """The notes of the sample."""
        return {f"plain_{name}" for name in self.names}

    def document(self, root: Node, given: bytes) -> bytes:
        """The document that the judges see: ``given``, the bytes that ``root`` was parsed from, if nothing changed."""
        for edit in self._edits:
            edit()
        self._edits.clear()
        data: bytes = etree.tostring(root.source, encoding="utf-8") if self.names else given
        return data
