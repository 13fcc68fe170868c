"""What a run knows of files that are damaged or gone, and of those that it has made anew since."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.progress import Display
from pipeline.storage import integrity
from pipeline.storage.base import Storage
from pipeline.storage.integrity import Written
from pipeline.work import ledger
from pipeline.work.ledger import Record


class Trust:
    """Of one run over one workspace. A record that names a damaged file does not count until it is made anew."""

    def __init__(self, storage: Storage, display: Display) -> None:
        self._storage, self._display = storage, display
        self._distrusted: set[str] = set()
        self._made: set[str] = set()
        """What this run wrote itself."""
        self._md5: dict[str, str] = {}
        self._crawled: Sequence[Record] = ()

    def distrust(self, paths: Iterable[str]) -> bool:
        """These are damaged or gone. Whether that is news."""
        new = sorted(set(paths) - self._distrusted)
        for path in new:
            self._display.say(f"{path} is damaged or gone; making it anew")
        self._distrusted.update(new)
        # whoever was said to have written it anew had no cause to
        self._made.difference_update(new)
        return bool(new)

    def made(self, record: Record) -> None:
        """A task of this run has written what the record names."""
        self._made.update(output.path for output in record.outputs.values())

    def known(self, record: Record) -> None:
        """What is written is of these checksums. Of tables, versions name raw ones alone: see `crawled`."""
        for output in record.outputs.values():
            if not output.path.startswith(ledger.TABLES):
                self._md5[output.path] = output.md5

    def crawled(self, records: Sequence[Record]) -> None:
        """These name the raw tables of the run, and their checksums."""
        self._crawled = records

    def fault_of(self, record: Record | None) -> str:
        """Why a record does not count, if something that it names is damaged and was not made anew yet; else ""."""
        if record is None or not self._distrusted:
            return ""
        paths = self._distrusted.intersection(output.path for output in record.outputs.values())
        return f"damaged: {min(paths)}" if paths - self._made else ""

    def faults(self, files: Iterable[Written], written: Iterable[str] = ()) -> dict[str, str]:
        """Path -> what is wrong, of ``files``; this runs own, and ``written``, are right."""
        files = list(files)
        paths = {file.path for file in files}
        raw = (output for record in self._crawled for output in record.outputs.values())
        md5 = self._md5 | {output.path: output.md5 for output in raw if output.path in paths}
        return integrity.faults(self._storage, files, md5, {*self._made, *written})
