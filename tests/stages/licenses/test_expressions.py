"""What people call licences, as SPDX expressions."""

import pytest

from stages.licenses.expressions import PUBLIC_DOMAIN, licences_of, spdx


@pytest.mark.parametrize(
    ("stated", "expression"),
    [
        ("mit", "MIT"),
        ("MIT License.", "MIT"),
        ("The MIT License (MIT)", "MIT"),
        ("Apache 2.0", "Apache-2.0"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("ISC Licence", "ISC"),
        ("https://opensource.org/licenses/MIT", "MIT"),
        ("http://www.apache.org/licenses/LICENSE-2.0.txt", "Apache-2.0"),
        ("GPL-3.0", "GPL-3.0-only"),
        ("GPLv3", "GPL-3.0-only"),
        ("GPL v2+", "GPL-2.0-or-later"),
        ("GNU General Public License v3.0 or later", "GPL-3.0-or-later"),
        ("GPL-2.0-or-later WITH Classpath-exception-2.0", "GPL-2.0-or-later WITH Classpath-exception-2.0"),
        ("http://www.gnu.org/licenses/lgpl-2.1.html", "LGPL-2.1-only"),
        ("CC BY 4.0", "CC-BY-4.0"),
        ("CC-BY-SA 4.0", "CC-BY-SA-4.0"),
        ("cc_by_nc_nd_4.0", "CC-BY-NC-ND-4.0"),
        ("Attribution 4.0 International (CC BY 4.0)", "CC-BY-4.0"),
        (
            "Creative Commons Attribution-NonCommercial-NoDerivatives 4.0 International Public License",
            "CC-BY-NC-ND-4.0",
        ),
        ("https://creativecommons.org/licenses/by-sa/4.0/", "CC-BY-SA-4.0"),
        ("http://creativecommons.org/licenses/by-nc/2.5/", "CC-BY-NC-2.5"),
        ("https://creativecommons.org/licenses/by/3.0/us/legalcode", "CC-BY-3.0-US"),
        ("http://creativecommons.org/publicdomain/zero/1.0/deed.fr", "CC0-1.0"),
        ("CC0", "CC0-1.0"),
        ("http://creativecommons.org/licenses/publicdomain/", "CC-PDDC"),
        ("http://web.resource.org/cc/PublicDomain", PUBLIC_DOMAIN),
        ("Public Domain", PUBLIC_DOMAIN),
        ("MIT/Apache-2.0", "MIT OR Apache-2.0"),
        ("(MIT OR Apache-2.0)", "MIT OR Apache-2.0"),
        ("MIT and (CC BY 4.0 or CC0)", "MIT AND (CC-BY-4.0 OR CC0-1.0)"),
        ("LGPL-3.0 or CC-BY-SA-3.0", "LGPL-3.0-only OR CC-BY-SA-3.0"),
        ("MIT OR mit", "MIT"),
        ("LicenseRef-Acme-1.0", "LicenseRef-Acme-1.0"),
    ],
)
def test_what_means_a_licence_is_its_expression(stated: str, expression: str) -> None:
    """Identifiers, addresses and names that mean one licence are translated; an expression means itself."""
    assert spdx(stated) == expression
    assert spdx(expression) == expression


@pytest.mark.parametrize(
    "stated",
    """|NUL|/|()|MIT OR|OR|SEE LICENSE IN LICENSE.md|UNLICENSED|proprietary|Custom|other|unknown|NOASSERTION|NONE
    |Free for personal use|BSD|Apache|GPL|LGPL|CC|CC-BY|CC BY-NC|by 4.0|CC BY 9.0|MIT, Apache-2.0|MIT; CC0|MIT+|MIT/foo
    |MIT AND foo|MIT WITH MIT|389-exception|MIT WITH foo|https://example.org/licenses/by/4.0/
    |https://creativecommons.org/licenses/|https://example.org/?u=https://creativecommons.org/licenses/by/4.0/
    |MIT (not for commercial use)|MIT License (CC BY 4.0)|MANY|OPEN""".replace("\n    ", "").split("|"),
)
def test_what_is_not_sure_is_no_licence(stated: str) -> None:
    """Names without a version, several names, conditions, and rubbish mean nothing, and raise nothing."""
    odd = {"NUL": "\0", "MANY": "MIT OR " * 300 + "MIT", "OPEN": "(" * 400}
    assert spdx(odd.get(stated, stated)) is None


def test_the_licences_of_an_expression() -> None:
    """Each is named once, with its exception; what is no expression has none."""
    assert licences_of("MIT AND (CC-BY-4.0 OR MIT)") == ("MIT", "CC-BY-4.0")
    assert licences_of("GPL-2.0-only WITH Classpath-exception-2.0") == ("GPL-2.0-only WITH Classpath-exception-2.0",)
    assert licences_of("NOASSERTION") == licences_of("") == ()
