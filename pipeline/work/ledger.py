"""What has been done: a record beside each partition's output.

A record is written after the data it describes, and that data is named by its content and never replaced. So: no
record, not done; a record, and what it names is there, until garbage collection finds that nothing names it. A record
is reused when its fingerprint equals the planned one; its *basis* (the fingerprint's parts in clear) says what changed
when it does not.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

from pipeline.storage.base import NotFound, Storage
from pipeline.storage.tables import Output
from pipeline.work import compact


class Inputs:
    """(path, digest) of each input, made when they are asked for: the driver cannot hold those of all tasks.

    A pickle of them is a tuple.
    """

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[], Iterator[tuple[str, str]]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return self._make()

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Inputs | tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __reduce__(self) -> tuple[type[tuple[Any, ...]], tuple[tuple[Any, ...]]]:
        return tuple, (tuple(self),)


def _listed(value: object) -> list[tuple[str, str]]:
    if isinstance(value, Inputs):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_listed)


def canonical_json(value: Any) -> str:
    """JSON with one spelling for each value: sorted keys, no spaces."""
    return _CANONICAL.encode(value)


def digest(value: Any) -> str:
    """Hex sha256 of the canonical JSON of ``value``."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def digest_of_each(values: Iterable[Sequence[str]]) -> str:
    """`digest` of a list of lists of strings, of which no more than one is held at a time."""
    return _hash_of_each(hashlib.sha256(), values).hexdigest()


def _hash_of_each(hashed: hashlib._Hash, values: Iterable[Sequence[str]]) -> hashlib._Hash:
    """``hashed`` with the canonical JSON of such a list. Made here, as it is called some times for each partition."""
    begin = "["
    for each in values:
        hashed.update(f"{begin}[{','.join(map(_string, each))}]".encode())
        begin = ","
    hashed.update(b"[]" if begin == "[" else b"]")
    return hashed


_string = json.encoder.encode_basestring


@dataclass(frozen=True)
class Basis:
    """Everything a partition's result depends on."""

    versions: Mapping[str, Any]
    settings: Mapping[str, Any]
    inputs: tuple[tuple[str, str], ...] | Inputs
    """(path, digest) of each input."""

    @property
    def fingerprint(self) -> str:
        """Hex sha256 over all parts: `digest` of a mapping with their names."""
        hashed = _hashed(self.inputs).copy()
        hashed.update(_rest(self.settings, self.versions))
        return hashed.hexdigest()


_last_inputs: tuple[tuple[tuple[str, str], ...] | Inputs, hashlib._Hash] | None = None
_last_rest: tuple[Mapping[str, Any], Mapping[str, Any], bytes] | None = None


def _hashed(inputs: tuple[tuple[str, str], ...] | Inputs) -> hashlib._Hash:
    """The hash of a basis up to its inputs, which the tasks of some steps share, and are as many as partitions."""
    global _last_inputs
    last = _last_inputs
    if last is None or last[0] is not inputs:
        _last_inputs = last = inputs, _hash_of_each(hashlib.sha256(b'{"inputs":'), inputs)
    return last[1]


def _rest(settings: Mapping[str, Any], versions: Mapping[str, Any]) -> bytes:
    """The JSON of a basis behind its inputs, which all tasks of a step mostly share."""
    global _last_rest
    last = _last_rest
    if last is None or last[0] is not settings or last[1] is not versions:
        text = f',"settings":{canonical_json(settings)},"versions":{canonical_json(versions)}}}'
        _last_rest = last = settings, versions, text.encode()
    return last[2]


