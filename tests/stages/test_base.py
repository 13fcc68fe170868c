"""What every stage is given by its base: the loop, the drop, the recorded defect; and what a stage may add to samples."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from pydantic import Field

from stages.base import Batch, Columns, Dropped, RowStage, Settings, SideStage
from stages.deduplicate import DeduplicateSettings, SignatureSettings
from stages.entry_points import PackageUnusable
from stages.reasons import Reason
from stages.rowwise import OWN, PASS, SAMPLES, samples_schema, settings_of
from stages.schema import DROPPED, SAMPLES_ORDER
from stages.sides import BESIDE, SHARD
from stages.tokenize import AtomicSettings, TokenizeSettings


class Limits(Settings):
    least: int = Field(0, description="smallest number")


class Unready(Exception):
    pass


def double(number: int, settings: Limits) -> Columns:
    if number < settings.least:
        raise Dropped(Reason.FILTERED, f"{number} < {settings.least}")
    if number == 13:
        raise KeyError("thirteen")
    if number == 14:
        raise MemoryError
    if number == 15:
        raise Unready("away")
    return {"twice": 2 * number, "number": -number}


def doubled(rows: pa.Table, settings: Limits) -> Batch:
    added: list[Columns] = []
    dropped: dict[int, Dropped] = {}
    for index, number in enumerate(rows["number"].to_pylist()):
        try:
            added.append(double(number, settings))
        except Dropped as lost:
            dropped[index] = lost
    return Batch(pa.Table.from_pylist(added, schema=ADDS), dropped)


ADDS = pa.schema([("number", pa.int64()), ("twice", pa.int32())])
SHARED: dict[str, Any] = {
    "name": "double", "version": 1, "settings": Limits, "reads": ("number",), "adds": ADDS, "says": "doubles",
    "removes": ("waste",), "raises": (Unready,),
}  # fmt: skip
STAGES = [RowStage(one=double, **SHARED), RowStage(many=doubled, **SHARED)]


def table(*numbers: int) -> pa.Table:
    rows = [
        {"raw_id": f"r{number}", "source": "s", "path": f"p{number}", "number": number, "waste": 0}
        for number in numbers
    ]
    keys = [(name, pa.string()) for name in ("raw_id", "source", "path")]
    return pa.Table.from_pylist(rows, schema=pa.schema([*keys, ("number", pa.int64()), ("waste", pa.int8())]))


@pytest.mark.parametrize("stage", STAGES, ids=["one", "many"])
def test_every_row_is_kept_or_dropped_with_its_reason(stage: RowStage[Limits]) -> None:
    """A rule's drop and a defect cost their own row, whichever way the stage is written; the others keep their order."""
    result = stage.run(table(3, 1, 13, 5), Limits(least=2))
    assert result.kept.to_pylist() == [
        {"raw_id": f"r{n}", "source": "s", "path": f"p{n}", "number": -n, "twice": 2 * n} for n in (3, 5)
    ]
    assert result.dropped.schema == DROPPED
    assert [(row["path"], row["stage"], row["reason"], row["detail"]) for row in result.dropped.to_pylist()] == [
        ("p1", "double", "filtered", "1 < 2"),
        ("p13", "double", "stage_error", "KeyError: 'thirteen'"),
    ]
    assert stage.run(table(), Limits()).kept.num_rows == 0


@pytest.mark.parametrize("stage", STAGES, ids=["one", "many"])
@pytest.mark.parametrize(("number", "error"), [(14, MemoryError), (15, Unready)])
def test_what_no_record_is_to_blame_for_is_raised(stage: RowStage[Limits], number: int, error: type) -> None:
    """A lack of memory is the sandbox's affair, and what the stage declares is the run's."""
    with pytest.raises(error):
        stage.run(table(3, number), Limits())


def test_a_stage_that_loses_a_row_is_found_out() -> None:
    """A stage of many rows has to account for each of them."""
    stage = RowStage(many=lambda rows, settings: Batch(ADDS.empty_table()), **SHARED)
    with pytest.raises(ValueError, match="stage double: 0 rows added to 2 that go on"):
        stage.run(table(3, 5), Limits())


