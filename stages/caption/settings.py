"""Settings of the captioner."""

from pydantic import Field

from stages.base import Settings
from stages.caption.sets import SetKind


class CaptionSettings(Settings):
    """What counts as a useful name, and how long captions may be."""

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
