"""Animations that end: what they leave behind is the picture (CSS Animations 1, SVG 2, section 21, SMIL Animation).

A drawing that draws itself, or fades in, shows what it is of only at its end. What an animation with a fill mode holds
is declared on its element, above the cascade's other declarations, and in the source that the judges see. What ends
without one, or never ends, leaves the picture as it is without the animation. Transitions never begin.
"""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

from stages.base import Dropped
from stages.normalize.declarations import parse_style
from stages.normalize.plain import Plain
from stages.normalize.settings import NormalizeSettings
from stages.normalize.tree import Node
from stages.reasons import Reason
from stages.untrusted import limit_css_nesting

Keyframes = dict[float, str]
"""Declarations by the share of the animation at which they hold."""

_GROUPED = frozenset(("media", "supports", "layer", "container", "scope"))
_MOVING = frozenset(("offset-path", "offset-distance", "offset-rotate", "offset-position", "offset-anchor"))
_TIME = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)(ms|s)")
_DIRECTIONS = ("normal", "reverse", "alternate", "alternate-reverse")
_FILLS = ("none", "forwards", "backwards", "both")


class Animation(NamedTuple):
    """One animation of an element, times in seconds."""

    name: str
    duration: float = 0.0
    delay: float = 0.0
    repeats: float = 1.0
    direction: str = "normal"
    fill: str = "none"
    paused: bool = False

    @property
    def held(self) -> float | None:
        """The share of its keyframes that it holds for ever, None if it holds nothing.

        Raises Dropped (UNSUPPORTED_ANIMATION) if it is paused within.
        """
        if self.paused:
            if self.delay > 0:
                return self._directed(0.0, 0) if self.fill in ("backwards", "both") else None
            if self.delay == 0:
                return self._directed(0.0, 0)
            raise Dropped(Reason.UNSUPPORTED_ANIMATION, f"animation {self.name} is paused within")
        if math.isinf(self.repeats) or self.fill not in ("forwards", "both"):
            return None
        rounds = math.ceil(self.repeats)
        share = self.repeats - (rounds - 1) if rounds else 0.0
        return self._directed(share, max(rounds - 1, 0))

    def _directed(self, share: float, index: int) -> float:
        back = self.direction == "reverse" or (
            self.direction.startswith("alternate") and (index % 2 == 1) != (self.direction == "alternate-reverse")
        )
        return 1 - share if back else share


def end_of_styles(nodes: list[Node], settings: NormalizeSettings, plain: Plain) -> bool:
    """Declare on each node what its animations leave behind. Returns whether anything is animated.

    Raises Dropped (UNSUPPORTED_ANIMATION, TOO_COMPLEX).
    """
    animated = [node for node in nodes if _named(node.declared.get("animation-name"))]
    if not animated:
        return False
    keyframes = _keyframes(nodes, settings)
    moved = [(node, [a for a in animations(node) if a.name in keyframes]) for node in animated]
    moved = [(node, each) for node, each in moved if each]
    if not moved:
        return False
    if settings.animation == "reject":
        raise Dropped(Reason.UNSUPPORTED_ANIMATION, "the drawing is animated")
    if settings.animation == "end":
        for node, each in moved:
            timeline = node.declared.get("animation-timeline", "auto")
            if timeline not in ("auto", "none") and isinstance(timeline, str):
                raise Dropped(Reason.UNSUPPORTED_ANIMATION, f"animation-timeline {timeline[:40]}")
            for animation in each:
                share = animation.held
                if share is not None:
                    _hold(node, animation.name, keyframes[animation.name], share, settings, plain)
    return True


def _named(value: Any) -> bool:
    return isinstance(value, str) and value != "none"


def animations(node: Node) -> list[Animation]:
    """An element's animations, each with its part of the lists of the other properties."""
    lists = {name: _list(node.declared.get(name)) for name in ANIMATED}
    found = []
    for i, name in enumerate(lists["animation-name"]):
        if name == "none":
            continue
        take = {key: values[i % len(values)] if values else "" for key, values in lists.items()}
        count = take["animation-iteration-count"]
        found.append(
            Animation(
                name.strip("\"'"),
                _seconds(take["animation-duration"]),
                _seconds(take["animation-delay"]),
                math.inf if count == "infinite" else _count(count),
                take["animation-direction"] if take["animation-direction"] in _DIRECTIONS else "normal",
                take["animation-fill-mode"] if take["animation-fill-mode"] in _FILLS else "none",
                take["animation-play-state"] == "paused",
            )
        )
    return found


