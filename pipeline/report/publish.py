"""A version's report, dataset card and attributions. They are made from it, so they can be made again at any time."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.report.collect import collect
from pipeline.report.model import WORKSPACE, Place
from pipeline.report.render import render_card, render_html
from pipeline.storage.base import Storage
from pipeline.versions import published
from pipeline.versions.attribution import attribution_path, write_attribution
from pipeline.versions.manifest import Manifest


def pages(storage: Storage, manifest: Manifest, place: Place) -> dict[str, str]:
    """Name -> text of each page, with links as from ``place``."""
    # as it is published: mappings of one that a run has just made are in another order
    report = collect(storage, published.read(storage, manifest.version), place)
    texts = (render_html(report), render_card(report))
    return {
        path.rpartition("/")[2]: text for path, text in zip(published.page_paths(manifest.version), texts, strict=True)
    }


def write_pages(storage: Storage, manifest: Manifest) -> list[str]:
    """Write the pages and the attributions beside the version's manifest; returns their paths in the workspace."""
    paths = published.page_paths(manifest.version)
    for path, text in zip(paths, pages(storage, manifest, WORKSPACE).values(), strict=True):
        storage.write(path, text.encode())
    attributions = attribution_path(manifest.version)
    write_attribution(storage, manifest, storage, attributions)
    return [*paths, attributions]


def ensure_pages(storage: Storage, manifest: Manifest, say: Callable[[str], None]) -> list[str]:
    """Write the pages if they are not there (a run may have been cut off after publishing)."""
    paths = [*published.page_paths(manifest.version), attribution_path(manifest.version)]
    if all(storage.exists(path) for path in paths):
        return paths
    say("report: collecting pictures")
    return write_pages(storage, manifest)
