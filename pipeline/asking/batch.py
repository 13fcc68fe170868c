"""Batch files: requests and answers as lines of JSON, in the form of OpenAI's batch API and of vLLM's ``run-batch``.

A request's ``custom_id`` is the hex key of its answer, so that an answer needs nothing beside the config and the
workspace to be stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.asking.endpoint import URL, Answered, body_of, completion, read
from pipeline.asking.request import Reply, Request, Unanswered, Usage
from pipeline.asking.settings import AskSettings
from pipeline.errors import ConfigError, InputError

MAX_LINES, MAX_BYTES = 50_000, 200_000_000
"""Of a file, as OpenAI's batch API takes them."""


def line_of(request: Request, settings: AskSettings) -> bytes:
    """A request as a line."""
    body = body_of(request, settings, settings.structured)
    line = {"custom_id": request.key.hex(), "method": "POST", "url": URL, "body": body}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def write_files(
    lines: Iterable[bytes], out: Path, max_lines: int = MAX_LINES, max_bytes: int = MAX_BYTES
) -> list[tuple[Path, int]]:
    """Write lines into as many files as it takes, ``out``/batch-00001.jsonl …: each, and how many lines it has.

    Raises ConfigError if the folder has something in it, or cannot be written to.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise ConfigError(f"--out {out}: the folder is not empty; name a new one")
        files: list[tuple[Path, int]] = []
        for number, part in enumerate(_parts(lines, max_lines, max_bytes), 1):
            path = out / f"batch-{number:05}.jsonl"
            count = 0
            with path.open("wb") as stream:
                for line in part:
                    stream.write(line)
                    count += 1
            files.append((path, count))
    except OSError as error:
        raise ConfigError(f"--out {out}: {error.strerror or error}") from None
    return files


def _parts(lines: Iterable[bytes], max_lines: int, max_bytes: int) -> Iterator[Iterator[bytes]]:
    """The lines in parts within the limits. A part has to be used up before the next is asked for."""
    rest = iter(lines)
    first = next(rest, None)

    def part(line: bytes) -> Iterator[bytes]:
        nonlocal first
        count, size, first = 1, len(line), None
        yield line
        for line in rest:
            count, size = count + 1, size + len(line)
            if count > max_lines or size > max_bytes:
                first = line
                return
            yield line

    while first is not None:
        yield part(first)


@dataclass(frozen=True)
class Line:
    """An answer's line. ``key``: None where there is none. ``reply``: None where it is to be asked again."""

    key: bytes | None
    reply: Reply | None


def read_files(paths: Iterable[Path], structured: bool) -> Iterator[Line | None]:
    """The lines of files of answers; None for a line that is no answer at all. Raises InputError for a file that cannot
    be read."""
    for path in paths:
        try:
            with path.open("rb") as stream:
                for line in stream:
                    if line.strip():
                        yield _line(line, structured)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}") from None


def _line(line: bytes, structured: bool) -> Line | None:
    try:
        data = json.loads(line)
        custom_id = data["custom_id"]
        if "response" not in data and "error" not in data:
            return None
    except (ValueError, KeyError, TypeError):
        return None
    try:
        key = bytes.fromhex(custom_id)
    except (ValueError, TypeError):
        return Line(None, None)
    return Line(key if len(key) == 32 else None, _reply(data, structured))


def _reply(data: Mapping[str, Any], structured: bool) -> Reply | None:
    response = data.get("response")
    if not isinstance(response, dict) or data.get("error"):
        return None
    status, body = response.get("status_code", 200), response.get("body")
    if status in (400, 413, 422):
        return Reply(Usage(), reason=Unanswered.REJECTED, detail=f"HTTP {status}")
    if status != 200 or not isinstance(body, dict):
        return None
    try:
        content, finish, refusal, usage = completion(body)
        done = read(content, finish, refusal, usage, structured)
    except Answered as answered:
        if answered.why.again and structured:  # a server that does not know of schemas answers in plain text
            return _plain(content, finish, refusal, usage)
        return Reply(answered.usage, reason=answered.why.reason, detail=answered.why.detail)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return None
    return Reply(done.usage, done.text)


def _plain(content: str, finish: str, refusal: str, usage: Usage) -> Reply:
    try:
        return Reply(usage, read(content, finish, refusal, usage, False).text)
    except Answered as answered:
        return Reply(usage, reason=answered.why.reason, detail=answered.why.detail)
