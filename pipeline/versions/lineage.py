"""Lineage: what earlier versions published of each record, which every later run decides by, whatever its settings.

What survives a changed setting is the *record* that represents a drawing, not its canonical form. So every version has
tables (`stages.schema.LINEAGE`) with a line for each record that it, or a version before it, told of:

    since    the version since which it represents a drawing; of records that settings bring together the oldest stays
    joined   the version in which it was first told of; a shard tells of the copies that were there when it was made
    keys     what the split goes by: the id of the cluster that it was first published in. So splits are a function of
             lineage and of ``tier.seed``. Where clusters come together that were published apart, they have several
             keys, and `stages.tier` says which of their splits wins
    group    the first key of the record that its cluster was last published with

A line ends with its record: when the file is gone, or was taken down. A file that was moved within its source, or
edited without a change to the drawing, goes on with the line of what it was, as does another with the same bytes. The
keys of a line that ends go to those that were in its cluster, or that hold the same drawing, so that no sample that
stays changes its split. Those of a line that goes on stay with it, for its cluster may be taken apart again.

A record that settings keep out keeps its line, so that a setting changed and changed back gives what was there before.
Such a record has no drawing to know it by: its line goes to where its source has the same bytes, and ends with these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.storage.base import Storage
from pipeline.storage.integrity import read_checked
from pipeline.work import ledger
from stages.deduplicate import Earlier
from stages.reasons import Outcome, Reason, outcome
from stages.schema import LINE, LINEAGE, TRACED

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

NEVER = 1 << 31

_LINE = [name for name, _ in LINE]

Row = dict[str, Any]


def name_of(table: pa.Table) -> pa.ChunkedArray:
    """A record's name: source, path and raw id."""
    return pc.binary_join_element_wise(table["source"], table["path"], table["raw_id"], "\0")


def exact(records: pa.Table, lines: pa.Table) -> Ints:
    """Record -> the row of ``lines`` that is its own by source, path and raw id; -1 for none."""
    rows = pc.index_in(name_of(records), value_set=name_of(lines).combine_chunks())
    return np.asarray(pc.fill_null(rows, -1).to_numpy(), np.int64)


def continued(lines: pa.Table, records: pa.Table) -> Bools:
    """Whether the source of each line has its bytes still, or at its path its drawing: such a line does not end."""
    goes_on = np.zeros(len(lines), bool)
    for columns in (("source", "raw_id"), ("source", "path", "sample_id")):
        names, present = (
            pc.binary_join_element_wise(*(table[column] for column in columns), "\0") for table in (lines, records)
        )
        goes_on |= np.asarray(pc.is_in(names, value_set=present.combine_chunks()).to_numpy(), bool)
    return goes_on


def from_index(index: pa.Table, version: int) -> pa.Table:
    """`LINEAGE` of a version that was published without one, from its index."""
    rows = []
    for row in index.to_pylist():
        for place, origin in enumerate(row["provenance"]):
            line = {name: origin[name] for name in ("raw_id", "source", "path")}
            line |= {"sample_id": row["sample_id"], "group": row["cluster_id"], "keys": [row["cluster_id"]]}
            rows.append(line | {"since": 0 if place else version, "joined": version})
    return pa.Table.from_pylist(rows, schema=LINEAGE).sort_by([("source", "ascending"), ("path", "ascending")])


