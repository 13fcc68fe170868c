"""Asking a model for captions, against a server that fails as real ones do: nothing is lost, nothing is paid for twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from pipeline.asking.cache import Cache
from pipeline.config import load
from pipeline.progress import Display
from pipeline.run.conductor import Conductor, Result
from pipeline.run.engine import InlineEngine
from pipeline.storage.open import open_storage
from tests.chat_server import KEY, Server, serve
from tests.helpers import ROOT, Run, drawings, one_line, svgmill

FAULTS = {
    "busy": 0.02, "busy_seconds": 0.02, "busy_date": 0.01, "error": 0.05, "dropped": 0.04, "hang_up_early": 0.04,
    "cut_json": 0.05, "slow": 0.02, "refusal": 0.05, "filter": 0.03, "wrong": 0.04, "length": 0.04, "empty": 0.04,
}  # fmt: skip
REASONS = {"refused", "rejected", "cut_off", "empty"}


def asks(run: Run, server: Server, **ask: Any) -> Path:
    """The run's config, with a section that asks the server."""
    endpoint = {"base_url": server.url, "timeout": 1.0, **ask.pop("endpoint", {})}
    data = yaml.safe_load(run.config.read_text())
    data["ask"] = {"model": "eye", "endpoint": endpoint, "styles": ["short"], "at_once": 8, "picture": {"size": 64}}
    data["ask"] |= ask
    run.config.write_text(yaml.safe_dump(data))
    return run.config


def go(run: Run, engine: Callable[[], Any] = InlineEngine, again: bool = False) -> Result:
    storage = open_storage(str(run.workspace))
    return Conductor(load(run.config), storage, engine, Display(quiet=True), ask_again=again).run()


def answers(run: Run) -> list[dict[str, Any]]:
    """What the newest tables of answers say."""
    rows = []
    for path in sorted((run.workspace / "tables/answers").rglob("*.json")):
        output = yaml.safe_load(path.read_text())["outputs"]["kept"]["path"]
        rows += pq.read_table(run.workspace / output).to_pylist()
    return rows


def digests(run: Run) -> dict[str, str]:
    records = sorted((run.workspace / "tables/answers").rglob("*.json"))
    return {path.stem: yaml.safe_load(path.read_text())["outputs"]["kept"]["sha256"] for path in records}


def stored(run: Run) -> int:
    return sum(pq.read_table(path).num_rows for path in (run.workspace / "answers").glob("*.parquet"))


@pytest.mark.parametrize("stream", [False, True])
def test_each_picture_has_a_caption_or_a_reason(finished: Run, stream: bool) -> None:
    """Whatever goes wrong, each is answered once; the next run asks for nothing, and lays out the same bytes."""
    with serve(faults=FAULTS, slow=1.5) as server:
        asks(finished, server, styles=["tag", "short"], endpoint={"stream": stream})
        result = go(finished)
        rows = answers(finished)
        assert len(rows) == 2 * result.manifest.funnel.kept == stored(finished)
        assert {row["reason"] for row in rows} - {""} <= REASONS
        assert all((row["text"] or "").startswith("A drawing called ") != bool(row["reason"]) for row in rows)
        expected = sum(server.log.kinds[kind] for kind in ("refusal", "filter", "wrong", "length", "empty"))
        assert sum(bool(row["reason"]) for row in rows) == expected > 3
        assert {kind for kind in FAULTS if server.log.kinds[kind]} >= {"error", "dropped", "cut_json", "refusal"}
        # whose answer did not arrive was asked again, and nothing else was
        lost = server.log.kinds["dropped"] + server.log.kinds["cut_json"] + server.log.kinds["slow"]
        assert sum(count - 1 for count in server.log.answered.values()) <= lost
        asked, before = len(server.log.asked), digests(finished)
        assert not go(finished).published and len(server.log.asked) == asked
        for path in (finished.workspace / "tables/answers").rglob("*.json"):
            path.unlink()
        assert not go(finished).published
        assert len(server.log.asked) == asked and digests(finished) == before


def test_a_grown_corpus_asks_for_what_is_new(finished: Run, tmp_path: Path) -> None:
    """And another prompt asks for all, and draws nothing."""
    more = drawings(tmp_path / "more", 6, 100)
    with serve() as server:
        asks(finished, server)
        kept = go(finished).manifest.funnel.kept
        assert len(server.log.asked) == kept
        data = yaml.safe_load(finished.config.read_text())
        data["sources"].append({"name": "more", "kind": "folder", "path": str(more)})
        finished.config.write_text(yaml.safe_dump(data))
        grown = go(finished).manifest.funnel.kept
        assert grown > kept and len(server.log.asked) == grown
        drawn = sorted((finished.workspace / "tables/look").rglob("*.parquet"))
        (tmp_path / "own.txt").write_text("Say what it is. {{ metadata | map('quoted') | join(', ') }}")
        asks(finished, server, prompts={"short": "own.txt"})
        go(finished)
        assert len(server.log.asked) == 2 * grown
        assert sorted((finished.workspace / "tables/look").rglob("*.parquet")) == drawn
        prompts = [body["messages"][0]["content"][0]["text"] for body in server.log.bodies[grown:]]
        assert all(prompt.startswith("Say what it is.") for prompt in prompts) and len({*prompts}) > 9
        # back to the prompt before: all of that is there
        asks(finished, server)
        go(finished)
        assert len(server.log.asked) == 2 * grown


