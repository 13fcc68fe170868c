import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.errors import PartitionRefused
from pipeline.work import sandbox as sandboxes
from pipeline.work.sandbox import Sandbox, SandboxSettings, shared
from tests.helpers import ROOT

LIMITS = SandboxSettings(record_seconds=0.5, memory_bytes=2**29, max_output_bytes=2**20, chunk_rows=8)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    sandbox = Sandbox("tests.faults.sandboxed:act", LIMITS)
    yield sandbox
    sandbox.close()


def table(whats: list[str]) -> pa.Table:
    return pa.table({"what": pa.array(whats, pa.string()), "n": pa.array(range(len(whats)), pa.int64())})


HARM = {
    "segfault": ("crashed", "SIGSEGV"),
    "abort": ("crashed", "SIGABRT: free(): invalid pointer at …"),
    "exit": ("crashed", "exit code 3"),
    "loop": ("timed_out", "over 0.5 CPU seconds"),
    "memory": ("out_of_memory", "over 536870912 bytes"),
    "native memory": ("out_of_memory", "SIGABRT: memory allocation of 3000000000 bytes failed"),
    "raise": ("stage_error", "ValueError: bad row"),
    "huge": ("output_too_large", "3000"),
}


@pytest.mark.parametrize("what", HARM)
def test_harm_costs_its_record_only(box: Sandbox, what: str) -> None:
    """Of a chunk with one bad row, the others come through in order and the bad one has its reason."""
    whats = ["ok"] * 11
    whats[3] = what
    result = box.run(table(whats), "s")
    assert [(i, str(reason)) for i, reason, _ in result.quarantined] == [(3, HARM[what][0])]
    assert result.quarantined[0][2].startswith(HARM[what][1])
    assert result.tables[0]["n"].to_pylist() == [n for n in range(11) if n != 3]
    assert result.tables[1]["note"].to_pylist() == ["s"] * 10


def test_results_do_not_depend_on_chunks() -> None:
    """Many kinds of harm at random places leave exactly the good rows and the same reasons, however rows are cut."""
    whats = ["ok"] * 20 + ["segfault", "raise", "huge"]
    random.Random(4).shuffle(whats)
    results = []
    for rows in (1, 7, 64):
        sandbox = Sandbox("tests.faults.sandboxed:act", LIMITS.model_copy(update={"chunk_rows": rows}))
        results.append(sandbox.run(table(whats), "s"))
        sandbox.close()
        assert results[-1].tables[0]["n"].to_pylist() == [n for n, what in enumerate(whats) if what == "ok"]
        assert results[-1].quarantined == results[0].quarantined
        assert all(a.equals(b) for a, b in zip(results[-1].tables, results[0].tables, strict=True))


def test_slow_rows_are_not_culprits() -> None:
    """Rows that are over the limit only together all come through, and later chunks are smaller."""
    sandbox = Sandbox("tests.faults.sandboxed:act", LIMITS.model_copy(update={"chunk_rows": 12}))
    result = sandbox.run(table(["slow"] * 12), "s")
    sandbox.close()
    assert result.quarantined == []
    assert result.tables[0]["n"].to_pylist() == list(range(12))
    assert sandbox._chunk_rows == 6


@pytest.mark.parametrize("others", [[], ["segfault"], ["ok", "raise"]])
def test_a_row_is_over_the_limit_only_if_it_is_twice(box: Sandbox, tmp_path: Path, others: list[str]) -> None:
    """A machine that stands still for a moment costs no record, whether its chunk is run row by row or it is alone."""
    result = box.run(table([*others, str(tmp_path / "paused")]), "s")
    assert len(others) not in [row for row, _, _ in result.quarantined]
    assert result.tables[0]["n"].to_pylist()[-1] == len(others)
    assert (tmp_path / "paused").exists()


def test_the_row_after_a_poisonous_one_is_not_blamed(box: Sandbox) -> None:
    """A row that dies of what an earlier one left behind is run again in a fresh child."""
    result = box.run(table(["poison", "ok", "ok"]), "s")
    assert result.quarantined == []
    assert result.tables[0]["n"].to_pylist() == [0, 1, 2]


