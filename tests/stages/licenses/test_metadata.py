"""What a drawing's own file says of its licence and author."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.licenses.expressions import PUBLIC_DOMAIN
from stages.licenses.metadata import Metadata, metadata

SPACES = (
    'xmlns="http://www.w3.org/2000/svg" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:cc="http://creativecommons.org/ns#" xmlns:dc="http://purl.org/dc/elements/1.1/"'
)
BY = '<cc:license rdf:resource="http://creativecommons.org/licenses/by/4.0/"/>'


def drawing(statements: str, about: str = "", before: str = "", more: str = "") -> str:
    """An SVG with one work, of which ``statements`` are made."""
    work = f'<cc:Work rdf:about="{about}">{statements}</cc:Work>'
    return f"{before}<svg {SPACES}><metadata><rdf:RDF>{work}</rdf:RDF></metadata>{more}<path d='M0 0h9'/></svg>"


def of(text: str) -> Metadata | None:
    """The metadata of a text."""
    return metadata(text.encode())


def license_of(text: str) -> str | None:
    """The licence that a text states."""
    found = of(text)
    return found and found.license


def test_what_inkscape_writes() -> None:
    """Licence, creator, holder, title and addresses of a work, each from its own statement."""
    found = of(
        drawing(
            "<dc:format>image/svg+xml</dc:format><dc:title>A  cart\n</dc:title>"
            "<dc:creator><cc:Agent><dc:title>Jane Roe</dc:title></cc:Agent></dc:creator>"
            "<dc:rights><cc:Agent><dc:title>Roe Inc.</dc:title></cc:Agent></dc:rights>"
            "<dc:publisher><cc:Agent><dc:title>A library</dc:title></cc:Agent></dc:publisher>"
            "<dc:subject><rdf:Bag><rdf:li>cart</rdf:li></rdf:Bag></dc:subject>"
            f"<dc:source>https://roe.example/cart</dc:source>{BY}"
        )
    )
    assert found == Metadata("CC-BY-4.0", None, "Jane Roe", "Roe Inc.", "A cart", origin="https://roe.example/cart")


def test_what_the_open_clip_art_library_writes() -> None:
    """The old namespace of Creative Commons, as the default, and the deed that it had."""
    text = """<svg xmlns="http://www.w3.org/2000/svg"><metadata id="metadata1">
      <rdf:RDF xmlns="http://web.resource.org/cc/" xmlns:dc="http://purl.org/dc/elements/1.1/"
        xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
        <Work rdf:about=""><dc:title>Fawn</dc:title>
          <dc:creator><Agent><dc:title>mo</dc:title></Agent></dc:creator>
          <license rdf:resource="http://web.resource.org/cc/PublicDomain"/></Work>
        <License rdf:about="http://web.resource.org/cc/PublicDomain">
          <permits rdf:resource="http://web.resource.org/cc/Reproduction"/></License>
      </rdf:RDF></metadata></svg>"""
    assert of(text) == Metadata(PUBLIC_DOMAIN, author="mo", title="Fawn")


def test_names_and_addresses_that_the_licensor_asks_for_go_first() -> None:
    """``cc:attributionName`` and ``cc:attributionURL`` are how a credit has to read; several creators are all named."""
    creators = "<dc:creator><rdf:Seq><rdf:li>Ann</rdf:li><rdf:li>Ben</rdf:li></rdf:Seq></dc:creator>"
    found = of(drawing(f"{creators}<dc:creator>Cy</dc:creator>"))
    assert found and found.author == "Ann, Ben, Cy"
    named = "<cc:attributionName>A.</cc:attributionName><cc:attributionURL rdf:resource='https://a.example/'/>"
    found = of(drawing(creators + named + BY))
    assert found and (found.author, found.link) == ("A.", "https://a.example/")


def test_the_short_form_and_xmp() -> None:
    """Statements can be attributes; Adobe's programs write descriptions, and where the licence is on the web."""
    text = (
        '<svg xmlns="http://www.w3.org/2000/svg"><metadata><?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/" '
        'xmpRights:WebStatement="https://creativecommons.org/licenses/by-nc/4.0/"><dc:title><rdf:Alt>'
        '<rdf:li xml:lang="x-default">Cart</rdf:li></rdf:Alt></dc:title></rdf:Description></rdf:RDF>'
        '</x:xmpmeta><?xpacket end="w"?></metadata></svg>'
    )
    assert of(text) == Metadata("CC-BY-NC-4.0", title="Cart")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "latin-1"])
