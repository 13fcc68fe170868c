"""What a crawler follows: a page's links, images, sprites, style sheets, and what it says of their use.

Links need no tree, so none is built: one expression skips what is of no interest and stops at the rest.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from stages.crawl.html.encoding import decode
from stages.crawl.html.model import Link, Links
from stages.crawl.html.tokens import ATTRIBUTES, BOGUS, COMMENT, END_TAG, RAW_TEXT, SPACE, attributes
from stages.patterns import compiled
from stages.text import plain

MOST_CHARS = 16_000_000
"""Of a page; what comes after them is not read."""
MOST_LINKS = 20_000
"""References of a page; further ones are counted."""
LONGEST_URL = 2_000

_WANTED = "a|area|base|embed|frame|html|image|img|input|link|meta|object|source|svg|use|video"
_AFTER = r"(?=[\t\n\f\r />]|\Z)"
_RAW = rf"(?i:{RAW_TEXT}){_AFTER}"


def _pattern(styled: bool) -> re.Pattern[str]:
    """What skips to the next tag of interest. ``styled``: those that have a URL of CSS are, too."""
    wanted = rf"(?:(?i:{_WANTED}){_AFTER}" + (r"|[a-zA-Z][^>]*?(?i:url)\()" if styled else ")")
    name = r"[a-zA-Z][^\t\n\f\r />]*+"
    # script's text is of no interest, and the longest of all
    script = rf"(?i:script){_AFTER}{ATTRIBUTES}(?:>[^<]*+(?:<(?!/(?i:script){_AFTER})[^<]*+)*+|\Z)"
    skipped = rf"[^<]++|<{script}|{COMMENT}|{END_TAG}|{BOGUS}|<(?![a-zA-Z!?/])"
    skipped += rf"|<(?!{_RAW}|{wanted}){name}{ATTRIBUTES}(?:>|\Z)"
    return compiled(
        # what ends at the end of the text is never tried from a later place
        rf"(?:{skipped})*+(?:\Z|<(?:(?P<raw>{_RAW})({ATTRIBUTES})"
        rf"(?:>([^<]*+(?:<(?!/(?i:(?P=raw)){_AFTER})[^<]*+)*+)|\Z)|({name})({ATTRIBUTES})(?:>|\Z)))"
    )


_TAGS, _STYLED_TAGS = _pattern(styled=False), _pattern(styled=True)

_PLAIN_PATH = compiled(r"/(?!/)[\w\-%&=+,;:@!$'()*?~/]*+(?:(?<!/)\.[\w\-%&=+,;:@!$'()*?~/]*+)*+(?:#.*)?\Z", re.ASCII)
"""A path without dots at the start of its parts, and without what has to be escaped."""
_ORIGIN = re.compile(r"https?://[\w.-]++(?::\d{1,5})?(?=[/?#]|\Z)", re.ASCII)
_OTHER_SCHEME = re.compile(r"(?!https?:)[a-z][a-z0-9+.-]*:(?!\d)", re.IGNORECASE)
_RASTER = re.compile(
    r"[^?#]*\.(?:jpe?g|png|gif|webp|avif|bmp|ico|tiff?|mp4|webm|woff2?|ttf|otf|eot)(?:[?#]|\Z)", re.IGNORECASE
)

_CSS = compiled(
    r"/\*[^*]*+(?:\*(?!/)[^*]*+)*+(?:\*/|\Z)"
    rf"|@import{SPACE}*+(?:\"([^\"\n]*+)\"|'([^'\n]*+)')"
    rf"|(@import{SPACE}++)?(?i:url)\({SPACE}*+(?:\"([^\"\n]*+)\"|'([^'\n]*+)'|([^\"'()\s]++))"
)
_ESCAPED = re.compile(r"\\(?:([0-9a-fA-F]{1,6})\s?|(.))", re.DOTALL)
_PAGE_RELATIONS = frozenset(("alternate", "next", "prev", "help", "author", "index", "contents", "chapter", "section"))


def links(page: bytes, url: str, content_type: str = "") -> Links:
    """What a page refers to. ``url``: where it was fetched from; ``content_type``: the response's header.

    Never raises, whatever the bytes are; what is no http or https URL, or over `LONGEST_URL`, is left out.
    """
    text, encoding = decode(page[: 4 * MOST_CHARS], content_type)
    return _Collector(url, encoding).read(text[:MOST_CHARS])


def sheet_links(sheet: str, url: str) -> Links:
    """What a style sheet refers to: images that may be SVGs, and the sheets that it imports."""
    collector = _Collector(url, "utf-8")
    collector.css(sheet[:MOST_CHARS])
    return collector.links()


def absolute(base: str, reference: str) -> str:
    """The URL of a reference, without fragment; "" for none of http or https, or too long, or of the page itself."""
    reference = reference.strip(" \t\n\f\r")
    if not reference or reference[0] == "#" or len(reference) > LONGEST_URL:
        return ""
    if reference[0] == "/" and _PLAIN_PATH.match(reference) and (origin := _ORIGIN.match(base)):
        return origin[0] + reference.partition("#")[0]  # most links of most pages, at a tenth of the time
    if _OTHER_SCHEME.match(reference):
        return ""
    reference = reference.replace("\n", "").replace("\t", "").replace("\r", "")
    try:
        joined = urljoin(base, reference).partition("#")[0]
        parts = urlsplit(joined)
        if parts.scheme not in ("http", "https") or not parts.hostname or len(joined) > LONGEST_URL:
            return ""
        _ = parts.port  # raises for what is no port
    except ValueError:
        return ""
    return joined.replace(" ", "%20")


class _Collector:
    """Collects the links of one page."""

    def __init__(self, url: str, encoding: str) -> None:
        self._url, self._base, self._encoding = url, "", encoding
        self._groups: dict[str, dict[str, Link]] = {
            name: {} for name in ("pages", "images", "sprites", "sheets", "sitemaps", "relations")
        }
        self._licenses: dict[str, None] = {}
        self._metas: list[tuple[str, str]] = []
        self._canonical = self._language = self._title = ""
        self._drawings = self._count = self._left_out = 0

    def read(self, text: str) -> Links:
        lower = text if "url(" in text else text.lower()
        pattern = _STYLED_TAGS if "url(" in lower else _TAGS
        # a base applies to what stands before it, too
        self._base = next((base for href in _bases(text) if (base := absolute(self._url, href))), "")
        for match in pattern.finditer(text):
            raw, own, content, tag, rest = match.groups()
            if raw is not None:
                self._raw(raw.lower(), own, content or "")
            elif tag is not None:
                self._element(tag.lower(), rest)
        return self.links()

    def links(self) -> Links:
        groups = {name: tuple(group.values()) for name, group in self._groups.items()}
        return Links(
            base=self._base or self._url,
            encoding=self._encoding,
            language=self._language,
            title=self._title,
            canonical=self._canonical,
            licenses=tuple(self._licenses),
            metas=tuple(self._metas),
            drawings=self._drawings,
            left_out=self._left_out,
            **groups,
        )

    def css(self, text: str) -> None:
        for match in _CSS.finditer(text):
            imported, also, at, *urls = match.groups()
            reference = imported or also or next((value for value in urls if value), "")
            if "\\" in reference:
                reference = _ESCAPED.sub(_unescaped, reference)
            if imported or also or at:
                self._add("sheets", reference, "css")
            else:
                self._image(reference, "css")

    def _add(
        self, group: str, reference: str, element: str, values: dict[str, str] | None = None, rel: tuple[str, ...] = ()
    ) -> str:
        """Note a reference. Returns its URL, "" for what is none."""
        url = absolute(self._base or self._url, reference)
        if not url or url in self._groups[group]:
            return url
        self._count += 1
        if self._count > MOST_LINKS:
            self._left_out += 1
            return url
        values = values or {}
        media_type = values.get("type", "").strip().lower()[:100]
        shown = values.get("alt") or values.get("title") or values.get("aria-label") or "" if group == "images" else ""
        language = values.get("hreflang", "").strip()[:40]
        self._groups[group][url] = Link(url, rel, element, media_type, language, plain(shown, 1_000))
        return url

    def _image(self, reference: str, element: str, values: dict[str, str] | None = None) -> None:
        if reference and not _RASTER.match(reference):
            self._add("images", reference, element, values)

    def _raw(self, tag: str, own: str, content: str) -> None:
        if tag == "style":
            self.css(content)
        elif tag == "title":
            self._title = self._title or plain(html.unescape(content[:10_000]), 1_000)
        elif tag == "iframe" and (reference := attributes(own).get("src")):
            self._add("pages", reference, "iframe")
            self._image(reference, "iframe")

    def _element(self, tag: str, rest: str) -> None:
        if tag == "svg":
            self._drawings += 1
        handler = getattr(self, f"_on_{tag}", None) if tag in _HANDLED else None
        styled = "url(" in rest or "URL(" in rest
        if handler is None and not styled:
            return
        values = attributes(rest)
        if handler is not None:
            handler(values)
        if styled:
            self.css(values.get("style", ""))

    def _on_html(self, values: dict[str, str]) -> None:
        self._language = self._language or values.get("lang", "").strip()[:40]

    def _on_a(self, values: dict[str, str], tag: str = "a") -> None:
        reference = values.get("href") or values.get("xlink:href")
        if not reference:
            return
        rel = tuple(values.get("rel", "").lower().split())
        url = self._add("pages", reference, tag, values, rel)
        if url and "license" in rel:
            self._licenses[url] = None
        if url and urlsplit(url).path.lower().endswith((".svg", ".svgz")):
            self._image(reference, tag, values)

    def _on_area(self, values: dict[str, str]) -> None:
        self._on_a(values, "area")

    def _on_img(self, values: dict[str, str], tag: str = "img") -> None:
        # data-src is what pages load later by script
        for name in ("src", "data-src", "data-lazy-src", "data-original"):
            self._image(values.get(name, ""), tag, values)
        for name in ("srcset", "data-srcset"):
            for reference in _candidates(values.get(name, "")):
                self._image(reference, tag, values)

    def _on_source(self, values: dict[str, str]) -> None:
        for reference in _candidates(values.get("srcset", "")):
            self._image(reference, "source", values)

    def _on_image(self, values: dict[str, str]) -> None:
        for name in ("href", "xlink:href", "src"):
            self._image(values.get(name, ""), "image")

    def _on_input(self, values: dict[str, str]) -> None:
        if values.get("type", "").strip().lower() == "image":
            self._image(values.get("src", ""), "input")

    def _on_video(self, values: dict[str, str]) -> None:
        self._image(values.get("poster", ""), "video")

    def _on_object(self, values: dict[str, str]) -> None:
        self._image(values.get("data", ""), "object", values)

    def _on_embed(self, values: dict[str, str]) -> None:
        self._image(values.get("src", ""), "embed", values)

    def _on_frame(self, values: dict[str, str]) -> None:
        self._add("pages", values.get("src", ""), "frame")

    def _on_use(self, values: dict[str, str]) -> None:
        for name in ("href", "xlink:href"):
            self._add("sprites", values.get(name, ""), "use")

    def _on_link(self, values: dict[str, str]) -> None:
        reference, rel = values.get("href", ""), tuple(values.get("rel", "").lower().split())
        if not reference or not rel:
            return
        url = self._add("relations", reference, "link", values, rel)
        kind = values.get("type", "").strip().lower()
        if "stylesheet" in rel and kind in ("", "text/css"):
            self._add("sheets", reference, "link", values, rel)
        if "icon" in rel or "mask-icon" in rel or ("preload" in rel and values.get("as", "").lower() == "image"):
            self._image(reference, "mask-icon" if "mask-icon" in rel else "icon", values)
        if "canonical" in rel:
            self._canonical = self._canonical or url
        if "license" in rel and url:
            self._licenses[url] = None
        if "sitemap" in rel:
            self._add("sitemaps", reference, "link", values, rel)
        if _PAGE_RELATIONS.intersection(rel) and "stylesheet" not in rel and kind in ("", "text/html"):
            self._add("pages", reference, "link", values, rel)

    def _on_meta(self, values: dict[str, str]) -> None:
        name = values.get("name") or values.get("property") or values.get("http-equiv") or ""
        content = values.get("content", "")
        name = name.strip().lower()
        if not name or len(self._metas) >= 500:
            return
        self._metas.append((name[:200], content[:10_000]))
        if name in ("og:image", "twitter:image", "msapplication-tileimage"):
            self._image(content, "meta")
        if name == "refresh" and (match := _REFRESH.match(content)):
            self._add("pages", match[1] or match[2] or match[3] or "", "meta")


_HANDLED = frozenset(name.removeprefix("_on_") for name in vars(_Collector) if name.startswith("_on_"))
_REFRESH = re.compile(r"""\s*[\d.]*\s*[;,]?\s*(?:url\s*=\s*)?(?:"([^"]*)|'([^']*)|(\S+))""", re.IGNORECASE)
_CANDIDATE = re.compile(r"[\s,]*(\S+)(?:\s+[^,(]*(?:\([^)]*(?:\)|\Z)[^,(]*)*)?")


def _candidates(text: str) -> Iterator[str]:
    """The URLs of a ``srcset`` (HTML, section 4.8.4.3.10)."""
    at, text = 0, text[:100_000]
    while match := _CANDIDATE.match(text, at):
        reference = match[1]
        if reference.endswith(","):
            at = match.end(1)
            reference = reference.rstrip(",")
        else:
            at = match.end()
        if reference:
            yield reference
        if at >= len(text):
            return


def _unescaped(match: re.Match[str]) -> str:
    if match[1] is None:
        return "" if match[2] == "\n" else match[2]
    code = int(match[1], 16)
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"


_BASE = compiled(rf"(?:[^<]++|{COMMENT}|<(?!(?i:base){_AFTER}))*+(?:\Z|<(?i:base)({ATTRIBUTES}))")


def _bases(text: str) -> Iterator[str]:
    """The ``href`` of each ``base`` near the start of a page."""
    head = text[:200_000]
    if "<base" in head or "<BASE" in head:
        for match in _BASE.finditer(head):
            if href := attributes(match[1] or "").get("href"):
                yield href
