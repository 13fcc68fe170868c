"""Nothing passes that nobody understands: each name that a browser or a specification knows has one class."""

from __future__ import annotations

import json
from itertools import chain

import pytest

from stages.base import Dropped
from stages.normalize import NormalizeSettings, normalize_one
from stages.normalize.css.declarations import BORDER_WIDTH, SHORTHAND_NAMES
from stages.normalize.source.aliases import occurs
from stages.normalize.values import known_attributes as attributes
from stages.normalize.values import known_properties as known
from stages.normalize.values.properties import CSS_ONLY, PRESENTATION, PROPERTIES
from stages.reasons import Reason
from stages.sanitize.vocabulary import KEPT, NEVER_DRAWN
from tests.helpers import DATA

NAMES = json.loads((DATA / "known-names.json").read_text())
HANDLED = frozenset(PROPERTIES) | CSS_ONLY | SHORTHAND_NAMES | {BORDER_WIDTH}
INERT = list(chain.from_iterable(names.split() for names in known.INERT.values()))


def _normalized(markup: str) -> str:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"{markup}'
    return normalize_one(svg.encode(), NormalizeSettings()).svg


def test_each_property_has_one_class():
    classes = [set(HANDLED), set(known.REFUSED), set(known.ALIASES), set(INERT)]
    assert len(INERT) == len(set(INERT))
    twice = {n for i, a in enumerate(classes) for b in classes[i + 1 :] for n in a & b}
    assert not twice
    assert not set(NAMES["properties"]) - set().union(*classes)
    assert set(NAMES["chromium_properties"]) <= set(NAMES["properties"])


def test_other_names_lead_to_handled_properties():
    assert set(known.ALIASES.values()) <= HANDLED


def test_presentation_attributes_are_those_that_a_browser_takes():
    assert set(NAMES["presentation_attributes"]) >= PRESENTATION
    assert set(NAMES["presentation_attributes"]) & set(PROPERTIES) == PRESENTATION


def test_each_attribute_has_a_class():
    listed = set(chain.from_iterable(NAMES["attributes"].values())) | set(NAMES["presentation_attributes"])
    classes = [names.split() for group in (attributes.HANDLED, attributes.INERT) for names in group.values()]
    classed = [*chain.from_iterable(classes), *(attributes.PRESENTATION_ATTRIBUTES)]
    assert len(classed) == len(set(classed))
    assert not listed - set(classed)


def test_each_element_has_a_class():
    assert not KEPT & NEVER_DRAWN.keys()
    assert not set(NAMES["elements"]) - KEPT - NEVER_DRAWN.keys()


_VALUES = {"outline": "2px solid red", "outline-style": "dotted", "content-visibility": "hidden"}


@pytest.mark.parametrize("name", sorted(known.REFUSED))
def test_a_refused_property_drops_what_it_applies_to_and_nothing_else(name):
    rule = known.REFUSED[name]
    value = _VALUES.get(name) or ("inset 0 0 4px red" if "shadow" in name else "3px solid red")
    root, shape = (f' style="{name}:{value}"', "") if rule.root else ("", f' style="{name}:{value}"')
    with pytest.raises(Dropped) as error:
        _normalized(f'{root}><rect width="9" height="9"{shape}/></svg>')
    assert error.value.reason is Reason.UNSUPPORTED_CSS
    assert name in error.value.detail
    plain = _normalized('><rect width="9" height="9"/></svg>')
    for style in (f"{name}:none", f"{name}:{value};{name}:none", f"{name}:{value};{name}:initial"):
        root, shape = (f' style="{style}"', "") if rule.root else ("", f' style="{style}"')
        assert _normalized(f'{root}><rect width="9" height="9"{shape}/></svg>') == plain
    hidden = f'<g style="display:none"><rect style="{name}:{value}" width="9" height="9"/></g>'
    assert _normalized(f'>{hidden}<rect width="9" height="9"/></svg>') == plain
    if rule.root:
        assert _normalized(f'><rect width="9" height="9" style="{name}:{value}"/></svg>') == plain


def test_other_names_of_a_property_are_that_property():
    want = _normalized('><rect width="20" height="20" style="transform:translate(10px)"/></svg>')
    assert _normalized('><rect width="20" height="20" style="-webkit-transform:translate(10px)"/></svg>') == want
    assert _normalized('><rect style="inline-size:20px;block-size:20px;transform:translate(10px)"/></svg>') == want


def test_the_quick_look_for_other_names_misses_none():
    assert all(occurs(name.encode()) for name in known.ALIASES)


def test_what_no_specification_knows_is_ignored():
    want = _normalized('><rect width="20" height="20"/></svg>')
    assert _normalized('><rect width="20" height="20" style="fillet:3;-inkscape-stroke:hair" foo="1"/></svg>') == want


@pytest.mark.parametrize(
    "style",
    ["border:0 solid", "border-width:0;border-style:solid", "border-style:solid;border-width:0 0", "border:1px"],
)
def test_a_border_without_width_or_style_is_none(style):
    """What the resets of style sheet frameworks say of every element, the root included."""
    want = _normalized('><rect width="9" height="9"/></svg>')
    assert _normalized(f' style="{style}"><rect width="9" height="9"/></svg>') == want
    with pytest.raises(Dropped):
        _normalized(' style="border:1px solid rgb(0 0 0)"><rect width="9" height="9"/></svg>')