class Ended:
    """Lines that no record that is decided on has for its own: of records that are gone, or that settings keep out."""

    def __init__(self) -> None:
        self.out: list[Row] = []
        """Of records that settings keep out."""
        self.moved: list[Row] = []
        """Of records that go on as others."""
        self.gone: list[Row] = []

    @classmethod
    def of(cls, lines: pa.Table, lost: Iterable[pa.Table], moved: Bools) -> Ended:
        """``lost``: tables of `stages.schema.DROPPED` that say which records are there, but left before deciding.

        ``moved``: as of `continued`, for all records that are decided on.
        """
        ended = cls()
        there: dict[tuple[str, str], str] = {}
        for table in lost if len(lines) else ():
            columns = (table[name].to_pylist() for name in ("source", "path", "id"))
            there |= {(source, path): raw_id for source, path, raw_id in zip(*columns, strict=True)}
        for row, is_moved in zip(lines.to_pylist(), moved.tolist(), strict=True):
            raw_id = there.get((row["source"], row["path"]))
            if raw_id is not None and raw_id in ("", row["raw_id"]):
                ended.out.append(row)
            else:
                (ended.moved if is_moved else ended.gone).append(row)
        ended._move(there)
        return ended

    def _move(self, there: Mapping[tuple[str, str], str]) -> None:
        """Lines that are gone go on with the same bytes in the same source, if settings keep these out.

        ``there``: (source, path) -> raw id of what is kept out.
        """
        leading = _by_raw(self.gone)
        own = {(line["source"], line["path"]): line for line in self.out}
        moved = set()
        for (source, path), raw_id in sorted(there.items()):
            line = leading.get((source, raw_id))
            if line is None:
                continue
            moved.add((source, raw_id))
            copy = own.get((source, path))
            if copy is None:
                self.out.append(line | {"path": path})
            else:
                copy["since"] = copy["since"] or line["since"]
        self.gone = [line for line in self.gone if (line["source"], line["raw_id"]) not in moved]

    def carried(self) -> pa.Table:
        """The lines that go on as they are."""
        return pa.Table.from_pylist(self.out, schema=LINEAGE)

    def table(self) -> pa.Table:
        """As `ENDED`, on the way to those who decide."""
        rows = [row | {"state": name} for name in _STATES for row in getattr(self, name)]
        return pa.Table.from_pylist(rows, schema=ENDED)

    @classmethod
    def from_table(cls, table: pa.Table) -> Ended:
        """Inverse of `table`."""
        ended = cls()
        for row in table.to_pylist():
            getattr(ended, row.pop("state")).append(row)
        return ended


_STATES = ("out", "moved", "gone")

ENDED = pa.schema([*LINEAGE, ("state", pa.string())])


@dataclass(frozen=True)
class Past:
    """The lineage of the version that a run builds on: where it lies. ``index``: it is to be made of the index."""

    files: tuple[tuple[str, str], ...] = ()
    """(path, sha256)."""
    version: int = 0
    index: bool = False

    @property
    def state(self) -> str:
        """What stands for all that the files say."""
        return state([sha256 for _, sha256 in self.files])

    def tables(self, storage: Storage) -> Iterator[pa.Table]:
        """Its tables one after the other. Raises DamagedFile if one is not what was published."""
        for path, sha256 in self.files:
            table = pq.read_table(pa.BufferReader(read_checked(storage, path, sha256)), use_threads=False)
            yield from_index(table, self.version) if self.index else table.cast(LINEAGE)

    def all(self, storage: Storage) -> pa.Table:
        """Its tables as one."""
        return pa.concat_tables([LINEAGE.empty_table(), *self.tables(storage)])


def state(digests: Iterable[str]) -> str:
    """What stands for tables of lineage with these digests."""
    return ledger.digest(sorted(digests))


