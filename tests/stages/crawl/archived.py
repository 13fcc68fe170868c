"""Archives that tests make."""

from __future__ import annotations

import gzip
import io
import tarfile
import warnings
import zipfile
from typing import Any

import py7zr

SVG = b"<svg/>"


def zipped(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", method) as archive:
        warnings.simplefilter("ignore")
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def tarred(*files: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:") as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def targz(*files: tuple[str, bytes]) -> bytes:
    return gzip.compress(tarred(*files), mtime=0)


def sevenzipped(*files: tuple[str, bytes], filters: list[dict[str, Any]] | None = None) -> bytes:
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w", filters=filters) as archive:
        for name, data in files:
            archive.writestr(data, name)
    return out.getvalue()
