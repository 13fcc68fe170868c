"""The test web, one for each module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web_server import Web


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with Web(tmp_path_factory.mktemp("web")) as web:
        yield web


@pytest.fixture
def web(server: Web) -> Web:
    server.forget()
    return server
