"""Which of several licences counts, what it asks for, and which are let in."""

import pytest
from pydantic import ValidationError

from stages.licenses.metadata import Metadata
from stages.licenses.policy import LicensesSettings, Policy
from stages.licenses.settle import Settled, settle
from stages.licenses.terms import terms
from stages.reasons import Reason


def test_the_file_comes_first_then_its_source_then_the_config() -> None:
    """What is overruled is kept as a fact; what only says the same is not."""
    file = Metadata(license="CC-BY-4.0")
    overruled = (("license_overruled", "column MIT"),)
    assert settle("mit", "column", None, "ISC", file) == Settled("CC-BY-4.0", "CC-BY-4.0", "file", None, overruled)
    assert settle("cc by 4.0", "column", None, "ISC", file).facts == ()
    assert settle("mit", "text", "d", "ISC") == Settled("MIT", "MIT", "text", "d")
    assert settle(None, "column", None, "ISC") == Settled("ISC", None, "config", None)
    assert settle("NOASSERTION", "column", None, "ISC").origin == "config"
    assert settle(None, "column", "d", "NOASSERTION") == Settled("NOASSERTION", None, "unknown", "d")


def test_what_is_stated_and_not_understood_is_unknown() -> None:
    """It is no licence, nothing below it counts either, and it is kept."""
    assert settle("see readme", "manifest", None, "MIT") == Settled(
        "NOASSERTION", "NOASSERTION", "unknown", None, (("license_stated", "see readme"),)
    )
    found = settle("MIT", "column", None, "ISC", Metadata(stated="https://roe.example/terms"))
    assert (found.license, found.origin) == ("NOASSERTION", "unknown")
    assert found.facts == (("license_stated", "https://roe.example/terms"), ("license_overruled", "column MIT"))
    assert settle("MIT", "column", None, "ISC", Metadata(author="Jane Roe")).license == "MIT"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", "attribution"),
        ("CC0-1.0", "public-domain"),
        ("LicenseRef-scancode-public-domain", "public-domain"),
        ("0BSD", ""),
        ("CC-BY-4.0", "attribution"),
        ("CC-BY-NC-SA-4.0", "attribution share-alike non-commercial"),
        ("CC-BY-NC-ND-3.0-DE", "attribution non-commercial no-derivatives"),
        ("GPL-3.0-or-later", "attribution copyleft"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "attribution copyleft"),
        ("BUSL-1.1", "attribution restricted"),
        ("MIT AND CC-BY-ND-4.0", "attribution no-derivatives"),
        ("MIT OR CC-BY-NC-4.0", "attribution"),
        ("LGPL-3.0-only OR CC-BY-SA-3.0", "attribution share-alike copyleft"),
        ("CC0-1.0 OR MIT", ""),
        ("LicenseRef-Acme", "unknown"),
        ("NOASSERTION", "unknown"),
        ("what is this", "unknown"),
    ],
)
def test_terms(expression: str, expected: str) -> None:
    """Joined licences ask for all, a choice for what every side asks for."""
    assert " ".join(terms(expression)) == expected


@pytest.mark.parametrize(
    ("license", "allow", "deny", "let_in"),
    [
        ("MIT", [], [], True),
        ("MIT", ["mit"], [], True),
        ("MIT", ["CC-*"], [], False),
        ("CC-BY-NC-4.0", [], ["CC-BY-NC-*"], False),
        ("CC-BY-NC-4.0", ["CC-*"], ["CC-BY-NC-*"], False),
        ("MIT OR CC-BY-NC-4.0", [], ["CC-BY-NC-*"], True),
        ("MIT AND CC-BY-NC-4.0", [], ["CC-BY-NC-*"], False),
        ("CC-BY-4.0 AND (GPL-3.0-only OR MIT)", [], ["GPL-*"], True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ["GPL-2.0-only"], [], True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", [], ["GPL-*"], False),
        ("LicenseRef-Acme", ["LicenseRef-Acme"], [], True),
        ("LicenseRef-Acme", ["MIT"], [], False),
    ],
)
def test_patterns(license: str, allow: list[str], deny: list[str], let_in: bool) -> None:
    """A choice is let in if one side is, what is joined if both are; deny goes before allow."""
    policy = Policy(licenses=LicensesSettings(allow=tuple(allow), deny=tuple(deny), unknown="keep"))
    assert policy.refuses(license, None) == (None if let_in else (Reason.LICENSE_DENIED, license))
    assert policy.refuses("NOASSERTION", None) is None


def test_unknown_licences_and_opt_outs() -> None:
    """Both have a reason of their own; a reservation counts first."""
    policy = Policy(licenses=LicensesSettings(unknown="drop"))
    assert policy.refuses("NOASSERTION", None) == (Reason.LICENSE_UNKNOWN, "")
    assert policy.refuses("MIT", "allowed") is None
    assert policy.refuses("NOASSERTION", "reserved") == (Reason.OPTED_OUT, "")
    assert Policy(opt_outs="record").refuses("MIT", "reserved") is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"deny": ("CC-NC",)}, "fits no licence"),
        ({"allow": ("MIT",)}, "unknown has to be said"),
        ({"allow": ("",)}, "fits"),
    ],
)
def test_settings_that_cannot_be_meant(given: dict[str, tuple[str, ...]], words: str) -> None:
    """A pattern that fits nothing would let in, or keep out, nothing: it is refused."""
    with pytest.raises(ValidationError, match=words):
        LicensesSettings.model_validate(given)
