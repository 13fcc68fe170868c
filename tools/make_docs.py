"""Write docs/commands.md and docs/configuration.md from the code; with --check, only say whether they are current."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, JsonValue
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer.main import get_command

from pipeline.cli.app import app
from pipeline.config import ON_CANVAS, Config
from pipeline.sources.kinds import SOURCES

DOCS = Path(__file__).resolve().parents[1] / "docs"
NOTE = "<!-- written by make docs; do not edit -->\n"


# -- commands


def commands() -> str:
    """The page of the command line."""
    root: Any = get_command(app)
    lines = ["# Commands", "", NOTE.strip(), "", str(root.help), "", "| command | what it does |", "|---|---|"]
    pages: list[str] = []
    for path, command in walk(root, ("svgmill",)):
        name = " ".join(path)
        lines.append(f"| [`{name}`](#{name.replace(' ', '-')}) | {cell(first_sentence(command))} |")
        pages += page(name, command)
    return "\n".join([*lines, *pages]) + "\n"


def walk(group: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All commands below ``group``, with their words."""
    for name, command in group.commands.items():
        below = (*path, name)
        if hasattr(command, "commands"):
            yield from walk(command, below)
        else:
            yield below, command


def first_sentence(command: Any) -> str:
    """What a command does, in one line."""
    return one_line(command.help).split(". ")[0].rstrip(".")


def page(name: str, command: Any) -> list[str]:
    """The section of one command."""
    arguments = [parameter for parameter in command.params if not is_option(parameter)]
    options = [parameter for parameter in command.params if is_option(parameter)]
    usage = " ".join([name, *(["[OPTIONS]"] if options else []), *(argument.metavar for argument in arguments)])
    lines = ["", f"## {name}", "", one_line(command.help), "", "```", usage, "```", ""]
    if command.params:
        lines += ["| | |", "|---|---|"]
    types = get_type_hints(command.callback)
    for parameter in (*arguments, *options):
        names = ", ".join((*parameter.opts, *parameter.secondary_opts)) if is_option(parameter) else ""
        kind = types[parameter.name]
        choices = "|".join(get_args(kind)) if get_origin(kind) is Literal else ""
        value = "" if kind is bool else parameter.metavar or choices or parameter.opts[0].strip("-").upper()
        shown = cell(" ".join(word for word in (names, value) if word))
        lines.append(f"| `{shown}` | {about(parameter, kind)} |")
    return lines


def is_option(parameter: Any) -> bool:
    """Whether it is not known by its place."""
    return bool(parameter.opts[0].startswith("-"))


def about(parameter: Any, kind: Any) -> str:
    """What a parameter is for, whether it must be given, and what it is if it is not."""
    text = cell(one_line(parameter.help))
    if parameter.required:
        return f"{text} (required)" if is_option(parameter) else text
    return f"{text} (default: {parameter.default})" if parameter.default not in (None, [], False, True) else text


# -- settings


def configuration() -> str:
    """The page of the config."""
    lines = [
        "# Configuration",
        "",
        NOTE.strip(),
        "",
        "A config is a YAML file. `--set KEY=VALUE` of `svgmill run` and `svgmill plan` replaces a value: the key is "
        "dotted (`render.size`, `sources.0.license`), the value is JSON, or else text. A key that does not exist is "
        "an error. A stage that an installed package brings has a section of its own, called as the stage is.",
        "",
        "## The file",
        "",
        *table(Config, ""),
        "",
        "## Kinds of sources",
        "",
        "Each entry of `sources` has a kind.",
    ]
    for source in SOURCES:
        (kind,) = get_args(source.model_fields["kind"].annotation)
        lines += ["", f"### {kind}", "", one_line(source.__doc__), "", *table(source, "")]
    for name, field in Config.model_fields.items():
        model = only_model(field.annotation)
        if model is not None:
            lines += ["", f"## {name}", "", one_line(model.__doc__)]
            if model.model_fields:
                lines += ["", *table(model, name)]
    return "\n".join(lines) + "\n"


