"""Style sheets, selectors and references, each in a small drawing with Chromium's picture.

``tests/data/rule-cases.tar.gz``: CC0-1.0, its README says how the pictures were drawn.
"""

import pytest

from stages.normalize import NormalizeSettings, normalize_one
from stages.sanitize import SanitizeSettings, sanitize_one
from tests.stages.normalize.pictured import check, files

CASES = files("rule-cases.tar.gz")


@pytest.mark.parametrize("name", sorted(name for name in CASES if name.endswith(".svg")))
def test_a_rule_is_applied_as_browsers_apply_it(name: str):
    """In the canonical form by one of the renderers, and in the plain source by the one that judges first."""
    check(normalize_one(sanitize_one(CASES[name], SanitizeSettings()).svg, NormalizeSettings()), CASES[f"{name}.png"])
