"""Bytes that a process puts aside, as many as they may be: in memory, and beyond some in a temporary file.

The file has no name, and goes when nothing refers to its heap any more. It lies where TMPDIR says.
"""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from collections import OrderedDict
from typing import BinaryIO

from pipeline.errors import StoreRefused

HELD = 2**20
"""Bytes that are held in memory before they go to the file."""

WINDOW = 2**16
"""Bytes of the file that are read together, since what was put in one after the other is mostly asked for so."""

_RECENT = 4
"""Windows that are held."""


class Heap:
    """Takes bytes, and gives them again by their place. Reading is thread-safe."""

    def __init__(self, what: str, held: int = HELD) -> None:
        """``what``: what it holds, for who is told that there is no space. ``held``: as `HELD`."""
        self._what, self._most = what, held
        self._tail = bytearray()
        self._filed = 0
        """Bytes that are in the file; those behind are in memory."""
        self._file: BinaryIO | None = None
        self._windows: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._filed + len(self._tail)

    def put(self, data: bytes | memoryview) -> int:
        """Add ``data``, and give the place where it begins. Raises StoreRefused if there is no space for it."""
        begin = len(self)
        self._tail += data
        if len(self._tail) > self._most:
            with self._lock:
                self._write(self._tail)
                self._filed += len(self._tail)
                self._tail = bytearray()
        return begin

    def get(self, begin: int, size: int) -> bytes:
        """``size`` bytes from a place on, which were put in together."""
        if begin >= self._filed:
            with self._lock:
                if begin >= self._filed:
                    return bytes(self._tail[begin - self._filed : begin - self._filed + size])
        number, first = divmod(begin, WINDOW)
        if first + size > WINDOW or (number + 1) * WINDOW > self._filed:
            return self._read(begin, size)
        with self._lock:
            window = self._windows.get(number)
            if window is None:
                window = self._windows[number] = self._read(number * WINDOW, WINDOW)
                if len(self._windows) > _RECENT:
                    self._windows.popitem(last=False)
        return window[first : first + size]

    def _read(self, begin: int, size: int) -> bytes:
        assert self._file is not None
        return os.pread(self._file.fileno(), size, begin)

    def _write(self, data: bytearray) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - it is open as long as this is there
                weakref.finalize(self, self._file.close)
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise StoreRefused(
                f"cannot write {self._what} to a temporary file in {tempfile.gettempdir()}: "
                f"{error.strerror or error}; make space, or name another folder in the environment variable TMPDIR"
            ) from None
