"""From the parsed tree to a new one that holds only what a drawing is made of.

The tree is rebuilt from what is allowed, in the SVG namespace alone, rather than pruned of what is known to be bad.
Elements, attributes and style keep their order and values. White space and stray text between elements go; text within
``text`` stays. References stay if they point into the document.
"""

from __future__ import annotations

import re

from lxml import etree

from stages.base import Dropped
from stages.canonical import SVG_NS
from stages.reasons import Reason
from stages.sanitize import css, inline, raster
from stages.sanitize import foreign as foreign_content
from stages.sanitize.attributes import HREF, clean_attributes
from stages.sanitize.decode import decode
from stages.sanitize.parse import parse
from stages.sanitize.settings import SanitizeSettings
from stages.sanitize.vocabulary import ANIMATIONS, KEPT, removed_as

_SVG = f"{{{SVG_NS}}}"
_XHTML = "http://www.w3.org/1999/xhtml"
_STYLES = (f"{_SVG}style", f"{{{_XHTML}}}style", "style")
_CONDITIONS = ("requiredFeatures", "requiredExtensions", "systemLanguage")
_INVISIBLE = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Characters of text that show nothing, and those that turn what follows round: they hide what a reader would see."""
_DEEPEST = 3
"""Documents within documents that are inlined."""
_STRUCTURAL = re.compile(
    r":(?:first|last|only|nth|empty|has|not)\b|[+~]|\b(?:title|desc|metadata|style)\b", re.IGNORECASE
)
"""What selectors hold that ask for an element's place among others."""
_DATA_STYLESHEET = re.compile(r"""\bhref\s*=\s*["']?\s*data:""", re.IGNORECASE)


def clean(root: etree._Element, settings: SanitizeSettings) -> tuple[bytes, str, str, set[str]]:
    """The cleaned document in UTF-8, the texts of the root's title and desc, and notes.

    Raises Dropped: TOO_DEEP, TOO_COMPLEX, RASTER_EMBEDDED, ACTIVE_CONTENT, XML_MALFORMED.
    """
    cleaner = _Cleaner(settings, root)
    for sibling in [*root.itersiblings(preceding=True), *root.itersiblings()]:
        cleaner.note_other(sibling)
    new = etree.Element(f"{_SVG}svg", cleaner.attributes(root, "svg"), nsmap={None: SVG_NS})
    cleaner.children(root, new, 1, False)
    if cleaner.rules * cleaner.elements > settings.max_css_matches:
        raise Dropped(Reason.TOO_COMPLEX, f"{cleaner.rules} CSS rules on {cleaner.elements} elements")
    data = etree.tostring(new, encoding="utf-8", xml_declaration=False)
    return data, cleaner.first_text(root, "title"), cleaner.first_text(root, "desc"), cleaner.notes


