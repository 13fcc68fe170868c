"""What is planned: each step's fingerprints hold what the step reads of the config, all of it, and nothing else."""

from typing import Any, Literal, get_args, get_origin

import pytest

from pipeline.asking.prompts import FOLDER
from pipeline.asking.settings import LIMITS
from pipeline.config import MODEL, Config
from pipeline.run.plan import decide
from pipeline.steps import decisions
from pipeline.steps.registry import STEPS
from pipeline.work import ledger
from stages.deduplicate.flags import REASONS
from tests.pipeline.steps.planning import CONFIG, Planner, config_with, done, settings_of

SLICES = {"components", "route", "ended", "settle", "gather"}
DECIDING = {*SLICES, "deduplicate"}
MATCHING = {"bands", "pairs", "compare", "match", *DECIDING}
LEARNING = {"count", "frequent", "runs", "segments"}

READ_BY: dict[str, set[str]] = {
    "name": set(),
    "workspace": set(),
    "storage": set(),
    "error_budget": set(),
    "vocabulary": set(),
    "partition.seconds": set(),
    "resources": set(),
    "partition.records": {"crawl"},
    "sources.0": {"crawl"},
    "sources.0.path": set(),
    "sources.0.on_missing": set(),
    "crawl": {"crawl"},
    "licenses": {"crawl"},
    "opt_outs": {"crawl"},
    "sandbox": {"samples", "write", "look"},
    "sanitize": {"samples"},
    "normalize": {"samples"},
    "render": {"samples"},
    "render.size": {"write"},
    "render.format": {"write"},
    "render.png_compression": {"write"},
    "render.webp_compression": {"write"},
    "canvas": {"samples", "count", "segments"},
    "canvas.fit": {"samples"},
    "tokenize.elements": {"samples", "count", "segments"},
    "tokenize.segments": LEARNING,
    "tokenize.segments.count": {"segments"},
    "tokenize.ids": {"count", "segments"},
    "deduplicate": MATCHING,
    "deduplicate.grid": {"samples", *DECIDING},
    "deduplicate.min_shingles": {"samples", *DECIDING},
    "deduplicate.flags": {"samples", *DECIDING},
    **{f"deduplicate.flags.{flag}.{name}": DECIDING for flag in REASONS for name in ("policy", "most")},
    "ask": {"answers"},
    **{f"ask.{limit}": set() for limit in LIMITS},
    "ask.picture": {"look"},
    "ask.styles": {"answers", "caption"},
    "ask.prompts": {"answers", "caption"},
    "caption": {"describe", "lend"},
    **{f"caption.{name}": {"caption"} for name in ("prefer", "languages", "checks", "scorer", "least_score")},
    "caption.checks.alike": {"repeats", "caption"},
    "caption.duplicates": {"lend", "borrow"},
    "tier": {"tier"},
    "tier.count": {"measure", "edges", "tier"},
    **{f"tier.{name}": {"edges"} for name in ("quantiles", "least", "most")},
    "tier.edges": set(),
    "write": {"deal", "collect", "write"},
    "write.formats": {"write", "index"},
    "write.group_bytes": {"deal", "collect"},
    "write.repack": {"deal", "lend"},
    # the number of shards, which their names have
    "write.shard_rows": {"deal", "collect", "write", "index"},
    "write.shard_bytes": {"deal", "collect", "write", "index"},
}
"""Setting, or section -> the steps that read it. The longest key that fits holds."""

DERIVED = {
    "normalize.canvas",
    "normalize.tolerance",
    "normalize.fit",
    "tokenize.canvas",
    "tokenize.tolerance",
    "render.fit",
}
"""These come from ``canvas``."""

IDENTITY = {"config_version", "sources.0.name", "sources.0.kind", "ask.local"}
"""Another of these is another config, another source, or another who is asked."""

FIXED = {"tier.tiers"}
"""Edges that the config has, where it has no quantiles."""

INSTALLED = {"render.renderer"}
"""Planning needs what this names."""

