"""An S3 server for tests: moto's, in a process of its own, on a free port."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

_SERVE = """
import logging, sys, threading
from moto.s3.responses import S3Response
from moto.server import ThreadedMotoServer
put, alone = S3Response._key_response_put, threading.Lock()

def put_alone(self, query, key_name):
    # moto looks whether the key is taken, then takes it; a store does both in one step
    with alone:
        return put(self, query, key_name)

S3Response._key_response_put = put_alone
logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(*server.get_host_and_port(), flush=True)
sys.stdin.read()
server.stop()
"""

SETTINGS = {
    "AWS_ACCESS_KEY_ID": "tests",
    "AWS_SECRET_ACCESS_KEY": "tests",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
"""Environment under which nothing outside of this machine is asked, and nothing of its user's is read."""


@contextlib.contextmanager
def serve() -> Iterator[str]:
    """The address of a running server; it ends with the block, or with this process."""
    process = subprocess.Popen([sys.executable, "-c", _SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    try:
        host, port = process.stdout.readline().split()
        yield f"http://{host}:{port}"
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def make_bucket(endpoint_url: str, name: str) -> None:
    """Make a bucket, if it is not there."""
    import boto3

    boto3.session.Session().client("s3", endpoint_url=endpoint_url).create_bucket(Bucket=name)
