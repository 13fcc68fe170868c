"""Debian's copyright files: per path of the source, and what of that is sure of an installed file."""

import hashlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from identify.vendor.licenses import LICENSES

from stages.licenses import debian
from stages.licenses.tree import TreeLicense, TreeLicenses, is_evidence

MIT = dict(LICENSES)["MIT"].encode()
HEAD = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
INSTALLED = "usr/share/doc/own-icons/copyright"


def copyright_file(*paragraphs: tuple[str, str, str]) -> bytes:
    parts = (f"Files: {files}\nCopyright: {holder}\nLicense: {license}\n" for files, holder, license in paragraphs)
    return "\n".join([HEAD, *parts]).encode()


def of(path: str, where: str, content: bytes, **more: bytes) -> TreeLicense:
    files = {where: content} | more
    assert all(is_evidence(name) for name in files)
    return TreeLicenses(files).of(path)


def test_of_a_source_the_last_paragraph_that_matches_counts() -> None:
    """Below the folder that debian/ is in; ``*`` stands for folders, too."""
    content = copyright_file(
        ("*", "Ada", "GPL-2+"), ("icons/* x?.svg", "Bob", "CC-BY-SA-4.0\n text"), ("a\\*b", "C", "MIT")
    )
    for path, license, holder in (
        ("s/a.svg", "GPL-2.0-or-later", "Ada"),
        ("s/icons/deep/a.svg", "CC-BY-SA-4.0", "Bob"),
        ("s/x1.svg", "CC-BY-SA-4.0", "Bob"),
        ("s/a*b", "MIT", "C"),
        ("s/a1b", "GPL-2.0-or-later", "Ada"),
    ):
        found = of(path, "s/debian/copyright", content)
        assert (found.expression, found.holder, found.origin) == (license, holder, "manifest")
        assert found.digest == hashlib.sha256(content).hexdigest()
    assert of("other/a.svg", "s/debian/copyright", content).origin == "unknown"


def test_a_text_counts_before_what_holds_for_all_files() -> None:
    """A packager's ``Files: *`` ages; what it says of some paths has no other place."""
    content = copyright_file(("*", "Ada", "GPL-2+"), ("icons/*", "Bob", "CC0-1.0"))
    assert of("a.svg", "debian/copyright", content, LICENSE=MIT).expression == "MIT"
    assert of("icons/a.svg", "debian/copyright", content, LICENSE=MIT).expression == "CC0-1.0"


@pytest.mark.parametrize(
    ("paragraphs", "license"),
    [
        ([("*", "Ada", "Expat")], "MIT"),
        ([("*", "Ada", "MIT"), ("debian/*", "P", "GPL-3+")], "MIT"),
        ([("*", "Ada", "MIT"), ("src/*", "B", "Expat")], "MIT"),
        ([("*", "Ada", "MIT"), ("src/*.c src/main.h", "B", "GPL-2+")], "MIT"),
        ([("*", "Ada", "MIT"), ("src/*", "B", "GPL-2+")], None),
        ([("*", "Ada", "MIT"), ("art/*.svg", "B", "GPL-2+")], None),
        ([("*", "Ada", "MIT"), ("usr/share/icons/*", "B", "GPL-2+")], "GPL-2.0-or-later"),
        ([("*", "Ada", "custom")], None),
        ([("other.svg", "Ada", "MIT")], None),
    ],
)
def test_of_an_installed_file_all_that_may_be_of_it_agree(paragraphs: list[tuple[str, str, str]], license: str | None):
    """Its path in the source is not known."""
    assert of("usr/share/icons/a.svg", INSTALLED, copyright_file(*paragraphs)).expression == license


def test_what_is_not_machine_readable_is_a_text() -> None:
    """Of an installed package; of two of them nobody knows which the file is of."""
    assert of("usr/share/a.svg", INSTALLED, MIT).expression == "MIT"
    both = of("usr/share/a.svg", INSTALLED, MIT, **{"usr/share/doc/other/copyright": MIT})
    assert both.expression is None and both.digest is not None
    assert of("a.svg", "debian/copyright", MIT).digest is None


def test_where_copyright_files_are() -> None:
    """The folder that each is about."""
    assert debian.place_of("x/debian/copyright") == ("x", False)
    assert debian.place_of("root/usr/share/doc/debian/copyright") == ("root", True)
    assert debian.place_of("doc/copyright") is None


def test_a_pattern_takes_no_time_on_purpose() -> None:
    """Where a regular expression with as many stars would take years."""
    content = copyright_file(("*a" * 200 + "b", "Ada", "MIT"), ("*", "B", "ISC"))
    begun = time.process_time()
    assert of("a" * 5000, "debian/copyright", content).expression == "ISC"
    assert time.process_time() - begun < 5


@given(st.text(alphabet="Files:*Copyrght License\n\\[]?!/x.", max_size=200))
def test_anything_else_says_nothing_and_raises_nothing(text: str) -> None:
    """Whatever stands there."""
    for where in ("debian/copyright", INSTALLED):
        TreeLicenses({where: (HEAD + "\nFiles: *\nCopyright: A\nLicense: MIT\n\n" + text).encode()}).of("usr/a.svg")
