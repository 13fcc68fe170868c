"""What S3 may answer beside the usual: told by a server that says what a test wants."""

from __future__ import annotations

import base64
import hashlib
import random
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline.errors import ConfigError, Overtaken, StoreRefused, StoreUnavailable, UnknownOutcome, UserError
from pipeline.storage.base import AlreadyExists, NotFound
from pipeline.storage.open import require_writable
from pipeline.storage.s3 import S3Storage
from pipeline.storage.s3_client import forget_clients
from pipeline.storage.s3_streams import PART_BYTES
from tests import s3_server


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    """Bytes at the end of the body that are never sent."""


def fault(status: int, code: str, more: str = "", **headers: str) -> Answer:
    text = f"<Error><Code>{code}</Code><Message>Said by the test.</Message>{more}</Error>"
    return Answer(status, text.encode(), {name.replace("_", "-"): value for name, value in headers.items()})


def crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


class Server:
    """Answers with what ``answer`` returns, and hangs up on None; keeps what it was asked."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answer: Callable[[Request], Answer | None] = lambda request: Answer()
        lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or a body waits 40 ms for the client to confirm the head

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = Request(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                with lock:
                    server.requests.append(request)
                    answer = server.answer(request)
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body[: len(answer.body) - answer.cut])
                if answer.cut:
                    self.close_connection = True

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def storage(self, attempts: int = 3) -> S3Storage:
        port = self._http.server_address[1]
        return S3Storage(f"s3://bucket/ws?endpoint_url=http://127.0.0.1:{port}&attempts={attempts}")

    def script(self, *answers: Answer | None) -> None:
        """Answer with these, one after the other."""
        left = iter(answers)
        self.answer = lambda request: next(left)

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in s3_server.SETTINGS.items():
        monkeypatch.setenv(name, value)
    forget_clients()
    yield
    forget_clients()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


ERRORS = [
    (fault(404, "NoSuchBucket"), ConfigError, "there is no bucket bucket .*; make it"),
    (fault(403, "AccessDenied"), StoreRefused, r"access denied .*need s3:GetObject"),
    (fault(400, "ExpiredToken"), StoreRefused, "credentials have expired; renew them"),
    (fault(403, "InvalidAccessKeyId"), ConfigError, "does not take the credentials .*correct AWS_ACCESS_KEY_ID"),
    (fault(403, "SignatureDoesNotMatch"), ConfigError, "does not take the credentials"),
    (
        fault(
            403,
            "RequestTimeTooSkewed",
            "<RequestTime>20260101T000000Z</RequestTime><ServerTime>2026-01-02T00:00:00Z</ServerTime>",
        ),
        StoreRefused,
        "clock .*here 20260101T000000Z, there 2026-01-02T00:00:00Z.*set the clock",
    ),
    (
        fault(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1"),
        ConfigError,
        "is in region eu-west-1.*AWS_REGION=eu-west-1",
    ),
    (
        fault(400, "AuthorizationHeaderMalformed", "<Region>eu-west-3</Region>"),
        ConfigError,
        "is in region eu-west-3.*AWS_REGION=eu-west-3",
    ),
    (fault(403, "InvalidObjectState"), StoreRefused, "archived; restore it"),
    (fault(501, "NotImplemented"), StoreRefused, "answered NotImplemented .*see what that server supports"),
    (fault(404, "NoSuchKey"), NotFound, "does not exist"),
]


@pytest.mark.parametrize(
    ("answer", "kind", "says"), ERRORS, ids=[e[0].body.split(b"<")[2].decode()[5:] for e in ERRORS]
)
def test_what_the_server_refuses_is_one_clear_line(
    server: Server, answer: Answer, kind: type[UserError], says: str
) -> None:
    """Each refusal says what was wrong, where, and what to do, and is not tried again."""
    server.answer = lambda request: answer
    storage = server.storage()
    with pytest.raises(kind, match=says) as error:
        storage.read("a b")
    text = str(error.value)
    assert "\n" not in text and "s3://bucket/ws" in text and "127.0.0.1" not in text.partition(":")[0]
    assert len([request for request in server.requests if request.method == "GET"]) <= 2
    if answer.status in (403, 404, 501):
        assert len(server.requests) == 1


@pytest.mark.parametrize("answer", [fault(403, "AccessDenied"), fault(404, "NoSuchBucket")])
def test_existence_is_not_guessed(server: Server, answer: Answer) -> None:
    """A refusal to look, or a missing bucket, is an error, not the answer that there is nothing."""
    server.answer = lambda request: answer
    with pytest.raises(UserError, match=r"access denied|no bucket"):
        server.storage().exists("a")


def test_workspace_that_may_not_be_written(server: Server) -> None:
    """A refused write is found by the probe before anything runs."""
    server.answer = lambda request: fault(403, "AccessDenied")
    with pytest.raises(StoreRefused, match=r"not writable.*access denied.*s3:PutObject"):
        require_writable(server.storage())


def test_server_that_ignores_conditions_is_refused(server: Server) -> None:
    """Where a second creator is let through, too, nothing is run: publishing would not be safe."""
    with pytest.raises(StoreRefused, match="ignores If-None-Match"):
        require_writable(server.storage())
    assert [request.method for request in server.requests] == ["PUT", "PUT", "DELETE"]


@pytest.mark.parametrize("status", [200, 404])
def test_what_is_no_s3_server_is_an_error(server: Server, status: int) -> None:
    """A web server at the endpoint is not taken for a store in which nothing is."""
    server.answer = lambda request: Answer(status, b"<!doctype html><html><body>Hello<br></body></html>")
    with pytest.raises(UserError, match=r"answered (500|404)"):
        server.storage().list()
    if status == 404:
        with pytest.raises(StoreRefused, match="answered 404") as error:
            server.storage().read("a")
        assert not isinstance(error.value, NotFound)


def test_no_credentials(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials the error says which settings give them."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ConfigError, match=r"no usable credentials.*set AWS_ACCESS_KEY_ID"):
        server.storage().list()
    assert not server.requests


def test_unknown_profile(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that is not configured is a config error that names it."""
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    with pytest.raises(ConfigError, match="nowhere"):
        server.storage().list()


