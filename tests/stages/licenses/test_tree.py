"""The licence of a file in a tree, by the texts beside it."""

import hashlib
import json
from collections.abc import Mapping

import pytest
from identify.vendor.licenses import LICENSES

from stages.licenses.tree import UNKNOWN, TreeLicense, TreeLicenses, is_evidence, is_text

TEXTS = {name: text.encode() for name, text in LICENSES}
MIT, APACHE, ISC = TEXTS["MIT"], TEXTS["Apache-2.0"], TEXTS["ISC"]
CC_BY = b"https://creativecommons.org/licenses/by/4.0/\n"
OWN = b"You may look at these icons on Sundays.\n" * 30


def manifest(license: object) -> bytes:
    return json.dumps({"name": "icons", "license": license}).encode()


def of(path: str, files: Mapping[str, bytes]) -> TreeLicense:
    return TreeLicenses(files).of(path)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("LICENSE", True),
        ("License", True),
        ("licence.md", True),
        ("a/b/LICENSE-MIT", True),
        ("LICENSE.CC-BY-4.0", True),
        ("UNLICENSE", True),
        ("MIT-LICENSE.txt", True),
        ("COPYING", True),
        ("COPYING.LESSER", True),
        ("LICENSES/MIT.txt", True),
        ("licenses/CC-BY-4.0", True),
        ("LICENSES/CC0-1.0", True),
        ("icons/license.svg", False),
        ("icons/license-draft.svg", False),
        ("es/license/16.js", False),
        ("licenses/index.js", False),
        ("LICENSES/logo.svg", False),
        ("license.ts", False),
        ("a.svg.license", False),
        ("copyist.txt", False),
        ("README.md", False),
        ("package.json", False),
    ],
)
def test_what_is_a_text_by_its_name(path: str, text: bool) -> None:
    """Drawings and programs that are called license are none."""
    assert is_text(path) is text


def test_all_that_is_looked_at_is_evidence() -> None:
    """Texts, manifests, and REUSE's files; .reuse/dep5 at the root alone."""
    for path in ("x/LICENSE", "x/package.json", "REUSE.toml", ".reuse/dep5", "x/a.svg.license"):
        assert is_evidence(path), path
    for path in ("a.svg", "x/.reuse/dep5", "package-lock.json", "a.png.license"):
        assert not is_evidence(path), path


def test_the_nearest_text_counts() -> None:
    """Upwards from the drawing; a folder beside it says nothing."""
    files = {"LICENSE": MIT, "icons/brands/LICENSE": APACHE, "fonts/LICENSE": ISC}
    assert of("icons/a.svg", files).expression == "MIT"
    assert of("icons/brands/x/a.svg", files).expression == "Apache-2.0"
    near = of("icons/brands/a.svg", files)
    assert near == TreeLicense(
        "Apache-2.0", "text", hashlib.sha256(APACHE).hexdigest(), (("license_path", "icons/brands/LICENSE"),)
    )


def test_a_nearer_text_that_nobody_knows_hides_a_known_one() -> None:
    """Else the drawing would have the licence of something else."""
    license = of("icons/a.svg", {"LICENSE": MIT, "icons/LICENSE.txt": OWN})
    assert (license.expression, license.origin) == (None, "unknown")
    assert license.digest == hashlib.sha256(OWN).hexdigest()


def test_the_text_wins_over_the_manifest_and_the_contradiction_is_told() -> None:
    """Also where nobody knows the text; where both agree there is nothing to tell."""
    contradicted = of("a.svg", {"LICENSE": MIT, "package.json": manifest("Apache-2.0")})
    assert contradicted.expression == "MIT" and dict(contradicted.facts)["license_manifest"] == "Apache-2.0"
    unknown = of("a.svg", {"License": OWN, "package.json": manifest("Apache-2.0")})
    assert unknown.expression is None and unknown.origin == "unknown"
    assert dict(unknown.facts)["license_manifest"] == "Apache-2.0"
    agreed = of("a.svg", {"LICENSE": MIT, "package.json": manifest("mit")})
    assert "license_manifest" not in dict(agreed.facts)


@pytest.mark.parametrize(
    ("stated", "expression"),
    [
        ("MIT", "MIT"),
        ({"type": "ISC", "url": "https://example.com"}, "ISC"),
        ("(MIT OR Apache-2.0)", "MIT OR Apache-2.0"),
        ("UNLICENSED", None),
        (["MIT", "Apache-2.0"], None),
        ("ask us", None),
        ("", None),
        (5, None),
        (None, None),
    ],
)
def test_without_a_text_the_manifest_counts(stated: object, expression: str | None) -> None:
    """What is not understood is kept as a fact."""
    license = of("icons/a.svg", {"package.json": manifest(stated)})
    assert license.expression == expression
    assert license.origin == ("manifest" if expression else "unknown")
    assert license.digest is None


def test_a_manifest_can_name_the_text() -> None:
    """Whatever it is called: a file that is not there is no text."""
    stated = manifest("SEE LICENSE IN terms/LICENSE.txt")
    assert of("icons/a.svg", {"package.json": stated, "terms/LICENSE.txt": ISC}).expression == "ISC"
    assert of("icons/a.svg", {"package.json": stated}).expression is None


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"\xff", b'"MIT"', b'{"license": {"license": 1}}', b"[" * 99_999]
)
def test_a_broken_manifest_says_nothing(content: bytes) -> None:
    """It is no fault of the drawings."""
    assert of("a.svg", {"package.json": content}) == UNKNOWN


