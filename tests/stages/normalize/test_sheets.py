"""Style sheets as browsers read them: at-rules, layers, media, keywords, and what the renderers see of them.

Each expectation is what Chromium 156 draws.
"""

from html import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.base import Dropped
from stages.normalize import NormalizeSettings
from stages.normalize.css.cascade import cascade
from stages.normalize.source.plain import Plain
from stages.normalize.source.tree import build, parse
from stages.reasons import Reason
from tests.stages.normalize.styled import SHAPES, fills, normalized, styled


@pytest.mark.parametrize(
    ("sheet", "expected"),
    [
        (
            "@layer theme,base,components,utilities;@layer theme{:root,:host{--color-red-500:#ef4444;--color-blue-500:#3b82f6;--spacing:.25rem} "
            "} @layer base{*,:after,:before,::backdrop{box-sizing:border-box;border:0 solid} "
            "svg{display:block;vertical-align:middle} } @layer utilities{.a{fill:var(--color-red-500)} "
            ".b{fill:var(--color-blue-500)} @media (hover:hover){.c:hover{fill:red} } "
            ".c{@media (width >= 1px){fill:#0a0} } .d{&:is(:where(.grp) *){stroke:#000} "
            "&:where(.dark,.dark *){fill:#fff} } } "
            '@property --tw-x{syntax:"*";inherits:false;initial-value:0} '
            "@supports (((-webkit-hyphens:none)) and (not (margin-trim:inline))) or ((-moz-orient:inline) and (not (color:rgb(from red r g b)))){@layer base{rect{opacity:.2} "
            "} }",
            "#ef4444 #ef4444 #3b82f6 #3b82f6 #0a0 #0a0 #000",
        ),
        (
            "@layer a{@layer b{.a{fill:red} } .a{fill:lime} } @layer a.b{#g .a{fill:blue!important} } "
            "@layer c{.b{fill:red} } @layer c{.b{fill:lime} } @layer{.c{fill:red} } @layer{.c{fill:blue} }",
            "#00f #00f #0f0 #0f0 #00f #00f #000",
        ),
        (
            "@layer x,y;@layer y{.a{fill:lime} .b{fill:red!important} } @layer x{#g .a{fill:red} "
            ".b{fill:lime!important} } .b{fill:blue!important}",
            "#0f0 #0f0 #0f0 #0f0 #000 #000 #000",
        ),
        (
            "@layer a{.a{fill:red} } @media print{@layer b{.a{fill:blue} } } "
            "@layer b,a;@layer b{.a{fill:lime} } @layer q{.b{fill:revert-layer} } @layer p{.b{fill:red} "
            ".b{fill:revert-layer} }",
            "#0f0 #0f0 #000 #000 #000 #000 #000",
        ),
        (
            "@media only screen and (color), print{.a{fill:red} } "
            "@media not all and (monochrome){.b{fill:lime} } @media not screen{.c{fill:red} } "
            "@media (prefers-color-scheme:light) and (prefers-reduced-motion:no-preference){ellipse{fill:blue} "
            "} @media (prefers-reduced-motion){rect{fill:none} }",
            "#f00 #f00 #0f0 #0f0 #000 #000 #00f",
        ),
        (
            "@media (width>=1px) and (width<90000px){.a{fill:red} } "
            "@media (1px<width<=90000px){.b{fill:lime} } "
            "@media (min-width:1px) and (max-height:90000px){.c{fill:blue} } @media (foo){rect{opacity:.1} } "
            "@media not (foo){rect{opacity:.1} } @media (min-width:0) or (foo){ellipse{fill:orange} }",
            "#f00 #f00 #0f0 #0f0 #00f #00f #ffa500",
        ),
        (
            "@media screen{@media (color){.a{fill:red} @media print{.a{fill:blue} } } } "
            "@media tv,handheld{.b{fill:red} } @media{.c{fill:lime} } @media all and(color){rect{fill:blue} "
            "} @media screen and (min-width:1px) or (color){rect{fill:#0ff} }",
            "#f00 #f00 #000 #000 #0f0 #0f0 #000",
        ),
        (
            "path,rect{fill:#24292f}@media (prefers-color-scheme:dark){path,rect{fill:#fff}}",
            "#24292f #24292f #24292f #24292f #000 #000 #000",
        ),
        (
            ":root{--c:#fff} @media (prefers-color-scheme:light){:root{--c:#24292f} } rect{fill:var(--c)} "
            "circle{fill:none;stroke:var(--c)}",
            "#24292f #24292f #24292f #24292f none none #000",
        ),
        (
            "@supports (color:oklch(50% .1 20)){.a{fill:red} } @supports not (fill:nonsense){.b{fill:lime} } "
            "@supports (display:grid) and (not (display:inline-grid)){.c{fill:red} } "
            "@supports selector(:has(a)){ellipse{fill:blue} } "
            "@supports selector(:nonsense) or (foo:bar){rect{fill:none} }",
            "#f00 #f00 #0f0 #0f0 #000 #000 #00f",
        ),
        (
            "@supports (--css:variables){.a{fill:red} } @supports (mix-blend-mode:multiply){.b{fill:lime} } "
            "@supports (fill:color-mix(in srgb,red,blue)){.c{fill:blue} } "
            "@supports ((fill:red) and (stroke:blue)) or (x:y){ellipse{fill:orange} }",
            "#f00 #f00 #0f0 #0f0 #00f #00f #ffa500",
        ),
        (
            "@supports (-webkit-mask:url(#a)){.a{fill:red} } @supports (-moz-appearance:none){.b{fill:red} } "
            "@supports (-ms-ime-align:auto){.c{fill:red} } "
            "@supports font-tech(color-COLRv1){ellipse{cursor:pointer} } "
            "@supports (fill:red) and (stroke:red) or (x:y){rect{fill:lime} }",
            "#f00 #f00 #000 #000 #000 #000 #000",
        ),
        (
            '@property --c{syntax:"<color>";inherits:false;initial-value:tomato} .grp{--c:lime} '
            ".a{fill:var(--c)} .b{--c:blue;fill:var(--c)} "
            '@property --d{syntax:"<number>";inherits:true;initial-value:.5} '
            "circle{--d:nonsense;opacity:var(--d)}",
            "#ff6347 #ff6347 #00f #00f #000 #000 #000",
        ),
        (
            "@keyframes f{from{fill:red} 50%{fill:blue} to{fill:lime} } @-moz-keyframes f{from{fill:red} } "
            '.a{fill:orange} @font-face{font-family:x;src:local("y")} @page{margin:0} '
            "@counter-style z{symbols:a} @viewport{width:1px}",
            "#ffa500 #ffa500 #000 #000 #000 #000 #000",
        ),
        (
            "@tailwind base;@include foo;@foo{rect{fill:red} } @-moz-document url-prefix(){rect{fill:red} } "
            '.a{@apply x;fill:lime} @else{rect{fill:blue} } @charset "utf-8";@starting-style{rect{fill:red} '
            "}",
            "#0f0 #0f0 #000 #000 #000 #000 #000",
        ),
        (
            "/* x */.a/**/{fill:/*y*/red/*z*/} .b/*{*/,.c{/*} */fill:lime;/*fill:red*/} <!-- ellipse{fill:blue} -->",
            "#f00 #f00 #0f0 #0f0 #0f0 #0f0 #00f",
        ),
        (
            ".a{fill:red;fill:notacolor} .b{fill:lime;fill:url(} .c{fill:blue;fill:rgb(1,2)} "
            "ellipse{fill:orange;stroke-width:-3;stroke:red}",
            "#f00 #f00 #0f0 #0f0 #000 #000 #ffa500",
        ),
    ],
)
def test_at_rules_and_layers_decide_as_in_a_browser(sheet: str, expected: str):
    """A screen in light mode with a mouse; what browsers do not know is ignored as CSS says."""
    assert styled(sheet) == expected


