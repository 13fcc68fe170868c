"""Licences: what they are called (SPDX), how they are found, what they ask for."""

UNKNOWN = "NOASSERTION"
"""SPDX's word for a licence that is not known."""

NO_LICENSE = ("", UNKNOWN, "NONE", "unknown", "UNKNOWN")
"""What stands where no licence is known."""

__all__ = ["NO_LICENSE", "UNKNOWN"]
