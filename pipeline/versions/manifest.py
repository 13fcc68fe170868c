"""The manifest: what a version is, as it is published and read back.

A manifest is JSON of one form (`FORM`). It holds names and numbers only: no clock, no host, no path of a machine. All
that a version consists of is in `Manifest.files`, each file with its role, so nobody who copies, checks or collects
files has to know what there is. Manifests of earlier forms are converted when they are read.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from stages.tier import Count, Tier, plain

FORM = 5
"""``manifest_version`` of what is published. 1 had one index, 2 a list of files for each of their roles; 3 called index
what is provenance, and its shards were of one source and had no place among others; 4 knew no snapshots."""

SHARD, INDEX, LAYOUT = "shard", "index", "layout"
PROVENANCE, CLUSTERS, LINEAGE = "provenance", "clusters", "lineage"
"""Roles: a shard; where each sample is (`stages.sides.index_schema`); the table `sources.partitions.LAYOUT`; tables
`stages.schema.ORIGINS`, `CLUSTERS` and `LINEAGE`."""

KEPT, RAW = "kept", "raw"
"""Roles: what sources have no more and keep (`Kept`), and the raw tables in which it will be found what vanishes next.
They serve the run that builds on the version, so of versions that are not the newest they may be gone."""

NAMING_RECORDS = (SHARD, INDEX, PROVENANCE, CLUSTERS, LINEAGE, KEPT)
"""Roles of files that name samples or records by their ids, and so go when these are taken down. A raw table is made
anew instead."""

KEPT_PLACE = "kept/"
"""Where in the workspace the tables lie that sources keep."""

VOCABULARY = "vocabulary/"
"""How roles of a vocabulary's files begin: vocabulary/tokenizer, vocabulary/segments …"""


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of a version: ``path`` in the workspace, hex ``sha256``, size in ``bytes``."""

    role: str
    path: str
    sha256: str
    bytes: int
    rows: int | None = None
    """Rows of a table; None for what is no table, and of tables whose version did not note it."""


@dataclass(frozen=True, kw_only=True)
class Shard(File):
    """A file of samples of one tier and split; the three last are sums over them."""

    role: str = SHARD
    rows: int = field()
    format: str
    """One of `stages.write.FORMATS`."""
    tier: str
    split: str
    atomic_tokens: int
    segment_tokens: int
    ids: int
    generation: int | None = None
    """The version that its samples came in with; None: the version is older than such shards."""
    place: int = 0
    """Which of ``places`` equal ranges of sample ids it has, counted from 0."""
    places: int = 1
    """Shards that the samples of this generation, tier and split are dealt into, those included that got none."""
    picture_bytes: int = 0
    """Of the pictures in it; 0 if it has none, or the version did not note it."""


@dataclass(frozen=True, kw_only=True)
class RawTable(File):
    """The records of a chunk of a source, as they were crawled."""

    role: str = RAW
    source: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Kept(RawTable):
    """A table of records that their source has no more; see `pipeline.steps.keep`."""

    role: str = KEPT
    rows: int = field()
    row_groups: tuple[int, ...]
    """Rows of each row group."""
    generation: int
    """The version that they were new in, as kept records."""
    license: str


@dataclass(frozen=True)
class Funnel:
    """Where every input record ended; ``input`` equals the sum of the rest. The mappings count by reason code."""

    input: int
    kept: int
    duplicate: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    quarantined: Mapping[str, int] = field(default_factory=dict)

    @property
    def rejected_total(self) -> int:
        """Records rejected by a rule, over all reasons."""
        return sum(self.rejected.values())

    @property
    def quarantined_total(self) -> int:
        """Records that the machinery gave up on, over all reasons."""
        return sum(self.quarantined.values())

    @property
    def difference(self) -> int:
        """Input minus the four outcomes."""
        return self.input - self.kept - self.duplicate - self.rejected_total - self.quarantined_total

    @property
    def balanced(self) -> bool:
        """Whether each record is counted exactly once."""
        return self.difference == 0


@dataclass(frozen=True)
class StageCount:
    """What one stage took in and let through; ``dropped`` counts by reason code, duplicates included."""

    stage: str
    input: int
    kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SourceCount(Funnel):
    """Where one source's records ended. ``license`` is the SPDX expression configured for the source."""

    source: str
    license: str


@dataclass(frozen=True)
class CreatedBy:
    """What made a version: the tool, the versions of stages and renderer, and of the libraries that bytes depend on."""

    tool: str
    stages: Mapping[str, int | str]
    libraries: Mapping[str, str]


@dataclass(frozen=True)
class Vocabulary:
    """Which vocabulary a version has; its files are those whose role begins with `VOCABULARY`."""

    basis: Mapping[str, Any]
    """Settings and versions that it was learned by, as JSON: compared as a whole, never looked into."""
    fingerprint: str


@dataclass(frozen=True)
class TierEdges:
    """A tier: from its lower edge, which it holds, to its upper one, which it does not unless it is the last."""

    name: str
    start: float
    end: float | None
    """None: the last tier has no upper edge."""


