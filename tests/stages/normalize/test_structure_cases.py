"""Structure as Chromium draws it: viewports, conditions, masks, clip shapes, strokes, backgrounds, images of SVG.

``tests/data/structure-cases.tar.gz``: CC0-1.0; its README says what it holds.
"""

from __future__ import annotations

import csv
import io

import pytest

from tests.stages.normalize.pictured import files, outcome_of

CASES = files("structure-cases.tar.gz")


def cases(kept: bool) -> list[tuple[str, str]]:
    rows = csv.DictReader(io.StringIO(CASES["cases.csv"].decode()))
    return [(row["file"], row["expected"]) for row in rows if (row["expected"] == "kept") is kept]


@pytest.mark.parametrize("name", [name for name, _ in cases(True)])
def test_what_is_kept_looks_like_chromiums_picture(name):
    got = outcome_of(CASES[name], CASES[f"{name}.png"])
    assert got.right, got


@pytest.mark.parametrize(("name", "reason"), cases(False))
def test_what_has_no_canonical_form_is_dropped_for_a_reason_that_names_it(name, reason):
    got = outcome_of(CASES[name], CASES["pl-circle.svg.png"])
    assert got.reason == reason, got
