"""Sources of the network: fetched once, then read; asked again only when the user says so."""

from __future__ import annotations

import io
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from pipeline.config import load
from pipeline.errors import ConfigError, UserError
from pipeline.progress import Display
from pipeline.run import fetching
from pipeline.run.conductor import Conductor, Result
from pipeline.run.engine import InlineEngine
from pipeline.sources import kinds, snapshots
from pipeline.sources.base import Chunk, RawItem
from pipeline.sources.network import Done, Network, NetworkSource, Shelf, Snapshot, Unit, open_stored
from pipeline.storage.base import Storage
from pipeline.storage.open import open_storage
from pipeline.versions import gc
from pipeline.versions.verify import verify_version
from stages.crawl import CrawlSettings
from tests.helpers import drawing, write_config

WORLD: dict[str, bytes] = {}
"""What the network has: URL -> content."""
ASKED: list[str] = []
"""What it was asked for, in order."""


class Well(NetworkSource):
    """Addresses that are resolved to what they are now, each a unit; what begins with ``more`` leads to another."""

    kind: Literal["well"]
    urls: tuple[str, ...]

    def resolve(self, network: Network, before: Snapshot | None) -> list[Mapping[str, Any]]:
        pinned = {pin["url"]: pin for pin in before.pins} if before else {}
        return [pinned.get(url) or {"url": url, "etag": str(hash(WORLD[url]))} for url in self.urls]

    def units(self, snapshot: Snapshot, done: Sequence[Done], network: Network) -> list[Unit]:
        first = [self._unit(pin["url"], pin["etag"]) for pin in snapshot.pins]
        if not done:
            return first
        asked = {each.unit.key for each in done}
        more = [self._unit(each.extra["more"], str(snapshot.number)) for each in done if each.extra.get("more")]
        return [unit for unit in more if unit.key not in asked]

    def _unit(self, url: str, etag: str) -> Unit:
        return Unit(f"{url.replace('/', '-')}-{etag.strip('-')}", (("url", url), ("etag", etag)))

    def fetch(self, unit: Unit, shelf: Shelf, network: Network) -> Mapping[str, Any]:
        url = dict(unit.pin)["url"]
        ASKED.append(url)
        content = WORLD.get(url)
        if content is None:
            raise ConfigError(f"source {self.name}: {url} is not there")
        shelf.add(f"{url}.svg", "files", url, shelf.put(io.BytesIO(content)), "2026-01-31T00:00:00Z")
        return {"more": url.replace("more", "next")} if "more" in url else {}

    def items(self, chunk: Chunk, store: Storage, limits: CrawlSettings, no_input: Counter[str]) -> Iterator[RawItem]:
        for entry, place in zip(chunk.entries, chunk.places, strict=True):
            facts = dict(place.facts)
            with open_stored(store, self.name, place.stored) as stream:
                yield RawItem(entry.path, stream.read(), url=facts["url"], fetched=facts["fetched"])


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "SOURCES", (*kinds.SOURCES, Well))
    WORLD.clear()
    ASKED.clear()
    WORLD.update({f"a/{number}": drawing(number).encode() for number in range(6)})


def config_of(tmp_path: Path, **settings: Any) -> Path:
    source = {"name": "web", "kind": "well", "urls": [*WORLD], "license": "CC0-1.0"} | settings
    return write_config(tmp_path / "config.yaml", tmp_path, sources=[source])


def conductor(tmp_path: Path, config: Path, refresh: Sequence[str] = (), plan: bool = False) -> Conductor:
    storage = open_storage(str(tmp_path / "ws"))
    return Conductor(load(config), storage, None if plan else InlineEngine, Display(quiet=True), refresh=refresh)


def run(tmp_path: Path, config: Path, *refresh: str) -> Result:
    return conductor(tmp_path, config, refresh).run()


def shown(result: Result) -> list[tuple[str, str]]:
    return sorted((file.role, file.sha256) for file in result.manifest.lasting if file.role != "lineage")


def test_what_was_fetched_is_read_from_then_on(tmp_path: Path) -> None:
    """A second run asks for nothing; one that is to ask anew and finds the same publishes nothing."""
    config = config_of(tmp_path)
    first = run(tmp_path, config)
    assert (first.manifest.funnel.input, first.manifest.snapshots) == (6, {"web": 1})
    assert [f"a/{number}" for number in range(6)] == ASKED
    assert not run(tmp_path, config).published
    assert len(ASKED) == 6
    again = run(tmp_path, config, "web")
    # each is pinned to what it was, so that not even this asks for it
    assert not again.published and len(ASKED) == 6
    assert snapshots.numbers(open_storage(str(tmp_path / "ws")), "web") == ([1, 2], [1, 2])
    storage = open_storage(str(tmp_path / "ws"))
    assert verify_version(storage, 1, Display(quiet=True))[0] == []


def test_the_network_has_changed(tmp_path: Path) -> None:
    """Runs go on as if it had not, until they are told to ask; then the snapshot before still gives what it gave."""
    config = config_of(tmp_path)
    first = run(tmp_path, config)
    WORLD["a/3"] = drawing(33).encode()
    assert not run(tmp_path, config).published
    second = run(tmp_path, config, "all")
    assert second.published and second.manifest.snapshots == {"web": 2}
    assert [*(f"a/{number}" for number in range(6)), "a/3"] == ASKED
    back = run(tmp_path, config_of(tmp_path, snapshot=1))
    assert back.published and len(ASKED) == 7
    assert {s for s in shown(back) if s[0] == "shard"} == {s for s in shown(first) if s[0] == "shard"}


