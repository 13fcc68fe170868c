"""Records that lie together: whatever was written, removed or damaged since, a run reads what the ledger has."""

import tempfile
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pipeline.storage.base import Storage
from pipeline.storage.folder import FolderStorage
from pipeline.storage.open import open_storage
from pipeline.storage.tables import Output
from pipeline.work import compacted, ledger
from pipeline.work.compacted import Listed, compacted_path
from pipeline.work.ledger import Record

NAMES = [(source, f"{key}-00{n}") for source in ("a", "a-b", "b") for key in ("x", "y") for n in (0, 1)]


def record(source: str, key: str, number: int) -> Record:
    """One of several that a partition can have."""
    table = f"tables/side/{source}/{key}."
    output = Output(f"{table}{number:012x}.parquet", f"{number:064x}", number, 3, (2, 1), f"{number:032x}")
    extra = {"n": [number, {"a": None}], "größe": 1.5}
    return Record("side", source, key, f"{number}", {"side": number // 2}, {"deep": {"ü": [1]}}, "in", {"kept": output},
                  5, 3, {"side": {"empty": 2}}, extra)  # fmt: skip


class Store(FolderStorage):
    """A folder that notes which paths were read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: list[str] = []

    def open_whole(self, path: str) -> BinaryIO:
        self.reads.append(path)
        return super().open_whole(path)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few records are many."""
    monkeypatch.setattr(compacted, "LEAST", 3)
    monkeypatch.setattr(compacted, "ROWS", 5)
    monkeypatch.setattr(compacted, "HELD", 1)


def filled(storage: Storage, number: int = 1) -> dict[tuple[str, str], Record]:
    """All of `NAMES`, saved and put together."""
    records = {name: record(*name, number) for name in NAMES}
    listed = Listed(storage, "side")
    for each in records.values():
        listed.wrote(each, ledger.save(storage, each))
    listed.compact(list(records.values()))
    return records


def all_of(storage: Storage) -> dict[tuple[str, str], Record | None]:
    listed = Listed(storage, "side")
    return {name: listed.record(*name) for name in listed.names()}


@pytest.mark.usefixtures("small")
def test_what_lies_together_is_not_read_one_by_one(tmp_path: Path) -> None:
    """In the order of paths; of what was written since, and only of that, the record itself is read."""
    storage = Store(tmp_path)
    records = filled(storage)
    assert all_of(storage) == records and not storage.reads
    paths = [f"tables/side/{source}/{key}.json" for source, key in Listed(storage, "side").names()]
    assert paths == [entry.path for entry in storage.list("tables/side/")]
    newer = record(*NAMES[3], 4)
    ledger.save(storage, newer)
    storage.delete(f"tables/side/{'/'.join(NAMES[0])}.json")
    expected = {name: each for name, each in records.items() if name != NAMES[0]} | {NAMES[3]: newer}
    assert all_of(storage) == expected
    assert storage.reads == [f"tables/side/{'/'.join(NAMES[3])}.json"]


@pytest.mark.usefixtures("small")
def test_they_are_put_together_anew_once_many_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for one or two, nor for a small share."""
    storage = Store(tmp_path)
    filled(storage)

    def again(changed: int) -> bool:
        for name in NAMES[:changed]:
            ledger.save(storage, record(*name, 7))
        before = storage.list("ledger/")
        listed = Listed(storage, "side")
        listed.compact([each for name in NAMES if (each := listed.record(*name)) is not None])
        return storage.list("ledger/") != before

    assert not again(0) and not again(2) and again(3)
    assert not again(0)
    monkeypatch.setattr(compacted, "SHARE", 2)
    assert not again(5) and again(6)


@pytest.mark.usefixtures("small")
def test_whatever_byte_is_damaged_records_are_as_they_were(tmp_path: Path) -> None:
    """What is no table, another's, or of another form, too: then they are read where they lie."""
    storage = FolderStorage(tmp_path)
    records = filled(storage)
    path = compacted_path("side")
    data = storage.read(path)
    for place in range(0, len(data), 3):
        storage.write(path, data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        assert all_of(storage) == records, place
    for other in (b"", b"PAR1", data[: len(data) // 2], data.replace(b"form", b"from")):
        storage.write(path, other)
        assert all_of(storage) == records


@pytest.mark.usefixtures("small")
def test_on_s3_a_write_knows_the_etag(s3_uri: str) -> None:
    """What was just written counts at once."""
    storage = open_storage(s3_uri)
    records = filled(storage)
    before = storage.traffic().requests.get("GetObject", 0)
    assert all_of(storage) == records
    # the object's columns and row groups, and no record
    assert storage.traffic().requests.get("GetObject", 0) - before < len(NAMES)


@pytest.mark.usefixtures("small")
def test_what_has_no_etag_or_is_large_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read where it lies."""
    storage = Store(tmp_path)
    filled(storage)
    monkeypatch.setattr(compacted, "LARGE", 1_000)
    large = record(*NAMES[5], 3)._replace(extra={"much": "x" * 1_000})
    records = {name: record(*name, 2) for name in NAMES} | {NAMES[5]: large}
    listed = Listed(storage, "side")
    for name, each in records.items():
        etag = ledger.save(storage, each)
        listed.wrote(each, "" if name == NAMES[2] else etag)
    listed.compact(list(records.values()))
    storage.reads.clear()
    assert all_of(storage) == records
    assert sorted(storage.reads) == sorted(f"tables/side/{'/'.join(NAMES[n])}.json" for n in (2, 5))


class Histories(RuleBasedStateMachine):
    """Runs that overlap in any way, each with a listing of its own, and an oracle that has the ledger alone."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.storage = FolderStorage(Path(self.folder.name))
        self.records: dict[tuple[str, str], Record] = {}
        self.runs = [Listed(self.storage, "side")]
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(compacted, "LEAST", 1)
        self.patch.setattr(compacted, "ROWS", 3)

    @rule()
    def another_run(self) -> None:
        self.runs.append(Listed(self.storage, "side"))

    @rule(of=st.integers(0, 9), name=st.sampled_from(NAMES), number=st.integers(0, 5), known=st.booleans())
    def write(self, of: int, name: tuple[str, str], number: int, known: bool) -> None:
        self.records[name] = record(*name, number)
        etag = ledger.save(self.storage, self.records[name])
        self.runs[of % len(self.runs)].wrote(self.records[name], etag if known else "")

    @rule(name=st.sampled_from(NAMES))
    def remove(self, name: tuple[str, str]) -> None:
        self.storage.delete(f"tables/side/{'/'.join(name)}.json")
        self.records.pop(name, None)

    @rule(of=st.integers(0, 9))
    def compact(self, of: int) -> None:
        """A run has what it read, or wrote, which others may have replaced since."""
        run = self.runs[of % len(self.runs)]
        run.compact([each for name in run.names() if (each := run.record(*name)) is not None])

    @rule(place=st.floats(0, 1, exclude_max=True))
    def damage(self, place: float) -> None:
        for entry in self.storage.list("ledger/"):
            data = bytearray(self.storage.read(entry.path))
            data[int(place * len(data))] ^= 1
            self.storage.write(entry.path, bytes(data))

    @invariant()
    def what_is_read_is_what_the_ledger_has(self) -> None:
        assert all_of(self.storage) == self.records

    def teardown(self) -> None:
        self.patch.undo()
        self.folder.cleanup()


TestHistories = Histories.TestCase
