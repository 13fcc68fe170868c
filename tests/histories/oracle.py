"""What must hold of every version, checked apart from the product: manifests, indexes and shards are read as files.

The oracle knows the world it is shown, and what earlier versions published. It says what is wrong, a line each.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.histories.world import Drawing, World

Record = tuple[str, str, str]
"""Source, path, raw id."""

NOT_CONTENT = ("version", "parent", "lineage")


@dataclass
class Published:
    """What one version said."""

    samples: dict[str, dict[str, Any]] = field(default_factory=dict)
    records: dict[str, dict[str, Drawing]] = field(default_factory=dict)
    """Source -> path -> drawing: what was there, or was kept."""
    merging: str = ""
    """What of the settings says which drawings are one."""
    splitting: str = ""


class Oracle:
    """Follows the versions of one workspace."""

    def __init__(self, workspace: Path) -> None:
        self._ws = workspace
        self._last = Published()
        self._since: dict[Record, int] = {}
        self._known: dict[str, dict[str, Any]] = {}
        self.places: dict[tuple[str, str], set[int]] = {}
        """Source, path -> the drawings that ever were published with it."""
        self.taken: set[int] = set()
        """Numbers of drawings that were taken down."""
        self.rules: list[tuple[str, str]] = []
        """Source and beginning of path of what was taken down by path, which names what comes later, too."""
        self._drawings: dict[str, Drawing] = {}
        """Raw id -> drawing, of all that ever was there."""
        self._told: dict[str, set[tuple[str, str]]] = {}
        """Path of a part of an index or of a shard -> (licence, raw id)."""
        self.licenses: set[str] = set()
        """Licences that were taken down, which names what comes later, too."""
        self._ruled: set[tuple[str, str]] = set()
        """Source and path of what a rule names now: it stands for nothing."""
        self._named: set[int] = set()
        """Drawings that such a rule named at some time: these need not be there, and leave for good with a purge."""
        self.forgotten = False

    def epoch(self) -> None:
        """The corpus changed: what versions of settings were before says nothing any more."""
        self._known.clear()

    def newest(self) -> int:
        """The number of the newest version, 0 for none."""
        return max((int(path.parent.name) for path in self._ws.glob("versions/*/manifest.json")), default=0)

    def check(self, world: World, settings: dict[str, Any], was: int) -> list[str]:
        """What is wrong after a run with ``settings``; ``was``: the newest version before it."""
        number = self.newest()
        manifest = json.loads((self._ws / f"versions/{number}/manifest.json").read_text())
        wrong = list(self._files(manifest)) + list(self._counts(manifest))
        if wrong:
            return wrong
        try:
            samples = self._samples(manifest)
        except (OSError, KeyError, ValueError) as error:
            return [f"{type(error).__name__}: {error}"]
        wrong += self._formats(manifest, samples)
        wrong += self._index(manifest, samples)
        wrong += self._places(manifest, samples)
        records = self._there(world)
        wrong += self._provenance(world, records, samples)
        wrong += self._membership(records, samples, settings)
        wrong += self._leads(records, samples, settings, number if number != was else was)
        wrong += self._splits(samples, settings)
        wrong += self._back(manifest, settings)
        expected = sum(map(len, records.values()))
        here = {source.name: source.records() for source in world.sources}
        # what was taken down is not kept
        gone = self.taken | self._named
        let_go = sum(d.number in gone for s, of in records.items() for p, d in of.items() if p not in here[s])
        if not expected - let_go <= manifest["funnel"]["input"] <= expected:
            wrong.append(f"{manifest['funnel']['input']} records went in, {expected} are there or kept")
        for source, of in records.items():
            for path, drawing in of.items():
                self.places.setdefault((source, path), set()).add(drawing.number)
        self._drawings.update({d.raw_id: d for of in records.values() for d in of.values()})
        self._last = Published(samples, records, _merging(settings), _splitting(settings))
        self.forgotten = False
        return wrong

    def licensed(self, license: str) -> set[Drawing]:
        """The drawings that any version says, in what is left of it, to be under a licence."""
        told: set[str] = set()
        for path in self._ws.glob("versions/*/manifest.json"):
            manifest = json.loads(path.read_text())
            redacted = path.with_name("redacted.json")
            left = json.loads(redacted.read_text())["left"] if redacted.exists() else {}
            for file in [*_files(manifest, "provenance"), *_shards(manifest, "parquet")]:
                table = left.get(file["path"], file["path"])
                if not (self._ws / table).exists():
                    continue
                if table not in self._told:
                    rows = pq.read_table(self._ws / table, columns=["provenance"], use_threads=False).to_pylist()
                    origins = [origin for row in rows for origin in row["provenance"]]
                    self._told[table] = {(origin["license"], origin["raw_id"]) for origin in origins}
                told.update(raw_id for own, raw_id in self._told[table] if own == license)
        return {self._drawings[raw_id] for raw_id in told}

    # -- files

    def _files(self, manifest: dict[str, Any]) -> Iterator[str]:
        for role in ("shard", "index", "provenance", "clusters", "lineage", "layout", "vocabulary/tokenizer"):
            if manifest["funnel"]["kept"] and not _files(manifest, role):
                yield f"no file is {role}"
        for file in manifest["files"]:
            path = self._ws / file["path"]
            if not path.exists():
                yield f"{file['path']} is not there"
            elif hashlib.sha256(path.read_bytes()).hexdigest() != file["sha256"]:
                yield f"{file['path']} is not what the manifest says"

    def _counts(self, manifest: dict[str, Any]) -> Iterator[str]:
        funnel = manifest["funnel"]
        out = sum(funnel["rejected"].values()) + sum(funnel["quarantined"].values())
        if funnel["input"] != funnel["kept"] + funnel["duplicate"] + out:
            yield "the funnel does not balance"
        for name in ("input", "kept", "duplicate"):
            if sum(source[name] for source in manifest["sources"]) != funnel[name]:
                yield f"the sources' {name} is not the funnel's"
        if funnel["quarantined"]:
            yield f"quarantined {funnel['quarantined']}"
        if sum(manifest["licenses"].values()) != funnel["kept"]:
            yield "the licences are not those of what was kept"

    def _samples(self, manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for shard in _shards(manifest, "parquet"):
            for row in pq.read_table(self._ws / shard["path"], use_threads=False).to_pylist():
                if row["sample_id"] in found:
                    raise ValueError(f"{row['sample_id']} is in two shards")
                if hashlib.sha256(row["svg"].encode()).hexdigest() != row["sample_id"]:
                    raise ValueError(f"{row['sample_id']} is not the digest of its SVG")
                if (row["tier"], row["split"]) != (shard["tier"], shard["split"]):
                    raise ValueError(f"{row['sample_id']} is in a shard of another tier or split")
                found[row["sample_id"]] = row
        if len(found) != manifest["funnel"]["kept"]:
            raise ValueError(f"shards hold {len(found)} samples, {manifest['funnel']['kept']} were kept")
        return found

    def _formats(self, manifest: dict[str, Any], samples: dict[str, dict[str, Any]]) -> Iterator[str]:
        seen: dict[str, dict[str, Any]] = {}
        shards = _shards(manifest, "webdataset")
        for shard in shards:
            with tarfile.open(fileobj=io.BytesIO((self._ws / shard["path"]).read_bytes())) as tar:
                for member in tar:
                    name, _, kind = member.name.partition(".")
                    stream = tar.extractfile(member)
                    assert stream is not None
                    seen.setdefault(name, {})[kind] = stream.read()
        if not shards:
            return
        if seen.keys() != samples.keys():
            yield "the formats do not hold the same samples"
            return
        for name, members in seen.items():
            row, told = samples[name], json.loads(members["json"])
            if members["svg"].decode() != row["svg"] or members["png"] != row["png"]:
                yield f"{name}: the formats have other pictures"
            for key in ("tokens", "tier", "split", "license", "provenance"):
                if told[key] != row[key]:
                    yield f"{name}: the formats differ in {key}"

    def _places(self, manifest: dict[str, Any], samples: dict[str, dict[str, Any]]) -> Iterator[str]:
        rows = [
            row
            for part in _files(manifest, "index")
            for row in pq.read_table(self._ws / part["path"], use_threads=False).to_pylist()
        ]
        if sorted(row["sample_id"] for row in rows) != sorted(samples):
            yield "the index does not have each sample once"
            return
        shards = {shard["path"]: shard for shard in _shards(manifest, "parquet")}
        ids = {path: pq.read_table(self._ws / path, columns=["sample_id"])["sample_id"].to_pylist() for path in shards}
        for row in rows:
            name, path = row["sample_id"], row["shard"]["parquet"]
            if ids[path][row["row"]] != name or row["generation"] != shards[path]["generation"]:
                yield f"{name}: it is not where the index says"
            if any(row[key] != samples[name][key] for key in ("tier", "split", "license", "atomic_length", "source")):
                yield f"{name}: the index and its shard differ"
        for path, shard in shards.items():
            if any(int(name, 16) * shard["places"] >> 256 != shard["place"] for name in ids[path]):
                yield f"{path} has samples that another shard should have"
        kinds = [tuple(shard[key] for key in ("generation", "tier", "split", "place")) for shard in shards.values()]
        if len(kinds) != len(set(kinds)):
            yield "two shards are the same part of a kind"

    def _index(self, manifest: dict[str, Any], samples: dict[str, dict[str, Any]]) -> Iterator[str]:
        rows = [
            row
            for part in _files(manifest, "provenance")
            for row in pq.read_table(self._ws / part["path"], use_threads=False).to_pylist()
        ]
        index = {row["sample_id"]: row for row in rows}
        if index.keys() != samples.keys():
            yield "index and shards do not hold the same samples"
            return
        for name, row in samples.items():
            known = index[name]["provenance"]
            if row["provenance"][0] != known[0] or row["license"] != known[0]["license"]:
                yield f"{name}: the shard has another record or licence than the index"
            if any(origin not in known for origin in row["provenance"]):
                yield f"{name}: the shard tells of a copy that is not in the index"
            samples[name]["all"] = known
            samples[name]["cluster"] = index[name]["cluster_id"]
        together: dict[str, set[str]] = {}
        for name, row in samples.items():
            together.setdefault(index[name]["cluster_id"], set()).add(row["split"])
        for cluster, splits in together.items():
            if len(splits) > 1:
                yield f"cluster {cluster} is in {sorted(splits)}"

    # -- who must be there

    def _there(self, world: World) -> dict[str, dict[str, Drawing]]:
        found = {}
        self._ruled = set()
        for source in world.sources:
            here = source.records()
            if source.on_missing == "keep":
                here = {p: d for p, d in self._last.records.get(source.name, {}).items() if p not in here} | here
            found[source.name] = here
            for path, drawing in here.items():
                ruled = any(source.name == name and path.startswith(start) for name, start in self.rules)
                if ruled or source.license in self.licenses:
                    self._named.add(drawing.number)
                    self._ruled.add((source.name, path))
        return found

    def _provenance(
        self, world: World, records: dict[str, dict[str, Drawing]], samples: dict[str, dict[str, Any]]
    ) -> Iterator[str]:
        licenses = {source.name: source.license for source in world.sources}
        tables = {source.name for source in world.sources if source.rows is not None}
        seen: set[tuple[str, str]] = set()
        for name, row in samples.items():
            for origin in row["all"]:
                place = origin["source"], origin["path"]
                drawing = records.get(place[0], {}).get(place[1])
                if drawing is None or drawing.raw_id != origin["raw_id"]:
                    yield f"{name}: {place} is not there, or something else"
                elif origin["url"] != (drawing.url if place[0] in tables else None):
                    yield f"{name}: {place} is said to be from {origin['url']}"
                elif origin["license"] != licenses[place[0]]:
                    yield f"{name}: {place} has licence {origin['license']}, not {licenses[place[0]]}"
                if place in seen:
                    yield f"{place} is told of twice"
                seen.add(place)

    def _membership(
        self, records: dict[str, dict[str, Drawing]], samples: dict[str, dict[str, Any]], settings: dict[str, Any]
    ) -> Iterator[str]:
        told = {
            _class(records[o["source"]][o["path"]], settings)
            for row in samples.values()
            for o in row["all"]
            if o["path"] in records.get(o["source"], {})
        }
        for of in records.values():
            for path, drawing in of.items():
                if drawing.number in self.taken or drawing.number in self._named:
                    continue
                if _class(drawing, settings) not in told and not rejected(drawing, settings):
                    yield f"drawing {drawing} at {path} is in no sample"
        for name, row in samples.items():
            for origin in row["all"]:
                drawing = records.get(origin["source"], {}).get(origin["path"])
                if drawing is not None and drawing.number in self.taken:
                    yield f"{name} is of drawing {drawing.number}, which was taken down"

    def _leads(
        self,
        records: dict[str, dict[str, Drawing]],
        samples: dict[str, dict[str, Any]],
        settings: dict[str, Any],
        number: int,
    ) -> Iterator[str]:
        """One lead record a drawing, the one of longest standing that is there.

        What a rule names is taken down, and its copies in other places with it, also while only the rule says so: the
        standing of all of these is lost, and a rule that names nothing any more (another source, another licence) does
        not give it back. Of what the settings keep out nothing is decided, so there it is not lost.
        """
        there = {
            (s, p, d.raw_id): d
            for s, of in records.items()
            for p, d in of.items()
            if (s, p) not in self._ruled or rejected(d, settings)
        }
        since = self._standing(there)
        told = {(o["source"], o["path"], o["raw_id"]) for row in samples.values() for o in row["all"]}
        for record in [record for record in since if record not in told]:
            if there[record].number in self.taken | self._named and not rejected(there[record], settings):
                del since[record]
        leads: dict[Any, list[Record]] = {}
        for row in samples.values():
            first = row["all"][0]
            record = first["source"], first["path"], first["raw_id"]
            if record in there:
                leads.setdefault(_class(there[record], settings), []).append(record)
        for kind, of in leads.items():
            if len(of) > 1 and _strict(settings):
                yield f"{kind} has {len(of)} lead records: {of}"
            standing = [
                (version, record)
                for record, version in since.items()
                if _class(there[record], settings) == kind and not rejected(there[record], settings)
            ]
            if standing and _strict(settings):
                oldest = min(version for version, _ in standing)
                if not any((oldest, record) in standing for record in of):
                    yield f"{kind} is led by {of}, but {[r for v, r in standing if v == oldest]} led since {oldest}"
        for of in leads.values():
            for record in of:
                since.setdefault(record, number)
        self._since = since

    def _standing(self, there: dict[Record, Drawing]) -> dict[Record, int]:
        """Since when those that are there have led; what was moved within its source has led since then, too."""
        places = {(s, p) for s, p, _ in there}
        moved: dict[tuple[str, str], list[Record]] = {}
        for record in there:
            moved.setdefault((record[0], record[2]), []).append(record)
        since: dict[Record, int] = {}
        for record, version in self._since.items() if not self.forgotten else ():
            if record in there:
                since[record] = version
            elif record[:2] not in places or moved.get((record[0], record[2])):
                for other in moved.get((record[0], record[2]), ()):  # it was moved within its source
                    if other not in self._since:
                        since[other] = min(version, since.get(other, version))
        return since

    def _splits(self, samples: dict[str, dict[str, Any]], settings: dict[str, Any]) -> Iterator[str]:
        before = self._last
        if _splitting(settings) != before.splitting or _merging(settings) != before.merging or self.forgotten:
            return
        for name, row in samples.items():
            was = before.samples.get(name)
            if was is not None and was["split"] != row["split"]:
                yield f"{name} moved from {was['split']} to {row['split']}"

    def _back(self, manifest: dict[str, Any], settings: dict[str, Any]) -> Iterator[str]:
        """A setting changed and changed back gives what was there before."""
        content = {name: value for name, value in manifest.items() if name not in NOT_CONTENT}
        # the lineage tells of all that ever was, so it goes on
        content["files"] = [file for file in manifest["files"] if file["role"] != "lineage"]
        key = json.dumps(settings, sort_keys=True)
        before = self._known.setdefault(key, content)
        differing = [name for name in content if content[name] != before[name]]
        if differing:
            self._known[key] = content
            yield f"changed back, it differs in {', '.join(f'{n}: {_first(content[n], before[n])}' for n in differing)}"


def _first(one: Any, other: Any) -> str:
    """Where two values begin to differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        return next(
            f"{k} {_first(one.get(k), other.get(k))}"
            for k in sorted(one.keys() | other.keys())
            if one.get(k) != other.get(k)
        )
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return next(f"{n} {_first(a, b)}" for n, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)
    return f"{str(one)[:90]} not {str(other)[:90]}"


