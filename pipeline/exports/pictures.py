"""The pictures of records that show one, as trainers take them: without an alpha channel."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.errors import ConfigError
from pipeline.exports.base import Version
from pipeline.versions.shards import picture_of
from stages.curriculum import TEXT_TO_SVG, Record, TaskName
from stages.render.looks import LookSettings
from stages.render.opaque import opaque
from stages.schema import PICTURES

__all__ = ["PICTURES", "picture", "require_pictures", "shows"]

_ON_WHITE = LookSettings()


def shows(task: TaskName) -> bool:
    """Whether the prompts of ``task`` have a picture."""
    return task != TEXT_TO_SVG


def require_pictures(version: Version, tasks: Iterable[TaskName]) -> None:
    """Raises ConfigError if one of ``tasks`` shows pictures and the version holds none."""
    showing = [task for task in tasks if shows(task)]
    if showing and version.manifest.config["render"]["size"] is None:
        raise ConfigError(
            f"version {version.manifest.version} holds no pictures (render.size is null), and {showing[0]} shows them: "
            "leave the task out of curriculum.tasks, or publish a version with pictures"
        )


def picture(record: Record) -> bytes:
    """The picture of a record's sample, whose row has the columns `PICTURES`: a PNG without alpha.

    It lies on white, or on grey where white would hide the drawing. Raises ConfigError if its shard has none.
    """
    file = picture_of(dict(record.row))
    if file is None:
        raise ConfigError(
            f"sample {record.sample_id} has no picture, since its shard was published with render.size null; leave "
            f"{record.task} out of curriculum.tasks, or publish a version that is repacked with pictures"
        )
    return opaque(file, _ON_WHITE)
