"""Reading published shards back, whatever their format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.errors import ConfigError
from stages.write import FORMATS


def rows(data: bytes, form: str, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The samples of a shard whose file is ``data``, as ``column -> value`` with at least ``columns``.

    Raises ConfigError for a format that is not one of `stages.write.FORMATS`.
    """
    if form not in FORMATS:
        raise ConfigError(f"shards of format {form}: this svgmill reads {', '.join(FORMATS)}; update svgmill")
    return FORMATS[form].read(data, columns)


def one_format(shards: Sequence[Any]) -> list[Any]:
    """The shards of one format, the first of `stages.write.FORMATS` that there is: they hold every sample once."""
    forms = {shard["format"] for shard in shards}
    first = next((form for form in FORMATS if form in forms), "")
    return [shard for shard in shards if shard["format"] == first]
