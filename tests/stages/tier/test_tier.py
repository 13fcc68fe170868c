import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from stages.tier import NoEdges, Tier, TierSettings, measured, quantile_tiers, tier, tiers_of

SETTINGS = TierSettings()


def settings(**values: Any) -> TierSettings:
    return TierSettings.model_validate_json(json.dumps(values))


def run(lengths: list[int], clusters: list[str] | None = None, settings: TierSettings = SETTINGS) -> list[dict]:
    ids = [str(n) for n in range(len(lengths))]
    return tier(
        pa.table({"sample_id": ids, "atomic_length": lengths, "keys": [[key] for key in clusters or ids]}), settings
    ).to_pylist()


def contiguous(edges: list[float], last: float | None) -> tuple[Tier, ...]:
    ends = [*edges[1:], last]
    return settings(
        tiers=[{"name": f"t{n}", "from": a, "to": b} for n, (a, b) in enumerate(zip(edges, ends, strict=True))],
        count="complexity",
    ).tiers


def test_edges_as_the_paper_has_them() -> None:
    """A tier begins at its lower edge and ends before its upper one; the last holds both."""
    lengths = [0, 29, 30, 325, 326, 604, 605, 1000, 1001]
    assert [row["tier"] for row in run(lengths)] == ["short", "short", "L1", "L1", "L2", "L2", "L3", "L3", "long"]


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=6, unique=True).map(sorted),
    st.one_of(st.none(), st.integers(61, 99)),
    st.lists(st.integers(0, 120)),
)
def test_tiers_are_a_partition(edges: list[int], last: int | None, lengths: list[int]) -> None:
    """Each length is in the one tier whose edges are around it, below all, or above all."""
    tiers = contiguous([float(edge) for edge in edges], last)
    for length, name in zip(lengths, tiers_of(pa.array(lengths, pa.int32()), tiers).to_pylist(), strict=True):
        top = tiers[-1].end
        holding = [t.name for t in tiers if t.start <= length and (t.end is None or length < t.end)]
        holding += [tiers[-1].name] * (length == top)
        holding += ["short"] * (length < edges[0]) + ["long"] * (top is not None and length > top)
        assert [name] == holding


def test_a_score_that_is_written_like_an_edge_is_on_it() -> None:
    """Scores have 32 bits: 0.32 as such a number is below 0.32 as a longer one, and still not short of it."""
    scores = pa.array([0.3199, 0.32, 0.7299, 0.73, 0.7301], pa.float32())
    assert tiers_of(scores, contiguous([0.32], 0.73)).to_pylist() == ["short", "t0", "t0", "t0", "long"]


@st.composite
def corpora(draw: st.DrawFn) -> tuple[list[list[float]], list[float], str]:
    """Parts of a corpus, shares, and what is counted."""
    count = draw(st.sampled_from(["segment", "complexity"]))
    scores = st.floats(0, 9, width=32).map(lambda value: round(value, 4))
    part = st.lists(st.integers(0, 400).map(float) if count == "segment" else scores, max_size=60)
    cuts = draw(st.lists(st.integers(1, 19), min_size=1, max_size=3, unique=True).map(sorted))
    shares = [round((b - a) / 20, 2) for a, b in zip([0, *cuts], [*cuts, 20], strict=True)]
    return draw(st.lists(part, max_size=5)), shares, count


@given(corpora(), st.integers(0, 40), st.one_of(st.none(), st.integers(200, 300)))
def test_quantile_edges_are_numpys(
    corpus: tuple[list[list[float]], list[float], str], least: int, most: int | None
) -> None:
    """Of the whole corpus, however it is cut into parts; and no tier is empty."""
    parts, shares, count = corpus
    kind = pa.float32() if count == "complexity" else pa.int32()
    own = settings(
        count=count,
        quantiles=[{"name": f"q{n}", "share": share} for n, share in enumerate(shares)],
        least=least / 10 if count == "complexity" else least,
        most=most,
    )
    values = [pa.chunked_array([pa.array(part).cast(pa.float64()).cast(kind)]) for part in parts]
    whole = np.concatenate([[], *(each.to_numpy() for each in values)])
    lowest = np.float32(own.least) if count == "complexity" else own.least
    within = whole[(whole >= lowest) & (whole <= (most or np.inf))]
    try:
        tiers = quantile_tiers([measured(values[:2]), measured(values[2:])], own)
    except NoEdges:
        assume(len(within))
        assert len(np.unique(within)) < len(within) or len(within) < len(shares) * 20
        return
    cuts = [round(sum(shares[: n + 1]), 2) for n in range(len(shares) - 1)]
    expected = np.quantile(within, np.array(cuts), method="higher")
    kind_of = np.float32 if count == "complexity" else np.float64
    assert [kind_of(each.start) for each in tiers] == [kind_of(own.least), *expected.astype(kind_of)]
    assert [each.end for each in tiers] == [*(each.start for each in tiers[1:]), most]
    assert quantile_tiers([measured(values)], own) == tiers
    names = [tiers_of(each.combine_chunks(), tiers).to_pylist() for each in values]
    assert {name for part in names for name in part} - {"short", "long"} == {each.name for each in own.quantiles}