def test_sleeping_child_is_ended(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that uses no CPU time and gives no answer is ended by the clock."""
    monkeypatch.setattr(sandboxes, "GRACE_SECONDS", -4.0)
    result = box.run(table(["sleep"]), "s")
    assert [str(reason) for _, reason, _ in result.quarantined] == ["timed_out"]


def test_prints_do_not_disturb_the_protocol(box: Sandbox) -> None:
    """What native or Python code writes to standard output goes nowhere near the answers."""
    assert box.run(table(["ok", "print", "ok"]), "s").tables[0]["n"].to_pylist() == [0, 1, 2]


def test_floods_of_warnings_are_bounded(box: Sandbox) -> None:
    """Standard error takes a few MB from one call and is empty again for the next."""
    result = box.run(table(["flood"]), "s")
    assert result.quarantined == [] and box._child is not None
    assert 0 < os.fstat(box._child._errors.fileno()).st_size <= 16 * 2**20
    box.run(table(["ok"]), "s")
    assert os.fstat(box._child._errors.fileno()).st_size == 0


def test_garbage_for_an_answer_is_a_crash() -> None:
    """What the child writes is checked before it is believed."""
    sandbox = Sandbox("tests.faults.sandboxed:garbage", LIMITS)
    result = sandbox.run(table(["ok"]), "s")
    sandbox.close()
    assert [str(reason) for _, reason, _ in result.quarantined] == ["crashed"]


def test_all_bad_and_none(box: Sandbox) -> None:
    """With every row quarantined there is no table, and with no rows nothing happens."""
    result = box.run(table(["raise", "raise"]), "s")
    assert result.tables == [] and len(result.quarantined) == 2
    assert box.run(table([]), "s").tables == []


def test_secrets_stay_with_the_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the parent's environment only what a program needs to start is passed on."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("HTTPS_PROXY", "http://localhost:1")
    sandbox = Sandbox("tests.faults.sandboxed:environment", LIMITS)
    names = sandbox.run(table(["ok"]), "s").tables[0]["names"].to_pylist()
    sandbox.close()
    assert not {"AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY"} & set(names)


def test_children_are_kept_and_replaced_in_time() -> None:
    """A child serves run after run; after the configured number of records, or when it is gone, a fresh one does."""
    sandbox = Sandbox(
        "tests.faults.sandboxed:environment", LIMITS.model_copy(update={"recycle_after": 5, "chunk_rows": 1})
    )

    def pids(rows: int) -> list[int]:
        result = sandbox.run(table(["ok"] * rows), "s")
        assert result.quarantined == []
        return result.tables[1]["pid"].to_pylist()

    first, again = pids(2), pids(4)
    assert set(first) == set(again[:3]) and again[3] != first[0]
    os.kill(again[3], signal.SIGKILL)
    assert sandbox._child is not None and sandbox._child._process.wait(10) == -signal.SIGKILL
    assert pids(1) != again[3:]
    sandbox.close()


def test_threads_take_turns() -> None:
    """Two threads that share a sandbox get their own answers, also when the thread that started the child has ended."""
    limits = LIMITS.model_copy(update={"chunk_rows": 2})
    assert shared("tests.faults.sandboxed:act", limits) is shared("tests.faults.sandboxed:act", limits)
    notes: dict[str, list[str]] = {}

    def work(name: str) -> None:
        result = shared("tests.faults.sandboxed:act", limits).run(table(["ok"] * 20), name)
        notes[name] = result.tables[1]["note"].to_pylist()

    for names in (("a", "b"), ("c",)):
        threads = [threading.Thread(target=work, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    shared("tests.faults.sandboxed:act", limits).close()
    assert notes == {name: [name] * 20 for name in "abc"}


def test_no_child_at_all_is_nobodys_fault() -> None:
    """A function that cannot be imported fails the partition in one line, and quarantines nothing."""
    with pytest.raises(PartitionRefused, match="No module named 'nowhere'"):
        Sandbox("nowhere:act", LIMITS).run(table(["ok"]), "s")


def test_a_child_starts_where_the_parents_folder_is_gone(tmp_path: Path) -> None:
    """As under a job whose working directory was replaced, also where an import hook's name is among the paths."""
    code = (
        "import os, sys\n"
        "os.rmdir(os.getcwd())\n"
        "sys.path.append('__editable__.finder.__path_hook__')\n"
        "import pyarrow as pa\n"
        "from pipeline.work.sandbox import Sandbox, SandboxSettings\n"
        "box = Sandbox('tests.faults.sandboxed:act', SandboxSettings())\n"
        "print(len(box.run(pa.table({'what': ['ok'], 'n': [0]}), 's').quarantined))\n"
    )
    gone = tmp_path / "gone"
    gone.mkdir()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=gone, env=environment, capture_output=True, text=True)
    assert done.stdout == "0\n", done.stderr


def test_no_child_outlives_its_parent() -> None:
    """When the parent is killed without warning, an endless loop in its child ends, too."""
    code = (
        "import pyarrow as pa\n"
        "from pipeline.work.sandbox import Sandbox, SandboxSettings\n"
        "box = Sandbox('tests.faults.sandboxed:act', SandboxSettings(record_seconds=60.0))\n"
        "box.run(pa.table({'what': ['ok']}), 's'); print(box._child._process.pid, flush=True)\n"
        "box.run(pa.table({'what': ['loop']}), 's')\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    for _ in range(100):
        try:
            state = Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            break
        if state == "Z":
            break
        time.sleep(0.05)
    else:
        pytest.fail("the child lives on")
    parent.stdout.close()