ANIMATED = (
    "animation-name", "animation-duration", "animation-delay", "animation-iteration-count", "animation-direction",
    "animation-fill-mode", "animation-play-state",
)  # fmt: skip


def _list(value: Any) -> list[str]:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else []


def _seconds(text: str) -> float:
    match = _TIME.fullmatch(text.lower())
    return 0.0 if match is None else float(match[1]) * (0.001 if match[2] == "ms" else 1.0)


def _count(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 1.0
    return value if value >= 0 else 1.0


def _keyframes(nodes: list[Node], settings: NormalizeSettings) -> dict[str, Keyframes]:
    """The keyframes of the document by name; the last of a name counts."""
    import tinycss2

    found: dict[str, Keyframes] = {}

    def read(rules: list[Any]) -> None:
        for rule in rules:
            if rule.type != "at-rule" or rule.content is None:
                continue
            keyword = rule.lower_at_keyword
            if keyword in ("keyframes", "-webkit-keyframes"):
                name = tinycss2.serialize(rule.prelude).strip().strip("\"'")
                found[name] = _frames(rule.content)
            elif keyword in _GROUPED and "reduce" not in tinycss2.serialize(rule.prelude).lower():
                read(tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True))

    for node in nodes:
        if node.tag == "style":
            text = "".join(node.source.itertext())
            if "keyframes" in text:
                limit_css_nesting(text, settings.max_css_nesting)
                read(tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True))
    return found


def _frames(content: list[Any]) -> Keyframes:
    import tinycss2

    frames: Keyframes = {}
    for rule in tinycss2.parse_rule_list(content, skip_comments=True, skip_whitespace=True):
        if rule.type != "qualified-rule":
            continue
        for selector in tinycss2.serialize(rule.prelude).lower().split(","):
            share = _share(selector.strip())
            if share is not None:
                frames[share] = f"{frames.get(share, '')};{tinycss2.serialize(rule.content)}"
    return frames


def _share(selector: str) -> float | None:
    if selector in ("from", "to"):
        return float(selector == "to")
    try:
        value = float(selector.removesuffix("%")) / 100
    except ValueError:
        return None
    return value if selector.endswith("%") and 0 <= value <= 1 else None


def _hold(node: Node, name: str, frames: Keyframes, share: float, settings: NormalizeSettings, plain: Plain) -> None:
    """Declare what keyframes say at a share of their time; what they leave out there is as it is."""
    if 0 < share < 1 and share not in frames:
        raise Dropped(Reason.UNSUPPORTED_ANIMATION, f"animation {name} ends at {share:.3g} of its keyframes")
    text = frames.get(share, "")
    for moving in _MOVING:
        if moving in text:
            raise Dropped(Reason.UNSUPPORTED_ANIMATION, f"animation {name} ends with {moving}")
    given = parse_style(text.strip("; \n\t\r"), settings.max_css_nesting)
    values = {each.name: each.value for each in given if not each.important and each.name not in node.important}
    if values:
        node.declared.update(values)
        declare(node, text, plain)


def declare(node: Node, text: str, plain: Plain) -> None:
    """Add declarations to the source's element, above those that it has."""
    import tinycss2

    if plain.dry:
        return
    parts = [
        f"{each.name}:{tinycss2.serialize(each.value).strip()} !important"
        for each in tinycss2.parse_blocks_contents(text, skip_comments=True, skip_whitespace=True)
        if each.type == "declaration"
        and not each.important
        and each.lower_name not in node.important
        and "var(" not in tinycss2.serialize(each.value).lower()
    ]
    before = node.source.get("style", "").strip().rstrip(";")
    node.source.set("style", ";".join([*([before] if before else []), *parts]))
    plain.note("animation")
