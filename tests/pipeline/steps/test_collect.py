"""Of each shard the pieces that were dealt to it: all, in order, whichever task collects them and wherever they lie."""

import hashlib
import tempfile
from pathlib import Path

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.steps import collect
from pipeline.steps.collect import Share, collect_tasks, pieces_in, shares_of
from pipeline.steps.deal import PIECES, Kind, Piece
from pipeline.storage.folder import FolderStorage
from pipeline.storage.tables import Output, write_table
from pipeline.work.ledger import Record
from pipeline.work.task import Work

PLACES = {
    Kind(1, "easy", "train"): 3,
    Kind(1, "hard", "test"): 1,
    Kind(2, "easy", "train"): 2,
    Kind(10, "easy", "test"): 2,
}
SHARDS = {1: 4, 2: 2, 10: 2}

Group = dict[int, int]
"""Shard -> rows that a group has for it."""


@st.composite
def corpora(draw: st.DrawFn) -> list[tuple[int, Group]]:
    """Groups with their generations, in order."""
    of = [draw(st.lists(st.just(generation), max_size=4)) for generation in SHARDS]
    return [
        (generation, draw(st.dictionaries(st.integers(0, SHARDS[generation] - 1), st.integers(1, 9), min_size=1)))
        for generations in of
        for generation in generations
    ]


def dealt(storage: FolderStorage, corpus: list[tuple[int, Group]], where: str) -> list[Record]:
    """Records as `pipeline.steps.deal` makes them. ``where``: a folder of their objects."""
    records = []
    for number, (generation, group) in enumerate(corpus):
        rows, offset = [], 0
        for shard, count in sorted(group.items()):
            digest = hashlib.sha256(f"{number} {shard} {count}".encode()).hexdigest()
            rows.append({"shard": shard, "offset": offset, "bytes": 7 * count, "sha256": digest, "rows": count})
            offset += 7 * count
        table = pa.Table.from_pylist(rows, PIECES)
        outputs = {
            "kept": Output(f"{where}/{number}.bin", "", offset, sum(group.values())),
            "pieces": write_table(storage, f"{where}/{number}.parquet", [table], PIECES),
        }
        records.append(Record("deal", "all", f"{generation}-icons-{number:05}", "", {}, {}, "", outputs, 1, 1))
    return records


def collected(
    storage: FolderStorage, records: list[Record], at_once: int
) -> tuple[list[Share], list[list[Piece]], list[str]]:
    """Shares, the pieces of each, and the fingerprints of the tasks."""
    before, collect.AT_ONCE = collect.AT_ONCE, at_once
    try:
        tasks = list(collect_tasks(records, PLACES))
    finally:
        collect.AT_ONCE = before
    made = [task.step.run(Work(task, storage)) for task in tasks]
    # as they are read
    made = [Record.from_bytes(record.to_bytes()) for record in made]
    shares = list(shares_of(made, PLACES))
    pieces = [pieces_in(storage, share.path, share.row_group) for share in shares]
    return shares, pieces, [task.basis.fingerprint for task in tasks]


@settings(max_examples=40)
@given(corpora(), st.integers(1, 8))
def test_every_piece_comes_to_its_shard(corpus: list[tuple[int, Group]], at_once: int) -> None:
    """By one task or by several: the same shares of the same pieces, in the order of shards, then of groups."""
    with tempfile.TemporaryDirectory() as folder:
        storage = FolderStorage(Path(folder))
        records = dealt(storage, corpus, "here")
        shares, pieces, _ = collected(storage, records, at_once)
        names = {
            generation: [
                (kind, place)
                for kind, count in PLACES.items()
                if kind.generation == generation
                for place in range(count)
            ]
            for generation in SHARDS
        }
        expected: dict[tuple[Kind, int], list[tuple[str, int]]] = {}
        for number, (generation, group) in enumerate(corpus):
            for shard, count in group.items():
                expected.setdefault(names[generation][shard], []).append((f"here/{number}.bin", count))
        assert [(share.kind, share.place) for share in shares] == sorted(expected)
        for share, own in zip(shares, pieces, strict=True):
            assert [(piece.path, piece.rows) for piece in own] == expected[share.kind, share.place]
            assert (share.rows, share.bytes) == (sum(p.rows for p in own), sum(p.bytes for p in own))
            in_order = "".join(piece.sha256 for piece in own)
            assert share.digest == hashlib.sha256(in_order.encode()).hexdigest()
        ends: dict[str, list[tuple[int, int]]] = {}
        for piece in (piece for own in pieces for piece in own):
            ends.setdefault(piece.path, []).append((piece.offset, piece.offset + piece.bytes))
        for record in records:
            spans = sorted(ends[record.outputs["kept"].path])
            assert [begin for begin, _ in spans] == [0, *(end for _, end in spans[:-1])]
            assert spans[-1][1] == record.outputs["kept"].bytes


@settings(max_examples=30)
@given(corpora(), st.data())
def test_a_digest_says_which_pieces_a_shard_has(corpus: list[tuple[int, Group]], data: st.DataObject) -> None:
    """It stays where the same lies elsewhere, and where another shard's changes; it changes with its own."""
    with tempfile.TemporaryDirectory() as folder:
        storage = FolderStorage(Path(folder))
        shares, _, fingerprints = collected(storage, dealt(storage, corpus, "here"), 4)
        digests = {(share.kind, share.place): share.digest for share in shares}
        moved, pieces, again = collected(storage, dealt(storage, corpus, "there"), 4)
        assert {(share.kind, share.place): share.digest for share in moved} == digests
        assert {piece.path.partition("/")[0] for own in pieces for piece in own} <= {"there"}
        assert not set(fingerprints) & set(again)
        if not corpus:
            return
        number = data.draw(st.integers(0, len(corpus) - 1))
        generation, group = corpus[number]
        shard = data.draw(st.sampled_from(sorted(group)))
        other = [*corpus[:number], (generation, group | {shard: group[shard] + 1}), *corpus[number + 1 :]]
        changed, _, _ = collected(storage, dealt(storage, other, "here"), 4)
        differing = {(s.kind, s.place) for s in changed if digests[s.kind, s.place] != s.digest}
        assert len(changed) == len(shares) and len(differing) == 1
        ((kind, _),) = differing
        assert kind.generation == generation