class Record(NamedTuple):
    """A finished partition: what it was made from, what it wrote, and how its counts add up.

    A tuple, as `Output` is.
    """

    stage: str
    source: str
    key: str
    fingerprint: str
    versions: Mapping[str, Any]
    settings: Mapping[str, Any]
    inputs: str
    """Digest of the basis' inputs."""
    outputs: Mapping[str, Output]
    """By role, for example ``kept`` and ``dropped``."""
    rows_in: int
    rows_kept: int
    dropped: Mapping[str, Mapping[str, int]] = {}
    """Stage -> reason -> records."""
    extra: Mapping[str, Any] = {}

    def to_bytes(self) -> bytes:
        """As the JSON text that is stored."""
        data = self._asdict()
        data |= {"outputs": {role: output.to_json() for role, output in self.outputs.items()}}
        return (json.dumps(data, sort_keys=True, indent=1, ensure_ascii=False, default=dict) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Record:
        """Inverse of `to_bytes`. Raises as `read`."""
        return cls.read(io.BytesIO(data))

    @classmethod
    def read(cls, stream: BinaryIO) -> Record:
        """What `to_bytes` gave, from its begin. Large mappings are `compact.Packed`.

        Raises ValueError, TypeError or KeyError.
        """
        data = stream.read(LARGE)
        if len(data) < LARGE:
            values = json.loads(data)
        else:
            stream.seek(0)
            values = compact.read(stream)
        outputs = values["outputs"]
        if not isinstance(outputs, compact.Packed):
            values["outputs"] = {role: Output.from_json(output) for role, output in outputs.items()}
        return cls(**values)


LARGE = 2**20
"""Bytes of a record from which on it tells of so many partitions that it is read in another way."""

TABLES = "tables/"
"""Where in a workspace the tables of tasks lie, and their records."""


def table_path(stage: str, source: str, key: str, suffix: str = "parquet") -> str:
    """Where a partition's output of that kind lies in the workspace."""
    return f"{TABLES}{stage}/{source}/{key}.{suffix}"


def load(storage: Storage, stage: str, source: str, key: str) -> Record | None:
    """The record of a partition, or None if it is not done (or its record is of an unreadable, older form)."""
    try:
        with storage.open_whole(table_path(stage, source, key, "json")) as stream:
            return Record.read(stream)
    except NotFound:
        return None
    except (ValueError, TypeError, KeyError):
        return None


def save(storage: Storage, record: Record) -> str:
    """Mark a partition as done; call it after its outputs are written. As `Storage.write`."""
    return storage.write(table_path(record.stage, record.source, record.key, "json"), record.to_bytes())


def records(storage: Storage, stage: str, sources: Iterable[str]) -> list[Record]:
    """The records of a stage's partitions of these sources, in their order, then by key."""
    every = []
    for source in sources:
        for entry in storage.list(f"tables/{stage}/{source}/"):
            if entry.path.endswith(".json"):
                key = entry.path.rpartition("/")[2].removesuffix(".json")
                record = load(storage, stage, source, key)
                if record is not None:
                    every.append(record)
    return every


def explain_change(record: Record, basis: Basis) -> str:
    """Say in a few words why ``record`` cannot be reused for ``basis``."""
    changes = [f"{key} from {old} to {new}" for key, old, new in _differences(record.settings, basis.settings)]
    changes += [
        f"version of {key} from {old} to {new}" for key, old, new in _differences(record.versions, basis.versions)
    ]
    if record.inputs != digest(basis.inputs):
        changes.append("input")
    return "changed: " + ", ".join(changes[:3]) + (f" and {len(changes) - 3} more" if len(changes) > 3 else "")


def _differences(old: Any, new: Any, prefix: str = "") -> list[tuple[str, str, str]]:
    if isinstance(old, dict) and isinstance(new, dict):
        differences = []
        for key in sorted({*old, *new}):
            differences += _differences(old.get(key), new.get(key), f"{prefix}.{key}" if prefix else str(key))
        return differences
    return [] if old == new else [(prefix, canonical_json(old)[:40], canonical_json(new)[:40])]


def merged(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sums of several counts by name, sorted."""
    total: Counter[str] = Counter()
    for part in counts:
        total.update(part)
    return dict(sorted(total.items()))
