"""The models of a run's config: everything that decides what a dataset holds, checked before anything runs.

A config is a YAML file; ``--set`` replaces single values in it. `load` reads, merges, validates, and turns each fault
into one line that names the key, the value and what is allowed. The resolved config goes into the manifest; where the
workspace is, how it is reached, which engine runs and with how many workers are no part of it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    Field,
    PlainValidator,
    SerializeAsAny,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)

from pipeline.asking.settings import LIMITS, AskSettings
from pipeline.errors import ConfigError
from pipeline.sources.base import SourceSettings
from pipeline.sources.folder import FolderSource
from pipeline.sources.kinds import kinds
from pipeline.storage.uri import ATTEMPTS, Access, check_endpoint
from pipeline.work.sandbox import SandboxSettings
from stages.base import RowStage, Settings, SideStage
from stages.caption import CaptionSettings
from stages.crawl import CrawlSettings
from stages.deduplicate import DeduplicateSettings
from stages.installed import check_names, installed
from stages.licenses.policy import LicensesSettings, Policy
from stages.normalize import NormalizeSettings
from stages.render import RenderSettings
from stages.rowwise import PASS
from stages.sanitize import SanitizeSettings
from stages.score import ScoreSettings
from stages.tier import TierSettings
from stages.tokenize import TokenizeSettings
from stages.write import WriteSettings

CONFIG_VERSION = 1


class StorageSettings(Settings):
    """How object stores are reached: every s3:// path that does not say it itself (``?endpoint_url=…&attempts=…``)."""

    endpoint_url: str | None = Field(None, description="an S3-compatible server; null: the usual AWS settings")
    attempts: int = Field(ATTEMPTS, ge=1, le=100, description="how often a request is made before it has failed")

    @field_validator("endpoint_url")
    @classmethod
    def _reachable(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                check_endpoint(value, "storage")
            except ConfigError:
                raise ValueError("must be like http://host:9000") from None
        return value

    def access(self) -> Access:
        """As a URI can say it."""
        return Access(self.endpoint_url, self.attempts)


class PartitionSettings(Settings):
    """How sources are cut into partitions."""

    records: int = Field(1_000, ge=1, le=100_000, description="raw files in a partition, on average")
    seconds: float = Field(
        1_800,
        gt=0,
        le=7 * 86_400,
        description="wall-clock time of one task; over it, it is stopped, tried once more, then the row-wise pass "
        "looks for the record to blame, and other stages end the run. Steps over the whole corpus have no limit",
    )


class NeedsSettings(Settings):
    """What a task of one step takes of a node, where it is not as the step says."""

    cpus: float = Field(1.0, gt=0, description="CPUs that a task counts as")
    memory: int = Field(
        512 * 2**20, ge=0, description="bytes of the worker and its children, which no other task is promised; 0: none"
    )
    gpus: float = Field(0.0, ge=0, description="GPUs, or a share of one")


BUDGETED = ("crawl", *(stage.name for stage in PASS), "draw", "rowwise")
"""The stages that can quarantine records; under the last, what the sandbox and the workers lose is counted."""


def _budget(value: Any) -> float | dict[str, float]:
    if isinstance(value, dict):
        for stage in value:
            if stage not in BUDGETED:
                raise ValueError(f"{stage} is no stage with a budget; allowed here: {', '.join(BUDGETED)}")
        return {stage: _share(value[stage], f"of {stage} ") for stage in BUDGETED if stage in value}
    return _share(value)


def _share(value: Any, whose: str = "") -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"the share {whose}must be a number from 0 to 1")
    return float(value)


class CanvasSettings(Settings):
    """The square that drawings are brought onto. Stages that need it have it from here."""

    size: int = Field(784, ge=16, le=100_000, description="side, user units")
    tolerance: int = Field(
        10,
        ge=0,
        description="units beyond the canvas that positions may reach; the largest coordinate is size + tolerance",
    )
    fit: Literal["contain", "stretch"] = Field(
        "contain", description="how a viewBox meets the canvas: contain scales it evenly and centres it; stretch fills"
    )


ON_CANVAS = {
    "normalize": {"canvas": "size", "tolerance": "tolerance", "fit": "fit"},
    "tokenize": {"canvas": "size", "tolerance": "tolerance"},
    "render": {"fit": "fit"},
}
"""Settings of stages that come from `CanvasSettings`."""


def _source(value: Any) -> SourceSettings:
    """The settings of one source, by its kind: one that another package brings is as good as one of this."""
    if isinstance(value, SourceSettings):
        return value
    if not isinstance(value, dict):
        raise ValueError("must be a mapping with name, kind and what that kind needs")
    known = kinds()
    named: Any = Literal.__getitem__(tuple(sorted(known)))  # they are known only now
    kind = create_model("Source", kind=(named, ...)).model_validate(value).model_dump()["kind"]
    return known[kind].source.model_validate_json(json.dumps(value))


