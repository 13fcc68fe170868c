"""Who stays: levels, ranks, clusters, and that no order of rows decides anything."""

import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.deduplicate import FEATURES, DeduplicateSettings, Earlier, Taken, bands, deduplicate, match, pairs
from stages.schema import DECISIONS
from tests.stages.deduplicate.records import SCHEMA, SETTINGS, points, record, tokens


def decide(
    rows: list[dict[str, Any]], order: tuple[str, ...] = ("a", "b"), own: DeduplicateSettings = SETTINGS, **more: Any
) -> dict[str, dict[str, Any]]:
    """Everything from features to decisions, over one block; source/path -> its row."""
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    found = pairs([(0, bands(table, own))], {name: n for n, name in enumerate(order)}, own)
    edges = match(found, table.select(FEATURES), own) if len(found) else found
    decided = deduplicate(table, [edges] if len(found) else [], own, order, **more)
    assert decided.schema == DECISIONS
    assert decided["path"].to_pylist() == [row["path"] for row in rows]
    return {f"{row['source']}/{row['path']}": row for row in decided.to_pylist()}


def test_levels_and_survivor() -> None:
    """Equal bytes, equal form, another colour and near forms each have their reason; the earlier source survives."""
    base = points(1, 60)
    near = tokens(base[:-2] + points(9, 2))
    rows = [
        record("b", "same_bytes", tokens(base), "raw"),
        record("b", "same_form", tokens(base)),
        record("b", "red", tokens(base, "#f00")),
        record("b", "near", near),
        record("a", "first", tokens(base), "raw"),
        record("b", "other", tokens(points(2, 60))),
    ]
    found = decide(rows)
    assert {key: row["reason"] for key, row in found.items()} == {
        "a/first": "",
        "b/same_bytes": "duplicate_raw",
        "b/same_form": "duplicate_canonical",
        "b/red": "duplicate_geometry",
        "b/near": "near_duplicate",
        "b/other": "",
    }
    assert [p["path"] for p in found["a/first"]["provenance"]] == ["first", "near", "red", "same_bytes", "same_form"]
    assert found["b/near"]["cluster_id"] == found["a/first"]["sample_id"]
    assert SETTINGS.threshold <= found["b/near"]["score"] < 1
    assert decide(rows, ("b", "a"))["a/first"]["kept"] is False


def test_richer_licence_and_fidelity_survive() -> None:
    """Within a source, of one sample the record with a licence and an address stays, of two near ones the truer one."""
    base = points(1, 60)
    near = tokens(base[:-1] + points(9, 1))
    rows = [
        record("a", "0-none", tokens(base), license="NOASSERTION"),
        record("a", "1-licensed", tokens(base)),
        record("a", "2-both", tokens(base), url="https://example.org/x.svg"),
        record("a", "3-near", near, url="https://example.org/y.svg", ssim=0.9),
    ]
    found = decide(rows)
    assert [key for key, row in found.items() if row["kept"]] == ["a/2-both"]
    rows[2]["ssim"], rows[3]["ssim"] = 0.9, 1.0
    assert [key for key, row in decide(rows).items() if row["kept"]] == ["a/3-near"]


def test_recoloured_drawings_are_dropped_kept_as_variants_or_left_alone() -> None:
    """As variants they share a cluster, and take what is near to them."""
    base = points(1, 60)
    rows = [
        record("a", "black", tokens(base, "black")),
        record("a", "red", tokens(base, "red")),
        record("b", "red", tokens(base[:-1] + points(9, 1), "red")),
    ]
    found = decide(rows, own=SETTINGS.model_copy(update={"recoloured": "keep"}))
    assert [row["kept"] for row in found.values()] == [True, True, False]
    assert len({row["cluster_id"] for row in found.values()}) == 1
    assert [[p["source"] for p in row["provenance"]] for row in found.values()] in (
        [["a"], ["a", "b"], []],
        [["a", "b"], ["a"], []],
    )
    off = decide(rows[:2], own=SETTINGS.model_copy(update={"recoloured": "off"}))
    assert len({row["cluster_id"] for row in off.values() if row["kept"]}) == 2


def test_drawings_of_several_colours_are_their_colours() -> None:
    """Flags that differ by colour only stay, and so does one colour beside what says none and is black."""

    def flag(*colours: str) -> str:
        bands = "".join(
            f"<path>{'fill=' + colour if colour else ''}<cmd_M><P_0><P_{n * 200}><cmd_h><d_784><cmd_v><d_200><cmd_h>"
            "<d_-784><cmd_z></path>"
            for n, colour in enumerate(colours)
        )
        return f"<svg>viewBox=0 0 784 784{bands}</svg>"

    rows = [record("a", "-".join(c), flag(*c)) for c in (("red", "blue"), ("red", "green"), ("red", ""), ("green", ""))]
    assert all(row["kept"] for row in decide(rows).values())
    rows = [record("a", name, flag(colour, colour)) for name, colour in (("1", "red"), ("2", "blue"), ("3", ""))]
    assert sum(row["kept"] for row in decide(rows).values()) == 1


