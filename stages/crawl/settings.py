"""Settings of the crawl."""

from pydantic import Field

from stages.base import Settings


class CrawlSettings(Settings):
    """How much is read of a file, of an archive, and how many records make a batch."""

    max_bytes: int = Field(8 * 2**20, ge=1, le=2**30, description="bytes of a file or an archive's member, as stored")
    max_inflated_bytes: int = Field(8 * 2**20, ge=1, le=2**30, description="bytes that an svgz may inflate to")
    max_archive_bytes: int = Field(
        64 * 2**30, ge=1, description="bytes read out of one archive in all, members that are skipped included (tar.gz)"
    )
    batch_rows: int = Field(1_000, ge=1, le=1_000_000, description="records in a raw batch at most")
    batch_bytes: int = Field(
        64 * 2**20,
        ge=1,
        le=2**30,
        description="bytes of content in a raw batch at most; a larger record is a batch",
    )
