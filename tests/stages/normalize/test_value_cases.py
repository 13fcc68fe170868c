"""Values of CSS, each in a small drawing with Chromium's picture: the canonical form and the source made plain.

``tests/data/value-cases.tar.gz``: CC0-1.0, its README says how the pictures were drawn.
"""

import pytest

from stages.normalize import NormalizeSettings, normalize_one
from tests.stages.normalize.pictured import check, files

CASES = files("value-cases.tar.gz")


@pytest.mark.parametrize("name", sorted(name for name in CASES if name.endswith(".svg")))
def test_a_value_is_drawn_as_browsers_draw_it(name: str):
    """In the canonical form by one of the renderers, and in the plain source by the one that judges first."""
    check(normalize_one(CASES[name], NormalizeSettings()), CASES[f"{name}.png"])
