"""What is asked of an address before Ray is told to join the cluster there."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.run import cluster, working_dir
from pipeline.run.cluster import RayUnavailable
from tests.helpers import drawing, one_line, svgmill, write_config


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # without a token
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAY_AUTH_MODE", "")


@pytest.fixture
def listener() -> Iterator[str]:
    """The address of something that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_no_cluster_at_the_address_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listener: str) -> None:
    """Where nobody listens, where no host is, and where what listens is no Ray: run again, once it is there."""
    monkeypatch.setattr(cluster, "PROBE_SECONDS", 1.0)
    (tmp_path / "a.svg").write_text(drawing(1))
    config = write_config(tmp_path / "c.yaml", tmp_path)

    def told(address: str, code: int) -> str:
        return one_line(svgmill("run", config, "--workspace", tmp_path / "ws", "--address", address), code)

    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"127.0.0.1:{server.getsockname()[1]}"
    assert f"there is no Ray cluster at {closed} (Connection refused)" in told(closed, 75)
    assert "there is no Ray cluster at no-host.invalid:1" in told("no-host.invalid:1", 75)
    assert f"what should be at {listener} is no Ray cluster's head" in told(listener, 75)
    for address in ("http://127.0.0.1:8265", "ray://127.0.0.1:10001", "host", "host:port", "127.0.0.1:123456"):
        with pytest.raises((ConfigError, RayUnavailable), match=r"give the HOST:PORT|there is no Ray cluster at"):
            cluster.prepare(address)
    assert "for the address of a job server there is svgmill submit" in told("http://127.0.0.1:8265", 2)


def test_a_cluster_gets_the_token_that_it_asks_for(monkeypatch: pytest.MonkeyPatch, listener: str) -> None:
    """And none if it asks for none, whatever is there; without one, and with a wrong one, it says what to do."""
    modes = {"disabled": "open", "token": "open"}
    monkeypatch.setattr(cluster, "_asked", lambda address, mode: (address, modes[mode]))
    monkeypatch.setenv("RAY_AUTH_TOKEN", "x")
    assert cluster.prepare(listener) == listener
    assert cluster.os.environ["RAY_AUTH_MODE"] == "disabled"
    modes["disabled"] = "token"
    assert cluster.prepare(listener) == listener
    assert cluster.os.environ["RAY_AUTH_MODE"] == "token"
    modes["token"] = "token"
    with pytest.raises(ConfigError, match="does not take the token"):
        cluster.prepare(listener)
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    with pytest.raises(ConfigError, match="asks for a token; put it into"):
        cluster.prepare(listener)


def test_auto_is_the_cluster_of_this_machine(monkeypatch: pytest.MonkeyPatch, listener: str) -> None:
    """As Ray finds it, or as a job's environment says; or there is none."""
    found = [("", "")]
    monkeypatch.setattr(cluster, "_asked", lambda address, mode: found[0] if address == "auto" else (address, "open"))
    with pytest.raises(RayUnavailable, match="no Ray cluster on this machine; start one"):
        cluster.prepare("auto")
    found[0] = ("10.0.0.1:6379", "open")
    assert cluster.prepare("auto") == "10.0.0.1:6379"
    monkeypatch.setenv("RAY_ADDRESS", listener)
    assert cluster.prepare("auto") == listener


def test_the_working_directory_is_the_same_bytes(tmp_path: Path) -> None:
    """Whenever it is packed, so that nodes which have it are not sent it again."""
    for name in ("a.zip", "b.zip"):
        working_dir.pack(tmp_path / name, {"submitted/config.yaml": b"x"})
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert (tmp_path / "a.zip").stat().st_size < 5e6
