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
    max_rows: int = Field(10_000, ge=1, description="samples in a shard at most")
    max_bytes: int = Field(
        256 * 2**20, ge=2**16, description="bytes of text and pictures in a shard at most, before compression"
    )
    group_bytes: int = Field(
        1 * 2**30,
        ge=2**16,
        description="bytes of consecutive partitions of one source that are packed together, in one task's memory; on"
        " average, at most twice as many",
    )
    repack: bool = Field(
        False,
        description="write shards anew when only their samples' provenance has grown; else they stay, and the version's"
        " index knows all",
    )
