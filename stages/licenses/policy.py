"""Which records a config lets in: by their licences, and by what their places say of training.

A licence is let in if a pattern of ``allow`` fits it (or there is no pattern), and no pattern of ``deny`` does. Of an
expression, a choice (OR) is let in if one of its sides is, what is joined (AND) if both are.
"""

from __future__ import annotations

import re
from fnmatch import translate
from functools import lru_cache
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from stages.base import Settings
from stages.licenses import NO_LICENSE
from stages.licenses.expressions import identifiers, satisfied
from stages.reasons import Reason


class LicensesSettings(Settings):
    """Which licences are let in. Patterns are SPDX identifiers, whatever their case; ``*`` stands for anything."""

    allow: tuple[str, ...] = Field(
        (), description="patterns of the licences that are let in; none: all, but for those that deny names"
    )
    deny: tuple[str, ...] = Field((), description="patterns of the licences that are kept out, such as CC-BY-NC-*")
    unknown: Literal["keep", "drop"] | None = Field(
        None,
        description="what becomes of records whose licence is not known; null: keep, where allow names no licences; "
        "where it does, this has to be said",
    )

    @field_validator("allow", "deny")
    @classmethod
    def _fit_something(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            fits = _pattern((pattern,))
            if not pattern.lower().startswith("licenseref-") and not any(map(fits.fullmatch, identifiers())):
                raise ValueError(
                    f"{pattern} fits no licence that SPDX lists; write identifiers or patterns of these, "
                    "such as MIT, CC-BY-*, GPL-3.0-or-later"
                )
        return patterns

    @model_validator(mode="after")
    def _said(self) -> Self:
        if self.allow and self.unknown is None:
            raise ValueError(
                "allow names licences, so unknown has to be said: keep or drop records without a known one"
            )
        return self


class Policy(Settings):
    """What decides which records are let in."""

    licenses: LicensesSettings = LicensesSettings()
    opt_outs: Literal["respect", "record"] = "respect"

    def refuses(self, license: str, permission: str | None) -> tuple[Reason, str] | None:
        """Why a record is not let in; None if it is. ``permission``: ``reserved`` where its place reserves training."""
        if permission == "reserved" and self.opt_outs == "respect":
            return Reason.OPTED_OUT, ""
        if license in NO_LICENSE:
            return (Reason.LICENSE_UNKNOWN, "") if self.licenses.unknown == "drop" else None
        allowed = _allowed(self.licenses.allow, self.licenses.deny, license)
        return None if allowed else (Reason.LICENSE_DENIED, license)


@lru_cache(4096)
def _allowed(allow: tuple[str, ...], deny: tuple[str, ...], expression: str) -> bool:
    allowed, denied = _pattern(allow or ("*",)), _pattern(deny)
    return satisfied(expression, lambda one: _fits(allowed, one) and not _fits(denied, one))


def _fits(pattern: re.Pattern[str], license: str) -> bool:
    """Whether a pattern fits a licence, or the one that an exception (WITH) widens."""
    return any(pattern.fullmatch(name) for name in (license, license.partition(" WITH ")[0]))


@lru_cache(64)
def _pattern(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, patterns)) or r"(?!)", re.IGNORECASE)