def test_several_texts_in_a_folder() -> None:
    """Those of drawings by their names; else all have to be of one licence, or those that the manifest joins."""
    both = {"LICENSE-MIT": MIT, "LICENSE-APACHE": APACHE}
    assert of("a.svg", both) == TreeLicense(
        None,
        "unknown",
        hashlib.sha256(APACHE + MIT).hexdigest(),
        (("license_path", "LICENSE-APACHE LICENSE-MIT"),),
    )
    assert of("a.svg", both | {"package.json": manifest("MIT OR Apache-2.0")}).expression == "MIT OR Apache-2.0"
    assert of("a.svg", both | {"package.json": manifest("MIT")}).expression is None
    assert of("a.svg", {"LICENSE": MIT, "LICENSE.md": MIT}).expression == "MIT"
    assert of("a.svg", {"LICENSE": MIT, "LICENSE-GRAPHICS": CC_BY}).expression == "CC-BY-4.0"
    assert of("a.svg", {"LICENSE-CODE": MIT, "LICENSE": CC_BY}).expression == "CC-BY-4.0"
    assert of("a.svg", {"LICENSE": MIT, "LICENSE-EXTRA": OWN}).expression is None


def test_a_folder_of_texts_counts_where_there_is_no_other() -> None:
    """LICENSES/ of REUSE says which licences there are, so one alone decides."""
    assert of("a.svg", {"LICENSES/MIT.txt": MIT}).expression == "MIT"
    assert of("a.svg", {"LICENSES/MIT.txt": MIT, "LICENSES/ISC.txt": ISC}).expression is None
    assert of("a.svg", {"licenses/react.txt": ISC, "LICENSE": MIT}).expression == "MIT"


DEP5 = b"""Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: icons
Source: https://example.com

Files: *
Copyright: Ada
License: MIT

Files: brands/*
Copyright: Bob
License: CC-BY-4.0
"""

TOML = b"""version = 1
[[annotations]]
path = "**"
SPDX-License-Identifier = "MIT"
[[annotations]]
path = ["brands/*.svg", "brands/**/old.svg"]
SPDX-License-Identifier = "CC-BY-4.0"
[[annotations]]
path = "own/**"
SPDX-License-Identifier = "LicenseRef-Ours OR nonsense"
"""


def test_reuse_says_it_of_paths() -> None:
    """In .reuse/dep5 and in REUSE.toml; a text of the file's own comes first."""
    files = {".reuse/dep5": DEP5, "LICENSE": ISC, "LICENSES/CC-BY-4.0.txt": CC_BY}
    assert of("a/b.svg", files).expression == "MIT"
    brand = of("brands/x/a.svg", files)
    assert (brand.expression, brand.origin) == ("CC-BY-4.0", "manifest")
    assert brand.digest == hashlib.sha256(CC_BY).hexdigest()
    files = {"sub/REUSE.toml": TOML, "LICENSE": ISC}
    assert of("a.svg", files).expression == "ISC"
    assert of("sub/a/b.svg", files).expression == "MIT"
    assert of("sub/brands/a.svg", files).expression == "CC-BY-4.0"
    assert of("sub/brands/x/a.svg", files).expression == "MIT"
    assert of("sub/brands/x/old.svg", files).expression == "CC-BY-4.0"
    stated = of("sub/own/a.svg", files)
    assert stated.expression is None and ("license_manifest", "LicenseRef-Ours OR nonsense") in stated.facts
    files["sub/brands/a.svg.license"] = b"SPDX-FileCopyrightText: 2020 Ada\n\nSPDX-License-Identifier: CC0-1.0\n"
    assert of("sub/brands/a.svg", files).expression == "CC0-1.0"


@pytest.mark.parametrize(
    ("where", "content"),
    [
        *(("REUSE.toml", content) for content in (b"", b"annotations = 5", b"annotations=[1]")),
        (".reuse/dep5", DEP5.replace(b"brands/*", b"a\\x")),
    ],
)
def test_a_file_of_reuse_that_does_not_name_a_path_says_nothing_of_it(where: str, content: bytes) -> None:
    """The texts beside the drawing do."""
    assert of("a.svg", {where: content, "LICENSE": MIT}).expression == "MIT"


@pytest.mark.parametrize(
    ("where", "content"),
    [
        *(
            (where, content)
            for where in ("REUSE.toml", "icons/REUSE.toml")
            for content in (b"version = [", b"\xff\xfe")
        ),
        *((".reuse/dep5", content) for content in (b"", b"\xff\xfe", b"Files: *\n")),
    ],
)
def test_what_a_file_that_cannot_be_read_may_say_is_not_guessed(where: str, content: bytes) -> None:
    """The text beside is not taken instead; which file it is, and its digest, is told."""
    files = {"LICENSE": MIT, where: content}
    found = TreeLicenses(files).of("icons/a.svg")
    assert (found.expression, found.digest) == (None, hashlib.sha256(content).hexdigest())
    assert ("license_unread", where) in found.facts
    if where.startswith("icons/"):
        assert TreeLicenses(files).of("b.svg").expression == "MIT"
