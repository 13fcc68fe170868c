"""WARCs that tests make, with warcio."""

from __future__ import annotations

import io
from typing import Any

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter


def response(
    url: str,
    body: bytes,
    *headers: tuple[str, str],
    status: str = "200 OK",
    date: str = "2026-01-31T00:00:00Z",
    **more: str,
) -> dict[str, Any]:
    """A response record; an SVG unless headers say otherwise. ``more``: fields of the record's head."""
    names = {name.lower() for name, _ in headers}
    typed = headers if "content-type" in names else (("Content-Type", "image/svg+xml"), *headers)
    return {
        "uri": url,
        "record_type": "response",
        "payload": io.BytesIO(body),
        "http_headers": StatusAndHeaders(status, list(typed), protocol="HTTP/1.1"),
        "warc_headers_dict": {"WARC-Date": date} | more,
    }


def warced(*records: dict[str, Any] | tuple[Any, ...], packed: bool = True, info: bool = True) -> bytes:
    """A WARC of `response` records, and of others as (kind, URI, block, media type)."""
    out = io.BytesIO()
    writer = _Writer(out, gzip=packed)
    if info:
        writer.write_record(writer.create_warcinfo_record("a.warc", {"software": "tests"}))
    for record in records:
        if isinstance(record, tuple):
            kind, uri, block, *media_type = record
            record = {"uri": uri, "record_type": kind, "payload": io.BytesIO(block)}
            record["warc_content_type"] = media_type[0] if media_type else "application/octet-stream"
        writer.write_record(writer.create_warc_record(**record))
    return out.getvalue()


class _Writer(WARCWriter):
    """One that leaves no temporary files open."""

    @classmethod
    def _create_temp_file(cls) -> io.BytesIO:
        return io.BytesIO()
