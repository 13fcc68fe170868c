import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stages.tier import TierSettings, tier

SETTINGS = TierSettings()


def run(lengths: list[int], clusters: list[str] | None = None, settings: TierSettings = SETTINGS) -> list[dict]:
    ids = [str(n) for n in range(len(lengths))]
    return tier(
        pa.table({"sample_id": ids, "atomic_length": lengths, "keys": [[key] for key in clusters or ids]}), settings
    ).to_pylist()


def test_edges_as_the_paper_has_them() -> None:
    """A tier begins at its lower edge and ends before its upper one; the last holds both."""
    lengths = [0, 29, 30, 325, 326, 604, 605, 1000, 1001]
    assert [row["tier"] for row in run(lengths)] == ["short", "short", "L1", "L1", "L2", "L2", "L3", "L3", "long"]


@given(st.lists(st.text(min_size=1), min_size=1))
def test_a_cluster_is_in_one_split(clusters: list[str]) -> None:
    """The split depends on the cluster alone."""
    rows = run([50] * len(clusters), clusters)
    again = run([700] * len(clusters), list(reversed(clusters)))
    assert {c: r["split"] for c, r in zip(clusters, rows, strict=True)} == {
        c: r["split"] for c, r in zip(reversed(clusters), again, strict=True)
    }


def test_shares_are_met() -> None:
    """Of 20,000 clusters each split gets its share within one point."""
    rows = run([50] * 20_000, settings=TierSettings(splits={"train": 0.8, "validation": 0.15, "test": 0.05}))
    shares = {name: sum(r["split"] == name for r in rows) / 20_000 for name in ("train", "validation", "test")}
    assert shares == pytest.approx({"train": 0.8, "validation": 0.15, "test": 0.05}, abs=0.01)


@pytest.mark.parametrize(
    "bad",
    [
        {"tiers": [{"name": "A", "from": 0, "to": 5}, {"name": "B", "from": 6, "to": 9}]},
        {"tiers": [{"name": "A", "from": 5, "to": 5}]},
        {"tiers": [{"name": "short", "from": 0, "to": 5}]},
        {"splits": {"train": 0.5}},
        {"splits": {"train": 1.5, "test": -0.5}},
    ],
)
def test_bad_settings_are_refused(bad: dict) -> None:
    """Gaps, empty tiers, taken names and shares that do not sum to one are refused."""
    import json

    with pytest.raises(ValidationError):
        TierSettings.model_validate_json(json.dumps(bad))
