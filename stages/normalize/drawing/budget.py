"""What drawing a canonical document costs a renderer, which draws a definition again wherever it is referred to."""

from __future__ import annotations

from stages.base import Dropped
from stages.canonical import Element
from stages.normalize.drawing.defs import REFERRING
from stages.normalize.settings import NormalizeSettings
from stages.reasons import Reason

_PRIMITIVE = 250
"""Elements whose drawing takes as long as a filter primitive on the whole picture, about (librsvg, 512 px)."""


def check_budget(drawn: list[Element], definitions: list[Element], settings: NormalizeSettings) -> None:
    """Raises Dropped (RENDER_BUDGET) where definitions within definitions make a document too costly to draw."""
    if not definitions:
        return
    named = {f"url(#{element.attributes['id']})": element for element in definitions}
    costs: dict[str, int] = {}

    def cost(element: Element, depth: int) -> int:
        total = _PRIMITIVE if element.tag.startswith("fe") else 1
        for name in REFERRING:
            value = element.attributes.get(name)
            if value in named:
                if depth >= settings.max_nested_references:
                    raise Dropped(Reason.RENDER_BUDGET, f"references nested over {settings.max_nested_references} deep")
                subtotal = costs.get(value)
                if subtotal is None:
                    subtotal = costs[value] = sum(cost(child, depth + 1) for child in named[value].children)
                total += subtotal
        return total + sum(cost(child, depth) for child in element.children)

    total = sum(cost(element, 0) for element in drawn)
    if total > settings.max_render_cost:
        raise Dropped(Reason.RENDER_BUDGET, f"as costly to draw as {total} elements, over {settings.max_render_cost}")
