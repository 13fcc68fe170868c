"""A seeded walk through what can happen to a workspace, with an oracle that looks after every step.

python -m tests.histories.walk SEED [STEPS]     # prints each step; benchmarks/histories.py does many
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

from pipeline.config import load
from pipeline.errors import ConfigError, UserError
from pipeline.progress import Display
from pipeline.run import execute
from pipeline.run.conductor import Conductor
from pipeline.run.engine import InlineEngine
from pipeline.run.purge import purge_taken_down
from pipeline.storage.base import Storage
from pipeline.storage.folder import FolderStorage
from pipeline.versions.gc import collect_garbage
from pipeline.versions.resolve import resolve
from pipeline.versions.takedown import parse, record
from pipeline.versions.verify import verify_version
from pipeline.work import compacted
from stages.render import PictureSettings, picture
from tests.faults.crashing import AFTER, BEFORE, CountingStorage, never
from tests.histories.oracle import Oracle, rejected, remains
from tests.histories.recall import Recall, quick
from tests.histories.settings import CHANGES, LICENSES, SMALL
from tests.histories.world import COLOURS, Drawing, Source, World


class Killed(BaseException):
    """The run is dead: nothing of it reaches the store any more."""


def dead_from(operation: int, moment: str) -> Callable[[int, str], None]:
    """For `CountingStorage`: that operation, or what is after it, never happens. `crashing` kills whole processes."""

    def end(number: int, when: str) -> None:
        if number > operation or (number, when) == (operation, moment):
            raise Killed

    return end


class Walk:
    """One walk; `step` does something, runs, and says what is wrong."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.chance = folder, random.Random(seed)
        self.workspace = folder / "ws"
        self.world = World(folder / "sources")
        self.oracle = Oracle(self.workspace)
        self.changed: str = ""
        self.repack = False
        self.log: list[str] = []
        self._numbers = iter(range(1, 1_000_000))
        self._names = iter(range(1, 1_000_000))
        self._repairs: dict[Path, bytes] = {}
        self._taken: list[Drawing] = []
        self._refresh: list[str] = []
        self._begun: dict[str, dict[str, Drawing]] = {}
        for _ in range(2):
            self._source()

    # -- what can happen

    def _drawing(self) -> Drawing:
        return Drawing(next(self._numbers), self.chance.randrange(len(COLOURS)))

    def _source(self) -> str:
        name = f"s{next(self._names)}"
        # names do not say which came first
        source = Source(f"{self.chance.choice('abcxyz')}{name}", self._license())
        source.on_missing = self.chance.choice(("remove", "keep"))
        source.distant = self.chance.random() < 0.3
        if not source.distant and self.chance.random() < 0.2:
            source.rows = [self._drawing() for _ in range(3)]
        else:
            source.files = {f"d{n}/f{self.chance.randrange(10_000)}.svg": self._drawing() for n in range(4)}
        others = [each for other in self.world.sources for each in other.records().values()]
        if others and source.rows is None:
            source.files["copy.svg"] = self._alike(self.chance.choice(others))
        self.world.add(source)
        return f"add source {source.name}"

    def _license(self) -> str:
        """One of many, or one of its own, which can be taken down without all the rest."""
        own = f"LicenseRef-{self.chance.randrange(3)}"
        return own if self.chance.random() < 0.3 else self.chance.choice(LICENSES)

    def _alike(self, drawing: Drawing) -> Drawing:
        """A copy, a recoloured, a rescaled or a respaced one."""
        how = self.chance.randrange(4)
        if how == 1:
            return Drawing(drawing.number, self.chance.randrange(len(COLOURS)), drawing.scale, drawing.spaced)
        if how == 2:
            return Drawing(drawing.number, drawing.colour, 3 - drawing.scale, drawing.spaced)
        if how == 3:
            return Drawing(drawing.number, drawing.colour, drawing.scale, not drawing.spaced)
        return drawing

    def _some(self, loose: bool = False) -> Source | None:
        fit = [source for source in self.world.sources if not loose or (source.rows is None and source.files)]
        return self.chance.choice(fit) if fit else None

    def sources(self) -> str:
        """Add, remove, rename, reorder; another licence, another on_missing."""
        what = self.chance.choice(("add", "remove", "rename", "reorder", "license", "on_missing", "license"))
        source = self._some()
        assert source is not None
        if what == "add" and len(self.world.sources) < 5:
            return self._source()
        if what == "remove" and len(self.world.sources) > 1:
            self.world.remove(source)
        elif what == "rename":
            source.name, source.seen = f"{self.chance.choice('abcxyz')}r{next(self._names)}", None
        elif what == "license":
            source.license = self._license()
        elif what == "on_missing":
            source.on_missing = "keep" if source.on_missing == "remove" else "remove"
        else:
            what = "reorder"
            self.chance.shuffle(self.world.sources)
        return f"{what} {source.name}"

    def files(self) -> str:
        """Add, edit, touch, move, delete, copy; in a folder, an archive or a table."""
        source = self._some()
        assert source is not None
        every = [each for other in self.world.sources for each in other.records().values()]
        new = self._alike(self.chance.choice(every)) if self.chance.random() < 0.5 else self._drawing()
        if new.number in self.oracle.taken and self.chance.random() < 0.5:
            new = self._drawing()
        if source.rows is not None:
            what = self.chance.choice(("add", "edit", "delete"))
            place = self.chance.randrange(len(source.rows))
            if what == "add" or len(source.rows) < 2:
                source.rows.insert(place, new)
            elif what == "edit":
                source.rows[place] = new
            else:
                del source.rows[place]
        else:
            of, what = source.files, self.chance.choice(("add", "add", "edit", "touch", "move", "delete", "archive"))
            if self.chance.random() < 0.35 and source.archives:
                of = source.archives[self.chance.choice(sorted(source.archives))]
            path = self.chance.choice(sorted(of)) if of else ""
            if what == "archive":
                self._archive(source)
            elif what == "add" or len(of) < 2:
                of[f"n{self.chance.randrange(10_000)}.svg"] = new
            elif what == "edit":
                of[path] = new
            elif what == "move":
                of[f"m{self.chance.randrange(10_000)}/{path.rpartition('/')[2]}"] = of.pop(path)
            elif what == "delete":
                del of[path]
            elif of is source.files and not source.distant:
                os.utime(self.world.root / source.home / path)
        self.world.write(source)
        return f"{what} in {source.name}"

    def _archive(self, source: Source) -> None:
        if source.archives and self.chance.random() < 0.4 and source.files:
            del source.archives[self.chance.choice(sorted(source.archives))]
        else:
            members = {f"in/{n}.svg": self._drawing() for n in range(3)}
            source.archives[f"a{self.chance.randrange(10_000)}.zip"] = members

    def setting(self) -> str:
        """Change a setting, or change it back."""
        self.changed = "" if self.changed and self.chance.random() < 0.7 else self.chance.choice(sorted(CHANGES))
        return f"setting {self.changed or 'back'}"

    def down(self) -> str:
        """Take something down, by each of the rules."""
        source = self._some()
        assert source is not None
        there = {path: each for path, each in source.records().items() if each.number not in self.oracle.taken}
        if not there or self.oracle.newest() == 0:
            return "nothing to take down"
        if source.license.startswith("LicenseRef") and self.chance.random() < 0.5:
            return self._license_down(source.license)
        path = self.chance.choice(sorted(there))
        drawing = there[path]
        # a row's path says where it is in its table now, and another one will have it
        rules_of = ["raw", "sample"] if source.rows is not None else ["raw", "path", "sample"]
        if source.rows is not None and any(row["all"][0]["url"] == drawing.url for row in self._samples()):
            rules_of.append("url")
        rule = self.chance.choice(rules_of)
        text = {"raw": drawing.raw_id, "url": drawing.url}.get(rule, f"path:{source.name}/{path}")
        if rule == "sample":
            of = [s for s, row in self.oracle._last.samples.items() if row["all"][0]["raw_id"] == drawing.raw_id]
            text = of[0] if of else drawing.raw_id
        try:
            rules = parse(text)
            hits = resolve(FolderStorage(self.workspace), rules)
        except ConfigError as error:
            if "can never match" in str(error):
                return f"refused: {text}"
            raise
        record(FolderStorage(self.workspace), rules, hits.targets)
        if not hits.targets.raw_ids and rule != "path":
            self._taken.append(drawing)
            self.oracle.taken.add(drawing.number)
            return f"take down {text[:40]}, which is new"
        self.oracle.taken.add(drawing.number)
        self._taken.append(drawing)
        if rule == "path":
            self.oracle.rules.append((source.name, path))
            for (name, place), numbers in self.oracle.places.items():
                if name == source.name and place.startswith(path):
                    self.oracle.taken.update(numbers)
        return f"take down {rule} {text[:40]} (drawing {drawing.number})"

    def _samples(self) -> Iterable[dict[str, Any]]:
        """Of the newest version that the oracle has seen."""
        return self.oracle._last.samples.values()

    def _license_down(self, license: str) -> str:
        """All that ever was published under a licence, and whatever comes under it."""
        rules = parse(f"license:{license}")
        record(FolderStorage(self.workspace), rules, resolve(FolderStorage(self.workspace), rules).targets)
        named = self.oracle.licensed(license)
        self._taken += [each for each in sorted(named, key=str) if each not in self._taken]
        self.oracle.taken.update(each.number for each in named)
        self.oracle.licenses.add(license)
        return f"take down license:{license} (drawings {sorted({each.number for each in named})})"

    def purge(self) -> str:
        """Purge until nothing is left; then no byte of it is."""
        if not self._taken:
            return "nothing to purge"
        self._run()
        for _ in range(3):
            try:
                purge_taken_down(FolderStorage(self.workspace))
                break
            except ConfigError:
                self._run()
        else:
            raise AssertionError("a purge never ends")
        found = remains(self.workspace, self._needles())
        assert not found, f"after a purge, {found} still have it"
        return "purge"

    def _needles(self) -> list[bytes]:
        needles = [way.svg() for drawing in self._taken for way in self._ways(drawing)]
        # what the config rejects has no form to know it by: equal bytes are known, other ways to write it are not
        unknown = {
            way.svg()
            for taken in self._taken
            for way in self._ways(taken)
            if rejected(way, self._settings()) and way not in self._taken
        }
        known = {key[0] for key in Recall.kept} & set(needles)
        for (raw, _), (kept, _) in list(Recall.kept.items()):
            if raw in known:
                for row in kept.to_pylist():
                    shown = [picture(row["svg"], PictureSettings(size=size)) for size in (32, 40)]
                    needles += [row["svg"].encode(), row["tokens"].encode(), *shown, row["picture"]]
        return [needle for needle in needles if needle not in unknown]

    def _ways(self, drawing: Drawing) -> list[Drawing]:
        """All ways to write a drawing in its colour."""
        return [Drawing(drawing.number, drawing.colour, scale, spaced) for scale in (1, 2) for spaced in (False, True)]

    def refresh(self) -> str:
        """Ask a distant source anew; now and then the run that does is killed, and another one goes on."""
        fit = [source for source in self.world.sources if source.distant]
        if not fit:
            return "nothing to refresh"
        source = self.chance.choice(fit)
        self._refresh = [source.name] if self.chance.random() < 0.8 else ["all"]
        killed = ""
        if self.chance.random() < 0.4:
            number = self.chance.randrange(1, 120)
            with contextlib.suppress(Killed):
                self._mill(CountingStorage(self.workspace, dead_from(number, BEFORE)))
            self._bury()
            killed = f", killed before operation {number}"
        self._run()
        asked, self._refresh = self._refresh, []
        return f"refresh {asked[0]}{killed}"

    def _bury(self) -> None:
        """Remove the marks of runs that are known to be dead."""
        for mark in (self.workspace / "marks").glob("*"):
            mark.unlink()

    def gc(self) -> str:
        """Collect garbage, whatever its age."""
        found = collect_garbage(FolderStorage(self.workspace), 0.0)
        return f"gc {found.count}"

    def repacked(self) -> str:
        """Turn write.repack on or off."""
        self.repack = not self.repack
        self.oracle.epoch()
        return f"repack {self.repack}"

    def kill(self) -> str:
        """Change a file, and kill the run at some operation."""
        said = self.files()
        number, moment = self.chance.randrange(1, 250), self.chance.choice((BEFORE, AFTER))
        with contextlib.suppress(Killed):
            self._mill(CountingStorage(self.workspace, dead_from(number, moment)))
        self._bury()
        return f"{said}, killed {moment} operation {number}"

    def damage(self) -> str:
        """Damage a shard, an index, a vocabulary or a table, and change a file, so that something is published."""
        if not self.oracle.newest():
            return "nothing to damage"
        manifest = json.loads((self.workspace / f"versions/{self.oracle.newest()}/manifest.json").read_text())
        kind = self.chance.choice(
            ("shard", "provenance", "clusters", "lineage", "layout", "vocabulary", "table", "table")
        )
        if kind == "table":
            stage = self.chance.choice(("samples", "tier", "caption", "deduplicate"))
            paths = sorted(p for p in (self.workspace / f"tables/{stage}").rglob("*.parquet"))
            paths = [p for p in paths if "dropped" not in p.name]
        else:
            vocabulary = [f"vocabulary/{name}" for name in ("tokenizer", "segments", "tokens")]
            roles = vocabulary if kind == "vocabulary" else [kind]
            paths = [self.workspace / file["path"] for file in manifest["files"] if file["role"] in roles]
        if not paths:
            return f"no {kind} to damage"
        path = self.chance.choice(paths)
        if path.exists():
            data = path.read_bytes()
            self._repairs[path] = data
            if self.chance.random() < 0.5:
                path.unlink()
            else:
                place = self.chance.randrange(len(data))
                path.write_bytes(data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :])
        seen = [source for source in self.world.sources if not source.distant]
        if not seen:
            return f"damage {path.relative_to(self.workspace)}, {self._source()}"
        source = self.chance.choice(seen)
        if source.rows is not None:
            source.rows.append(self._drawing())
        else:
            source.files[f"n{self.chance.randrange(10_000)}.svg"] = self._drawing()
        self.world.write(source)
        return f"damage {path.relative_to(self.workspace)}, add in {source.name}"

    # -- a step

    OPERATIONS: ClassVar[dict[str, int]] = {
        "files": 30,
        "sources": 14,
        "setting": 22,
        "down": 6,
        "purge": 3,
        "gc": 4,
        "repacked": 2,
        "refresh": 8,
        "kill": 5,
        "damage": 8,
    }

    def step(self) -> list[str]:
        """Do something and run; what is wrong afterwards."""
        name = self.chance.choices(list(self.OPERATIONS), list(self.OPERATIONS.values()))[0]
        if name not in ("setting", "gc"):
            self.oracle.epoch()
        try:
            said = getattr(self, name)()
        except AssertionError as error:
            self.log.append(name)
            return [str(error)]
        self.log.append(said)
        was = self.oracle.newest()
        try:
            self._run()
        except UserError as error:
            return [f"the run ended: {error}"]
        wrong = self.oracle.check(self.world, self._settings(), was)
        if self.chance.random() < 0.1:
            wrong += verify_version(FolderStorage(self.workspace), None, Display(quiet=True))[0]
        self._repair()  # older versions'
        return wrong

    def _repair(self) -> None:
        for path, data in self._repairs.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self._repairs.clear()

    def _settings(self) -> dict[str, Any]:
        settings = SMALL | CHANGES.get(self.changed, {})
        if self.repack:
            settings = settings | {"write": settings["write"] | {"repack": True}}
        return settings

    def _run(self) -> None:
        """As a user would: where something is to be put right, it is, once."""
        asked = self._refresh
        try:
            self._mill(CountingStorage(self.workspace, never))
        except UserError as error:
            text = str(error)
            if "set on_missing: remove" in text and "so is the" in text:
                for source in self.world.sources:
                    if f"source {source.name}:" in text:
                        source.on_missing = "remove"
            elif self._repairs and "restore it from a copy" in text:
                self._repair()
            elif "fetch the source again with --refresh" in text:  # a purge has removed it
                self._refresh = [text.rpartition("--refresh ")[2].partition(";")[0]]
            else:
                raise
            self.log[-1:] = [f"{self.log[-1] if self.log else ''}; remedy: {text[-90:]}"]
            self._mill(CountingStorage(self.workspace, never))
            self._refresh = asked

    def _mill(self, store: Storage) -> None:
        config = self.folder / "config.yaml"
        config.write_text(json.dumps(self._settings() | {"sources": self.world.config()}))
        execute.open_storage = lambda uri: store
        distant = [source for source in self.world.sources if source.distant]
        before = {source.name: self._snapshots(source) for source in distant}
        try:
            Conductor(load(config), store, InlineEngine, Display(quiet=True), refresh=self._refresh).run()
        finally:
            for source in distant:
                # what a snapshot is of is settled when it is begun, and runs see it when it is whole
                begun, whole = self._snapshots(source)
                if begun > before[source.name][0]:
                    self._begun[source.name] = source.there()
                if whole > before[source.name][1]:
                    source.seen = self._begun[source.name]

    def _snapshots(self, source: Source) -> tuple[int, int]:
        """The last snapshot of a source that was begun, and the last whole one; 0 for none."""
        names = [path.name for path in (self.workspace / f"fetched/{source.name}/snapshots").glob("*.json")]
        begun = [int(name.partition(".")[0]) for name in names if "whole" not in name]
        whole = [int(name.partition(".")[0]) for name in names if "whole" in name]
        return max(begun, default=0), max(whole, default=0)


def walked(folder: Path, seed: int, steps_: int, say: Callable[[str], None] = lambda text: None) -> list[str]:
    """Walk; what was wrong at the first step at which something was, with the steps to it."""
    # in every other walk, runs read records from where they lie together
    with quick(), patch.object(compacted, "LEAST", 1 if seed % 2 else compacted.LEAST):
        walk = Walk(folder, seed)
        for number in range(steps_):
            try:
                wrong = walk.step()
            except Exception as error:  # whatever it is, the steps to it are wanted
                where = traceback.extract_tb(error.__traceback__)[-1]
                wrong = [f"{type(error).__name__}: {error} ({where.filename.rpartition('/')[2]}:{where.lineno})"]
            say(f"{seed}/{number} v{walk.oracle.newest()}: {walk.log[-1] if walk.log else ''}")
            if wrong:
                return [f"seed {seed}, step {number}: {each}" for each in wrong] + walk.log[-6:]
    return []


if __name__ == "__main__":
    import tempfile
    import time

    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(dir=place) as name:
        for line in walked(Path(name), int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 40, print):
            print(line)
    print(f"{time.monotonic() - begin:.1f} s")
