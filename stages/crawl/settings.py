"""Settings of the crawl."""

from pydantic import Field

from stages.base import Settings


class CrawlSettings(Settings):
    """How much is read of a file, of an archive, and how many records make a batch."""

    max_bytes: int = Field(8 * 2**20, ge=1, le=2**30, description="bytes of a file or an archive's member, as stored")
    max_inflated_bytes: int = Field(8 * 2**20, ge=1, le=2**30, description="bytes that an svgz may inflate to")
    max_archive_bytes: int = Field(
        64 * 2**30,
        ge=1,
        description="bytes read out of one archive and those in it in all, of a tar also members that are skipped",
    )
    max_archive_depth: int = Field(3, ge=1, le=4, description="archives in each other that are opened; 1: none in one")
    max_inner_archive_bytes: int = Field(
        2**30, ge=1, description="bytes of an archive in an archive, which goes through a temporary file"
    )
    batch_rows: int = Field(1_000, ge=1, le=1_000_000, description="records in a raw batch at most")
    batch_bytes: int = Field(
        64 * 2**20,
        ge=1,
        le=2**30,
        description="bytes of content in a raw batch at most; a larger record is a batch",
    )
