"""Writes a version's pages beside its manifest. They are made from it, so they can be made again at any time."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.report.collect import collect
from pipeline.report.render import render_card, render_html
from pipeline.storage.base import Storage
from pipeline.versions import published
from pipeline.versions.published import Manifest


def write_pages(storage: Storage, manifest: Manifest) -> list[str]:
    """Write report and card, and return their paths in the workspace."""
    report = collect(storage, published.read(storage, manifest.version))
    paths = published.page_paths(manifest.version)
    for path, text in zip(paths, (render_html(report), render_card(report)), strict=True):
        storage.write(path, text.encode())
    return paths


def ensure_pages(storage: Storage, manifest: Manifest, say: Callable[[str], None]) -> list[str]:
    """Write the pages if they are not there (a run may have been cut off after publishing)."""
    paths = published.page_paths(manifest.version)
    if all(storage.exists(path) for path in paths):
        return paths
    say("report: collecting pictures")
    return write_pages(storage, manifest)
