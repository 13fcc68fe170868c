"""The kinds of sources: those of this package, one line each, and those of other installed packages.

Another package brings a kind by an entry point of the group ``svgmill.sources`` that names its class::

    [project.entry-points."svgmill.sources"]
    gallery = "my_package.gallery:Gallery"
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import get_args

from pipeline.sources.archive import ArchiveSource
from pipeline.sources.base import Source, SourceSettings
from pipeline.sources.download import DownloadSource
from pipeline.sources.folder import FolderSource
from pipeline.sources.git import GitSource
from pipeline.sources.hub import HubSource
from pipeline.sources.network import NetworkSource
from pipeline.sources.npm import NpmSource
from pipeline.sources.table import TableSource
from pipeline.sources.warc import WarcSource
from pipeline.sources.web import WebSource
from stages.entry_points import PackageUnusable, load

SOURCES: tuple[type[SourceSettings], ...] = (
    FolderSource,
    ArchiveSource,
    TableSource,
    DownloadSource,
    HubSource,
    NpmSource,
    GitSource,
    WarcSource,
    WebSource,
)

GROUP = "svgmill.sources"


@dataclass(frozen=True)
class Kind:
    """A kind of source, and the package and its version that bring it; "" for this one."""

    source: type[SourceSettings]
    package: str = ""

    @property
    def version(self) -> str:
        """What the result of reading depends on beside settings and input."""
        return f"{self.source.version}{f' in {self.package}' if self.package else ''}"


def kinds() -> dict[str, Kind]:
    """Name -> kind, this package's first. Raises PackageUnusable."""
    found = {_name(source): Kind(source) for source in SOURCES}
    for kind in _installed():
        name = _name(kind.source)
        if name in found:
            raise PackageUnusable(f"{kind.package} brings sources of kind {name}, which is taken; uninstall it")
        found[name] = kind
    return found


@cache
def _installed() -> tuple[Kind, ...]:
    loaded = load(GROUP, type)
    for each in loaded:
        if not issubclass(each.object, Source | NetworkSource):
            raise PackageUnusable(
                f"{each.name} ({GROUP}) of {each.package} is no pipeline.sources.base.Source, and no NetworkSource; "
                "mend or uninstall the package"
            )
    return tuple(Kind(each.object, each.package) for each in loaded)


def _name(source: type[SourceSettings]) -> str:
    names = get_args(source.model_fields["kind"].annotation)
    if len(names) != 1 or not isinstance(names[0], str):
        raise PackageUnusable(
            f'{source.__module__}.{source.__qualname__} has no kind: Literal["..."]; mend its package'
        )
    return names[0]
