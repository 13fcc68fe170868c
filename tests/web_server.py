"""A web of several hosts on one port, in a process of its own, which logs every request with its time.

    with Web(folder) as web:
        source = WebSource(seeds=[web.url("plain.test", "/")], names=web.names, ports=(web.port,), ...)
        web.requests()      # [Request(time, host, path, fields)], in order

What the hosts serve is in `SITES` (`plain`, opt-outs) and `respond` (all that misbehaves).
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path

HOSTS = (
    "plain",
    "other",
    "map",
    "bad",
    "big",
    "tag",
    "busy",
    "down",
    "gone",
    "slowrobots",
    "cdn",
    "shop",
    "styled",
    "listed",
    "hop",
    "maze",
)
RATED = tuple(f"r{n}" for n in range(3))

OPT_OUTS: dict[str, dict[str, str]] = {
    # host -> path -> what it serves; "/x.svg" is there always. Header fields are after a |
    "free": {},
    "usageheader": {"/x.svg": "|Content-Usage: train-ai=n"},
    "usagerobots": {"/robots.txt": "User-agent: *\nAllow: /\nContent-Usage: train-ai=n\n"},
    "signalgroup": {"/robots.txt": "User-Agent: *\nContent-Signal: search=yes, ai-train=no\nAllow: /\n"},
    "signaloutside": {"/robots.txt": "Content-Signal: ai-train=no\n\nUser-Agent: *\nAllow: /\n"},
    "tdmheader": {"/x.svg": "|tdm-reservation: 1"},
    "tdmfile": {"/.well-known/tdmrep.json": '[{"location": "/*.svg$", "tdm-reservation": 1}]'},
    "robotstag": {"/x.svg": "|X-Robots-Tag: noai"},
    "rsl": {
        "/robots.txt": "License: /rsl.xml\nUser-agent: *\nAllow: /\n",
        "/rsl.xml": '<rsl xmlns="https://rslstandard.org/rsl"><content url="/"><license>'
        '<prohibits type="usage">ai-train</prohibits></license></content></rsl>',
    },
    "rsllink": {
        "/x.svg": '|Link: </rsl.xml>; rel="license"; type="application/rsl+xml"',
        "/rsl.xml": '<rsl xmlns="https://rslstandard.org/rsl"><content url="/"><license>'
        '<permits type="usage">search</permits></license></content></rsl>',
    },
    "metapage": {"/": '<html><meta name="robots" content="noimageai"><img src="/x.svg">'},
    "tdmmeta": {"/": '<html><meta name="tdm-reservation" content="1"><img src="/x.svg">'},
}
"""Sites that reserve training, one for each rule; free does not."""

RESERVED = frozenset(OPT_OUTS) - {"free"}
PAGES = 10_000


def svg(name: str) -> bytes:
    """A drawing of its own."""
    number = zlib.crc32(name.encode())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
        f'<path fill="#{number % 0xFFFFFF:06x}" d="M{number % 12} {number // 12 % 12}h{1 + number % 9}v8h-5z"/></svg>'
    ).encode()


@dataclass
class Answer:
    """What a request is answered with. ``chunks``: bytes with seconds of waiting before each, instead of a body."""

    body: bytes = b""
    kind: str = "text/html; charset=utf-8"
    status: int = 200
    fields: dict[str, str] = field(default_factory=dict)
    chunks: Iterator[tuple[float, bytes]] | None = None
    length: int | None = None


def page(*links: str, images: tuple[str, ...] = ()) -> Answer:
    """A page with links and images."""
    body = "".join(f'<a href="{link}">{link}</a>' for link in links)
    body += "".join(f'<img src="{image}" alt="picture of {image}">' for image in images)
    return Answer(f"<!DOCTYPE html><html><body>{body}</body></html>".encode())


def drawing(name: str, **fields: str) -> Answer:
    """An SVG."""
    return Answer(svg(name), "image/svg+xml", fields={key.replace("_", "-"): value for key, value in fields.items()})


def moved(to: str, status: int = 302) -> Answer:
    """A redirect."""
    return Answer(b"", status=status, fields={"Location": to})


NOT_FOUND = Answer(b"not here", "text/plain", 404)
_asked: Counter[tuple[str, str]] = Counter()


def respond(host: str, path: str, fields: dict[str, str], port: int) -> Answer:
    """What a host says to a request for a path."""
    _asked[host, path] += 1
    times = _asked[host, path]
    if host in OPT_OUTS:
        return _opt_out(OPT_OUTS[host], path)
    if path == "/robots.txt" and host in ("plain", "map", "shop"):
        text = "User-agent: *\nDisallow: /private\nDisallow: /*.pdf$\n"
        if host == "shop":
            text = "User-agent: testmill\nAllow: /\nCrawl-delay: 0.3\n\nUser-agent: *\nDisallow: /\n"
        return Answer(text.encode(), "text/plain")
    if host in (*RATED, "127.0.0.1") and path.endswith(".svg"):
        return drawing(path)
    handler = globals().get(f"_{host}")
    return handler(path, times, fields, port) if handler else NOT_FOUND


def _opt_out(site: dict[str, str], path: str) -> Answer:
    text, _, field_ = site.get(path, "").partition("|")
    if path == "/x.svg":
        name, _, value = field_.partition(": ")
        return drawing("x", **({name: value} if name else {}))
    if path == "/" and path not in site:
        return page(images=("/x.svg",))
    if path not in site:
        return NOT_FOUND
    return Answer(text.encode(), "text/html" if path == "/" else "text/plain")


def _plain(path: str, times: int, fields: dict[str, str], port: int) -> Answer:
    if path == "/":
        images = ("/i/1.svg", "/i/2.svg#part", "photo.png", "/private/3.svg", f"http://cdn.test:{port}/c.svg")
        return page("/a.html", "/private/p.html", "/x.pdf", f"http://other.test:{port}/", "/moved", images=images)
    if path == "/a.html":
        return page("/", "/b.html", "/a.html?x=1#y", images=("/i/1.svg", "/i/4.svg", "/i/missing.svg"))
    if path == "/moved":
        return moved("/b.html", 301)
    if path == "/b.html":
        return Answer(b'<p><svg viewBox="0 0 8 8"><path d="M0 0h8v8z"/></svg><a href="/deep/1.html">on</a>')
    if path.startswith("/deep/") and path.endswith(".html"):
        number = int(path[6:-5])
        return page(f"/deep/{number + 1}.html", images=(f"/deep/{number}.svg",))
    if path == "/a.html?x=1":
        return page(images=("/i/5.svg",))
    return drawing(path) if path.endswith(".svg") and "missing" not in path else NOT_FOUND


def _styled(path: str, times: int, fields: dict[str, str], port: int) -> Answer:
    sprite = (
        b'<svg xmlns="http://www.w3.org/2000/svg"><symbol id="star" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></symbol>'
    )
    answers = {
        "/": Answer(
            f'<link rel="stylesheet" href="/main.css"><link rel="stylesheet" href="http://cdn.test:{port}/c.css">'
            '<a rel="license" href="https://creativecommons.org/licenses/by/4.0/">CC BY 4.0</a>'
            '<h2>Tools</h2><button><svg class="hammer" viewBox="0 0 8 8"><path d="M0 0h8v8z"/></svg>Hammer</button>'
            '<svg class="fine" viewBox="0 0 9 9"><use href="/old.svg#star"/></svg>'.encode()
        ),
        "/main.css": Answer(b'@import "/colors.css"; .fine{fill:#00f}', "text/css"),
        "/colors.css": Answer(b".hammer path{fill:#f00}", "text/css"),
        "/old.svg": moved("/sprite.svg"),
        "/sprite.svg": Answer(sprite + b"</svg>", "image/svg+xml"),
    }
    return answers.get(path, NOT_FOUND)


def _listed(path: str, times: int, fields: dict[str, str], port: int) -> Answer:
    base = f"http://listed.test:{port}"
    answers = {
        "/robots.txt": Answer(f"Sitemap: {base}/map.xml\nUser-agent: *\nAllow: /\n".encode(), "text/plain"),
        "/map.xml": Answer(f"<urlset><url><loc>{base}/from-map.svg</loc></url></urlset>".encode(), "text/xml"),
        "/from-map.svg": drawing("listed"),
        "/": page("/"),
    }
    return answers.get(path, NOT_FOUND)


def _hop(path: str, times: int, fields: dict[str, str], port: int) -> Answer:
    if path == "/robots.txt":
        return moved(f"http://cdn.test:{port}/robots-of-hop")
    return drawing("hop" + path) if path.endswith(".svg") else NOT_FOUND


def _maze(path: str, times: int, fields: dict[str, str], port: int) -> Answer:
    if path.startswith("/robots.txt"):
        return moved(path + "?x")
    return drawing("maze" + path) if path.endswith(".svg") else NOT_FOUND


def _other(path: str, times: int, fields: dict[str, str], port: int) -> Answer:
    if path == "/":
        return page(f"http://plain.test:{port}/", images=("/o.svg",))
    return drawing("other" + path) if path.endswith(".svg") else NOT_FOUND


def _cdn(path: str, times: int, fields: dict[str, str], port: int) -> Answer:
    if path == "/robots-of-hop":
        return Answer(b"User-agent: *\nDisallow: /no\n", "text/plain")
    if path == "/c.css":
        return Answer(b".hammer{stroke:#0f0}", "text/css")
    return drawing("cdn" + path) if path.endswith(".svg") else NOT_FOUND


def _shop(path: str, times: int, fields: dict[str, str], port: int) -> Answer:
    return drawing("shop" + path) if path.endswith(".svg") else NOT_FOUND


def _map(path: str, times: int, fields: dict[str, str], port: int) -> Answer:
    base = f"http://map.test:{port}"
    if path == "/index.xml":
        parts = "".join(f"<sitemap><loc>{base}{p}</loc></sitemap>" for p in ("/one.xml.gz", "/two.txt", "/broken.xml"))
        return Answer(f'<sitemapindex xmlns="urn:x">{parts}</sitemapindex>'.encode(), "application/xml")
    if path == "/one.xml.gz":
        listed = "".join(f"<url><loc>{base}/m{n}.html</loc></url>" for n in range(3))
        listed += f"<url><loc>{base}/private/m.html</loc><image:image xmlns:image='urn:i'><image:loc>{base}/im.svg"
        listed += "</image:loc></image:image></url>"
        return Answer(gzip.compress(f'<urlset xmlns="urn:x">{listed}</urlset>'.encode()), "application/gzip")
    if path == "/two.txt":
        return Answer(f"{base}/t.html\n{base}/t.svg\n".encode(), "text/plain")
    if path == "/broken.xml":
        return Answer(b"<urlset><url><loc>", "application/xml")
    if path.endswith(".html"):
        return page(images=(f"{path[:-5]}.svg",))
    return drawing("map" + path) if path.endswith(".svg") else NOT_FOUND


def _bad(path: str, times: int, fields: dict[str, str], port: int) -> Answer:
    whole, kind = svg("bad" + path), "image/svg+xml"
    if path.startswith("/hop/"):
        return moved(f"/hop/{int(path[5:-4]) + 1}.svg")
    if path in _LEADING:
        return moved(_LEADING[path])
    raw = zlib.compressobj(wbits=-15)
    zipped, deflated = {"Content-Encoding": "gzip"}, {"Content-Encoding": "deflate"}
    answers = {
        "/drip.svg": lambda: Answer(kind=kind, chunks=((0.1, b" ") for _ in range(10_000))),
        "/endless.svg": lambda: Answer(kind=kind, chunks=((0, b"<!-- " + b"x" * 60_000) for _ in range(10_000_000))),
        "/bomb.svg": lambda: Answer(gzip.compress(b" " * 30_000_000), kind, fields=zipped),
        "/large.svg": lambda: Answer(b"x" * 3_000_000, kind),
        "/zipped.svg": lambda: Answer(gzip.compress(whole), kind, fields=zipped),
        "/deflated.svg": lambda: Answer(raw.compress(whole) + raw.flush(), kind, fields=deflated),
        "/halfzipped.svg": lambda: Answer(gzip.compress(whole)[:40], kind, fields=zipped),
        "/cut.svg": lambda: Answer(whole, kind, length=len(whole) + 100),
        "/page.svg": lambda: Answer(b"<!DOCTYPE html><p>log in</p>", kind),
        "/text.svg": lambda: Answer(whole, "text/plain"),
        "/empty.svg": lambda: Answer(b"", kind),
    }
    return answers[path]() if path in answers else NOT_FOUND


_LEADING = {
    "/loop1.svg": "/loop2.svg",
    "/loop2.svg": "/loop1.svg",
    "/self.svg": "/self.svg",
    "/moved.svg": "/text.svg",
    "/inward.svg": "http://169.254.169.254/latest/meta-data",
    "/file.svg": "file:///etc/passwd",
}


def _busy(path: str, times: int, fields: dict[str, str], port: int) -> Answer:
    if path == "/soon.svg" and times == 1:
        return Answer(status=429, fields={"Retry-After": "1"})
    if path == "/date.svg" and times == 1:
        return Answer(status=503, fields={"Retry-After": formatdate(time.time() + 2, usegmt=True)})
    if path == "/flaky.svg" and times < 3:
        return Answer(status=500)
    if path == "/robots.txt":
        return NOT_FOUND
    return drawing("busy" + path) if path.endswith(".svg") else NOT_FOUND


def _down(path: str, times: int, fields: dict[str, str], port: int) -> Answer:
    return NOT_FOUND if not path.endswith(".svg") else Answer(status=503, fields={"Retry-After": "86400"})


def _slowrobots(path: str, times: int, fields: dict[str, str], port: int) -> Answer:
    return Answer(status=500) if path == "/robots.txt" else drawing("never")


def _tag(path: str, times: int, fields: dict[str, str], port: int) -> Answer:
    if path == "/robots.txt":
        return NOT_FOUND
    tag = f'"{path}"'
    if fields.get("if-none-match") == tag:
        return Answer(status=304, fields={"ETag": tag})
    answer = page("/more.html", images=("/1.svg", "/2.svg")) if path == "/" else page(images=("/3.svg",))
    if path.endswith(".svg"):
        answer = drawing("tag" + path, X_Robots_Tag="noai") if path == "/3.svg" else drawing("tag" + path)
    answer.fields["ETag"] = tag
    return answer


def _big(path: str, times: int, fields: dict[str, str], port: int) -> Answer:
    if path.endswith(".svg"):
        return drawing(path)
    if not path.startswith("/p/"):
        return NOT_FOUND
    number = int(path[3:])
    links = [f"/p/{child}" for child in range(10 * number + 1, 10 * number + 11) if child < PAGES]
    return page(*links, "/p/0", f"/p/{number * 7 % PAGES}", images=(f"/s/{number}.svg",))


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: int, port: int) -> None:
    try:
        while True:
            first = await reader.readexactly(1)
            if first == b"\x16":  # TLS
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                break
            head = first + await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            path = lines[0].split(" ")[1]
            fields = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:]) if v}
            host = fields["host"].partition(":")[0]
            os.write(log, (json.dumps([time.time(), host, path, fields]) + "\n").encode())
            if path == "/crash.svg":
                break
            answer = respond(host.removesuffix(".test"), path, fields, port)
            length = len(answer.body) if answer.length is None else answer.length
            shown = {"Content-Type": answer.kind, **answer.fields}
            if answer.chunks is None and answer.status != 304:
                shown["Content-Length"] = str(length)
            elif answer.chunks is not None:
                shown["Connection"] = "close"
            text = "".join(f"{name}: {value}\r\n" for name, value in shown.items())
            writer.write(f"HTTP/1.1 {answer.status} Well\r\n{text}\r\n".encode("latin-1") + answer.body)
            for wait, chunk in answer.chunks or ():
                await writer.drain()
                await asyncio.sleep(wait)
                writer.write(chunk)
            await writer.drain()
            if answer.chunks is not None or answer.length is not None:
                break
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def _main(log: str) -> None:
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    port = 0
    server = await asyncio.start_server(lambda r, w: _serve(r, w, handle, port), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(port, flush=True)
    async with server:
        await server.serve_forever()


@dataclass(frozen=True)
class Request:
    """One request that the server got."""

    time: float
    host: str
    path: str
    fields: dict[str, str]


class Web:
    """The server's process. ``log``: where it writes what it is asked."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "requests.jsonl"
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), str(self.log)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        names = (*HOSTS, *RATED, *OPT_OUTS)
        self.names = {f"{name}.test": "127.0.0.1" for name in names} | {"gone.test": "127.0.0.9"}

    def __enter__(self) -> Web:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def url(self, host: str, path: str) -> str:
        """A URL on the server."""
        return f"http://{host}.test:{self.port}{path}"

    def requests(self, *hosts: str) -> list[Request]:
        """What it was asked, in order, of some hosts or of all."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        every = [Request(*json.loads(line)) for line in lines]
        return [each for each in every if not hosts or each.host.removesuffix(".test") in hosts]

    def forget(self) -> None:
        """Begin an empty log."""
        if self.log.exists():
            os.truncate(self.log, 0)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