def test_a_setting_that_asks_for_more_asks_for_that(tmp_path: Path) -> None:
    """What was pinned before stays pinned, though the network has something else by now."""
    run(tmp_path, config_of(tmp_path))
    WORLD["a/1"] = drawing(31).encode()
    WORLD["a/7"] = drawing(7).encode()
    assert run(tmp_path, config_of(tmp_path)).manifest.snapshots == {"web": 2}
    assert ASKED[6:] == ["a/7"]


def test_a_fetch_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    """What was stored is not asked for again, also where the network was to be asked anew."""
    config = config_of(tmp_path)
    gone = WORLD.pop("a/4")
    WORLD["a/4"] = gone
    original = Well.fetch

    def fetch(self: Well, unit: Unit, shelf: Shelf, network: Network) -> Mapping[str, Any]:
        WORLD.pop("a/4", None)
        return original(self, unit, shelf, network)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Well, "fetch", fetch)
        with pytest.raises(UserError, match="a/4 is not there"):
            run(tmp_path, config, "web")
    WORLD["a/4"] = gone
    assert run(tmp_path, config, "web").manifest.snapshots == {"web": 1}
    assert Counter(ASKED) == Counter([*WORLD, "a/4"])


def test_a_fetch_that_takes_long_says_what_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A line each time something has come; nothing where nothing does."""
    monkeypatch.setattr(fetching, "WATCH_SECONDS", 0.02)
    original = Well.fetch

    def slowly(self: Well, unit: Unit, shelf: Shelf, network: Network) -> Mapping[str, Any]:
        extra = original(self, unit, shelf, network)
        time.sleep(0.2)
        return extra

    monkeypatch.setattr(Well, "fetch", slowly)
    storage = open_storage(str(tmp_path / "ws"))
    Conductor(load(config_of(tmp_path)), storage, InlineEngine, Display()).run()
    lines = [line for line in capfd.readouterr().err.splitlines() if "objects stored" in line]
    assert 2 <= len(lines) <= 6 and lines[0].startswith("fetch: 1 objects stored, 0.0 MB")
    assert not [thread for thread in threading.enumerate() if thread.name == "fetch"]


def test_what_comes_leads_to_more(tmp_path: Path) -> None:
    """Units are fetched in rounds, until there are no more."""
    WORLD["more/more/1"] = drawing(20).encode()
    WORLD["next/next/1"] = drawing(21).encode()
    config = config_of(tmp_path, urls=["more/more/1"])
    result = run(tmp_path, config)
    assert result.manifest.funnel.input == 2 and ASKED == ["more/more/1", "next/next/1"]


def test_a_plan_asks_what_there_is_and_writes_nothing(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    phases = conductor(tmp_path, config, plan=True).plan()
    assert [(phase.stage, sum(decision.run for decision in phase.decisions)) for phase in phases][:1] == [("fetch", 6)]
    assert "write" in [phase.stage for phase in phases]
    assert not (tmp_path / "ws").exists() and ASKED == []
    run(tmp_path, config)
    phases = conductor(tmp_path, config, plan=True).plan()
    assert "snapshot 1 of" in phases[0].settled["web"]
    assert not any(decision.run for phase in phases for decision in phase.decisions)


def test_garbage_collection_leaves_what_versions_and_runs_read(tmp_path: Path) -> None:
    """A snapshot that no version was made of, and that another has replaced, is garbage; all others are not."""
    config = config_of(tmp_path)
    run(tmp_path, config)
    for number in (2, 3):
        WORLD["a/3"] = drawing(30 + number).encode()
        # a budget that nothing keeps to: fetched, but not published
        strict = json.loads(config.read_text()) | {"error_budget": 0.0}
        assert run(tmp_path, write_json(config, strict), "web").manifest.snapshots["web"] == number
        if number == 2:
            (tmp_path / "ws" / "versions" / "2" / "manifest.json").unlink()
    storage = open_storage(str(tmp_path / "ws"))
    garbage = gc.collect_garbage(storage, 0.0)
    gone = [entry.path for entry in garbage.objects["fetched"]]
    assert "fetched/web/snapshots/2.json" in gone and "fetched/web/snapshots/2.whole.json" in gone
    assert len(gone) == 3  # and the drawing that only it had
    assert gc.collect_garbage(storage, 0.0).count == 0
    WORLD.clear()
    ASKED.clear()
    assert not run(tmp_path, config).published
    assert run(tmp_path, config_of(tmp_path, urls=[f"a/{n}" for n in range(6)], snapshot=1)).published
    assert ASKED == []


def write_json(path: Path, data: dict[str, Any]) -> Path:
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize(
    ("settings", "refresh", "says"),
    [
        ({}, ["icons"], "--refresh icons: no source of that name asks the network; these do: web"),
        ({"snapshot": 4}, [], "source web: there is no snapshot 4 (none is whole)"),
    ],
)
def test_what_cannot_be_fetched_is_one_clear_line(
    tmp_path: Path, settings: dict[str, Any], refresh: list[str], says: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        run(tmp_path, config_of(tmp_path, **settings), *refresh)
    assert str(raised.value) == says