def trace(records: pa.Table, own: pa.Table, ended: Ended) -> pa.Table:
    """`TRACED` of each of ``records``. ``own``: of each its own line, or nulls, as columns `LINE`."""
    if not ended.gone and not ended.moved and not ended.out:
        return own.append_column("also", pa.nulls(len(own), TRACED.field("also").type)).cast(TRACED)
    rows = own.to_pylist()
    by_raw = _by_raw(ended.moved)
    by_place = {(line["source"], line["path"], line["sample_id"]): line for line in ended.moved}
    carried: dict[tuple[str, ...], list[str]] = {}
    for line in ended.moved:
        for name in ((line["source"], line["raw_id"]), (line["source"], line["path"], line["sample_id"])):
            carried[name] = _union(carried.get(name, []), line["keys"])
    drawings: dict[str, list[str]] = {}
    for line in ended.gone:
        for drawing in (line["raw_id"], line["sample_id"]):
            drawings[drawing] = _union(drawings.get(drawing, []), line["keys"])
    columns = [records[name].to_pylist() for name in ("source", "path", "raw_id", "sample_id")]
    names = list(zip(*columns, strict=True))
    present = {(source, raw_id) for source, _, raw_id, _ in names}
    for row, (source, path, raw_id, sample_id) in zip(rows, names, strict=True):
        keys = []
        if carried:
            keys = _union(carried.get((source, raw_id), []), carried.get((source, path, sample_id), []))
        if row["joined"] is not None:
            # the same bytes in the same source take over from what is gone, also if they were known as a copy
            copy = by_raw.get((source, raw_id))
            if copy is not None and not row["since"]:
                row["since"] = copy["since"]
            row["keys"] = _union(row["keys"], keys)
            continue
        heir = by_raw.get((source, raw_id))
        if heir is None:
            # the same drawing written otherwise, unless what was there has only moved
            heir = by_place.get((source, path, sample_id))
            heir = None if heir is None or (source, heir["raw_id"]) in present else heir
        if heir is not None:
            row |= {name: heir[name] for name in _LINE}
            row["keys"] = _union(row["keys"], keys)
        else:
            row["keys"] = _union(keys, [*drawings.get(raw_id, []), *drawings.get(sample_id, [])]) or None
    left, out = _group_keys(ended.gone), _group_keys(ended.out)
    for row in rows:
        group = row["group"]
        if group in left:
            row["keys"] = _union(row["keys"], left[group])
        row["also"] = out.get(group)
    return pa.Table.from_pylist(rows, schema=TRACED)


def _by_raw(lines: Iterable[Row]) -> dict[tuple[str, str], Row]:
    """(source, raw id) -> of the lines of these bytes the one that represented a drawing, and did so longest."""
    longest: dict[tuple[str, str], Row] = {}
    for line in lines:
        same = longest.setdefault((line["source"], line["raw_id"]), line)
        if (line["since"] or NEVER) < (same["since"] or NEVER):
            longest[line["source"], line["raw_id"]] = line
    return longest


def _group_keys(lines: Iterable[Row]) -> dict[str, list[str]]:
    """Group -> the keys of its lines."""
    keys: dict[str, list[str]] = {}
    for line in lines:
        keys[line["group"]] = _union(keys.get(line["group"], []), line["keys"])
    return keys


def _union(one: list[str], other: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*one, *other]))


def lines_of(lines: pa.Table, rows: Ints) -> pa.Table:
    """Columns `LINE` of rows of ``lines``; nulls for -1."""
    places = pa.array(np.where(rows < 0, 0, rows), mask=rows < 0)
    return lines.select(_LINE).take(places).combine_chunks()


def own_lines(tables: Iterable[pa.Table], records: pa.Table) -> tuple[pa.Table, Bools]:
    """Of each record its own line, as `lines_of`, and of all lines of ``tables``, in their order, which go on.

    The latter as (lines, 2): whether one of ``records`` has it for its own, and whether one goes on with it, as
    `continued` has it.
    """
    parts, mets, taken = [lines_of(LINEAGE.empty_table(), np.empty(0, np.int64))], [np.empty((0, 2), bool)], 0
    places = np.full(len(records), -1, np.int64)
    for lines in tables:
        rows = exact(records, lines)
        here = np.unique(rows[rows >= 0])
        mets.append(np.stack([np.isin(np.arange(len(lines)), here), continued(lines, records)], axis=1))
        parts.append(lines_of(lines, here))
        places[rows >= 0] = taken + np.searchsorted(here, rows[rows >= 0])
        taken += len(here)
    return lines_of(pa.concat_tables(parts), places), np.concatenate(mets)