def test_tiers_hold_their_shares() -> None:
    """Of lengths that all differ, to one sample."""
    own = settings(quantiles=[{"name": n, "share": s} for n, s in (("a", 0.1), ("b", 0.2), ("c", 0.7))])
    lengths = pa.chunked_array([pa.array(range(1000), pa.int32())])
    tiers = quantile_tiers([measured([lengths])], own)
    assert [(each.name, each.start, each.end) for each in tiers] == [("a", 0, 100), ("b", 100, 300), ("c", 300, None)]


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([1, 2], "no sample has 10 or up to 50 atomic tokens; set least and most to others"),
        ([20] * 9 + [30], "a has no range of its own: too many of 10 samples have equal atomic tokens"),
        ([20, 50, 50, 50], "b has no range of its own"),
    ],
)
def test_samples_that_cannot_be_parted_are_said(lengths: list[int], message: str) -> None:
    """None within the bounds, and too many of one length, at the beginning and at the end."""
    own = settings(quantiles=[{"name": name, "share": 0.5} for name in "ab"], least=10, most=50)
    with pytest.raises(NoEdges, match=message):
        quantile_tiers([measured([pa.chunked_array([pa.array(lengths, pa.int32())])])], own)


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


HALVES = [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5}]

BAD: dict[str, dict[str, Any]] = {
    "tier B begins at 6, but A ends at 5": {
        "tiers": [{"name": "A", "from": 0, "to": 5}, {"name": "B", "from": 6, "to": 9}]
    },
    "tier A begins at 5; its end must be above": {"tiers": [{"name": "A", "from": 5, "to": 5}]},
    "tier A has no upper edge": {"tiers": [{"name": "A", "from": 5, "to": None}, {"name": "B", "from": 5, "to": 9}]},
    "names must differ": {"tiers": [{"name": "short", "from": 0, "to": 5}]},
    "edge 0.5 is not whole, but count: segment": {"tiers": [{"name": "A", "from": 0.5, "to": 5}], "count": "segment"},
    "default tiers count tokens": {"count": "complexity"},
    "at least one of tiers": {"tiers": []},
    "sum to 1, not 0.5": {"splits": {"train": 0.5}},
    "must be 0 to 1": {"splits": {"train": 1.5, "test": -0.5}},
    "quantiles must sum to 1, not 0.9": {"quantiles": [*HALVES[:1], {"name": "b", "share": 0.4}]},
    "must differ from each other": {"quantiles": HALVES[:1] * 2},
    "tiers or quantiles, not both": {"quantiles": HALVES, "tiers": [{"name": "A", "from": 5, "to": 6}]},
    "most is 5, which must be above least, 5": {"quantiles": HALVES, "least": 5, "most": 5},
    "edge 7.5 is not whole": {"quantiles": HALVES, "most": 7.5},
    "least and edges: only with quantiles": {"least": 5, "edges": "learn"},
    "finite": {"quantiles": HALVES, "most": float("inf")},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_settings_are_refused(message: str) -> None:
    """Each fault by one sentence: gaps, empty tiers, taken names, shares, and what does not go together."""
    with pytest.raises(ValidationError, match=message) as refused:
        settings(**BAD[message])
    assert refused.value.error_count() == 1


def test_settings_are_the_same_when_they_are_read_back() -> None:
    """With quantiles there are no other tiers, also not the default ones; whole edges are spelled as integers."""
    for own in (settings(quantiles=HALVES, least=30), settings(), settings(quantiles=HALVES, count="complexity")):
        text = own.model_dump_json()
        assert TierSettings.model_validate_json(text) == own and "30.0" not in text
    assert settings(quantiles=HALVES).names == ("a", "b") and settings().names == ("L1", "L2", "L3")