def test_unreachable_server() -> None:
    """Where nothing listens, the error names the address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(StoreUnavailable, match=f"{address} cannot be reached .*check endpoint_url"):
            S3Storage(f"s3://bucket/ws?endpoint_url={address}&attempts=1").read("a")


def test_transient_errors_are_tried_again(server: Server) -> None:
    """A busy server, a lost connection and a failing server cost a request each, not the read."""
    server.script(fault(503, "SlowDown"), None, fault(500, "InternalError"), Answer(body=b"data"))
    storage = server.storage(attempts=4)
    assert storage.read("a") == b"data"
    assert storage.counts.requests == {"GetObject": 4}
    assert storage.counts.bytes_in == 4


def test_lasting_trouble_ends_with_the_last_attempt(server: Server) -> None:
    """As many requests as the URI allows, then an error that tells how many."""
    server.answer = lambda request: fault(503, "SlowDown")
    with pytest.raises(StoreUnavailable, match=r"answered SlowDown in 2 attempts.*run again later"):
        server.storage(attempts=2).read("a")
    assert len(server.requests) == 2


@pytest.mark.parametrize("answer", [None, fault(500, "InternalError")], ids=["lost", "failed"])
def test_a_write_without_an_answer_is_told_from_a_reading(server: Server, answer: Answer | None) -> None:
    """What was read changed nothing; what was written, created or removed may have happened, and is said to be unknown."""
    server.answer = lambda request: answer
    storage = server.storage(attempts=1)
    for change in (storage.write, storage.create):
        with pytest.raises(UnknownOutcome, match=r"cannot write s3://bucket/ws/a: .*run again"):
            change("a", b"x")
    with pytest.raises(UnknownOutcome, match="cannot delete"):
        storage.delete("a")
    for reading in (storage.read, storage.open, storage.exists, storage.list):
        with pytest.raises(StoreUnavailable, match=r"cannot (read|look for|list) .*run again"):
            reading("a")


@pytest.mark.parametrize(
    "broken",
    [Answer(body=b"0123456789", cut=4), Answer(body=b"0123456789", headers={"x-amz-checksum-crc32": crc32(b"other")})],
    ids=["truncated", "damaged"],
)
def test_what_arrives_broken_is_read_again(server: Server, broken: Answer) -> None:
    """A body that is cut off, or not of the server's checksum, is never returned; if it stays so, that is an error."""
    sound = Answer(body=b"0123456789", headers={"x-amz-checksum-crc32": crc32(b"0123456789"), "ETag": '"e"'})
    server.script(broken, sound)
    assert server.storage().read("a") == b"0123456789"
    server.script(broken, sound)
    assert server.storage().open("a").read() == b"0123456789"
    server.answer = lambda request: broken
    with pytest.raises(StoreUnavailable, match="not arrive whole in 2 attempts"):
        server.storage(attempts=2).read("a")


