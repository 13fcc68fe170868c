"""The exports there are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.config import assign, explain, read_yaml
from pipeline.errors import ConfigError
from pipeline.exports.axolotl import AXOLOTL
from pipeline.exports.base import Export, S
from pipeline.exports.hf import HF
from pipeline.exports.jsonl import JSONL
from pipeline.exports.lists import LISTS
from pipeline.exports.llamafactory import LLAMAFACTORY
from pipeline.exports.packed import PACKED_EXPORT
from pipeline.exports.text import TEXT
from pipeline.exports.verl import VERL
from stages.entry_points import PackageUnusable, load

EXPORTS: tuple[Export[Any], ...] = (AXOLOTL, HF, JSONL, LISTS, LLAMAFACTORY, PACKED_EXPORT, TEXT, VERL)
"""This package's own."""

GROUP = "svgmill.exports"
"""Entry points by which other packages bring theirs: `Export` objects."""


def known() -> dict[str, Export[Any]]:
    """All exports by name; the version of another package's export says the package and its version.

    Raises PackageUnusable if a package brings what is no export, or a name that is taken.
    """
    exports = {export.name: export for export in EXPORTS}
    for other in load(GROUP, Export):
        if other.object.name in exports:
            raise PackageUnusable(
                f"{other.package} brings an export called {other.object.name}, but that name is taken; uninstall it"
            )
        exports[other.object.name] = replace(other.object, version=f"{other.object.version} in {other.package}")
    return exports


def find(name: str) -> Export[Any]:
    """The export called ``name``. Raises ConfigError if there is none, PackageUnusable as `known` does."""
    exports = known()
    if name not in exports:
        raise ConfigError(f"there is no export called {name}; there are {', '.join(sorted(exports))}")
    return exports[name]


def settings_of(export: Export[S], overrides: Sequence[str], curriculum: Path | None = None) -> S:
    """The export's settings: a curriculum's file, then these ``key=value`` overrides.

    Raises ConfigError, one line a fault.
    """
    data: dict[str, Any] = {}
    if curriculum is not None:
        if "curriculum" not in export.settings.model_fields:
            raise ConfigError(f"export {export.name} has no curriculum; leave --curriculum out")
        data["curriculum"] = read_yaml(curriculum)
    for override in overrides:
        assign(data, override)
    try:
        return export.settings.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        lines = (f"export {export.name}: {line}" for line in explain(error, export.settings))
        raise ConfigError("\n".join(lines)) from None
