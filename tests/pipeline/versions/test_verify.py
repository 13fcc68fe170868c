"""verify, whoever reads: near-duplicates across splits, ids of all shards, and what travels to workers."""

import hashlib
import json
import pickle
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.progress import Display
from pipeline.storage.base import Storage
from pipeline.storage.open import open_storage
from pipeline.versions import published, shards, straddling
from pipeline.versions.id_sets import ID_BYTES, IdSets
from pipeline.versions.verify import verify_version
from pipeline.work.reading import Here
from stages import deduplicate
from stages.deduplicate import DeduplicateSettings
from stages.schema import PAIRS
from tests.helpers import HEAD, Run, mill, write_config

Item = TypeVar("Item")
R = TypeVar("R")


class Elsewhere:
    """Workers in other processes, as far as a function can tell: what it is given and gives back is pickled."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def map(self, stage: str, function: Callable[[Storage, Item], R], items: Sequence[Item]) -> Iterator[R]:
        for item in reversed(items):
            there = pickle.loads(pickle.dumps((function, item)))
            yield pickle.loads(pickle.dumps(there[0](self._storage, there[1])))


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A version with near-duplicates in two splits of a half each, since nothing looked for them."""
    home = tmp_path_factory.mktemp("alike")
    folder = home / "icons"
    folder.mkdir()
    chance = random.Random(7)
    for number in range(24):
        steps = [(chance.randrange(1, 6), chance.randrange(1, 6)) for _ in range(14)]
        for variant in range(3):
            moved = [(x + 0.04 * (variant == place), y) for place, (x, y) in enumerate(steps)]
            data = "".join(f"l{x * (-1) ** k} {y * (-1) ** (k // 2)}" for k, (x, y) in enumerate(moved))
            (folder / f"{number:02}-{variant}.svg").write_text(
                f'{HEAD}<path fill="#00{number % 10}" d="M{4 + number % 9} 12{data}z"/></svg>'
            )
    config = write_config(
        home / "c.yaml",
        folder,
        deduplicate={"near": False, "pictures": False, "recoloured": "off"},
        tier={"splits": {"train": 0.6, "test": 0.4}},
    )
    run = mill(config, home / "ws")
    path = run.workspace / published.manifest_path(1)
    manifest = json.loads(path.read_text())
    manifest["config"]["deduplicate"] |= {"near": True, "recoloured": "drop"}
    path.write_text(json.dumps(manifest))
    return run


def by_all_pairs(rows: Sequence[dict[str, Any]], settings: DeduplicateSettings) -> set[frozenset[str]]:
    """The near-duplicates in different splits of all samples, each compared with each."""
    features = deduplicate.features([row["tokens"] for row in rows], settings)
    features |= {"sample_id": pa.array([row["sample_id"] for row in rows])}
    table = pa.table({name: features.get(name, pa.nulls(len(rows), pa.binary(24))) for name in deduplicate.FEATURES})
    apart = [(one, other) for one, other in combinations(rows, 2) if one["split"] != other["split"]]
    ends = {
        name: pa.array([int(pair[k]["sample_id"][:16], 16) for pair in apart], pa.uint64())
        for k, name in enumerate("ab")
    }
    pairs = pa.table({f.name: ends.get(f.name, pa.array([0] * len(apart), f.type)) for f in PAIRS}, schema=PAIRS)
    matches = deduplicate.match(pairs, table, settings)
    ids = {int(row["sample_id"][:16], 16): row["sample_id"] for row in rows}
    return {
        frozenset((ids[a], ids[b])) for a, b in zip(matches["a"].to_pylist(), matches["b"].to_pylist(), strict=True)
    }


@pytest.mark.parametrize("buckets", [10**6, 100])
def test_straddling_pairs_are_those_of_all_pairs(alike: Run, monkeypatch: pytest.MonkeyPatch, buckets: int) -> None:
    """However many ranges of buckets there are, the pairs are those that comparing all with all finds; verify tells."""
    monkeypatch.setattr(straddling, "_BUCKETS", buckets)
    storage = open_storage(str(alike.workspace))
    manifest = published.read(storage)
    settings = published.settings(manifest, "deduplicate", DeduplicateSettings)
    parts = shards.present(storage, manifest)
    rows = [row for shard in parts for row in shards.read(storage, shard, ["sample_id", "tokens", "split"])]
    expected = by_all_pairs(rows, settings)
    assert len(expected) > 5
    for workers in (Here(storage), Elsewhere(storage)):
        assert {frozenset(pair) for pair in straddling.crossing(workers, storage, parts, settings)} == expected
    faults = verify_version(storage, None, Display(quiet=True))[0]
    assert len(faults) == len(expected) and all(f.endswith("near-duplicates in different splits") for f in faults)
    assert straddling.crossing(Here(storage), storage, parts, settings.model_copy(update={"near": False})) == []


