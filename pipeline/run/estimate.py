"""What a run over so many files would take of a cluster: core-hours, hours, storage, requests, money.

Everything is in proportion to a run that was made: a calibration, of a thousand files or more of the same kinds, in the
workspace that is given. Its ledger says how many records each step took in and what it left; its rates say how long
that took. Tables are in proportion to partitions, which few files of many sources leave small. Steps whose work does
not grow so are told by `Estimate.serial_seconds`: they have one task, which no second worker makes faster.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, ValidationError

from pipeline.config import explain, read_yaml
from pipeline.errors import ConfigError
from pipeline.run.costs import rates
from pipeline.steps.crawl import CRAWL
from pipeline.steps.learning import FREQUENT, SEGMENTS
from pipeline.steps.registry import STEPS
from pipeline.steps.rowwise import SAMPLES_STEP
from pipeline.steps.tiers import EDGES
from pipeline.steps.write import WRITE
from pipeline.storage.base import Storage
from pipeline.versions import browse, published
from pipeline.work.ledger import TABLES
from pipeline.work.task import Needs
from stages.base import Settings

READS = 2.0
"""Objects that are read for each that is written, about: by the step that follows, and when it is checked."""

_SHARED = ("vocabularies", "versions", "marks", "takedowns")
"""Folders of a workspace that do not grow with its input."""

_GIB = 2**30


class NodeSpec(Settings):
    """Machines of one kind."""

    name: str = Field(min_length=1, description="of the machine type, for people")
    count: int = Field(ge=1, description="machines")
    cpus: int = Field(ge=1, description="CPUs of one")
    memory: int = Field(ge=1, description="GiB of one")
    price: float = Field(0.0, ge=0, description="of one, an hour")


class StoragePrices(Settings):
    """What an object store takes."""

    month: float = Field(0.0, ge=0, description="of a GB, a month")
    writes: float = Field(0.0, ge=0, description="of a thousand requests that write or list")
    reads: float = Field(0.0, ge=0, description="of a thousand requests that read")


class ClusterSpec(Settings):
    """Machines and prices that a run is planned for."""

    nodes: tuple[NodeSpec, ...] = Field(min_length=1, description="machines that work, by kind")
    storage: StoragePrices = Field(default_factory=StoragePrices, description="prices of the store")
    startup_seconds: float = Field(90.0, ge=0, description="until the workers have what they need, once a run")
    currency: str = Field("USD", description="of all prices")


def read_spec(path: Path) -> ClusterSpec:
    """The cluster that a YAML file describes. Raises ConfigError."""
    data = read_yaml(path)
    try:
        return ClusterSpec.model_validate(data, strict=False)
    except ValidationError as error:
        raise ConfigError("\n".join(f"cluster {path}: {line}" for line in explain(error, ClusterSpec))) from None


@dataclass(frozen=True)
class Calibration:
    """What a run took, for each file that went in."""

    files: int
    seconds: Mapping[str, float]
    """Step -> core-seconds a file."""
    bytes: Mapping[str, float]
    """Kind of what is stored -> bytes a file."""
    objects: float
    """Objects that were written beside tables, a file."""
    tables: float
    """Objects of tables, a partition."""
    sources: tuple[tuple[int, int], ...]
    """(files, partitions) of each source."""
    fixed: int
    """Bytes that do not grow with the files."""


def calibrated(storage: Storage) -> Calibration:
    """What the newest version of a workspace and its rates say. Raises ConfigError if there is none to go by."""
    manifest, known = published.read(storage), rates(storage)
    files = manifest.funnel.input
    taken = Counter[str]()
    for step in STEPS:
        for record in browse.records(storage, step.name):
            taken[step.name] += record.rows_in
    needed = (CRAWL.name, SAMPLES_STEP.name, WRITE.name)
    missing = [name for name in needed if not known.get(name) or not taken[name]]
    if missing or not files:
        raise ConfigError(
            f"{storage.uri} has not measured {', '.join(missing) or 'anything'}: run the config on a thousand files or "
            "more in a workspace of its own, and give that with --workspace"
        )
    parts = Counter(record.source for record in browse.records(storage, SAMPLES_STEP.name))
    sources = [(source.input, parts[source.source]) for source in manifest.sources]
    sizes, objects, tables, fixed = Counter[str](), 0, 0, 0
    for entry in storage.list():
        top, _, rest = entry.path.partition("/")
        if top in _SHARED or not rest:
            fixed += entry.size
            continue
        if f"{top}/" == TABLES:
            tables += 1
            sizes[f"tables of {rest.partition('/')[0]}"] += entry.size
        else:
            objects += 1
            sizes[top] += entry.size
    return Calibration(
        files,
        {name: known[name] * count / files for name, count in taken.items() if name in known},
        {kind: size / files for kind, size in sizes.items()},
        objects / files,
        tables / parts.total(),
        tuple(each for each in sources if all(each)),
        fixed,
    )


@dataclass(frozen=True)
class Estimate:
    """What a run would take. Money is in the spec's currency."""

    files: int
    steps: Mapping[str, float]
    """Step -> core-hours, the longest first."""
    serial_seconds: float
    """Of steps with one task."""
    slots: int
    """Tasks of the row-wise pass that run at a time."""
    hours: float
    """Wall clock."""
    bytes: Mapping[str, int]
    writes: int
    reads: int
    machines: float
    """Price of the machines for these hours."""
    requests: float
    month: float
    """Price of what is stored, a month."""

    @property
    def core_hours(self) -> float:
        """Of all steps."""
        return sum(self.steps.values())


