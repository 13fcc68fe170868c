"""Stages that other installed packages bring, by entry points of the group ``svgmill.stages``.

An entry point is a `RowStage` or a `SideStage` object; see `stages.entry_points`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from stages.base import RowStage, SideStage
from stages.entry_points import PackageUnusable, load

GROUP = "svgmill.stages"


@cache
def installed() -> tuple[RowStage[Any] | SideStage[Any], ...]:
    """The stages of other packages, by name, with the package in their version. Raises PackageUnusable."""
    kinds: tuple[type[RowStage[Any] | SideStage[Any]], ...] = (RowStage, SideStage)
    brought = [(each.object, each.package) for each in load(GROUP, kinds)]
    stages = [replace(stage, version=f"{stage.version} in {package}") for stage, package in brought]
    return tuple(sorted(stages, key=lambda stage: stage.name))


def row_stages(own: Sequence[RowStage[Any]]) -> tuple[RowStage[Any], ...]:
    """``own``, then the row-wise stages of other packages, by name. Raises PackageUnusable."""
    stages = (*own, *(stage for stage in installed() if isinstance(stage, RowStage)))
    check_names(stages)
    return stages


def side_stages(own: Sequence[SideStage[Any]]) -> tuple[SideStage[Any], ...]:
    """``own``, then the side stages of other packages, by name. Raises PackageUnusable."""
    stages = (*own, *(stage for stage in installed() if isinstance(stage, SideStage)))
    check_names(stages)
    return stages


def check_names(stages: Sequence[RowStage[Any] | SideStage[Any]], taken: Sequence[str] = ()) -> None:
    """Raise PackageUnusable where a stage's name is no identifier, another stage's name or section, or in ``taken``."""
    seen = set(taken)
    for stage in stages:
        names = {stage.name, stage.section}
        if not stage.name.isidentifier() or not stage.name.isascii():
            raise PackageUnusable(f"stage {stage.name!r}: its name must be of ASCII letters, digits and underscores")
        if clash := sorted(names & seen):
            raise PackageUnusable(
                f"stage {stage.name} ({stage.says}): the name {clash[0]} is taken; rename it, or uninstall the package "
                "that brings it"
            )
        seen |= names
