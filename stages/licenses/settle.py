"""Which of the licences that are stated for a record is its licence: `settle`.

The drawing's own file comes first, then what its source states for it (a column, a text beside it, a manifest, its
page), then what the config says of the source. What one of them states and nobody understands is no licence, and what
comes after does not count either: it would be a guess. It is kept as a fact, and so is what was overruled.
"""

from __future__ import annotations

from dataclasses import dataclass

from stages.licenses import NO_LICENSE, UNKNOWN, LicenseFrom
from stages.licenses.expressions import spdx
from stages.licenses.metadata import NOTHING, Metadata

STATED = "license_stated"
"""The fact that holds what was stated of a licence and not understood."""

OVERRULED = "license_overruled"
"""The fact that holds another licence that the source stated, with how it was found: "column MIT"."""


@dataclass(frozen=True)
class Settled:
    """The licence of a record."""

    license: str
    """SPDX expression, `UNKNOWN` where none is known."""
    own: str | None
    """The same if the record states it itself, `UNKNOWN` if it states what nobody understands; None: the source's."""
    origin: LicenseFrom
    digest: str | None
    """Hex sha256 of the licence's text that the source found, if that counts or nobody knows what it is."""
    facts: tuple[tuple[str, str], ...] = ()
    """`STATED`, `OVERRULED`."""


def settle(
    stated: str | None, origin: LicenseFrom, digest: str | None, configured: str, file: Metadata = NOTHING
) -> Settled:
    """The licence of a record.

    ``stated``: what its source states for it, found as ``origin``, in a text of ``digest``; ``configured``: that of the
    source, an SPDX expression or one of `NO_LICENSE`; ``file``: what its own file says.
    """
    stated = None if stated in NO_LICENSE else stated
    understood = None if stated is None else spdx(stated)
    if file.license is not None:
        other = understood or stated
        facts = () if other in (None, file.license) else ((OVERRULED, f"{origin} {other}"),)
        return Settled(file.license, file.license, "file", None, facts)
    if file.stated is not None:
        facts = ((STATED, file.stated), *(((OVERRULED, f"{origin} {stated}"),) if stated else ()))
        return Settled(UNKNOWN, UNKNOWN, "unknown", None, facts)
    if understood is not None:
        return Settled(understood, understood, origin, digest)
    if stated is not None:
        return Settled(UNKNOWN, UNKNOWN, "unknown", digest, ((STATED, stated),))
    return of_source(configured, digest)


def of_source(configured: str, digest: str | None = None) -> Settled:
    """The licence of a record that states none itself."""
    if configured in NO_LICENSE:
        return Settled(UNKNOWN, None, "unknown", digest)
    return Settled(configured, None, "config", digest)
