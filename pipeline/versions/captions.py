"""Captions as tables that people edit: out of a version, and back as what people say (`pipeline.versions.edits`).

A table has a row for each caption. Of what comes back, a caption that the newest version has is left as it is; any
other is by the person who sends it. All captions by people of a sample are those that the table says; a row without a
text says that there are none. Of samples that the table does not name nothing changes.
"""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import ConfigError, InputError
from pipeline.storage import lookup
from pipeline.storage.base import Storage
from pipeline.versions import browse, edits, published, shards, takedown
from pipeline.versions.edits import Import
from pipeline.versions.manifest import CLUSTERS, Manifest
from stages.crawl.items import LONGEST_CAPTION, CaptionStyle
from stages.schema import CAPTIONS, PICTURES
from stages.text import plain

COLUMNS = ("sample_id", "text", "style", "language", "origin", "model", "score")
"""Of a table that goes out, in order of a sample's captions. What comes back needs the first two."""

ROWS = pa.schema(
    [
        ("sample_id", pa.string()),
        *(CAPTIONS.value_type.field(name) for name in COLUMNS[1:]),
        ("picture", pa.string()),  # path of its picture, beside the table
    ]
)

_AT_ONCE = 2_000
"""Samples whose captions are in memory at a time."""

_ID = re.compile(r"[0-9a-f]{64}")
_LANGUAGE = re.compile(r"(?:[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)?")
_PICTURES = "pictures"

Row = dict[str, Any]


# -- out


def export(storage: Storage, manifest: Manifest, out: Path, pictures: bool = False) -> tuple[int, int]:
    """Write all captions of a version to ``out``, a .csv or .parquet file; returns samples and captions.

    ``pictures``: also a folder of their pictures beside it. Raises ConfigError if ``out`` is there, or is of neither
    kind.
    """
    if out.suffix not in (".csv", ".parquet"):
        raise ConfigError(f"--out {out}: name a .csv or a .parquet file")
    if out.exists():
        raise ConfigError(f"--out {out} is there already; name another file")
    folder = out.with_name(f"{out.stem}-{_PICTURES}") if pictures else None
    out.parent.mkdir(parents=True, exist_ok=True)
    samples = captions = 0
    with _writer(out) as write:
        for batch in _batches(storage, manifest, folder):
            rows = [row for sample in batch for row in sample]
            write(rows)
            samples, captions = samples + len(batch), captions + len(rows)
    return samples, captions


def _batches(storage: Storage, manifest: Manifest, folder: Path | None) -> Iterator[list[list[Row]]]:
    columns = ["sample_id", "captions", *(PICTURES if folder else ())]
    for shard in sorted(shards.present(storage, manifest), key=lambda shard: shard.path):
        samples = (_rows(row, folder) for row in shards.read(storage, shard, columns))
        while batch := list(islice(samples, _AT_ONCE)):
            yield batch


def _rows(sample: shards.Row, folder: Path | None) -> list[Row]:
    picture = shards.picture_of(sample) if folder else None
    path = ""
    if folder is not None and picture is not None:
        folder.mkdir(exist_ok=True)
        suffix = next(name for name in PICTURES if sample.get(name))
        path = f"{folder.name}/{sample['sample_id']}.{suffix}"
        (folder / f"{sample['sample_id']}.{suffix}").write_bytes(picture)
    # shards of earlier versions know less of a caption
    return [
        {"sample_id": sample["sample_id"], "picture": path} | {name: caption.get(name) for name in COLUMNS[1:]}
        for caption in sample["captions"]
    ]


@contextlib.contextmanager
def _writer(out: Path) -> Iterator[Any]:
    if out.suffix == ".parquet":
        with pq.ParquetWriter(out, ROWS, compression="zstd") as parquet:
            yield lambda rows: parquet.write_table(pa.Table.from_pylist(rows, schema=ROWS))
        return
    with out.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, ROWS.names)
        table.writeheader()
        yield table.writerows


# -- back


@dataclass(frozen=True)
class Came:
    """What came of a table. ``stored``: None if it says nothing new."""

    stored: Import | None
    edited: int
    """Samples that people say something new of."""
    withdrawn: int
    """Samples of these that have no captions by people any more."""
    unchanged: int
    unknown: tuple[str, ...]
    taken_down: int


def bring(storage: Storage, path: Path) -> Came:
    """Remember what a .csv or .parquet file of captions says. What is wrong with a sample costs that sample only.

    Raises InputError for a file that is no such table, before anything is stored.
    """
    given: dict[str, list[Row]] = {}
    for number, row in _given(path):
        caption = _caption(row, f"{path}, row {number}")
        given.setdefault(caption.pop("sample_id"), []).append(caption)
    if not given:
        raise InputError(f"{path} has no rows; it needs a row for each caption")
    manifest = published.read(storage)
    taken = takedown.load(storage, takedown.requests(storage))
    gone = {sample_id for sample_id in given if taken.holds([sample_id])}
    present = _present(storage, manifest, [sample_id for sample_id in given if sample_id not in gone])
    members = _members(storage, manifest, [each for each in given if each not in gone and each not in present])
    unknown = tuple(sorted(given.keys() - gone - present.keys() - members))
    said = edits.newest(storage, [each.table for each in edits.imports(storage)])
    new: dict[str, list[Row]] = {}
    for sample_id in sorted(given.keys() - gone - set(unknown)):
        people = _by_people(given[sample_id], present.get(sample_id, []))
        before = [_told(each) for each in said.get(sample_id, (0, []))[1]]
        if people is not None and [_told(each) for each in people] != before:
            new[sample_id] = people
    stored = edits.record(storage, new) if new else None
    withdrawn = sum(not captions for captions in new.values())
    unchanged = len(given) - len(gone) - len(unknown) - len(new)
    return Came(stored, len(new), withdrawn, unchanged, unknown, len(gone))


