"""Functions that misbehave, for the sandbox's tests: the first column says how."""

import ctypes
import os
import sys
import time

import pyarrow as pa


def act(table: pa.Table, settings: str) -> list[pa.Table]:
    """Rows whose ``what`` is ok come back with their square; others do harm."""
    for what in table["what"].to_pylist():
        if what == "segfault":
            ctypes.string_at(0)
        elif what == "loop":
            while True:
                pass
        elif what == "memory":
            sys.stderr.write("about to take much\n")
            bytearray(3 * 2**30)
        elif what == "exit":
            os._exit(3)
        elif what == "abort":
            os.abort()
        elif what == "raise":
            raise ValueError("bad row")
        elif what == "print":
            print("noise " * 1000, flush=True)
            os.write(1, b"\x00" * 5000)
        elif what == "sleep":
            time.sleep(3600)
    good = [i for i, what in enumerate(table["what"].to_pylist()) if what in ("ok", "print", "huge")]
    rows = table.take(pa.array(good, pa.int64()))
    huge = "x" * 3_000_000 if "huge" in rows["what"].to_pylist() else settings
    return [rows, pa.table({"note": [huge] * len(good)})]


def network(table: pa.Table, settings: str) -> list[pa.Table]:
    """What of the parent's environment is left."""
    return [pa.table({"names": sorted(os.environ)})]
