"""Two runs at once on one workspace of an S3 server: each version number has one winner, and nothing is lost."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline.progress import Display
from pipeline.run import conductor
from pipeline.storage.base import Storage
from pipeline.storage.open import open_storage
from pipeline.versions import published
from pipeline.versions.manifest import Manifest
from pipeline.versions.published import LostRace
from pipeline.versions.verify import verify_version
from tests.helpers import ROOT, drawings, mill, write_config

ROUNDS = int(os.environ.get("SVGMILL_PUBLISHER_ROUNDS", "2"))

PUBLISH = """
import sys
from tests.helpers import mill
from pipeline.versions import published
from pathlib import Path
genuine, lost = published.publish, 0

def at_once(storage, manifest):
    global met, lost
    if not met:
        met = True
        print("ready", flush=True)
        sys.stdin.readline()
    try:
        genuine(storage, manifest)
    except published.LostRace:
        lost += 1
        raise

published.publish = at_once
for round in range({rounds}):
    met = False
    run = mill(Path({config!r}), {workspace!r}, sets=(f"tier.seed={{round * 2 + {own}}}",))
    assert run.result.published
print(lost)
"""
"""Each run waits before it first publishes, until it is told that the other waits, too."""


def test_each_number_has_one_winner_and_every_version_verifies(tmp_path: Path, s3_uri: str) -> None:
    """Who loses goes on from what the winner published; all versions that either made are there, whole and in a row."""
    folder = drawings(tmp_path / "icons", 6)
    config = write_config(tmp_path / "c.yaml", folder, render={"size": 32, "compare_size": 32})
    mill(config, s3_uri)  # so that both begin with the pictures drawn
    racers = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                PUBLISH.format(
                    rounds=ROUNDS,
                    config=str(config),
                    workspace=s3_uri,
                    own=own + 1,
                ),
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for own in (0, 1)
    ]
    for _ in range(ROUNDS):
        for racer in racers:
            assert racer.stdout is not None and racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("\n")
            racer.stdin.flush()
    lost = [int(racer.communicate(timeout=600)[0]) for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0]
    storage = open_storage(s3_uri)
    assert published.numbers(storage) == list(range(1, 2 * ROUNDS + 2))
    seeds = []
    for number in published.numbers(storage):
        manifest = published.read(storage, number)
        assert manifest.parent == (number - 1 or None)
        assert verify_version(storage, number, Display(quiet=True))[0] == []
        seeds.append(manifest.config["tier"]["seed"])
    assert sorted(seeds[1:]) == list(range(1, 2 * ROUNDS + 1))
    assert sum(lost) >= 1, "both wanted version 2 at once"


def overtaking(monkeypatch: pytest.MonkeyPatch, config: Path, workspace: Path, times: int) -> list[int]:
    """Whoever publishes in ``workspace`` loses to another run, ``times`` times. Returns the numbers that were lost."""
    genuine, lost, inside = published.publish, list[int](), threading.Lock()

    def overtaken(storage: Storage, manifest: Manifest) -> None:
        if len(lost) < times and inside.acquire(blocking=False):
            mill(config, workspace, sets=(f"tier.seed={100 + len(lost)}",))
            lost.append(manifest.version)
            inside.release()
        genuine(storage, manifest)

    monkeypatch.setattr(published, "publish", overtaken)
    return lost


def test_a_lost_race_is_run_again_on_what_the_winner_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody publishes between this run's beginning and its end, twice; it publishes the third, and reuses its work."""
    folder = drawings(tmp_path / "icons", 4)
    config, workspace = write_config(tmp_path / "c.yaml", folder), tmp_path / "ws"
    lost = overtaking(monkeypatch, config, workspace, 2)
    result = mill(config, workspace).result
    assert lost == [1, 2]
    assert (result.manifest.version, result.manifest.parent, result.published) == (3, 2, True)
    assert (result.costs.records["crawl"], result.costs.records["samples"]) == (4, 4)
    assert verify_version(open_storage(str(workspace)), 3, Display(quiet=True))[0] == []


def test_who_loses_every_race_is_told_to_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After as many as a run tries it ends with one line; the same run again publishes the next number."""
    folder = drawings(tmp_path / "icons", 4)
    config, workspace = write_config(tmp_path / "c.yaml", folder), tmp_path / "ws"
    monkeypatch.setattr(conductor, "RACES", 2)
    lost = overtaking(monkeypatch, config, workspace, 2)
    with pytest.raises(LostRace, match="run again: finished work is reused") as error:
        mill(config, workspace)
    assert lost == [1, 2] and error.value.exit_code == 75
    again = mill(config, workspace).result
    assert (again.manifest.version, again.manifest.parent) == (3, 2)
    assert again.costs.seconds.keys() <= {"tier", "write"}
