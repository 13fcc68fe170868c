from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.storage.folder import FolderStorage
from pipeline.storage.tables import Output
from pipeline.work import ledger
from pipeline.work.ledger import Basis, Record

BASIS = Basis({"crawl": 1}, {"size": 512, "deep": {"a": [1, 2]}}, (("a.svg", "x"),))


def record(basis: Basis = BASIS) -> Record:
    output = Output("tables/crawl/s/k.parquet", "ab", 3, 2, (1, 1))
    return Record(
        "crawl", "s", "k", basis.fingerprint, basis.versions, basis.settings, ledger.digest(basis.inputs),
        {"kept": output}, 3, 2, {"crawl": {"empty": 1}}, {"n": 1},
    )  # fmt: skip


def test_record_survives_storage(tmp_path: Path) -> None:
    """What is loaded equals what was saved; what was never saved, or is damaged, is not done."""
    storage = FolderStorage(tmp_path)
    assert ledger.load(storage, "crawl", "s", "k") is None
    ledger.save(storage, record())
    assert ledger.load(storage, "crawl", "s", "k") == record()
    storage.write("tables/crawl/s/k.json", b'{"stage": "crawl"}')
    assert ledger.load(storage, "crawl", "s", "k") is None


def test_change_is_explained() -> None:
    """The setting that changed is named with its old and new value, and so are versions and inputs."""
    changed = Basis({"crawl": 2}, {"size": 256, "deep": {"a": [1, 2]}}, (("a.svg", "y"),))
    text = ledger.explain_change(record(), changed)
    assert text == "changed: size from 512 to 256, version of crawl from 1 to 2, input"


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.booleans())))
def test_fingerprint_ignores_order_of_keys(settings: dict[str, object]) -> None:
    """Settings in another order are the same settings; any other value is another fingerprint."""
    one = Basis({}, settings, ())
    other = Basis({}, dict(reversed(settings.items())), ())
    assert one.fingerprint == other.fingerprint
    assert one.fingerprint != Basis({}, settings | {"more": 1}, ()).fingerprint


_JSON = st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.booleans()) | st.none())


@given(st.lists(st.tuples(_JSON, _JSON, st.lists(st.tuples(st.text(), st.text())).map(tuple)), min_size=1))
def test_fingerprint_is_the_digest_of_all_parts(parts: list[tuple[dict[str, object], ...]]) -> None:
    """However many bases come one after the other, and whatever they share, each has the digest of its own parts."""
    for settings, _, inputs in parts:
        for _, versions, _ in parts:
            basis = Basis(versions, settings, inputs)
            expected = ledger.digest({"versions": versions, "settings": settings, "inputs": inputs})
            assert basis.fingerprint == expected


@given(st.lists(st.lists(st.text())))
def test_digest_of_each_is_the_digest_of_a_list(values: list[list[str]]) -> None:
    """What is hashed value by value has the digest of all at once."""
    assert ledger.digest_of_each(iter(values)) == ledger.digest(values)
