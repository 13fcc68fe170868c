"""What records of archives and tables are called: paths that lead nowhere else, each once."""

from __future__ import annotations

import unicodedata

from stages.crawl.listing import display


def normalised(name: str) -> str:
    """``name`` as a relative path, in Unicode's composed form (NFC), on one line; "" if nothing is left of it."""
    parts: list[str] = []
    for part in display(unicodedata.normalize("NFC", name)).split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


class Names:
    """The names that were given so far."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def unique(self, name: str) -> str:
        """``name`` for the first that has it, then ``<name>#2``, and so on."""
        given = name
        while given in self._seen:
            self._seen[name] += 1
            given = f"{name}#{self._seen[name]}"
        self._seen[given] = 1
        return given
