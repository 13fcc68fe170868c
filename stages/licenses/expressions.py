"""What somebody calls a licence, as an SPDX expression: `spdx`.

Only what is sure is translated: an SPDX identifier in any case, the addresses that licences have, and the names that
mean one licence and one version. "BSD", "CC BY" without a version and "see the readme" mean none. A name with a bare
version number, such as "GPLv3", says no more than that version, and becomes ``GPL-3.0-only``: what that allows, the
author allowed.

Sources: the SPDX licence list (by ``license-expression``); SPDX specification 2.3, annex D; the addresses of
creativecommons.org, gnu.org, apache.org, mozilla.org and opensource.org.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from license_expression import (
    ExpressionError,
    LicenseExpression,
    LicenseSymbol,
    LicenseWithExceptionSymbol,
    Licensing,
    get_spdx_licensing,
)

FAULTS = (ExpressionError, ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError)
"""What the library raises: mostly its own; for a slash or empty brackets what Python says. Who asks keeps what was
stated, as the fact ``license_stated``."""

T = TypeVar("T")

PUBLIC_DOMAIN = "LicenseRef-scancode-public-domain"
"""What is said to be in the public domain, without a deed that SPDX lists."""

_LONGEST, _MOST = 500, 20  # characters of what is stated; licences in one expression

_REFERENCE = re.compile(r"(DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")
_LATER = re.compile(r",?\s+or\s*(\(at your option\)\s*)?(any\s+)?(later|newer|above|greater)(\s+versions?)?\b", re.I)
_OPERATORS = re.compile(r"(\(|\)|\s+(?:and|or)\s+)", re.I)
_AROUND = re.compile(r"^the\s+|\s+(software\s+|public\s+)?licen[sc]e$|\s+\(?the\s+licen[sc]e\)?$", re.I)
_PLAIN = re.compile(r"[\s_,]+")

_CC = re.compile(
    r"(?:(?:creative\s?commons|cc)\s)?(?P<by>attribution|by)"
    r"(?P<nc>\s(?:non\s?commercial|nc))?(?P<rest>\s(?:share\s?alike|sa|no\s?deriv(?:ative)?s?(?:\sworks)?|nd))?"
    r"(?:\slicen[sc]e)?\s?v?(?:ersion\s)?(?P<version>\d\.\d)"
    r"(?:\s(?:international|unported|generic|(?P<port>[a-z]{2}|igo)))?(?:\s(?:public\s)?licen[sc]e)?"
)
_CC_URL = re.compile(
    r"creativecommons\.org/licen[sc]es/(?P<kind>by(?:-nc)?(?:-sa|-nd)?|sa)/(?P<version>\d\.\d)(?:/(?P<port>[a-z]{2,3}))?"
    r"(?:/(?:legalcode|deed)(?:[._-][a-z_-]{2,10})?)?"
)
_CC0 = re.compile(
    r"(?:(?:creative\s?commons|cc)\s?)?(?:zero|cc0|0)\s?(?:licen[sc]e\s?)?(?:v?(?:ersion\s)?1(?:\.0)?)?"
    r"(?:\suniversal)?(?:\spublic\sdomain\sdedication)?(?:\slicen[sc]e)?"
)
_GNU = re.compile(
    r"(?:gnu\s)?(?P<kind>gpl|lgpl|agpl|gfdl|fdl|(?:lesser\s|library\s|affero\s)?general\spublic\slicen[sc]e"
    r"|free\sdocumentation\slicen[sc]e)\s?v?(?:ersion\s?)?(?P<version>\d(?:\.\d)?)(?:\s?only)?(?P<later>\+)?"
)
_GNU_URL = re.compile(
    r"gnu\.org/(?:licen[sc]es/|copyleft/)?(?:old-licenses/)?(?P<kind>gpl|lgpl|agpl|fdl)-(?P<version>\d\.\d)"
    r"(?:\.en|-standalone)?(?:\.html|\.txt|\.md)?"
)
_ID_URL = re.compile(
    r"(?:spdx\.org/licenses/|opensource\.org/licenses?/|choosealicense\.com/licenses/)(?P<id>[a-z0-9.+-]+?)"
    r"(?:\.html|\.json|\.txt|\.php)?"
)
_GNU_KINDS = {
    "gpl": "GPL",
    "lgpl": "LGPL",
    "agpl": "AGPL",
    "fdl": "GFDL",
    "gfdl": "GFDL",
    "general public license": "GPL",
    "lesser general public license": "LGPL",
    "library general public license": "LGPL",
    "affero general public license": "AGPL",
    "free documentation license": "GFDL",
}
_URLS = {
    "apache.org/licenses/license-2.0": "Apache-2.0",
    "creativecommons.org/licenses/gpl/2.0": "GPL-2.0-only",
    "creativecommons.org/licenses/lgpl/2.1": "LGPL-2.1-only",
    "creativecommons.org/licenses/publicdomain": "CC-PDDC",
    "creativecommons.org/publicdomain/mark/1.0": "CC-PDM-1.0",
    "creativecommons.org/publicdomain/zero/1.0": "CC0-1.0",
    "mozilla.org/mpl/2.0": "MPL-2.0",
    "mozilla.org/en-us/mpl/2.0": "MPL-2.0",
    "openfontlicense.org": "OFL-1.1",
    "scripts.sil.org/ofl": "OFL-1.1",
    "unlicense.org": "Unlicense",
    "web.resource.org/cc/publicdomain": PUBLIC_DOMAIN,
    "creativecommons.org/ns#publicdomain": PUBLIC_DOMAIN,
    "wtfpl.net": "WTFPL",
}
_NAMES = {
    "2 clause bsd": "BSD-2-Clause",
    "3 clause bsd": "BSD-3-Clause",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache v2": "Apache-2.0",
    "apache v2.0": "Apache-2.0",
    "apache version 2": "Apache-2.0",
    "apache version 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license v2.0": "Apache-2.0",
    "apache license version 2.0": "Apache-2.0",
    "apache software license 2.0": "Apache-2.0",
    "apache2": "Apache-2.0",
    "asl 2.0": "Apache-2.0",
    "boost 1.0": "BSL-1.0",
    "boost software license 1.0": "BSL-1.0",
    "bsd 2": "BSD-2-Clause",
    "bsd 2 clause": "BSD-2-Clause",
    "bsd 2 clause simplified": "BSD-2-Clause",
    "bsd 3": "BSD-3-Clause",
    "bsd 3 clause": "BSD-3-Clause",
    "bsd 3 clause new or revised": "BSD-3-Clause",
    "cc pd": "CC-PDDC",
    "expat": "MIT",
    "free art 1.3": "LAL-1.3",
    "mit (expat)": "MIT",
    "mpl 2": "MPL-2.0",
    "mpl 2.0": "MPL-2.0",
    "mozilla 2.0": "MPL-2.0",
    "mozilla public license 2.0": "MPL-2.0",
    "mozilla public license version 2.0": "MPL-2.0",
    "ofl 1.1": "OFL-1.1",
    "sil ofl 1.1": "OFL-1.1",
    "sil open font license 1.1": "OFL-1.1",
    "sil open font license version 1.1": "OFL-1.1",
    "public domain": PUBLIC_DOMAIN,
    "public domain mark 1.0": "CC-PDM-1.0",
    "unlicense": "Unlicense",
    "zero clause bsd": "0BSD",
}
_NO_VERSION = frozenset({"gpl", "lgpl", "agpl", "gfdl", "gpl+", "lgpl+", "agpl+"})


@lru_cache(4096)
def spdx(stated: str) -> str | None:
    """The SPDX expression that ``stated`` means, as it was ordered; None for what means none with certainty.

    ``MIT/Apache-2.0`` is a choice, as in Cargo's manifests. Identifiers that SPDX has given up become those that it
    names instead. A ``LicenseRef-`` stays as it is.
    """
    text = _LATER.sub("+", " ".join(stated.split()).removesuffix("."))
    if not text or len(text) > _LONGEST:
        return None
    if (name := _name(text)) is not None:
        return name
    words = [word.strip() for word in _OPERATORS.split(text) if word.strip()]
    if len(words) == 1 and "/" in text and "//" not in text:
        words = [part for name in text.split("/") for part in ("OR", name.strip())][1:]
    if len(words) > 4 * _MOST:
        return None
    parts = [word if word in "()" else word.upper() if word.lower() in ("and", "or") else _name(word) for word in words]
    if None in parts or len(parts) == 1:
        return None
    return _parsed(" ".join(part or "" for part in parts))


def licences_of(expression: str) -> tuple[str, ...]:
    """The licences of an SPDX expression, each once, as they come in it; () for what is none, such as NOASSERTION."""
    parsed = parse(expression)
    if parsed is None:
        return ()
    return tuple(dict.fromkeys(str(symbol) for symbol in _licensing().license_symbols(parsed, decompose=False)))


def text_addresses(expression: str) -> tuple[tuple[str, str], ...]:
    """(licence, address of its text) for each licence of an expression that SPDX lists."""
    names = (license.partition(" WITH ")[0] for license in licences_of(expression))
    listed = (name for name in dict.fromkeys(names) if not _REFERENCE.fullmatch(name))
    return tuple((name, f"https://spdx.org/licenses/{name}.html") for name in listed)


def satisfied(expression: str, allowed: Callable[[str], bool]) -> bool:
    """Whether an SPDX expression can be met by licences that are ``allowed``; what is none never is."""
    found = combined(expression, allowed, lambda *sides: all(sides), lambda *sides: any(sides))
    return bool(found)


def combined(expression: str, one: Callable[[str], T], joined: Callable[..., T], choice: Callable[..., T]) -> T | None:
    """What ``one`` gives for each licence of an SPDX expression, put together as AND and OR put them; None for none."""

    def value(part: LicenseExpression) -> T:
        if isinstance(part, LicenseSymbol | LicenseWithExceptionSymbol):
            return one(str(part))
        sides = [value(side) for side in part.args]
        return joined(*sides) if isinstance(part, _licensing().AND) else choice(*sides)

    parsed = parse(expression)
    return None if parsed is None else value(parsed)


@lru_cache(1)
def identifiers() -> tuple[str, ...]:
    """Of all licences that SPDX lists, and of those that LicenseDB names beside, sorted."""
    return tuple(sorted(key for key, symbol in _licensing().known_symbols.items() if not symbol.is_exception))


def parse(expression: str) -> LicenseExpression | None:
    """An SPDX expression as ``license-expression`` has it; None for what is none.

    Its symbols are licences that SPDX lists, with an exception or without, and ``LicenseRef-`` of anybody.
    """
    try:
        parsed = _licensing().parse(expression)
        symbols = _licensing().license_symbols(parsed, decompose=False) if parsed is not None else []
    except FAULTS:
        return None
    if not symbols or len(symbols) > _MOST or not all(map(_known, symbols)):
        return None
    return parsed


def _parsed(expression: str) -> str | None:
    if expression.lower() in _NO_VERSION:
        return None
    parsed = parse(expression)
    if parsed is None:
        return None
    try:
        return str(_licensing().dedup(parsed))
    except FAULTS:
        return None


@lru_cache(1)
def _licensing() -> Licensing:
    return get_spdx_licensing()


def _known(symbol: LicenseSymbol) -> bool:
    known = _licensing().known_symbols
    if isinstance(symbol, LicenseWithExceptionSymbol):
        exception = known.get(symbol.exception_symbol.key)
        return _known(symbol.license_symbol) and exception is not None and exception.is_exception
    if symbol.key in known:
        return not known[symbol.key].is_exception
    return _REFERENCE.fullmatch(symbol.key) is not None


def _name(text: str) -> str | None:
    """The identifier of one licence that is called ``text``, with an exception or without."""
    text = text.strip()
    if text.lower().startswith(("http:", "https:", "//", "www.")):
        return _address(text)
    if " with " in text.lower():
        return _parsed(text)
    if " " not in text and "(" not in text and (known := _parsed(text)) is not None:
        return known
    # a name with its short form: "Attribution 4.0 International (CC BY 4.0)"
    if (both := re.fullmatch(r"([^()]+)\(([^()]+)\)", text)) is not None:
        names = {_name(part) for part in both.groups()}
        return names.pop() if len(names) == 1 else None
    return _spelled(text)


def _spelled(text: str) -> str | None:
    plain = _PLAIN.sub(" ", text.replace("-", " ").replace("“", "").replace("”", "").replace('"', "")).strip().lower()
    plain = plain.removeprefix("the ")
    bare = _AROUND.sub("", plain).strip()
    for name in (plain, bare):
        if name in _NAMES:
            return _NAMES[name]
        if (found := _CC.fullmatch(name)) is not None:
            if found["by"] == "by" and not name.startswith(("cc", "creative")):
                return None
            return _cc(_kind(found), found["version"], found["port"])
        if name not in ("0", "zero") and _CC0.fullmatch(name) is not None:
            return "CC0-1.0"
        if (found := _GNU.fullmatch(name)) is not None:
            return _gnu(found["kind"].replace("licence", "license"), found["version"], bool(found["later"]))
    # "MIT License", "The ISC Licence": an identifier with what is said around it
    return _parsed(bare) if " " not in bare else _parsed(bare.replace(" ", "-"))


def _kind(found: re.Match[str]) -> str:
    rest = (found["rest"] or "").strip()
    end = "" if not rest else "-sa" if rest.startswith("s") else "-nd"
    return "by" + ("-nc" if found["nc"] else "") + end


def _cc(kind: str, version: str, port: str | None) -> str | None:
    key = f"CC-{kind}-{version}".upper() + (f"-{port.upper()}" if port else "")
    return _parsed(key)


def _gnu(kind: str, version: str, later: bool) -> str | None:
    number = version if "." in version else f"{version}.0"
    return _parsed(f"{_GNU_KINDS[kind]}-{number}-{'or-later' if later else 'only'}")


def _address(text: str) -> str | None:
    """The licence that has its text, or its deed, at an address."""
    address = re.sub(r"^(https?:)?//|^(?=www\.)", "", text.lower()).removeprefix("www.").rstrip("/")
    address = re.sub(r"(?<=license-2\.0)\.(txt|html)$", "", address)
    address = address.split("?", 1)[0]
    if address.startswith("creativecommons.org/publicdomain/"):
        address = re.sub(r"/(legalcode|deed)([._-][a-z_-]{2,10})?$", "", address)
    if address in _URLS:
        return _URLS[address]
    if (found := _CC_URL.fullmatch(address)) is not None:
        return _cc(found["kind"], found["version"], found["port"])
    if (found := _GNU_URL.fullmatch(address)) is not None:
        return _gnu(found["kind"], found["version"], later=False)
    if (found := _ID_URL.fullmatch(address)) is not None:
        return _parsed(found["id"])
    return None