class _Cleaner:
    """State of one document: its notes, and what has been counted so far."""

    def __init__(self, settings: SanitizeSettings, root: etree._Element, level: int = 0) -> None:
        self.settings, self.root = settings, root
        self.level, self.images = level, 0
        """How many documents this one is in, and how many it has inlined."""
        self.bare = root.tag == "svg"
        """Whether the root has no namespace, so that elements without one are taken for SVG."""
        self.raster = raster.Visibility(root)
        self.structural = any(_STRUCTURAL.search("".join(style.itertext())) for style in root.iter(*_STYLES))
        """Whether a style sheet asks for places among siblings, so that what is taken out leaves an empty element."""
        self.notes: set[str] = set()
        self.sheets: str | None = None
        """All style sheets, once something asks for them."""
        self.elements = self.rules = self.text_chars = self.css_chars = 0

    def children(self, old: etree._Element, new: etree._Element, depth: int, in_text: bool) -> None:
        """Copy what is allowed of the content of ``old``, which is ``depth`` deep, into ``new``."""
        last: etree._Element | None = None
        if in_text:
            self.add_text(new, None, old.text)
        elif self.structural and (old.text or "").isspace():
            new.text = " "  # which makes it other than :empty
        for child in old:
            copied = self.element(child, new, depth + 1, in_text)
            if copied is not None:
                last = copied
            if in_text:
                self.add_text(new, last, child.tail)

    def add_text(self, parent: etree._Element, last: etree._Element | None, text: str | None) -> None:
        """Append character data to ``parent``, after its last child ``last``."""
        if not text:
            return
        if not text.isascii() and (shown := _INVISIBLE.sub("", text)) != text:
            self.notes.add("invisible_characters")
            text = shown
        self.text_chars += len(text)
        if self.text_chars > self.settings.max_text_chars:
            raise Dropped(Reason.TOO_COMPLEX, f"over {self.settings.max_text_chars} characters of text")
        if last is None:
            parent.text = (parent.text or "") + text
        else:
            last.tail = (last.tail or "") + text

    def note_other(self, node: etree._Element) -> None:
        """Note a comment or a processing instruction. Raises Dropped (UNSUPPORTED_CSS) for a style sheet it holds."""
        comment = node.tag is etree.Comment
        if not comment and node.target == "xml-stylesheet" and _DATA_STYLESHEET.search(node.text or ""):
            raise Dropped(Reason.UNSUPPORTED_CSS, "an xml-stylesheet of a data URL")
        self.notes.add("comment" if comment else "processing_instruction")

    def element(self, old: etree._Element, parent: etree._Element, depth: int, in_text: bool) -> etree._Element | None:
        """Append a cleaned copy of ``old`` to ``parent``; None if it is taken out."""
        if not isinstance(old.tag, str):
            if old.tag is etree.Entity:
                raise Dropped(Reason.XML_MALFORMED, "an entity that cannot be resolved")
            self.note_other(old)
            return None
        namespace, _, local = old.tag[1:].rpartition("}") if old.tag[0] == "{" else ("", "", old.tag)
        in_svg = namespace == SVG_NS or (self.bare and not namespace)
        if namespace == _XHTML and local == "style":
            self.elements += 1
            return self.style(old, parent)
        if in_svg and local == "foreignObject":
            self.notes.add("foreign_object")
            if self.shows(old):
                self.elements += 1
                new = etree.SubElement(parent, _SVG + local, self.attributes(old, local))
                self.remains(old, "", parent, in_text)
                return new
            placeholder = self.placeholder(old, parent)
            return self.remains(old, local, parent, in_text) if placeholder is None else placeholder
        if not in_svg or local not in KEPT:
            if depth > 2 or not in_svg or local not in ("title", "desc"):
                self.notes.add(note := removed_as(local, namespace, in_svg))
                if note == "script" and self.settings.scripts == "reject":
                    raise Dropped(Reason.ACTIVE_CONTENT, f"a {local} element")
            placeholder = self.placeholder(old, parent) if in_svg else None
            return self.remains(old, local if in_svg else "", parent, in_text) if placeholder is None else placeholder
        if depth > self.settings.max_depth:
            raise Dropped(Reason.TOO_DEEP, f"elements nested over {self.settings.max_depth} deep")
        if local == "image" and self.level < _DEEPEST and (data := inline.source(_reference(old))) is not None:
            return self.inlined(old, parent, data)
        if not self.allowed(old, local):
            return self.placeholder(old, parent)
        self.elements += 1
        if local == "style":
            return self.style(old, parent)
        new = etree.SubElement(parent, _SVG + local, self.attributes(old, local))
        in_text = in_text or local == "text"
        if len(old) or in_text or self.structural:
            self.children(old, new, depth, in_text)
        return new

    def remains(self, old: etree._Element, local: str, parent: etree._Element, in_text: bool) -> etree._Element | None:
        """Keep of an element that is taken out its style sheets, which apply to the whole document, and, if style
        sheets count siblings, an empty element in its place."""
        last: etree._Element | None = None
        if self.structural and not in_text:
            last = etree.SubElement(parent, _SVG + (local if local in ("title", "desc") else "metadata"))
        above = parent
        while above.tag == f"{_SVG}switch" and (outer := above.getparent()) is not None:
            above = outer  # a switch would choose it
        for style in old.iter(*_STYLES):
            self.elements += 1
            copied = self.style(style, above)
            last = copied if copied is not None and above is parent else last
        return last

    def placeholder(self, old: etree._Element, parent: etree._Element) -> etree._Element | None:
        """An empty group for an element that is taken out of a ``switch``, which may choose it; None elsewhere."""
        if parent.tag != f"{_SVG}switch":
            return None
        self.elements += 1
        return etree.SubElement(parent, f"{_SVG}g", {name: old.get(name) for name in _CONDITIONS if name in old.attrib})

    def inlined(self, old: etree._Element, parent: etree._Element, data: bytes) -> etree._Element | None:
        """Append the SVG that an ``image`` shows. Raises Dropped (RASTER_EMBEDDED, and what parsing it does)."""
        if not self.raster.shows(old):
            self.notes.add("hidden_raster")
            return self.placeholder(old, parent)
        try:
            text, _ = decode(data)
            root, _ = parse(text, self.settings)
        except Dropped as error:
            if error.reason in (Reason.XML_MALFORMED, Reason.NOT_SVG, Reason.BAD_ENCODING):
                raise Dropped(Reason.RASTER_EMBEDDED, f"an SVG image: {error.reason}: {error.detail}") from None
            raise
        cleaner = _Cleaner(self.settings, root, self.level + 1)
        new = etree.Element(f"{_SVG}svg", cleaner.attributes(root, "svg"), nsmap={None: SVG_NS})
        cleaner.children(root, new, 1, False)
        self.images += 1 + cleaner.images
        prefix = f"image{self.level}-{self.images}"
        bare = etree.Element(f"{_SVG}image", {n: v for n, v in old.attrib.items() if n not in ("href", HREF)})
        bare = etree.Element(f"{_SVG}image", self.attributes(bare, "image"))
        group = inline.nested(bare, new, prefix, self.style_sheets())
        if group is None:
            raise Dropped(Reason.RASTER_EMBEDDED, "an SVG image that cannot be inlined")
        self.notes |= cleaner.notes | {"image_inlined"}
        for name in ("elements", "rules", "text_chars", "css_chars"):
            setattr(self, name, getattr(self, name) + getattr(cleaner, name))
        if self.elements > self.settings.max_elements:
            raise Dropped(Reason.TOO_COMPLEX, f"over {self.settings.max_elements} elements")
        parent.append(group)
        return group

    def style_sheets(self) -> str:
        """All style sheets of the document."""
        if self.sheets is None:
            self.sheets = " ".join(
                "".join(each.itertext())
                for each in self.root.iter(etree.Element)
                if each.tag.rpartition("}")[2] == "style"
            )
        return self.sheets

    def shows(self, foreign: etree._Element) -> bool:
        """Whether a ``foreignObject`` has content that can be seen."""
        return foreign_content.shows(foreign, self.style_sheets())

    def allowed(self, old: etree._Element, local: str) -> bool:
        """Whether an element of a known kind may stay. Raises Dropped (RASTER_EMBEDDED)."""
        if local in ANIMATIONS:
            target = old.get("attributeName", "").strip().rpartition(":")[2].lower()
            if target in ("href", "src", "base") or target.startswith("on"):
                self.notes.add("active_animation")
                return False
        elif local == "image" or (local == "feImage" and not _reference(old).startswith("#")):
            if not self.raster.shows(old):
                self.notes.add("hidden_raster")
                return False
            if self.settings.images == "reject":
                raise Dropped(Reason.RASTER_EMBEDDED, f"{local} {_reference(old)[:60]}")
            self.notes.add("image_dropped")
            return False
        return True

    def style(self, old: etree._Element, parent: etree._Element) -> etree._Element | None:
        """Append a cleaned copy of a style element; None if it is no CSS, or nothing is left of it."""
        if old.get("type", "").lower() not in ("", "text/css"):
            self.notes.add("style_type")
            return self.style_remains(parent)
        text = css.shrink("".join([old.text or "", *(child.tail or "" for child in old)]))
        self.css_chars += len(text)
        if self.css_chars > self.settings.max_css_chars:
            raise Dropped(Reason.TOO_COMPLEX, f"over {self.settings.max_css_chars} characters of CSS")
        text, notes = css.clean_sheet(text, self.settings.max_css_nesting)
        self.notes |= notes
        if not text.strip():
            return self.style_remains(parent)
        self.rules += text.count("{")
        new = etree.SubElement(parent, f"{_SVG}style", self.attributes(old, "style"))
        new.text = text
        return new

    def style_remains(self, parent: etree._Element) -> etree._Element | None:
        """An empty element in the place of a style element that is taken out, if style sheets count siblings."""
        return etree.SubElement(parent, f"{_SVG}style") if self.structural else None

    def attributes(self, element: etree._Element, local: str) -> dict[str, str]:
        """The attributes of an element called ``local`` that stay, in order, with cleaned values."""
        return clean_attributes(element, local, self.settings, self.notes)

    def first_text(self, root: etree._Element, local: str) -> str:
        """Text of the first child of the root called ``local`` that has any, "" if none does."""
        for child in root:
            if child.tag == _SVG + local or (self.bare and child.tag == local):
                text = str(child.xpath("string()"))
                if text.strip():
                    return text
        return ""


def _reference(element: etree._Element) -> str:
    return (element.get("href") or element.get(HREF) or "").strip()