def partitions(known: Calibration, files: int, records: int) -> float:
    """How many there would be of so many files, each of about ``records``: a source's are as full as they can be."""
    grown = [(own * files / known.files, own, parts) for own, parts in known.sources]
    return sum(max(parts, size / max(own / parts, records)) for size, own, parts in grown)


def estimate(known: Calibration, files: int, spec: ClusterSpec, records: int, needs: Mapping[str, Needs]) -> Estimate:
    """What ``files`` would take on that cluster.

    ``records``: of a partition, as the config says; ``needs``: what it says that tasks need, by step.
    """
    steps = {name: seconds * files / 3600 for name, seconds in known.seconds.items()}
    alone = {step.name for step in ONE_TASK}
    serial = sum(hours * 3600 for name, hours in steps.items() if name in alone)
    wide = {step.name: slots(spec, needs.get(step.name) or step.needs) for step in STEPS}
    spread = sum(hours * 3600 / wide[name] for name, hours in steps.items() if name not in alone)
    wall = serial + spread + spec.startup_seconds
    sizes = {kind: round(size * files) for kind, size in known.bytes.items()} | {"fixed": known.fixed}
    writes = round(known.objects * files + known.tables * partitions(known, files, records))
    reads = round(writes * READS)
    machines = sum(node.count * node.price for node in spec.nodes) * wall / 3600
    requests = writes / 1000 * spec.storage.writes + reads / 1000 * spec.storage.reads
    month = sum(sizes.values()) / 1e9 * spec.storage.month
    order = sorted(steps, key=lambda name: (-steps[name], name))
    return Estimate(
        files,
        {name: steps[name] for name in order},
        serial,
        wide[SAMPLES_STEP.name],
        wall / 3600,
        dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0]))),
        writes,
        reads,
        machines,
        requests,
        month,
    )


ONE_TASK = (FREQUENT, SEGMENTS, EDGES)
"""Steps over the corpus that are one task however large it is; the deciding work is cut into slices."""


def slots(spec: ClusterSpec, needs: Needs) -> int:
    """Tasks that run at a time: by CPUs, and by the 0.7 of the memory that Ray gives to tasks by default."""
    return max(
        1,
        sum(
            node.count
            * int(min(node.cpus / needs.cpus, 0.7 * node.memory * _GIB / needs.memory if needs.memory else node.cpus))
            for node in spec.nodes
        ),
    )


def lines(known: Calibration, told: Estimate, spec: ClusterSpec, most: int = 6) -> Sequence[str]:
    """What a person wants to know of it."""
    nodes = ", ".join(f"{node.count} {node.name} ({node.cpus} CPUs, {node.memory} GiB)" for node in spec.nodes)
    share = ", ".join(f"{name} {hours:,.1f}" for name, hours in list(told.steps.items())[:most])
    stored = ", ".join(f"{kind} {size / 1e9:,.2f} GB" for kind, size in list(told.bytes.items())[:most])
    money = spec.currency
    return [
        f"{told.files:,} files on {nodes}, by what {known.files:,} took here",
        f"  core-hours {told.core_hours:,.1f}: {share}",
        f"  wall time  {told.hours:,.2f} h with {told.slots:,} tasks at a time; steps of one task take "
        f"{told.serial_seconds / 3600:,.2f} h of it",
        f"  storage    {sum(told.bytes.values()) / 1e9:,.1f} GB: {stored}",
        f"  requests   {told.writes:,} that write, about {told.reads:,} that read",
        f"  cost       {told.machines:,.2f} {money} for machines, {told.requests:,.2f} {money} for requests, "
        f"{told.month:,.2f} {money} a month for storage",
    ]
