"""Settings of the shard writer."""

from typing import Annotated

from pydantic import AfterValidator, Field

from stages.base import Settings
from stages.write.formats import FORMATS


def _known(name: str) -> str:
    if name not in FORMATS:
        raise ValueError(f"must be one of {', '.join(FORMATS)}")
    return name


class WriteSettings(Settings):
    """How samples are packed into shards."""

    formats: tuple[Annotated[str, AfterValidator(_known)], ...] = Field(
        ("parquet", "webdataset"),
        min_length=1,
        description=f"formats of shards to write, each with all samples: {', '.join(FORMATS)}",
    )
    shard_rows: int = Field(
        10_000,
        ge=1,
        description="samples in a shard, about: two thirds to one and a half times as many when it is first dealt, half"
        " to twice as many later",
    )
    shard_bytes: int = Field(
        256 * 2**20, ge=2**16, description="bytes of text and pictures in a shard, before compression; as shard_rows"
    )
    group_bytes: int = Field(
        256 * 2**20,
        ge=2**16,
        description="bytes of text of the partitions that one task deals into shards, about, in its memory; twice as"
        " many at most",
    )
    repack: bool = Field(
        False,
        description="write shards anew when only their samples' provenance has grown; else they stay, and the version's"
        " provenance knows all",
    )
