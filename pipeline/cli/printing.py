"""What the commands print: the funnel, the plan, the list of versions. Plain text on standard output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from pipeline.run.conductor import Result
from pipeline.run.plan import Decision
from pipeline.run.stage import Phase
from pipeline.sources.no_input import bounded
from pipeline.storage.base import Storage
from pipeline.versions import published
from pipeline.versions.manifest import Manifest
from pipeline.work.ledger import merged
from stages.crawl import NOT_IN_COLUMNS, NOT_IN_GLOB

_console = Console(highlight=False, width=160)  # a table that is wider than the terminal wraps, none loses words


def print_result(result: Result, storage: Storage, pages: Sequence[str]) -> None:
    """The funnel, the version, and where to look."""
    manifest = result.manifest
    if not result.published:
        _line(
            f"nothing changed since version {manifest.version}: {result.reused} partitions reused, {result.ran} run, "
            "nothing published"
        )
    print_funnel(manifest)
    print_no_input(result.no_input)
    shards = len(manifest.shards)
    size = sum(shard.bytes for shard in manifest.shards)
    word = "published" if result.published else "newest is"
    _line(f"{word} version {manifest.version}: {manifest.funnel.kept:,} samples, {shards} shards, {size / 1e6:,.1f} MB")
    _line("  bytes     " + ", ".join(f"{name} {size / 1e6:,.1f} MB" for name, size in manifest.sizes().items()))
    _line(f"  manifest  {storage.locate(published.manifest_path(manifest.version))}")
    if manifest.asked:
        _line("  asked     " + ", ".join(f"{name} {count:,g}" for name, count in manifest.asked.items()))
    for path in pages:
        _line(f"  {_PAGES[path.rpartition('.')[2]]:<9} {storage.locate(path)}")


_PAGES = {"html": "report", "md": "card", "parquet": "credits"}


def print_funnel(manifest: Manifest) -> None:
    """Where every input record ended."""
    funnel = manifest.funnel
    _line(f"input       {funnel.input:>9,}")
    _line(f"kept        {funnel.kept:>9,}  {_share(funnel.kept, funnel.input)}")
    _line(
        f"duplicate   {funnel.duplicate:>9,}  {_share(funnel.duplicate, funnel.input)}  {_counts(manifest.duplicates)}"
    )
    for name, reasons in (("rejected", funnel.rejected), ("quarantined", funnel.quarantined)):
        total = sum(reasons.values())
        _line(f"{name:<11} {total:>9,}  {_share(total, funnel.input)}  {_counts(reasons)}")


def print_no_input(counts: Mapping[str, Mapping[str, int]]) -> None:
    """How many files of which kind were no input, a line for each source, of many sources those with most.

    What globs leave out is one line for all sources. Columns that no setting names are a line for each source.
    """
    globbed = merged({k: n for k, n in kinds.items() if k.endswith(NOT_IN_GLOB)} for kinds in counts.values())
    columns = {name: [k for k in kinds if k.endswith(NOT_IN_COLUMNS)] for name, kinds in counts.items()}
    others = {
        name: {k: n for k, n in kinds.items() if k not in globbed and k not in columns[name]}
        for name, kinds in counts.items()
    }
    by_source = sorted(
        ((name, kinds) for name, kinds in others.items() if kinds), key=lambda item: (-sum(item[1].values()), item[0])
    )
    for name, kinds in by_source[:_NO_INPUT_SOURCES]:
        _line(f"no input    {sum(kinds.values()):>9,}  {name}: {_kinds(kinds)}")
    rest = by_source[_NO_INPUT_SOURCES:]
    if rest:
        files = sum(sum(kinds.values()) for _, kinds in rest)
        _line(f"no input    {files:>9,}  in {len(rest)} more sources; the manifest has them all")
    for name in sorted(name for name, kinds in columns.items() if kinds):
        left = sorted(kind.removeprefix("column ").removesuffix(NOT_IN_COLUMNS) for kind in columns[name])
        _line(f"no column   {len(left):>9,}  {name}: nothing is made of {', '.join(left)}; see its setting columns")
    if globbed:
        kinds = {kind.removesuffix(NOT_IN_GLOB): n for kind, n in globbed.items()}
        _line(f"not in glob {sum(kinds.values()):>9,}  {_kinds(kinds)}")


def _kinds(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {n:,}" for kind, n in bounded(kinds, _NO_INPUT_KINDS).items())


_NO_INPUT_SOURCES, _NO_INPUT_KINDS = 5, 8


def print_plan(
    phases: Sequence[Phase], rates: Mapping[str, float], no_input: Mapping[str, Mapping[str, int]] | None = None
) -> None:
    """For every stage and source: how many partitions are reused, how many run and why, and what that will take.

    ``rates``: stage -> core-seconds a record, of earlier runs. What is not known is a question mark.
    """
    table = Table(box=None, pad_edge=False)
    for name in ("stage", "source", "reuse", "run", "records", "MB", "core-minutes", "why"):
        table.add_column(name, justify="left" if name in ("stage", "source", "why") else "right")
    total = 0.0
    known = True

    def row(stage: str, source: str, reuse: str, run: str, records: int, size: int, why: str) -> None:
        nonlocal total, known
        minutes = "?"
        if not records:
            minutes = "" if run == "0" else "?"
        elif stage in rates:
            total += records * rates[stage] / 60
            minutes = f"{records * rates[stage] / 60:,.1f}"
        known = known and minutes != "?"
        table.add_row(
            stage,
            source,
            reuse,
            run,
            f"{records:,}" if records else ("" if run == "0" else "?"),
            f"{size / 1e6:,.1f}" if records else "",
            minutes,
            why,
        )

    for phase in phases:
        for source, why in phase.settled.items():
            row(phase.stage, source, "1", "0", 0, 0, why)
        by_source: dict[str, list[Decision]] = {}
        for decision in phase.decisions:
            by_source.setdefault(decision.task.source, []).append(decision)
        for source, decided in by_source.items():
            runs = [decision for decision in decided if decision.run]
            reasons = [decision.why for decision in runs]
            whys = ", ".join(
                f"{why} ({reasons.count(why)})" if len(reasons) > 1 else why for why in dict.fromkeys(reasons)
            )
            records, size = sum(d.task.records for d in runs), sum(d.task.size for d in runs)
            row(phase.stage, source, str(len(decided) - len(runs)), str(len(runs)), records, size, whys or "unchanged")
        for source, pending in phase.pending.items():
            row(phase.stage, source, "?", "?", pending.records, pending.size, f"follows {pending.stage}")
    _console.print(table, markup=False)
    print_no_input(no_input or {})
    if not any(decision.run for phase in phases for decision in phase.decisions):
        _line("nothing to run")
    elif total:
        more = "" if known else "at least "
        _line(f"{more}about {total:,.1f} core-minutes, by what such records took here before")


def print_versions(storage: Storage) -> None:
    """One line a version."""
    known = published.numbers(storage)
    if not known:
        _line(f"{storage.uri} has no versions yet")
        return
    table = Table(
        "version",
        "parent",
        "input",
        "kept",
        "duplicate",
        "rejected",
        "quarantined",
        "shards",
        "MB",
        "name",
        box=None,
        pad_edge=False,
    )
    for number in known:
        manifest = published.read(storage, number)
        funnel = manifest.funnel
        table.add_row(
            str(number),
            str(manifest.parent or "-"),
            f"{funnel.input:,}",
            f"{funnel.kept:,}",
            f"{funnel.duplicate:,}",
            f"{funnel.rejected_total:,}",
            f"{funnel.quarantined_total:,}",
            str(len(manifest.shards)),
            f"{sum(shard.bytes for shard in manifest.shards) / 1e6:,.1f}",
            str(manifest.config["name"]),
        )
    _console.print(table, markup=False)


def _line(text: str) -> None:
    print(text.rstrip())


def _share(part: int, whole: int) -> str:
    return f"{part / whole:>6.1%}" if whole else "     -"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {n}" for reason, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
