"""Records out of packs: what was fetched is read, and asked for no more."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from pipeline.errors import Damaged
from pipeline.sources.base import Caption, Chunk, Place, RawItem
from pipeline.sources.web.outcome import LOST, RESERVED, RESPONSE
from pipeline.sources.web.packs import Row, read_rows
from pipeline.storage.base import NotFound, Storage
from pipeline.storage.tables import DamagedTable
from stages.crawl import Permission, Signal
from stages.reasons import Reason

AT_ONCE = 256
"""Entries whose responses are held at once."""


def records(chunk: Chunk, store: Storage, source: str) -> Iterator[RawItem]:
    """The records of a chunk of files, in its order. Raises Damaged if a pack, or a content, is gone."""
    for begin in range(0, len(chunk.places), AT_ONCE):
        places = chunk.places[begin : begin + AT_ONCE]
        rows = _rows(store, [each for place in places for each in _wanted(place)], source)
        for entry, place in zip(chunk.entries[begin:], places, strict=False):
            yield _record(entry.path, place, rows, source)


def _record(path: str, place: Place, rows: Mapping[tuple[str, int], Row], source: str) -> RawItem:
    facts = dict(place.facts)
    response, content = rows[_response(place)], rows[place.stored, place.row].content
    lost = facts.get(LOST) or response.detail
    if response.kind == "svg" and LOST not in facts:
        if content is None:
            raise Damaged(f"{path} was purged from the workspace; fetch the source again with --refresh {source}")
        held: bytes | tuple[Reason, str] = content
    else:
        held = (Reason(response.reason) if response.reason else Reason.NOT_FETCHED, lost)
    return RawItem(
        path,
        held,
        url=response.url,
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
    return list(dict.fromkeys((_response(place), (place.stored, place.row))))


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