def test_only_who_is_told_asks_again(finished: Run) -> None:
    """What was refused is asked again by --ask-again, once, and by nothing else."""
    with serve(faults={"refusal": 0.2}) as server:
        asks(finished, server)
        go(finished)
        refused = [row for row in answers(finished) if row["reason"] == "refused"]
        asked = len(server.log.asked)
        assert len(refused) > 2 and refused[0]["detail"] == "I will not look at that"
        server.behaviour.faults = {}
        go(finished)
        assert len(server.log.asked) == asked
        go(finished, again=True)
        assert len(server.log.asked) == asked + len(refused)
        assert not [row for row in answers(finished) if row["reason"]]
        go(finished, again=True)
        assert len(server.log.asked) == asked + len(refused)


def test_a_budget_stops_cleanly(finished: Run) -> None:
    """What was paid for is stored; a raised budget goes on there; another way out publishes what there is."""
    with serve(latency=0.02) as server:
        config = asks(finished, server, budget={"requests": 10})
        line = one_line(svgmill("run", config, "--workspace", finished.workspace, "--engine", "inline"), 2)
        assert "ask.budget.requests" in line and "raise the budget" in line and "on_budget" in line
        assert len(server.log.asked) == 10 == stored(finished)
        # 20 more, of which each takes 320 tokens
        asks(finished, server, budget={"input_tokens": 30 * 300}, on_budget="publish", price={"input": 1, "output": 2})
        go(finished)
        assert 28 <= stored(finished) <= 30
        left = Counter(row["reason"] for row in answers(finished))
        assert left["not_asked"] == len(answers(finished)) - stored(finished) > 0
        line = one_line(svgmill("run", asks(finished, server, budget={"money": 0.000001}, price={"input": 1, "output": 2}),
                                "--workspace", finished.workspace, "--engine", "inline"), 2)  # fmt: skip
        assert "ask.budget.money" in line
        asks(finished, server)
        go(finished)
        assert {row["reason"] for row in answers(finished)} == {""}
        assert set(server.log.answered.values()) == {1}


def test_a_plan_says_that_answers_are_missing(finished: Run) -> None:
    """And, once they are there, that nothing is to do."""
    with serve() as server:
        config = asks(finished, server, budget={"requests": 10}, on_budget="publish")
        result = svgmill("plan", config, "--workspace", finished.workspace)
        assert result.returncode == 0 and "look" in result.stdout, result.stderr
        go(finished)
        result = svgmill("plan", config, "--workspace", finished.workspace)
        assert "what the model has answered" in result.stdout, result.stdout
        asks(finished, server)
        go(finished)
        asked = len(server.log.asked)
        result = svgmill("plan", config, "--workspace", finished.workspace)
        assert result.returncode == 0 and "what the model" not in result.stdout and len(server.log.asked) == asked


def test_two_runs_at_once_ask_little_twice(finished: Run) -> None:
    """They lay out the same, and lose nothing."""
    with serve(latency=0.05) as server:
        config = asks(finished, server, at_once=2, styles=["tag", "short", "detailed"])
        command = [sys.executable, "-m", "pipeline.cli", "run", config, "--workspace", finished.workspace]
        both = [
            subprocess.Popen(
                [*command, "--engine", "inline"], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
            )
            for _ in range(2)
        ]
        for process in both:
            _, errors = process.communicate()
            assert process.returncode == 0, errors.decode()
        rows = answers(finished)
        assert {row["reason"] for row in rows} == {""} and len(rows) == len(server.log.answered)
        assert max(server.log.answered.values()) <= 2


def test_a_budget_is_kept_by_all_that_ask_together(finished: Run) -> None:
    """It is exceeded by no more than what is under way, also where answers are dearer than was thought."""
    with serve(latency=0.01) as server:
        asks(finished, server, budget={"output_tokens": 200}, at_once=4)
        with pytest.raises(Exception, match="budget"):
            go(finished)
        storage = open_storage(str(finished.workspace))
        cache = Cache(storage)
        cache.refresh()
        spent, _ = cache.spent()
        assert 160 <= spent.output_tokens <= 200 + 4 * 20


