"""Selectors as browsers match them.

Each expectation is what Chromium 156 draws.
"""

import re
from html import escape

import pytest
import tinycss2

from stages.base import Dropped
from stages.normalize.css.matching import Matching
from stages.normalize.css.selectors import parse_selectors
from stages.normalize.source.tree import build, parse
from stages.reasons import Reason
from tests.stages.normalize.styled import SHAPES, fills, normalized, styled


@pytest.mark.parametrize(
    ("sheet", "expected"),
    [
        (
            "rect:nth-child(2n+1 of .b){fill:red} :nth-last-child(1 of circle){fill:lime} "
            "circle:nth-of-type(2){stroke:blue;stroke-width:4}",
            "#000 #000 #f00 #000 #000 #0f0 #000",
        ),
        (
            "rect:nth-child(even){fill:red} rect:nth-child(-n+1){fill:lime} "
            "rect:nth-last-of-type(2){fill:blue} :only-of-type{fill:orange}",
            "#0f0 #f00 #00f #f00 #ffa500 #ffa500 #ffa500",
        ),
        (
            '@namespace svg "http://www.w3.org/2000/svg";@namespace url(http://www.w3.org/2000/svg);svg|rect{fill:red} '
            "*|circle{fill:blue} |ellipse{fill:lime}",
            "#f00 #f00 #f00 #f00 #00f #00f #000",
        ),
        ("foo|rect{fill:red} rect,foo|circle{fill:blue} *|*{stroke:lime}", "#000 #000 #000 #000 #000 #000 #000"),
        (
            ":root{--x:red} :root:has(ellipse) .a{fill:var(--x)} "
            "g:has(> rect + rect + rect) > circle{fill:blue} rect:has(+ circle){fill:lime}",
            "#f00 #f00 #000 #0f0 #00f #00f #000",
        ),
        (
            "rect:has(~ ellipse){fill:red} g:has(text) rect{fill:blue} g:not(:has(path)) circle{fill:lime} "
            "g:has(rect, nonsense) ellipse{fill:orange}",
            "#f00 #f00 #f00 #f00 #0f0 #0f0 #ffa500",
        ),
        (
            "rect:is(.a,#zz,:nonsense){fill:red} :is(.b,.c):not(.d,.r3){fill:lime} :where(#g) .r1{fill:blue} "
            ".r1{stroke:#0ff}",
            "#f00 #f00 #000 #0f0 #0f0 #000 #000",
        ),
        (
            "#g .a{fill:red} :is(#nothing,.b){fill:lime} .grp .b{fill:blue} :where(#g .a){fill:#fff} .r2{fill:orange}",
            "#f00 #f00 #0f0 #0f0 #000 #000 #000",
        ),
        (
            "rect:not(.a, .r4){fill:red} :not(rect):not(circle):not(g):not(svg):not(style){fill:lime} "
            "rect:not(:first-child){stroke:blue}",
            "#000 #000 #f00 #000 #000 #000 #0f0",
        ),
        (
            "rect,:nonsense{fill:red} circle:hover,ellipse{fill:lime} rect:nth-child(x){fill:blue} .b:not(){fill:red}",
            "#000 #000 #000 #000 #000 #000 #0f0",
        ),
        (
            '[data-k="foo" i]{fill:red} [data-k="foo"]{stroke:red} [class~="d"]{fill:lime} '
            '[class^="b "]{fill:blue} [class$=r1]{fill:orange} [class*="r2"]{fill:#0ff} [x]{opacity:.5} '
            "[data-k=foo s]{stroke:#000;stroke-width:9}",
            "#ffa500 #0ff #00f #00f #000 #0f0 #f00",
        ),
        (
            "Rect{fill:red} .A{fill:red} #G rect{fill:red} LINEARGRADIENT{fill:red} circle{FILL:LIME} "
            "Ellipse{fill:blue}",
            "#000 #000 #000 #000 #0f0 #0f0 #000",
        ),
        (
            ".grp{fill:#ccc; .a{fill:red} > .b{fill:lime} & .c{fill:blue; &.d{fill:orange} } "
            "fill:#999; & + &{fill:red} ellipse&{fill:red} }",
            "#f00 #f00 #0f0 #0f0 #00f #ffa500 #999",
        ),
        (
            ".a{.grp &{fill:red} &:first-child{stroke:blue;stroke-width:4} } "
            ".b{@media screen{fill:lime;&.r4{fill:blue} } @supports (fill:red){stroke:red} } "
            ".c{@layer x{fill:red} fill:lime}",
            "#f00 #f00 #0f0 #00f #0f0 #0f0 #000",
        ),
        (
            ".a,#nothing{&{fill:red} } .r1.r1{fill:blue} .grp{rect.b{fill:lime} } g{ + rect{fill:red} "
            "~ circle{fill:red} }",
            "#f00 #f00 #0f0 #0f0 #000 #000 #000",
        ),
        (
            ".a{fill:red; :nonsense{fill:blue} .x y z{fill:blue} fill:lime; ;; junk; &.r2{fill:orange} } "
            ".b{fill:blue;color:;}",
            "#0f0 #ffa500 #00f #00f #000 #000 #000",
        ),
        (
            "rect::before{fill:red} .a,.b::after{fill:lime} .c,::-webkit-scrollbar{fill:blue} "
            "ellipse,::-moz-foo{fill:red} rect::selection{fill:red} ::marker{fill:red}",
            "#0f0 #0f0 #000 #000 #00f #00f #000",
        ),
        (
            "*{fill:#abc} svg *{stroke:#000} g > *:nth-child(3){fill:red} *.d{fill:lime} svg>g *+circle{fill:blue}",
            "#abc #abc #f00 #abc #00f #0f0 #abc",
        ),
        (
            ".\\61{fill:red} .r\\33 {fill:lime} #\\67 circle{fill:blue} .c\\.d{fill:red} "
            '[class="c\\20 d"]{stroke:#000}',
            "#f00 #f00 #0f0 #000 #000 #000 #000",
        ),
    ],
)
def test_rules_apply_to_what_browsers_apply_them_to(sheet: str, expected: str):
    """Functional pseudo-classes, nesting, namespaces, flags; what no browser parses makes a rule invalid."""
    assert styled(sheet) == expected


