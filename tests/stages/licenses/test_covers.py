"""Globs of REUSE.toml, which come with what they are about."""

import re

from hypothesis import given
from hypothesis import strategies as st

from stages.licenses.tree import _covers


def by_pattern(glob: str, path: str) -> bool:
    parts = re.split(r"(\*\*/?|\*)", glob)
    pattern = "".join({"**": ".*", "**/": "(.*/)?", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(pattern, path) is not None


@given(
    st.lists(st.sampled_from(["*", "**", "**/", "a", "b", "/"]), max_size=6).map("".join), st.text("ab/", max_size=7)
)
def test_a_glob_covers_what_the_obvious_pattern_matches(glob: str, path: str) -> None:
    assert _covers(glob, path) == by_pattern(glob, path)


def test_a_hostile_glob_ends() -> None:
    """The obvious pattern would try all ways to divide the path."""
    assert not _covers("**a" * 40 + "c", "a" * 1000)