@pytest.mark.parametrize(
    ("behaviour", "ask", "words"),
    [
        ({"key": KEY}, {"endpoint": {"key_env": "SVGMILL_TEST_KEY"}}, "does not accept the key in SVGMILL_TEST_KEY"),
        ({"key": KEY}, {}, "does not accept a request without a key"),
        ({"models": ("ear",)}, {}, "knows no model eye"),
        ({"vision": False}, {}, "takes no pictures"),
        ({"faults": {"wrong": 1.0}}, {}, "takes every request for wrong"),
        ({}, {"endpoint": {"key_env": "SVGMILL_NO_SUCH_KEY"}}, "the environment has no SVGMILL_NO_SUCH_KEY"),
        ({}, {"budget": {"input_tokens": 20}}, "too little for one picture"),
        ({}, {"prompts": {"short": "none.txt"}}, "none.txt cannot be read"),
    ],
)
def test_what_is_wrong_with_all_is_one_line(
    finished: Run, monkeypatch: pytest.MonkeyPatch, behaviour: dict[str, Any], ask: dict[str, Any], words: str
) -> None:
    """Found by one request, or a few; nothing is held against the pictures, and no key shows anywhere."""
    wrong = "sk-wrong-9876543210"
    monkeypatch.setenv("SVGMILL_TEST_KEY", wrong)
    with serve(**behaviour) as server:
        config = asks(finished, server, **ask)
        result = svgmill("run", config, "--workspace", finished.workspace, "--engine", "inline")
        line = one_line(result, 2)
        assert words in line + result.stderr and len(server.log.times) <= 18
        assert not (finished.workspace / "answers").exists()
        assert wrong not in result.stderr + result.stdout
        kept = [path for path in finished.workspace.rglob("*") if path.is_file()]
        assert not [path for path in kept if wrong.encode() in path.read_bytes()]


def test_a_right_key_is_nowhere(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in what is stored nor in what is printed."""
    monkeypatch.setenv("SVGMILL_TEST_KEY", KEY)
    with serve(key=KEY, faults=FAULTS) as server:
        config = asks(finished, server, endpoint={"key_env": "SVGMILL_TEST_KEY"})
        result = svgmill("run", config, "--workspace", finished.workspace, "--engine", "inline")
        assert result.returncode == 0 and KEY not in result.stderr + result.stdout
        kept = [path for path in finished.workspace.rglob("*") if path.is_file()]
        assert not [path for path in kept if KEY.encode() in path.read_bytes()]


def test_a_server_that_goes_away_is_no_fault_of_the_pictures(finished: Run) -> None:
    """The run ends with what to do; the next goes on with what is missing."""
    with serve(latency=0.02) as server:
        config = asks(finished, server, at_once=2, endpoint={"attempts": 2})
        url = server.url

        def watch() -> None:
            while len(server.log.answered) < 10:
                time.sleep(0.005)
            server.behaviour.down = True

        watcher = threading.Thread(target=watch)
        watcher.start()
        line = one_line(svgmill("run", config, "--workspace", finished.workspace, "--engine", "inline"), 75)
        watcher.join()
        assert f"the endpoint {url} does not answer: HTTP 502" in line
        assert stored(finished) == len(server.log.answered) >= 10
        server.behaviour.down = False
        go(finished)
        assert set(server.log.answered.values()) == {1} and {row["reason"] for row in answers(finished)} == {""}
    line = one_line(svgmill("run", asks(finished, server, seed=1, endpoint={"attempts": 2}), "--workspace",
                            finished.workspace, "--engine", "inline"), 75)  # fmt: skip
    assert "does not answer" in line


def test_a_picture_that_breaks_the_server_is_its_own_fault(finished: Run) -> None:
    """If others are answered meanwhile."""
    with serve() as server:
        config = asks(finished, server, at_once=2, endpoint={"attempts": 2})
        original = server._fault
        server._fault = lambda digest: "error" if digest[0] in "01" else original(digest)  # type: ignore[method-assign]
        go(finished)
        reasons = Counter(row["reason"] for row in answers(finished))
        assert reasons["server_error"] > 0 and set(reasons) == {"", "server_error"}
        asked = len(server.log.asked)
        assert one_line_free(svgmill("run", config, "--workspace", finished.workspace, "--engine", "inline"))
        assert len(server.log.asked) == asked


def one_line_free(result: subprocess.CompletedProcess[str]) -> bool:
    return result.returncode == 0 and "error" not in result.stderr


def test_a_server_without_schemas_answers_in_plain_text(finished: Run) -> None:
    """It is asked with a schema once."""
    with serve(structured=False) as server:
        asks(finished, server, at_once=1)
        go(finished)
        assert sum("response_format" in body for body in server.log.bodies) == 1
        assert {row["reason"] for row in answers(finished)} == {""}


def test_a_killed_run_loses_what_was_under_way(finished: Run) -> None:
    """Killed again and again, it ends with every answer, and has asked twice for no more than it says."""
    with serve(latency=0.03) as server:
        config = asks(finished, server, at_once=4, styles=["tag", "short", "detailed"])
        command = [sys.executable, "-m", "pipeline.cli", "run", config, "--workspace", finished.workspace]
        kills = 0
        for count in (12, 40, 70):
            process = subprocess.Popen([*command, "--engine", "inline"], cwd=ROOT, stderr=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
            while process.poll() is None and len(server.log.answered) < count:
                time.sleep(0.005)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                kills += 1
            process.wait()
        result = go(finished)
        assert kills == 3
        assert len(answers(finished)) == 3 * result.manifest.funnel.kept == len(server.log.answered)
        assert {row["reason"] for row in answers(finished)} == {""}
        # at_once under way, and at most 32 answers that are not stored yet
        assert sum(count - 1 for count in server.log.answered.values()) <= kills * (4 + 32)
