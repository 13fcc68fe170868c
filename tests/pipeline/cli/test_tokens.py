"""`svgmill segments`: learn, show, encode and decode without a workspace."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.helpers import Run, svgmill

LINE = "<svg>viewBox=0 0 784 784<path><cmd_M><P_1><P_2><cmd_h><d_3><cmd_v><d_4><cmd_z></path></svg>"


def segments(*arguments: object, text: str = "") -> subprocess.CompletedProcess[str]:
    return svgmill("segments", *arguments, stdin=text)


def test_segments_are_learned_shown_and_used(tmp_path: Path) -> None:
    """Strings go in as JSON lines, bare or in objects; what is encoded decodes to what it was."""
    strings, table = tmp_path / "s.jsonl", tmp_path / "segments.json"
    strings.write_text("\n".join([json.dumps(LINE)] * 3 + [json.dumps({"tokens": LINE, "id": 1})] * 3))
    done = segments("learn", strings, "--out", table, "--min-frequency", 2)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{len(json.loads(table.read_text())['segments'])} segments in {table}\n"
    shown = segments("show", table, "--top", 1).stdout.split()
    assert shown[0] == "<SEG_0>" and shown[3].startswith("<cmd_")
    encoded = segments("encode", table, text=f"{LINE}\n{LINE}\n").stdout
    assert "<SEG_" in encoded and segments("decode", table, text=encoded).stdout == f"{LINE}\n{LINE}\n"


def test_a_workspace_stands_for_its_newest_version(finished: Run, tmp_path: Path) -> None:
    """Segments are learned from its shards, and its own are shown; nothing in it changes."""
    table = tmp_path / "segments.json"
    done = segments("learn", finished.workspace, "--out", table, "--min-frequency", 2, "--count", 7)
    assert done.stdout == f"7 segments in {table}\n", done.stderr
    own = finished.workspace / finished.result.manifest.vocabulary_files["segments"].path
    assert segments("show", finished.workspace).stdout == segments("show", own).stdout
    (tmp_path / "nothing").mkdir()
    assert "error: " in segments("learn", tmp_path / "nothing", "--out", table).stderr


@pytest.mark.parametrize(
    ("arguments", "text", "code", "said"),
    [
        (["learn", "{tmp}/none", "--out", "{tmp}/x"], "", 2, "cannot be read"),
        (["learn", "{tmp}/bad", "--out", "{tmp}/x"], "", 2, "line 1: neither"),
        (["learn", "{tmp}/good", "--out", "{tmp}/no/x"], "", 2, "cannot be written"),
        (["show", "{tmp}/bad"], "", 2, "no segments.json"),
        (["decode", "{tmp}/empty"], "<SEG_7>", 2, "line 1: <SEG_7>"),
    ],
)
def test_what_is_wrong_is_one_clear_line(arguments: list[str], text: str, code: int, said: str, tmp_path: Path) -> None:
    """With the file, the line, and no traceback."""
    (tmp_path / "bad").write_text("[1, 2]\n")
    (tmp_path / "good").write_text(json.dumps(LINE))
    (tmp_path / "empty").write_text('{"encoding": "optimal", "segments": []}')
    done = segments(*(argument.format(tmp=tmp_path) for argument in arguments), text=text)
    assert done.returncode == code and said in done.stderr
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: ")
