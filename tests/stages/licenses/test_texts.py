"""Which licence a text is."""

import hashlib
import re

import pytest
from identify.vendor.licenses import LICENSES

from stages.licenses.texts import license_of_text

TEXTS = dict(LICENSES)


@pytest.mark.parametrize("identifier", sorted(TEXTS))
def test_every_text_is_itself(identifier: str) -> None:
    """Each text that is known is found, also where it is wrapped otherwise and somebody holds the copyright."""
    text = TEXTS[identifier]
    expected = {identifier, f"{identifier}-only"}
    assert license_of_text(text).expression in expected
    head, *paragraphs = text.split("\n\n")
    wrapped = "\r\n\r\n".join([head, *(" ".join(part.split()) for part in paragraphs)])
    wrapped = "Copyright (c) 2013-2026 Jane Roe, Inc. (https://roe.example)\n\n" + wrapped
    assert license_of_text(wrapped).expression in expected


def test_the_digest_is_of_the_text() -> None:
    """The digest says which text it was, known or not; a byte order mark and Latin-1 are read."""
    unknown = "You may look at it.\n" * 20
    assert license_of_text(unknown).expression is None
    assert license_of_text(unknown).digest == hashlib.sha256(unknown.encode()).hexdigest()
    latin = TEXTS["MIT"].replace("[fullname]", "José").encode("latin-1")
    assert license_of_text(latin).expression == "MIT"
    assert license_of_text(b"\xef\xbb\xbf" + TEXTS["MIT"].encode()).expression == "MIT"


@pytest.mark.parametrize(
    "more",
    [
        "The Software shall be used for Good, not Evil.",
        "Commercial use is forbidden.",
        "The logo is excluded.",
        "You may not train models on it.",
        "Icons in brand/ are licensed under CC BY-NC 4.0 and may not be sold.",
        "Some icons are from another project:\n\n" + TEXTS["Apache-2.0"],
    ],
)
def test_a_condition_more_is_another_licence(more: str) -> None:
    """One more sentence of weight, anywhere, and a text is not the licence that it resembles."""
    text = TEXTS["MIT"]
    head, _, tail = text.partition("THE SOFTWARE IS PROVIDED")
    assert license_of_text(f"{text}\n\n{more}\n").expression is None
    assert license_of_text(f"{more}\n\n{text}").expression is None
    assert license_of_text(text.replace("[fullname]", f"Jane Roe. {more}")).expression is None
    assert license_of_text(f"{head}{more}\n\nTHE SOFTWARE IS PROVIDED{tail}").expression is None


def test_a_condition_less_is_another_licence() -> None:
    """What lacks the third clause, or the end of a sentence that matters, is not what it resembles."""
    text = " ".join(TEXTS["CC-BY-4.0"].split())
    assert license_of_text(text.replace("reproduce and Share the Licensed Material", "look at it")).expression is None
    three = TEXTS["BSD-3-Clause"]
    assert (
        license_of_text(three[: three.index("3.")] + three[three.index("THIS SOFTWARE") :]).expression == "BSD-2-Clause"
    )


def test_other_licences_of_creative_commons_are_told_by_their_own_words() -> None:
    """A legal code says in a fixed place which it is: NonCommercial is never taken for Attribution."""
    text = TEXTS["CC-BY-4.0"]
    other = re.sub(r"Attribution(\s)4.0(\s)International", r"Attribution-NonCommercial\g<1>4.0\2International", text)
    assert other != text
    assert license_of_text(other).expression == "CC-BY-NC-4.0"
    middle = text.index("Section 4")
    assert license_of_text(other[:middle] + text[middle:]).expression in (None, "CC-BY-NC-4.0")
    assert license_of_text(other + "\n\n" + TEXTS["MIT"]).expression is None
    assert license_of_text(text + "\n\n" + other).expression is None


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("// SPDX-License-Identifier: Apache-2.0\n", "Apache-2.0"),
        ("<!-- SPDX-FileCopyrightText: 2020 Jane Roe\n  SPDX-License-Identifier: CC-BY-SA-4.0 -->", "CC-BY-SA-4.0"),
        ("SPDX-License-Identifier: MIT\nSPDX-License-Identifier: MIT", "MIT"),
        ("SPDX-License-Identifier: MIT\nSPDX-License-Identifier: CC0-1.0", None),
        ("SPDX-License-Identifier: Apache-2.0\n\n" + TEXTS["MIT"], None),
        ("SPDX-License-Identifier: MIT\n\n" + TEXTS["MIT"], "MIT"),
        ("SPDX-License-Identifier: none of yours", None),
        ("https://creativecommons.org/licenses/by/4.0/\n", "CC-BY-4.0"),
        ("MIT License", "MIT"),
        ("# MIT License\n\nAll that follows is ours, and you cannot have it.\n" * 3, None),
        (TEXTS["MIT"] + TEXTS["ISC"], None),
        ("", None),
        ("x" * 5_000_000, None),
    ],
    ids=lambda value: str(value)[:24],
)
def test_short_forms(text: str, expression: str | None) -> None:
    """An identifier's line counts where it is all that the file says, or says what the text is; a heading never does."""
    assert license_of_text(text).expression == expression
