import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.storage.tables import Output, named
from pipeline.work import compact, ledger
from pipeline.work.ledger import Record
from pipeline.work.records import Records

HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=5,
)


def large(partitions: int = 3_000) -> Record:
    """A record of the size that is read in another way, as of decisions on so many partitions."""
    names = [f"icons/{n:09}-000" for n in range(partitions)]
    digests = {name: ledger.digest([name]) for name in names}
    paths = {name: named(ledger.table_path("deduplicate", *name.split("/")), digests[name]) for name in names}
    outputs = {name: Output(paths[name], digests[name], 30, 1, (1,), digests[name][:32]) for name in names}
    outputs |= {role: Output(f"{role}/a.parquet", "ab", 1, 1) for role in ("lineage-00000", "clusters-00000")}
    kept = dict.fromkeys(names, "fw==")
    extra = {"kept": kept, "decided": digests, "duplicates": {"icons": 3}, "edges": ["a"], "states": ["b"]}
    return Record(
        "deduplicate", "all", "decisions", "", {"a": 1}, {}, "", outputs, 3, 3, {"deduplicate": {"x": 1}}, extra
    )


def test_large_records_are_read_as_they_were_written() -> None:
    """Of whatever size, a record that was written is read equal, in memory of a run, too, and written as before."""
    data = large().to_bytes()
    assert len(data) >= ledger.LARGE
    record = Record.from_bytes(data)
    assert isinstance(record.outputs, compact.Packed) and isinstance(record.extra["kept"], compact.Packed)
    assert record == large() == Records([record])[0]
    assert list(record.outputs) == sorted(large().outputs) and "icons/000000001-000" in record.outputs
    assert record.to_bytes() == data
    with pytest.raises(KeyError):
        record.outputs["icons/1"]


def test_large_records_take_little() -> None:
    """What is held of a partition is a fraction of its JSON."""
    record = Record.from_bytes(large().to_bytes())
    held = sum(len(each._heap) for each in (record.outputs, record.extra["kept"], record.extra["decided"]))
    assert held < len(large().to_bytes()) / 3


@given(st.dictionaries(st.text(), JSON, max_size=5), st.dictionaries(st.text(), JSON, max_size=5))
def test_any_json_is_read_as_it_is(values: dict[str, Any], extra: dict[str, Any]) -> None:
    """Reading entry by entry gives what reading at once gives, numbers of the same type, with however many spaces."""
    values = {**values, "extra": extra, "outputs": {}}
    for spaces in (None, 1):
        read = compact.read(io.BytesIO(json.dumps(values, indent=spaces, ensure_ascii=False).encode()))
        assert read == values and repr(read) == repr(values)


@given(st.dictionaries(st.text(), JSON, max_size=5), HEX)
def test_values_are_packed_and_come_back(values: dict[str, Any], digest: str) -> None:
    """A packed mapping is equal to the dictionary that it was made of, and in the same order."""
    values = {**values, "digest": digest, "half": digest[:32], "upper": digest.upper(), "other": "ab " * 21 + "a"}
    packed = compact.packed_values(values.items())
    assert packed == values and list(packed.items()) == list(values.items()) and len(packed) == len(values)


@pytest.mark.parametrize("cut", [2, 1_000, 500_000])
def test_damaged_large_record_is_not_done(cut: int) -> None:
    """One that ends early, or goes on behind its end, is refused, as a small one is."""
    data = large().to_bytes()
    for damaged in (data[:-cut] + b" " * ledger.LARGE, data + b"}", data.replace(b":", b";", 1)):
        with pytest.raises(ValueError, match="no JSON"):
            Record.from_bytes(damaged)


@pytest.mark.parametrize("value", ["[]", "7", '{"outputs": []}', '{"outputs": {}, "extra": "a"}'])
def test_what_is_no_record_is_refused(value: str) -> None:
    """A large JSON text whose values are not those of a record."""
    with pytest.raises(ValueError, match="no record"):
        Record.from_bytes(value.encode() + b" " * ledger.LARGE)
