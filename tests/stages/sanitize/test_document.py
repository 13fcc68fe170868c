import codecs
import random
import re
import xml.etree.ElementTree as ET

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.base import Dropped
from stages.reasons import Reason
from stages.sanitize import SANITIZE, SanitizeSettings, sanitize_one
from stages.schema import DROPPED, RAW, SANITIZED

SETTINGS = SanitizeSettings()
NS = "http://www.w3.org/2000/svg"
OPEN = f'<svg xmlns="{NS}">'
XLINK = 'xmlns:xlink="http://www.w3.org/1999/xlink"'


def body(inner: str, settings: SanitizeSettings = SETTINGS) -> tuple[str, tuple[str, ...]]:
    done = sanitize_one(f"{OPEN}{inner}</svg>".encode(), settings)
    text = done.svg.decode()
    if text == OPEN[:-1] + "/>":
        return "", done.notes
    assert text.startswith(OPEN)
    return text.removeprefix(OPEN).removesuffix("</svg>"), done.notes


def reason(data: bytes | str, settings: SanitizeSettings = SETTINGS) -> Reason:
    with pytest.raises(Dropped) as caught:
        sanitize_one(data.encode() if isinstance(data, str) else data, settings)
    return caught.value.reason


@pytest.mark.parametrize(
    ("inner", "want", "notes"),
    [
        ("<g/><script>a()</script><g/>", "<g/><g/>", ("script",)),
        ("<defs><symbol><script href='x'/></symbol></defs>", "<defs><symbol/></defs>", ("script",)),
        ('<h:script xmlns:h="http://www.w3.org/1999/xhtml"/>', "", ("script",)),
        ("<handler/>", "", ("script",)),
        ('<rect onclick="a()" ONLOAD="b()" x="1"/>', '<rect x="1"/>', ("event_handler",)),
        ('<rect e:onload="a()" xmlns:e="urn:e"/>', "<rect/>", ("event_handler",)),
        ("<foreignObject><p/></foreignObject>", "", ("foreign_object",)),
        ("<iframe src='x'/><video/>", "", ("embedded_content",)),
        ('<p xmlns="urn:p"><g xmlns="http://www.w3.org/2000/svg"/></p>', "", ("foreign_element",)),
        ('<g xmlns=""/>', "", ("foreign_element",)),
        ("<metadata>x</metadata><!--c--><?p i?>", "", ("comment", "metadata", "processing_instruction")),
        ("<g><title>t</title></g><title>t</title>", "<g/>", ("nested_title",)),
        ("<blink/>", "", ("unknown_element",)),
        ('<g xml:base="http://x" xml:space="preserve" xml:id="a"/>',
         '<g xml:space="preserve" id="a"/>', ("external_ref",)),
        ('<a href="http://x" target="b"><g/></a>', '<a target="b"><g/></a>', ("link",)),
        ('<use href="x.svg#a"/><use href=" #a "/>', '<use/><use href="#a"/>', ("external_ref",)),
        ('<use href="data:image/svg+xml,x"/>', "<use/>", ("external_ref",)),
        (f'<use {XLINK} xlink:href="#a" xlink:title="t"/>', '<use href="#a"/>', ("foreign_attribute",)),
        (f'<use {XLINK} xlink:href="#a" href="#b"/>', '<use href="#b"/>', ()),
        ('<use xmlns:q="http://www.w3.org/1999/xlink" q:href="javascript:a"/>', "<use/>", ("external_ref",)),
        ('<a><set attributeName="xlink:href" to="#b"/></a>', "<a/>", ("active_animation",)),
        ('<g><animate attributeName="onload" to="a"/></g>', "<g/>", ("active_animation",)),
        ('<g><animate attributeName="x" to="5"/></g>', '<g><animate attributeName="x" to="5"/></g>', ()),
        ('<g><set attributeName="fill" to="url(x)"/></g>', '<g><set attributeName="fill" to="none"/></g>',
         ("external_ref",)),
        ('<g fill="url(http://x)" style="stroke:url(x)"/>', '<g fill="none" style="stroke:none;"/>', ("external_ref",)),
        ('<g style="behavior:url(x)" data-u="http://x"/>', "<g/>", ("css_active", "css_invalid")),
        ("<style><![CDATA[.a > b{c:d}]]></style>", "<style>.a &gt; b{c:d}</style>", ()),
        ("<style>@import 'x';</style><style type='text/less'>a{}</style>", "", ("css_import", "style_type")),
        ("<text> a <tspan>b</tspan> <!--c-->d <a>e</a> f</text>", "<text> a <tspan>b</tspan> d <a>e</a> f</text>",
         ("comment",)),
        ("<g> stray <path d='M0 0'/>\n text </g>", '<g><path d="M0 0"/></g>', ()),
        ('<s:g xmlns:s="http://www.w3.org/2000/svg"><s:path/></s:g>', "<g><path/></g>", ()),
        ('<switch><g requiredFeatures="http://www.w3.org/TR/SVG11/feature#Shape"/></switch>',
         '<switch><g requiredFeatures="http://www.w3.org/TR/SVG11/feature#Shape"/></switch>', ()),
        ('<path inkscape:x="1" xlink:href="#a"/>', '<path href="#a"/>', ("editor_data", "prefix_declared")),
        ('<linearGradient id="Abstract 3"/><g fill="url(#Abstract 3)"/>',
         '<linearGradient id="Abstract 3"/><g fill="url(#Abstract 3)"/>', ()),
    ],
)  # fmt: skip
def test_what_goes_and_what_stays(inner: str, want: str, notes: tuple[str, ...]):
    """What could run, load or identify goes with a note; the drawing stays as it was."""
    assert body(inner) == (want, notes)