@pytest.mark.parametrize(
    ("sheet", "named"),
    [
        ("@media (max-width: 600px){rect{fill:red}}", "@media (max-width: 600px)"),
        ("@media (orientation: portrait){rect{fill:red}}", "@media (orientation: portrait)"),
        ("@container style(--x: 1){rect{fill:red}}", "@container style(--x: 1)"),
        ("g{container-type:size}@container (width > 9px){rect{fill:red}}", "@container (width > 9px)"),
        ("@scope (g){rect{fill:red}}", "@scope (g)"),
        ("@function --f(){result:red}", "@function"),
        ("@supports (background-image:foo(1)){rect{fill:red}}", "@supports (background-image:foo(1))"),
        ("@import url(data:text/css,rect{fill:red});", "@import of a data URL"),
    ],
)
def test_what_is_truly_undecidable_is_a_reason_that_names_it(sheet: str, named: str):
    """Where the rules would apply to something; the same around what is not there costs nothing."""
    with pytest.raises(Dropped) as caught:
        styled(sheet)
    assert (caught.value.reason, caught.value.detail) == (Reason.UNSUPPORTED_CSS, named)


@pytest.mark.parametrize(
    "sheet",
    [
        "@media (max-width: 600px){.nowhere{fill:red}}",
        "@media (max-width: 10px){rect{fill:red}}",
        "@container (min-width: 1px){rect{fill:red}}",
        "@media print and (orientation: portrait){rect{fill:red}}",
        "@media (max-width: 600px){rect{cursor:pointer}}",
    ],
)
def test_what_decides_nothing_is_kept(sheet: str):
    """Sizes that no drawing has, containers that are not there, rules that match nothing."""
    assert styled(sheet) == "#000 #000 #000 #000 #000 #000 #000"


