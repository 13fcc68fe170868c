import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.storage.tables import Output, named
from pipeline.work.ledger import Record, table_path
from pipeline.work.records import Records

HEX = "0123456789abcdef"
DIGESTS = st.text(HEX, min_size=64, max_size=64) | st.text(HEX, min_size=32, max_size=32) | st.text()
NAMES = st.text("ab/.-", min_size=1, max_size=5)
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=5,
)
MAPPINGS = st.dictionaries(st.text(), JSON, max_size=3)
COUNTS = st.integers(0, 2**70)


@st.composite
def records(draw: Any) -> Record:
    """A record whose tables are named by their content, or otherwise."""
    stage, source, key = draw(NAMES), draw(NAMES), draw(NAMES)
    outputs = {}
    for role in draw(st.lists(st.text(), max_size=3, unique=True)):
        digest, suffix = draw(DIGESTS), draw(st.sampled_from(["parquet", "dropped.parquet", "bin"]))
        path = draw(
            st.sampled_from([named(table_path(stage, source, key, suffix), digest), digest, "shards/a.tar", ""])
        )
        groups = tuple(draw(st.lists(COUNTS, max_size=3)))
        outputs[role] = Output(path, digest, draw(COUNTS), draw(COUNTS), groups, draw(DIGESTS))
    dropped = draw(st.dictionaries(st.text(), st.dictionaries(st.text(), COUNTS), max_size=2))
    given_ = draw(DIGESTS), draw(MAPPINGS), draw(MAPPINGS), draw(DIGESTS)
    return Record(stage, source, key, *given_, outputs, draw(COUNTS), draw(COUNTS), dropped, draw(MAPPINGS))


SAMPLES = [Record("s", "one", f"{n}", "", {}, {}, "", {}, n, n) for n in range(5)]


@given(st.lists(records(), max_size=4))
def test_records_are_as_they_were_put_in(each: list[Record]) -> None:
    """Whatever a record holds, it comes back equal, in its place, by itself, in a stretch, and among others."""
    held = Records(each)
    assert list(held) == each and len(held) == len(each)
    assert [held[place] for place in range(len(each))] == each
    assert list(held[1:3]) == each[1:3] and list(held + held[:1]) == each + each[:1]
    assert [record.to_bytes() for record in held] == [record.to_bytes() for record in each]


def test_a_place_is_kept_for_what_comes_later() -> None:
    """Records stand in the order of their places, not of their arrival; a later one takes a place over."""
    held = Records()
    for record in (None, SAMPLES[1], None):
        held.append(record)
    held[2], held[0] = SAMPLES[2], SAMPLES[3]
    held[0] = SAMPLES[0]
    assert list(held) == SAMPLES[:3]


def test_those_of_some_sources_are_chosen() -> None:
    """They stay in order, and the others are where they were."""
    samples = [record._replace(source=source) for record, source in zip(SAMPLES, "abacb", strict=True)]
    held = Records(samples)
    assert list(held.of_sources({"a", "c"})) == [samples[0], samples[2], samples[3]]
    assert list(held) == samples and not held.of_sources(())
    with pytest.raises(IndexError):
        held[5]


def test_records_share_what_they_all_have() -> None:
    """Settings are one object however many records are read, since a run holds hundreds of thousands."""
    held = Records(SAMPLES[n]._replace(settings=json.loads('{"size": 512}')) for n in range(3))
    assert held[0].settings is held[2].settings and held[0].settings == {"size": 512}
