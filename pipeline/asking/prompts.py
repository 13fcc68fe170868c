"""Prompts: files with a template each, filled with what is known of a drawing before a model has seen it.

A template is Jinja's, run in its sandbox. It sees three lists of texts: ``dataset`` (captions that the record came
with), ``metadata`` (from titles, names and keywords) and ``geometry`` (measured from the drawing). They come from
strangers, so the filter ``quoted`` makes one line of each, cuts it and puts it in quotation marks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.asking.settings import AskSettings
from pipeline.errors import ConfigError
from stages.base import Settings

if TYPE_CHECKING:
    import jinja2

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "prompts"
"""Where the prompts are that come with this."""

QUOTED = 160
"""Characters of a text that `quoted` keeps."""

NAMES = ("dataset", "metadata", "geometry")
"""What a template sees."""


class Prompt(Settings):
    """The template of a style, as it travels to workers."""

    style: str
    template: str

    @property
    def digest(self) -> str:
        """Hex sha256 of the template."""
        return hashlib.sha256(self.template.encode()).hexdigest()

    def filled(self, known: Mapping[str, Sequence[str]]) -> str:
        """What a model is told. ``known``: a list of texts for each of `NAMES`."""
        text = _template(self.template).render({name: list(known.get(name, ())) for name in NAMES})
        return "\n".join(line for line in map(str.strip, text.splitlines()) if line)


def load(settings: AskSettings, base: Path) -> tuple[Prompt, ...]:
    """The prompts of all styles, in their order. ``base``: what paths in the config are relative to.

    Raises ConfigError for a file that is not there, or is no template.
    """
    import jinja2  # which most runs do without

    prompts = []
    for style in settings.styles:
        own = settings.prompts.get(style)
        path = base / own if own else FOLDER / f"{style}.txt"
        try:
            template = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(
                f"ask.prompts.{style}: {path} cannot be read ({reason}); configs/prompts holds examples"
            ) from None
        prompt = Prompt(style=style, template=template)
        try:
            empty = not prompt.filled({name: ["a word"] for name in NAMES})
        except jinja2.TemplateError as error:
            raise ConfigError(f"ask.prompts.{style}: {path}: {error.message or type(error).__name__}") from None
        if empty:
            raise ConfigError(f"ask.prompts.{style}: {path} is empty; write what the model is to do")
        prompts.append(prompt)
    return tuple(prompts)


def known_of(captions: Sequence[Mapping[str, str]] | None) -> dict[str, list[str]]:
    """What templates see of a sample's captions, which are structs of `stages.schema.CAPTIONS`: each text once."""
    known: dict[str, list[str]] = {name: [] for name in NAMES}
    for caption in captions or ():
        name = _ORIGINS.get(caption["origin"], "dataset")
        if name and caption["text"] not in known[name]:
            known[name].append(caption["text"])
    return known


_ORIGINS = {
    "metadata": "metadata", "title": "metadata", "desc": "metadata", "keywords": "metadata", "file_name": "metadata",
    "folder": "metadata", "geometry": "geometry", "drawing": "geometry", "composed": "", "model": "", "human": "",
}  # fmt: skip
"""Origin -> what templates know it as; a caption of any other came with the record."""


def quoted(text: str) -> str:
    """A stranger's text as one short line between quotation marks."""
    line = " ".join(text.replace('"', "'").split())
    return f'"{line if len(line) <= QUOTED else line[: QUOTED - 1] + "…"}"'


@lru_cache(64)
def _template(template: str) -> jinja2.Template:
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False)
    environment.filters["quoted"] = quoted
    return environment.from_string(template)
