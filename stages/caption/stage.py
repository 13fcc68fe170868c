"""Composes the captions."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa

from stages.base import SideStage
from stages.caption import colours
from stages.caption.settings import CaptionSettings
from stages.caption.words import from_folders, from_name, useful
from stages.schema import CAPTIONED

_ADJECTIVES = {"fill": "filled", "outline": "outlined", "line": "outlined", "round": "rounded"}

_SENTENCE = re.compile(r"(?<=\w\w)[.!?]\s")
"""Where the first sentence of a title ends: the composed caption has two in all."""

_HINTS_TOLD = 3
"""Keywords that name a drawing whose title and file name do not."""

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


READS = ("sample_id", "title", "desc", "path", "name", "source", "svg", "own_captions", "hints", "facts")


def caption(table: pa.Table, settings: CaptionSettings) -> pa.Table:
    """Captions (`stages.schema.CAPTIONED`) for rows with the columns `READS`.

    Every sample has at least two, a composed one and, last, one of its geometry; between them what title, desc,
    keywords and file name give. Before all stand those that its record came with: somebody who saw the drawing knows
    more of it than its file name tells.
    """
    captions = [_captions(row, settings) for row in table.select(READS[1:]).to_pylist()]
    return pa.table(
        [table["sample_id"].combine_chunks(), pa.array(captions, CAPTIONED.field(1).type)], schema=CAPTIONED
    )


def _captions(row: dict[str, Any], settings: CaptionSettings) -> list[dict[str, Any]]:
    words, styles = from_name(row["name"], settings)
    title, desc = useful(row["title"], settings), useful(row["desc"], settings)
    folder, folder_styles = from_folders(_in_its_package(row["path"], row["facts"]), settings)
    styles = list(dict.fromkeys([*styles, *folder_styles]))
    # a source is mostly named as its folder, which tells of the set, not of the drawing
    subjects = [] if folder == from_name(row["source"], settings)[0] else folder
    drawing = _drawing(row["svg"])
    hints = list(dict.fromkeys(hint for text in row["hints"] or () if (hint := useful(text, settings))))
    subject = _SENTENCE.split(title)[0] or " ".join(words) or _list(hints[:_HINTS_TOLD])
    captions = [
        ("metadata", "short", _composed(subject, subjects, styles, row["svg"], settings)),
        ("metadata", "short", title),
        ("metadata", "detailed", desc),
        ("metadata", "tag", ", ".join(hints)),
        ("metadata", "tag", " ".join([*styles, *words])),
        ("metadata", "tag", " ".join(folder)),
        ("geometry", "short", drawing),
    ]
    own = [
        each | {"text": useful(each["text"], settings), "style": each["style"] or ""}
        for each in row["own_captions"] or ()
    ]
    named = [{"text": text, "origin": origin, "style": style, "language": ""} for origin, style, text in captions]
    return [each | {"text": _cut(each["text"], settings.max_characters)} for each in (*own, *named) if each["text"]]


def _in_its_package(path: str, facts: list[dict[str, str]] | None) -> str:
    """A path without the package's name before it, which tells of the set, not of the drawing."""
    package = next((fact["text"] for fact in facts or () if fact["name"] == "package"), None)
    return path if package is None else path.removeprefix(f"{package}/")


def _composed(subject: str, folder: list[str], styles: list[str], svg: str, settings: CaptionSettings) -> str:
    style = " ".join(_ADJECTIVES.get(word, word) for word in styles)
    article = "An" if (style or "icon")[0] in "aeiou" else "A"
    start = f"{article} {style} icon".replace("  ", " ")
    if subject:
        start += f" of {_lower(subject)}"
    if folder and not set(folder) <= set(subject.lower().split()):
        start += f", {' '.join(folder)}," if subject else f" of {' '.join(folder)}"
    names = colours.seen(svg)[: settings.max_colours]
    if names:
        start += f" in {_list(names)}"
    return f"{start.removesuffix(',')}. {_drawing(svg)}"


def _drawing(svg: str) -> str:
    parts = [_count(kind, n) for kind, n in colours.shapes(svg)[:4]]
    text = f"Made of {_list(parts)}" if parts else "An empty drawing"
    gradients = svg.count("<linearGradient") + svg.count("<radialGradient")
    if gradients:
        text += f", with {_count('gradient', gradients)}"
    return text + "."


def _count(kind: str, n: int) -> str:
    number = _NUMBERS[n] if n < len(_NUMBERS) else str(n)
    return f"{number} {kind}{'' if n == 1 else 's'}"


def _list(parts: list[str]) -> str:
    return "".join(parts) if len(parts) < 2 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _lower(text: str) -> str:
    """The first letter small, unless the word is an acronym or a name in capitals."""
    return text[0].lower() + text[1:] if len(text) > 1 and text[1].islower() and text.isascii() else text


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return text[: limit - 1].rsplit(" ", 1)[0] + "…"


CAPTION = SideStage(
    name="caption",
    version=5,
    settings=CaptionSettings,
    reads=READS,
    schema=CAPTIONED,
    make=caption,
    says="gives each sample its captions",
    shards={
        "captions": "All captions, each with its style (tag, short, detailed), language (BCP 47) and origin (human, "
        "dataset, model, metadata, geometry); of a model with its name, digest of the prompt, temperature, seed "
        "and score. Style and language are empty where they are not known."
    },
)