def test_style_elements_have_a_medium_and_a_type():
    """A type is compared as a whole, a medium is evaluated like @media, and a sheet of XHTML is one, too."""
    body = (
        '<style media="print">.a{fill:red}</style><style media="screen and (color)">.b{fill:lime}</style>'
        '<style media="">ellipse{fill:blue}</style><style media="nonsense">rect{fill:red}</style>'
        '<style type="text/less">.a{fill:red}</style><style type="TEXT/css">.c{fill:orange}</style>'
        '<style type="text/css;x">.c{fill:red}</style>'
        '<foreignObject><style xmlns="http://www.w3.org/1999/xhtml">.r1{fill:#abc}</style></foreignObject>'
    )
    assert fills(body + SHAPES) == "#abc #000 #0f0 #0f0 #ffa500 #ffa500 #00f"


@pytest.mark.parametrize(
    ("sheet", "expected"),
    [
        ("rect{all:unset;width:9px;height:9px}", 'fill="#0f0"'),
        ("rect{fill:revert;stroke:blue}rect{stroke:revert-layer}", 'fill="#0f0" stroke="#f00"'),
        ("rect{fill:initial}", 'stroke="#f00"'),
        ("rect{fill:unset;stroke:initial}", 'fill="#0f0"'),
        ("@layer a{rect{fill:blue}} @layer b{rect{fill:revert-layer}}", 'fill="#00f" stroke="#f00"'),
        ("rect{fill:blue!important;fill:red}", 'fill="#00f" stroke="#f00"'),
    ],
)
def test_keywords_of_every_property_are_resolved(sheet: str, expected: str):
    """initial, unset, revert and revert-layer, and ``all``; attributes are below every layer."""
    rect = '<rect x="0" width="9" height="9" fill="red" stroke="red"/>'
    done = normalized(f'<style>{sheet}</style><g fill="lime">{rect}</g>')
    assert f'<rect x="0" y="0" width="9" height="9" {expected}/>' in done.svg


def source_of(body: str) -> str:
    """What the renderers see, from the end of the root's tag on."""
    return normalized(body).source.decode().partition(">")[2]


def test_sheets_that_renderers_understand_are_left_alone():
    """Classes, combinators, pseudo-classes of Selectors 3, and rules that apply to nothing."""
    sheet = "<style>.a{fill:red} g > rect ~ rect{fill:blue} rect:nth-child(2){x:1} .a:hover{fill:red} @media print{*{d:e}}</style>"
    done = normalized(sheet + SHAPES)
    assert not any(note.startswith("plain") for note in done.notes) and b"<style>.a{fill:red} g &gt;" in done.source


def test_sheets_that_renderers_do_not_understand_are_written_into_attributes():
    """The winner of each property before the style attribute's own, what is important behind it, values as written."""
    body = (
        "<style>@layer x{rect{fill:red;stroke:Blue !important}} rect{fill:color(srgb 0 1 0);--x:1;cursor:pointer}</style>"
        '<rect width="9" height="9" style="opacity:.5"/>'
    )
    assert source_of(body) == (
        '<style/><rect width="9" height="9" '
        'style="fill:color(srgb 0 1 0);cursor:pointer;opacity:.5;stroke:Blue !important;fill:#0f0 !important"/></svg>'
    )


def test_style_attributes_that_renderers_misread_are_written_plainly():
    """Capitals in names, blocks and at-rules."""
    body = """<rect width="9" height="9" style="/*a*/FILL:red;{x}fill:blue;@media print{x};stroke:lime!important"/>"""
    assert source_of(body).endswith('style="fill:red;stroke:lime !important"/></svg>')


