"""What each atomic token means, in words, at three levels (HiVG, supplement on HMN): category, token, explanation."""

from __future__ import annotations

Description = tuple[str, str, str]

_COMMANDS = {
    "M": ("move", "begins a subpath at the point"),
    "L": ("line", "straight line to the endpoint"),
    "H": ("horizontal line", "straight line to the left or to the right"),
    "V": ("vertical line", "straight line up or down"),
    "C": ("cubic bezier", "curve with two control points and endpoint"),
    "S": (
        "smooth cubic bezier",
        "curve whose first control point mirrors the one before, with the second and endpoint",
    ),
    "Q": ("quadratic bezier", "curve with one control point and endpoint"),
    "T": ("smooth quadratic bezier", "curve whose control point mirrors the one before, with endpoint"),
    "A": ("elliptical arc", "part of an ellipse with radii, rotation, two flags and endpoint"),
    "Z": ("close path", "straight line back to where the subpath began"),
}
_ELEMENTS = {
    "svg": "the drawing and its canvas",
    "path": "a shape drawn by commands",
    "defs": "definitions that drawn elements refer to",
    "style": "a style sheet",
    "linearGradient": "colours that change along a line",
    "radialGradient": "colours that change from a centre outwards",
    "stop": "one colour of a gradient",
    "g": "elements that are drawn as a group",
    "rect": "a rectangle",
    "circle": "a circle with centre and radius",
    "ellipse": "an ellipse with centre and two radii",
    "line": "a straight line between two points",
    "polyline": "straight lines through points",
    "polygon": "a closed shape of straight lines through points",
    "text": "letters at a place",
    "use": "a copy of another element",
    "clipPath": "an area outside of which nothing shows",
    "mask": "a picture whose brightness says how much shows",
    "pattern": "a tile that is repeated to fill a shape",
    "filter": "effects on the picture of an element",
    "marker": "a shape at the vertices of a path",
    "symbol": "a drawing to be used elsewhere",
}
_FLAGS = {
    ("large", 0): ("small arc flag", "takes the shorter of the two arcs"),
    ("large", 1): ("large arc flag", "takes the longer of the two arcs"),
    ("sweep", 0): ("counter-clockwise sweep flag", "draws the arc counter-clockwise"),
    ("sweep", 1): ("clockwise sweep flag", "draws the arc clockwise"),
}


def describe(text: str, canvas: int) -> Description:
    """The three levels for the token with the string ``text``, on a canvas of this side."""
    name = text.strip("</>")
    kind, _, value = name.partition("_")
    if not value:
        what = _ELEMENTS.get(name, "a step of a filter")
        if text.startswith("</"):
            return "SVG structure tag", f"end of {name} element", f"ends {what}"
        return "SVG structure tag", f"start of {name} element", f"begins {what}"
    if kind == "cmd":
        command, explanation = _COMMANDS[value.upper()]
        return "SVG path command", f"{'absolute' if value.isupper() else 'relative'} {command}", explanation
    if kind == "P":
        return "SVG coordinate", f"absolute position {value}", f"{value} of {canvas} units from the left or top edge"
    if kind == "d":
        number = int(value)
        way = (
            "no step"
            if number == 0
            else f"{abs(number)} units to the {'right or down' if number > 0 else 'left or up'}"
        )
        return "SVG coordinate offset", f"relative offset {value}", way
    flag, explanation = _FLAGS[kind, int(value)]
    return "SVG arc flag", flag, explanation
