"""The fonts that text is drawn with, everywhere: a picture must not depend on what a machine has installed.

Roboto, Tinos and Cousine (Apache-2.0, cut to Latin, Greek, Cyrillic and common signs by ``tools/make_fonts.py``) stand
for sans-serif, serif and monospace, and for the families that drawings name. The renderer's fontconfig reads
``fonts.conf`` beside them, which says the same as `family_of`, and sees no other font.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent
FAMILIES = {"sans-serif": "Roboto", "serif": "Tinos", "monospace": "Cousine"}
"""The family behind each generic one."""

INITIAL = "serif"
"""What text without a family has; librsvg's initial value is Times New Roman."""

UNKNOWN = "sans-serif"
"""What a family list without a known name has."""

NAMES: dict[str, tuple[str, ...]] = {
    "sans-serif": (
        "arial", "helvetica", "helvetica neue", "liberation sans", "arimo", "sans", "verdana", "tahoma", "segoe ui",
        "trebuchet ms", "calibri", "open sans", "droid sans", "noto sans", "dejavu sans", "bitstream vera sans",
        "ubuntu", "roboto", "lato", "inter", "gill sans", "system-ui", "cantarell", "source sans pro", "myriad pro",
        "cursive", "fantasy", "ui-sans-serif",
    ),
    "serif": (
        "times", "times new roman", "liberation serif", "tinos", "georgia", "garamond", "palatino", "cambria",
        "droid serif", "noto serif", "dejavu serif", "bitstream vera serif", "urw bookman l", "nimbus roman no9 l",
        "ui-serif", "minion pro",
    ),
    "monospace": (
        "courier", "courier new", "liberation mono", "cousine", "consolas", "menlo", "monaco", "lucida console",
        "droid sans mono", "noto mono", "noto sans mono", "dejavu sans mono", "bitstream vera sans mono",
        "ubuntu mono", "source code pro", "ocra", "ocr a", "mono", "ui-monospace",
    ),
}  # fmt: skip
"""Families that are known, in lower case."""

_GENERIC = {name: generic for generic, names in NAMES.items() for name in (generic, *names)}


@lru_cache(maxsize=1024)
def family_of(family_list: str) -> str:
    """The generic family for a value of ``font-family``: that of the first known name in it."""
    for name in family_list.split(","):
        found = _GENERIC.get(" ".join(name.strip().strip("\"'").split()).lower())
        if found is not None:
            return found
    return UNKNOWN


def path(generic: str, bold: bool, italic: bool) -> Path:
    """The file of a face."""
    style = {(False, False): "Regular", (True, False): "Bold", (False, True): "Italic", (True, True): "BoldItalic"}
    return FOLDER / f"{FAMILIES[generic]}-{style[bold, italic]}.ttf"


def configuration() -> str:
    """The text of ``fonts.conf``."""
    aliases = "".join(
        f'  <match><test name="family" compare="eq" ignore-blanks="false"><string>{name}</string></test>'
        f'<edit name="family" mode="assign" binding="same"><string>{FAMILIES[generic]}</string></edit></match>\n'
        for generic, names in NAMES.items()
        for name in (generic, *names)
        if name != FAMILIES[generic].lower()
    )
    last = FAMILIES[UNKNOWN]
    return (
        '<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "fonts.dtd">\n'
        "<!-- Written by tools/make_fonts.py from stages/fonts/__init__.py. -->\n<fontconfig>\n"
        '  <dir prefix="relative">.</dir>\n  <cachedir prefix="xdg">svgmill-fonts</cachedir>\n'
        f"{aliases}"
        '  <match><edit name="family" mode="append_last" binding="weak">'
        f"<string>{last}</string></edit></match>\n</fontconfig>\n"
    )


@lru_cache(1)
def use() -> None:
    """Make this process's fontconfig see these fonts only. To be called before anything draws text."""
    os.environ["FONTCONFIG_FILE"] = str(FOLDER / "fonts.conf")
    os.environ.pop("FONTCONFIG_PATH", None)
