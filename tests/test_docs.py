"""What README and docs say that can be checked: links, commands, options, settings, names in the code, files."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pyarrow.parquet as pq
import pytest
import yaml
from pydantic import BaseModel
from typer.main import get_command

from pipeline.cli.app import app
from pipeline.config import Config
from pipeline.sources.kinds import SOURCES
from stages.curriculum import Curriculum
from tests.helpers import drawing, svgmill_with

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/**/*.md"), *ROOT.glob("data/*.md")])
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
SPAN = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page that are of a language; "" for commands and what they print."""
    return [code for name, code in FENCE.findall(page.read_text(encoding="utf-8")) if name == language]


def spans(page: Path) -> list[str]:
    """What a page has between backticks within its text, on one line."""
    return [" ".join(span.split()) for span in SPAN.findall(FENCE.sub("", page.read_text(encoding="utf-8")))]


def commands(page: Path, name: str) -> Iterator[list[str]]:
    """The words after ``name``, wherever a page calls it."""
    for line in [*spans(page), *(line for code in blocks(page, "") for line in code.splitlines())]:
        for call in re.findall(rf"(?:^|[\s|]){name} +([^#|;\n]*)", line):
            yield call.split()


def slugs(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def nested(annotation: Any) -> list[type[BaseModel]]:
    """The models within an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in nested(argument)]


def keys(model: type[BaseModel]) -> dict[str, Any]:
    """The settings of a model as a tree: name -> those below it. Of sources, those of all kinds."""
    tree: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        below = tree.setdefault(field.alias or name, {})
        inner = nested(field.annotation)
        for each in inner if name != "sources" else SOURCES:
            below |= keys(each)
    return tree


def names(tree: dict[str, Any]) -> set[str]:
    """The names at all depths of a tree."""
    return set(tree) | {name for below in tree.values() for name in names(below)}


SETTINGS = keys(Config)


def test_readme_is_short() -> None:
    """A newcomer reads it in five minutes."""
    assert len((ROOT / "README.md").read_bytes()) <= 8000


@EVERY_PAGE
def test_links_lead_somewhere(page: Path) -> None:
    """To a file that is there, and to a heading of it."""
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text(encoding="utf-8"))):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            to = (page.parent / path).resolve() if path else page
            assert to.exists(), f"{target} leads nowhere"
            assert not anchor or anchor in slugs(to), f"{target}: there is no such heading"


@EVERY_PAGE
def test_commands_exist_with_their_options(page: Path) -> None:
    """Each ``svgmill …`` that a page shows, and each ``make …``."""
    for words in commands(page, "svgmill"):
        command: Any = get_command(app)
        while hasattr(command, "commands") and words:
            assert words[0] in command.commands, f"svgmill {' '.join(words)}: no such command"
            command, words = command.commands[words[0]], words[1:]
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        for option in (word.partition("=")[0] for word in words if word.startswith("-")):
            assert option in known, f"svgmill {command.name} {option}: no such option"
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for words in commands(page, "make"):
        assert words[0] in targets, f"make {words[0]}: no such target"


@EVERY_PAGE
def test_settings_exist(page: Path) -> None:
    """Each ``section.key`` and each ``key: value``, of a config or a curriculum; a whole config is valid."""
    known = names(SETTINGS) | names(keys(Curriculum))
    for span in spans(page):
        for dotted in re.findall(r"(?<![\w./-])([a-z_]+(?:\.[a-z_0-9]+)+)(?![\w/(])", span):
            parts = [part for part in dotted.split(".") if not part.isdigit()]
            if parts[0] in SETTINGS and parts[-1] not in ("py", "json", "parquet"):
                below = SETTINGS
                for part in parts:
                    assert part in below, f"{dotted}: no such setting"
                    below = below[part]
        for key in re.findall(r"^([a-z_]+): \S", span):
            assert key in known, f"{span}: no such setting"
    for code in blocks(page, "yaml"):
        config = yaml.safe_load(code)
        if "config_version" in config:
            Config.model_validate(config, strict=False)


@EVERY_PAGE
def test_names_in_the_code_exist(page: Path) -> None:
    """Dotted names of packages, paths of files, and benchmarks with their options."""
    for span in spans(page):
        if re.fullmatch(r"(pipeline|stages)(\.\w+)+", span):
            resolve(span)
        if re.fullmatch(r"(pipeline|stages|tests|docs|configs|benchmarks|tools|data|infra)/[\w./*-]*", span):
            assert list(ROOT.glob(span)), f"{span}: no such file"
        script = re.match(r"(\w+\.py)\b(.*)", span)
        if script:
            paths = [
                path for folder in ("benchmarks", "stages", "pipeline") for path in (ROOT / folder).rglob(script[1])
            ]
            assert paths, f"{script[1]}: no such file"
            for option in re.findall(r"--[a-z-]+", script[2]):
                assert any(f'"{option}"' in path.read_text() for path in paths), f"{span}: no option {option}"


def resolve(name: str) -> Any:
    """The object of a dotted name. Raises if there is none."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise AssertionError(f"{name}: no such module")


@pytest.fixture
def how_tos(tmp_path: Path) -> Path:
    """A folder with the package of docs/architecture.md, as an installer leaves it, its drawings and a config."""
    page = ROOT / "docs/architecture.md"
    package, about = tmp_path / "my_package", tmp_path / "my_package-1.0.dist-info"
    package.mkdir()
    about.mkdir()
    (entry_points,) = blocks(page, "toml")
    modules = re.findall(r'"my_package\.(\w+):', entry_points)
    for module, code in zip(modules, blocks(page, "python"), strict=True):
        (package / f"{module}.py").write_text(code)
    (package / "__init__.py").touch()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(re.sub(r'project\.entry-points\.|"', "", entry_points))
    pictures = {
        f"{n}.svg": {
            "svg": drawing(n),
            "etag": str(n),
            "url": f"https://gallery.example/{n}",
            "license": "CC0-1.0",
            "artist": "Ada",
            "alt": f"Shape {n} of many",
            "tags": [],
        }
        for n in range(12)
    }
    (tmp_path / "pictures.json").write_text(json.dumps(pictures))
    source = {"name": "wall", "kind": "gallery", "path": "pictures.json"}
    config = {"config_version": 1, "name": "how-tos", "sources": [source], "paths": {"least": 1}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    return tmp_path


def test_the_how_tos_work_as_they_stand(how_tos: Path) -> None:
    """Together, in a package: what the source brings and the stage adds is in the shards, and the export verifies."""
    commands = [
        ["run", "config.yaml", "--workspace", "ws", "--engine", "inline"],
        ["export", "ws", "--format", "captions", "--set", "least=16", "--out", "captions"],
        ["verify-export", "captions"],
    ]
    done = svgmill_with(how_tos, *commands)
    assert [each.returncode for each in done] == [0, 0, 0], done
    shards = [pq.read_table(path) for path in (how_tos / "ws/shards/parquet").rglob("*.parquet")]
    samples = [sample for shard in shards for sample in shard.to_pylist()]
    assert 0 < len(samples) < 12
    for sample in samples:
        (origin,) = sample["provenance"]
        number = origin["path"].removesuffix(".svg")
        assert (origin["license"], origin["author"]) == ("CC0-1.0", "Ada")
        assert sample["captions"][0] | {"text": f"Shape {number} of many", "origin": "dataset"} == sample["captions"][0]
        assert sample["path_elements"] == sample["svg"].count("<path") >= 1
    manifest = json.loads((how_tos / "ws/versions/1/manifest.json").read_text())
    assert manifest["created_by"]["stages"]["paths"] == "1 in my-package 1.0"
    assert manifest["funnel"]["rejected"] == {"filtered": 12 - len(samples)}
    assert "all sound" in done[-1].stdout
    titles = {line for path in (how_tos / "captions").glob("*.txt") for line in path.read_text().splitlines()}
    assert titles == {sample["caption"] for sample in samples if len(sample["caption"]) >= 16}


def test_how_tos_are_short() -> None:
    """40 lines each at most."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    for section in text.split("\n## How to add ")[1:]:
        lines = section.partition("\n## ")[0].strip().splitlines()
        assert len(lines) <= 40, f"{lines[0]}: {len(lines)} lines"
