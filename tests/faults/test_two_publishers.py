"""Two runs at once on one workspace of an S3 server: each version number has one winner, and nothing is lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.progress import Display
from pipeline.storage.open import open_storage
from pipeline.versions import published
from pipeline.versions.verify import verify_version
from tests.helpers import ROOT, drawing, mill, write_config

ROUNDS = int(os.environ.get("SVGMILL_PUBLISHER_ROUNDS", "3"))

PUBLISH = """
from tests.helpers import mill
from pipeline.versions.published import LostRace
from pathlib import Path
lost = 0
for round in range({rounds}):
    while True:
        try:
            run = mill(Path({config!r}), {workspace!r}, sets=(f"tier.seed={{round * 2 + {own}}}",))
        except LostRace:
            lost += 1
            continue
        assert run.result.published
        break
print(lost)
"""


def test_each_number_has_one_winner_and_every_version_verifies(tmp_path: Path, s3_uri: str) -> None:
    """Who lost runs again on what the winner published; all versions that either made are there, whole and in a row."""
    folder = tmp_path / "icons"
    folder.mkdir()
    for number in range(6):
        (folder / f"s{number}.svg").write_text(drawing(number))
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
            stdout=subprocess.PIPE,
            text=True,
        )
        for own in (0, 1)
    ]
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
    if ROUNDS > 10:
        assert sum(lost) > 0, "they never met; nothing was tested"


def test_a_lost_race_is_one_line_and_the_work_is_reused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody publishes between this run's beginning and its end; the same run again publishes the next number."""
    folder = tmp_path / "icons"
    folder.mkdir()
    for number in range(4):
        (folder / f"s{number}.svg").write_text(drawing(number))
    config, workspace = write_config(tmp_path / "c.yaml", folder), tmp_path / "ws"
    genuine = published.publish

    def overtaken(storage: object, manifest: published.Manifest) -> None:
        monkeypatch.setattr(published, "publish", genuine)
        mill(config, workspace, sets=("tier.seed=7",))
        genuine(open_storage(str(workspace)), manifest)

    monkeypatch.setattr(published, "publish", overtaken)
    with pytest.raises(published.LostRace, match="run again: finished work is reused"):
        mill(config, workspace)
    again = mill(config, workspace).result
    assert (again.manifest.version, again.manifest.parent) == (2, 1)
    assert again.costs.seconds.keys() <= {"tier", "write"}