def _class(drawing: Drawing, settings: dict[str, Any]) -> Any:
    """What two records share that are one drawing under these settings."""
    own = settings.get("deduplicate", {})
    return drawing.number if own.get("recoloured", "drop") == "drop" else (drawing.number, drawing.colour)


def _strict(settings: dict[str, Any]) -> bool:
    return True


def rejected(drawing: Drawing, settings: dict[str, Any]) -> bool:
    """Whether the settings keep a drawing out, whatever it is a copy of."""
    most = settings.get("sanitize", {}).get("max_elements")
    return most is not None and 2 + drawing.number % 3 > most


def _merging(settings: dict[str, Any]) -> str:
    own = {name: settings.get(name, {}) for name in ("deduplicate", "normalize")}
    return json.dumps(own | {"sanitize": settings.get("sanitize", {})}, sort_keys=True)


def _splitting(settings: dict[str, Any]) -> str:
    own = settings.get("tier", {})
    return json.dumps({name: own.get(name) for name in ("splits", "seed")}, sort_keys=True)


def remains(workspace: Path, needles: list[bytes]) -> list[str]:
    """The files of a workspace in which one of ``needles`` is, in whatever way the file is packed."""
    found = []
    for path in sorted(p for p in workspace.rglob("*") if p.is_file()):
        data = path.read_bytes()
        parts = [data]
        if data[:4] == b"PAR1" and data[-4:] == b"PAR1":
            # what is dealt into shards is several tables in one file
            inner = data[4:-4].split(b"PAR1PAR1")
            tables = [pq.read_table(io.BytesIO(b"PAR1" + each + b"PAR1"), use_threads=False) for each in inner]
            parts = [repr(table.to_pydict()).encode() for table in tables]
            parts += [each for table in tables for each in _binaries(table)]
        if any(needle in part for needle in needles for part in parts):
            found.append(path.relative_to(workspace).as_posix())
    return found


def _binaries(table: pa.Table) -> list[bytes]:
    return [
        value if isinstance(value, bytes) else value.encode()
        for name in table.column_names
        for value in table[name].to_pylist()
        if isinstance(value, bytes | str)
    ]


def _files(manifest: dict[str, Any], role: str) -> list[dict[str, Any]]:
    return [file for file in manifest["files"] if file["role"] == role]


def _shards(manifest: dict[str, Any], form: str) -> list[dict[str, Any]]:
    return [file for file in _files(manifest, "shard") if file["format"] == form]
