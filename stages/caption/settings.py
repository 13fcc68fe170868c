"""Settings of the captioner."""

from pydantic import Field

from stages.base import Settings


class CaptionSettings(Settings):
    """What counts as a useful name, and how long captions may be."""

    max_characters: int = Field(300, ge=20, le=10_000, description="characters of a caption at most")
    max_colours: int = Field(3, ge=0, le=10, description="colours named in the composed caption at most")
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
            "build",
        ),
        description="folder words that say nothing of the drawing",
    )  # fmt: skip
    adjectives: tuple[str, ...] = Field(
        (
            "outline", "outlined", "filled", "fill", "solid", "sharp", "rounded", "round", "thin", "light", "bold",
            "duotone", "flat", "line", "regular", "mini",
        ),
        description="style words in names, told as adjectives",
    )  # fmt: skip