def test_each_that_goes_resembles_one_that_stays_and_no_two_that_stay_do() -> None:
    """There are no chains: of drawings that slide away from each other, survivors are apart and the others near one."""
    base = points(5, 150)
    rows = [record("a", f"{n:02}", tokens(base[n * 4 : n * 4 + 70])) for n in range(20)]
    found = decide(rows)
    sets = {f"a/{row['path']}": set(row["shingles"]) for row in rows}
    by_id = {row["sample_id"]: f"a/{row['path']}" for row in rows}

    def alike(one: str, other: str) -> bool:
        return len(sets[one] & sets[other]) >= SETTINGS.threshold * len(sets[one] | sets[other])

    kept = [key for key, row in found.items() if row["kept"]]
    assert 1 < len(kept) < 20
    assert not [1 for i, one in enumerate(kept) for other in kept[:i] if alike(one, other)]
    assert all(alike(key, by_id[row["cluster_id"]]) for key, row in found.items())


@settings(max_examples=25)
@given(st.permutations(range(12)))
def test_order_of_rows_decides_nothing(order: list[int]) -> None:
    """Any order of the input rows gives the same decisions."""
    rows = [record("ab"[n % 2], f"{n}", tokens(points(n % 4, 70 - n // 4))) for n in range(12)]
    assert decide([rows[i] for i in order]) == decide(rows)


def test_every_cluster_has_one_survivor_and_all_its_records() -> None:
    """Provenance over all survivors is the input, each record once."""
    rows = [record("a", f"{n}", tokens(points(n % 5, 50)), f"raw{n % 7}") for n in range(30)]
    found = decide(rows).values()
    kept = [row for row in found if row["kept"]]
    assert len(kept) == len({row["cluster_id"] for row in found}) == 5
    assert sorted(p["path"] for row in kept for p in row["provenance"]) == sorted(r["path"] for r in rows)


def test_later_sources_change_nothing_before_them() -> None:
    """What is decided of a source's records, but for their provenance, does not depend on sources after it."""
    chance = random.Random(4)
    rows = [record("ab"[n % 2], f"{n}", tokens(points(n % 9, 60)[: 60 - chance.randrange(8)])) for n in range(60)]
    alone = decide([row for row in rows if row["source"] == "a"], ("a",))
    both = decide(rows)
    for key, row in alone.items():
        assert {**row, "provenance": None, "shown": None} == {**both[key], "provenance": None, "shown": None}


def test_earlier_samples_and_what_was_taken_down_go_first() -> None:
    """A sample that a version kept stays before better ranked ones; what was taken down takes what resembles it."""
    base = points(1, 60)
    near = tokens(base[:-1] + points(9, 1))
    rows = [record("a", "new", tokens(base)), record("b", "old", near)]
    assert decide(rows)["b/old"]["reason"] == "near_duplicate"
    old = rows[1]["sample_id"]
    was = Earlier(since=np.array([0, 1]), joined=np.array([0, 1]))
    assert decide(rows, earlier=was)["a/new"]["reason"] == "near_duplicate"
    for taken in (
        Taken(samples=frozenset({old})),
        Taken(raw_ids=frozenset({"b/old"})),
        Taken(paths=(("b", "o"),)),
    ):
        found = decide(rows, taken=taken)
        assert [row["reason"] for row in found.values()] == ["taken_down", "taken_down"]
    assert not any(row["kept"] for row in decide(rows, taken=Taken(licenses=frozenset({"MIT"}))).values())


@pytest.mark.parametrize("count", [0, 1])
def test_hardly_anything(count: int) -> None:
    """No records, and one."""
    assert len(decide([record("a", "x", tokens(points(1)))][:count])) == count


def flagged(policy: str, most: int = 1) -> DeduplicateSettings:
    """With a policy for the flag ``chart``."""
    rule = SETTINGS.flags.chart.model_copy(update={"policy": policy, "most": most})
    return SETTINGS.model_copy(update={"flags": SETTINGS.flags.model_copy(update={"chart": rule})})


def test_flagged_drawings_leave_or_are_capped_by_template() -> None:
    """Policy drop takes all of them, and nothing gives way to them; cap leaves the first few of each template."""
    rows = [record("a", f"{n}", tokens(points(n, 60), f"#00{n % 2}"), flags=["chart"]) for n in range(6)]
    near = tokens(points(0, 60)[:-1] + points(9, 1), "#000")
    rows += [record("b", "near", near), record("b", "copy", tokens(points(1, 60), "#001"), flags=["chart"])]
    kept = decide(rows, own=flagged("keep"))
    assert [row["reason"] for row in kept.values()] == [*[""] * 6, "near_duplicate", "duplicate_canonical"]
    gone = decide(rows, own=flagged("drop"))
    assert [row["reason"] for row in gone.values()] == [*["chart"] * 6, "", "chart"]
    some = decide(rows, own=flagged("cap", 2))
    assert [row["reason"] for row in some.values()].count("over_cap") == 2
    for paint in ("#000", "#001"):
        of_paint = [some[f"a/{n}"] for n in range(6) if f"#00{n % 2}" == paint]
        assert sum(row["kept"] for row in of_paint) == 2
