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
from stages.normalize.css.sheets import Keyframe
from stages.normalize.settings import NormalizeSettings
from stages.normalize.source.plain import Plain
from stages.normalize.source.tree import Node
from stages.reasons import Reason

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


def end_of_styles(
    nodes: list[Node], keyframes: dict[str, tuple[Keyframe, ...]], settings: NormalizeSettings, plain: Plain
) -> bool:
    """Declare on each node what its animations leave behind. Returns whether anything is animated.

    Raises Dropped (UNSUPPORTED_ANIMATION).
    """
    animated = [node for node in nodes if _named(node.declared.get("animation-name"))]
    if not animated:
        return False
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
                    _hold(node, animation.name, keyframes[animation.name], share, plain)
    return True


def _named(value: Any) -> bool:
    return isinstance(value, str) and value != "none"


def animations(node: Node) -> list[Animation]:
    """An element's animations, each with its part of the lists of the other properties."""
    lists = {name: _list(node.declared.get(name)) for name in ANIMATED}
    named_animations = []
    for i, name in enumerate(lists["animation-name"]):
        if name == "none":
            continue
        take = {key: values[i % len(values)] if values else "" for key, values in lists.items()}
        count = take["animation-iteration-count"]
        named_animations.append(
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
    return named_animations


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


def _hold(node: Node, name: str, frames: tuple[Keyframe, ...], share: float, plain: Plain) -> None:
    """Declare what keyframes say at a share of their time; what they leave out there is as it is."""
    now = [frame for frame in frames if frame.offset == share]
    if 0 < share < 1 and not now:
        raise Dropped(Reason.UNSUPPORTED_ANIMATION, f"animation {name} ends at {share:.3g} of its keyframes")
    written = [each for frame in now for each in frame.written]
    for each in written:
        if each.name in _MOVING:
            raise Dropped(Reason.UNSUPPORTED_ANIMATION, f"animation {name} ends with {each.name}")
    values = {each.name: each.value for frame in now for each in frame.block if each.name not in node.important}
    if values:
        node.declared.update(values)
        declare(node, [(each.name, each.text) for each in written if each.name not in node.important], plain)


def declare(node: Node, pairs: list[tuple[str, str]], plain: Plain) -> None:
    """Add declarations to the source's element, above those that it has."""
    if plain.dry:
        return
    parts = [f"{name}:{text.strip()} !important" for name, text in pairs if "var(" not in text.lower()]
    before = node.source.get("style", "").strip().rstrip(";")
    node.source.set("style", ";".join([*([before] if before else []), *parts]))
    plain.note("animation")