def test_a_stage_has_one_function() -> None:
    """Neither none nor two."""
    for functions in ({}, {"one": double, "many": doubled}):
        with pytest.raises(TypeError, match="stage double"):
            RowStage(**functions, **SHARED)


def test_a_side_table_holds_what_it_was_made_for() -> None:
    """A row for each sample, in their order."""
    schema = pa.schema([("sample_id", pa.string())])
    side = SideStage(
        name="side", version=1, settings=Limits, reads=("sample_id",), schema=schema, says="turns round",
        make=lambda rows, settings: rows.take(list(reversed(range(len(rows))))),
    )  # fmt: skip
    assert side.run(pa.table({"sample_id": ["a"], "other": [1]}), Limits()).to_pylist() == [{"sample_id": "a"}]
    with pytest.raises(ValueError, match="stage side"):
        side.run(pa.table({"sample_id": ["a", "b"]}), Limits())


def test_a_part_of_settings_holds_what_it_declares_and_nothing_else() -> None:
    """So a stage that is handed a part cannot read what is in no fingerprint."""
    full = TokenizeSettings(canvas=99, elements="paper")
    assert full.part(AtomicSettings) == AtomicSettings(canvas=99, elements="paper")
    rules = DeduplicateSettings.model_validate_json('{"grid": 9, "flags": {"map": {"policy": "drop", "longest": 70}}}')
    part = rules.part(SignatureSettings)
    assert part.model_dump(include={"grid": True, "min_shingles": True, "flags": {"map": {"longest"}}}) == {
        "grid": 9, "min_shingles": 6, "flags": {"map": {"longest": 70}},
    }  # fmt: skip
    assert type(part) is SignatureSettings and not hasattr(part.flags.map, "policy")
    with pytest.raises(TypeError, match="AtomicSettings is no part of DeduplicateSettings"):
        rules.part(AtomicSettings)


def test_settings_of_the_pass_are_those_of_its_stages() -> None:
    """Each stage's part of its section, under the section's name."""

    class Sections:
        sanitize, normalize, render = (stage.settings() for stage in (PASS[0], PASS[1], PASS[3]))
        tokenize, deduplicate = TokenizeSettings(canvas=99), DeduplicateSettings(grid=9)

    own = settings_of(Sections).model_dump()
    assert list(own) == ["sanitize", "normalize", "tokenize", "render", "deduplicate"]
    assert own["tokenize"] == {"canvas": 99, "tolerance": 10, "elements": "released"}
    assert set(own["deduplicate"]) == {"grid", "min_shingles", "flags"}


def test_samples_have_known_columns_in_their_place_and_others_behind() -> None:
    """What is read together stands together on disk, so the order is no accident of the stages'."""
    assert SAMPLES.names[: len(SAMPLES_ORDER)] == list(SAMPLES_ORDER)
    more = RowStage(
        name="zeal", version=1, settings=Limits, reads=("svg",), one=double, says="adds two",
        adds=pa.schema([("zeal", pa.int8()), ("ardour", pa.int8())]),
    )  # fmt: skip
    assert samples_schema([*OWN, more]).names == [*SAMPLES_ORDER, "ardour", "zeal"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"reads": ("bytes",)}, "stage zeal reads the column bytes; there are"),
        ({"removes": ("svg",)}, "stage zeal changes the column svg"),
        ({"adds": pa.schema([("ssim", pa.float32())])}, "stage zeal changes the column ssim"),
    ],
)
def test_a_stage_of_another_package_may_add_but_not_change(change: dict[str, Any], text: str) -> None:
    """A sample's id is the digest of what the stages before have made."""
    whole: dict[str, Any] = {
        "name": "zeal", "version": 1, "settings": Limits, "reads": ("svg",), "one": double, "says": "adds",
        "adds": pa.schema([("zeal", pa.int8())]),
    }  # fmt: skip
    with pytest.raises(PackageUnusable, match=text):
        samples_schema([*OWN, RowStage(**whole | change)])


def test_what_stages_bring_to_shards_is_in_the_shards() -> None:
    """Each column with its meaning, which is a whole sentence."""
    brought = {name: sentence for stage in (*PASS, *BESIDE) for name, sentence in stage.shards.items()}
    assert brought and set(brought) <= set(SHARD.names)
    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in brought.values())