def earlier(traced: pa.Table) -> Earlier:
    """What `stages.deduplicate` goes by."""
    since, joined = (pc.fill_null(traced[name], 0).to_numpy().astype(np.int64) for name in ("since", "joined"))
    return Earlier(since, joined)


def told_of(decisions: pa.Table) -> Bools:
    """Whether a version tells of a record: it is kept, or a copy of one that is."""
    copies = [str(reason) for reason in Reason if outcome(reason) is Outcome.DUPLICATE]
    return np.asarray(pc.is_in(decisions["reason"], value_set=pa.array(["", *copies])).to_numpy(), bool)


def keys_of(decisions: pa.Table, traced: pa.Table) -> tuple[pa.Array, list[list[str]]]:
    """Of each record the keys of its cluster if it is kept, else null; and of each record those of its cluster."""
    in_version = told_of(decisions)
    clusters = decisions["cluster_id"].to_pylist()
    keys, also = traced["keys"].to_pylist(), traced["also"].to_pylist()
    by_cluster: dict[str, list[str]] = {}
    for cluster, is_told, one, other in zip(clusters, in_version.tolist(), keys, also, strict=True):
        if is_told and (one or other):
            known = by_cluster.get(cluster)
            by_cluster[cluster] = (
                [*(one or ()), *(other or ())] if known is None else _union(known, [*(one or ()), *(other or ())])
            )
    for cluster, several in by_cluster.items():
        by_cluster[cluster] = sorted(set(several)) if len(several) > 1 else several
    each = [by_cluster.get(cluster) or [cluster] for cluster in clusters]
    kept = decisions["kept"].to_pylist()
    return pa.array(
        [k if is_kept else None for k, is_kept in zip(each, kept, strict=True)], LINEAGE.field("keys").type
    ), each


def lines(decisions: pa.Table, traced: pa.Table, each: list[list[str]], version: int) -> pa.Table:
    """The lines of the records that were decided on, for the version that is made. ``each``: as of `keys_of`."""
    down = pc.equal(decisions["reason"], str(Reason.TAKEN_DOWN)).to_pylist()
    in_version = told_of(decisions).tolist()
    columns = [decisions[name].to_pylist() for name in ("raw_id", "source", "path", "sample_id", "cluster_id", "kept")]
    rows, groups = [], {}
    for place, (line, raw_id, source, path, sample_id, cluster_id, kept) in enumerate(_zipped(traced, columns)):
        if down[place] or (not in_version[place] and line["joined"] is None):
            continue
        row = line | {"raw_id": raw_id, "source": source, "path": path, "sample_id": sample_id}
        del row["also"]
        if in_version[place]:
            # a record that is new has the keys of its cluster, the leading one's first
            row["keys"] = line["keys"] or each[place]
            row["joined"] = line["joined"] or version
            row["since"] = line["since"] or (version if kept else 0)
            row["group"] = None
            if kept and sample_id == cluster_id:
                groups[cluster_id] = row["keys"][0]
            row["cluster"] = (cluster_id, each[place][0])
        rows.append(row)
    for row in rows:
        if "cluster" in row:
            cluster, first = row.pop("cluster")
            row["group"] = groups.get(cluster, first)
    return pa.Table.from_pylist(rows, schema=LINEAGE)


def _zipped(traced: pa.Table, columns: list[list[Any]]) -> Iterator[tuple[Any, ...]]:
    return zip(traced.to_pylist(), *columns, strict=True)


def ordered(parts: Iterable[pa.Table]) -> pa.Table:
    """Lines as a table that says nothing of how they were made."""
    table = pa.concat_tables([LINEAGE.empty_table(), *parts])
    return table.sort_by([("source", "ascending"), ("path", "ascending"), ("raw_id", "ascending")])


def merged(decisions: pa.Table) -> int:
    """Clusters of what is kept that hold what was published apart."""
    kept = decisions.filter(decisions["kept"])
    several = kept.filter(pc.greater(pc.list_value_length(kept["keys"]), 1))
    return len(pc.unique(several["cluster_id"]))
