"""A crawl that was killed goes on from what it has stored, and does not grow with what it has seen."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from pipeline.storage.folder import FolderStorage
from tests.crawling import Fetched, stored_urls, web_source
from tests.web_server import Web

ROOT = Path(__file__).resolve().parents[4]


def start(source_json: str, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.crawling", source_json, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_killed_at_random_it_never_asks_again_for_what_was_stored(tmp_path: Path) -> None:
    chance = random.Random(17)
    with Web(tmp_path) as web:
        politeness = {"rate": 100.0, "concurrency": 4}
        store = {"seconds": 0.1, "responses": 40}
        limits = {"depth": 3, "pages_per_host": 130}
        source = web_source(web, seeds=(web.url("big", "/p/0"),), politeness=politeness, store=store, limits=limits)
        given, folder, kills, stored = source.model_dump_json(), tmp_path / "ws", 0, set[str]()
        for turn in range(5):
            web.forget()
            crawl = start(given, folder)
            deadline = time.monotonic() + 30
            while crawl.poll() is None and not web.requests() and time.monotonic() < deadline:
                time.sleep(0.02)
            try:
                crawl.wait(chance.uniform(0.2, 0.7) if turn < 4 else 60)
            except subprocess.TimeoutExpired:
                crawl.send_signal(signal.SIGKILL)
                crawl.wait()
                kills += 1
            asked = {f"http://{each.host}:{web.port}{each.path}" for each in web.requests()}
            assert not asked & stored
            stored = stored_urls(FolderStorage(folder))
        assert crawl.returncode == 0 and kills >= 3 and stored
        web.forget()
        fetched = Fetched(source, folder)
        assert not web.requests()
        whole = Fetched(source, tmp_path / "whole")
        assert {entry.path for entry in fetched.listing.files} == {entry.path for entry in whole.listing.files}
        assert fetched.listing.no_input == whole.listing.no_input
        assert Counter(each.path for each in web.requests()).most_common(1)[0][1] == 1


def test_memory_does_not_grow_with_what_was_fetched(tmp_path: Path) -> None:
    """Twice as many pages take hardly more; benchmarks/crawl_web.py has all 10,000 of them."""
    program = (
        "import resource, sys; from pathlib import Path; from tests.crawling import *\n"
        "Fetched(WebSource.model_validate_json(sys.argv[1]), Path(sys.argv[2]))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = []
    with Web(tmp_path) as web:
        for pages in (200, 600):
            source = web_source(web, seeds=(web.url("big", "/p/0"),), limits={"depth": 9, "pages_per_host": pages})
            folder = str(tmp_path / str(pages))
            ran = subprocess.run(
                [sys.executable, "-c", program, source.model_dump_json(), folder],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                check=True,
            )
            peaks.append(int(ran.stdout) / 1024)
        assert len([each for each in web.requests() if each.path.startswith("/p/")]) == 800
    assert max(peaks) < 300 and peaks[1] - peaks[0] < 25
