"""Each rule by which a place reserves training is read as its specification says; the strictest wins."""

import time

import pytest

from stages.crawl import optouts
from stages.crawl.optouts import in_headers, in_metas, permission, rsl_at, rsl_terms, tdmrep_at

URL = "https://icons.test/a/b.svg?x=1"


def robots_preferences(text, url, agent):
    return optouts.robots_preferences(optouts.robots_lines(text, agent), url)


def verdict(statements):
    return permission(statements).verdict


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], "allowed"),
        ([("Content-Usage", "train-ai=n")], "reserved"),
        ([("content-usage", "search=n")], "allowed"),
        ([("content-usage", "train-ai=y"), ("content-usage", "train-ai=n")], "reserved"),
        ([("content-usage", "all=n, train-ai=y")], "allowed"),  # of one expression the narrowest label decides
        ([("content-usage", "AI = N")], "reserved"),
        ([("content-usage", "train-ai=n;until=2030, search=y")], "reserved"),
        ([("content-usage", "train-ai=maybe")], "allowed"),
        ([("content-usage", "ai-train=no")], "reserved"),  # the words of one rule under the name of the other
        ([("Content-Signal", "search=yes, ai-train=no")], "reserved"),
        ([("content-signal", "search=yes,ai-train=yes")], "allowed"),
        ([("tdm-reservation", "1")], "reserved"),
        ([("TDM-Reservation", "0")], "allowed"),
        ([("X-Robots-Tag", "noindex, noai")], "reserved"),
        ([("x-robots-tag", "noimageai")], "reserved"),
        ([("x-robots-tag", "noml")], "reserved"),
        ([("x-robots-tag", "noindex, nofollow")], "allowed"),
        ([("x-robots-tag", "otherbot: noai")], "allowed"),
        ([("x-robots-tag", "otherbot: noindex, noai")], "allowed"),
        ([("x-robots-tag", "otherbot: noindex, svgmill: noai")], "reserved"),
        ([("x-robots-tag", "SVGMill: noai")], "reserved"),
        ([("x-robots-tag", "*: noai")], "reserved"),
        ([("x-robots-tag", "unavailable_after: 25 Jun 2030 15:00:00 PST, noai")], "reserved"),
        ([("tdm-reservation", "0"), ("x-robots-tag", "noai")], "reserved"),  # the strictest wins
    ],
)
def test_headers(fields, expected):
    statements = in_headers(fields, URL, "svgmill")
    assert verdict(statements) == expected
    if expected == "reserved":
        assert any(URL in each.signal.place for each in statements)


@pytest.mark.parametrize(
    ("metas", "expected"),
    [
        ([("robots", "index, follow")], "allowed"),
        ([("ROBOTS", "noai, noimageai")], "reserved"),
        ([("svgmill", "noai")], "reserved"),
        ([("googlebot", "noai")], "allowed"),
        ([("tdm-reservation", "1"), ("tdm-policy", "https://icons.test/policy.json")], "reserved"),
        ([("description", "noai is a word")], "allowed"),
    ],
)
def test_metas(metas, expected):
    assert verdict(in_metas(metas, URL, "svgmill")) == expected


ROBOTS = """
Content-Signal: search=yes
License: https://icons.test/license.xml

User-Agent: *
Allow: /
Content-Usage: train-ai=n
Content-Usage: /ai-ok/ train-ai=y
Content-Usage: /ai-ok/*.png$\ttrain-ai=n
Content-usage: /same train-ai=y
Content-usage: /same train-ai=n   # the stricter of two equals

User-agent: examplebot
User-agent: OtherBot
Content-Signal: ai-train=no
Allow: /
"""


@pytest.mark.parametrize(
    ("agent", "path", "expected"),
    [
        ("svgmill", "/test", "reserved"),
        ("svgmill", "/ai-ok/test", "allowed"),
        ("svgmill", "/ai-ok/a.png", "reserved"),
        ("svgmill", "/ai-ok/a.png?v=1", "allowed"),
        ("svgmill", "/same/x", "reserved"),
        ("svgmill", "/%61i-ok/test", "allowed"),
        ("otherbot", "/ai-ok/test", "reserved"),
        ("ExampleBot", "/", "reserved"),
        ("examplebo", "/ai-ok/", "allowed"),
    ],
)
def test_robots_preferences_follow_groups_and_longest_paths(agent, path, expected):
    preferences = robots_preferences(ROBOTS, "https://icons.test/robots.txt", agent)
    assert verdict(preferences.at(path)) == expected
    assert preferences.licenses == ("https://icons.test/license.xml",)


def test_a_content_signal_outside_of_groups_holds_for_everybody():
    text = "Content-Signal: ai-train=no\nUser-agent: svgmill\nAllow: /\n"
    assert verdict(robots_preferences(text, URL, "svgmill").at("/")) == "reserved"
    text = "User-agent: other\nContent-Signal: ai-train=no\n\nUser-agent: *\nAllow: /\n"
    assert verdict(robots_preferences(text, URL, "svgmill").at("/")) == "allowed"


