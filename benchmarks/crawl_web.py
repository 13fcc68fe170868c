"""The crawler against a bare aiohttp loop on 10,000 small files, and its memory over 10,000 pages.

    python -m benchmarks.crawl_web [--files 10000] [--pages 10000] [--rounds 3]

One local server, which the tests' web is, gives both, in turns; politeness is off. The loop asks for the files with as
many requests at once, and keeps nothing. Prints files a second of both and their ratio, by the wall's clock and by the
process's own, and pages a second with the peak of the process's memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

from tests.crawling import Fetched, peak_kib, web_source
from tests.web_server import Web

AT_ONCE = 16


class Clock:
    """Time since it was made: by the wall, and of this process on a core."""

    def __init__(self) -> None:
        self._wall, self._core = time.perf_counter(), time.process_time()

    def per_second(self, count: int) -> tuple[float, float]:
        """How many that are a second, by either."""
        return count / (time.perf_counter() - self._wall), count / (time.process_time() - self._core)


def bare(web: Web, urls: list[str]) -> tuple[float, float]:
    """Files a second of a loop that asks and reads."""

    async def ask() -> None:
        left = iter(urls)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def work() -> None:
                for url in left:
                    async with session.get(url) as answer:
                        await answer.read()

            await asyncio.gather(*(work() for _ in range(AT_ONCE)))

    began = Clock()
    asyncio.run(ask())
    return began.per_second(len(urls))


def crawler(web: Web, urls: list[str], folder: Path) -> tuple[float, float]:
    """Files a second of the crawler, stored and noted."""
    (folder / "list.txt").write_text("\n".join(urls))
    source = web_source(web, urls=(str(folder / "list.txt"),), politeness={"concurrency": AT_ONCE})
    began = Clock()
    fetched = Fetched(source, folder / "ws")
    rates = began.per_second(len(urls))
    assert len(fetched.listing.files) == len(urls)
    return rates


def pages(web: Web, count: int, folder: Path) -> dict[str, float]:
    """A crawl of generated pages with a drawing each."""
    limits = {"depth": 99, "pages_per_host": count}
    source = web_source(web, seeds=(web.url("big", "/p/0"),), politeness={"concurrency": AT_ONCE}, limits=limits)
    began = time.perf_counter()
    fetched = Fetched(source, folder)
    seconds = time.perf_counter() - began
    peak = peak_kib() / 1024
    return {"pages": count, "drawings": len(fetched.listing.files), "per_second": count / seconds, "peak_mib": peak}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("files", "pages"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, Web(Path(temporary)) as web:
        folder = Path(temporary)
        if given.only == "pages":
            print(json.dumps(pages(web, given.pages, folder / "pages")))
            return
        seconds = []
        for number in range(given.rounds):
            names = [f"/{number}-{file}.svg" for file in range(given.files)]
            loop = bare(web, [f"http://127.0.0.1:{web.port}{name}" for name in names])
            (folder / str(number)).mkdir()
            own = crawler(web, [web.url("r0", name) for name in names], folder / str(number))
            seconds.append([1 / rate for rate in (*loop, *own)])
            print(f"bare loop {loop[0]:.0f} files/s, crawler {own[0]:.0f} files/s", flush=True)
        loop_wall, loop_core, own_wall, own_core = (given.rounds / sum(each) for each in zip(*seconds, strict=True))
        print(f"bare loop {loop_wall:.0f} files/s, {loop_core:.0f} a second of a core")
        print(f"crawler {own_wall:.0f} files/s, {own_core:.0f} a second of a core")
        print(f"ratio {own_wall / loop_wall:.2f} by the wall, {own_core / loop_core:.2f} by the core")
        if given.only is None:
            command = [sys.executable, "-m", "benchmarks.crawl_web", "--only", "pages", "--pages", str(given.pages)]
            print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


if __name__ == "__main__":
    main()
