"""Fixtures of all folders."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests import s3_server
from tests.helpers import BROKEN, Run, drawing, mill, write_config

# the same examples in every run: a change that passes once passes again
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture
def icons(tmp_path: Path) -> Path:
    """A folder of 40 drawings, two of them again as copies, and five broken files."""
    folder = tmp_path / "icons"
    files = {f"shapes/s{n:03}.svg": drawing(n) for n in range(40)}
    files |= {"copies/raw.svg": drawing(3), "copies/spaced.svg": drawing(4).replace("><", ">\n<")} | BROKEN
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def finished(icons: Path, tmp_path: Path) -> Run:
    """A published version of `icons`."""
    return mill(write_config(tmp_path / "config.yaml", icons), tmp_path / "ws")


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of an S3 server, with the settings to use it in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.SETTINGS.items():
            patch.setenv(name, value)
        with s3_server.serve() as endpoint_url:
            s3_server.make_bucket(endpoint_url, "tests")
            yield endpoint_url


_prefixes = itertools.count()


@pytest.fixture
def s3_uri(s3_endpoint: str) -> str:
    """The URI of an empty prefix on the S3 server."""
    return f"s3://tests/p{next(_prefixes)}?endpoint_url={s3_endpoint}"
