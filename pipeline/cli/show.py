"""All that is known of one sample, or of one dropped record, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from rich.console import Console
from rich.text import Text

from pipeline.errors import ConfigError
from pipeline.storage.base import Storage
from pipeline.versions import browse, captions, edits, published, shards
from pipeline.versions.manifest import Manifest
from stages.licenses.terms import terms
from stages.schema import PICTURES

COLUMNS = [
    "sample_id", "svg", "tokens", "segments", "captions", *PICTURES, "tier", "split", "atomic_length", "segment_length",
    "ssim", "mae", "visible_share", "license", "provenance", "width", "height",
]  # fmt: skip

COLUMNS_WIDE = 44
"""Characters a picture is wide on the terminal."""


def show_sample(storage: Storage, wanted: str, save: Path | None) -> None:
    """Print the sample (or dropped record) whose id begins with ``wanted``; with ``save``, write its files there.

    Raises ConfigError if no id or more than one begins so.
    """
    if len(wanted) < 4:
        raise ConfigError(f"sample id {wanted!r}: give at least 4 characters")
    manifest = published.read(storage)
    row = _find_sample(storage, manifest, wanted)
    decisions = browse.origins(storage, manifest, row["sample_id"]) if row else _decisions(storage, manifest, wanted)
    if row is None and not decisions:
        raise ConfigError(f"no sample or record of version {manifest.version} has an id that begins with {wanted}")
    console = Console(highlight=False, soft_wrap=True)
    wide = console.is_terminal
    if row is not None:
        _print_sample(console, row)
    print("decisions")
    for decision in decisions:
        print("  " + "  ".join(f"{k}={v}" for k, v in decision.items() if v not in ("", None)))
    keys = {(d["source"], d["path"]) for d in decisions}
    raw = browse.raw_rows(storage, keys)
    pictures = browse.source_pictures(storage, keys, manifest.config)
    files: dict[str, bytes] = {}
    for i, record in enumerate(raw.to_pylist()):
        _print_record(console, record)
        print("  " + record["bytes"][:400].decode("utf-8", "replace").replace("\n", " "))
        picture = pictures.get((record["source"], record["path"]))
        files[f"source-{i}.svg"] = record["bytes"]
        if picture:
            files[f"source-{i}.png"] = picture
            if wide:
                console.print(_blocks(picture))
    if row is not None:
        files |= {
            "canonical.svg": row["svg"].encode(),
            "tokens.txt": row["tokens"].encode(),
        }
        picture = shards.picture_of(row)
        if picture:
            files[f"canonical.{next(name for name in PICTURES if row.get(name))}"] = picture
        if picture and wide:
            print("canonical")
            console.print(_blocks(picture))
    if save is None:
        print("pictures: add --save DIR to write the SVGs and PNGs to a folder")
        return
    save.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (save / name).write_bytes(data)
    print(f"wrote {', '.join(sorted(files))} to {save}")


def show_captions(storage: Storage) -> None:
    """Print what captions the newest version has, in counts."""
    manifest = published.read(storage)
    counts = manifest.captions
    total = sum(counts.first.values())
    print(f"{manifest.config['name']}, version {manifest.version}: {total:,} samples with captions")
    for title, part in (
        ("first captions", counts.first),
        ("all captions", counts.every),
        ("not used", counts.rejected),
    ):
        for n, (name, count) in enumerate(sorted(part.items(), key=lambda item: (-item[1], item[0]))):
            print(f"{'' if n else title:<16}{count:>11,}  {name}")
    for n, (name, amount) in enumerate(sorted(manifest.asked.items())):
        print(f"{'' if n else 'asked':<16}{amount:>11,g}  {name}")
    imports = edits.imports(storage)
    if imports:
        print(f"{'by people':<16}{len(imports):>11,}  tables imported")


def show_captions_of(storage: Storage, wanted: str) -> None:
    """Print all captions of the sample whose id begins so, the first first, and those that are not used."""
    manifest = published.read(storage)
    row = _find_sample(storage, manifest, wanted)
    if row is None:
        raise ConfigError(f"no sample of version {manifest.version} has an id that begins with {wanted}")
    console = Console(highlight=False, soft_wrap=True)
    print(row["sample_id"])
    _print_captions(console, row["captions"])
    for table in captions.rejected(storage, row["sample_id"]):
        for each in table.to_pylist():
            detail = f" ({each['detail']})" if each["detail"] else ""
            notes = " ".join(filter(None, (each["origin"], each["style"])))
            console.print(
                Text(f"not used      {each['text']}  [{notes}: {each['reason']}{detail}, {each['score']:.2f}]")
            )


def _print_captions(console: Console, said: Sequence[Mapping[str, Any]]) -> None:
    for caption in said:
        # shards of earlier versions know neither style nor language
        notes = [note for note in (caption["origin"], *map(caption.get, ("style", "language", "model"))) if note]
        if caption.get("score") is not None:
            notes.append(f"score {caption['score']:.3f}")
        console.print(Text(f"caption       {caption['text']}  [{' '.join(notes)}]"))


def _print_sample(console: Console, row: shards.Row) -> None:
    for name in ("sample_id", "tier", "split", "license", "ssim", "mae", "visible_share"):
        print(f"{name:<14}{row[name]}")
    print(f"{'source size':<14}{row['width']:g} x {row['height']:g}")
    _print_captions(console, row["captions"])
    print(f"{'terms':<14}{', '.join(terms(row['license'])) or 'none'}")
    for entry in row["provenance"]:
        more = "".join(f" {name} {entry[name]}" for name in ("author", "url") if entry.get(name))
        line = f"provenance    {entry['source']} {entry['path']} ({entry['license']}) raw_id {entry['raw_id']}{more}"
        console.print(Text(line))
    print(f"canonical     {row['svg']}")
    print(f"tokens        ({row['atomic_length']}) {row['tokens']}")
    print(f"segments      ({row['segment_length']}) {row['segments']}")


def _print_record(console: Console, record: Mapping[str, Any]) -> None:
    """Where a raw file is from, what may be done with it, and who made it."""
    size, raw_id = record["size"], record["raw_id"]
    console.print(Text(f"source {record['source']} {record['path']} ({size} bytes, raw_id {raw_id})"))
    found = f", found: {record['license_from']}" if record["license_from"] else ""
    digest = f", its text has sha256 {record['license_digest']}" if record["license_digest"] else ""
    lines = {
        "url": record["url"],
        "fetched": record["fetched"],
        "permission": record["permission"],
        "license": f"{record['license']}{found}{digest}",
        "terms": ", ".join(terms(record["license"])) or "none",
        "author": record["author"],
        "title": record["work_title"],
        "link": record["work_link"],
    }
    for name, text in lines.items():
        if text:
            console.print(Text(f"  {name:<12}{text}"))
    for signal in record["signals"] or ():
        console.print(Text(f"  {'signal':<12}{signal['name']} at {signal['place']}: {signal['value']}"))
    for fact in record["facts"] or ():
        console.print(Text(f"  {'fact':<12}{fact['name']}: {fact['text']}"))


def _find_sample(storage: Storage, manifest: Manifest, wanted: str) -> shards.Row | None:
    rows = browse.find(storage, manifest, wanted, COLUMNS)
    if len(rows) > 1:
        raise ConfigError(f"{len(rows)} samples begin with {wanted}; give more characters")
    return rows[0] if rows else None


def _decisions(storage: Storage, manifest: Manifest, wanted: str) -> list[dict[str, Any]]:
    """Where the record ended whose raw id, or whose dropped sample's id, begins so."""
    rows = []
    for table in browse.decisions(storage, list(browse.DECIDED)):
        hit = pc.or_(pc.starts_with(table["raw_id"], wanted), pc.starts_with(table["sample_id"], wanted))
        rows += table.filter(hit).to_pylist()
    for table in browse.dropped(storage, manifest):
        rows += table.filter(pc.starts_with(table["id"], wanted)).to_pylist()
    return rows


def _blocks(png: bytes) -> Text:
    """A picture as half-block characters, on the terminal's own ground."""
    import pyvips

    image = pyvips.Image.thumbnail_buffer(png, COLUMNS_WIDE)
    if image.hasalpha():
        image = image.flatten(background=[255, 255, 255])
    pixels = image.colourspace("srgb").numpy()
    text = Text()
    for y in range(0, pixels.shape[0] - 1, 2):
        for above, below in zip(pixels[y], pixels[y + 1], strict=True):
            text.append("▀", style=f"rgb({above[0]},{above[1]},{above[2]}) on rgb({below[0]},{below[1]},{below[2]})")
        text.append("\n")
    return text
