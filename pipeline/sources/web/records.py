"""Records out of packs: what was fetched is read, and asked for no more."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pipeline.errors import Damaged
from pipeline.sources.base import Caption, Chunk, Place, RawItem
from pipeline.sources.web.outcome import LOST, RESERVED, RESPONSE
from pipeline.sources.web.packs import Row, read_rows
from pipeline.storage.base import NotFound, Storage
from pipeline.storage.tables import DamagedTable
from stages.crawl import Permission, Signal, html
from stages.reasons import Reason

AT_ONCE = 256
"""Entries whose responses are held at once."""


def records(chunk: Chunk, store: Storage, source: str, symbols: bool, no_input: Counter[str]) -> Iterator[RawItem]:
    """The records of a chunk, in its order. Raises Damaged if a pack, or a content, is gone.

    ``symbols``: whether each symbol of a sprite is a record of its own. ``no_input``: counts what no record is made of.
    """
    at_once = AT_ONCE if chunk.shape == "files" else 1
    for begin in range(0, len(chunk.places), at_once):
        places = chunk.places[begin : begin + at_once]
        rows = _rows(store, [each for place in places for each in _wanted(place)], source)
        for entry, place in zip(chunk.entries[begin:], places, strict=False):
            if chunk.shape == "files":
                yield _record(entry.path, place, rows, source)
            else:
                yield from _drawings(entry.path, place, rows, source, symbols, no_input)


def _drawings(
    path: str,
    place: Place,
    rows: Mapping[tuple[str, int], Row],
    source: str,
    symbols: bool,
    no_input: Counter[str],
) -> Iterator[RawItem]:
    """The drawings of a page, or the symbols of a sprite; a sprite that shows something by itself is one drawing."""
    response, content = rows[_response(place)], _content(path, rows[place.stored, place.row], source)
    if response.kind == "svg":
        found = list(html.sprite_symbols(content, path, no_input)) if symbols else []
        if not found:
            yield _record(path, place, rows, source)
            return
    else:
        beside = {url: rows[each.stored, each.row] for url, each in place.beside if each.stored}
        sheets = {url: row.content for url, row in beside.items() if row.kind == "sheet" and row.content}
        sprites = {url: row.content for url, row in beside.items() if row.kind == "svg" and row.content}
        found = list(html.drawings(content, path, sheets, sprites, response.content_type, symbols, no_input))
    permission = permission_of(response, dict(place.facts))
    for item in found:
        facts = (*item.facts, *described(response))
        stated = response.license or None
        yield replace(
            item,
            license=stated,
            license_from="page" if stated else item.license_from,
            facts=facts,
            permission=permission,
            fetched=response.fetched or None,
        )


def _content(path: str, row: Row, source: str) -> bytes:
    if row.content is None:
        raise Damaged(f"{path} was purged from the workspace; fetch the source again with --refresh {source}")
    return row.content


def _record(path: str, place: Place, rows: Mapping[tuple[str, int], Row], source: str) -> RawItem:
    facts = dict(place.facts)
    response = rows[_response(place)]
    lost = facts.get(LOST) or response.detail
    if response.kind == "svg" and LOST not in facts:
        held: bytes | tuple[Reason, str] = _content(path, rows[place.stored, place.row], source)
    else:
        held = (Reason(response.reason) if response.reason else Reason.NOT_FETCHED, lost)
    return RawItem(
        path,
        held,
        url=response.url,
        license=response.license or None,
        license_from="page" if response.license else "column",
        captions=tuple(Caption(text, "metadata") for text in (response.text,) if text),
        facts=described(response),
        permission=permission_of(response, facts),
        fetched=response.fetched or None,
    )


def described(response: Row) -> tuple[tuple[str, str], ...]:
    """What is known of a response, as facts of its records."""
    pairs = {
        "content_type": response.content_type,
        "page": response.referrer,
        "last_modified": response.modified,
        "robots": response.robots,
        "license_link": response.license,
    }
    return tuple((name, text) for name, text in pairs.items() if text)


def permission_of(response: Row, facts: Mapping[str, str]) -> Permission | None:
    """Of a response, with what the pages that show it reserve; None for what was not fetched."""
    if not response.permission:
        return None
    by_pages = [Signal(*each) for each in json.loads(facts.get(RESERVED, "[]"))]
    signals = dict.fromkeys((*(Signal(*each) for each in response.signals), *by_pages))
    reserved = response.permission == "reserved" or by_pages
    return Permission("reserved" if reserved else "allowed", tuple(signals))


def _response(place: Place) -> tuple[str, int]:
    pack, _, number = dict(place.facts)[RESPONSE].rpartition("#")
    return pack, int(number)


def _wanted(place: Place) -> list[tuple[str, int]]:
    """What has to be read for a place: the response, and the content where that lies elsewhere."""
    beside = ((each.stored, each.row) for _, each in place.beside if each.stored)
    return list(dict.fromkeys((_response(place), (place.stored, place.row), *beside)))


def _rows(store: Storage, wanted: Sequence[tuple[str, int]], source: str) -> dict[tuple[str, int], Row]:
    numbers: dict[str, list[int]] = {}
    for pack, number in wanted:
        numbers.setdefault(pack, []).append(number)
    rows = {}
    for pack, of_pack in sorted(numbers.items()):
        try:
            for number, row in read_rows(store, pack, of_pack).items():
                rows[pack, number] = row
        except (NotFound, DamagedTable):
            raise Damaged(
                f"{store.locate(pack)} is damaged or gone; fetch the source again with --refresh {source}"
            ) from None
    return rows