def test_a_group_is_found_by_its_token_and_all_that_name_it_count():
    text = "User-agent: SvgMill/1.0\nDisallow: /a\n\nUser-agent: *\nDisallow: /\n\nUser-agent: svgmill\nDisallow: /b\n"
    assert optouts.robots_lines(text, "svgmill").group == (("disallow", "/a"), ("disallow", "/b"))
    assert optouts.robots_lines(text, "svg").group == (("disallow", "/"),)
    between = "User-agent: a\nSitemap: https://x.test/s.xml\nUser-agent: svgmill\nDisallow: /c\n"
    lines = optouts.robots_lines(between, "svgmill")
    assert lines.group == (("disallow", "/c"),) and lines.outside == (("sitemap", "https://x.test/s.xml"),)


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"User-agent: a{n}\n" for n in range(15_000)) + "Disallow: /x\n" * 15_000,
        "User-agent: *\n" * 30_000 + "Content-Signal: ai-train=no\n" * 10_000,
        "User-agent: *\nContent-Usage: x" + " " * 400_000 + "y\n",
        "User-agent: *\nDisallow: /" + "*a" * 200_000 + "b\n",
        "\u2028" * 100_000 + ":" * 100_000,
    ],
)
def test_no_robots_txt_takes_long(text):
    began = time.process_time()
    assert len(robots_preferences(text, URL, "svgmill").rules) <= 1
    assert time.process_time() - began < 5


def test_patterns_match_as_in_rfc_9309_and_in_linear_time():
    for pattern, path, expected in [
        ("/a", "/ab", True),
        ("/a$", "/ab", False),
        ("/a$", "/a", True),
        ("/*.svg$", "/x/y.svg", True),
        ("/*.svg$", "/x/y.svg?z", False),
        ("/a*b*c", "/a__b__c__", True),
        ("/a*b*c", "/a__c__b__", False),
        ("/ä", "/%C3%A4", True),
        ("/%7Ejoe", "/~joe/x", True),
        ("/a*a$", "/a", False),
        ("/" + "*a" * 5000 + "b", "/" + "a" * 2000, False),
    ]:
        assert optouts.matches(pattern, path) == expected, (pattern[:20], path[:20])


def test_tdmrep_takes_the_stricter_of_the_first_and_the_longest_match():
    place = "https://icons.test/.well-known/tdmrep.json"
    rules = optouts.tdmrep_rules(
        b'[{"location": "/open/*.svg", "tdm-reservation": 0}, {"location": "/", "tdm-reservation": 1},'
        b' {"location": "/later/", "tdm-reservation": 0}]',
        place,
    )
    assert verdict(tdmrep_at(rules, "/closed/a.svg")) == "reserved"
    assert verdict(tdmrep_at(rules, "/open/a.svg")) == "allowed"
    assert verdict(tdmrep_at(rules, "/later/a.svg")) == "reserved"
    assert tdmrep_at(optouts.tdmrep_rules(b'{"tdm-reservation": 1}', place), "/x")[0].verdict == "reserved"
    for broken in (b"", b"[", b"<html>", b'[1, null, {"location": 3}]', b"[" * 100_000):
        assert optouts.tdmrep_rules(broken, place) == ()


def rsl(inside, attributes='url="/"'):
    return f'<rsl xmlns="https://rslstandard.org/rsl"><content {attributes}>{inside}</content></rsl>'.encode()


@pytest.mark.parametrize(
    ("inside", "attributes", "expected"),
    [
        ("<license><prohibits type='usage'>ai-train</prohibits></license>", 'url="/"', "reserved"),
        ("<license><prohibits type='usage'>all</prohibits></license>", 'url="/"', "reserved"),
        ("<license><permits type='usage'>search</permits></license>", 'url="/"', "reserved"),
        ("<license><permits type='usage'>search ai-train</permits></license>", 'url="/"', "allowed"),
        ("<license><permits type='usage'>ai-all</permits><payment type='crawl'/></license>", 'url="/"', "reserved"),
        ("<license><permits type='usage'>all</permits><payment type='attribution'/></license>", 'url="/"', "allowed"),
        ("<license><payment type='free'/></license>", 'url="/"', "allowed"),
        ("<license><payment type='free'/></license>", 'url="/" server="https://x.test"', "reserved"),
        ("<terms>https://x.test/terms</terms>", 'url="/"', "allowed"),
        ("<license><prohibits type='usage'>ai-train</prohibits></license>", 'url="/other/*"', "allowed"),
        ("<license><prohibits type='usage'>train-ai</prohibits></license>", 'url="https://icons.test/a/*"', "reserved"),
    ],
)
def test_rsl(inside, attributes, expected):
    terms = rsl_terms(rsl(inside, attributes), "https://icons.test/license.xml")
    assert verdict(rsl_at(terms, URL)) == expected


def test_what_is_no_rsl_document_gives_nothing_and_entities_are_not_resolved():
    for data in (b"", b"<html/>", b"<rsl", b"not xml"):
        assert rsl_terms(data, "x") is None
    bomb = b'<!DOCTYPE rsl [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + rsl("<license>&a;</license>")
    terms = rsl_terms(bomb, "x")
    assert terms is None or "root" not in terms[0].statement.signal.value


def test_links_to_rsl_documents_and_what_cannot_be_read_of_them():
    fields = [("Link", '</l.xml>; rel="license"; type="application/rsl+xml", </x.css>; rel=preload')]
    assert optouts.rsl_links(fields) == ["/l.xml"]
    assert optouts.rsl_links([("link", '<https://x.test/by>; rel="license"')]) == []
    assert optouts.unread_license("/l.xml", URL, "404").verdict == "reserved"


def test_the_verdict_names_its_signals_once():
    statements = in_headers([("tdm-reservation", "1")], URL, "svgmill")
    verdict_of = permission([*statements, *statements])
    assert verdict_of.verdict == "reserved" and len(verdict_of.signals) == 1
