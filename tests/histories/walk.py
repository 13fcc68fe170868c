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
from stages.render import PictureSettings, picture
from tests.faults.crashing import AFTER, BEFORE, CountingStorage, never
from tests.histories.oracle import Oracle, rejected, remains
from tests.histories.recall import Recall, quick
from tests.histories.world import COLOURS, Drawing, Source, World

SMALL: dict[str, Any] = {
    "config_version": 1,
    "name": "walk",
    "partition": {"records": 4},
    "render": {"size": 32, "compare_size": 32},
    "write": {"formats": ["parquet", "webdataset"], "shard_rows": 6, "group_bytes": 65536},
    "tier": {"splits": {"train": 0.4, "validation": 0.3, "test": 0.3}},
    "tokenize": {"segments": {"count": 8}},
}

CHANGES: dict[str, dict[str, Any]] = {
    "size": {"render": {"size": 40, "compare_size": 32}},
    "shapes": {"normalize": {"shapes": "path"}},
    "opacity": {"normalize": {"width_decimals": 1}},
    "elements": {"sanitize": {"max_elements": 3}},
    "title": {"sanitize": {"max_title_chars": 10}},
    "colours off": {"deduplicate": {"recoloured": "off"}},
    "colours kept": {"deduplicate": {"recoloured": "keep"}},
    "threshold": {"deduplicate": {"threshold": 0.7}},
    "grid": {"deduplicate": {"min_shingles": 5}},
    "records": {"partition": {"records": 3}},
    "seconds": {"partition": {"seconds": 900}},
    "seed": {"tier": {"splits": {"train": 0.4, "validation": 0.3, "test": 0.3}, "seed": 7}},
    "segments": {"tokenize": {"segments": {"count": 5}}},
    "captions": {"caption": {"max_characters": 40}},
    "crawl": {"crawl": {"max_bytes": 100_000}},
    "shards": {"write": {"formats": ["parquet"]}},
    "budget": {"error_budget": 0.5},
}
"""Name -> settings that take the place of those of `SMALL`."""

LICENSES = ("MIT", "Apache-2.0", "CC0-1.0", "CC-BY-4.0")


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
        if self.chance.random() < 0.2:
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
            source.name = f"{self.chance.choice('abcxyz')}r{next(self._names)}"
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
            elif of is source.files:
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
        for mark in (self.workspace / "marks").glob("*"):  # it is known to be dead
            mark.unlink()
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
        source = self._some()
        assert source is not None
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
            else:
                raise
            self.log[-1:] = [f"{self.log[-1] if self.log else ''}; remedy: {text[-90:]}"]
            self._mill(CountingStorage(self.workspace, never))

    def _mill(self, store: Storage) -> None:
        config = self.folder / "config.yaml"
        config.write_text(json.dumps(self._settings() | {"sources": self.world.config()}))
        execute.open_storage = lambda uri: store
        Conductor(load(config), store, InlineEngine, Display(quiet=True)).run()


def walked(folder: Path, seed: int, steps_: int, say: Callable[[str], None] = lambda text: None) -> list[str]:
    """Walk; what was wrong at the first step at which something was, with the steps to it."""
    with quick():
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
