"""Make the tables of names that captions are composed with, `stages/caption/data/*.tsv`, from pinned npm packages.

    python tools/make_caption_tables.py

Needs `npm` on the path. Nothing of a package is executed. `stages/caption/data/SOURCES.txt` has
the licences of the tables.
"""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CLDR = "48.2.0"
PACKAGES = {
    "annotations": (f"cldr-annotations-full@{CLDR}", "annotations/en/annotations.json"),
    "derived": (f"cldr-annotations-derived-full@{CLDR}", "annotationsDerived/en/annotations.json"),
    "territories": (f"cldr-localenames-full@{CLDR}", "main/en/territories.json"),
    "languages": (f"cldr-localenames-full@{CLDR}", "main/en/languages.json"),
    "subdivisions": (f"cldr-subdivisions-full@{CLDR}", "subdivisions/en/en.json"),
    "coins": ("cryptocurrency-icons@0.18.1", "manifest.json"),
    "brands": ("simple-icons@16.37.0", "data/simple-icons.json"),
}
LOGOS = {
    "@fortawesome/fontawesome-free@7.3.1": r"svgs/brands/(.*)\.svg", "boxicons@2.1.4": r"svg/logos/bxl-(.*)\.svg",
    "ionicons@8.1.0": r"dist/svg/logo-(.*)\.svg", "@tabler/icons@3.51.0": r"icons/outline/brand-(.*)\.svg",
    "@phosphor-icons/core@2.1.1": r"assets/regular/(.*)-logo\.svg", "remixicon@4.9.1": r"icons/Logos/(.*)-line\.svg",
}  # fmt: skip
"""Sets that say of an icon that it is a logo: package -> the paths of these."""
WORDS = set(
    re.findall(
        r"\w+",
        """
        windows edge safari chrome medium stripe slack square line teams drop buffer meta pix rust swift
        sketch threads opera tidal audible unity visa react intercom messenger framer blender blogger
        """,
    )
)
"""Brands that are words for other things, beside those in CLDR's annotations."""
LONG = {
    "ba": "Bosnia and Herzegovina", "cd": "Democratic Republic of the Congo", "cg": "Republic of the Congo",
    "gb": "United Kingdom", "un": "United Nations", "us": "United States",
}  # fmt: skip
"""Territories whose usual name CLDR has neither as the short nor as the long one."""
OUT = Path(__file__).resolve().parent.parent / "stages" / "caption" / "data"


def packed(spec: str, folder: Path) -> str:
    """The name of a package's tarball in a folder; raises CalledProcessError if npm fails."""
    command = ["npm", "pack", spec, "--silent", "--ignore-scripts", "--pack-destination", str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]


def member(spec: str, path: str, folder: Path) -> Any:
    """The JSON that a package has at a path; raises CalledProcessError if npm fails."""
    with tarfile.open(folder / packed(spec, folder)) as tar:
        stream = tar.extractfile(f"package/{path}")
        assert stream is not None
        return json.load(stream)


def logos(spec: str, pattern: str, folder: Path) -> set[str]:
    """Letters of the names of a package's logos."""
    with tarfile.open(folder / packed(spec, folder)) as tar:
        paths = [re.fullmatch(f"package/{pattern}", path) for path in tar.getnames()]
    return {plain_letters(match[1]) for match in paths if match}


def plain_letters(text: str) -> str:
    """Letters and digits of a text, in lower case and without accents: how file names spell it."""
    bare = unicodedata.normalize("NFKD", text.lower().replace("+", "plus").replace("ß", "ss"))
    return re.sub(r"[^a-z0-9]", "", bare)


def names(listed: dict[str, str]) -> dict[str, str]:
    """Code -> name; of a place with a short name besides, the short one."""
    every = {code.lower(): name for code, name in listed.items() if "-alt-" not in code}
    every |= {code[: -len("-alt-short")].lower(): n for code, n in listed.items() if code.endswith("-alt-short")}
    every |= {code: LONG[code] for code in LONG.keys() & every.keys() if len(every) < 400}
    spelled = ((code, name.replace(" & ", " and ").replace("St. ", "Saint ")) for code, name in every.items())
    return {code: re.sub(r" \((?!Keeling|Brazzaville|Kinshasa).*\)", "", name) for code, name in spelled}


def write(name: str, rows: Iterable[tuple[str, ...]]) -> None:
    """A table, sorted: a line for each row, its fields apart by tabs."""
    lines = sorted({"\t".join(row) for row in rows})
    (OUT / f"{name}.tsv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def main() -> None:
    """Write all tables."""
    with tempfile.TemporaryDirectory() as folder:
        data = {name: member(spec, path, Path(folder)) for name, (spec, path) in PACKAGES.items()}
        marked = Counter(slug for spec, paths in LOGOS.items() for slug in logos(spec, paths, Path(folder)))
    emoji = data["annotations"]["annotations"]["annotations"] | data["derived"]["annotationsDerived"]["annotations"]
    spelled = {
        "-".join(f"{ord(c):x}" for c in text if c != "\ufe0f"): entry["tts"][0].replace("\u2019", "'")
        for text, entry in emoji.items()
        if entry.get("tts")
    }
    write("emoji", ((points, name) for points, name in spelled.items() if points))
    ordinary = {
        word
        for entry in emoji.values()
        for text in (*entry.get("default", ()), *entry.get("tts", ()))
        for word in re.findall(r"[a-z]+", text.lower())
    }
    display = data["territories"]["main"]["en"]["localeDisplayNames"]["territories"]
    write("territories", ((code, name) for code, name in names(display).items() if re.fullmatch("[a-z]{2}", code)))
    display = data["languages"]["main"]["en"]["localeDisplayNames"]["languages"]
    write("languages", ((code, name) for code, name in names(display).items() if re.fullmatch("[a-z]{2,3}", code)))
    display = data["subdivisions"]["subdivisions"]["localeDisplayNames"]["subdivisions"]
    write("subdivisions", names(display).items())
    write("coins", ((plain_letters(coin["symbol"]), coin["symbol"], coin["name"]) for coin in data["coins"]))
    brands: dict[str, str] = {}
    for brand in data["brands"]:
        aliases = brand.get("aliases", {})
        for text in (brand["title"], *aliases.get("aka", ()), *aliases.get("old", ())):
            slug = plain_letters(text)
            if slug:
                brands.setdefault(slug, text)
    for brand in data["brands"]:
        brands[plain_letters(brand["title"])] = brand["title"]
        brands[brand.get("slug") or plain_letters(brand["title"].replace(".", "dot"))] = brand["title"]
    known = {slug for slug, count in marked.items() if count > 1} - ordinary - WORDS
    write("brands", ((slug, title, "known" if slug in known else "") for slug, title in brands.items()))


if __name__ == "__main__":
    main()