OTHER: dict[str, Any] = {
    "resources": {"samples": {"memory": 1}},
    "caption.kinds": {"one": "flags"},
    "caption.prefer.origins": ["geometry"],
    "caption.prefer.styles": ["tag"],
    "caption.checks.longest": {"tag": 1, "short": 1, "detailed": 1, "": 1},
    "caption.scorer": "math:dist",
    "storage.endpoint_url": "http://localhost:9000",
    "sources.0.column": "drawing",
    "sources.0.license": "ISC",
    "licenses.allow": ["CC-*"],
    "licenses.unknown": "drop",
    "licenses.deny": ["GPL-*"],
    "tokenize.ids.base_tokenizer": "other",
    "tokenize.segments.sample": 5,
    "normalize.dark_background": "#111",
    "normalize.background": "#fff",
    "tier.quantiles": [{"name": "all", "share": 1}],
    "tier.most": 9,
    "tier.count": "input_ids",
    "tier.splits": {"train": 0.5, "test": 0.5},
    "write.formats": ["parquet"],
    "write.shard_rows": 10,
    "write.shard_bytes": 65536,
    "write.group_bytes": 65536,
    "tokenize.elements": "paper",
    "ask.endpoint.base_url": "http://localhost:9000/v1",
    "ask.endpoint.key_env": "KEY",
    "ask.requests_per_minute": 5,
    "ask.tokens_per_minute": 5,
    **{f"ask.budget.{name}": 5 for name in ("requests", "input_tokens", "output_tokens", "money")},
    "ask.styles": ["short"],
    "ask.prompts": {"tag": str(FOLDER / "short.txt")},
    "ask.extra": {"top_p": 0.5},
    "ask.picture.ground": "#eeeeee",
    "ask.picture.other_ground": "#eeeeee",
}


def read_by(key: str) -> set[str]:
    return READ_BY[max((name for name in READ_BY if f"{key}.".startswith(f"{name}.")), key=len)]


def field_of(key: str) -> Any:
    """What a setting's model says of it."""
    model: Any = config_with()
    *parts, last = key.split(".")
    for part in parts:
        model = model[int(part)] if part.isdigit() else getattr(model, part)
    return type(model).model_fields[last]


def other_than(key: str, value: Any) -> list[Any]:
    """Values to try in the place of ``value``."""
    if key in OTHER:
        return [OTHER[key]]
    annotation = field_of(key).annotation
    if get_origin(annotation) is Literal:
        return [each for each in get_args(annotation) if each != value]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1, value - 1, value / 2, (value + 1) / 2]
    if isinstance(value, tuple):
        return [[*value, "other"]]
    return ["other", "<other>"]


def changed(key: str, value: Any) -> Config:
    """The config with another value of a setting, one that it allows."""
    for other in other_than(key, value):
        try:
            return config_with(key, other)
        except ValueError:
            continue
    raise AssertionError(f"no other value of {key} is allowed")


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few samples as there are, are decided on in slices."""
    monkeypatch.setattr(decisions, "TOGETHER", 40)


SETTINGS = {
    key: value
    for key, value in settings_of(config_with())
    if key not in DERIVED | IDENTITY | INSTALLED | FIXED and not key.startswith("sources.1.") and key != "decontaminate"
}
SECTIONS = sorted({key.partition(".")[0] for key in SETTINGS})


@pytest.mark.parametrize("section", SECTIONS)
def test_a_setting_changes_the_steps_that_read_it_and_no_others(section: str) -> None:
    """Each setting of the config, one at a time, with all that earlier steps made left as it was."""
    before = Planner(config_with()).fingerprints
    wrong = {}
    for key, value in SETTINGS.items():
        if key.partition(".")[0] == section:
            after = Planner(changed(key, value)).fingerprints
            differing = {step for step in before if after[step] != before[step]}
            if differing != read_by(key):
                wrong[key] = sorted(differing)
    assert wrong == {}


def test_every_step_is_planned_and_every_section_has_its_readers() -> None:
    """So that a step or a section that is added is looked at here; others run where something vanished, is fetched or asked."""
    assert {*Planner(config_with()).tasks, "keep", "fetch", "ask"} == {step.name for step in STEPS}
    assert {key.partition(".")[0] for key in READ_BY} == set(SECTIONS)
    assert set(SECTIONS) == set(MODEL.model_fields) - {"config_version", "decontaminate", "score"}


@pytest.mark.parametrize(("shape", "column_counts"), [("files", False), ("archive", True), ("table", True)])
def test_of_a_source_a_chunk_depends_on_what_its_shape_is_read_by(shape: str, column_counts: bool) -> None:
    """The names of columns say nothing of files; an archive may hold a table."""

    def chunks(config: Config) -> list[str]:
        tasks = [task for task in Planner(config).tasks["crawl"] if task.source == "one"]
        return [task.basis.fingerprint for task in tasks if task.payload.chunk.shape == shape]

    before = chunks(config_with())
    assert (chunks(config_with("sources.0.column", "drawing")) != before) is column_counts
    assert chunks(config_with("sources.0.license", "CC0-1.0")) != before
    assert chunks(config_with("sources.1.license", "CC0-1.0")) == before


def test_another_order_of_sources_changes_what_is_done_on_the_whole_corpus() -> None:
    """What is made of each partition stays, unless another of two equal records is run."""
    one, two = config_with().model_dump(mode="json", include={"sources"})["sources"]
    before, after = Planner(config_with()).fingerprints, Planner(config_with("sources", [two, one])).fingerprints
    differing = {step for step in before if sorted(after[step]) != sorted(before[step])}
    assert differing == {"copies", *MATCHING, "frequent", "segments", "edges"}


def test_the_same_config_gives_equal_tasks() -> None:
    """Equal in all they hold, not in their fingerprints only."""
    assert Planner(config_with()).tasks == Planner(config_with()).tasks


def test_no_order_of_dicts_reaches_tasks() -> None:
    """Their order, keys, and fingerprints, whatever the order of records' outputs, and of what is known by name."""
    one, other = Planner(config_with(), following=True), Planner(config_with(), following=True, reverse=True)
    assert one.fingerprints == other.fingerprints


