"""A proxy before an S3 server that does one bad thing."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

FAULTS = ("error", "lost", "truncated", "delayed", "twice", "busy")
"""An internal error; an answer that is lost after the request was served; one that breaks off; one that comes late; a
request that is served twice; a server that turns all away for a while."""

_BUSY_SECONDS = 1.5
_ERROR = b"<?xml version='1.0'?><Error><Code>%s</Code><Message>by order</Message></Error>"


class Proxy(ThreadingHTTPServer):
    """Forwards to ``target``; does ``fault`` to the request with that number, from 1."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(target).netloc
        self.lock = threading.Lock()
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
                proxy.busy_until = time.monotonic() + _BUSY_SECONDS
        if time.monotonic() < proxy.busy_until:
            return self._answer(503, [], _ERROR % b"SlowDown")
        if chosen == "error":
            return self._answer(500, [], _ERROR % b"InternalError")
        if chosen == "delayed":
            time.sleep(0.5)
        status, headers, answer = self._forward(body)
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
def proxy(target: str) -> Iterator[Proxy]:
    """A proxy before the server at ``target``."""
    server = Proxy(target)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