def table(model: type[BaseModel], section: str) -> list[str]:
    """A table of a model's settings, those of models within it after their dotted names."""
    lines = ["| key | default | values | what it does |", "|---|---|---|---|"]
    for name, default, values, text in rows(model, section):
        lines.append(f"| `{name}` | {default} | {values} | {text} |")
    return lines


def rows(model: type[BaseModel], section: str, prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Key, default, values and description of each setting; those that come from ``canvas`` are left out."""
    for name, field in model.model_fields.items():
        if name in ON_CANVAS.get(section, {}):
            continue
        key = f"{prefix}{field.alias or name}"
        inner = only_model(field.annotation)
        if model is Config and (inner is not None or name == "sources"):
            link = "kinds-of-sources" if inner is None else name
            text = cell(one_line(field.description or (inner.__doc__ if inner else "")))
            default = "required" if field.is_required() else "`null`" if is_nullable(field.annotation) else ""
            yield key, default, f"[{name}](#{link})", text
        elif inner is not None:
            if is_nullable(field.annotation):
                yield key, default_of(field), "section or null", cell(one_line(field.description or ""))
            yield from rows(inner, section, f"{key}.")
        else:
            yield key, default_of(field), cell(values_of(field)), cell(one_line(field.description or ""))
            for each in listed(field.annotation):
                yield from rows(each, section, f"{key}.N.")


def only_model(annotation: Any) -> type[BaseModel] | None:
    """The model, if the annotation is one, or one or null."""
    if is_nullable(annotation):
        annotation = next(argument for argument in get_args(annotation) if argument is not type(None))
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def is_nullable(annotation: Any) -> bool:
    """Whether an annotation is a model or null."""
    arguments = get_args(annotation)
    models = [argument for argument in arguments if isinstance(argument, type) and issubclass(argument, BaseModel)]
    return len(arguments) == 2 and len(models) == 1 and type(None) in arguments


def listed(annotation: Any) -> list[type[BaseModel]]:
    """The models that a list holds."""
    return [model for argument in get_args(annotation) if (model := only_model(argument)) is not None]


def default_of(field: FieldInfo) -> str:
    """A default as YAML has it."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, tuple) and any(isinstance(item, BaseModel) for item in value):
        value = [item.model_dump(mode="json", by_alias=True) for item in value]
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text}`"


WORDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def values_of(field: FieldInfo) -> str:
    """What is allowed, in words."""
    words, null, _ = kind_of(field.annotation).partition(" or null")
    bounds = {name: getattr(each, name) for each in field.metadata for name in WORDS if hasattr(each, name)}
    if bounds.keys() >= {"ge", "le"}:
        words += f" from {bounds.pop('ge')} to {bounds.pop('le')}"
    return " ".join([words, *(f"{WORDS[name]} {value}" for name, value in bounds.items())]) + null


def kind_of(annotation: Any) -> str:
    """A type in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" if isinstance(value, str) else str(value) for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(kind_of(argument) for argument in arguments)
    if origin is dict:
        return f"mapping of {kind_of(arguments[1])}"
    if origin in (tuple, list):
        return f"list of {kind_of(arguments[0])}"
    if origin is not None and arguments:
        return kind_of(arguments[0])
    if only_model(annotation) is not None:
        return "sections"
    if annotation is JsonValue:
        return "JSON"
    names = {bool: "true, false", int: "integer", float: "number", str: "text", type(None): "null"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


# -- both


def one_line(text: str | None) -> str:
    """A text without its line breaks."""
    return " ".join((text or "").replace("``", "`").split())


def cell(text: str) -> str:
    """A text that may stand in a table."""
    return text.replace("|", "\\|")


def main() -> None:
    """Write the pages, or check them."""
    stale = []
    for name, text in (("commands.md", commands()), ("configuration.md", configuration())):
        path = DOCS / name
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(f"docs/{name}")
    if stale:
        sys.exit(f"{', '.join(stale)} is not what the code says: run make docs")


if __name__ == "__main__":
    main()
