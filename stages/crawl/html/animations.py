"""Animations of a drawing that leave something behind, as `stages.normalize.css.animation` knows them."""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

from stages.crawl.html.cascade import Styles, Winner
from stages.crawl.html.writing import NOT_XML, SVG
from stages.normalize.values.properties import ANIMATION
from stages.normalize.values.shorthands import expand

_STAYS = ("forwards", "both")


class Animations:
    """The keyframes that a drawing needs."""

    def __init__(self) -> None:
        self._keyframes: dict[str, str] = {}

    def stays(self, winners: Mapping[str, Winner], styles: Styles) -> bool:
        """Whether an animation leaves something behind; what comes to nothing, or never ends, is left out."""
        values = {name: winner.text for name, winner in winners.items()}
        longhands: dict[str, str] = {}
        for name in ("-webkit-animation", "animation"):
            if name in values:
                longhands.update({key: str(value) for key, value in expand("animation", values[name])})
        longhands.update({name: values[name] for name in ANIMATION if name in values})
        fills = longhands.get("animation-fill-mode", "")
        if not any(word in fills for word in _STAYS):
            return False
        names = [each.strip().strip("\"'") for each in longhands.get("animation-name", "").split(",")]
        known = {name: styles.keyframes[name] for name in names if name in styles.keyframes}
        self._keyframes.update(known)
        return bool(known)

    def write(self, root: etree._Element) -> None:
        """Put what is left of the page's keyframes into a style element."""
        if not self._keyframes:
            return
        sheet = "".join(
            f"@keyframes {name}{{{' '.join(text.split())}}}" for name, text in sorted(self._keyframes.items())
        )
        style = etree.Element(f"{SVG}style")
        style.text = NOT_XML.sub("", sheet)
        root.insert(0, style)
