"""Settings of the crawl."""

from typing import Any

from pydantic import Field, model_validator

from stages.base import Settings
from stages.crawl.items import DATASET, CaptionOrigin, CaptionStyle


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
    batch_bytes: int = Field(
        64 * 2**20,
        ge=1,
        le=2**30,
        description="bytes of content in a raw batch at most; a larger record is a batch",
    )

    @model_validator(mode="before")
    @classmethod
    def _no_rows(cls, values: Any) -> Any:
        if isinstance(values, dict) and "batch_rows" in values:
            raise ValueError("batch_rows never had an effect and is gone: remove it; partition.records has one")
        return values


class CaptionColumn(Settings):
    """A column of captions, and what is known of all that is in it."""

    column: str = Field(min_length=1, description="its name, as in the other settings of columns")
    style: CaptionStyle = Field("", description="tags; a phrase or a sentence; at length; nothing where nobody knows")
    origin: CaptionOrigin = Field(DATASET, description="who says it; dataset where nobody knows")
    language: str = Field("", description="BCP 47, such as en; nothing where nobody knows")
    model: str | None = Field(None, min_length=1, max_length=100, description="which model said it")
    otherwise: str | None = Field(
        None, min_length=1, description="the column that is read in rows where this one has nothing"
    )


class Columns(Settings):
    """Which columns of Parquet files are what, beside the drawings themselves.

    A value is a list of names, whatever their case, in which ``*`` stands for anything; of a column in a struct, the
    name is a.b. Of ``path``, ``url``, ``license`` and ``author`` the first that a file has counts, of the others all
    do. What none of them names is counted as no input.
    """

    path: tuple[str, ...] = Field(
        ("filename", "file_name", "path", "name"),
        description="the row's file name: its path in the file, as a member has one in an archive; a row without one "
        "is called by its number",
    )
    captions: tuple[str | CaptionColumn, ...] = Field(
        ("caption*", "description*", "text", "detail", "title"),
        description="texts on the drawing, the best first: a name, or a section that also says style, origin, ...",
    )
    hints: tuple[str, ...] = Field(
        ("keywords", "tags"),
        description="keywords: a list of texts, or one text with commas or semicolons in it",
    )
    url: tuple[str, ...] = Field(("url",), description="where the drawing was fetched from")
    license: tuple[str, ...] = Field(
        ("license", "licence"), description="SPDX expression of the row; where it has none, that of the source holds"
    )
    author: tuple[str, ...] = Field(("author", "creator", "artist"), description="who is to be credited")
    facts: tuple[str, ...] = Field(
        ("id",), description="what else is kept beside the drawing in the workspace's tables"
    )


class TableColumns(Settings):
    """Which columns of a table are what.

    A value is a list of names, whatever their case, in which ``*`` stands for anything; of what is nested, the name is
    a.b. Of ``path``, ``id``, ``url``, ``license`` and ``author`` the first that a table has counts, of the others all
    do. What is null is as the preset has it, and without a preset the usual names. A table that does not have a column
    that is named here is an error; what no setting names is listed in the plan.
    """

    svg: str | None = Field(
        None, min_length=1, description="the drawing: its exact name; usual is svg, or the one with svg in its name"
    )
    path: tuple[str, ...] | None = Field(
        None, description="the row's file name, which is what the record is called; usual are filename, path, name"
    )
    id: tuple[str, ...] | None = Field(
        None,
        description="what the record is called where path has nothing; usual are id, uuid. Without either, a row is "
        "called by its number",
    )
    captions: tuple[str | CaptionColumn, ...] | None = Field(
        None,
        description="texts on the drawing, the best first: a name, or a section that also says style, origin, ...",
    )
    hints: tuple[str, ...] | None = Field(
        None, description="keywords: a list of texts, or one text with commas or semicolons in it"
    )
    url: tuple[str, ...] | None = Field(None, description="where the drawing was fetched from")
    license: tuple[str, ...] | None = Field(
        None, description="SPDX expression of the row; where it has none, that of the source holds"
    )
    author: tuple[str, ...] | None = Field(None, description="who is to be credited")
    facts: tuple[str, ...] | None = Field(
        None, description="what else is kept beside the drawing in the workspace's tables; the id is"
    )