def test_every_encoding(encoding: str) -> None:
    """A file says the same in each encoding that drawings are read in."""
    declaration = '<?xml version="1.0" encoding="iso-8859-1"?>' if encoding == "latin-1" else ""
    text = declaration + drawing(f"{BY}<dc:title>Café</dc:title>")
    assert metadata(text.encode(encoding)) == Metadata("CC-BY-4.0", title="Café")


def test_only_what_is_said_of_this_document_counts() -> None:
    """Metadata of a group, of another work, in a comment or as text is of something else."""
    other = drawing(BY)
    inner = other[other.index("<metadata") : other.index("</metadata>") + 11]
    assert of(f"<svg {SPACES}><g>{inner}<path/></g></svg>") is None
    assert of(f"<svg {SPACES}><!-- {inner} --><path/></svg>") is None
    assert of(f"<svg {SPACES}><desc><![CDATA[{inner}]]></desc><path/></svg>") is None
    assert (
        of(drawing(f"<dc:relation><cc:Work>{BY}</cc:Work></dc:relation><dc:source><cc:Work>{BY}</cc:Work></dc:source>"))
        is None
    )
    works = f'<cc:Work rdf:about="https://other.example/">{BY}</cc:Work><cc:Work rdf:about=""><dc:title>T</dc:title></cc:Work>'
    assert of(f"<svg {SPACES}><metadata><rdf:RDF>{works}</rdf:RDF></metadata></svg>") == Metadata(title="T")


def test_a_contradiction_is_no_licence() -> None:
    """Two licences, or one that nobody understands, are kept as they were stated."""
    sa = '<cc:license rdf:resource="http://creativecommons.org/licenses/by-sa/4.0/"/>'
    found = of(drawing(BY + sa))
    assert found and found.license is None and "by/4.0" in (found.stated or "") and "by-sa" in (found.stated or "")
    found = of(drawing('<cc:license rdf:resource="https://roe.example/terms"/>'))
    assert found == Metadata(stated="https://roe.example/terms")
    found = of(drawing(f"{BY}<dc:rights>Licensed under the MIT License</dc:rights>"))
    assert found and found.license is None
    assert license_of(drawing(BY, before="<!-- License: MIT -->")) is None
    assert license_of(drawing(BY, before="<!-- License: CC BY 4.0 -->")) == "CC-BY-4.0"
    assert of(drawing('<cc:license rdf:resource=""/>')) is None
    described = '</cc:Work><cc:License rdf:about="http://creativecommons.org/licenses/{}/"/>'
    assert license_of(drawing(BY).replace("</cc:Work>", described.format("by/4.0"))) == "CC-BY-4.0"
    assert license_of(drawing(BY).replace("</cc:Work>", described.format("LGPL/2.1"))) is None
    assert of(drawing("").replace("</cc:Work>", described.format("by/4.0"))) is None


