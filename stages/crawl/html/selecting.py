"""Which rules of a document's style sheets apply to an element, in bounded time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stages.base import Dropped
from stages.crawl.html.sheets import Rule, Sheet, within
from stages.crawl.html.tree import Element
from stages.normalize.css.matching import Complex, Matching, Specificity
from stages.normalize.css.sheets import Layer
from stages.reasons import Reason

MOST_STEPS = 1_000_000
"""Of matching selectors, on one page; what is not matched by then is left out, and said."""
MOST_TRIED = 4_000_000
"""Selectors that are tried on elements of one page, each as often as the element has ancestors that it asks for."""


class Selecting:
    """Rules and elements of one document. ``sheets``: each with the layer that it is in as a whole, "" for none."""

    def __init__(self, root: Element, sheets: Sequence[tuple[Sheet, str]]) -> None:
        self._sheets = sheets
        self.spent = False
        """Whether it took too long, so that no rule applies any more."""
        self._tried = 0
        self._matching, self._copies = Matching(MOST_STEPS), Matching(MOST_STEPS)
        self._depths: dict[int, int] = {}
        self._names = _names(root)
        self._candidates: dict[tuple[int, str], list[tuple[Rule, list[Complex]]]] = {}
        self._layers = Layer()
        for sheet, outer in sheets:
            for name in [*([outer] if outer else []), *(within(outer, each) for each in sheet.layers)]:
                self._layers.within(name)
        self._layers.order()

    def matching(self, element: Element, top: Element | None) -> Iterator[tuple[int, Specificity, int, Rule]]:
        """Each rule that applies, with the rank of its layer, its specificity, and the order of its sheet.

        ``top``: the root of a copy that a ``use`` element shows, beyond which selectors do not see.
        """
        if self.spent:
            return
        keys = [element.tag.lower(), "*"]
        names = element.attributes.get("class", "")
        keys += ["." + name for name in dict.fromkeys(names.split())]
        if element.attributes.get("id"):
            keys.append("#" + element.attributes["id"])
        matching = self._matching
        if top is not None:
            matching = self._copies
            if matching.top is not top:
                matching.look_within(top)
        for position, (sheet, outer) in enumerate(self._sheets):
            seen: set[int] = set()
            depth = self._depth(element)
            for rule, selectors in [each for key in keys for each in self._filed(position, sheet, key)]:
                if self.spent:
                    return
                if id(rule) in seen:
                    continue
                seen.add(id(rule))
                specificity = self._strongest(selectors, element, matching, depth)
                if specificity is not None:
                    layer = within(outer, rule.layer)
                    rank = self._layers.within(layer).rank if layer else self._layers.rank
                    yield rank, specificity, position, rule

    def _depth(self, element: Element) -> int:
        known = self._depths.get(id(element))
        if known is None:
            known, above = 1, element.above
            while above is not None:
                known, above = known + 1, above.above
            self._depths[id(element)] = known
        return known

    def _filed(self, position: int, sheet: Sheet, key: str) -> list[tuple[Rule, list[Complex]]]:
        """The rules of a sheet that end in a key, with those selectors that something in the page may match."""
        known = self._candidates.get((position, key))
        if known is None:
            listed = [
                (rule, [each for each in rule.selectors if self._can_match(each)]) for rule in sheet.index.get(key, ())
            ]
            known = self._candidates[(position, key)] = [(rule, selectors) for rule, selectors in listed if selectors]
        return known

    def _can_match(self, selector: Complex) -> bool:
        """Whether the page has every class and id that a selector names."""
        return all(
            self._names.issuperset(compound.classes) and (compound.ident is None or compound.ident in self._names)
            for compound in selector.compounds
        )

    def _strongest(
        self, selectors: Sequence[Complex], element: Element, matching: Matching, depth: int
    ) -> Specificity | None:
        """The specificity of the strongest selector that an element matches, None if it matches none."""
        try:
            specificities = []
            for selector in selectors:
                self._tried += 1 if len(selector.compounds) == 1 else depth
                if matching.matches(selector, element):
                    specificities.append(selector.specificity)
            if self._tried > MOST_TRIED:
                raise Dropped(Reason.TOO_COMPLEX, "selectors on elements")
        except (Dropped, RecursionError):
            self.spent = True
            return None
        return max(specificities, default=None)


def _names(root: Element) -> set[str]:
    """All classes and ids of a document."""
    names: set[str] = set()
    for element in root.below():
        if value := element.attributes.get("class"):
            names.update(value.split())
        if value := element.attributes.get("id"):
            names.add(value)
    return names
