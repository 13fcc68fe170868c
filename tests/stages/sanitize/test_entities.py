import resource
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from stages.base import Dropped
from stages.reasons import Reason
from stages.sanitize import SanitizeSettings, sanitize_one

SETTINGS = SanitizeSettings()
OPEN = '<svg xmlns="http://www.w3.org/2000/svg">'


def reason(document: str) -> Reason:
    with pytest.raises(Dropped) as caught:
        sanitize_one(document.encode(), SETTINGS)
    return caught.value.reason


def test_internal_entities_are_resolved():
    """What Adobe Illustrator writes, entities for namespaces and styles, comes out resolved, without DOCTYPE."""
    done = sanitize_one(
        b"""<?xml version="1.0" encoding="utf-8"?><!-- Generator -->
        <!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd" [
          <!ENTITY ns_svg "http://www.w3.org/2000/svg"> <!-- " -->
          <!ENTITY ns_ai 'http://ns.adobe.com/AdobeIllustrator/10.0/'><?x ]> ?>
          <!ENTITY red "#c&#x30;0"> <!ENTITY st0 "fill:&red;"> <!ELEMENT x ANY>
          <!ATTLIST svg onload CDATA "alert(1)" xmlns:a CDATA #IMPLIED>
        ]><svg xmlns="&ns_svg;" xmlns:i="&ns_ai;" i:a="b"><g style="&st0;"/><text>&st0;&amp;</text></svg>""",
        SETTINGS,
    )
    assert done.svg.decode() == f'{OPEN}<g style="fill:#c00"/><text>fill:#c00&amp;</text></svg>'
    assert done.notes == ("comment", "doctype", "editor_data", "entities_resolved")


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE svg SYSTEM "http://127.0.0.1:9/evil.dtd">',
        '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">',
        '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        "<!DOCTYPE svg []>",
        "<!DOCTYPE svg>",
    ],
)
def test_an_unused_doctype_is_dropped(doctype: str):
    """A DOCTYPE that nothing uses goes with a note."""
    done = sanitize_one(f"{doctype}{OPEN}<g/></svg>".encode(), SETTINGS)
    assert (done.svg.decode(), done.notes) == (f"{OPEN}<g/></svg>", ("doctype",))


NESTED = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
BOMBS = {
    "laughs": f'<!DOCTYPE svg [<!ENTITY l0 "lol">{NESTED}]>{OPEN}<text>&l9;</text></svg>',
    "attribute": f'<!DOCTYPE svg [<!ENTITY l0 "lol">{NESTED}]>{OPEN}<path d="&l9;"/></svg>',
    "escaped": f'<!DOCTYPE svg [<!ENTITY l0 "lol">{NESTED.replace("&", "&#38;")}]>{OPEN}<text>&l9;</text></svg>',
    "quadratic": f'<!DOCTYPE svg [<!ENTITY a "{"a" * 50_000}">]>{OPEN}<text>{"&a;" * 5_000}</text></svg>',
    "elements": f'<!DOCTYPE svg [<!ENTITY a "{"<g/>" * 10_000}">]>{OPEN}{"&a;" * 5_000}</svg>',
    "parameter": f"<!DOCTYPE svg [<!ENTITY % a \"<!ENTITY x 'xx'>\">%a;]>{OPEN}<text>&x;</text></svg>",
    "chain": "<!DOCTYPE svg [<!ENTITY l0 'x'>"
    + "".join(f'<!ENTITY l{i} "&l{i - 1};">' for i in range(1, 30))
    + f"]>{OPEN}<text>&l29;</text></svg>",
}


@pytest.mark.parametrize("name", BOMBS)
def test_an_entity_bomb_is_refused_before_it_expands(name: str):
    """Entities that expand past the limit are refused, and cost no memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert reason(BOMBS[name]) is Reason.ENTITY_EXPANSION
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_attribute_defaults_are_not_applied():
    """A default in the internal subset puts nothing into the drawing, so that it cannot be multiplied."""
    attlist = f'<!ATTLIST g x CDATA "{"x" * 100_000}">'
    done = sanitize_one(f"<!DOCTYPE svg [{attlist}]>{OPEN}{'<g/>' * 5_000}</svg>".encode(), SETTINGS)
    assert b"xx" not in done.svg


def test_what_is_outside_stays_outside(tmp_path: Path):
    """External entities, general or parameter, are refused; no file is read and no connection made."""
    secret = tmp_path / "secret"
    secret.write_text("root:x")
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        for url in (secret.as_uri(), f"http://127.0.0.1:{server.server_port}/x"):
            for document in (
                f'<!DOCTYPE svg [<!ENTITY x SYSTEM "{url}">]>{OPEN}<text>&x;</text></svg>',
                f'<!DOCTYPE svg [<!ENTITY x PUBLIC "p" "{url}">]>{OPEN}<text>&x;</text></svg>',
                f'<!DOCTYPE svg [<!ENTITY x SYSTEM "{url}"><!ENTITY y "&x;">]>{OPEN}<text a="&y;"/></svg>',
                f'<!DOCTYPE svg [<!ENTITY % x SYSTEM "{url}">%x;]>{OPEN}</svg>',
            ):
                assert reason(document) is Reason.EXTERNAL_ENTITY, document
            sanitize_one(f'<?xml-stylesheet href="{url}"?><!DOCTYPE svg SYSTEM "{url}">{OPEN}</svg>'.encode(), SETTINGS)
            include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{url}" parse="text"/>'
            assert b"root" not in sanitize_one(f"{OPEN}<text>{include}</text></svg>".encode(), SETTINGS).svg
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert asked == []


@pytest.mark.parametrize(
    "document",
    [
        f'<!DOCTYPE svg [<!ENTITY a "&b;"><!ENTITY b "&a;">]>{OPEN}<text>&a;</text></svg>',
        f"{OPEN}<text>a&nbsp;b</text></svg>",
        f'<!DOCTYPE svg SYSTEM "x">{OPEN}<text>a&nbsp;b</text></svg>',
        f"<!DOCTYPE svg [<!ENTITY a>]>{OPEN}<text>&a;</text></svg>",
        f"<!DOCTYPE svg [ junk ]>{OPEN}</svg>",
        f"<!DOCTYPE svg [{OPEN}</svg>",
        f"<!DOCTYPE svg><!DOCTYPE svg>{OPEN}</svg>",
        f"<!DOCTYPE svg><!DOCTYPE svg [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>{OPEN}<text>&a;</text></svg>",
    ],
)
def test_bad_declarations_are_malformed(document: str):
    """A cycle, an undeclared entity and a broken DOCTYPE are faults of the XML."""
    assert reason(document) is Reason.XML_MALFORMED
