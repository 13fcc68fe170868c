"""What real programs write is kept and looks like Chromium's picture of it, or is dropped for a reason that is true.

``tests/data/generators.tar.gz``: drawings that ``benchmarks/generators`` had sixty programs make of inputs of our own
(CC0-1.0; ``versions.tsv`` in it says which), with Chromium 156's pictures in the package's fonts. Run as a script, this
file prints the outcome of each, or of those whose names contain one of the arguments.
"""

from __future__ import annotations

import sys
from functools import lru_cache

import pytest

from tests.stages.normalize.pictured import NAMING, Outcome, files, outcome_of

LOST = 16
"""Drawings that are not kept, at most: HTML labels, text along a path, and what is too fine."""

CASES = files("generators.tar.gz")

pytestmark = pytest.mark.xdist_group("generators")  # one process, or two draw what all of them add up to

TOO_FINE = {
    "abcjs/tune.svg", "echarts/line-animated.svg", "gnuplot/gp-bars.svg", "matplotlib/lines-paths.svg",
    "matplotlib/lines-text.svg", "mscgen/calls.svg", "plantuml/gantt.svg", "r/r-bars.svg", "r/r-base.svg",
    "segno/micro.svg",
}  # fmt: skip
"""Hairlines, staff lines of under a unit, modules of 60.3 units: rounding shows at 512 px (the gantt's on black only),
and the gate says so."""


def names() -> list[str]:
    return sorted(name for name in CASES if name.endswith(".svg"))


@lru_cache(None)
def outcome(name: str) -> Outcome:
    return outcome_of(CASES[name], CASES[f"{name}.webp"])


@pytest.mark.parametrize("name", names())
def test_what_programs_write_is_right_or_has_a_true_reason(name):
    got = outcome(name)
    assert got.right or got.reason in NAMING or (got.reason == "visible_difference" and name in TOO_FINE), got


def test_most_of_what_programs_write_is_kept():
    lost = [name for name in names() if not outcome(name).right]
    assert len(names()) == 103
    assert len(lost) <= LOST, lost


if __name__ == "__main__":
    for name in names():
        if len(sys.argv) == 1 or any(word in name for word in sys.argv[1:]):
            got = outcome(name)
            print(f"{'ok ' if got.right else 'NOT'} {name:40} {got.reason or f'{got.share:.4f}'} {got.detail}")
