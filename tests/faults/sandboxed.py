"""Functions that misbehave, for the sandbox's tests: the first column says how."""

import ctypes
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

POISONED: list[str] = []


def spin(seconds: float) -> None:
    """Use CPU time, by the clock that the sandbox limits it with: on a busy virtual machine others run slower."""
    end = signal.getitimer(signal.ITIMER_PROF)[0] - seconds
    while signal.getitimer(signal.ITIMER_PROF)[0] > end:
        pass


def flood() -> None:
    """Write 50 MB to standard error, as far as it goes."""
    for _ in range(50):
        try:
            os.write(2, b"warning\n" * 2**17)
        except OSError:
            return


def loop() -> None:
    """Never return."""
    while True:
        pass


def say_and_abort(text: bytes) -> None:
    """Die as native code does, after a last word."""
    os.write(2, text)
    os.abort()


def fail() -> None:
    """Raise, as a defect does."""
    raise ValueError("bad row")


def chat() -> None:
    """Write to standard output, also beside Python."""
    print("noise " * 1000, flush=True)
    os.write(1, b"\x00" * 5000)


def poison() -> None:
    """Let the next row pay for this one."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    POISONED.append("poison")


def pause(path: str) -> None:
    """Use up the time the first time only, as on a machine that stood still meanwhile."""
    if not Path(path).exists():
        Path(path).touch()
        loop()


HARM: dict[str, Callable[[], object]] = {
    "segfault": lambda: ctypes.string_at(0),
    "loop": loop,
    "slow": lambda: spin(0.05),
    "memory": lambda: bytearray(3 * 2**30),
    "native memory": lambda: say_and_abort(b"memory allocation of 3000000000 bytes failed\n"),
    "exit": lambda: os._exit(3),
    "abort": lambda: say_and_abort(b"free(): invalid pointer at 0x7ffe12\n"),
    "raise": fail,
    "print": chat,
    "flood": flood,
    "sleep": lambda: time.sleep(3600),
    "poison": poison,
}


def act(table: pa.Table, settings: str) -> list[pa.Table]:
    """Rows whose ``what`` is harmless come back; others do harm."""
    for what in table["what"].to_pylist():
        if what in HARM:
            HARM[what]()
        elif what.startswith("/"):
            pause(what)
        elif POISONED:
            os.abort()
    good = [i for i, what in enumerate(table["what"].to_pylist()) if what not in ("raise",)]
    rows = table.take(pa.array(good, pa.int64()))
    huge = "x" * 3_000_000 if "huge" in rows["what"].to_pylist() else settings
    return [rows, pa.table({"note": [huge] * len(good)})]


def environment(table: pa.Table, settings: str) -> list[pa.Table]:
    """What of the parent's environment is left, and the process itself."""
    return [pa.table({"names": sorted(os.environ)}), pa.table({"pid": [os.getpid()]})]


def garbage(table: pa.Table, settings: str) -> list[pa.Table]:
    """Write what is no answer to the descriptors that hold the protocol, as a process out of its mind might."""
    for number in range(3, 20):
        try:
            os.write(number, b"\x03" + (50).to_bytes(8, "little") + b"\xff" * 50)
        except OSError:
            continue
    return [table]
