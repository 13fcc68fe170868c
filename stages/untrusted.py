"""What every stage that reads markup or styles owes to hostile input, in one place."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from stages.base import Dropped
from stages.reasons import Reason

if TYPE_CHECKING:
    from lxml import etree

_BRACKETS = re.compile(r"[(){}\[\]]")


@cache
def xml_parser() -> etree.XMLParser:
    """The parser for documents that are sanitized or canonical: UTF-8, no entities, nothing loaded, libxml2's limits.

    It is one for the process, since making one costs more than parsing an icon.
    """
    from lxml import etree

    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )


def limit_css_nesting(text: str, nesting: int) -> None:
    """Bound the recursion of tinycss2 before it begins. Raises Dropped (TOO_COMPLEX) for more than ``nesting`` levels.

    Brackets within strings count, which errs on the safe side.
    """
    depth = deepest = 0
    for bracket in _BRACKETS.findall(text):
        depth = depth + 1 if bracket in "({[" else max(0, depth - 1)
        deepest = max(deepest, depth)
    if deepest > nesting:
        raise Dropped(Reason.TOO_COMPLEX, f"CSS brackets nested {deepest} deep, over {nesting}")
