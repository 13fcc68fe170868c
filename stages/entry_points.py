"""What other installed packages bring, by entry points: sources, stages and exports.

A package names its objects in its ``pyproject.toml``::

    [project.entry-points."svgmill.stages"]
    ink = "my_package.ink:INK"

Whoever loads a group makes the package's name and version (`Loaded.package`) part of the version of what the object
makes, so that another version of the package makes it anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


class PackageUnusable(Exception):
    """An installed package brings something that cannot be used. The text says what, why, and what to do."""


@dataclass(frozen=True)
class Loaded(Generic[T]):
    """An object that an entry point names."""

    name: str
    """The entry point's."""
    object: T
    package: str
    """The name and the version of the distribution that brings it: ``my-package 1.2``."""


def load(group: str, kinds: type[T] | tuple[type[T], ...]) -> tuple[Loaded[T], ...]:
    """The objects of all entry points of ``group``, sorted by name.

    Raises PackageUnusable if one does not load, is of none of ``kinds``, or has another's name.
    """
    from importlib.metadata import entry_points  # here, so that the command line can catch the error without loading it

    entries = sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value))
    loaded = tuple(_load(entry, kinds) for entry in entries)
    for one, other in pairwise(loaded):
        if one.name == other.name:
            raise PackageUnusable(
                f"{one.package} and {other.package} both bring {one.name} of {group}; uninstall one of them"
            )
    return loaded


def _load(entry: EntryPoint, kinds: type[T] | tuple[type[T], ...]) -> Loaded[T]:
    package = "a package without a name" if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"
    where = f"{entry.name} = {entry.value} ({entry.group}) of {package}"
    try:
        found = entry.load()
    except Exception as error:  # whatever the package's code does while it is imported
        raise PackageUnusable(
            f"{where} does not load: {type(error).__name__}: {error}; mend or uninstall the package"
        ) from error
    if not isinstance(found, kinds):
        allowed = " or ".join(f"{kind.__module__}.{kind.__qualname__}" for kind in _each(kinds))
        raise PackageUnusable(
            f"{where} is of type {type(found).__name__}, not {allowed}; mend or uninstall the package"
        )
    return Loaded(entry.name, found, package)


def _each(kinds: type[T] | tuple[type[T], ...]) -> tuple[type[T], ...]:
    return kinds if isinstance(kinds, tuple) else (kinds,)
