"""Settings of the captioner."""

from typing import Literal, Self

from pydantic import Field, model_validator

from stages.base import Settings
from stages.caption.sets import SetKind


class DescribeSettings(Settings):
    """What counts as a useful name, and how long captions of names and titles may be."""

    max_characters: int = Field(300, ge=20, le=10_000, description="characters of a caption at most")
    max_colours: int = Field(3, ge=0, le=10, description="colours named in a caption at most")
    kinds: dict[str, SetKind] = Field(
        {},
        description="source -> what its drawings are: icons, emoji, flags, logos, coins or pictures; of others, "
        "paths and packages say it",
    )
    stop_names: tuple[str, ...] = Field(
        (
            "untitled", "icon", "icons", "svg", "image", "layer", "group", "drawing", "vector", "page", "shape",
            "background", "artboard", "new document", "slice", "logo svg", "template", "path", "document", "path copy",
            "gnome symbolic icon theme",
        ),
        description="titles and names that say nothing, in lower case, digits left out",
    )  # fmt: skip
    stop_folders: tuple[str, ...] = Field(
        (
            "svg", "svgs", "icons", "icon", "src", "assets", "images", "img", "dist", "static", "public", "scalable",
            "usr", "share", "lib", "node", "modules", "main", "files", "data", "production", "raw", "all", "misc",
            "package", "packages", "color", "black", "white", "other", "others", "build", "core", "collection",
        ),
        description="folder words that say nothing of the drawing",
    )  # fmt: skip


Style = Literal["tag", "short", "detailed", ""]
"""As `stages.crawl.items.CaptionStyle`."""
Origin = Literal["human", "dataset", "model", "metadata", "geometry"]
"""As `stages.crawl.items.CaptionOrigin`."""

ORIGINS: tuple[Origin, ...] = ("human", "dataset", "model", "metadata", "geometry")
STYLES: tuple[Style, ...] = ("short", "", "detailed", "tag")


class PreferSettings(Settings):
    """Which captions stand before others; what is left out of an order comes behind, in the order of the default."""

    origins: tuple[Origin, ...] = Field(ORIGINS, description="origins, the best first")
    styles: tuple[Style, ...] = Field(STYLES, description='styles, the best first; "" is a caption of no known style')

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for order in (self.origins, self.styles):
            if len(set(order)) < len(order):
                raise ValueError("an order names each once")
        return self


class CheckSettings(Settings):
    """What captions must not be."""

    longest: dict[Style, int] = Field(
        {"tag": 400, "short": 300, "detailed": 1_500, "": 1_500},
        description="characters that a caption of each style may have",
    )
    language_score: float = Field(
        0.8, ge=0, le=1, description="from which certainty on a text is held to be in another language than it says"
    )
    colours: float = Field(
        1.0, gt=0, le=1, description="share of the colours that a caption names that may not be missing in the drawing"
    )
    objects: bool = Field(True, description="whether what a model says is held against the drawing's own title")
    alike: int | None = Field(
        100,
        ge=1,
        description="drawings of the corpus, apart from duplicates, that may have nearly the same caption of a dataset "
        "or a model; null: any number",
    )

    @model_validator(mode="after")
    def _all_styles(self) -> Self:
        if missing := [style for style in STYLES if style not in self.longest]:
            raise ValueError(f"longest lacks {missing[0]!r}; it needs {', '.join(map(repr, STYLES))}")
        if min(self.longest.values()) < 1:
            raise ValueError("longest must be 1 at least")
        return self


class RankSettings(Settings):
    """Which captions are not used, and which come first."""

    prefer: PreferSettings = PreferSettings()
    languages: tuple[str, ...] = Field(
        ("en",), description="languages (BCP 47) whose captions stand before those in others, the best first"
    )
    checks: CheckSettings = CheckSettings()
    scorer: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description="a function, as package.module:function, that says how well texts fit pictures; null: none does",
    )
    least_score: float = Field(0.0, description="score of a caption, by the scorer, under which it is not used")


class CaptionSettings(DescribeSettings, RankSettings):
    """What captions are made of, which are not used, and which come first."""

    duplicates: int = Field(
        16, ge=0, le=1_000, description="captions at most that a drawing has from its duplicates, beside its own"
    )
