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

import pytest

from pipeline.errors import UnknownOutcome
from pipeline.storage.folder import FolderStorage
from pipeline.storage.tables import read_table
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
        "import sys; from pathlib import Path; from tests.crawling import *\n"
        "Fetched(WebSource.model_validate_json(sys.argv[1]), Path(sys.argv[2]))\n"
        "print(peak_kib())"
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


class Failing(FolderStorage):
    """A store of which some writes of packs fail, or are told to have failed."""

    def __init__(self, root: Path, failing: int, written: bool) -> None:
        super().__init__(root)
        self.failing, self.written, self.count = failing, written, 0

    def create(self, path: str, data: bytes) -> None:
        if "/1-" in path:
            self.count += 1
            if self.count == self.failing:
                if self.written:
                    super().create(path, data)
                raise UnknownOutcome("the store does not answer; run again later")
        super().create(path, data)


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("failing", [1, 3])
def test_a_store_that_fails_ends_the_fetch_and_nothing_is_lost_or_told_twice(
    tmp_path: Path, failing: int, written: bool
) -> None:
    with Web(tmp_path) as web:
        limits = {"depth": 2, "pages_per_host": 30}
        source = web_source(
            web, seeds=(web.url("big", "/p/0"),), limits=limits, store={"responses": 10, "seconds": 0.05}
        )
        with pytest.raises(UnknownOutcome):
            Fetched(source, tmp_path / "ws", storage=Failing(tmp_path / "ws", failing, written))
        fetched = Fetched(source, tmp_path / "ws")
        assert len(fetched.listing.files) == 30
        paths = [row["path"] for each in fetched.done for row in read_table(fetched.storage, each.table).to_pylist()]
        assert len([path for path in paths if path.endswith(".svg")]) == 30