def test_scripts_can_be_a_reason_to_reject():
    """By setting, a script rejects the drawing instead of being taken out."""
    assert reason(f"{OPEN}<g/><script/></svg>", SanitizeSettings(scripts="reject")) is Reason.ACTIVE_CONTENT


@pytest.mark.parametrize(
    "inner",
    [
        '<image href="a.png" width="9" height="9"/>',
        '<image href="http://x/a.png"/>',
        '<g><image href="data:image/png;base64,AAAA" width="9" height="9"/></g>',
        '<pattern id="p"><image href="a" width="9"/></pattern><rect style="fill:url(#p)"/>',
        '<defs><g><image id="i b" href="a"/></g></defs><use href="#i%20b"/>',
        '<symbol id="s"><g><image href="a"/></g></symbol><style>rect{mask:url(#s)}</style>',
        '<filter id="f"><feImage href="http://x"/></filter><rect filter="url(#f)"/>',
        '<style>.a{display:inline}</style><image class="a" display="none" href="a"/>',
        '<image display="none" style="display:inline" href="a"/>',
        '<image display="none" href="a"><set attributeName="display" to="inline"/></image>',
    ],
)
def test_an_image_that_may_show_rejects(inner: str):
    """A drawing that may show a raster image, or someone else's file, is rejected."""
    assert reason(f"{OPEN}{inner}</svg>") is Reason.RASTER_EMBEDDED


@pytest.mark.parametrize(
    "inner",
    [
        '<image width="9" height="9"/>',
        '<image href="a.png" width="0" height="9"/>',
        '<image href="a.png" width="9" height="0.0px"/>',
        '<g style="display:none"><image href="a"/></g>',
        '<defs><image id="i" href="a"/></defs>',
        '<pattern id="p"><image id="j" href="a"/></pattern><rect fill="url(#q)"/>',
        '<filter id="f"><feImage href="http://x"/></filter>',
    ],
)
def test_an_image_that_cannot_show_is_dropped(inner: str):
    """An image without extent, not displayed, or in a container that nothing refers to, goes with a note."""
    text, notes = body(inner)
    assert "mage" not in text and notes == ("hidden_raster",)


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (b"<svg><g xlink:href='#a'/></svg>", "namespace_added"),
        (b"\n <?xml version='1.0'?>" + OPEN.encode() + b"</svg>", "leading_white_space"),
        (codecs.BOM_UTF8 + OPEN.encode() + b"</svg>", "byte_order_mark"),
    ],
)
def test_repairs_are_noted(data: bytes, note: str):
    """A fault that has one remedy is repaired, and says so; the result is a plain SVG document."""
    done = sanitize_one(data, SETTINGS)
    assert note in done.notes
    assert ET.fromstring(done.svg).tag == f"{{{NS}}}svg"


