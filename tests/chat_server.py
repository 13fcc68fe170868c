"""A server that speaks chat completions and shows pictures no mercy: it fails as real ones do, and notes who asked what.

In this process (`serve`), or as a program of its own: ``python -m tests.chat_server --port 8000 --rate 200``.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from aiohttp import web

KEY = "sk-test-0123456789abcdef"

ONCE = ("busy", "busy_seconds", "busy_date", "error", "dropped", "cut_json", "slow", "hang_up_early")
"""What goes wrong at a first attempt only."""
ALWAYS = ("refusal", "filter", "wrong", "length", "empty")
"""What goes wrong with some pictures for ever."""


@dataclass
class Behaviour:
    """``faults``: kind -> share of the requests, by `ONCE` and `ALWAYS`. ``rate``: requests a second that it answers."""

    faults: dict[str, float] = field(default_factory=dict)
    rate: float | None = None
    says_when: bool = True
    """Whether a 429 for the rate has a Retry-After."""
    latency: float = 0.0
    slow: float = 2.0
    structured: bool = True
    """Whether it can answer by a schema."""
    vision: bool = True
    models: tuple[str, ...] = ("eye",)
    key: str | None = None
    down: bool = False
    answer: str = ""
    """The caption of all pictures, if that is not to be another for each."""


@dataclass
class Log:
    """``asked``: digests of picture and prompt, in order. ``kinds``: what each came to. ``peak``: under way at most."""

    asked: list[str] = field(default_factory=list)
    answered: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    peak: int = 0
    under_way: int = 0


class Server:
    """Its ``behaviour`` can be changed while it runs."""

    def __init__(self, behaviour: Behaviour, keep_bodies: bool = True) -> None:
        self.behaviour, self.log, self.url = behaviour, Log(), ""
        self._tokens, self._filled = 0.0, time.monotonic()
        self._keep = keep_bodies
        self._tries: Counter[str] = Counter()

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/log", self._log)
        return app

    async def _log(self, request: web.Request) -> web.Response:
        log = self.log
        once = sum(1 for count in log.answered.values() if count == 1)
        more = sum(count - 1 for count in log.answered.values() if count > 1)
        told = {"requests": len(log.times), "answered_once": once, "answered_again": more, "kinds": dict(log.kinds)}
        told["answered"] = sum(log.answered.values())
        return web.json_response(told | {"peak": log.peak, "span": log.times[-1] - log.times[0] if log.times else 0})

    async def _models(self, request: web.Request) -> web.Response:
        if self.behaviour.down:
            return web.Response(status=503)
        return web.json_response(
            {"object": "list", "data": [{"id": name, "object": "model"} for name in self.behaviour.models]}
        )

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        log = self.log
        log.under_way += 1
        log.peak = max(log.peak, log.under_way)
        log.times.append(time.monotonic())
        try:
            return await self._answer(request, await request.json())
        finally:
            log.under_way -= 1

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        behaviour, log = self.behaviour, self.log
        content = body["messages"][-1]["content"]
        prompt = content[0]["text"]
        picture = base64.b64decode(content[1]["image_url"]["url"].partition(",")[2])
        digest = hashlib.sha256(picture + prompt.encode()).hexdigest()
        log.asked.append(digest)
        if self._keep:
            log.bodies.append(body)
        wrong = self._wrong_of_all(request, body)
        if wrong is not None:
            return wrong
        if not self._within_rate():
            log.kinds["over_rate"] += 1
            headers = {"Retry-After": "1"} if behaviour.says_when else {}
            return _error(429, "rate limit reached", headers=headers)
        fault = self._fault(digest)
        log.kinds[fault or "answer"] += 1
        self._tries[digest] += 1
        await asyncio.sleep(behaviour.latency + (behaviour.slow if fault == "slow" else 0.0))
        if fault == "hang_up_early":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        return _refused(fault) or await self._answered(request, body, digest, fault)

    async def _answered(
        self, request: web.Request, body: dict[str, Any], digest: str, fault: str
    ) -> web.StreamResponse:
        self.log.answered[digest] += 1
        text = self.behaviour.answer or f"A drawing called {digest[:8]}"
        if "response_format" in body:
            text = json.dumps({"caption": text})
        message, finish = _message(text, fault)
        usage = {"prompt_tokens": 300, "completion_tokens": 20, "total_tokens": 320}
        if body.get("stream"):
            return await _stream(request, body["model"], message, finish, usage, fault == "dropped")
        whole = {"id": f"c-{digest[:8]}", "object": "chat.completion", "created": 0, "model": body["model"]} | {
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": usage,
        }
        data = json.dumps(whole).encode()
        if fault == "dropped":
            response = web.StreamResponse(
                headers={"Content-Length": str(len(data)), "Content-Type": "application/json"}
            )
            await response.prepare(request)
            await response.write(data[: len(data) // 2])
            assert request.transport is not None
            request.transport.close()
            return response
        return web.Response(body=data, content_type="application/json")

    def _wrong_of_all(self, request: web.Request, body: dict[str, Any]) -> web.Response | None:
        behaviour = self.behaviour
        given = request.headers.get("Authorization", "")
        if behaviour.down:
            return _error(502, "bad gateway")
        if behaviour.key is not None and given != f"Bearer {behaviour.key}":
            return _error(401, f"Incorrect API key provided: {given.removeprefix('Bearer ')}")
        if body["model"] not in behaviour.models:
            return _error(404, f"The model `{body['model']}` does not exist.")
        if not behaviour.vision:
            return _error(400, f"{body['model']} is not a multimodal model")
        if not behaviour.structured and "response_format" in body:
            return _error(400, "response_format of type json_schema is not supported")
        return None

    def _fault(self, digest: str) -> str:
        place = int(digest[:8], 16) / 2**32
        for kind, share in self.behaviour.faults.items():
            if place < share:
                return kind if kind in ALWAYS or not self._tries[digest] else ""
            place -= share
        return ""

    def _within_rate(self) -> bool:
        rate = self.behaviour.rate
        if rate is None:
            return True
        now = time.monotonic()
        self._tokens = min(max(1.0, rate / 4), self._tokens + (now - self._filled) * rate)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def _refused(fault: str) -> web.Response | None:
    if fault in ("busy", "busy_seconds", "busy_date"):
        now = time.time()
        headers = {
            "busy": {},
            "busy_seconds": {"Retry-After": "0.2"},
            "busy_date": {"Retry-After": formatdate(now + 1, usegmt=True), "Date": formatdate(now, usegmt=True)},
        }
        return _error(429, "slow down", headers=headers[fault])
    if fault == "error":
        return _error(500, "internal error")
    return _error(400, "this picture cannot be decoded") if fault == "wrong" else None


def _message(text: str, fault: str) -> tuple[dict[str, Any], str]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if fault == "cut_json":
        return message | {"content": text[: len(text) // 2]}, "stop"
    if fault == "refusal":
        return message | {"content": None, "refusal": "I will not look at that"}, "stop"
    if fault == "filter":
        return message | {"content": ""}, "content_filter"
    if fault == "length":
        return message | {"content": text[:5]}, "length"
    if fault == "empty":
        return message | {"content": '{"caption": " "}' if text.startswith("{") else ""}, "stop"
    return message, "stop"


async def _stream(
    request: web.Request, model: str, message: dict[str, Any], finish: str, usage: dict[str, int], dropped: bool
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)

    async def send(choices: list[dict[str, Any]], **more: Any) -> None:
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": model, "choices": choices} | more
        await response.write(f"data: {json.dumps(chunk)}\n\n".encode())

    text = message["content"] or ""
    for begin in range(0, len(text), 10):
        await send([{"index": 0, "delta": {"content": text[begin : begin + 10]}, "finish_reason": None}])
        if dropped:
            assert request.transport is not None
            request.transport.close()
            return response
    if message.get("refusal"):
        await send([{"index": 0, "delta": {"refusal": message["refusal"]}, "finish_reason": None}])
    await send([{"index": 0, "delta": {}, "finish_reason": finish}])
    await send([], usage=usage)
    await response.write(b"data: [DONE]\n\n")
    return response


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    body = {"error": {"message": message, "type": "error", "code": status}}
    return web.json_response(body, status=status, headers=headers)


@contextlib.contextmanager
def serve(**behaviour: Any) -> Iterator[Server]:
    """A running server on a free port of this machine, in a thread."""
    server = Server(Behaviour(**behaviour))
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(server.app(), handler_cancellation=True, shutdown_timeout=0.1)
    loop.run_until_complete(runner.setup())
    site = web.TCPSite(runner, "127.0.0.1", 0)
    loop.run_until_complete(site.start())
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(runner.cleanup())
        loop.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--mute", action="store_true", help="no Retry-After")
    parser.add_argument("--faults", default="{}", help="JSON: kind -> share")
    arguments = parser.parse_args()
    faults = json.loads(arguments.faults)
    behaviour = Behaviour(faults, arguments.rate, not arguments.mute, arguments.latency)
    server = Server(behaviour, keep_bodies=False)
    web.run_app(server.app(), host="127.0.0.1", port=arguments.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
