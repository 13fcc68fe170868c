"""Hold a version against its manifest: every shard's bytes, every record's tokens, and that the counts balance.

Shards are checked one by one (`checking`), by as many workers as there are. What is asked of all samples together is
asked of their ids on disk (`id_sets`), and of what shares a bucket with samples of a small split (`straddling`): memory
does not grow with the version.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from pipeline.errors import Damaged
from pipeline.grouping import filled
from pipeline.progress import Display
from pipeline.storage import integrity
from pipeline.storage.base import Storage
from pipeline.storage.lookup import row_groups
from pipeline.versions import published, shards, straddling
from pipeline.versions.checking import Check, vocabulary_text
from pipeline.versions.id_sets import ID_BYTES, IdSets
from pipeline.versions.manifest import INDEX, PROVENANCE, Manifest, Shard
from pipeline.work.reading import Here, Workers
from stages import deduplicate

_TOGETHER = 5_000
"""Samples of shards that one worker takes together, at most, if none has more."""


def verify_version(
    storage: Storage, version: int | None, display: Display, workers: Workers | None = None
) -> tuple[list[str], str]:
    """All differences between a version and its manifest, one line each, and a sentence of what was checked.

    Checks each shard's size, sha256, rows, tier, split and token counts; that ``sample_id`` is the digest of the
    canonical SVG; that the tokens decode to it, the segments to the tokens and the ids to the segments; that every
    format holds the same samples, and none twice; that no near-duplicates straddle splits (`straddling`); the tables
    beside the shards by their digests; that shards, provenance and index say the same of each sample; and the
    funnel.
    ``workers``: who reads; None: this process.
    """
    workers = workers or Here(storage)
    manifest = published.read(storage, version)
    faults: list[str] = []
    if not manifest.funnel.balanced:
        faults.append(f"the funnel of version {manifest.version} does not add up")
    gone = published.redacted(storage, manifest.version)
    check = Check.of(manifest, gone)
    try:
        for file in (check.segments, check.tokenizer):
            vocabulary_text(storage, file)
    except Damaged as error:
        return [*faults, str(error)], ""
    # no run builds on another version than the newest, so garbage collection takes what only runs need
    newest = manifest.version == published.numbers(storage)[-1]
    there = [file for file in (manifest.files if newest else manifest.lasting) if file.path not in gone]
    faults += integrity.faults(storage, [file for file in there if not isinstance(file, Shard)]).values()
    if faults:
        return faults, ""
    with display:
        faults += _shard_faults(storage, manifest, gone, check, workers, display)
        own = published.settings(manifest, "deduplicate", deduplicate.DeduplicateSettings)
        faults += [
            f"{a} and {b} are near-duplicates in different splits"
            for a, b in straddling.crossing(workers, storage, shards.present(storage, manifest), own)
        ]
    count = len(manifest.shards)
    verdict = f"{count} shards, {manifest.funnel.kept:,} samples, all sound"
    if gone:
        verdict = f"redacted, {len(gone)} of {count} shards are gone by takedowns; the others are sound"
    return faults, f"version {manifest.version} verified: {verdict}"


def _shard_faults(
    storage: Storage, manifest: Manifest, gone: frozenset[str], check: Check, workers: Workers, display: Display
) -> list[str]:
    """What is wrong with each shard, and with what they hold together."""
    formats = sorted({shard.format for shard in manifest.shards})
    there = [shard for shard in manifest.shards if shard.path not in gone]
    groups = filled(there, lambda shard: shard.rows, _TOGETHER, lambda shard: shard.format)
    # the largest first, so that at the end none has much to do while others have nothing
    groups.sort(key=lambda group: -sum(shard.bytes for shard in group))
    display.begin("verify", 0, len(there), "shards")
    faults: dict[str, tuple[str, ...]] = {}
    beside = {PROVENANCE: check.provenance, INDEX: check.index}
    with IdSets(*beside, *formats) as ids:
        for group in workers.map("verify", check, groups):
            for checked in group:
                faults[checked.shard.path] = checked.faults
                ids.add(checked.shard.format, checked.ids)
                display.advance(checked.shard.rows)
        for role, path in ((role, path) for role, paths in beside.items() for path in paths or ()):
            for table in row_groups(storage, path, ["sample_id"], "sample_id", "", "g"):
                ids.add(role, id_bytes(table["sample_id"]))
        lost = Counter[str]()
        for shard in manifest.shards:
            lost[shard.format] += shard.rows * (shard.path in gone)
        whole = [] if gone else [role for role, paths in beside.items() if paths is not None]
        together = list(_together(ids, manifest, lost, list(beside), whole))
    return [fault for _, own in sorted(faults.items()) for fault in own] + together


def id_bytes(ids: pa.ChunkedArray) -> bytes:
    """The first `ID_BYTES` of each of some sample ids, one after the other."""
    return b"".join(bytes.fromhex(sample_id[: 2 * ID_BYTES]) for sample_id in ids.to_pylist())


def _together(
    ids: IdSets, manifest: Manifest, lost: Counter[str], beside: Sequence[str], whole: Sequence[str]
) -> Iterator[str]:
    """What is wrong with the samples of all shards of a format. ``lost``: format -> rows that are gone by takedowns.

    ``beside``: sets of ids of tables beside the shards; ``whole``: those that must have no others than the shards.
    """
    first = shards.one_format(manifest.shards)[0].format if manifest.shards else ""
    distinct, twice, alone = Counter[str](), Counter[str](), Counter[str]()
    examples: dict[str, str] = {}
    same = True
    for part in ids.parts():
        tables = {role: part.pop(role) for role in beside}
        for form, (own, more) in part.items():
            distinct[form] += len(own)
            twice[form] += more
            same = same and np.array_equal(own, part[first][0])
        for role in whole if first else ():
            others = np.setdiff1d(tables[role][0], part[first][0], assume_unique=True)
            alone[role] += len(others) + tables[role][1]
            if len(others):
                examples.setdefault(role, others[0].ljust(ID_BYTES, b"\0").hex())
    # what could not be drawn has its provenance all the same
    undrawn = sum(n for stage in manifest.stages if stage.stage == "draw" for n in stage.dropped.values())
    for role, count in sorted(alone.items()):
        if count > (undrawn if role == PROVENANCE else 0):
            named = f", {examples[role]}… among them" if role in examples else ""
            yield f"the version's {role} has {count} rows that no sample of a shard has{named}"
    for form in sorted(distinct):
        rows = distinct[form] + twice[form]
        if rows + lost[form] != manifest.funnel.kept:
            yield f"{form} shards hold {rows} samples, the funnel says {manifest.funnel.kept}"
        if twice[form]:
            yield f"{form} shards hold {twice[form]} samples twice"
    if not same and not any(lost.values()):
        yield "the formats do not hold the same samples"
