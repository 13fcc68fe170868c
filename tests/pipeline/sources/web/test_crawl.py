"""A crawl of a web that behaves: everything allowed is fetched once, nothing disallowed is asked for, all is told."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.sources import snapshots
from pipeline.sources.network import Network, Shelf, Snapshot
from pipeline.sources.web.reading import sniff
from pipeline.storage.folder import FolderStorage
from pipeline.storage.tables import read_table
from stages.reasons import Reason
from tests.crawling import Fetched, web_source
from tests.web_server import OPT_OUTS, RESERVED, Web, svg


def asked(web: Web, *hosts: str) -> Counter[str]:
    """Path -> how often it was asked for, without files of rules."""
    paths = Counter(each.path for each in web.requests(*hosts))
    for own in ("/robots.txt", "/.well-known/tdmrep.json"):
        assert paths.pop(own, 0) <= max(len(hosts), 1)
    return paths


def test_everything_allowed_is_fetched_once_and_nothing_disallowed_is_asked_for(web: Web, tmp_path: Path) -> None:
    fetched = Fetched(web_source(web, seeds=(web.url("plain", "/"),)), tmp_path)
    pages = ["/", "/a.html", "/a.html?x=1", "/moved", "/b.html", "/deep/1.html"]
    images = ["/i/1.svg", "/i/2.svg", "/i/4.svg", "/i/5.svg", "/i/missing.svg", "/deep/1.svg"]
    assert asked(web, "plain") == Counter(pages + images)
    assert asked(web, "cdn") == Counter(["/c.svg"])
    assert not web.requests("other")  # out of scope
    assert all(each.fields["user-agent"].endswith(" (+crawl@example.org)") for each in web.requests())
    records = fetched.records()
    got = {path: each for path, each in records.items() if isinstance(each.content, bytes)}
    assert got.keys() == {web.url("plain", path) for path in images if "missing" not in path} | {
        web.url("cdn", "/c.svg")
    }
    assert got[web.url("plain", "/i/1.svg")].content == svg("/i/1.svg")
    lost = {path: each.content for path, each in records.items() if path not in got}
    assert lost == {
        web.url("plain", "/i/missing.svg"): (Reason.NOT_FETCHED, "the server answers 404"),
        web.url("plain", "/private/3.svg"): (Reason.NOT_FETCHED, "robots.txt disallows it"),
    }
    assert fetched.left == {"page out of scope": 1, "page deeper than limits.depth": 1}
    assert [entry.path for entry in fetched.listing.pages] == [web.url("plain", "/b.html")]
    no_input = fetched.listing.no_input
    assert no_input["page: disallowed by robots.txt"] == 2 and no_input["page out of scope"] == 1


def test_a_record_says_where_it_stood_and_what_is_said_of_it(web: Web, tmp_path: Path) -> None:
    record = Fetched(web_source(web, seeds=(web.url("plain", "/"),)), tmp_path).records()[web.url("plain", "/i/1.svg")]
    assert record.url == web.url("plain", "/i/1.svg") and record.fetched.endswith("Z")
    assert [(each.text, each.origin) for each in record.captions] == [("picture of /i/1.svg", "metadata")]
    facts = dict(record.facts)
    assert facts["page"] == web.url("plain", "/") and facts["robots"] == "allowed"
    assert record.permission.verdict == "allowed"
    assert [each.name for each in record.permission.signals] == ["robots.txt"]


def test_scope_patterns_and_limits(web: Web, tmp_path: Path) -> None:
    seed = web.url("plain", "/")
    Fetched(web_source(web, seeds=(seed,), scope="any", limits={"depth": 1}), tmp_path / "a")
    assert asked(web, "other") == Counter(["/", "/o.svg"])
    web.forget()
    Fetched(web_source(web, seeds=(seed,), hosts=("*.test",), images_from="scope"), tmp_path / "b")
    assert web.requests("other")
    web.forget()
    Fetched(web_source(web, seeds=(seed,), exclude=("*/i/*", "*moved")), tmp_path / "c")
    assert not [path for path in asked(web, "plain") if "/i/" in path or "moved" in path]
    web.forget()
    fetched = Fetched(web_source(web, seeds=(seed,), limits={"pages_per_host": 2, "depth": 9}), tmp_path / "d")
    assert sum(path.endswith((".html", "/")) for path in asked(web, "plain")) == 2
    assert fetched.left["page past limits.pages_per_host"] > 0
    web.forget()
    fetched = Fetched(
        web_source(web, seeds=(seed,), limits={"responses": 3}, politeness={"concurrency": 1}), tmp_path / "e"
    )
    assert sum(asked(web, "plain", "cdn").values()) == 3
    past = [each.content for each in fetched.records().values() if not isinstance(each.content, bytes)]
    assert past and all("past limits.responses" in detail for _, detail in past)


def test_listed_urls_are_inputs_whatever_comes_of_them(web: Web, tmp_path: Path) -> None:
    lines = [web.url("plain", path) for path in ("/i/9.svg", "/i/missing.svg", "/b.html", "/a.html", "/private/x.svg")]
    lines += [web.url("bad", "/moved.svg"), "ftp://plain.test/x.svg", "no url", "http://u:p@plain.test/x.svg"]
    (tmp_path / "list.txt").write_text("# a list\n" + "\n".join(lines) + "\n" + lines[0] + "\n")
    fetched = Fetched(web_source(web, urls=("list.txt",), limits={"depth": 0}), tmp_path)
    records = fetched.records()
    contents = {path: each.content for path, each in records.items()}
    assert contents[lines[0]] == svg("/i/9.svg")
    assert contents[web.url("bad", "/text.svg")] == svg("bad/text.svg")  # where the redirect led to
    reasons = {path: content[1] for path, content in contents.items() if not isinstance(content, bytes)}
    assert reasons[lines[1]] == "the server answers 404"
    assert reasons[lines[3]] == "it is a page without drawings"
    assert reasons[lines[4]] == "robots.txt disallows it"
    assert "neither http nor https" in reasons[lines[6]]
    assert "no URL" in reasons[lines[7]] or "neither" in reasons[lines[7]]
    assert "user name" in reasons[lines[8]]
    assert [entry.path for entry in fetched.listing.pages] == [lines[2]]
    assert fetched.listing.no_input["redirect"] == 1


@pytest.mark.parametrize("host", sorted(OPT_OUTS))
def test_each_opt_out_is_read_and_stored(web: Web, tmp_path: Path, host: str) -> None:
    fetched = Fetched(web_source(web, seeds=(web.url(host, "/"),)), tmp_path)
    (record,) = fetched.records().values()
    assert isinstance(record.content, bytes)
    assert record.permission.verdict == ("reserved" if host in RESERVED else "allowed")
    assert (len(record.permission.signals) > 1) == (host in RESERVED)
    assert all(count == 1 for count in asked(web, host).values())


def test_sitemaps(web: Web, tmp_path: Path) -> None:
    fetched = Fetched(web_source(web, sitemaps=(web.url("map", "/index.xml"),)), tmp_path)
    got = {path.rpartition("/")[2] for path, each in fetched.records().items() if isinstance(each.content, bytes)}
    assert got == {"m0.svg", "m1.svg", "m2.svg", "im.svg", "t.svg"}
    assert fetched.listing.no_input["sitemap: malformed sitemap"] == 1
    assert fetched.listing.no_input["sitemap"] == 3
    assert not [path for path in asked(web, "map") if "private" in path]


def test_hosts_are_dealt_to_buckets_and_links_between_them_are_followed(web: Web, tmp_path: Path) -> None:
    one = Fetched(web_source(web, seeds=(web.url("plain", "/"),), scope="any"), tmp_path / "one")
    first = asked(web, "plain", "other", "cdn")
    web.forget()
    many = Fetched(web_source(web, seeds=(web.url("plain", "/"),), scope="any", buckets=64), tmp_path / "many")
    assert asked(web, "plain", "other", "cdn") == first
    assert max(first.values()) == 1 + (first["/"] == 2)  # two hosts have a /
    assert many.rounds > 1 and len({dict(each.unit.pin)["bucket"] for each in many.done}) == 3
    assert many.listing.files == one.listing.files or [e.path for e in many.listing.files] == [
        e.path for e in one.listing.files
    ]
    hosts = {dict(each.unit.pin)["bucket"]: each for each in many.done}
    assert len(hosts) == 3


def test_a_recrawl_asks_only_for_what_has_changed(web: Web, tmp_path: Path) -> None:
    source = web_source(web, seeds=(web.url("tag", "/"),))
    first = Fetched(source, tmp_path)
    web.forget()
    second = Fetched(source, tmp_path, 2, before=first)
    conditional = [each for each in web.requests("tag") if not each.path.startswith(("/robots", "/.well"))]
    assert len(conditional) == 5 and all("if-none-match" in each.fields for each in conditional)
    old, new = first.records(), second.records()
    assert {p: r.content for p, r in new.items()} == {p: r.content for p, r in old.items()} and len(new) == 3
    # a 304 need not repeat what reserves it
    assert [new[path].permission.verdict for path in sorted(new)] == ["allowed", "allowed", "reserved"]
    packs = {second.listing.places[path].stored for path in new}
    assert all("/1-000/" in pack for pack in packs)  # the content lies where it lay
    web.forget()
    third = Fetched(source, tmp_path, 3, before=second)
    assert {p: r.content for p, r in third.records().items()} == {p: r.content for p, r in old.items()}
    assert all("if-none-match" in each.fields for each in web.requests("tag") if each.path.endswith(".svg"))


def test_the_rate_of_each_host_is_kept_within_a_twentieth(web: Web, tmp_path: Path) -> None:
    rate, each_host = 10.0, 29
    lines = [web.url(host, f"/{n}.svg") for n in range(each_host) for host in ("r0", "r1", "r2")]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    politeness = {"rate": rate, "concurrency": 2}
    Fetched(web_source(web, urls=("list.txt",), politeness=politeness), tmp_path)
    for host in ("r0", "r1", "r2"):
        times = [each.time for each in web.requests(host)]
        assert len(times) == each_host + 2
        measured = (len(times) - 1) / (times[-1] - times[0])
        assert measured == pytest.approx(rate, rel=0.05)
        assert max(sum(begin <= moment < begin + 1 for moment in times) for begin in times) <= 1.2 * rate


def test_the_rate_over_all_hosts_is_kept_by_tasks_that_run_at_once(web: Web, tmp_path: Path) -> None:
    rate = 20.0
    lines = [web.url(host, f"/{n}.svg") for n in range(12) for host in ("r0", "r1", "r2")]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    source = web_source(web, urls=("list.txt",), buckets=64, politeness={"total_rate": rate})
    network, storage = Network(str(tmp_path), str(tmp_path)), FolderStorage(tmp_path)
    snapshot = Snapshot("web", 1, {}, tuple(source.resolve(network, None)), "2026-01-01T00:00:00Z")
    snapshots.begin(storage, snapshot)
    units = source.units(snapshot, (), network)
    assert len(units) == 3
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda unit: source.fetch(unit, Shelf(storage, "web"), network), units))
    times = sorted(each.time for host in ("r0", "r1", "r2") for each in web.requests(host))
    assert len(times) == 36 + 6  # each has a robots.txt and a tdmrep.json
    assert (len(times) - 3) / (times[-1] - times[0]) <= 1.1 * rate


def test_a_crawl_delay_is_kept_and_a_group_of_ones_own_is_found(web: Web, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("\n".join(web.url("shop", f"/{n}.svg") for n in range(5)))
    records = Fetched(web_source(web, urls=("list.txt",)), tmp_path).records()
    assert all(isinstance(each.content, bytes) for each in records.values())
    times = [each.time for each in web.requests("shop") if each.path.endswith(".svg")]
    assert all(after - before > 0.28 for before, after in itertools.pairwise(times))


def test_sitemaps_of_robots_txt_are_read_if_that_is_wanted(web: Web, tmp_path: Path) -> None:
    source = web_source(web, seeds=(web.url("listed", "/"),), sitemaps_of_robots=True)
    fetched = Fetched(source, tmp_path)
    assert web.url("listed", "/from-map.svg") in fetched.records()
    web.forget()
    with pytest.raises(
        ConfigError, match=r"nothing that was fetched is an SVG or holds one \(.*page without drawings 1"
    ):
        _ = Fetched(web_source(web, seeds=(web.url("listed", "/"),)), tmp_path / "without").listing


def test_a_pack_of_nothing_but_304_is_named_by_its_snapshot(web: Web, tmp_path: Path) -> None:
    source = web_source(web, seeds=(web.url("tag", "/"),))
    second = Fetched(source, tmp_path, 2, before=Fetched(source, tmp_path))
    named = {row["stored"] for each in second.done for row in read_table(second.storage, each.table).to_pylist()}
    packs = {entry.path for entry in second.storage.list("fetched/web/2-")}
    assert packs and packs <= named


@pytest.mark.parametrize(
    ("body", "content_type", "name", "expected"),
    [
        (b"<svg/>", "text/plain", "", "svg"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a --><!DOCTYPE svg PUBLIC "-//W3C//DTD" "x" [<!ENTITY a ">">]> <svg:svg', "", "", "svg"),
        ("<svg>".encode("utf-16"), "", "", "svg"),
        ("<?xml?><svg>".encode("utf-16-be"), "", "", "svg"),
        (b"\x1f\x8b...", "application/octet-stream", "/a.svgz", "svg"),
        (b"\x1f\x8b...", "application/octet-stream", "/a.tgz", "other"),
        (b"<!DOCTYPE html><p>", "image/svg+xml", "", "page"),
        (b"<p>", "text/html; charset=x", "", "page"),
        (b"just words", "text/html", "", "page"),
        (b"<rss>", "application/xml", "", "other"),
        (b"\x89PNG...", "image/svg+xml", "", "other"),
        (b" \n ", "image/svg+xml", "", "nothing"),
        (b".a{fill:red}", "text/css", "", "text"),
    ],
)  # fmt: skip
def test_what_came_is_told_by_its_first_bytes(body: bytes, content_type: str, name: str, expected: str) -> None:
    assert sniff(body, content_type, name) == expected


def test_a_look_at_what_came_takes_no_time(web: Web) -> None:
    began = time.process_time()
    for hostile in (
        b"<!-- a -->" * 6000 + b"x",
        b"<!--" * 16000,
        b"<!DOCTYPE a [" * 5000,
        b"<? ?> " * 10000 + b"\x00",
        b"<" * 65000,
    ):
        sniff(hostile, "image/svg+xml")
    assert time.process_time() - began < 2
