"""Asks a server of its own about 10,000 pictures, with faults, a limit of requests and kills, and counts.

Looks and what is known are made up, so that only asking is measured: the steps ``answers`` and ``ask`` run as in a run.
``python benchmarks/asking.py [--pictures 10000] [--rate 100] [--kills 5] [--mode paced|told|mute]``

paced: the config has the server's rate. told: it does not, the server's 429 say when. mute: they say nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.asking import prompts
from pipeline.asking.cache import Cache
from pipeline.config import MODEL, Config
from pipeline.progress import Display
from pipeline.run.asking import Asking
from pipeline.run.engine import open_engine
from pipeline.run.stage import StageRunner
from pipeline.steps.ask import AnswersSettings
from pipeline.steps.look import GROUP
from pipeline.storage.open import open_storage
from pipeline.storage.tables import write_table
from pipeline.work.ledger import Record
from stages.render.looks import LOOKED, digest
from stages.render.png import png
from stages.schema import CAPTIONED

FAULTS = {"busy": 0.005, "busy_seconds": 0.005, "error": 0.01, "dropped": 0.005, "hang_up_early": 0.005, "slow": 0.002,
          "cut_json": 0.01, "refusal": 0.003, "wrong": 0.003, "length": 0.002}  # fmt: skip
"""5 % of the requests."""
PARTITION = 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--mode", choices=("paced", "told", "mute"), default="paced")
    parser.add_argument("--workers", type=int, default=1, help="over 1: on a local Ray")
    parser.add_argument("--out", type=Path, default=Path("build/asking"))
    parser.add_argument("--only-ask", action="store_true", help="used by this program itself")
    arguments = parser.parse_args()
    if arguments.only_ask:
        ask(arguments)
    else:
        measure(arguments)


def config_of(out: Path, rate: float, mode: str) -> Config:
    endpoint = {"base_url": (out / "url").read_text(), "timeout": 5.0}
    section: dict[str, Any] = {"model": "eye", "endpoint": endpoint, "styles": ["short"], "at_once": 64}
    if mode == "paced":
        section["requests_per_minute"] = int(rate * 60)
    sources = [{"name": "made", "kind": "folder", "path": "/none", "license": "CC0-1.0"}]
    data = {"config_version": 1, "name": "made", "sources": sources, "ask": section}
    return MODEL.model_validate_json(json.dumps(data))


def ask(arguments: argparse.Namespace) -> None:
    """What a run does once the looks are there."""
    out = arguments.out
    config = config_of(out, arguments.rate, arguments.mode)
    assert config.ask is not None
    storage = open_storage(str((out / "ws").absolute()))
    names = ["ray", None, arguments.workers] if arguments.workers > 1 else ["inline"]
    runner = StageRunner(storage, 3600, lambda: open_engine(*names), Display())
    looks, known = (
        [Record.from_bytes(path.read_bytes()) for path in sorted((out / kind).iterdir())] for kind in ("look", "known")
    )
    told = AnswersSettings.of(config.ask, prompts.load(config.ask, Path()))
    asking = Asking(config, Path(), storage, Display())
    began = time.monotonic()
    records = asking.of_looks(runner.run, runner, config.ask, told, looks, known)
    runner.close()
    counts: dict[str, int] = {}
    for record in records:
        for reason, count in record.extra["counts"].items():
            counts[reason] = counts.get(reason, 0) + count
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"seconds": round(time.monotonic() - began, 1), "peak_MB": peak, "counts": counts}), flush=True)


def measure(arguments: argparse.Namespace) -> None:
    out = arguments.out
    shutil.rmtree(out, ignore_errors=True)
    for folder in ("look", "known"):
        (out / folder).mkdir(parents=True)
    make(out, arguments.pictures)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (out / "url").write_text(f"http://127.0.0.1:{port}/v1")
    command = [sys.executable, "-m", "tests.chat_server", "--port", str(port), "--rate", str(arguments.rate)]
    command += ["--latency", "0.2", "--faults", json.dumps(FAULTS), *(["--mute"] if arguments.mode == "mute" else [])]
    server = subprocess.Popen(command)
    try:
        time.sleep(2)
        again = [sys.executable, *sys.argv, "--only-ask"]
        chance = random.Random(7)
        for _ in range(arguments.kills):
            before_kill = stored(out)
            process = subprocess.Popen(again, start_new_session=True, stderr=subprocess.DEVNULL)
            while process.poll() is None and stored(out) == before_kill:
                time.sleep(0.2)
            time.sleep(chance.uniform(0, 6))
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            print(f"killed; {stored(out)} requests are stored, {log(port)}", flush=True)
        before = log(port)
        first = run(again)
        after = log(port)
        print("first run  ", first)
        print("second run ", run(again))
        assert log(port)["requests"] == after["requests"], "the second run asked"
        make(out, arguments.pictures + PARTITION)
        whole = run(again)
        print("grown      ", whole)
        grown = log(port)
        asked = (
            after["requests"]
            - before["requests"]
            - (after["kinds"].get("over_rate", 0) - before["kinds"].get("over_rate", 0))
        )
        print("server     ", {name: value for name, value in grown.items() if name != "kinds"}, grown["kinds"])
        print(f"asked for the {PARTITION} new: {grown['requests'] - after['requests']}")
        print(f"rate: {asked / first['seconds']:.1f}/s of {arguments.rate:.1f}/s, {asked} requests in the first run")
        cache = Cache(open_storage(str((out / "ws").absolute())))
        cache.refresh()
        print("spent      ", cache.spent(), "tables", len(list((out / "ws/answers").iterdir())))
        # of answers that did not arrive whole the question is asked again, whatever happens
        failed = sum(grown["kinds"].get(kind, 0) for kind in ("cut_json", "dropped"))
        pictures = sum(count for reason, count in whole["counts"].items() if reason != "rejected")
        print(f"paid twice: {grown['answered'] - failed - pictures} answers in {arguments.kills} kills")
    finally:
        server.terminate()
        server.wait()


def stored(out: Path) -> int:
    cache = Cache(open_storage(str((out / "ws").absolute())))
    cache.refresh()
    return cache.spent()[0].requests


def run(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def log(port: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/log") as response:
        result: dict[str, Any] = json.load(response)
    return result


def make(out: Path, pictures: int) -> None:
    """Tables of looks and of what is known, with records as the steps before would write them."""
    storage = open_storage(str((out / "ws").absolute()))
    for begin in range(0, pictures, PARTITION):
        key = f"{begin // PARTITION:05}"
        if (out / "look" / key).exists():
            continue
        rows = [look(number) for number in range(begin, min(pictures, begin + PARTITION))]
        groups = [pa.Table.from_pylist(rows[i : i + GROUP], schema=LOOKED) for i in range(0, len(rows), GROUP)]
        captions = [
            {
                "sample_id": row["sample_id"],
                "captions": [{"text": f"thing {row['sample_id'][-5:]}", "origin": "title", "style": "short"}],
            }
            for row in rows
        ]
        known = pa.Table.from_pylist(captions, schema=CAPTIONED)
        for name, tables, schema in (("look", groups, LOOKED), ("known", [known], CAPTIONED)):
            output = write_table(storage, f"tables/{name}/made/{key}.parquet", tables, schema)
            record = Record(name, "made", key, key, {}, {}, key, {"kept": output}, len(rows), len(rows))
            (out / name / key).write_bytes(record.to_bytes())


def look(number: int) -> dict[str, Any]:
    chance = np.random.default_rng(number)
    pixels = np.full((512, 512, 4), 255, np.uint8)
    for _ in range(12):
        x, y, w, h = chance.integers(0, 400, 4)
        pixels[y : y + h, x : x + w, :3] = chance.integers(0, 255, 3)
    return {"sample_id": f"{number:064}", "digest": digest(pixels), "picture": png(pixels, 5)}


if __name__ == "__main__":
    main()
