"""A proxy before an S3 server that does one bad thing."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.errors import UserError
from pipeline.progress import Display
from pipeline.storage.open import open_storage
from pipeline.versions.published import manifest_path
from pipeline.versions.verify import verify_version
from tests.helpers import mill

FAULTS = ("error", "lost", "truncated", "delayed", "reordered", "twice", "busy")
"""An internal error; an answer that is lost after the request was served; one that breaks off; a request that is served
late; one that is served after a later one; one that is served twice; a server that turns all away for a while."""

_ERROR = b"<?xml version='1.0'?><Error><Code>%s</Code><Message>by order</Message></Error>"


class Proxy(ThreadingHTTPServer):
    """Forwards to ``target``; does ``fault`` to the request with that number, from 1."""

    daemon_threads = True

    def __init__(self, target: str, busy_seconds: float = 1.5) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(target).netloc
        self.lock = threading.Lock()
        self.served = threading.Event()
        self.busy_seconds = busy_seconds
        self.begin("", 0)

    def begin(self, fault: str, number: int) -> None:
        """Count anew, and do ``fault`` to request ``number``."""
        self.fault, self.number, self.count, self.busy_until = fault, number, 0, 0.0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or a body waits 40 ms for the client to confirm the head
    server: Proxy

    def log_message(self, *arguments: object) -> None:
        pass

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        proxy = self.server
        with proxy.lock:
            proxy.count += 1
            chosen = proxy.fault if proxy.count == proxy.number else ""
            if chosen == "busy":
                proxy.busy_until = time.monotonic() + proxy.busy_seconds
            if chosen == "reordered":
                proxy.served.clear()
        if time.monotonic() < proxy.busy_until:
            return self._answer(503, [], _ERROR % b"SlowDown")
        if chosen == "error":
            return self._answer(500, [], _ERROR % b"InternalError")
        if chosen == "delayed":
            time.sleep(0.5)
        if chosen == "reordered":
            proxy.served.wait(1.0)  # while no other request is made, there is nothing to be after
        status, headers, answer = self._forward(body)
        proxy.served.set()
        if chosen == "twice":
            status, headers, answer = self._forward(body)
        if chosen == "lost":
            self.close_connection = True
            return None
        self._answer(status, headers, answer, len(answer) // 2 if chosen == "truncated" else None)
        return None

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.server.target, timeout=60)
        try:
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in ("connection", "expect")
            }
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers:
            hop = name.lower() in ("connection", "transfer-encoding", "content-length", "server", "date")
            if not hop:
                self.send_header(name, value)
        length = next((value for name, value in headers if name.lower() == "content-length"), str(len(body)))
        self.send_header("Content-Length", length)
        self.end_headers()
        if cut is not None:
            body, self.close_connection = body[:cut], True
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve


@contextlib.contextmanager
def proxy(target: str, busy_seconds: float = 1.5) -> Iterator[Proxy]:
    """A proxy before the server at ``target``."""
    server = Proxy(target, busy_seconds)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class Sweep:
    """Runs of one config, each with one bad call, held against an undisturbed one. ``where``: s3://bucket/prefix."""

    def __init__(self, config: Path, where: str, bad: Proxy) -> None:
        self._config, self._where, self._bad = config, where, bad
        mill(config, self._uri("calm"))
        self.calls = bad.count
        self._expected = open_storage(self._uri("calm")).read(manifest_path(1))

    def _uri(self, name: str) -> str:
        return f"{self._where}/{name}?endpoint_url={self._bad.url}"

    def meet(self, fault: str, number: int) -> list[str]:
        """What was wrong after ``fault`` at request ``number``, in the run or, if it ended with one line, in the next."""
        uri = self._uri(f"{fault}-{number}")
        wrong = []
        self._bad.begin(fault, number)
        try:
            mill(self._config, uri)
        except UserError as error:
            if len(str(error).splitlines()) != 1:
                wrong.append(f"no single line: {error}")
            self._bad.begin("", 0)
            mill(self._config, uri)
        self._bad.begin("", 0)
        storage = open_storage(uri)
        if storage.read(manifest_path(1)) != self._expected:
            wrong.append("another manifest")
        wrong += verify_version(storage, 1, Display(quiet=True))[0]
        return [f"{fault} at request {number}: {what}" for what in wrong]
