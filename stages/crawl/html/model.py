"""What a page says to a crawler."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    """One reference of a page. ``url``: absolute, http or https, without fragment."""

    url: str
    rel: tuple[str, ...] = ()
    """Words of its ``rel`` in lower case, as nofollow."""
    element: str = ""
    """What it stands in: a, img, object, css, meta, ..."""
    media_type: str = ""
    """Its ``type``, in lower case, "" if it has none."""
    language: str = ""
    """Its ``hreflang``."""
    text: str = ""
    """Of an image, what stands for it: its ``alt``, else its ``title`` or ``aria-label``."""


@dataclass(frozen=True)
class Links:
    """What a page refers to, each group in the order of the page, a URL once in a group."""

    base: str
    """What relative URLs are relative to."""
    encoding: str
    """The codec that the page was read in."""
    language: str = ""
    title: str = ""
    pages: tuple[Link, ...] = ()
    """What may be a page: ``a``, ``area``, ``iframe``, ``frame``, and ``link`` to other languages, pages and parts."""
    images: tuple[Link, ...] = ()
    """What may be an SVG, by element: img, source, object, embed, iframe, image, icon, mask-icon, input, css, meta, a;
    names of other pictures (``.png``) are left out."""
    sprites: tuple[Link, ...] = ()
    """Files that ``use`` takes parts of."""
    sheets: tuple[Link, ...] = ()
    """Style sheets: ``link rel=stylesheet``, and ``@import`` of the page's own."""
    sitemaps: tuple[Link, ...] = ()
    canonical: str = ""
    licenses: tuple[str, ...] = ()
    """URLs of ``rel=license``, of ``a``, ``area`` and ``link``."""
    metas: tuple[tuple[str, str], ...] = ()
    """(name, property or http-equiv in lower case, content) of each ``meta``, as they are."""
    relations: tuple[Link, ...] = ()
    """Every ``link`` with a URL, whatever its ``rel``: what an opt-out may be said by."""
    drawings: int = 0
    """How many ``svg`` start tags there are."""
    left_out: int = 0
    """References past the limit."""

    @property
    def nofollow(self) -> bool:
        """Whether a ``meta`` for all robots asks not to follow any link of the page."""
        words = [word for name, content in self.metas if name == "robots" for word in content.lower().split(",")]
        return any(word.strip() in ("nofollow", "none") for word in words)
