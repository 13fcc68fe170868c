"""Which samples a stage has is decided of each alone, and comes to what the settings say."""

import hashlib
import json
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stages.curriculum import (
    CHAT_ML,
    Counts,
    Curriculum,
    Maker,
    Record,
    Thresholds,
    beyond_cluster_cap,
    cap_salt,
    source_thresholds,
)
from stages.curriculum.choose import copies, mixed, part, ranks


def sample(number: int, source: str = "one", **more: Any) -> dict[str, Any]:
    captions = [
        {"text": f"a drawing of {number}", "style": "short"},
        {"text": f"<svg> {number}", "style": "short"},
        {"text": f"drawing, {number}", "style": "tag"},
    ]
    return {
        "sample_id": hashlib.sha256(str(number).encode()).hexdigest(),
        "source": source,
        "flags": [],
        "tokens": "<svg><path></path></svg>",
        "segments": "<svg></svg>",
        "captions": captions,
        "tier": "L1",
    } | more


def curriculum(**more: Any) -> Curriculum:
    return Curriculum.model_validate_json(json.dumps(more))


def made(
    settings: Curriculum, rows: list[dict[str, Any]], *, held_out: bool = False, **more: Any
) -> tuple[list[Record], Counts]:
    counts: Counts = Counter()
    thresholds = more.pop("thresholds", Thresholds())
    maker = Maker(settings, settings.stages[0], thresholds, str.split, CHAT_ML, tuple(settings.tasks), held_out)
    return [record for row in rows for record in maker.records(row, counts)], counts


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_hashes_of_a_table_are_those_of_its_rows(number: int, salt: int) -> None:
    """What a whole column says is what each row says by itself."""
    ids = pa.chunked_array([[f"{number:016x}{'0' * 48}"]])
    assert int(ranks(ids, salt)[0]) == mixed(number, salt)


@given(st.floats(0, 50), st.integers(0, 2**64 - 1))
def test_a_number_of_copies_is_whole(number: float, chance: int) -> None:
    """It is the number's floor or the next."""
    assert int(number) <= part(number, chance) <= int(number) + 1


@given(st.lists(st.integers(0, 400), unique=True, max_size=60), st.integers(1, 20), st.data())
def test_a_cap_chooses_that_many_samples(numbers: list[int], cap: int, data: st.DataObject) -> None:
    """Of each source, or all if it has no more; the same ones, however the samples are cut into tables."""
    rows = [sample(number, "odd" if number % 2 else "even") for number in numbers]
    salt = cap_salt(Curriculum())

    def chosen(sizes: list[int]) -> set[str]:
        tables, begin = [], 0
        for size in [*sizes, len(rows)]:
            piece = rows[begin : begin + size]
            begin += size
            tables.append(
                pa.table(
                    {name: pa.array([row[name] for row in piece], pa.string()) for name in ("sample_id", "source")}
                )
            )
        thresholds = Thresholds(source_thresholds(tables, cap, salt))
        return {row["sample_id"] for row in rows if thresholds.lets_in(row["sample_id"], row["source"], salt)}

    one = chosen([])
    assert one == chosen(data.draw(st.lists(st.integers(0, 30), max_size=5)))
    for source in ("odd", "even"):
        own = {row["sample_id"] for row in rows if row["source"] == source}
        assert len(one & own) == min(cap, len(own))


@given(st.lists(st.integers(1, 9), max_size=6), st.integers(1, 4))
def test_a_cluster_keeps_as_many_as_its_cap(sizes: list[int], cap: int) -> None:
    """The rest is left out."""
    clusters = {str(n): [sample(100 * n + i)["sample_id"] for i in range(size)] for n, size in enumerate(sizes)}
    out = beyond_cluster_cap(clusters, cap, 7)
    assert all(len(set(own) - out) == min(cap, len(own)) for own in clusters.values())


def test_weights_and_features_multiply() -> None:
    """A half is every second sample; a token and a flag are features; what is not named comes once."""
    settings = curriculum(
        weights={"one": 0.5, "two": 2.0},
        oversample=[{"feature": "<path>", "times": 2.0}, {"feature": "tiny_ink", "times": 1.5}],
    )
    rows = [sample(number, source) for source in ("one", "two", "three") for number in range(2000)]
    total = Counter[str]()
    for row in rows:
        total[row["source"]] += copies(row, settings, "stage1")
    assert total["two"] == 8000 and total["three"] == 4000 and total["one"] == 2000
    flagged = [sample(number, "three", flags=["tiny_ink"]) for number in range(2000)]
    assert sum(copies(row, settings, "stage1") for row in flagged) == 6000
    plain = [sample(number, "one", tokens="<svg></svg>") for number in range(2000)]
    times = [copies(row, settings, "stage1") for row in plain]
    assert set(times) == {0, 1} and 900 < sum(times) < 1100
    assert times != [copies(row, settings, "stage2") for row in plain]


