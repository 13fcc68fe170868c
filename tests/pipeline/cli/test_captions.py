"""``svgmill captions``: what asking will take, and batch files there and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.asking import batch
from pipeline.storage.open import open_storage
from tests.chat_server import serve
from tests.helpers import Run, one_line, parquet_rows, svgmill
from tests.pipeline.run.test_asking import answers, asks, go, stored


def captions(run: Run, *command: object) -> Any:
    return svgmill("captions", *command, "--workspace", run.workspace, "--engine", "inline")


def answer_of(line: str, text: str = "", status: int = 200, finish: str = "stop") -> str:
    """What a batch answers to a line, as OpenAI's API and vLLM write it."""
    request = json.loads(line)
    message = {"role": "assistant", "content": text or json.dumps({"caption": f"it is {request['custom_id'][:6]}"})}
    body = {
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 250, "completion_tokens": 10},
    }
    error = None if status == 200 else {"code": "bad", "message": "no"}
    response = {"status_code": status, "request_id": "r", "body": body if status == 200 else {"error": error}}
    return json.dumps({"id": "b", "custom_id": request["custom_id"], "response": response, "error": None}) + "\n"


def requests_of(folder: Path) -> list[str]:
    return [line for path in sorted(folder.iterdir()) for line in path.read_text().splitlines()]


def test_a_plan_says_what_asking_takes(finished: Run) -> None:
    """By rule before anything was asked, as measured afterwards; it asks for nothing."""
    with serve() as server:
        more = {"styles": ["tag", "short"], "price": {"input": 2.0, "output": 10.0}, "requests_per_minute": 4}
        config = asks(finished, server, **more, budget={"requests": 50}, on_budget="publish")
        count = len(parquet_rows(finished))
        result = captions(finished, "plan", config)
        assert result.returncode == 0, result.stderr
        lines = {line.split("  ")[0].strip(): line for line in result.stdout.splitlines()}
        assert str(count) in lines["pictures"] and f"{2 * count}" in lines["to ask"] and "(by rule)" in result.stdout
        assert "USD" in lines["price"] and "ask.budget.requests has 50 left" in result.stdout
        assert f"{2 * count / 4:.0f}  minutes" in lines["time"]
        assert not server.log.asked
        asks(finished, server, **more | {"requests_per_minute": None}, budget={"requests": 50}, on_budget="publish")
        go(finished)
        before = len(server.log.asked)
        result = captions(finished, "plan", config)
        left = 2 * count - 50
        each = f"{300 * left // 2:,} tokens in, {20 * left // 2:,} out (measured)"
        assert f"{left}  of eye" in result.stdout and result.stdout.count(each) == 2
        assert before == 50 == len(server.log.asked)
        asks(finished, server, **more | {"requests_per_minute": None})
        go(finished)
        assert "to ask                  0" in captions(finished, "plan", config).stdout


def test_a_batch_goes_there_and_back(finished: Run, tmp_path: Path) -> None:
    """What it answered is not asked for by the run; it costs half; nothing is written twice."""
    with serve() as server:
        config = asks(finished, server, price={"input": 2.0, "output": 10.0})
        result = captions(finished, "batch", "write", config, "--out", tmp_path / "out")
        assert result.returncode == 0, result.stderr
        lines = requests_of(tmp_path / "out")
        count = len(lines)
        first = json.loads(lines[0])
        assert (first["method"], first["url"], first["body"]["model"]) == ("POST", "/v1/chat/completions", "eye")
        assert first["body"]["response_format"]["type"] == "json_schema" and len({*lines}) == count
        answered = "".join(answer_of(line) for line in lines[:-3]) + answer_of(lines[-3], status=400)
        (tmp_path / "answers.jsonl").write_text(answered + answer_of(lines[-2], status=500))
        result = captions(finished, "batch", "read", config, tmp_path / "answers.jsonl")
        assert result.returncode == 0, result.stderr
        assert f"{count - 2} answers stored, 1 of them without a text" in result.stdout
        assert f"{250 * (count - 3) * 1e-6 + 10 * (count - 3) * 5e-6:.2f} USD" in result.stdout
        assert "1 failed and can be asked again" in result.stdout and "2 are missing" in result.stdout
        result = captions(finished, "batch", "read", config, tmp_path / "answers.jsonl")
        assert result.returncode == 0 and f"{count - 2} were answered before" in result.stdout
        assert stored(finished) == count - 2
        go(finished)
        assert len(server.log.asked) == 2
        texts = {row["text"] for row in answers(finished)}
        assert sum((text or "").startswith("it is ") for text in texts) == count - 3
        result = captions(finished, "batch", "write", config, "--out", tmp_path / "again")
        assert "nothing to ask" in result.stdout and not list((tmp_path / "again").iterdir())
        assert "is not empty" in one_line(captions(finished, "batch", "write", config, "--out", tmp_path / "out"), 2)