def test_a_missing_namespace_is_added_for_all():
    """Elements without a namespace are SVG where the root has none."""
    done = sanitize_one(b'<svg><g><rect xmlns=""/></g><title>T</title><p xmlns="urn:p"/></svg>', SETTINGS)
    assert done.svg.decode() == f"{OPEN}<g><rect/></g></svg>"
    assert done.title == "T"


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0",
        b"PK\x03\x04",
        b"GIF89a/*<svg/>",
        b'{"a": 1}',
        b"version https://git-lfs.github.com/spec/v1\n",
        b"<!DOCTYPE html><html><body><svg></svg><br></body></html>",
        b"<html><p>unclosed<br></html>",
        b"<SVG/>",
        b'<svg xmlns="http://www.w3.org/2000/SVG"/>',
        b'<vector xmlns:android="http://schemas.android.com/apk/res/android"/>',
        b"<g/>",
        b"plain text",
        b"\xef\xbb\xbf",
    ],
)
def test_other_things_are_not_svg(data: bytes):
    """What is no SVG document is called that, not a malformed one."""
    assert reason(data) is Reason.NOT_SVG


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252", "UTF-16LE", "koi8-r", "gb18030"])
def test_declared_encodings_are_transcoded(encoding: str):
    """The output is UTF-8 without declaration, whatever the input's encoding."""
    title = {"koi8-r": "Привет", "gb18030": "図"}.get(encoding, "Größe")
    text = f'<?xml version="1.0" encoding="{encoding}"?>{OPEN}<title>{title}</title><text>{title}</text></svg>'
    data = text.encode(encoding)
    if encoding == "UTF-16LE":
        data = codecs.BOM_UTF16_LE + data
    done = sanitize_one(data, SETTINGS)
    assert done.title == title
    assert done.svg.decode() == f"{OPEN}<text>{title}</text></svg>"


@pytest.mark.parametrize(
    "data",
    [
        OPEN.encode() + b"<text>\xe9</text></svg>",
        codecs.BOM_UTF16_LE + "<svg/>".encode("utf-16-le")[:-1],
        b'<?xml version="1.0" encoding="utf-16"?>' + OPEN.encode() + b"<text>\xe9</text></svg>",
        b'<?xml version="1.0" encoding="shift_jis"?>' + OPEN.encode() + b"<text>\x85\xff</text></svg>",
    ],
)
def test_bytes_that_do_not_fit_their_encoding_are_rejected(data: bytes):
    """Bytes that do not keep to the declared or recognised encoding are not guessed at."""
    assert reason(data) is Reason.BAD_ENCODING


@pytest.mark.parametrize(
    ("mark", "declared", "data", "shown"),
    [
        (b"", "utf-16", "é".encode(), "é"),
        (b"", "UTF-16BE", "é".encode(), "é"),
        (b"", "iso-8859-1", b"\x80\x81", "\u20ac\x81"),
        (b"", "us-ascii", b"\xe9", "é"),
        (b"", "us-ascii", "é".encode(), "Ã©"),
        (b"", "gb2312", "镕".encode("gbk"), "镕"),
        (codecs.BOM_UTF8, "iso-8859-1", "é".encode(), "é"),
    ],
)
def test_a_wrong_declaration_is_read_as_browsers_do(mark: bytes, declared: str, data: bytes, shown: str):
    """A byte order mark wins; labels are the Encoding Standard's; what cannot be declared is UTF-8 (Chromium 156)."""
    svg = mark + f'<?xml version="1.0" encoding="{declared}"?>{OPEN}<text>'.encode() + data + b"</text></svg>"
    assert f"<text>{shown}</text>" in sanitize_one(svg, SETTINGS).svg.decode()


@pytest.mark.parametrize("declared", ["no-such", "utf-7", "rot13", "x-klingon"])
def test_what_is_no_encoding_of_the_web_is_refused(declared: str):
    """Browsers take it for UTF-8; others may not, and UTF-7 hides markup from those that do."""
    svg = f'<?xml version="1.0" encoding="{declared}"?>{OPEN}<text>+ADw-script+AD4-</text></svg>'.encode()
    with pytest.raises(Dropped) as error:
        sanitize_one(svg, SETTINGS)
    assert error.value.reason is Reason.BAD_ENCODING and declared in error.value.detail


