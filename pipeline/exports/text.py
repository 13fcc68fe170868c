"""SVG as text with its captions, for models that write SVG itself: in a table of its own, SVG-Stack's or MMSVG's.

``svg=canonical`` is the shards' text. ``sanitized`` is the source's own text, without what is unsafe in it, and
``scour`` that made shorter; they are made of the raw tables that the newest run has left in the workspace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field

from pipeline.errors import ConfigError
from pipeline.exports.base import Chunk, Export, File, Version
from pipeline.exports.jsonl import require
from pipeline.exports.parquet import parquet_rows
from pipeline.exports.records import Part
from pipeline.versions import browse, published
from pipeline.work import sandbox
from stages.base import Settings
from stages.render.settings import GateSettings, RenderSettings
from stages.sanitize import SanitizeSettings
from stages.source_texts import SourceTextSettings

PLAIN = pa.schema(
    [
        ("sample_id", pa.string()),
        ("svg", pa.string()),
        ("caption", pa.string()),
        ("captions", pa.list_(pa.string())),
        ("license", pa.string()),
        ("source", pa.string()),
    ]
)
SVG_STACK = pa.schema(
    [(name, pa.string()) for name in ("Filename", "Svg", "caption_blip2", "caption_cogvlm", "caption_llava")]
)
MMSVG = pa.schema([(name, pa.string()) for name in ("id", "svg", "description", "keywords", "detail")])
LAYOUTS = {"plain": PLAIN, "svg-stack": SVG_STACK, "mmsvg": MMSVG}


class TextSettings(Settings):
    """Settings of the export ``text``."""

    layout: Literal["plain", "svg-stack", "mmsvg"] = Field(
        "plain", description="columns: sample_id, svg, caption, ...; or those that SVG-Stack or MMSVG-Icon have"
    )
    svg: Literal["canonical", "sanitized", "scour"] = Field(
        "canonical", description="whose text: the shards'; the source's, made safe; that made shorter by scour"
    )
    tiers: tuple[str, ...] = Field((), description="samples of these tiers only; none given: of all")
    splits: tuple[str, ...] = Field((), description="samples of these splits only; none given: of all")
    file_rows: int = Field(10_000, ge=1, description="samples in a file, about")


def text(version: Version, settings: TextSettings) -> Iterator[File]:
    """``<split>-<part>.parquet``, each a range of sample ids in the order of another hash.

    Raises ConfigError for tiers and splits that no sample has, and for scour if it is not installed.
    """
    if settings.svg == "scour" and find_spec("scour") is None:
        raise ConfigError("svg=scour needs scour: pip install 'svgmill[text]'")
    require("tiers", settings.tiers, {shard.tier for shard in version.shards})
    require("splits", settings.splits, {shard.split for shard in version.shards})
    for split in sorted({shard.split for shard in version.shards}):
        if not settings.splits or split in settings.splits:
            rows = sum(shard.rows for shard in _shards(version, settings, split))
            count = -(-rows // settings.file_rows)
            for part in (Part("", split, number, count) for number in range(count)):
                yield File(f"{split}-{part.name}.parquet", partial(_table, settings, part))


def _shards(version: Version, settings: TextSettings, split: str) -> list[Any]:
    return [
        shard
        for shard in version.shards
        if shard.split == split and (not settings.tiers or shard.tier in settings.tiers)
    ]


def _table(settings: TextSettings, part: Part, version: Version) -> Iterator[Chunk]:
    columns = ["sample_id", "svg", "captions", "license", "source", "provenance"]
    rows = list(version.between(_shards(version, settings, part.split), columns, part.first, part.last))
    # ids are a hash, so any order by a part of them that does not sort them is a shuffle
    rows.sort(key=lambda row: str(row["sample_id"][:15:-1]))
    counts: dict[str, int] = {}
    if settings.svg != "canonical":
        rows, counts = _of_sources(version, settings, rows)
    for data in parquet_rows(rows, partial(_row, settings.layout), LAYOUTS[settings.layout]):
        yield Chunk(data)
    yield Chunk(b"", len(rows), counts)


def _row(layout: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return dict(zip(LAYOUTS[layout].names, _values(layout, row), strict=True))


def _values(layout: str, row: Mapping[str, Any]) -> tuple[Any, ...]:
    captions = row["captions"] or []
    texts = {
        style: [each["text"] for each in captions if each["style"] == style] for style in ("tag", "short", "detailed")
    }
    first = captions[0]["text"] if captions else None
    short = next(iter(texts["short"]), first)
    details = [*texts["detailed"], None, None]
    if layout == "svg-stack":  # its columns are called after the models that captioned SVG-Stack
        return f"{row['sample_id']}.svg", row["svg"], short, details[0], details[1]
    if layout == "mmsvg":
        return row["sample_id"], row["svg"], short, next(iter(texts["tag"]), None), details[0]
    return row["sample_id"], row["svg"], first, [each["text"] for each in captions], row["license"], row["source"]


def _of_sources(
    version: Version, settings: TextSettings, rows: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """``rows`` with the text of the records that survived, and counts. Raises ConfigError if a record is gone."""
    manifest = version.manifest
    own = {(row["provenance"][0]["source"], row["provenance"][0]["path"]): row for row in rows}
    raw = browse.raw_rows(version.storage, own)
    there = {(r["source"], r["path"]): r["raw_id"] for r in raw.select(["source", "path", "raw_id"]).to_pylist()}
    gone = [place for place, row in own.items() if there.get(place) != row["provenance"][0]["raw_id"]]
    if gone:
        raise ConfigError(
            f"the workspace has {len(gone)} source files of version {manifest.version} no more, {'/'.join(min(gone))} "
            "among them; export the newest version, or svg=canonical"
        )
    job = SourceTextSettings(
        sanitize=published.settings(manifest, "sanitize", SanitizeSettings),
        gate=published.settings(manifest, "render", RenderSettings).part(GateSettings),
        optimize=settings.svg == "scour",
    )
    limits = published.settings(manifest, "sandbox", sandbox.SandboxSettings)
    result = sandbox.shared("stages.source_texts:source_texts", limits).run(raw, job.model_dump_json())
    texts = {(r["source"], r["path"]): r for table in result.tables for r in table.to_pylist()}
    made = [{**row, "svg": texts[place]["svg"]} for place, row in own.items() if place in texts]
    counts = {"unreadable": len(rows) - len(made)}
    why = Counter(text["unoptimized"] for text in texts.values() if text["unoptimized"])
    return made, counts | dict(sorted(why.items()))


TEXT = Export("text", 1, TextSettings, text, says="SVG text with captions, as SVG-Stack and MMSVG have it")
