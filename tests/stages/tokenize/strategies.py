"""Canonical drawings of all kinds, as Hypothesis makes them."""

from __future__ import annotations

from hypothesis import strategies as st

from stages.canonical import Element, number, serialize
from stages.tokenize import TokenizeSettings, Vocabulary

SETTINGS = TokenizeSettings()
VOCABULARY = Vocabulary.build(SETTINGS)

hostile = st.text(
    st.one_of(
        st.sampled_from("<>=&\"'\\ \t\n\r;#_0d"),
        st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
    ),
    max_size=12,
) | st.sampled_from(
    [
        "a b=c",
        " fill=red",
        "&lt;svg>",
        "<cmd_M><P_1>",
        "=",
        "</svg>",
        "&#61;",
        '="',
        '" d="',
        "<eos>",
        " xmlns:",
        " xmlns=",
    ]
)
names = st.sampled_from(["id", "fill", "stroke-dasharray", "x", "xml:space", "data-x_1.y", "_q", "d", "points", "text"])
offset = st.integers(-794, 794).map(str)
position = st.integers(0, 794).map(str)
radius = st.floats(0, 5000).map(number)
rotation = st.floats(-400, 400).map(number)
flag = st.sampled_from("01")


def _command(letter, count):
    return st.lists(offset, min_size=count, max_size=count).map(lambda values: letter + " ".join(values))


command = st.one_of(
    *(_command(letter, count) for letter, count in zip("lhvcsqt", (2, 1, 1, 6, 4, 4, 2), strict=True)),
    st.tuples(radius, radius, rotation, flag, flag, offset, offset).map(lambda a: "a" + " ".join(a)),
)
subpath = st.tuples(position, position, st.lists(command, max_size=5), st.sampled_from(["", "z"])).map(
    lambda p: f"M{p[0]} {p[1]}{''.join(p[2])}{p[3]}"
)
paths = st.lists(subpath, max_size=4).map("".join)
points = st.lists(st.tuples(position, position).map(" ".join), max_size=5).map(" ".join)


@st.composite
def elements(draw, depth=0):
    tag = draw(
        st.sampled_from(["path", "polygon", "polyline", "text", "style", "g", "clipPath", "linearGradient", "rect"])
    )
    attributes = draw(st.dictionaries(names, hostile, max_size=4))
    own = {"path": "d", "polygon": "points", "polyline": "points"}.get(tag)
    attributes.pop(own, None)
    if own and draw(st.booleans()):
        attributes[own] = draw(paths if own == "d" else points)
    children = draw(st.lists(elements(depth + 1), max_size=3)) if depth < 3 and tag not in ("path", "rect") else []
    return Element(tag, attributes, children, draw(hostile) if tag in ("text", "style") else "")


drawings = st.lists(elements(), max_size=4).map(
    lambda children: serialize(Element("svg", {"viewBox": "0 0 784 784"}, children))
)
