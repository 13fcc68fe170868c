import re

import pytest
import tinycss2
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.base import Dropped
from stages.reasons import Reason
from stages.sanitize.css import clean_sheet, clean_style, clean_value


@pytest.mark.parametrize(
    "text",
    [
        ".a > rect { fill: #0a0 }",
        "/* hi */.st0{fill:url(#a);}\n.st1{fill:url( '#b' )}",
        "@media print { .a { fill: red } }",
        "@namespace svg url(http://www.w3.org/2000/svg); svg|a{b:c}",
        "@keyframes s{from{opacity:0}to{opacity:1}}",
        r'.a{font-family:"\66oo\"}"}',
        "<!-- .a{b:c} -->",
        ".a{cursor:pointer;fill:url(#Abstract 3)}",
        "not css at all {{{",
    ],
)
def test_a_harmless_sheet_is_left_as_it_is(text: str):
    """Nothing is rewritten where nothing has to go."""
    assert clean_sheet(text, 32) == (text, set())


@pytest.mark.parametrize(
    ("text", "want", "note"),
    [
        ("@import url(http://x);a{b:c}", "a{b:c;}", "css_import"),
        ('@import "x.css" screen;a{b:c}', "a{b:c;}", "css_import"),
        (r'@\69mport "x";a{b:c}', "a{b:c;}", "css_import"),
        ('@IMPORT/**/"x"', "", "css_import"),
        ('@import "x', "", "css_import"),
        ('@charset "utf-7";a{b:c}', "a{b:c;}", "css_at_rule"),
        ("@font-face{font-family:a;src:url(a.woff)}a{b:c}", "a{b:c;}", "css_font_face"),
        ("@media all{@font-face{src:url(a)}a{b:c}}", "@media all{a{b:c;}}", "css_font_face"),
        ("a{fill:url(http://x)}", "a{fill:none;}", "external_ref"),
        ("a{fill:URL('x.svg#a') red}", "a{fill: red;}", "external_ref"),
        (r"a{fill:u\72l(//x)}", "a{fill:none;}", "external_ref"),
        ("a{mask:url(data:image/png;base64,AAAA)}", "a{mask:none;}", "external_ref"),
        ("a{b:c;--x:url(y)}", "a{b:c;--x:none;}", "external_ref"),
        ("a{b:image-set('x' 1x);c:d}", "a{c:d;}", "external_ref"),
        ("a{b:calc(1px + url(x))}", "a{b:calc(1px + none);}", "external_ref"),
        ("a{width:expression(alert(1));c:d}", "a{c:d;}", "css_active"),
        (r"a{w:ex\70ression(1)}", "a{}", "css_active"),
        ("a{behavior:url(#x);-moz-binding:none;c:d}", "a{c:d;}", "css_active"),
        ("a{background:'javascript:alert(1)';c:d}", "a{c:d;}", "css_invalid"),
        ("a{content:'http://x';c:d}", "a{c:d;}", "css_invalid"),
        ("a{}</style><script>alert(1)</script><style>b{c:d}", "a{}", "css_invalid"),
        ("a[href='http://x']{b:c}", "", "css_invalid"),
        (r"a{content:'\1';fill:url(x)}", "a{content:'\ufffd';fill:none;}", "external_ref"),
    ],
)
def test_what_loads_or_runs_is_taken_out(text: str, want: str, note: str):
    """Imports, fonts, external references and scripts go, however they are spelt; what stands beside them stays."""
    done, notes = clean_sheet(text, 32)
    assert done.replace('"', "'").replace("; ", ";") == want
    assert note in notes


def test_style_and_presentation_attributes():
    """Attributes follow the same rules; a paint keeps its fallback."""
    assert clean_style("fill:red;filter:url(x#y);a:b", 32) == ("fill:red;filter:none;a:b;", {"external_ref"})
    assert clean_style("fill:url(#a);stroke:red", 32) == ("fill:url(#a);stroke:red", set())
    assert clean_value("fill", "url(http://x#a) red", 32) == ("red", {"external_ref"})
    assert clean_value("fill", "url(x)", 32) == ("none", {"external_ref"})
    assert clean_value("transform", "translate(1)", 32) == ("translate(1)", set())
    assert clean_value("to", "javascript:alert(1)", 32)[0] is None


def test_deep_brackets_are_refused():
    """Nesting that would exhaust the stack is refused before it is parsed."""
    with pytest.raises(Dropped) as caught:
        clean_sheet("@media all{a{b:" + "(" * 100_000, 32)
    assert caught.value.reason is Reason.TOO_COMPLEX


PIECES = st.sampled_from(
    [
        "a",
        "{",
        "}",
        "(",
        ")",
        ";",
        ":",
        '"',
        "'",
        "url(",
        "#a",
        "http://x",
        "@import ",
        "@media all",
        "\\69",
        "\\",
        "\n",
        "/*",
        "*/",
        "<!--",
        "</style>",
        "expression(",
        "fill:",
        ",",
        " ",
        "data:",
        "[",
        "]",
        "--x:",
        "!important",
        "u\\72l(",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_no_sheet_keeps_an_external_reference(text: str):
    """Whatever is put together from dangerous pieces, a fresh parse of the result finds no load; twice is once."""
    for clean in (clean_sheet, clean_style):
        done, _ = clean(text, 32)
        again, _ = clean(done, 32)
        assert again == done

        def walk(nodes):
            for node in nodes or ():
                if node.type == "url":
                    assert node.value.strip().startswith("#")
                if node.type == "function" and node.lower_name in ("url", "src"):
                    strings = [n.value for n in node.arguments if n.type == "string"]
                    assert len(strings) == 1 and re.match(r"\s*#", strings[0])
                if node.type == "at-rule":
                    assert node.lower_at_keyword not in ("import", "font-face", "charset")
                for part in ("prelude", "content", "arguments", "value"):
                    if isinstance(inner := getattr(node, part, None), list):
                        walk(inner)

        walk(tinycss2.parse_stylesheet(done) if clean is clean_sheet else tinycss2.parse_component_value_list(done))