class Config(Settings):
    """A whole run."""

    config_version: Literal[1] = Field(description="form of this file; this svgmill reads 1")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", description="name of the dataset")
    workspace: str = Field("workspace", min_length=1, description="folder or s3:// URI for tables, shards and versions")
    storage: StorageSettings = StorageSettings()
    sources: tuple[SerializeAsAny[Annotated[SourceSettings, PlainValidator(_source)]], ...] = Field(
        min_length=1, description="in order of priority: earlier survive duplicates"
    )
    decontaminate: tuple[str, ...] = Field(
        (),
        description="folders, archives or Parquet files of benchmarks: no sample may be a duplicate"
        " of what is in them; paths as those of sources",
    )
    licenses: LicensesSettings = LicensesSettings()
    opt_outs: Literal["respect", "record"] = Field(
        "respect",
        description="respect: a record whose place reserves it from training is dropped; record: it is kept, and what "
        "was said of it stays beside it",
    )
    partition: PartitionSettings = PartitionSettings()
    resources: dict[str, NeedsSettings] = Field(
        default_factory=dict,
        description="step (samples, write, settle, ask, ...): what a task of it takes of a node, where it is not what "
        "the step says; no part of a version",
    )
    vocabulary: Literal["frozen", "learn"] = Field(
        "frozen",
        description="frozen: use the newest version's segments and ids while tokenize settings are equal; learn: anew",
    )
    error_budget: Annotated[float | dict[str, float], PlainValidator(_budget)] = Field(
        0.01,
        description="share of all records that may be quarantined before nothing is published (exit code 3); or such a "
        f"share for each of the stages {', '.join(BUDGETED[:-1])} and {BUDGETED[-1]} (what the "
        "sandbox and the workers lose), 0.01 for those left out",
    )
    sandbox: SandboxSettings = SandboxSettings()
    canvas: CanvasSettings = CanvasSettings()
    crawl: CrawlSettings = CrawlSettings()
    sanitize: SanitizeSettings = SanitizeSettings()
    normalize: NormalizeSettings = NormalizeSettings()
    tokenize: TokenizeSettings = TokenizeSettings()
    render: RenderSettings = RenderSettings()
    deduplicate: DeduplicateSettings = DeduplicateSettings()
    ask: AskSettings | None = Field(None, description="a model that is asked for captions; null: none is")
    caption: CaptionSettings = CaptionSettings()
    tier: TierSettings = TierSettings()
    score: ScoreSettings = ScoreSettings()
    write: WriteSettings = WriteSettings()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [source.name for source in (*self.sources, *self.benchmarks())]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"sources: the name {name!r} occurs twice; each source needs its own")
        return self

    @model_validator(mode="after")
    def _one_canvas(self) -> Self:
        for section, keys in ON_CANVAS.items():
            settings = getattr(self, section)
            for name, key in keys.items():
                own = getattr(settings, name)
                # a config that was validated before has both
                if name in settings.model_fields_set and own != getattr(self.canvas, key):
                    raise ValueError(f"{section}.{name}={own}: give it once, as canvas.{key}")
            shared = {name: getattr(self.canvas, key) for name, key in keys.items()}
            # the model is frozen from here on
            object.__setattr__(self, section, settings.model_copy(update=shared))
        return self

    def benchmarks(self) -> tuple[FolderSource, ...]:
        """What ``decontaminate`` names, as sources."""
        return tuple(
            FolderSource(name=f"decontaminate-{number}", kind="folder", path=path)
            for number, path in enumerate(self.decontaminate, 1)
        )

    def policy(self) -> Policy:
        """Which records of the sources are let in; benchmarks all are."""
        return Policy(licenses=self.licenses, opt_outs=self.opt_outs)

    def resolved(self) -> dict[str, Any]:
        """Every setting with its value, as the manifest holds it."""
        unasked: dict[str, Any] = {"ask": True if self.ask is None else set(LIMITS)}
        return self.model_dump(mode="json", exclude={"workspace": True, "storage": True, "resources": True} | unasked)


def with_sections(model: type[Config], stages: Sequence[RowStage[Any] | SideStage[Any]]) -> type[Config]:
    """``model`` with a section for each of ``stages``, which it may leave out if all its settings have defaults.

    Raises PackageUnusable if the section's name is a key of ``model``.
    """
    check_names(stages, tuple(model.model_fields))
    sections: dict[str, Any] = {}
    for stage in stages:
        required = any(field.is_required() for field in stage.settings.model_fields.values())
        sections[stage.section] = stage.settings, Field(description=stage.says) if required else stage.settings()
    return create_model("Config", __base__=model, **sections) if sections else model


