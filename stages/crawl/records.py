"""From stored bytes to rows of the raw table."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from stages.base import Dropped
from stages.crawl.items import Lost, RawItem, brought
from stages.crawl.listing import display
from stages.crawl.settings import CrawlSettings
from stages.licenses.metadata import NOTHING, metadata
from stages.licenses.policy import Policy
from stages.licenses.settle import settle
from stages.reasons import Reason
from stages.schema import DROPPED, RAW

_GZIP = b"\x1f\x8b"
_BLANK = b" \t\r\n\x00\xef\xbb\xbf"
_WBITS_GZIP = 31
_CHUNK = 2**16

LETS_ALL_IN = Policy(opt_outs="record")
"""The policy that refuses nothing."""


def crawl_records(
    items: Iterable[RawItem],
    source: str,
    license: str,
    settings: CrawlSettings,
    rows: int,
    ignored: Counter[str] | None = None,
    policy: Policy = LETS_ALL_IN,
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Turn a source's items into batches of (`RAW` table, `DROPPED` table).

    A batch holds at most ``rows`` records, kept and dropped together, and ``batch_bytes`` of content, so that a whole
    archive never sits in memory. Every item ends in exactly one of the two tables, in the order of ``items``. Gzip is
    recognised by its first two bytes, whatever the name. The id of a dropped record without content is "". ``license``
    is that of the source, which holds where a record states none. ``ignored``: counts what of an item is left out.
    ``policy``: what is let in.
    """
    kept: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    held = 0
    ignored = Counter() if ignored is None else ignored
    for item in items:
        shown, content = display(item.path), item.content
        raw_id = hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else ""
        try:
            data = _content(content, settings)
            came = _stated(brought(item, ignored), item, license, data, policy)
        except Dropped as error:
            row = {"id": raw_id, "source": source, "path": shown, "stage": "crawl"}
            dropped.append(row | {"reason": str(error.reason), "detail": error.detail[:500]})
        else:
            if kept and held + len(data) > settings.batch_bytes:
                yield _tables(kept, dropped)
                kept, dropped, held = [], [], 0
            row = {"raw_id": raw_id, "source": source, "path": shown, "name": shown.rsplit("/", 1)[-1]} | came
            kept.append(row | {"size": len(content), "bytes": data})
            held += len(data)
        if len(kept) + len(dropped) >= rows:
            yield _tables(kept, dropped)
            kept, dropped, held = [], [], 0
    if kept or dropped:
        yield _tables(kept, dropped)


def _stated(came: dict[str, Any], item: RawItem, license: str, data: bytes, policy: Policy) -> dict[str, Any]:
    """What came with a record, with its licence and its credits: those that its own file states go first.

    Raises Dropped if ``policy`` does not let it in.
    """
    file = metadata(data) or NOTHING
    settled = settle(came["own_license"], item.license_from, item.license_digest, license, file)
    refused = policy.refuses(settled.license, came["permission"])
    if refused is not None:
        reason, detail = refused
        signals = [f"{signal['name']} at {signal['place']}: {signal['value']}" for signal in came["signals"]]
        raise Dropped(reason, detail or "; ".join(signals))
    return came | {
        "license": settled.license,
        "own_license": settled.own,
        "license_from": settled.origin,
        "license_digest": settled.digest,
        "facts": [*came["facts"], *({"name": name, "text": text} for name, text in settled.facts)],
        "author": file.author or came["author"] or file.holder,
        "work_title": came["work_title"] or file.title,
        "work_link": file.link or came["work_link"] or file.origin,
    }


def as_raw(table: pa.Table) -> pa.Table:
    """A raw table, also one of an earlier version, with all columns of `RAW`: what it does not have is null."""
    columns = [
        table[f.name].cast(f.type) if f.name in table.column_names else pa.nulls(len(table), f.type) for f in RAW
    ]
    return pa.table(columns, schema=RAW)


def _tables(kept: list[dict[str, Any]], dropped: list[dict[str, Any]]) -> tuple[pa.Table, pa.Table]:
    return pa.Table.from_pylist(kept, schema=RAW), pa.Table.from_pylist(dropped, schema=DROPPED)


def _content(content: bytes | Lost, settings: CrawlSettings) -> bytes:
    """The inflated content. Raises Dropped."""
    if isinstance(content, tuple):
        raise Dropped(*content)
    if len(content) > settings.max_bytes:
        raise Dropped(Reason.TOO_LARGE, f"{len(content)} bytes, over {settings.max_bytes}")
    data = _inflate(content, settings.max_inflated_bytes) if content.startswith(_GZIP) else content
    if not data.strip(_BLANK):
        raise Dropped(Reason.EMPTY, "" if not data else f"{len(data)} bytes of white space")
    return data


def _inflate(data: bytes, limit: int) -> bytes:
    """Inflate one or more gzip members, at most ``limit`` bytes. Raises Dropped (BAD_GZIP, TOO_LARGE)."""
    out = bytearray()
    while data:
        inflater = zlib.decompressobj(_WBITS_GZIP)
        while data and not inflater.eof:
            try:
                out += inflater.decompress(data, min(_CHUNK, limit + 1 - len(out)))
            except zlib.error as error:
                raise Dropped(Reason.BAD_GZIP, str(error)) from None
            if len(out) > limit:
                raise Dropped(Reason.TOO_LARGE, f"inflates to more than {limit} bytes")
            data = inflater.unconsumed_tail
        if not inflater.eof:
            raise Dropped(Reason.BAD_GZIP, "truncated")
        # gzip(1) pads with zeros on some media; anything else after a member has to be the next member
        data = inflater.unused_data.lstrip(b"\0")
    if out.startswith(_GZIP):
        raise Dropped(Reason.BAD_GZIP, "gzip in gzip")
    return bytes(out)
