"""A heap gives what was put into it, from memory and from its file, to any number of threads."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import StoreRefused
from pipeline.storage import heap
from pipeline.storage.heap import Heap


@given(
    st.lists(st.binary(max_size=40)),
    st.integers(0, 100),
    st.integers(1, 50),
    st.lists(st.integers(0, 10**6), max_size=20),
)
def test_what_was_put_in_is_given_again(parts: list[bytes], held: int, window: int, asked: list[int]) -> None:
    """By its place and size, in any order, while more is put in, whatever is in memory and whatever in the file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heap, "WINDOW", window)
        made = Heap("parts", held)
        places: list[int] = []
        for part in parts:
            places.append(made.put(part))
            assert made.get(places[-1], len(part)) == part
            for each in asked:
                number = each % len(places)
                assert made.get(places[number], len(parts[number])) == parts[number]
        assert len(made) == sum(map(len, parts))
        assert [made.get(place, len(part)) for place, part in zip(places, parts, strict=True)] == parts


def test_threads_read_while_it_grows() -> None:
    """Each gets what it asked for."""
    made = Heap("parts", 1_000)
    parts = [f"{n:05}".encode() * (n % 7) for n in range(5_000)]
    places = []

    def read(number: int) -> bool:
        return made.get(places[number], len(parts[number])) == parts[number]

    with ThreadPoolExecutor(4) as pool:
        found = []
        for n, part in enumerate(parts):
            places.append(made.put(part))
            found.append(pool.submit(read, n * 7 // 10))
        assert all(each.result() for each in found)


def test_no_space_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It says what was to be written where, and what to do."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(StoreRefused, match=r"cannot write parts to a temporary file in .*gone: .*TMPDIR"):
        Heap("parts", 3).put(b"more")
