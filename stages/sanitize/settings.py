"""Settings of the sanitizer."""

from typing import Literal

from pydantic import Field

from stages.base import Settings


class SanitizeSettings(Settings):
    """Limits on what is parsed, and what becomes of active content."""

    max_bytes: int = Field(8 * 2**20, ge=1, le=2**30, description="bytes of the document as given, and as UTF-8")
    max_depth: int = Field(200, ge=1, le=250, description="nested elements; the parser itself stops at 256")
    max_elements: int = Field(50_000, ge=1, description="elements in the document")
    max_attributes: int = Field(500, ge=1, description="attributes of one element")
    max_attributes_total: int = Field(400_000, ge=1, description="equals signs in the document, a bound on attributes")
    max_attribute_chars: int = Field(2_000_000, ge=1, le=10_000_000, description="characters of one attribute's value")
    max_text_chars: int = Field(100_000, ge=0, description="characters of text elements in all")
    max_css_chars: int = Field(500_000, ge=0, description="characters of style elements in all")
    max_css_matches: int = Field(5_000_000, ge=1, description="CSS rules times elements: pairs that a renderer may try")
    max_css_nesting: int = Field(32, ge=1, le=100, description="nested brackets in CSS")
    max_entity_chars: int = Field(
        256 * 2**10, ge=0, le=2**20, description="characters that the entity references become"
    )
    max_entity_depth: int = Field(16, ge=1, le=30, description="entities within entities")
    max_title_chars: int = Field(1_000, ge=0, description="characters kept of title and desc, each")
    scripts: Literal["drop", "reject"] = Field(
        "drop", description="a document with a script element: take the script out, or reject the document"
    )
    images: Literal["drop", "reject"] = Field(
        "reject",
        description="a document with an embedded or linked raster that shows: reject it, or take the image out; tokens"
        " cannot say an image",
    )