def test_every_candidate_is_counted() -> None:
    """A record, or why not: no share, no caption, too long; samples without a copy say why, too."""
    settings = curriculum(
        weights={"two": 0.5},
        stages=[{"name": "s", "tiers": ["L1"], "tokens": "atomic", "context": 500}],
        tasks={
            "text_to_svg": {"prompt": "draw {caption}", "share": 0.5},
            "image_to_svg": {"prompt": "<image>"},
            "image_to_caption": {"prompt": "see <image>", "styles": ["tag"], "captions": "all"},
        },
    )
    rows = [sample(number, ("one", "two", "three")[number % 3]) for number in range(300)]
    rows[0]["captions"], rows[3]["tokens"] = [], "word " * 600
    thresholds = Thresholds({"three": 2**62})
    records, counts = made(settings, rows, thresholds=thresholds)
    for task in settings.tasks:
        own = {name: counts[task, name] for name in dict(counts_names())}
        assert own["samples"] == 300 == own["capped"] + own["unweighted"] + own["chosen"]
        assert own["capped"] > 50 and own["unweighted"] > 20
        assert own["candidates"] == own["unshared"] + own["no_caption"] + own["too_long"] + own["records"]
        assert own["records"] == sum(record.task == task for record in records)
        assert own["tokens"] == sum(record.tokens for record in records if record.task == task)
    assert counts["text_to_svg", "unshared"] > 30 and counts["image_to_caption", "no_caption"] == 1
    assert counts["image_to_svg", "too_long"] == 1
    assert all(record.tokens <= 500 for record in records)
    again, _ = made(settings, rows[::-1], thresholds=thresholds)
    assert sorted(again, key=lambda r: (r.order, r.task)) == sorted(records, key=lambda r: (r.order, r.task))


def counts_names() -> list[tuple[str, int]]:
    names = (
        "samples",
        "capped",
        "unweighted",
        "chosen",
        "candidates",
        "unshared",
        "no_caption",
        "too_long",
        "records",
        "tokens",
    )
    return [(name, 0) for name in names]


def test_what_is_too_long_may_stay() -> None:
    """It is counted as cut then."""
    stages = [{"name": "s", "tiers": ["L1"], "tokens": "atomic", "context": 400}]
    records, counts = made(curriculum(stages=stages, too_long="keep"), [sample(1, tokens="word " * 600)])
    assert len(records) == 3 and counts["text_to_svg", "cut"] == 1 and counts["image_to_caption", "cut"] == 0


def test_captions_are_of_the_wanted_styles() -> None:
    """The best of them, another one in each copy, or all; none that a tokenizer could take for a token."""
    task = {"prompt": "{caption}", "styles": ["tag", "short"]}
    rows = [sample(number) for number in range(50)]

    def captions(**more: Any) -> list[str]:
        records, _ = made(curriculum(tasks={"text_to_svg": task | more}, weights={"one": 2}), rows)
        assert [record.prompt for record in records] == [record.caption for record in records]
        return [record.caption for record in records]

    assert captions() == [f"a drawing of {n}" for n in range(50) for _ in range(2)]
    assert captions(captions="all") == [
        t for n in range(50) for _ in range(2) for t in (f"a drawing of {n}", f"drawing, {n}")
    ]
    mixture = captions(captions="any")
    assert len(mixture) == 100 and 30 < sum(text.startswith("a ") for text in mixture) < 70
    assert captions(styles=["tag"]) == [f"drawing, {n}" for n in range(50) for _ in range(2)]
    assert captions(styles=["detailed"]) == []


def test_what_is_held_out_comes_once() -> None:
    """Whatever caps and weights say."""
    settings = curriculum(weights={"one": 3}, tasks={"image_to_svg": {"prompt": "<image>"}})
    rows = [sample(number) for number in range(20)]
    assert len(made(settings, rows, held_out=True, thresholds=Thresholds({"one": 0}))[0]) == 20
    assert len(made(settings, rows)[0]) == 60


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"stages": [{"name": "s", "tiers": ["L1"], "tokens": "atomic", "context": 99}] * 2}, "the same name"),
        ({"evaluate": ["train"]}, "named twice"),
        ({"tasks": {"image_to_svg": {"prompt": "draw"}}}, "must have <image> once"),
        ({"tasks": {"text_to_svg": {"prompt": "{caption} <image>"}}}, "must have <image> nowhere"),
        ({"tasks": {"text_to_svg": {"prompt": "draw"}}}, "must have {caption} once"),
        ({"tasks": {"text_to_svg": {"prompt": "<svg> {caption}"}}}, "takes for a token"),
        ({"weights": {"one": -1}}, "must be 0 to 100"),
        ({"tasks": {"other": {"prompt": "x"}}}, "text_to_svg"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        curriculum(**settings)