@pytest.mark.parametrize(
    ("comment", "expression"),
    [
        ("! Font Awesome Free 7.3.1 by @fontawesome - https://fontawesome.com License - https://fontawesome.com/license/free "
         "(Icons: CC BY 4.0, Fonts: SIL OFL 1.1, Code: MIT License) Copyright 2026 Fonticons, Inc. ", "CC-BY-4.0"),
        (" @license lucide-static v1.62.0 - ISC ", "ISC"),
        (" SPDX-License-Identifier: CC-BY-SA-4.0 ", "CC-BY-SA-4.0"),
        (" Copyright 2020 Roe. Licensed under the Apache License, Version 2.0 (the \"License\"); you may not", "Apache-2.0"),
        (" License: MIT ", "MIT"),
        (" https://creativecommons.org/licenses/by/4.0/ ", "CC-BY-4.0"),
        (" This file is in the public domain. ", PUBLIC_DOMAIN),
        (" License: MIT for personal use ", None),
        (" License: MIT, but not for sale ", None),
        (" Licensed under the MIT License and the terms at roe.example ", None),
        (" License: CC BY 4.0 with exceptions ", None),
        (" Licensed under the MIT License. Icons: CC BY-NC 4.0 ", None),
        (" License: see LICENSE ", None),
        (" not licensed ", None),
        (" The licence of this is no secret ", None),
        (" Drawn from photographs in the public domain ", None),
    ],
)  # fmt: skip
def test_comments(comment: str, expression: str | None) -> None:
    """A comment at the beginning counts if it names one licence, and nothing after that takes it back."""
    assert (
        license_of(f"<?xml version='1.0'?>\n<!--{comment}-->\n<svg xmlns='http://www.w3.org/2000/svg'><g/></svg>")
        == expression
    )
    assert license_of(f"<svg xmlns='http://www.w3.org/2000/svg'><!--{comment}--><g/></svg>") == expression
    assert of(f"<svg xmlns='http://www.w3.org/2000/svg'><g/><!--{comment}--></svg>") is None


@pytest.mark.parametrize(
    "text",
    [
        drawing(BY, before="<!DOCTYPE svg [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"),
        drawing(f"{BY}<dc:title>&c;</dc:title>", before="<!DOCTYPE svg [<!ENTITY a 'aa'><!ENTITY b '&a;&a;'><!ENTITY c '&b;&b;'>]>"),
        drawing(BY, before="<!DOCTYPE svg [" + "".join(f"<!ENTITY e{n} 'x'>" for n in range(200)) + "]>"),
        drawing(BY)[:-40],
        drawing(BY).replace("</cc:Work>", ""),
        drawing("<dc:title>" + "<rdf:li>" * 5_000 + "</rdf:li>" * 5_000 + "</dc:title>" + BY),
        drawing(BY).replace("<svg", "<html").replace("</svg", "</html"),
        "RDF",
        "<svg RDF",
        "<svg>" + "<metadata>" * 200_000 + "RDF",
        "<svg>" + "<!-- " * 400_000 + "RDF</svg>",
        "<svg " + "RDF='" * 1_000,
        "<!--" * 10_000 + " License: MIT ",
        "<!DOCTYPE " + "[" * 10_000 + "RDF",
    ],
    ids=range(14),
)  # fmt: skip
def test_whatever_is_odd_says_nothing(text: str) -> None:
    """Entities that refer to others or outside, what is cut off, too deep or no SVG: no metadata, and no error."""
    assert of(text) is None


def test_entities_of_editors_are_read() -> None:
    """Illustrator declares namespaces as entities; they are plain texts, and few."""
    declared = "<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd' ["
    declared += "<!ENTITY ns 'http://creativecommons.org/ns#'> ]>"
    text = drawing(BY, before=declared).replace('xmlns:cc="http://creativecommons.org/ns#"', 'xmlns:cc="&ns;"')
    assert license_of(text) == "CC-BY-4.0"


def test_long_texts_are_bounded() -> None:
    """What is too long to be a name is none, and it takes no time to find that out."""
    assert of(drawing(f"{BY}<dc:title>{'x' * 100_000}</dc:title>")) == Metadata("CC-BY-4.0")
    many = "".join(f"<dc:creator>{n}</dc:creator>" for n in range(50_000))
    found = of(drawing(many + BY))
    assert found and found.license == "CC-BY-4.0" and len(found.author or "") < 2_000


PIECES = ["<svg ", SPACES, ">", "<metadata>", "<rdf:RDF>", "<cc:Work>", BY, "</cc:Work>", "</rdf:RDF>", "</metadata>"]
PIECES += [
    "</svg>",
    "<!-- License: MIT -->",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE svg [",
    "]>",
    "\0",
    "&x;",
    "'",
    '"',
    "RDF",
    "é",
]


@given(st.lists(st.sampled_from(PIECES), max_size=24), st.sampled_from(["utf-8", "utf-16", "latin-1"]))
@settings(max_examples=300)
def test_no_bytes_raise(pieces: list[str], encoding: str) -> None:
    """Whatever the pieces are put together to, there is an answer."""
    metadata("".join(pieces).encode(encoding))
