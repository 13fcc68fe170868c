"""How complex a drawing is: a score, and what it is made of.

SVGenius (Chen et al. 2025, arXiv:2506.03139) grades drawings by the count of paths, the count of numbers in path data,
commands weighted by type (appendix B.2: moves, lines and closes 1, quadratic curves 2 to 3, cubic ones 3 to 4, arcs 5),
and the entropy of command types. How it puts these together depends on its corpus ("normalized and combined using
empirically determined weights", "principal component analysis"), so the paper has no formula for a single drawing. This
score takes the same four measures, each as a share of what the paper's drawings of the level Hard have on average
(tables 6 and 7), and is their mean::

    complexity = (paths / 16.02 + numbers / 1148.67 + weighted / 389 + entropy / 1.68) / 4

The average of the paper's Hard drawings is 1, that of the Medium ones 0.73, that of the Easy ones 0.32. The paper has
no average of weighted commands: 389 is its 228.87 commands, 79.94 of them curves, of weight 3.
"""

from __future__ import annotations

import math
import re
from collections import Counter

import pyarrow as pa

from stages.base import Columns, Settings, SideStage
from stages.schema import SCORED

__all__ = ["SCORE", "ScoreSettings", "score"]

COMMANDS = {
    "M": (1, 2), "h": (1, 1), "v": (1, 1), "l": (1, 2), "z": (1, 0),
    "q": (2, 4), "t": (3, 2), "c": (3, 6), "s": (4, 4), "a": (5, 7),
}  # fmt: skip
"""Of the commands of paths, and of the points of polygons: weight, and how many numbers each has."""

SHAPES = {"rect": 4, "circle": 3, "ellipse": 4, "line": 4, "text": 2}
"""Elements that are drawn without commands -> the numbers that place them. Each counts as one command of weight 1."""

HARD_PATHS, HARD_NUMBERS, HARD_WEIGHTED, HARD_ENTROPY = 16.02, 1148.67, 389.0, 1.68

_GEOMETRY = re.compile(r"<cmd_M>[^/]*(?=</)")
_COMMAND = re.compile(r"<cmd_(.)")
_DRAWN = re.compile(r"<(?:path|poly[a-z]+|rect|circle|ellipse|text)>([^<]*)")
_UNSEEN = re.compile(r"<(clipPath|mask)>.*?</\1>", re.DOTALL)
_PAINT = re.compile(r"[ >](?:fill|stroke)=([^ <]+)")


class ScoreSettings(Settings):
    """There is nothing to set: scores of all datasets compare."""


def score(table: pa.Table, settings: ScoreSettings) -> pa.Table:
    """The scores (`stages.schema.SCORED`) of each row of ``table``: sample_id, tokens (atomic)."""
    rows = [measure(tokens) for tokens in table["tokens"].to_pylist()]
    columns = [pa.array([row[field.name] for row in rows], field.type) for field in list(SCORED)[1:]]
    return pa.table([table["sample_id"].combine_chunks(), *columns], schema=SCORED)


def measure(tokens: str) -> Columns:
    """The columns of `stages.schema.SCORED` but ``sample_id``, of an atomic token string.

    What lies in clip paths, masks and patterns counts like the rest, but for colours.
    """
    markup = "".join(_GEOMETRY.split(tokens))
    commands = Counter(_COMMAND.findall(tokens))
    shapes = Counter({name: markup.count(f"</{name}>") for name in SHAPES})
    paths = markup.count("</path>") + markup.count("</poly") + shapes.total()
    weighted = sum(COMMANDS[letter][0] * count for letter, count in commands.items()) + shapes.total()
    numbers = sum(COMMANDS[letter][1] * count for letter, count in commands.items())
    numbers += sum(SHAPES[name] * count for name, count in shapes.items())
    entropy = _entropy(sorted((commands + shapes).values()))
    shares = (paths / HARD_PATHS, numbers / HARD_NUMBERS, weighted / HARD_WEIGHTED, entropy / HARD_ENTROPY)
    return {
        "complexity": round(sum(shares) / len(shares), 4),
        "paths": paths,
        "commands": commands.total() + shapes.total(),
        "colors": colors(markup),
    }


def colors(markup: str) -> int:
    """How many paints an atomic token string, with or without its geometry, has: a gradient or a pattern is one."""
    seen = _UNSEEN.sub("", markup) if "<clipPath>" in markup or "<mask>" in markup else markup
    paints = set(_PAINT.findall(seen)) - {"none"}
    # who states no fill is filled with black
    if any(" fill=" not in own and not own.startswith("fill=") for own in _DRAWN.findall(seen)):
        paints.add("#000")
    return len(paints)


def _entropy(counts: list[int]) -> float:
    """Shannon's, in bits."""
    total = sum(counts)
    return math.fsum(n / total * math.log2(total / n) for n in counts)


SCORE = SideStage(
    name="score",
    version=1,
    settings=ScoreSettings,
    reads=("sample_id", "tokens"),
    schema=SCORED,
    make=score,
    says="scores how complex drawings are",
    shards={
        "complexity": "How complex the drawing is, by the measures of SVGenius: paths, numbers, weighted commands, and "
        "entropy of their types; 1 is the average of that benchmark's hard level. See stages/score/__init__.py.",
        "paths": "How many elements draw: paths, basic shapes and texts.",
        "commands": "How many commands its paths have; a basic shape or a text counts as one.",
        "colors": "How many paints it has; a gradient or a pattern is one.",
    },
)
