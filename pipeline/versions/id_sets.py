"""Sets of sample ids that are compared without being in memory: they lie on disk, by their first bits."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import BinaryIO, Self

import numpy as np
import numpy.typing as npt

PARTS = 64
"""Files that ids are spread over: a 64th of all is in memory at a time."""

ID_BYTES = 16
"""The first bytes of a sample id, which stand for it: of 10^9 samples, no two share them."""

Ids = npt.NDArray[np.bytes_]
"""Of `ID_BYTES` each."""


class IdSets:
    """Some sets of ids, each with a name; a context manager that holds the files."""

    def __init__(self, *names: str) -> None:
        self._files: dict[str, list[BinaryIO]] = {name: [] for name in names}

    def __enter__(self) -> Self:
        for files in self._files.values():
            files += [tempfile.TemporaryFile() for _ in range(PARTS)]  # noqa: SIM115 - closed below
        return self

    def __exit__(self, *exception: object) -> None:
        for files in self._files.values():
            for file in files:
                file.close()

    def add(self, name: str, ids: bytes) -> None:
        """Put ids, of `ID_BYTES` each, one after the other, into a set, as often as they come."""
        array = np.frombuffer(ids, f"S{ID_BYTES}")
        part = np.frombuffer(ids, np.uint8)[::ID_BYTES] % PARTS
        for number in np.unique(part):
            self._files[name][number].write(array[part == number].tobytes())

    def parts(self) -> Iterator[dict[str, tuple[Ids, int]]]:
        """Part by part, for each set its ids, sorted and distinct, and how many more there were."""
        for number in range(PARTS):
            part = {}
            for name, files in self._files.items():
                files[number].seek(0)
                ids = np.frombuffer(files[number].read(), f"S{ID_BYTES}")
                distinct = np.unique(ids)
                part[name] = distinct, len(ids) - len(distinct)
            yield part
