import random
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.sandbox import Sandbox, SandboxSettings

sys.path.insert(0, str(Path(__file__).parent))

LIMITS = SandboxSettings(record_seconds=0.5, memory_bytes=2**29, max_output_bytes=2**20, chunk_rows=8)


@pytest.fixture
def box():  # type: ignore[no-untyped-def]
    sandbox = Sandbox("sandboxed:act", LIMITS)
    yield sandbox
    sandbox.close()


def table(whats: list[str]) -> pa.Table:
    return pa.table({"what": whats, "n": list(range(len(whats)))})


HARM = {
    "segfault": "crashed",
    "loop": "timed_out",
    "memory": "out_of_memory",
    "exit": "crashed",
    "abort": "crashed",
    "raise": "stage_error",
    "huge": "output_too_large",
}


@pytest.mark.parametrize("what", HARM)
def test_harm_costs_its_record_only(box: Sandbox, what: str) -> None:
    """Of a chunk with one bad row, the others come through in order and the bad one has its reason."""
    whats = ["ok"] * 11
    whats[3] = what
    result = box.run(table(whats), "s")
    assert [(i, str(reason)) for i, reason, _ in result.quarantined] == [(3, HARM[what])]
    assert result.tables[0]["n"].to_pylist() == [n for n in range(11) if n != 3]
    assert result.tables[1]["note"].to_pylist() == ["s"] * 10


def test_mixture_is_as_without_the_bad_rows(box: Sandbox) -> None:
    """Many kinds of harm at random places leave exactly the good rows, whatever the size of chunks."""
    whats = ["ok"] * 40 + ["segfault", "exit", "raise", "memory", "abort"] * 2
    random.Random(4).shuffle(whats)
    want = [n for n, what in enumerate(whats) if what == "ok"]
    for rows in (1, 7, 64):
        sandbox = Sandbox("sandboxed:act", LIMITS.model_copy(update={"chunk_rows": rows}))
        result = sandbox.run(table(whats), "s")
        sandbox.close()
        assert result.tables[0]["n"].to_pylist() == want
        assert [i for i, _, _ in result.quarantined] == [n for n in range(len(whats)) if n not in want]


def test_prints_do_not_disturb_the_protocol(box: Sandbox) -> None:
    """What native or Python code writes to standard output goes nowhere near the answers."""
    assert box.run(table(["ok", "print", "ok"]), "s").tables[0]["n"].to_pylist() == [0, 1, 2]


def test_all_bad_and_none(box: Sandbox) -> None:
    """With every row quarantined there is no table, and with no rows nothing happens."""
    result = box.run(table(["raise", "raise"]), "s")
    assert result.tables == [] and len(result.quarantined) == 2
    assert box.run(table([]), "s").tables == []


def test_secrets_stay_with_the_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the parent's environment only what a program needs to start is passed on."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("HTTPS_PROXY", "http://localhost:1")
    sandbox = Sandbox("sandboxed:network", LIMITS)
    names = sandbox.run(table(["ok"]), "s").tables[0]["names"].to_pylist()
    sandbox.close()
    assert not {"AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY"} & set(names)


def test_children_are_replaced_in_time() -> None:
    """After the configured number of records a fresh child goes on, with nothing lost."""
    sandbox = Sandbox("sandboxed:act", LIMITS.model_copy(update={"recycle_after": 10, "chunk_rows": 4}))
    result = sandbox.run(table(["ok"] * 30), "s")
    sandbox.close()
    assert result.tables[0]["n"].to_pylist() == list(range(30))
