"""Samples as lines of JSON, a file for each tier and split: text only, for everything that reads lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial

from pydantic import Field

from pipeline.errors import ConfigError
from pipeline.exports.base import Chunk, Export, File, Shard, Version
from stages.base import Settings


class JsonlSettings(Settings):
    """Settings of the export ``jsonl``."""

    tiers: tuple[str, ...] = Field((), description="samples of these tiers only; none given: of all")
    splits: tuple[str, ...] = Field((), description="samples of these splits only; none given: of all")


def jsonl(version: Version, settings: JsonlSettings) -> Iterator[File]:
    """``samples-<tier>-<split>.jsonl``, each line an object with `KEYS`.

    Raises ConfigError if the settings name a tier or a split that no sample has.
    """
    kinds = sorted({(shard.tier, shard.split) for shard in version.shards})
    require("tiers", settings.tiers, {tier for tier, _ in kinds})
    require("splits", settings.splits, {split for _, split in kinds})
    for tier, split in kinds:
        if (not settings.tiers or tier in settings.tiers) and (not settings.splits or split in settings.splits):
            parts = [shard for shard in version.shards if (shard.tier, shard.split) == (tier, split)]
            yield File(f"samples-{tier}-{split}.jsonl", partial(_lines, parts))


def require(name: str, wanted: Sequence[str], known: set[str]) -> None:
    """Raise ConfigError if ``wanted``, a setting called ``name``, has what no sample has."""
    unknown = sorted(set(wanted) - known)
    if unknown:
        raise ConfigError(f"{name}: no sample has {unknown[0]}; the version has {', '.join(sorted(known)) or 'none'}")


KEYS = ("sample_id", "svg", "tokens", "caption", "tier", "split", "license", "sources")
"""Of a line: ``sources`` lists the sources that have the drawing, that of the surviving record first; the rest are
columns of shards."""


def _lines(parts: Sequence[Shard], version: Version) -> Iterator[Chunk]:
    columns = [*KEYS[:-1], "provenance"]
    for row in version.samples(parts, columns):
        line = {name: row[name] for name in KEYS[:-1]}
        line["sources"] = list(dict.fromkeys(origin["source"] for origin in row["provenance"]))
        yield Chunk(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n", 1)


JSONL = Export("jsonl", 1, JsonlSettings, jsonl, says="samples as lines of JSON, without pictures")
