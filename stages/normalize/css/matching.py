"""Selectors matched on the document's nodes (Selectors 4, section 3): compounds, combinators, and ``:has()``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from stages.base import Dropped
from stages.normalize.source.tree import Node
from stages.reasons import Reason

Specificity = tuple[int, int, int]
Test = Callable[[Node, "Matching"], bool]


class Compound(NamedTuple):
    """Simple selectors of one element. ``never``: they match nothing, whatever the element."""

    tag: str | None
    ident: str | None
    classes: tuple[str, ...]
    tests: tuple[Test, ...]
    never: bool


class Complex(NamedTuple):
    """Compounds from left to right with what stands between them. ``leading``: what a relative selector begins with.

    ``plain``: whether the renderers that judge a drawing understand it.
    """

    compounds: tuple[Compound, ...]
    combinators: tuple[str, ...]
    specificity: Specificity
    plain: bool
    leading: str = ""

    @property
    def never(self) -> bool:
        """Whether it can match nothing."""
        return any(compound.never for compound in self.compounds)

    @property
    def key(self) -> str:
        """The id, class or type that an element must have to match: ``#id``, ``.class``, ``type``, or ``*``."""
        last = self.compounds[-1]
        if last.ident is not None:
            return "#" + last.ident
        return "." + last.classes[0] if last.classes else last.tag or "*"

    @property
    def placed(self) -> bool:
        """Whether it asks where an element stands."""
        return len(self.compounds) > 1 or bool(self.compounds[-1].tests)

    @property
    def simple(self) -> bool:
        """Whether `key` is all that it asks for."""
        last = self.compounds[-1]
        parts = (last.ident is not None) + len(last.classes) + (last.tag is not None) + len(last.tests)
        return len(self.compounds) == 1 and not last.never and parts == (self.key != "*")


class Matching:
    """The document that selectors are matched in. ``steps`` bounds the work. Raises Dropped (TOO_COMPLEX).

    ``top``: the root of a copy that a ``use`` element shows, beyond which nothing is seen.
    """

    def __init__(self, steps: int, top: Node | None = None) -> None:
        self.top = top
        self._steps = steps
        self._known: dict[tuple[int, int, int], bool] = {}
        self._indices: dict[int, dict[int, int]] = {}

    def look_within(self, top: Node) -> None:
        """Match in a copy that a ``use`` element shows, of which this is the root."""
        self.top = top
        self._known.clear()

    def index(self, node: Node) -> int:
        """The place of an element among its siblings."""
        if node.parent is None or node is self.top:
            return 0
        places = self._indices.get(id(node.parent))
        if places is None:
            places = self._indices[id(node.parent)] = {id(child): i for i, child in enumerate(node.parent.children)}
        return places[id(node)]

    def siblings(self, node: Node) -> list[Node]:
        """The element and its siblings."""
        return [node] if node.parent is None or node is self.top else node.parent.children

    def compound(self, selector: Compound, node: Node) -> bool:
        """Whether an element has all that a compound asks for."""
        self._steps -= 1
        if self._steps < 0:
            raise Dropped(Reason.TOO_COMPLEX, "CSS selectors take too many steps to match")
        if selector.never or (selector.tag is not None and selector.tag != node.tag):
            return False
        if selector.ident is not None and node.attributes.get("id") != selector.ident:
            return False
        if selector.classes:
            names = node.attributes.get("class", "").split()
            if not all(name in names for name in selector.classes):
                return False
        return all(test(node, self) for test in selector.tests)

    def matches(self, selector: Complex, node: Node, anchor: Node | None = None) -> bool:
        """Whether an element is a subject of a selector, which a relative one reaches from ``anchor``."""
        return self._from(selector, len(selector.compounds) - 1, node, anchor)

    def any(self, selectors: Sequence[Complex], node: Node) -> bool:
        """Whether an element is a subject of one of the selectors."""
        return any(self.matches(selector, node) for selector in selectors)

    def has(self, selectors: Sequence[Complex], anchor: Node) -> bool:
        """``:has()``: whether a relative selector reaches something from an element."""
        for selector in selectors:
            if selector.leading in " >":
                candidates = _below(anchor)
            else:
                later = self.siblings(anchor)[self.index(anchor) + 1 :]
                candidates = (each for sibling in later for each in (sibling, *_below(sibling)))
            if any(self.matches(selector, node, anchor) for node in candidates):
                return True
        return False

    def _from(self, selector: Complex, at: int, node: Node, anchor: Node | None) -> bool:
        """Whether the compounds up to ``at`` match, the last of them this element. Ancestors are asked once."""
        if anchor is not None or at == len(selector.compounds) - 1:
            return self._reaches(selector, at, node, anchor)
        key = (id(selector), at, id(node))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._reaches(selector, at, node, anchor)
        return known

    def _reaches(self, selector: Complex, at: int, node: Node, anchor: Node | None) -> bool:
        if not self.compound(selector.compounds[at], node):
            return False
        if at == 0:
            return not selector.leading or any(left is anchor for left in self._left(node, selector.leading))
        reached = self._left(node, selector.combinators[at - 1])
        return any(self._from(selector, at - 1, left, anchor) for left in reached)

    def _left(self, node: Node, combinator: str) -> Iterator[Node]:
        """What may stand on the left of a combinator whose right side is ``node``."""
        if combinator in " >":
            while node is not self.top and node.parent is not None:
                node = node.parent
                yield node
                if combinator == ">":
                    return
        else:
            at = self.index(node)
            earlier = self.siblings(node)[:at] if combinator == "~" else self.siblings(node)[max(at - 1, 0) : at]
            yield from reversed(earlier)


def _below(node: Node) -> Iterator[Node]:
    for child in node.children:
        yield child
        yield from _below(child)