def test_answers_that_are_not_of_this_batch(finished: Run, tmp_path: Path) -> None:
    """One line for each kind with how many; the good ones are stored."""
    with serve() as server:
        config = asks(finished, server)
        captions(finished, "batch", "write", config, "--out", tmp_path / "out")
        lines = requests_of(tmp_path / "out")
        foreign = json.dumps({"custom_id": "ab" * 32}), json.dumps({"custom_id": "request-1"})
        text = answer_of(lines[0]) + answer_of(lines[0], text="another") + answer_of(lines[1], text="plain words")
        text += "".join(answer_of(line) for line in foreign) + "not json\n" + lines[2] + "\n"
        (tmp_path / "answers.jsonl").write_text(text)
        result = captions(finished, "batch", "read", config, tmp_path / "answers.jsonl")
        assert result.returncode == 2
        errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
        assert [line.split()[1] for line in errors] == ["2", "2", "1"]
        assert "no answers of a batch" in errors[0] and "does not ask for" in errors[1] and "first counts" in errors[2]
        assert stored(finished) == 2 and "2 answers stored" in result.stdout
        line = one_line(captions(finished, "batch", "read", config, tmp_path / "none.jsonl"), 2)
        assert "none.jsonl is no file" in line
        asks(finished, server)
        go(finished)
        texts = {row["text"] for row in answers(finished)}
        assert "plain words" in texts and "another" not in texts


def test_batch_files_keep_to_their_limits(tmp_path: Path) -> None:
    """Of lines and of bytes; every line is in one of them, in order."""
    lines = [b"x" * (number % 7 + 1) + b"\n" for number in range(100)]
    files = batch.write_files(lines, tmp_path / "out", max_lines=9, max_bytes=40)
    contents = [path.read_bytes() for path, _ in files]
    assert b"".join(contents) == b"".join(lines)
    assert [content.count(b"\n") for content in contents] == [count for _, count in files]
    assert max(map(len, contents)) <= 40 and max(count for _, count in files) <= 9 and len(files) > 12
    assert files[0][0].name == "batch-00001.jsonl"
    assert batch.write_files([], tmp_path / "none") == []


def test_a_batch_keeps_to_the_budget(finished: Run, tmp_path: Path) -> None:
    with serve() as server:
        config = asks(finished, server, budget={"requests": 7})
        result = captions(finished, "batch", "write", config, "--out", tmp_path / "out")
        assert len(requests_of(tmp_path / "out")) == 7 and "left out: ask.budget" in result.stdout


def test_a_config_without_a_model_says_so(finished: Run) -> None:
    assert "no section ask" in one_line(captions(finished, "plan", finished.config), 2)
    data = yaml.safe_load(finished.config.read_text()) | {"ask": {"model": "eye", "local": {"path": "/none"}}}
    finished.config.write_text(yaml.safe_dump(data))
    line = one_line(svgmill("run", finished.config, "--workspace", finished.workspace, "--engine", "inline"), 2)
    assert "svgmill[caption-local]" in line or "PyTorch finds no GPU" in line
    assert not open_storage(str(finished.workspace)).list("answers/")


@pytest.mark.parametrize("text", ["", "not json", "[]", "{}", '{"custom_id": 3, "response": null}'])
def test_a_line_that_is_no_answer_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.jsonl").write_text(text + "\n")
    read = list(batch.read_files([tmp_path / "a.jsonl"], structured=True))
    assert [line for line in read if line is not None and line.key is not None and line.reply is not None] == []