@dataclass(frozen=True)
class Tiers:
    """Which tiers a version has, beside short and long."""

    count: Count
    """What their edges count."""
    edges: tuple[TierEdges, ...]
    """In order; each begins where the one before ends."""
    basis: Mapping[str, Any] = field(default_factory=dict)
    """Settings and versions that the edges were found by, as JSON: compared as a whole, never looked into; empty if the
    config has the edges."""

    @classmethod
    def of(cls, count: Count, tiers: Iterable[Tier], basis: Mapping[str, Any]) -> Tiers:
        """As the settings have them."""
        edges = [
            TierEdges(each.name, plain(each.start), None if each.end is None else plain(each.end)) for each in tiers
        ]
        return cls(count, tuple(edges), basis)

    def settings(self) -> tuple[Tier, ...]:
        """Inverse of `of`."""
        return tuple(
            Tier.model_validate({"name": each.name, "from": each.start, "to": each.end}) for each in self.edges
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None, config: Mapping[str, Any]) -> Tiers:
        """Of a manifest; of one that is older than tiers in manifests, as its ``config`` has them."""
        if data is None:
            tiers = [TierEdges(each["name"], each["from"], each["to"]) for each in config["tier"]["tiers"]]
            return cls("atomic", tuple(tiers))
        return cls(data["count"], tuple(TierEdges(**each) for each in data["edges"]), data["basis"])


@dataclass(frozen=True)
class Lineage:
    """``merged``: clusters that hold what was published apart. The tables have the role `LINEAGE`."""

    merged: int


@dataclass(frozen=True)
class Takedowns:
    """``requests``: paths of what was asked for; ``records``: how many of this version's input they took."""

    requests: tuple[str, ...] = ()
    records: int = 0


@dataclass(frozen=True)
class Captions:
    """What the samples' captions are, in counts; names are ``origin style``, of rejections ``reason origin``."""

    first: Mapping[str, int] = field(default_factory=dict)
    """The chosen ones."""
    every: Mapping[str, int] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)
    """Characters from which on lengths are counted together -> chosen ones."""
    rejected: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """One version of the dataset."""

    version: int
    parent: int | None
    created_by: CreatedBy
    config: Mapping[str, Any]
    """The resolved config, as JSON."""
    fingerprints: Mapping[str, str]
    """Stage -> digest over its partitions' fingerprints (of crawl: over its outputs)."""
    funnel: Funnel
    stages: tuple[StageCount, ...]
    """In the order in which records pass them."""
    sources: tuple[SourceCount, ...]
    """In the config's order."""
    duplicates: Mapping[str, int]
    """Reason -> records, for the funnel's duplicates."""
    files: tuple[File, ...]
    """All that the version consists of, sorted by path, each once."""
    vocabulary: Vocabulary
    tiers: Tiers
    licenses: Mapping[str, int]
    """SPDX expression -> samples."""
    notes: Mapping[str, int]
    """What the stages took out or repaired -> records that passed the row-wise pass."""
    raw_bytes: int
    """Bytes of the kept samples' source files."""
    lineage: Lineage | None = None
    """None: the version is older than lineage."""
    takedowns: Takedowns = Takedowns()
    no_input: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Source -> kind (extension, link, pipe …) -> files in it, and in its archives, that were no input."""
    snapshots: Mapping[str, int] = field(default_factory=dict)
    """Source -> number of the snapshot that was read of what the network gave; see `pipeline.sources.snapshots`."""
    asked: Mapping[str, float] = field(default_factory=dict)
    """Of captions that a model was asked for, by what came of them (answered, refused …), and what they took in all:
    requests, input_tokens, output_tokens, money; nothing where none was."""
    captions: Captions = Captions()

    # -- its files by role

    def of_role(self, role: str) -> list[File]:
        """The files of one role, in path order."""
        return [file for file in self.files if file.role == role]

    @property
    def shards(self) -> list[Shard]:
        """The shards of all formats, in path order."""
        return [file for file in self.files if isinstance(file, Shard)]

    def sizes(self) -> dict[str, int]:
        """Bytes of the shards of each format, of the pictures in them, and of other files by role; largest first."""
        sizes: dict[str, int] = {}
        for file in self.files:
            role = file.role.partition("/")[0]
            if isinstance(file, Shard):
                role = f"{file.format} shards"
                sizes["pictures in them"] = sizes.get("pictures in them", 0) + file.picture_bytes
            sizes[role] = sizes.get(role, 0) + file.bytes
        return dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0])))

    @property
    def kept(self) -> list[Kept]:
        """The tables of what sources keep."""
        return [file for file in self.files if isinstance(file, Kept)]

    @property
    def raw(self) -> list[RawTable]:
        """The raw tables of sources that keep."""
        return [file for file in self.files if isinstance(file, RawTable) and file.role == RAW]

    @property
    def lasting(self) -> list[File]:
        """The files that stay as long as the version does, whether it is the newest or not."""
        return [file for file in self.files if file.role not in (KEPT, RAW)]

    @property
    def layout(self) -> File | None:
        """The table of which input is in which partition; None: the version is older than layouts."""
        return next(iter(self.of_role(LAYOUT)), None)

    @property
    def vocabulary_files(self) -> dict[str, File]:
        """Name (tokenizer, segments …) -> file of the vocabulary."""
        return {file.role.removeprefix(VOCABULARY): file for file in self.files if file.role.startswith(VOCABULARY)}

    @property
    def tokenizer_folder(self) -> str:
        """Where the vocabulary's files lie together."""
        return self.vocabulary_files["tokenizer"].path.rpartition("/")[0]

    # -- as JSON

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        # of files there can be hundreds of thousands, and none holds anything that would have to be copied
        return {
            "manifest_version": FORM,
            **asdict(replace(self, files=())),
            "files": [vars(file) for file in self.files],
        }

    def to_bytes(self) -> bytes:
        """As the JSON text that is published."""
        return json_bytes(self.to_json())

    def content(self) -> dict[str, Any]:
        """All that makes this version differ from another, beside its number and what was before it.

        Files that are no input do not; nor does how many rows were noted of a file, since its digest stands for it, nor
        when the same was fetched.
        """
        # of files there can be hundreds of thousands
        data = asdict(replace(self, files=()))
        del data["version"], data["parent"], data["lineage"], data["no_input"], data["snapshots"]
        del data["asked"], data["captions"]
        data["files"] = [
            {name: value for name, value in vars(file).items() if name != "rows"}
            for file in self.files
            if file.role != LINEAGE
        ]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Manifest:
        """Inverse of `to_json`; earlier forms are converted. Raises UnknownForm, KeyError or TypeError."""
        form = data.get("manifest_version")
        if form not in (1, 2, 3, 4, FORM):
            raise UnknownForm(form)
        data = {name: value for name, value in data.items() if name != "manifest_version"}
        if form == 1:
            data |= {"index": [data["index"]] if data.get("index") else []}
        if form in (1, 2):
            data = _from_form_2(data)
        if form in (1, 2, 3):
            data |= {"files": [_from_form_3(file) for file in data["files"]]}
        return cls(
            **data
            | {
                "created_by": CreatedBy(**data["created_by"]),
                "funnel": Funnel(**data["funnel"]),
                "stages": tuple(StageCount(**stage) for stage in data["stages"]),
                "sources": tuple(SourceCount(**source) for source in data["sources"]),
                "files": files_of(_file(file) for file in data["files"]),
                "vocabulary": Vocabulary(**data["vocabulary"]),
                "tiers": Tiers.from_json(data.get("tiers"), data["config"]),
                "lineage": None if data["lineage"] is None else Lineage(**data["lineage"]),
                "captions": Captions(**data.get("captions", {})),
                "takedowns": Takedowns(tuple(data["takedowns"]["requests"]), data["takedowns"]["records"]),
            }
        )


