"""Servers that are slow, endless, broken or hostile cost a URL, never the crawl."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections import Counter
from pathlib import Path

import pytest

from pipeline.sources.web import addresses
from pipeline.sources.web.addresses import GuardedResolver
from pipeline.sources.web.fetcher import Fetcher, NotFetched
from pipeline.sources.web.settings import Limits
from pipeline.sources.web.urls import Refused, normal
from stages.reasons import Reason
from tests.crawling import Fetched, web_source
from tests.web_server import Web, svg


def listed(web: Web, folder: Path, host: str, *paths: str, **settings: object) -> dict[str, object]:
    """Path -> content of the record, of URLs that a list names."""
    (folder / "list.txt").write_text("\n".join(web.url(host, path) for path in paths))
    fetched = Fetched(web_source(web, urls=("list.txt",), **settings), folder)
    return {path.removeprefix(web.url(host, "")): each.content for path, each in fetched.records().items()}


def test_what_misbehaves_is_a_record_with_its_reason(web: Web, tmp_path: Path) -> None:
    names = [
        "drip",
        "endless",
        "bomb",
        "large",
        "halfzipped",
        "cut",
        "page",
        "empty",
        "loop1",
        "self",
        "inward",
        "file",
        "crash",
        "hop/1",
    ]
    good = ["zipped", "deflated", "text", "moved"]
    limits = {"max_bytes": 1_000_000, "seconds": 2.0}
    politeness = {"attempts": 2, "concurrency": 20}
    paths = [f"/{name}.svg" for name in names + good]
    contents = listed(web, tmp_path, "bad", *paths, limits=limits, politeness=politeness)
    assert contents["/zipped.svg"] == svg("bad/zipped.svg")
    assert contents["/deflated.svg"] == svg("bad/deflated.svg")
    assert contents["/text.svg"] == svg("bad/text.svg")
    lost = {path: content for path, content in contents.items() if isinstance(content, tuple)}
    for path, reason, words in [
        ("/drip.svg", Reason.NOT_FETCHED, "no whole answer within 2 s"),
        ("/endless.svg", Reason.TOO_LARGE, "more than 1000000 bytes"),
        ("/bomb.svg", Reason.TOO_LARGE, "more than 1000000 bytes"),
        ("/large.svg", Reason.TOO_LARGE, "more than 1000000 bytes"),
        ("/halfzipped.svg", Reason.NOT_FETCHED, "ends too early"),
        ("/cut.svg", Reason.NOT_FETCHED, "connection failed"),
        ("/page.svg", Reason.NOT_FETCHED, "it is a page without drawings"),
        ("/empty.svg", Reason.NOT_FETCHED, "nothing came"),
        ("/self.svg", Reason.NOT_FETCHED, "redirects to itself"),
        ("/inward.svg", Reason.NOT_FETCHED, "port 80"),
        ("/file.svg", Reason.NOT_FETCHED, "neither http nor https"),
        ("/crash.svg", Reason.NOT_FETCHED, "connection failed"),
        ("/hop/6.svg", Reason.NOT_FETCHED, "redirected more than 5 times"),
    ]:
        assert lost[path][0] == reason and words in lost[path][1], (path, lost[path])
    assert {path for path in lost if "loop" in path} == {"/loop1.svg", "/loop2.svg"}
    assert "circle" in lost["/loop1.svg"][1]
    counts = Counter(each.path for each in web.requests("bad"))
    assert counts["/crash.svg"] == counts["/drip.svg"] == counts["/cut.svg"] == 2  # attempts, and no more
    assert counts["/bomb.svg"] == counts["/large.svg"] == counts["/loop1.svg"] == 1


def test_a_host_that_asks_for_time_gets_it(web: Web, tmp_path: Path) -> None:
    contents = listed(web, tmp_path, "busy", "/soon.svg", "/date.svg", "/flaky.svg", politeness={"concurrency": 1})
    assert all(isinstance(content, bytes) for content in contents.values()) and len(contents) == 3
    times: dict[str, list[float]] = {}
    for each in web.requests("busy"):
        times.setdefault(each.path, []).append(each.time)
    assert times["/soon.svg"][1] - times["/soon.svg"][0] >= 1
    assert times["/date.svg"][1] - times["/date.svg"][0] >= 0.9  # a date has no fractions of a second
    assert len(times["/flaky.svg"]) == 3
    # the whole host was left alone, not that URL alone
    every = sorted(each.time for each in web.requests("busy"))
    first = times["/soon.svg"][0]
    assert not [moment for moment in every if first < moment < first + 1]


def test_a_host_that_asks_for_too_much_or_fails_is_given_up(web: Web, tmp_path: Path) -> None:
    contents = listed(web, tmp_path, "down", *(f"/{n}.svg" for n in range(30)), politeness={"concurrency": 1})
    assert len(contents) == 30 and all("86400 s" in detail or "503" in detail for _, detail in contents.values())
    assert len([each for each in web.requests("down") if each.path.endswith(".svg")]) == 1
    (tmp_path / "gone").mkdir()
    politeness = {"attempts": 1, "max_failures": 3}
    contents = listed(web, tmp_path / "gone", "gone", *(f"/{n}.svg" for n in range(9)), politeness=politeness)
    assert len(contents) == 9 and all("robots.txt cannot be had" in detail for _, detail in contents.values())


def test_a_robots_txt_that_fails_allows_nothing(web: Web, tmp_path: Path) -> None:
    contents = listed(web, tmp_path, "slowrobots", "/a.svg", politeness={"attempts": 2})
    assert "robots.txt cannot be had" in contents["/a.svg"][1]
    assert {each.path for each in web.requests("slowrobots")} == {"/robots.txt"}


def test_a_robots_txt_is_followed_to_where_it_moved_as_often_as_the_standard_says(web: Web, tmp_path: Path) -> None:
    contents = listed(web, tmp_path, "hop", "/no.svg", "/yes.svg")
    assert contents["/no.svg"][1] == "robots.txt disallows it" and contents["/yes.svg"] == svg("hop/yes.svg")
    (tmp_path / "maze").mkdir()
    contents = listed(web, tmp_path / "maze", "maze", "/a.svg")  # more than five redirects: as if there were none
    assert contents["/a.svg"] == svg("maze/a.svg")
    assert len([each for each in web.requests("maze") if each.path.startswith("/robots.txt")]) == 6


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
        "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::10.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1", "2002:7f00:1::1", "2002:a00:1::", "2001:0:5ef5:79fb::1", "no address",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(text: str) -> None:
    with pytest.raises(Refused):
        addresses.check(text, ())


def test_public_addresses_and_allowed_networks_pass() -> None:
    for text in ("1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1"):
        addresses.check(text, ())
    allowed = addresses.networks(["10.1.0.0/16", "fd00::/8"])
    for text in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::1"):
        addresses.check(text, allowed)
    with pytest.raises(Refused):
        addresses.check("10.2.0.1", allowed)


class Turning(GuardedResolver):
    """DNS whose answers change: first what is allowed, then what is not."""

    answers = ("127.0.0.1", "127.0.0.2")

    def __init__(self) -> None:
        super().__init__(addresses.networks(["127.0.0.1/32"]))
        self.asked = 0

    async def lookup(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return [self.answers[min(self.asked, len(self.answers)) - 1]]


def test_dns_that_turns_private_is_refused_and_the_connection_uses_what_was_decided(web: Web) -> None:
    async def ask() -> tuple[bytes, str, int]:
        resolver = Turning()
        async with Fetcher(Limits(), "test (+x@example.org)", resolver) as fetcher:
            url = normal(web.url("r0", "/a.svg"), {web.port})
            first = await fetcher.get(url)
            assert resolver.asked == 1  # one answer, and the connection is made to it
            fetcher._session.connector.clear_dns_cache()
            await fetcher._session.connector.close()
        async with Fetcher(Limits(), "test (+x@example.org)", resolver) as fetcher:
            with pytest.raises(NotFetched) as caught:
                await fetcher.get(url)
        return first.body, caught.value.what, resolver.asked

    body, what, asked = asyncio.run(ask())
    assert body == svg("/a.svg") and what == "not a public address" and asked == 2


@pytest.mark.parametrize("host", ["127.0.0.2", "[::1]", "[::ffff:127.0.0.2]", "2130706434", "0x7f.2", "localhost"])
def test_addresses_in_urls_go_the_same_way(web: Web, host: str) -> None:
    async def ask() -> str:
        resolver = GuardedResolver(addresses.networks(["127.0.0.1/32"]))
        async with Fetcher(Limits(), "test (+x@example.org)", resolver) as fetcher:
            with pytest.raises(NotFetched) as caught:
                await fetcher.get(normal(f"http://{host}:{web.port + 1}/", {web.port + 1}))
            return caught.value.what

    expected = {"localhost": {"connection failed", "not a public address"}}
    assert asyncio.run(ask()) in expected.get(host, {"not a public address", "no HTTP"})


def test_broken_tls_is_told(web: Web, tmp_path: Path) -> None:
    """A server that does not speak it, and one whose certificate nobody has signed."""

    async def ask(url: str, port: int) -> NotFetched:
        resolver = GuardedResolver(addresses.networks(["127.0.0.0/8"]), {"tls.test": "127.0.0.1"})
        async with Fetcher(Limits(), "test (+x@example.org)", resolver) as fetcher:
            with pytest.raises(NotFetched) as caught:
                await fetcher.get(normal(url, {port}))
            return caught.value

    error = asyncio.run(ask(f"https://tls.test:{web.port}/", web.port))
    assert error.what == "TLS failed" and not error.passes

    async def signed_by_itself() -> NotFetched:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(tmp_path))
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        resolver = GuardedResolver(addresses.networks(["127.0.0.0/8"]), {"tls.test": "127.0.0.1"})
        async with server, Fetcher(Limits(), "test (+x@example.org)", resolver) as fetcher:
            with pytest.raises(NotFetched) as caught:
                await fetcher.get(normal(f"https://tls.test:{port}/", {port}))
            return caught.value

    error = asyncio.run(signed_by_itself())
    assert error.what == "TLS failed" and "certificate" in error.detail and not error.passes


def certificate(folder: Path) -> Path:
    """A certificate for tls.test that it has signed itself, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tls.test")])
    day = datetime.datetime(2020, 1, 1)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(day)
        .not_valid_after(day.replace(year=2090))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("tls.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    own = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "tls.pem"
    path.write_bytes(own + signed.public_bytes(pem))
    return path


def test_urls_that_are_not_asked_for() -> None:
    ports = {80, 443}
    for url, words in [
        ("ftp://a.test/", "neither http nor https"),
        ("http://user:secret@a.test/", "user name or a password"),
        ("http://a.test:8080/", "port 8080"),
        ("http:///x", "host"),
        ("javascript:alert(1)", "neither"),
        ("http://a.test/" + "x" * 3000, "characters"),
        ("http://[::1", "no URL"),
    ]:
        with pytest.raises(Refused, match=words) as caught:
            normal(url, ports)
        assert "secret" not in str(caught.value)
    assert str(normal("HTTP://A.Test:80/a/../b?q=1#f", ports)) == "http://a.test/b?q=1"
    assert str(normal("http://bücher.test", ports)) == "http://xn--bcher-kva.test/"
    assert normal("http://a.test./x", ports).raw_host == "a.test"
