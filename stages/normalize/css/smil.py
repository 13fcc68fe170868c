"""Animation elements that end and hold what they come to (SVG 2, section 21; SMIL Animation, sections 3.3 and 3.6).

Times are decided from the document: offsets, and the begin and end of other animation elements. What waits for an event
never begins. What repeats for ever, or lets go, leaves the picture as it is without it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from stages.base import Dropped
from stages.normalize.geometry.path_segments import from_commands
from stages.normalize.source.plain import Plain
from stages.normalize.source.tree import Node
from stages.normalize.values.properties import PRESENTATION, parse_property
from stages.normalize.values.units import parse_length, parse_number
from stages.pathdata import parse_path
from stages.reasons import Reason

ANIMATIONS = frozenset(("animate", "animateColor", "animateMotion", "animateTransform", "set", "discard"))
_CLOCK = re.compile(r"([+-]?)\s*(?:(?:(\d+):)?([0-5]\d):([0-5]\d(?:\.\d+)?)|(\d+(?:\.\d*)?|\.\d+)(h|min|s|ms)?)")
_SYNC = re.compile(r"(?P<id>[^\s;]+?)\.(?P<edge>begin|end)\s*(?P<offset>[+-].*)?")
_UNITS = {"h": 3600.0, "min": 60.0, "s": 1.0, "ms": 0.001, None: 1.0}
_DEEPEST = 50
_VANISHING = frozenset(("r", "rx", "ry", "width", "height", "stroke-width"))
"""Attributes of which nothing means that nothing is drawn."""


@dataclass(frozen=True)
class Span:
    """When an animation is active for the last time, seconds; ``end`` may be infinite.

    ``rounds``: how many simple durations that is. ``settles``: whether it does not begin again for ever.
    """

    begin: float
    end: float
    rounds: float
    settles: bool = True


def hold_ends(nodes: list[Node], ids: dict[str, Node], plain: Plain) -> None:
    """Set on their targets what animation elements hold at their end. Raises Dropped (UNSUPPORTED_ANIMATION)."""
    timing = _Timing(ids)
    held: list[tuple[float, int, Node, Span]] = []
    for order, node in enumerate(nodes):
        if node.tag not in ANIMATIONS or node.tag == "discard":
            continue
        span = timing.span(node)
        if span is not None and _holds(node, span):
            held.append((span.begin, order, node, span))
        elif span is not None and math.isinf(span.end) and span.begin <= 0:
            _check_endless(node)
    for _, _, node, span in sorted(held, key=lambda each: each[:2]):
        target = ids.get(node.attributes["href"].strip()[1:]) if "href" in node.attributes else node.parent
        if target is not None:
            _hold(node, target, span, ids, plain)
        _take_out(node, plain)


def _check_endless(node: Node) -> None:
    """Raise Dropped for what grows out of nothing again and again: no moment of it is the picture."""
    name = node.attributes.get("attributeName", "").strip()
    first = node.attributes.get("values", node.attributes.get("from", "")).split(";")[0]
    if name in _VANISHING and parse_number(first) == 0:
        raise Dropped(Reason.UNSUPPORTED_ANIMATION, f"{name} grows from nothing for ever")


def _holds(node: Node, span: Span) -> bool:
    """Whether an animation that begins has an effect for ever that does not change any more."""
    if not span.settles:
        return False
    if math.isinf(span.end):
        return node.tag == "set" or (math.isinf(_duration(node)) and node.tag != "animateMotion")
    return node.attributes.get("fill", "").strip() == "freeze"


class _Timing:
    def __init__(self, ids: dict[str, Node]) -> None:
        self._ids = ids
        self._spans: dict[int, Span | None] = {}
        self._asked: set[int] = set()

    def span(self, node: Node) -> Span | None:
        """When an animation is active for the last time, None if never. Raises Dropped (UNSUPPORTED_ANIMATION)."""
        key = id(node)
        if key not in self._spans:
            if key in self._asked:
                return Span(0.0, math.inf, math.inf, settles=False)
            if len(self._asked) > _DEEPEST:
                raise Dropped(Reason.UNSUPPORTED_ANIMATION, f"over {_DEEPEST} animations that wait for each other")
            self._asked.add(key)
            self._spans[key] = self._resolved(node)
            self._asked.remove(key)
        return self._spans[key]

    def _resolved(self, node: Node) -> Span | None:
        begins = self._times(node.attributes.get("begin", "0s"))
        if any(math.isnan(time) for time in begins):
            return Span(0.0, math.inf, math.inf, settles=False)
        known = [time for time in begins if math.isfinite(time)]
        if not known:
            return None
        begin = max(known)
        length, rounds = self._active(node)
        end = begin + length
        if "end" in node.attributes:
            later = [time for time in self._times(node.attributes["end"]) if time > begin]
            if later and min(later) < end:
                duration = _duration(node)
                end = min(later)
                rounds = (end - begin) / duration if math.isfinite(duration) else 1.0
        return Span(begin, end, rounds)

    def _active(self, node: Node) -> tuple[float, float]:
        """The active duration and how many simple durations it is."""
        duration = _duration(node)
        count = node.attributes.get("repeatCount", "").strip()
        rest = node.attributes.get("repeatDur", "").strip()
        if math.isinf(duration):
            return math.inf, 1.0
        lengths = []
        if count:
            number = math.inf if count == "indefinite" else parse_number(count)
            if number is not None and number > 0:
                lengths.append(duration * number)
        if rest:
            time = math.inf if rest == "indefinite" else clock(rest)
            if time is not None:
                lengths.append(time)
        length = min(lengths) if lengths else duration
        return length, length / duration

    def _times(self, text: str) -> list[float]:
        """The times that ``begin`` or ``end`` names, not a number for those that come again and again."""
        times = [self._time(part.strip()) for part in text.split(";") if part.strip()]
        return [time for time in times if time is not None]

    def _time(self, text: str) -> float | None:
        """The time that a value names; None for what nobody knows before."""
        offset = clock(text)
        if offset is not None:
            return offset
        match = _SYNC.fullmatch(text)
        if match is None:
            return None
        other = self._ids.get(match["id"].replace("\\", ""))
        if other is None or other.tag not in ANIMATIONS:
            return None
        span = self.span(other)
        if span is None:
            return None
        if not span.settles:
            return math.nan
        moved = clock(match["offset"].replace(" ", "")) if match["offset"] else 0.0
        return None if moved is None else (span.begin if match["edge"] == "begin" else span.end) + moved


def clock(text: str) -> float | None:
    """Seconds of a clock value or offset (SMIL Animation, section 3.6.7), None if it is none."""
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        return None
    if match[5] is not None:
        value = float(match[5]) * _UNITS[match[6]]
    else:
        value = float(match[2] or 0) * 3600 + float(match[3]) * 60 + float(match[4])
    return -value if match[1] == "-" else value


def _duration(node: Node) -> float:
    value = clock(node.attributes.get("dur", ""))
    return math.inf if value is None or value <= 0 else value


def _hold(node: Node, target: Node, span: Span, ids: dict[str, Node], plain: Plain) -> None:
    tag = node.tag
    if tag == "animateMotion":
        if "transform" in target.declared:
            raise Dropped(Reason.UNSUPPORTED_ANIMATION, "motion of what a style transforms")
        _set(target, "transform", f"{_motion(node, span, ids)} {_transform(target)}", plain)
        return
    name = "transform" if tag == "animateTransform" else node.attributes.get("attributeName", "").strip()
    name = node.attributes.get("attributeName", name).strip().rpartition(":")[2]
    if name == "class":
        raise Dropped(Reason.UNSUPPORTED_ANIMATION, "an animation of class")
    value = node.attributes.get("to") if tag == "set" else _value(node, span)
    if value is None or not name:
        return
    value = value.strip()
    adds = tag != "set" and (_sums(node) or _only_by(node))
    if tag == "animateTransform":
        value = f"{node.attributes.get('type', 'translate').strip()}({value})"
        value = f"{_transform(target)} {value}" if adds and name == "transform" else value
        if "transform" in target.declared and name == "transform":
            raise Dropped(Reason.UNSUPPORTED_ANIMATION, "an animated transform under a style's")
    elif adds:
        value = _sum(target, name, value)
    _set(target, name, value.strip(), plain)


def _sums(node: Node) -> bool:
    """Whether an animation adds to what is below it; one that goes to a value from whatever there is does not."""
    return node.attributes.get("additive", "").strip() == "sum" and bool(node.attributes.keys() & {"values", "from"})


def _only_by(node: Node) -> bool:
    return not node.attributes.keys() & {"values", "from", "to"} and "by" in node.attributes


def _value(node: Node, span: Span) -> str | None:
    """What an animation comes to at the end of its active duration."""
    attributes = node.attributes
    given = attributes.get("values")
    values = [part.strip() for part in given.split(";")] if given is not None else []
    values = values[:-1] if values and not values[-1] else values
    name = attributes.get("attributeName", node.tag)
    if not values:
        if "to" in attributes:
            values = [attributes.get("from", ""), attributes["to"]]
        elif "by" in attributes:
            values = [attributes.get("from", "0"), attributes["by"]]
            if "from" in attributes:
                values[1] = _added(values[0], values[1], name)
        else:
            return None
    if math.isinf(span.end):  # its first value, for ever, if it has one of its own
        return values[0] if given is not None or "from" in attributes else None
    if abs(span.rounds - round(span.rounds)) > 1e-6 and len(set(values)) > 1:
        raise Dropped(Reason.UNSUPPORTED_ANIMATION, f"an animation of {name[:40]} that ends within its values")
    if attributes.get("accumulate", "").strip() == "sum" and span.rounds > 1:
        raise Dropped(Reason.UNSUPPORTED_ANIMATION, f"an animation of {name[:40]} that accumulates")
    return values[-1]


def _added(first: str, second: str, name: str) -> str:
    """The sum of two lists of numbers or of two lengths."""
    one, two = ([parse_length(part) for part in text.replace(",", " ").split()] for text in (first, second))
    if len(one) == len(two):
        pairs = list(zip(one, two, strict=True))
        if all(a is not None and b is not None and a.unit == b.unit for a, b in pairs):
            units = [("" if a.unit == "px" else a.unit, a.value + b.value) for a, b in pairs if a and b]
            return " ".join(f"{value:.9g}{unit}" for unit, value in units)
    raise Dropped(Reason.UNSUPPORTED_ANIMATION, f"a sum of values of {name[:40]}")


def _sum(target: Node, name: str, value: str) -> str:
    base = target.attributes.get(name)
    if base is None or (name in target.declared and name not in target.attributes):
        raise Dropped(Reason.UNSUPPORTED_ANIMATION, f"an animation that adds to {name[:40]}")
    return _added(base, value, name)


def _transform(target: Node) -> str:
    return target.attributes.get("transform", "")


def _motion(node: Node, span: Span, ids: dict[str, Node]) -> str:
    """The transform that motion along a path ends with."""
    attributes = node.attributes
    data = attributes.get("path")
    for child in node.children:
        if child.tag == "mpath":
            path = ids.get(child.attributes.get("href", "").strip()[1:])
            data = path.attributes.get("d") if path is not None and path.tag == "path" else None
            if data is None:
                raise Dropped(Reason.UNSUPPORTED_ANIMATION, "motion along something that is no path")
    if "keyPoints" in attributes or abs(span.rounds - round(span.rounds)) > 1e-6:
        raise Dropped(Reason.UNSUPPORTED_ANIMATION, "motion that ends within its path")
    if data is None:
        value = _value(node, span)
        numbers = [parse_number(part) for part in (value or "").replace(",", " ").split()]
        if len(numbers) != 2 or None in numbers or attributes.get("rotate", "0").strip() not in ("0", ""):
            raise Dropped(Reason.UNSUPPORTED_ANIMATION, "motion that turns, or to no point")
        return f"translate({numbers[0]} {numbers[1]})"
    x, y, angle = _end_of_path(data)
    turn = attributes.get("rotate", "0").strip()
    fixed = parse_number(turn)
    degrees = angle if turn == "auto" else angle + 180 if turn == "auto-reverse" else fixed or 0.0
    return f"translate({x:.9g} {y:.9g}) rotate({degrees:.9g})" if degrees else f"translate({x:.9g} {y:.9g})"


def _end_of_path(data: str) -> tuple[float, float, float]:
    subpaths = from_commands(parse_path(data)[0])
    if not subpaths or not subpaths[-1].segments:
        raise Dropped(Reason.UNSUPPORTED_ANIMATION, "motion along an empty path")
    sub = subpaths[-1]
    last = sub.segments[-1]
    if last[0] == "A":
        raise Dropped(Reason.UNSUPPORTED_ANIMATION, "motion that ends on an arc")
    points = [(sub.x, sub.y), *((seg[-2], seg[-1]) for seg in sub.segments[:-1])]
    points = [points[-1], *zip(last[1::2], last[2::2], strict=True)]
    if sub.closed and points[-1] != (sub.x, sub.y):
        points.append((sub.x, sub.y))
    x, y = points[-1]
    before = next((point for point in reversed(points[:-1]) if point != (x, y)), (x, y))
    return x, y, math.degrees(math.atan2(y - before[1], x - before[0]))


def _set(target: Node, name: str, value: str, plain: Plain) -> None:
    """Make a value that of an attribute or property, above what the cascade says."""
    if name in target.important:
        return
    if name in PRESENTATION:
        typed: Any = parse_property(name, value)
        if typed is None:
            return
        target.declared[name] = typed
        if not plain.dry:
            before = target.source.get("style", "").strip().rstrip(";")
            target.source.set("style", f"{before};{name}:{value} !important".lstrip(";"))
    else:
        if name in target.declared:
            target.declared[name] = value
        if not plain.dry:
            target.source.set(name, value)
    target.attributes[name] = value
    plain.note("animation")


def _take_out(node: Node, plain: Plain) -> None:
    """Of an animation that is said otherwise, the source says nothing any more."""
    if plain.dry:
        return
    for name in list(node.source.attrib):
        if name != "id":
            del node.source.attrib[name]