def test_utf_16_that_declares_to_be_utf_8_is_utf_16():
    """The byte order mark says it."""
    text = f'<?xml version="1.0" encoding="utf-8"?>{OPEN}<text>é</text></svg>'
    done = sanitize_one(codecs.BOM_UTF16_LE + text.encode("utf-16-le"), SETTINGS)
    assert "<text>é</text>" in done.svg.decode() and "encoding_misdeclared" in done.notes


@pytest.mark.parametrize(
    "inner",
    [
        "<g",
        "<g></a>",
        "<g a='1' a='2'/>",
        "&",
        "<g/></svg><svg>",
        "\x01",
        "&#xD800;",
        "<foo:g/>",
        "<g a=1/>",
        "<!-- -- -->",
    ],
)
def test_malformed_xml_is_rejected(inner: str):
    """Nothing is recovered from XML that is not well-formed."""
    assert reason(f"{OPEN}{inner}</svg>") is Reason.XML_MALFORMED


@pytest.mark.parametrize(
    ("document", "want"),
    [
        ("<g>" * 201 + "</g>" * 201, Reason.TOO_DEEP),
        ("<g>" * 5_000 + "</g>" * 5_000, Reason.TOO_DEEP),
        ("<g/>" * 50_001, Reason.TOO_COMPLEX),
        ("<g" + "".join(f" a{i}=''" for i in range(501)) + "/>", Reason.TOO_COMPLEX),
        ("<g" + "".join(f" a{i}=''" for i in range(500_000)) + "/>", Reason.TOO_COMPLEX),
        (f"<path d='{'0' * 2_000_001}'/>", Reason.TOO_COMPLEX),
        (f"<text>{'0' * 100_001}</text>", Reason.TOO_COMPLEX),
        (f"<style>{'a{b:c}' * 100_000}</style>", Reason.TOO_COMPLEX),
        (f"<style>{'a{b:c}' * 3_000}</style>{'<g/>' * 2_000}", Reason.TOO_COMPLEX),
    ],
)
def test_too_much_is_refused(document: str, want: Reason):
    """Depth, elements, attributes, text and style have limits."""
    assert reason(f"{OPEN}{document}</svg>") is want


def test_depth_just_within_the_limit_is_kept():
    """The limit counts the root."""
    assert body("<g>" * 199 + "</g>" * 199)[1] == ()


def test_title_and_description_are_plain_text():
    """The root's own title and desc become one line each without control, bidi and zero-width characters."""
    done = sanitize_one(
        f"{OPEN}<g><title>inner</title></g><desc> </desc><title>\n A\u202eb <b>c</b>\u200b\td </title>"
        f"<title>second</title><desc>{'x ' * 2_000}</desc></svg>".encode(),
        SETTINGS,
    )
    assert done.title == "Ab c d"
    assert done.desc == ("x " * 500).strip()
    assert done.svg.decode() == f"{OPEN}<g/></svg>"


def raw(*contents: bytes) -> pa.Table:
    rows = [
        {"raw_id": str(i), "source": "s", "path": f"{i}.svg", "name": f"{i}.svg", "url": None, "license": "MIT",
         "size": len(data), "bytes": data}
        for i, data in enumerate(contents)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=RAW)


def test_a_table_is_split_into_kept_and_dropped():
    """Every row ends in one table; the raw bytes end here."""
    result = SANITIZE.run(raw(b"<svg/>", b"x", OPEN.encode() + b"<title>T</title></svg>"), SETTINGS)
    assert result.kept.schema == pa.schema([*(field for field in RAW if field.name != "bytes"), *SANITIZED])
    assert result.kept["title"].to_pylist() == ["", "T"]
    assert result.dropped.schema == DROPPED
    assert result.dropped.select(["id", "stage", "reason"]).to_pylist() == [
        {"id": "1", "stage": "sanitize", "reason": "not_svg"}
    ]
    assert SANITIZE.run(raw(), SETTINGS).kept.num_rows == 0


def test_a_defect_costs_its_record(monkeypatch: pytest.MonkeyPatch):
    """An unexpected exception quarantines the record with its type and text."""

    def fail(data: bytes, settings: SanitizeSettings):
        raise RuntimeError("boom")

    monkeypatch.setattr("stages.sanitize.stage.sanitize_one", fail)
    (row,) = SANITIZE.run(raw(b"<svg/>"), SETTINGS).dropped.to_pylist()
    assert (row["reason"], row["detail"]) == (Reason.STAGE_ERROR, "RuntimeError: boom")