def test_keys_are_unique() -> None:
    """No two tasks of a step write to one place."""
    for step, tasks in Planner(config_with()).tasks.items():
        places = [(task.source, task.key) for task in tasks]
        assert len(set(places)) == len(places), step


def test_what_an_early_step_makes_anew_later_steps_take_in() -> None:
    """Where outputs follow fingerprints, a change goes through to the shards; a caption's goes past the pictures."""

    def differing(key: str, value: Any) -> set[str]:
        before = Planner(config_with(), following=True).fingerprints
        after = Planner(config_with(key, value), following=True).fingerprints
        return {step for step in before if after[step] != before[step]}

    every = {step.name for step in STEPS} - {"keep", "fetch", "ask"}
    tiers = {"lengths", "measure", "edges", "tier"}
    shards = {"deal", "collect", "write", "index"}
    assert differing("crawl.max_bytes", 7) == every
    assert differing("render.compare_size", 64) == every - {"crawl", "copies"}
    assert differing("render.size", 64) == {"write", "index"}
    assert differing("caption.max_colours", 1) == {
        *("describe", "lend", "borrow", "answers", "hear", "repeats", "caption"),
        *LEARNING,
        *tiers,
        *shards,
    }
    assert differing("caption.languages", ["de"]) == {"caption", *LEARNING, *tiers, *shards}
    assert differing("tokenize.segments.count", 7) == {"segments", *tiers, *shards}
    assert differing("tier.seed", 7) == {"tier", *shards}
    assert differing("write.shard_rows", 1) == shards


def test_what_is_done_is_reused_and_what_is_not_says_why() -> None:
    """Fingerprints decide; the state of what was published before is asked for by the task that has one."""
    planner, other = Planner(config_with()), Planner(config_with("render.compare_size", 64))
    (task, *_), (changed_task, *_) = planner.tasks["samples"], other.tasks["samples"]
    record = done(task)
    assert (decide(task, None).run, decide(task, None).why) == (True, "new")
    assert (decide(task, record).run, decide(task, record).record) == (False, record)
    decision = decide(changed_task, record)
    assert (decision.run, decision.why) == (True, "changed: render.compare_size from 256 to 64")
    (deciding,) = planner.tasks["deduplicate"]
    assert decide(deciding, done(deciding)).why == "changed: what earlier versions published"
    assert not decide(deciding, done(deciding, states=[deciding.state])).run


def test_a_change_of_input_or_code_is_named() -> None:
    """The first three changes by name, and how many more."""
    task = Planner(config_with()).tasks["samples"][0]
    basis = task.basis
    newer = ledger.Basis({**basis.versions, "render": 999}, basis.settings, (("other", "digest"),))
    why = ledger.explain_change(done(task), newer)
    assert why.startswith("changed: version of render from ") and why.endswith(" to 999, input")


def test_tiers_by_atomic_tokens_take_one_step_and_follow_no_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other edges change that step alone, and another vocabulary does not."""
    monkeypatch.setitem(CONFIG, "tier", {})
    before = Planner(config_with()).fingerprints
    assert not {"lengths", "measure", "edges"} & before.keys()
    edges = Planner(config_with("tier.tiers", [{"name": "all", "from": 1, "to": 99}])).fingerprints
    assert {step for step in before if edges[step] != before[step]} == {"tier"}
    before = Planner(config_with(), following=True).fingerprints
    learned = Planner(config_with("tokenize.segments.count", 7), following=True).fingerprints
    assert {step for step in before if learned[step] != before[step]} == {"segments", "write", "index"}
