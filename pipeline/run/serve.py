"""A live page for a run: what it is at, read by a browser every two seconds, for as long as the run lasts."""

from __future__ import annotations

import contextlib
import ipaddress
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files

from pipeline.errors import ConfigError
from pipeline.work.status import RunStatus

LOOPBACK = "127.0.0.1"


@contextlib.contextmanager
def serving(place: str, status: Callable[[], RunStatus]) -> Iterator[str]:
    """Serve the page in the block; gives its URL. ``place``: port, or host:port; without a host, this machine alone.

    Raises ConfigError if that is no place to serve at.
    """
    host, _, number = place.rpartition(":")
    host = host or LOOPBACK
    try:
        address = ipaddress.ip_address(host)
        server = ThreadingHTTPServer((str(address), int(number)), partial(_Page, status, address.is_loopback))
    except (ValueError, OverflowError):
        raise ConfigError(f"--serve {place}: give a port, or an address and a port, such as 0.0.0.0:8400") from None
    except OSError as error:
        raise ConfigError(f"--serve {place}: {error.strerror or error}; give another port") from None
    thread = threading.Thread(target=server.serve_forever, name="page", daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Page(BaseHTTPRequestHandler):
    """Two things to get: the page, and what it shows."""

    server_version, sys_version = "svgmill", ""

    def __init__(self, status: Callable[[], RunStatus], loopback: bool, *rest: object) -> None:
        self._status, self._loopback = status, loopback
        super().__init__(*rest)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer one request."""
        # a page of another site, whose name leads here by DNS, must not read it
        name = self.headers.get("Host", "").rpartition(":")[0]
        if self._loopback and name not in (LOOPBACK, "localhost", "[::1]"):
            self.send_error(403)
        elif self.path == "/":
            self._send("text/html; charset=utf-8", files("pipeline.run").joinpath("live.html").read_bytes())
        elif self.path == "/status.json":
            self._send("application/json", self._status().to_bytes())
        else:
            self.send_error(404)

    def _send(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the run's own lines stand on standard error."""