PIECES = st.sampled_from(
    [
        "<svg>",
        OPEN,
        "</svg>",
        "<g>",
        "</g>",
        "<rect/>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?xml version='1.0'?>",
        "<?x?>",
        "<!DOCTYPE svg [",
        "]>",
        "<!ENTITY a '",
        "'>",
        "&a;",
        "&#38;",
        "&#1;",
        "<style>",
        "</style>",
        "@import 'x';",
        "url(x)",
        "<image href='a'/>",
        "<g style='\\1:url(x)'/>",
        "<g a:b='c'/>",
        "<g xlink:href='#a'/>",
        "\x00",
        "é",
        "\ufeff",
        "%a;",
        "<!ENTITY % a '",
        "<!ENTITY b SYSTEM 'x'>",
        "<text>a",
        "</text>",
        "<title>",
        "</title>",
        " ",
        "<g onload='a'/>",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.lists(PIECES, max_size=14).map(lambda pieces: "".join(pieces).encode())))
def test_any_bytes_end_in_a_result_or_a_reason(data: bytes):
    """Nothing but Dropped is raised; a result is safe, has no DOCTYPE, and sanitizes to itself."""
    try:
        done = sanitize_one(data, SETTINGS)
    except Dropped as dropped:
        assert dropped.reason in Reason
        return
    check_safe(done.svg)
    again = sanitize_one(done.svg, SETTINGS)
    assert (again.svg, again.notes) == (done.svg, ())


NAMES = [
    "svg",
    "g",
    "use",
    "a",
    "rect",
    "script",
    "style",
    "image",
    "foreignObject",
    "set",
    "text",
    "x:script",
    "metadata",
]
ATTRIBUTES = [
    "href",
    "xlink:href",
    "onload",
    "style",
    "fill",
    "id",
    "x:onclick",
    "to",
    "attributeName",
    "xml:base",
    "src",
]
VALUES = ["#a", "http://e/x", "javascript:a()", "url(#a)", "url(http://e)", "a:url('//e');b:c", "data:text/html,x",
          "href", r"fill:u\72l(e)", "//e/x"]  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_random_trees_come_out_safe(seed: int):
    """Trees of dangerous elements and attributes come out without what is dangerous, or not at all."""
    rng = random.Random(seed)

    def tree(depth: int) -> str:
        name = rng.choice(NAMES)
        attributes = "".join(f' {a}="{rng.choice(VALUES)}"' for a in rng.sample(ATTRIBUTES, rng.randint(0, 4)))
        inner = "".join(tree(depth + 1) for _ in range(rng.randint(0, 3))) if depth < 4 else "@import 'http://e';"
        return f"<{name}{attributes}>{inner}</{name}>"

    inner = "".join(tree(0) for _ in range(4)).replace("<image", "<g").replace("</image", "</g")
    done = sanitize_one(f'<svg xmlns="{NS}" {XLINK} xmlns:x="urn:x">{inner}</svg>'.encode(), SETTINGS)
    check_safe(done.svg)


def check_safe(svg: bytes) -> None:
    assert not svg.startswith(b"<?") and b"<!" not in svg
    for element in ET.fromstring(svg).iter():
        assert element.tag.startswith(f"{{{NS}}}")
        assert element.tag[len(NS) + 2 :] not in ("script", "metadata", "title", "desc")
        assert element.tag != f"{{{NS}}}foreignObject" or (not len(element) and not element.text)
        for name, value in element.attrib.items():
            assert name[0] != "{" or name == "{http://www.w3.org/XML/1998/namespace}space"
            assert not name.lower().startswith("on") and name != "src"
            assert name != "href" or value.startswith("#")
            assert not re.search(r"://|javascript:|url\((?!#)", value) and not value.startswith("data:")
            if element.tag.endswith(("}set", "}animate")):
                assert name != "attributeName" or value != "href"


def test_text_loses_what_cannot_be_seen():
    """Bidi controls and zero-width characters go, with a note; the letters stay in their order."""
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><text>\u202egnp\u200b.\u2066exe\u2069<tspan>\ufeffé</tspan></text></svg>'
    done = sanitize_one(svg.encode(), SanitizeSettings())
    assert "<text>gnp.exe<tspan>é</tspan></text>" in done.svg.decode()
    assert "invisible_characters" in done.notes