def _told(caption: Mapping[str, Any]) -> tuple[str, str, str]:
    return caption["text"], caption["style"] or "", caption["language"] or ""


def _by_people(rows: Sequence[Row], present: Sequence[Mapping[str, Any]]) -> list[Row] | None:
    """The captions by people that rows of one sample say, None if they say nothing of these.

    ``present``: what the version has.
    """
    own = {_told(caption) for caption in present if caption["origin"] != "human"}
    # who changed a text may have left the rest as it was
    told = [row for row in rows if row["text"] and (row["origin"] == "human" or _told(row) not in own)]
    if not told and all(row["text"] for row in rows):
        return None
    captions = {_told(row): {**dict.fromkeys(_FIELDS), **row, "origin": "human"} for row in told}
    return [{name: caption[name] for name in _FIELDS} for caption in captions.values()]


_FIELDS = tuple(field.name for field in CAPTIONS.value_type)


def _given(path: Path) -> Iterator[tuple[int, Row]]:
    """The rows of a table, numbered from 1. Raises InputError."""
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            _require(path, table.column_names)
            rows: Iterable[Row] = table.select([name for name in COLUMNS if name in table.column_names]).to_pylist()
            yield from enumerate(rows, 1)
            return
        if path.suffix != ".csv":
            raise InputError(f"{path} is neither a .csv nor a .parquet file")
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            _require(path, reader.fieldnames or ())
            yield from enumerate(reader, 1)
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise InputError(f"{path} cannot be read: {reason}") from None


def _require(path: Path, names: Sequence[str]) -> None:
    missing = [name for name in COLUMNS[:2] if name not in names]
    if missing:
        raise InputError(f"{path} has no column {missing[0]}; captions export writes a table that has all")


def _caption(row: Mapping[str, Any], where: str) -> Row:
    """A row as sample_id, text, style, language and origin. Raises InputError, with ``where`` it stands."""
    values = {name: row.get(name) or "" for name in COLUMNS[:5]}
    wrong = next((name for name, value in values.items() if not isinstance(value, str)), None)
    if wrong is not None:
        raise InputError(f"{where}: {wrong} is no text")
    sample_id = values["sample_id"].strip().lower()
    if not _ID.fullmatch(sample_id):
        raise InputError(f"{where}: {sample_id[:70]!r} is no sample id, which has 64 hex digits")
    style, language = values["style"].strip(), values["language"].strip()
    if style not in get_args(CaptionStyle):
        raise InputError(f"{where}: style {style[:40]!r} is none of tag, short, detailed, or nothing")
    if not _LANGUAGE.fullmatch(language):
        raise InputError(f"{where}: language {language[:40]!r} is none, as en or pt-BR is")
    text = plain(values["text"], LONGEST_CAPTION)
    named = {"text": text, "style": style, "language": language, "origin": values["origin"].strip()}
    return {"sample_id": sample_id, **named}


def _present(storage: Storage, manifest: Manifest, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Those of ``ids`` that are samples of a version, with their captions."""
    wanted = set(ids)
    paths: dict[str, set[str]] = {}
    for table in browse.narrow(storage, manifest, ["sample_id"]):
        for sample_id, path in zip(table["sample_id"].to_pylist(), table["path"].to_pylist(), strict=True):
            if sample_id in wanted:
                paths.setdefault(path, set()).add(sample_id)
    present: dict[str, list[dict[str, Any]]] = {}
    for shard in shards.present(storage, manifest):
        here = paths.get(shard.path, set())
        if here:
            for row in shards.between(storage, shard, ["sample_id", "captions"], min(here), max(here)):
                if row["sample_id"] in here:
                    present[row["sample_id"]] = [{"style": "", "language": "", **each} for each in row["captions"]]
    return present


def _members(storage: Storage, manifest: Manifest, ids: Sequence[str]) -> set[str]:
    """Those of ``ids`` that are duplicates of a version's samples."""
    gone = published.redacted(storage, manifest.version)
    wanted = pa.array(sorted(ids), pa.string())
    return {
        sample_id
        for file in manifest.of_role(CLUSTERS)
        if file.path not in gone
        for table in lookup.rows_of(storage, file.path, ["sample_id"], "sample_id", wanted)
        for sample_id in table["sample_id"].to_pylist()
    }


def rejected(storage: Storage, beginning: str = "") -> Iterator[pa.Table]:
    """`stages.schema.CAPTION_REJECTS` of the newest run, of samples whose ids begin so; a partition at a time."""
    for record in browse.records(storage, "caption"):
        output = record.outputs.get("rejects")
        if output is not None and output.rows:
            yield from lookup.rows_that_begin(storage, output.path, REJECT_COLUMNS, "sample_id", beginning)


REJECT_COLUMNS = ("sample_id", "origin", "style", "text", "reason", "score", "detail")
