"""Cut the fonts of `stages/fonts` from their full versions.

    npm pack @expo-google-fonts/roboto@0.2.2 @expo-google-fonts/tinos@0.2.2 @expo-google-fonts/cousine@0.2.2
    for f in *.tgz; do mkdir -p "$f.d"; tar xzf "$f" -C "$f.d"; done
    pip install fonttools && PYTHONPATH=. python tools/make_fonts.py FOLDER_WITH_THE_TTF_FILES stages/fonts

Kept: Latin, Greek, Cyrillic, punctuation, arrows, mathematical and other common signs; kerning and ligatures. Hinting
goes, since pictures are drawn without it. Timestamps are those of the originals, so that the same input gives the same
bytes.
"""

import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

from stages import fonts

RANGES = (
    (0x20, 0x7E), (0xA0, 0x17F), (0x192, 0x192), (0x1FA, 0x1FF), (0x218, 0x21B), (0x2C6, 0x2DD), (0x370, 0x3FF),
    (0x400, 0x45F), (0x490, 0x491), (0x2010, 0x2044), (0x2070, 0x208E), (0x20A0, 0x20BF), (0x2100, 0x214F),
    (0x2150, 0x215F), (0x2190, 0x21FF), (0x2200, 0x22FF), (0x2300, 0x2321), (0x25A0, 0x25FF), (0x2600, 0x266F),
    (0xFB00, 0xFB02),
)  # fmt: skip
STYLES = {"400Regular": "Regular", "700Bold": "Bold", "400Regular_Italic": "Italic", "700Bold_Italic": "BoldItalic"}


def main(source: Path, target: Path) -> None:
    """Write the fonts and the configuration that goes with them."""
    wanted = {code for low, high in RANGES for code in range(low, high + 1)}
    for family in ("Roboto", "Tinos", "Cousine"):
        for style, name in STYLES.items():
            font = TTFont(next(source.rglob(f"{family}_{style}.ttf")), recalcTimestamp=False)
            options = Options(hinting=False, layout_features=["kern", "liga", "mark", "mkmk", "ccmp", "locl"])
            options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14, 16, 17]
            subsetter = Subsetter(options)
            subsetter.populate(unicodes=wanted)
            subsetter.subset(font)
            font.save(target / f"{family}-{name}.ttf")
    (target / "fonts.conf").write_text(fonts.configuration(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
