"""The same drawing in other words: operations, which take the tree of a drawing and may change it, and tools."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from lxml import etree
from scour import scour as scour_

from stages.pathdata import Command, parse_path

SVG = "http://www.w3.org/2000/svg"
SHAPES = ("path", "rect", "circle", "ellipse", "line", "polyline", "polygon")
PLAIN = (*SHAPES, "svg", "g", "title")
CANVAS = 784

LENGTHS = ("x", "y", "width", "height", "cx", "cy", "r", "rx", "ry", "x1", "y1", "x2", "y2", "stroke-width")
COLOUR = re.compile(r"(?P<name>fill|stroke|stop-color)(?P<is>\s*[:=]\s*[\"']?)(?P<value>[^\"';\s]+)")


def plain(root: Any) -> bool:
    """Whether all is said by shapes and their attributes, in units of the viewBox."""
    for node in root.iter():
        if not isinstance(node.tag, str):
            continue
        if etree.QName(node).localname not in PLAIN or {"transform", "style", "class"} & set(node.attrib):
            return False
        if any("url(" in value or "%" in value for value in node.attrib.values()):
            return False
        lengths = [node.get(name) for name in LENGTHS if name in node.attrib and node is not root]
        if not all(
            re.fullmatch(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)", value) for value in (*lengths, root.get("stroke-width", "1"))
        ):
            return False
    return root.get("viewBox") is not None


def shapes(root: Any) -> list[Any]:
    return [node for node in root.iter() if isinstance(node.tag, str) and etree.QName(node).localname in SHAPES]


def box(root: Any) -> list[float]:
    return [float(value) for value in re.split(r"[ ,]+", root.get("viewBox").strip())]


def number(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".") or "0"


def spelled(commands: list[Command]) -> str:
    return "".join(f"{letter}{' '.join(map(number, values))}" for letter, values in commands)


def absolute_path(data: str) -> list[Command]:
    """The commands of path data, all absolute."""
    x = y = left = top = 0.0
    found: list[Command] = []
    for letter, values in parse_path(data)[0]:
        upper = letter.upper()
        if letter != upper:
            if upper == "H":
                values = (values[0] + x,)
            elif upper == "V":
                values = (values[0] + y,)
            elif upper == "A":
                values = (*values[:5], values[5] + x, values[6] + y)
            else:
                values = tuple(v + (y if i % 2 else x) for i, v in enumerate(values))
        if upper == "H":
            x = values[0]
        elif upper == "V":
            y = values[0]
        elif upper == "Z":
            x, y = left, top
        else:
            x, y = values[-2:]
        if upper == "M":
            left, top = x, y
        found.append((upper, values))
    return found


def mapped(commands: list[Command], move: Callable[[float, bool], float], scale: float = 1.0) -> list[Command]:
    """Absolute commands with every coordinate moved; ``move`` gets the value, and whether it is one of y."""
    found: list[Command] = []
    for letter, values in commands:
        if letter == "H":
            values = (move(values[0], False),)
        elif letter == "V":
            values = (move(values[0], True),)
        elif letter == "A":
            radii = (values[0] * scale, values[1] * scale)
            values = (*radii, *values[2:5], move(values[5], False), move(values[6], True))
        else:
            values = tuple(move(v, bool(i % 2)) for i, v in enumerate(values))
        found.append((letter, values))
    return found


def move_all(root: Any, move: Callable[[float, bool], float], scale: float = 1.0) -> bool:
    """Move every coordinate of a plain drawing, and scale every length."""
    if not plain(root):
        return False
    for node in root.iter():
        if not isinstance(node.tag, str):
            continue
        for name, value in list(node.attrib.items()):
            if name == "d":
                node.set("d", spelled(mapped(absolute_path(value), move, scale)))
            elif name == "points":
                numbers = [float(v) for v in re.findall(r"-?[0-9.]+(?:e-?\d+)?", value)]
                node.set("points", " ".join(number(move(v, bool(i % 2))) for i, v in enumerate(numbers)))
            elif node is not root and name in ("x", "cx", "x1", "x2"):
                node.set(name, number(move(float(value), False)))
            elif node is not root and name in ("y", "cy", "y1", "y2"):
                node.set(name, number(move(float(value), True)))
            elif name in ("r", "rx", "ry", "stroke-width") or (node is not root and name in ("width", "height")):
                node.set(name, number(float(value) * scale))
    for node in shapes(root):  # what is not said is nought, and has to be said once it is moved
        for name in {"rect": "xy", "circle": ("cx", "cy"), "ellipse": ("cx", "cy")}.get(
            etree.QName(node).localname, ""
        ):
            if name not in node.attrib:
                node.set(name, number(move(0.0, name[-1] == "y")))
    return True


def rescaled(root: Any, chance: random.Random) -> bool:
    factor = chance.choice((0.25, 0.5, 2.5, 20.0))
    width = 1.0 if root.get("stroke") and not root.get("stroke-width") else None
    if not move_all(root, lambda v, _: v * factor, factor):
        return False
    if width or any(node.get("stroke") and not node.get("stroke-width") for node in shapes(root)):
        return False
    root.set("viewBox", " ".join(number(v * factor) for v in box(root)))
    for name in ("width", "height"):
        root.attrib.pop(name, None)
    return True


def rescaled_viewbox(root: Any, chance: random.Random) -> bool:
    if root.get("viewBox") is None:
        return False
    factor = chance.choice((0.5, 3.0))
    group = etree.Element(f"{{{SVG}}}g", transform=f"scale({factor})")
    for child in list(root):
        group.append(child)
    root.append(group)
    root.set("viewBox", " ".join(number(v * factor) for v in box(root)))
    return True


def translated_viewbox(root: Any, chance: random.Random) -> bool:
    if not plain(root):
        return False
    left, top, width, height = box(root)
    dx, dy = chance.uniform(-2, 2) * width, chance.uniform(-2, 2) * height
    if not move_all(root, lambda v, up: v + (dy if up else dx)):
        return False
    root.set("viewBox", " ".join(map(number, (left + dx, top + dy, width, height))))
    return True


def attribute_order(root: Any, chance: random.Random) -> bool:
    for node in root.iter():
        if isinstance(node.tag, str) and len(node.attrib) > 1:
            said = list(node.attrib.items())
            chance.shuffle(said)
            node.attrib.clear()
            node.attrib.update(said)
    return True


def recoloured(root: Any, chance: random.Random) -> bool:
    text = etree.tostring(root).decode()
    colours = {m["value"] for m in COLOUR.finditer(text)} - {"none"}
    unsaid = any("fill" not in node.attrib and "style" not in node.attrib for node in shapes(root))
    if len(colours) > 1 or "url(" in text or (colours and unsaid and root.get("fill") is None):
        return False
    new = "#" + "".join(chance.choice("123456789ab") for _ in range(6))
    for node in root.iter():
        if isinstance(node.tag, str):
            for name in ("fill", "stroke", "style"):
                value = node.get(name)
                if name == "style" and value:
                    node.set(name, COLOUR.sub(lambda m: m[0] if m["value"] == "none" else f"{m['name']}:{new}", value))
                elif value and value != "none":
                    node.set(name, new)
    if not colours:
        root.set("fill", new)
    return True


def shapes_to_paths(root: Any, chance: random.Random) -> bool:
    changed = False
    for node in shapes(root):
        get = {
            name: float(value)
            for name, value in node.attrib.items()
            if re.fullmatch(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)", value)
        }
        kind = etree.QName(node).localname
        data = ""
        if kind == "rect" and "rx" not in node.attrib and "ry" not in node.attrib and {"width", "height"} <= set(get):
            data = f"M{get.get('x', 0)} {get.get('y', 0)}h{get['width']}v{get['height']}h{-get['width']}z"
        elif kind in ("circle", "ellipse") and ({"r"} <= set(get) or {"rx", "ry"} <= set(get)):
            rx, ry = get.get("rx", get.get("r", 0)), get.get("ry", get.get("r", 0))
            x, y = get.get("cx", 0), get.get("cy", 0)
            data = f"M{x - rx} {y}a{rx} {ry} 0 1 0 {2 * rx} 0a{rx} {ry} 0 1 0 {-2 * rx} 0z"
        elif kind == "line":
            data = f"M{get.get('x1', 0)} {get.get('y1', 0)}L{get.get('x2', 0)} {get.get('y2', 0)}"
        elif kind in ("polyline", "polygon"):
            data = f"M{node.get('points', '').strip()}{'z' if kind == 'polygon' else ''}"
        if not data:
            continue
        for name in ("x", "y", "width", "height", "cx", "cy", "r", "rx", "ry", "x1", "y1", "x2", "y2", "points"):
            node.attrib.pop(name, None)
        node.tag = f"{{{SVG}}}path"
        node.set("d", data)
        changed = True
    return changed


def rewritten(root: Any, to: Callable[[list[Command]], list[Command]]) -> bool:
    changed = False
    for node in root.iter(f"{{{SVG}}}path"):
        before = node.get("d", "")
        node.set("d", spelled(to(absolute_path(before))))
        changed |= node.get("d") != before
    return changed


def absolute(root: Any, chance: random.Random) -> bool:
    return rewritten(root, lambda commands: commands)


def relative(root: Any, chance: random.Random) -> bool:
    def to(commands: list[Command]) -> list[Command]:
        x = y = left = top = 0.0
        found: list[Command] = []
        for letter, values in commands:
            lower: tuple[float, ...]
            if letter == "H":
                lower, x = (values[0] - x,), values[0]
            elif letter == "V":
                lower, y = (values[0] - y,), values[0]
            elif letter == "Z":
                lower, x, y = (), left, top
            else:
                if letter == "A":
                    lower = (*values[:5], values[5] - x, values[6] - y)
                else:
                    lower = tuple(v - (y if i % 2 else x) for i, v in enumerate(values))
                x, y = values[-2:]
            if letter == "M":
                left, top = x, y
            # from what was printed, or errors add up
            found.append((letter.lower(), lower))
        return found

    return rewritten(root, to)


def subpaths(commands: list[Command]) -> list[list[Command]]:
    found: list[list[Command]] = []
    for command in commands:
        if command[0] == "M":
            found.append([])
        found[-1].append(command)
    return found


def bounds(commands: list[Command]) -> tuple[float, float, float, float]:
    xs, ys = [], []
    for letter, values in commands:
        if letter == "H":
            xs.append(values[0])
        elif letter == "V":
            ys.append(values[0])
        elif letter == "A":
            xs += [values[5] - 2 * values[0], values[5] + 2 * values[0]]
            ys += [values[6] - 2 * values[1], values[6] + 2 * values[1]]
        else:
            xs += values[::2]
            ys += values[1::2]
    return min(xs), min(ys), max(xs), max(ys)


def disjoint(boxes: list[tuple[float, float, float, float]]) -> bool:
    return all(a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1] for i, a in enumerate(boxes) for b in boxes[:i])


def split_paths(root: Any, chance: random.Random) -> bool:
    changed = False
    for node in list(root.iter(f"{{{SVG}}}path")):
        parts = subpaths(absolute_path(node.get("d", "")))
        if 1 < len(parts) < 30 and all(len(part) > 1 for part in parts) and disjoint([bounds(part) for part in parts]):
            for part in parts:
                copy = deepcopy(node)
                copy.set("d", spelled(part))
                node.addprevious(copy)
            node.getparent().remove(node)
            changed = True
    return changed


def merged_paths(root: Any, chance: random.Random) -> bool:
    changed = False
    for node in list(root.iter(f"{{{SVG}}}path")):
        other = node.getprevious()
        if other is None or other.tag != node.tag or not node.get("d") or not other.get("d"):
            continue
        if {**node.attrib, "d": ""} != {**other.attrib, "d": ""}:
            continue
        one, two = absolute_path(other.get("d")), absolute_path(node.get("d"))
        if disjoint([bounds(part) for part in (*subpaths(one), *subpaths(two))]):
            node.set("d", spelled(one + two))
            other.getparent().remove(other)
            changed = True
    return changed


def jitter(root: Any, chance: random.Random) -> bool:
    if not plain(root):
        return False
    unit = max(box(root)[2:]) / CANVAS
    return move_all(root, lambda v, _: v + chance.uniform(-1, 1) * unit)


def metadata(root: Any, chance: random.Random) -> bool:
    for name, text in (("title", "Some drawing"), ("desc", "drawn by somebody")):
        node = etree.Element(f"{{{SVG}}}{name}")
        node.text = text
        root.insert(0, node)
    root.append(etree.Comment(" exported "))
    for n, node in enumerate(shapes(root)):
        if node.get("id") is None:  # a use may refer to it
            node.set("id", f"shape-{n}")
        node.set("data-name", f"Layer {n}")
    return True


def scour(text: bytes) -> bytes | None:
    options = scour_.sanitizeOptions()
    options.remove_metadata, options.strip_comments, options.quiet = True, True, True
    try:
        return scour_.scourString(text.decode(), options).encode()
    except Exception:  # a tool may fail in any way; `Set.add` counts that it did
        return None


def picosvg(text: bytes) -> bytes | None:
    from picosvg.svg import SVG as Pico

    try:
        return Pico.fromstring(text.decode()).topicosvg().tostring().encode()
    except Exception:  # as above
        return None


OPERATIONS: dict[str, Callable[[Any, random.Random], bool]] = {
    operation.__name__: operation
    for operation in (
        recoloured, rescaled, rescaled_viewbox, translated_viewbox, attribute_order, shapes_to_paths, absolute,
        relative, split_paths, merged_paths, jitter, metadata,
    )
}  # fmt: skip
