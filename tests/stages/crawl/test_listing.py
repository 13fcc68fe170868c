import glob
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.crawl import display, extension, kind_of, matches, reaches, select

PARTS = st.sampled_from(["a", "b", "ab", "A", ".a", "a.svg", "b.svg", "[x]"])
PATTERNS = st.sampled_from(["**", "*", "a", "?", "a*", "*.svg", "[ab]", "[!a].svg", "A", ".*", "a**"])


def test_glob_is_that_of_the_standard_library(tmp_path: Path):
    """A glob selects the files that glob.glob selects, hidden ones included."""
    paths = ["a.svg", ".a/b.svg", "a/b.svg", "a/b/c/d.svg", "a/.svg", "b/a/x.SVG", "A/a.svg", "ab.svg", "b/[x].svg"]
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    for pattern in ("**/*", "*", "*.svg", "**/*.svg", "a/**/*.svg", "a/**", "**/a/**/*", "?/*", "[ab]/**/[!a]*", "**",
                    "a/*/c/*.svg", "**/**/b.svg", "**/[[]x].svg", "A/*", "./a/*.svg", "**/.*"):  # fmt: skip
        found = glob.glob(pattern, root_dir=tmp_path, recursive=True, include_hidden=True)  # noqa: PTH207
        want = sorted({str(Path(path)) for path in found if (tmp_path / path).is_file()})
        assert sorted(path for path in paths if matches(path, pattern)) == want, pattern


@given(st.lists(PARTS, min_size=1, max_size=5), st.lists(PATTERNS, min_size=1, max_size=5))
def test_glob_is_that_of_its_definition(parts: list[str], patterns: list[str]):
    """Matching without recursion gives what the recursive definition of ** gives."""
    from fnmatch import fnmatchcase

    def defined(left: list[str], right: list[str]) -> bool:
        if not right:
            return not left
        if right[0] == "**":
            return defined(left, right[1:]) or (bool(left) and defined(left[1:], right))
        return bool(left) and fnmatchcase(left[0], right[0]) and defined(left[1:], right[1:])

    assert matches("/".join(parts), "/".join(patterns)) is defined(parts, patterns)


@given(st.lists(PARTS, min_size=1, max_size=4), st.lists(PATTERNS, min_size=1, max_size=5), st.lists(PARTS, min_size=1))
def test_what_a_glob_cannot_reach_holds_no_match(parts: list[str], patterns: list[str], below: list[str]):
    """An archive that is passed over because of the glob has no member that matches it."""
    path, glob_ = "/".join(parts), "/".join(patterns)
    assert reaches(path, glob_) or not matches(f"{path}/{'/'.join(below)}", glob_)
    assert not reaches("a/b.zip", "*.svg") and not reaches("a/b.zip", "b/**") and reaches("a/b.zip", "a/*/c")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a.svg", "svg"),
        ("a/B.SVGZ", "svg"),
        ("x.tar.gz", "archive"),
        ("x.TGZ", "archive"),
        ("x.zip", "archive"),
        ("a.SVG.gz", "svg"),
        ("x.tar", "archive"),
        ("x.TAR.XZ", "archive"),
        ("x.tar.bz2", "archive"),
        ("x.tar.zst", "archive"),
        ("x.Parquet", "archive"),
        ("x.gz", None),
        ("x.7z", "archive"),
        ("x.deb", "archive"),
        ("x.rar", None),
        ("a.svg.png", None),
        ("svg", None),
        ("", None),
    ],
)
def test_kind_is_told_by_extension(path: str, kind: str | None):
    """The extension, whatever its case, says what a path is."""
    assert kind_of(path) == kind


def test_selection_is_sorted_and_holds_inputs_only():
    """Whatever order paths are listed in, the selection is the same."""
    paths = ["b.svg", "a/x.zip", "a/readme.txt", "a.svgz", "B.svg"]
    assert select(paths, "**/*") == select(reversed(paths), "**/*") == ["B.svg", "a.svgz", "a/x.zip", "b.svg"]
    assert select(paths, "*") == ["B.svg", "a.svgz", "b.svg"]


@given(st.binary(max_size=30))
def test_a_displayed_path_is_one_line_of_unicode(name: bytes):
    """Any file name can be shown, stored as UTF-8, and shown again unchanged."""
    shown = display(name.decode("utf-8", "surrogateescape"))
    assert shown.encode() and len(shown.splitlines()) == 1 if name else shown == ""
    assert display(shown) == shown


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a/B.PNG", ".png"),
        ("a.tar/README", "no extension"),
        ("x/.DS_Store", ".ds_store"),
        ("a.", "another extension"),
        ("", "no extension"),
        ("pack.tar.7z", ".7z"),
        ("a.svg.gz", ".svg.gz"),
        ("a.tar.gz", ".tar.gz"),
        ("a.p\nng", r".p\nng"),
        ("a." + "x" * 99, "another extension"),
    ],
)
def test_what_is_no_input_is_counted_by_its_extension(path: str, kind: str):
    """The last extension in small letters, short and on one line."""
    assert extension(path) == kind


@given(st.binary(max_size=40))
def test_any_name_has_a_kind_of_bounded_length(name: bytes):
    """Names are data: a kind is one line, and not long."""
    kind = extension(name.decode("utf-8", "surrogateescape"))
    assert kind.encode() and len(kind) <= 20 and len(kind.splitlines()) == 1