def test_ranges_that_arrive_broken_are_read_again(server: Server) -> None:
    """Also of a part of a large object, a body that is cut off is asked for again, and the whole is never taken for a part."""
    data = random.Random(1).randbytes(3 << 20)
    cut = [7, 0]

    def answer(request: Request) -> Answer:
        if "range" not in request.headers:
            return Answer(body=data, headers={"ETag": '"e"'})
        begin, end = map(int, request.headers["range"].removeprefix("bytes=").split("-"))
        return Answer(206, data[begin : end + 1], {"ETag": '"e"'}, cut=cut.pop(0))

    server.answer = answer
    with server.storage().open("a") as stream:
        stream.seek(99)
        assert stream.read(1000) == data[99:1099]
    server.answer = lambda request: Answer(body=data, headers={"ETag": '"e"'})
    with server.storage().open("a") as stream, pytest.raises(StoreRefused, match="does not send ranges"):
        stream.read(1000)


def test_writes_carry_a_checksum(server: Server) -> None:
    """The server can tell whether what arrives is what was sent, for puts and for parts."""
    server.answer = lambda request: Answer(
        body=b"<R><UploadId>u</UploadId></R>" if request.method == "POST" else b"", headers={"ETag": '"e"'}
    )
    storage = server.storage()
    storage.write("a", b"small")
    storage.create("b", b"")
    storage.write("c", bytes(PART_BYTES + 1))
    puts = [request for request in server.requests if request.method == "PUT"]
    assert len(puts) == 4
    for request in puts:
        assert request.headers["x-amz-checksum-crc32"] == crc32(request.body)
    assert puts[1].headers["if-none-match"] == "*"


def test_create_whose_answer_was_lost_has_won(server: Server) -> None:
    """A creator whose first attempt succeeded without an answer is told so, and not that it lost to itself."""
    stored: list[bytes] = []

    def answer(request: Request) -> Answer | None:
        if request.method == "GET":
            return Answer(body=stored[0], headers={"ETag": '"e"'})
        if stored:
            return fault(412, "PreconditionFailed")
        stored.append(request.body)
        return None

    server.answer = answer
    server.storage().create("a", b"mine")
    assert stored == [b"mine"]
    stored[0] = b"theirs"
    with pytest.raises(AlreadyExists):
        server.storage().create("a", b"mine")


def test_create_that_is_retried_can_still_lose(server: Server) -> None:
    """After a failed attempt, other content at the path is another's: the race is lost."""
    server.script(fault(500, "InternalError"), fault(412, "PreconditionFailed"), Answer(body=b"theirs"))
    with pytest.raises(AlreadyExists):
        server.storage().create("a", b"mine")


def test_conflicting_creates_are_tried_again(server: Server) -> None:
    """A conflict decides nothing: the put is made again, as often as is allowed."""
    server.script(fault(409, "ConditionalRequestConflict"), Answer())
    server.storage().create("a", b"x")
    server.answer = lambda request: fault(409, "ConditionalRequestConflict")
    with pytest.raises(Overtaken, match="ConditionalRequestConflict"):
        server.storage(attempts=2).create("a", b"x")
    assert len(server.requests) == 4


def test_refused_part_ends_the_upload(server: Server) -> None:
    """If a part cannot be stored, the writer fails, the upload is aborted and never completed."""

    def answer(request: Request) -> Answer:
        if request.method == "PUT":
            return fault(403, "AccessDenied")
        return Answer(body=b"<R><UploadId>u</UploadId></R>")

    server.answer = answer
    with pytest.raises(StoreRefused, match=r"cannot write s3://bucket/ws/a: access denied"):
        server.storage().write("a", bytes(PART_BYTES * 2))
    assert server.requests[-1].method == "DELETE"
    assert [r.path for r in server.requests if r.method == "POST"] == ["/bucket/ws/a?uploads"]


@pytest.mark.parametrize("ours", [True, False])
def test_completed_upload_whose_answer_was_lost(server: Server, ours: bool) -> None:
    """An upload that a retry finds gone was completed if the object is made of its parts, else the write failed."""
    tags = [hashlib.md5(bytes([n])).hexdigest() for n in range(2)]
    whole = hashlib.md5(b"".join(map(bytes.fromhex, tags))).hexdigest()
    completions = [None, fault(404, "NoSuchUpload")]

    def answer(request: Request) -> Answer | None:
        if request.method == "PUT":
            return Answer(headers={"ETag": f'"{tags["partNumber=2" in request.path]}"'})
        if request.method == "POST" and "uploadId" in request.path:
            return completions.pop(0)
        if request.method == "HEAD":
            return Answer(headers={"ETag": f'"{whole if ours else tags[0]}-2"'})
        return Answer(body=b"<R><UploadId>u</UploadId></R>")

    server.answer = answer
    if ours:
        server.storage().write("a", bytes(PART_BYTES + 1))
    else:
        with pytest.raises(UnknownOutcome, match="NoSuchUpload"):
            server.storage().write("a", bytes(PART_BYTES + 1))
    assert not completions
