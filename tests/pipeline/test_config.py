import json
from pathlib import Path

import pytest

from pipeline.cli.one_file import detokenize_text, tokenize_file
from pipeline.config import Config, load
from pipeline.errors import ConfigError
from pipeline.storage.uri import Access
from tests.helpers import ROOT, write_config


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path / "c.yaml", tmp_path)


@pytest.mark.parametrize(
    "name", ["quickstart.yaml", "hivg-784.yaml", "icons.yaml", "line-icons.yaml", "hivg-corpus.yaml"]
)
def test_shipped_configs_are_valid_and_commented(name: str) -> None:
    """The configs that come with svgmill load, and say what their settings mean."""
    path = ROOT / "configs" / name
    assert load(path).config.name == name.removesuffix(".yaml")
    assert path.read_text().count("#") >= 8


@pytest.mark.parametrize("canvas", [224, 1024])
def test_other_canvases_make_tokens(canvas: int, tmp_path: Path) -> None:
    """The profiles of the other canvases load, and a drawing becomes tokens of theirs and back."""
    config = ROOT / f"configs/hivg-{canvas}.yaml"
    (tmp_path / "a.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h8v8z"/></svg>'
    )
    tokens = tokenize_file(tmp_path / "a.svg", config)
    assert f"viewBox=0 0 {canvas} {canvas}" in tokens and f"<d_{canvas}>" in tokens
    assert f'd="M0 0h{canvas}v{canvas}z"' in detokenize_text(tokens, config)


def test_paper_config_has_the_papers_values() -> None:
    """hivg-784 holds the numbers that HiVG publishes."""
    config = load(ROOT / "configs/hivg-784.yaml").config
    assert (config.normalize.canvas, config.normalize.tolerance) == (784, 10)
    assert config.canvas.model_fields_set == set(type(config.canvas).model_fields)
    assert (config.tokenize.segments.count, config.tokenize.segments.min_frequency) == (500, 100)
    assert [(t.name, t.start, t.end) for t in config.tier.tiers] == [
        ("L1", 30, 326),
        ("L2", 326, 605),
        ("L3", 605, 1000),
    ]


def test_how_a_store_is_reached_is_no_part_of_a_dataset(config: Path) -> None:
    """The endpoint is checked, and in no manifest."""
    loaded = load(config, ("storage.endpoint_url=http://host:9000", "storage.attempts=9"))
    assert loaded.config.storage.access() == Access("http://host:9000", 9)
    assert "storage" not in loaded.config.resolved()
    with pytest.raises(ConfigError, match=r'storage.endpoint_url="host:9000": must be like http://host:9000'):
        load(config, ("storage.endpoint_url=host:9000",))


def test_set_replaces_values_and_lists(config: Path) -> None:
    """Dotted keys reach into mappings and lists; values are JSON, else text; sources are then relative to here."""
    source = '[{"name": "b", "kind": "folder", "path": "x", "license": "MIT"}]'
    loaded = load(config, ("render.size=99", f"sources={source}", "sources.0.license=Apache-2.0", "name=other"))
    assert (loaded.config.render.size, loaded.config.name) == (99, "other")
    assert loaded.config.sources[0].license == "Apache-2.0"
    assert loaded.base == Path.cwd()
    assert load(config).base == config.parent


def test_resolved_config_is_a_config(config: Path) -> None:
    """What the manifest holds can be loaded again and is the same config, without the workspace."""
    resolved = load(config).config.resolved()
    assert "workspace" not in resolved
    assert Config.model_validate_json(json.dumps(resolved)).resolved() == resolved


FAULTS = {
    "render.siez=5": ["render.siez=5", "did you mean size", "compare_size"],
    "render.size=5": ["render.size=5", "greater than or equal to 16"],
    'render.size="5"': ['render.size="5"', "integer"],
    "render.renderer=skia": ['render.renderer="skia"', "'librsvg' or 'cairosvg'"],
    "sources=[]": ["sources=[]", "at least 1 item"],
    "sources.0.kind=cvs": ["sources.0.kind", "'folder'"],
    "sources.0.colour=red": ["sources.0.colour", "license"],
    "sources.7.name=x": ["list of 1"],
    "name.x=1": ["no keys below"],
    "tokenize.canvas=224": ["tokenize.canvas=224: give it once, as canvas.size"],
    "render.fit=stretch": ["render.fit=stretch: give it once, as canvas.fit"],
    "canvas.size=5": ["canvas.size=5", "greater than or equal to 16"],
    "tier.splits={}": ["tier.splits"],
    "=5": ["key=value"],
}


@pytest.mark.parametrize("override", FAULTS)
def test_faults_name_key_value_and_what_is_allowed(config: Path, override: str) -> None:
    """A wrong setting is told in one line with the key, its value, and what would be right."""
    with pytest.raises(ConfigError) as error:
        load(config, (override,))
    text = str(error.value)
    assert "\n" not in text
    for part in FAULTS[override]:
        assert part in text


def test_two_sources_of_one_name_are_refused(config: Path) -> None:
    """Table paths and provenance need each source's own name."""
    source = {"name": "b", "kind": "folder", "path": "x"}
    with pytest.raises(ConfigError, match="'b' occurs twice"):
        load(config, (f"sources={json.dumps([source, source])}",))
