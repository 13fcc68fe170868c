"""How fast archives are read, beside the libraries that do the same: WARC (FastWARC, warcio) and 7z (py7zr).

    PYTHONPATH=. python benchmarks/archives.py

It makes a WARC of 18,000 records, a twentieth of its responses SVG, and a 7z of 5,000 files, and prints seconds of one
core and megabytes a second of what is stored, for each reader, twice.
"""

from __future__ import annotations

import io
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import py7zr
from fastwarc.warc import ArchiveIterator as FastWarc
from py7zr.io import BytesIOFactory
from warcio.archiveiterator import ArchiveIterator as Warcio
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from stages.crawl import CrawlSettings, members
from stages.crawl.captures import Captures
from stages.crawl.container import Budget
from stages.crawl.warcs import warc_records


def make_warc(path: Path) -> None:
    chance = random.Random(1)
    words = [f"{chance.getrandbits(32):08x}" for _ in range(3000)]
    with path.open("wb") as out:
        writer = WARCWriter(out, gzip=True)
        for number in range(6000):
            kind = "image/svg+xml" if number % 20 == 0 else "text/html"
            body = (b"<svg/>" if number % 20 == 0 else b"<html>") + " ".join(
                chance.choices(words, k=chance.choice((300, 3000, 9000)))
            ).encode()
            url = f"http://a{number % 50}.test/{number}"
            headers = StatusAndHeaders("200 OK", [("Content-Type", kind)], protocol="HTTP/1.1")
            for record in (
                writer.create_warc_record(url, "request", payload=io.BytesIO(b"GET / HTTP/1.1\r\n\r\n")),
                writer.create_warc_record(url, "response", payload=io.BytesIO(body), http_headers=headers),
                writer.create_warc_record(url, "metadata", payload=io.BytesIO(b"a: b\r\n")),
            ):
                writer.write_record(record)


def make_7z(path: Path) -> None:
    chance = random.Random(2)
    with py7zr.SevenZipFile(path, "w") as archive:
        for number in range(5000):
            numbers = " ".join(str(chance.randrange(1000)) for _ in range(300))
            archive.writestr(f'<svg xmlns="http://www.w3.org/2000/svg"><path d="M{numbers}"/></svg>', f"a/{number}.svg")


def warc(path: Path) -> int:
    with path.open("rb") as stream:
        captures = Captures(2**23, False, Counter())
        return sum(1 for _ in captures.items(warc_records(stream, path.name, Budget(path.name, 2**40))))


def by_fastwarc(path: Path) -> int:
    count = 0
    with path.open("rb") as stream:
        for record in FastWarc(stream):
            if record.http_headers is not None and record.http_content_type == "image/svg+xml":
                record.reader.read()
                count += 1
    return count


def by_warcio(path: Path) -> int:
    count = 0
    with path.open("rb") as stream:
        for record in Warcio(stream):
            if record.rec_type == "response" and record.http_headers.get_header("content-type") == "image/svg+xml":
                record.content_stream().read()
                count += 1
    return count


def sevenzip(path: Path) -> int:
    with path.open("rb") as stream:
        return sum(1 for _ in members(stream, path.name, CrawlSettings(), lambda _: True))


def by_py7zr(path: Path) -> int:
    with py7zr.SevenZipFile(path) as archive:
        files = BytesIOFactory(2**30)
        archive.extractall(factory=files)
        return len(files.products)


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        readers: dict[str, tuple[Callable[[Path], None], list[Callable[[Path], int]]]] = {
            "a.warc.gz": (make_warc, [warc, by_fastwarc, by_warcio]),
            "a.7z": (make_7z, [sevenzip, by_py7zr]),
        }
        for name, (make, each) in readers.items():
            path = Path(home) / name
            make(path)
            size = path.stat().st_size / 1e6
            for reader in (*each, *each):
                begun = time.process_time()
                count = reader(path)
                seconds = time.process_time() - begun
                rate = f"{seconds:.2f} s  {size / seconds:.0f} MB/s"
                print(f"{name} {size:.0f} MB  {reader.__name__:12} {count} drawings  {rate}")


if __name__ == "__main__":
    main()