_CLASSES: Mapping[str, type[File]] = {SHARD: Shard, KEPT: Kept, RAW: RawTable}


def _file(data: Mapping[str, Any]) -> File:
    file = _CLASSES.get(data["role"], File)(**data)
    return replace(file, row_groups=tuple(file.row_groups)) if isinstance(file, Kept) else file


def files_of(files: Iterable[File]) -> tuple[File, ...]:
    """As a manifest has them: each path once, in order."""
    return tuple(sorted({file.path: file for file in files}.values(), key=lambda file: file.path))


def _from_form_2(data: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of form 3 for that of form 2, whose last parts came one after the other."""
    now = dict(data)
    files = [{"role": SHARD, **file} for file in now.pop("shards")]
    vocabulary = dict(now.pop("vocabulary"))
    files += [{"role": f"{VOCABULARY}{name}", **file} for name, file in vocabulary.pop("files").items()]
    lineage, kept, layout = now.pop("lineage", {}), now.pop("kept", {}), now.pop("layout", {})
    for role, parts in (
        ("index", now.pop("index")),
        (CLUSTERS, now.pop("clusters", ())),
        (LINEAGE, lineage.get("files", ())),
        (LAYOUT, [layout] if layout else ()),
        (KEPT, kept.get("tables", ())),
        (RAW, kept.get("raw", ())),
    ):
        files += [{"role": role, **file} for file in parts]
    stages = [{"input" if name == "in" else name: value for name, value in stage.items()} for stage in now["stages"]]
    return now | {
        "files": files,
        "vocabulary": vocabulary,
        "stages": stages,
        "lineage": {"merged": lineage["merged"]} if lineage else None,
        "takedowns": now.get("takedowns") or {"requests": (), "records": 0},
    }


def _from_form_3(file: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of a file of form 4 for that of form 3."""
    return {**file, "role": PROVENANCE if file["role"] == "index" else file["role"]}


class UnknownForm(Exception):
    """A manifest of a form that this code does not know."""

    def __init__(self, form: object) -> None:
        self.form = form


def json_bytes(data: Mapping[str, Any]) -> bytes:
    """JSON as manifests are spelled."""
    text = io.StringIO()
    # piece by piece: all pieces at once take ten times what the text does
    for piece in json.JSONEncoder(indent=1, sort_keys=True, ensure_ascii=False).iterencode(data):
        text.write(piece)
    return (text.getvalue() + "\n").encode()
