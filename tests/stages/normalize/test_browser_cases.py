"""What a browser shows is what the shard says: small drawings of one construct each, with Chromium's pictures.

``tests/data/browser-cases.tar.gz``: CC0-1.0, its README says what ``expected`` means. Run as a script, this file
prints the outcome of each case, or of those whose names contain one of the arguments.
"""

from __future__ import annotations

import csv
import io
import sys
from functools import lru_cache

import pytest

from stages import normalize
from tests.stages.normalize.pictured import NAMING, SETTINGS, Outcome, files, outcome_of

CASES = files("browser-cases.tar.gz")
RUNNING = {"sem4-f24-drawon.svg"}
"""Cases whose picture was taken at the first moment of an animation: they are compared with the picture without it.

What a drawing that draws itself comes to is tested in ``test_animation.py``.
"""
FIRST = SETTINGS.model_copy(update={"normalize": normalize.NormalizeSettings(animation="drop")})


def cases() -> list[tuple[str, str]]:
    rows = csv.DictReader(io.StringIO(CASES["cases.csv"].decode()))
    return [(row["file"], row["expected"]) for row in rows]


@lru_cache(None)
def outcome(name: str) -> Outcome:
    return outcome_of(CASES[name], CASES[f"{name}.png"], FIRST if name in RUNNING else SETTINGS)


@pytest.mark.parametrize("name", [name for name, expected in cases() if expected == "equal"])
def test_what_is_drawn_alike_everywhere_is_kept_and_right(name):
    got = outcome(name)
    assert got.right, got


@pytest.mark.parametrize("name", [name for name, expected in cases() if expected != "equal"])
def test_nothing_is_kept_wrong(name):
    """What the mill cannot say is dropped for a reason that names the construct."""
    got = outcome(name)
    assert got.right or got.reason in NAMING, got


def test_what_users_want_kept_is_kept():
    wanted = [name for name, expected in cases() if expected == "keep-wanted"]
    right = [name for name in wanted if outcome(name).right]
    assert len(wanted) == 28
    assert len(right) >= 24, sorted(set(wanted) - set(right))


if __name__ == "__main__":
    bad = 0
    for name, expected in cases():
        if len(sys.argv) > 1 and not any(word in name for word in sys.argv[1:]):
            continue
        try:
            got = outcome(name)
        except BaseException as error:  # a renderer's panic is no Exception
            got = Outcome("crashed", f"{type(error).__name__}: {error}", 1.0, "", ())
        fine = got.right or (expected != "equal" and got.reason in NAMING)
        bad += not fine
        print(f"{'ok ' if fine else 'BAD'} {expected:12} {name:40} {got.reason or f'{got.share:.4f}'} {got.detail}")
    print(f"{bad} bad; keep-wanted right: {sum(outcome(n).right for n, e in cases() if e == 'keep-wanted')} of 28")