MODEL = with_sections(Config, installed())
"""`Config` with the sections of the stages that other packages bring."""


@dataclass(frozen=True)
class Loaded:
    """A valid config, and the folder that its sources' relative paths start from."""

    config: Config
    base: Path


def load(path: Path, overrides: Sequence[str] = ()) -> Loaded:
    """Read a YAML config, apply ``key=value`` overrides, and validate. Raises ConfigError, one line a fault.

    Keys are dotted; a value is JSON where it parses as JSON, else a string.
    """
    data = read_yaml(path)
    base = path.resolve().parent
    for override in overrides:
        if assign(data, override) == "sources":
            base = Path.cwd()
    version = data.get("config_version")
    if isinstance(version, int) and version > CONFIG_VERSION:
        raise ConfigError(
            f"config {path} has config_version {version}, newer than the {CONFIG_VERSION} this svgmill reads; "
            "update svgmill"
        )
    try:
        return Loaded(MODEL.model_validate_json(json.dumps(data, default=str)), base)
    except ValidationError as error:
        raise ConfigError("\n".join(f"config {path}: {line}" for line in explain(error, MODEL, data))) from None


def read_yaml(path: Path) -> dict[str, Any]:
    """The settings in a YAML file. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"config {path} does not exist; configs/ holds examples") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"config {path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"config {path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"config {path} holds no settings; see configs/ for examples")
    return data


def assign(data: dict[str, Any], override: str) -> str:
    """Set what an override ``key=value`` says, and return the first part of its key. Raises ConfigError."""
    key, sign, value = override.partition("=")
    if not sign or not key:
        raise ConfigError(f"--set {override}: write it as key=value, for example --set render.size=256")
    keys = key.split(".")
    _assign(data, keys, _value(value), override)
    return keys[0]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _assign(data: dict[str, Any], keys: list[str], value: Any, override: str) -> None:
    target: Any = data
    for position, key in enumerate(keys):
        last = position == len(keys) - 1
        if isinstance(target, list):
            if not key.isdigit() or int(key) >= len(target):
                raise ConfigError(
                    f"--set {override}: {'.'.join(keys[:position])} is a list of {len(target)}; give an index"
                )
            at: Any = int(key)
        elif isinstance(target, dict):
            at = key
            if not last:
                target.setdefault(key, {})
        else:
            raise ConfigError(f"--set {override}: {'.'.join(keys[:position])} has no keys below it")
        if last:
            target[at] = value
        else:
            target = target[at]


def explain(error: ValidationError, model: type[BaseModel], data: Any = None) -> Iterable[str]:
    """One line for each fault pydantic found: the key, the value, and what is allowed.

    ``data``: what was validated, which a config's sources are told by.
    """
    faults = error.errors(include_url=False)
    for fault in faults:
        inside = len(fault["loc"])
        if any(other["loc"][:inside] == fault["loc"] and len(other["loc"]) > inside for other in faults):
            continue  # a list that is too short only because of the faults in its items
        where = ".".join(str(part) for part in fault["loc"])
        kind, context = fault["type"], fault.get("ctx", {})
        if kind == "extra_forbidden":
            allowed = _keys(model, fault["loc"][:-1], data)
            close = difflib.get_close_matches(str(fault["loc"][-1]), allowed, 1)
            hint = f"did you mean {close[0]}? " if close else ""
            yield f"{where}={_show(fault['input'])}: unknown key; {hint}allowed here: {', '.join(allowed)}"
        elif kind == "missing":
            yield f"{where}: this key is required"
        elif kind == "value_error":
            text = str(context.get("error", fault["msg"]))
            yield f"{where}={_show(fault['input'])}: {text}" if where else text
        else:
            allowed_text = fault["msg"].removeprefix("Input should be ")
            yield f"{where}={_show(fault['input'])}: must be {allowed_text}"


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def _keys(model: type[BaseModel], location: tuple[int | str, ...], data: Any) -> list[str]:
    if data is not None and location[:1] == ("sources",):  # a source's keys are those of its kind
        model, location = kinds()[data["sources"][location[1]]["kind"]].source, location[2:]
    current: Any = model
    for part in location:
        if isinstance(part, int) or not hasattr(current, "model_fields"):
            continue
        current = current.model_fields[part].annotation if part in current.model_fields else current
        for argument in getattr(current, "__args__", ()):
            if isinstance(argument, type) and issubclass(argument, BaseModel):
                current = argument
                break
    return sorted(current.model_fields) if hasattr(current, "model_fields") else []
