"""Licences: what they are called (SPDX), how they are found, what they ask for, and which are let in.

`expressions` translates what people call a licence, `texts` tells which one a text is, `tree` which one a file of a
package has, `metadata` what a drawing says of itself. `settle` decides between them, `policy` what the config allows,
`terms` what a licence asks for.
"""

from typing import Literal

UNKNOWN = "NOASSERTION"
"""SPDX's word for a licence that is not known."""

NO_LICENSE = ("", UNKNOWN, "NONE", "unknown", "UNKNOWN")
"""What stands where no licence is known."""

LicenseFrom = Literal["file", "column", "text", "manifest", "page", "config", "unknown"]
"""How a licence was found: metadata in the drawing's own file, a column of its table, a licence's text that lies beside
it, a package's manifest, its page (``rel=license``), the source's configured one, or not at all."""

__all__ = ["NO_LICENSE", "UNKNOWN", "LicenseFrom"]