def test_an_element_that_is_taken_out_still_counts_among_its_siblings():
    """A title, a script and metadata are no shapes, but they are children, also of the root."""
    shapes = SHAPES.replace('<rect class="a r1"', '<title>x</title><rect class="a r1"')
    shapes = shapes.replace('<rect class="b r3"', '<metadata/><script>1</script><rect class="b r3"')
    sheet = "rect:first-child{fill:red}circle:last-of-type{fill:lime}rect:nth-child(3){fill:blue}"
    assert fills(f"<style>{sheet}</style>{shapes}") == "#000 #00f #000 #000 #000 #0f0 #000"
    sheet = "title ~ style ~ g circle{fill:red}svg > :nth-child(3) ellipse{fill:lime}"
    assert fills(f"<title>t</title><style>{sheet}</style>{SHAPES}") == "#000 #000 #000 #000 #f00 #f00 #0f0"


def test_white_space_makes_an_element_other_than_empty():
    """As browsers have it, unlike a draft of Selectors 4."""
    sheet = "<style>g:empty + rect{fill:red}</style>"
    assert fills(f'{sheet}<g> </g><rect width="9" height="9"/>') == "#000"
    assert fills(f'{sheet}<g></g><rect width="9" height="9"/>') == "#f00"


def test_languages_are_matched_where_they_are_declared():
    """The nearest xml:lang decides, and a range is a prefix."""
    sheet = "<style>:lang(en) .a{fill:lime} .b:lang(de){fill:blue}</style>"
    assert fills(f'{sheet}<g xml:lang="en-US">{SHAPES}</g>') == "#0f0 #0f0 #000 #000 #000 #000 #000"


def test_a_default_namespace_is_implied_by_what_names_no_type():
    """But not within :is()."""
    sheet = (
        "@namespace url(http://www.w3.org/1999/xhtml);rect{fill:red}.a{fill:red}:is(.b){fill:red}*|*:is(.c){fill:lime}"
    )
    assert styled(sheet) == "#000 #000 #000 #000 #0f0 #0f0 #000"


@pytest.mark.parametrize(
    ("sheet", "body", "expected"),
    [
        ("defs rect{fill:red} .u rect{fill:red} use{fill:lime}", '<defs>{}</defs><g class="u">{}</g>', "#0f0"),
        ("svg .x{fill:red} .x:first-child{fill:lime}", "<defs><path/>{}</defs>{}", "#0f0"),
        (":root rect{fill:red}", "<g>{}</g>{}", "#f00 #000"),
        (
            "symbol > .x{fill:lime} svg .x{fill:red}",
            '<symbol id="r"><rect class="x" width="9" height="9"/></symbol>{1}',
            "#0f0",
        ),
    ],
)
def test_selectors_do_not_reach_out_of_what_use_shows(sheet: str, body: str, expected: str):
    """A copy stands in a tree of its own (SVG 2, section 5.6.4): what is around its original or its use is not there."""
    shape = '<rect class="x" id="r" width="9" height="9"/>'
    body = body.format(shape, '<use href="#r" x="40"/>')
    done = normalized(f"<style>{escape(sheet)}</style>{body}")
    found = re.findall(r'<rect[^>]*height="9"([^>]*)/>', done.svg)
    assert " ".join(text.split('"')[1] if text else "#000" for text in found) == expected
    assert "plain_use_rules" in done.notes


def test_ancestors_are_not_asked_again_and_again():
    """A selector of many compounds in a deep document takes steps in the order of their product, and has a limit."""
    deep = "<g>" * 60 + '<path class="z"/>' * 9 + "</g>" * 60
    nodes, _ = build(parse(f'<svg xmlns="http://www.w3.org/2000/svg">{deep}</svg>'.encode()), 99)
    (selector,) = parse_selectors(tinycss2.parse_component_value_list(".no " + "g " * 14 + ".z"), {})
    assert not any(Matching(20_000).matches(selector, node) for node in nodes)
    with pytest.raises(Dropped) as caught:
        Matching(100).matches(selector, nodes[-1])
    assert caught.value.reason is Reason.TOO_COMPLEX