@pytest.mark.parametrize(
    ("ident", "fill"),
    [
        ("é", "url(#%C3%A9)"),
        ("é", 'url( "#%C3%A9" )'),
        ("é", "url('#é')"),
        ("a b", 'url("#a%20b")'),
        ("a b", r"url(#a\ b)"),
        ("1a", r"url(#\31 a)"),
    ],
)
def test_references_are_decoded_as_urls(ident: str, fill: str):
    """In attributes, style attributes, sheets and links; the id is what the decoded fragment says, and only that."""
    gradient = f'<linearGradient id="{ident}"><stop stop-color="red"/></linearGradient>'
    for place in (
        f'fill="{escape(fill)}"',
        f'style="fill:{escape(fill)}"',
        f'class="k"><style>.k{{fill:{escape(fill)}}}</style',
    ):
        end = "/>" if "<" not in place else "></rect>"
        assert fills(f'{gradient}<rect width="9" height="9" {place}{end}') == "#f00"


def test_links_are_decoded_and_nothing_is_found_undecoded():
    """An id that holds a percent sign itself is not what an encoded reference names."""
    rect = '<defs><rect id="{}" width="9" height="9"/></defs><use href="{}"/>'
    assert fills(rect.format("a b", "#a%20b")) == "#000"
    with pytest.raises(Dropped) as caught:
        normalized(rect.format("a%20b", "#a%20b"))
    assert caught.value.reason is Reason.NOTHING_DRAWN


def test_custom_properties_are_resolved_where_they_are_declared():
    """And inherited as what they came to there; what a use shows inherits them from the use."""
    sheet = ":root{--a:red;--b:var(--a)} .grp{--a:lime} .a{fill:var(--b)} .b{fill:var(--a)} .c{--a:blue;fill:var(--b)}"
    assert styled(sheet + "ellipse{--a:initial;fill:var(--a,orange)}") == "#f00 #f00 #0f0 #0f0 #f00 #f00 #ffa500"
    body = (
        '<defs><rect id="k" style="fill:var(--f,lime)" width="9" height="9"/><g id="k2"><use href="#k"/></g></defs>'
        '<g style="--f:red"><use href="#k"/><g style="--f:blue"><use href="#k2"/></g></g>'
        '<use href="#k"/><use href="#k2" style="--f:orange"/>'
    )
    assert fills(body) == "#f00 #00f #0f0 #ffa500"


def test_keyframes_are_at_hand_for_who_draws_an_end():
    """By name, the later of one name, with each selector's offset; @-moz-keyframes are none."""
    sheet = "@keyframes f{to{fill:red}}@keyframes f{from,50%{fill:blue}to{opacity:1;foo:bar}}@-moz-keyframes g{to{x:1}}"
    svg = f'<svg xmlns="http://www.w3.org/2000/svg"><style>{sheet}</style></svg>'
    nodes, ids = build(parse(svg.encode()), 9)
    frames = cascade(nodes, ids, NormalizeSettings(), Plain()).keyframes
    assert list(frames) == ["f"] and [frame.offset for frame in frames["f"]] == [0, 0.5, 1]
    assert [(each.name, each.text) for each in frames["f"][2].written] == [("opacity", "1"), ("foo", "bar")]
    assert [(each.name, each.value) for each in frames["f"][2].block] == [("opacity", 1.0)]


_PIECES = (
    "rect .a #g * > + ~ , : :: :is( :not( :where( :has( :nth-child( 2n+1 of ) [ ] x = i | & { } ; fill:red all:unset"
    " fill:revert-layer --x:1 fill:var(--x) !important @media @supports @layer @namespace @property @keyframes"
    " @container @scope print screen and not or"
    " (width>1px) (color) (fill:red) selector( ( ) < <= a. \\61 /* */ <!-- --> ' \" url(#g)"
)
PIECES = st.sampled_from(_PIECES.split(" "))


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=24).map(" ".join))
def test_no_style_sheet_breaks_the_cascade(text: str):
    """Whatever a sheet or a style attribute holds, it is read, or the drawing is dropped for a reason."""
    for body in (f"<style>{escape(text)}</style>{SHAPES}", SHAPES.replace("<rect", f'<rect style="{escape(text)}"', 1)):
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{body}</svg>'
        nodes, ids = build(parse(svg.encode()), 99)
        try:
            cascade(nodes, ids, NormalizeSettings(), Plain())
        except Dropped as dropped:
            assert dropped.reason in (Reason.UNSUPPORTED_CSS, Reason.TOO_COMPLEX)