def test_pictures_decide_on_what_straddles(alike: Run) -> None:
    """Of pairs that are near by their commands, those stay faults whose pictures in the shards are alike, too."""
    storage = open_storage(str(alike.workspace))
    manifest = published.read(storage)
    settings = published.settings(manifest, "deduplicate", DeduplicateSettings)
    parts = shards.present(storage, manifest)
    blind = straddling.crossing(Here(storage), storage, parts, settings)
    seen = straddling.crossing(Here(storage), storage, parts, settings.model_copy(update={"pictures": True}))
    nothing = {"pictures": True, "picture_share": 0, "picture_mean": 0, "picture_patch": 0}
    assert seen and set(seen) <= set(blind)
    assert len(straddling.crossing(Here(storage), storage, parts, settings.model_copy(update=nothing))) < len(seen)


def test_workers_find_what_one_process_finds(finished: Run) -> None:
    """A shard that is gone, one that is changed, a sample that is twice: the same faults in the same order."""
    storage = open_storage(str(finished.workspace))
    path = finished.workspace / published.manifest_path(1)
    manifest = json.loads(path.read_text())
    own = [file for file in manifest["files"] if file["role"] == "shard" and file["format"] == "parquet"]
    twin = {**own[0], "path": own[0]["path"].replace(".parquet", "-twin.parquet")}
    (finished.workspace / twin["path"]).write_bytes((finished.workspace / own[0]["path"]).read_bytes())
    manifest["files"] = [file for file in manifest["files"] if file != own[1]] + [twin]
    tar = next(file for file in manifest["files"] if file["role"] == "shard" and file["format"] == "webdataset")
    tar["ids"] += 1
    path.write_text(json.dumps(manifest))
    faults = verify_version(storage, None, Display(quiet=True))[0]
    text = "\n".join(faults)
    assert f"parquet shards hold {own[0]['rows']} samples twice" in text
    for role in ("provenance", "index"):
        assert f"the version's {role} has {own[1]['rows']} rows that no sample of a shard has" in text
    assert "the formats do not hold the same samples" in text
    assert f"{tar['path']}: ids is {tar['ids'] - 1}, the manifest says {tar['ids']}" in text
    assert verify_version(storage, None, Display(quiet=True), Elsewhere(storage))[0] == faults


Rows = list[dict[str, Any]]


def tampered(run: Run, role: str, change: Callable[[Rows], None]) -> list[str]:
    """The faults of a version whose table of that role is another one, of which its manifest has the digest."""
    path = run.workspace / published.manifest_path(1)
    manifest = json.loads(path.read_text())
    file = next(file for file in manifest["files"] if file["role"] == role)
    table = pq.read_table(run.workspace / file["path"])
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), run.workspace / file["path"])
    data = (run.workspace / file["path"]).read_bytes()
    file |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    path.write_text(json.dumps(manifest))
    return verify_version(open_storage(str(run.workspace)), None, Display(quiet=True))[0]


def test_provenance_and_shards_must_agree(finished: Run) -> None:
    """A licence, an origin and a sample that provenance does not have are told, each by the sample, of each format."""
    ids: list[str] = []

    def change(rows: Rows) -> None:
        rows[0]["provenance"][0]["license"] = "MIT"
        rows[1]["provenance"][0]["path"] = "elsewhere.svg"
        ids.extend(row["sample_id"] for row in rows[:3])
        del rows[2]

    faults = tampered(finished, "provenance", change)
    assert len(faults) == 10  # its own record is one of those that it tells of
    for sample in ids[:2]:
        assert sum(f"{sample}: its record or licence is not that" in fault for fault in faults) == 2
    assert sum(f"{ids[2]}: the version's provenance does not have it" in fault for fault in faults) == 2


def test_index_and_shards_must_agree(finished: Run) -> None:
    """A row, a shard of one format, a narrow column and a sample that the index has not as shards do are told."""
    ids: list[str] = []

    def change(rows: Rows) -> None:
        rows[0]["row"] += 1
        rows[1]["shard"]["webdataset"] = rows[1]["shard"]["parquet"]
        rows[2]["atomic_length"] += 1
        ids.extend(row["sample_id"] for row in rows[:4])
        rows[3]["sample_id"] = "0" * 64

    faults = tampered(finished, "index", change)
    expected = ["row", "shard", "atomic_length"]
    for sample, name, count in zip(ids, expected, (2, 1, 2), strict=False):
        assert sum(f"{sample}: the index has another {name}" in fault for fault in faults) == count
    assert sum(f"{ids[3]}: the index does not have it" in fault for fault in faults) == 2
    assert faults[-1] == f"the version's index has 1 rows that no sample of a shard has, {'0' * 32}… among them"
    assert len(faults) == 8


def test_sets_of_ids_on_disk() -> None:
    """What is twice, what one set lacks and what is equal comes out as of sets in memory, also for bytes of nought."""
    chance = np.random.default_rng(1)
    every = [bytes(row) for row in chance.integers(0, 256, (500, ID_BYTES), np.uint8)] + [bytes(ID_BYTES)]
    with IdSets("one", "other") as sets:
        sets.add("one", b"".join([*every, *every[:7]]))
        sets.add("other", b"".join(every[3:]))
        parts = list(sets.parts())
    assert sum(len(part["one"][0]) for part in parts) == 501
    assert sum(part["one"][1] for part in parts) == 7 and sum(part["other"][1] for part in parts) == 0
    lacking = [id_ for part in parts for id_ in np.setdiff1d(part["one"][0], part["other"][0]).tolist()]
    assert sorted(lacking) == sorted(every[:3])
