"""Regular expressions with possessive groups, as they are compiled on this Python and on one before 3.11.5."""

import re
import subprocess
import sys
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.patterns import RIGHT, atomic
from tests.helpers import ROOT

PATTERNS = [
    value
    for name in ("links", "sheets", "tokens", "tree")
    for value in vars(import_module(f"stages.crawl.html.{name}")).values()
    if isinstance(value, re.Pattern) and "(?>" in atomic(value.pattern)
]

PIECES = (
    "< > / = \" ' - -- <!-- --> <a <b <base </a </script> <script> <style> <img url( ( ) a b ; : /* * */ \\ . @import"
)

ON_AN_EARLIER_ONE = """
import importlib, pkgutil, re, sys
from stages import patterns
patterns.RIGHT = False
import pipeline.sources, stages
wrong = re.compile(r"(?<![\\\\])[)]([*+?]|[{][0-9,]+[}])[+]")
count = 0
for package in (stages, pipeline.sources):
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        for name, value in vars(importlib.import_module(info.name)).items():
            if isinstance(value, re.Pattern):
                count += isinstance(value.pattern, str) and "(?>" in value.pattern
                if wrong.search(str(value.pattern)):
                    sys.exit(f"{info.name}.{name} is repeated possessively: use stages.patterns.compiled")
import pytest
print(count, "patterns")
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("(?:ab?c)*+", "(?>(?:ab?c)*)"),
        ("a*+[b]++(c)+", "a*+[b]++(c)+"),
        (r"(\)|[)*+(]){2,3}+x", r"(?>(\)|[)*+(]){2,3})x"),
        ("(?:a(?>b(?i:c)?+)++|[]()*+])?+", "(?>(?:a(?>(?>b(?>(?i:c)?))+)|[]()*+])?)"),
    ],
)
def test_repeated_groups_become_atomic_ones(pattern: str, expected: str) -> None:
    """Groups alone: what repeats a character or a set stays."""
    assert atomic(pattern) == expected


@pytest.mark.parametrize("pattern", PATTERNS, ids=range(len(PATTERNS)))
@given(st.lists(st.sampled_from([*PIECES.split(), " ", "\n"]), max_size=30).map("".join))
def test_both_forms_match_the_same(pattern: re.Pattern[str], text: str) -> None:
    """Wherever they are tried, with the same groups. A Python that matches one of them wrongly has the other already."""
    assert len(PATTERNS) == 10
    other = re.compile(atomic(pattern.pattern), pattern.flags)
    assert (other.pattern != pattern.pattern) == RIGHT
    for begin in range(len(text)):
        a, b = pattern.match(text, begin), other.match(text, begin)
        assert (a and (a.span(), a.groups())) == (b and (b.span(), b.groups()))


def test_an_earlier_python_reads_pages_as_well() -> None:
    """With the patterns that it has: none repeats a group possessively, and tests of what reads pages pass."""
    done = subprocess.run(
        [sys.executable, "-c", ON_AN_EARLIER_ONE, str(ROOT / "tests/stages/crawl/html/test_links.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert int(done.stdout.split()[0]) >= 11
