"""What kind of set a drawing is from: of its own path, package and name alone, so that it does not depend on others."""

from __future__ import annotations

import functools
import re
from typing import Literal

SetKind = Literal["icons", "emoji", "flags", "logos", "coins", "pictures"]
"""``pictures``: whatever is none of the others."""

_WORDS: dict[str, SetKind] = {
    "flag": "flags", "flags": "flags", "countryflags": "flags",
    "cryptocurrency": "coins", "cryptocurrencies": "coins", "crypto": "coins", "cryptoicons": "coins", "coins": "coins",
    "logo": "logos", "logos": "logos", "brand": "logos", "brands": "logos", "devicon": "logos", "devicons": "logos",
    "emoji": "emoji", "emojis": "emoji", "openmoji": "emoji", "twemoji": "emoji", "blobmoji": "emoji",
    "svgmoji": "emoji", "emojitwo": "emoji",
}  # fmt: skip
"""Words of folders, packages and sources that say a kind; the nearest to the file holds."""

_PHRASES: dict[str, SetKind] = {"simple-icons": "logos", "super-tiny-icons": "logos", "skill-icons": "logos"}

_ICONS = re.compile(
    r"(?:^|[/\W_])(?:icons?|iconoir|pictograms?|glyphs?|symbols?|boxicons|ionicons|octicons|heroicons|feather|lucide"
    r"|tabler|phosphor|mdi|material|remixicon|meteocons|fontawesome|font-awesome|bootstrap|carbon|fluent|supertiny)"
    r"(?:$|[/\W_\d])",
    re.I,
)


@functools.lru_cache(65536)
def kind_of(folder: str, package: str, source: str) -> SetKind | None:
    """The kind by a record's folder, its package ("" for none) and its source; None where nothing says it."""
    for part in (*reversed(folder.lower().split("/")), package.lower(), source.lower()):
        for phrase, kind in _PHRASES.items():
            if phrase in part:
                return kind
        for word in re.split(r"[^a-z]+", part):
            if word in _WORDS:
                return _WORDS[word]
    if _ICONS.search(folder) or _ICONS.search(package) or _ICONS.search(source):
        return "icons"
    return None
