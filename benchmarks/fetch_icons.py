"""Fetch real icons, flags and emoji to measure with: pinned npm packages, an equal share of each, one folder a set.

    python benchmarks/fetch_icons.py OUTDIR [--count 10000] [--cache DIR]

Needs `npm` on the path; which registry it asks is npm's own configuration. Packages are kept in the cache (default:
``OUTDIR-packages``), so a second run, or one with another count, downloads only what is missing. Nothing in a package
is executed: only its regular .svg files and its licence text are read.

Which files are taken depends on the pinned versions and ``--count`` alone: every package gives the same number of files
(those that have fewer give all, the rest is shared among the others), the first in the order of the sha256 of
``<set>/<path>``. A larger count is a superset of a smaller one. Licences differ (see `PACKAGES` and
``OUTDIR/fetched.json``), and logos are trademarks of their owners: the files are for measuring, not for publishing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.errors import InputError, UserError
from pipeline.sources.network import Network, Shelf, Snapshot
from pipeline.sources.npm import NpmSource, Package
from pipeline.storage.folder import FolderStorage
from stages.licenses.tree import is_text

MAX_MEMBER_BYTES = 8 * 2**20
RECORD = "fetched.json"


@dataclass(frozen=True)
class IconSet:
    """A pinned npm package: the set's folder name, ``name@version``, SPDX licence, and where its SVGs lie.

    ``under``: folders below the package's root, each ending in ``/``; the first that holds a file is cut off its path.
    """

    set: str
    spec: str
    license: str
    under: tuple[str, ...]


PACKAGES = (
    IconSet("bootstrap", "bootstrap-icons@1.13.2", "MIT", ("icons/",)),
    IconSet("carbon", "@carbon/icons@11.89.0", "Apache-2.0", ("svg/",)),
    IconSet("circle-flags", "circle-flags@2.8.3", "MIT", ("flags/",)),
    IconSet("cryptocurrency", "cryptocurrency-icons@0.18.1", "CC0-1.0", ("svg/",)),
    IconSet("devicon", "devicon@2.17.0", "MIT", ("icons/",)),
    IconSet("feather", "feather-icons@4.29.2", "MIT", ("dist/icons/",)),
    IconSet("flag-icons", "flag-icons@7.5.0", "MIT", ("flags/",)),
    IconSet("fluent-emoji", "fluentui-emoji@1.3.0", "MIT", ("icons/",)),
    IconSet("fluent", "@fluentui/svg-icons@1.1.343", "MIT", ("icons/",)),
    IconSet("heroicons", "heroicons@2.2.0", "MIT", ("16/", "20/", "24/")),
    IconSet("ionicons", "ionicons@8.1.0", "MIT", ("dist/svg/",)),
    IconSet("material", "@material-design-icons/svg@0.14.15", "Apache-2.0", ("",)),
    IconSet("mdi", "@mdi/svg@7.4.47", "Apache-2.0", ("svg/",)),
    IconSet("octicons", "@primer/octicons@19.42.0", "MIT", ("build/svg/",)),
    IconSet("phosphor", "@phosphor-icons/core@2.1.1", "MIT", ("assets/",)),
    IconSet("pictograms", "@carbon/pictograms@12.82.0", "Apache-2.0", ("svg/",)),
    IconSet("remixicon", "remixicon@4.9.1", "LicenseRef-RemixIcon-1.0", ("icons/",)),
    IconSet("supertiny", "super-tiny-icons@0.6.0", "MIT", ("images/svg/",)),
    IconSet("tabler", "@tabler/icons@3.51.0", "MIT", ("icons/",)),
    IconSet("twemoji", "@twemoji/svg@15.0.0", "CC-BY-4.0", ("",)),
)


def pack(spec: str, cache: Path) -> Path:
    """The package's .tgz in ``cache``, fetched as a source of kind npm if it is not there. Raises UserError."""
    name, _, version = spec.rpartition("@")
    path = cache / f"{name.removeprefix('@').replace('/', '-')}-{version}.tgz"
    if path.exists():
        return path
    source = NpmSource(name="icons", kind="npm", packages=(Package(name=name, version=version),))
    network, shelf = Network(str(cache), str(Path.cwd())), Shelf(FolderStorage(cache), source.name)
    snapshot = Snapshot(source.name, 1, source.asks(), tuple(source.resolve(network, None)), "")
    for unit in source.units(snapshot, (), network):
        source.fetch(unit, shelf, network)
    (cache / shelf.rows[0]["stored"]).replace(path)
    return path


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Path below the package's root, and content, of each regular file up to 8 MiB; links and ``..`` are skipped."""
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            if not member.isreg() or member.size > MAX_MEMBER_BYTES or path.is_absolute() or ".." in path.parts:
                continue
            stream = tar.extractfile(member)
            if stream is not None and len(path.parts) > 1:
                yield str(PurePosixPath(*path.parts[1:])), stream.read()


def svgs(package: IconSet, cache: Path) -> dict[str, bytes]:
    """The package's SVG files under its folders: path relative to the folder -> content. Raises UserError."""
    found = {}
    for path, content in members(pack(package.spec, cache)):
        under = next((u for u in package.under if path.startswith(u)), None)
        if under is not None and path.lower().endswith(".svg"):
            found[path if len(package.under) > 1 else path.removeprefix(under)] = content
    if not found:
        raise InputError(f"{package.spec}: no .svg under {package.under}; correct PACKAGES")
    return found


def shares(available: dict[str, int], count: int) -> dict[str, int]:
    """How many files each set gives, ``count`` in all: the same for each, but never more than it has."""
    given = dict.fromkeys(available, 0)
    left = min(count, sum(available.values()))
    while left:
        open_sets = sorted(name for name in available if given[name] < available[name])
        each = max(1, left // len(open_sets))
        for name in open_sets:
            more = min(each, available[name] - given[name], left)
            given[name] += more
            left -= more
    return given


def order(name: str, path: str) -> str:
    """The key by which the files of a set are taken."""
    return hashlib.sha256(f"{name}/{path}".encode()).hexdigest()


def fetch(out: Path, count: int, cache: Path) -> dict[str, int]:
    """Put ``count`` files into ``out/<set>/``; returns the number by set. Raises UserError."""
    wanted = {"count": count, "packages": {p.set: {"spec": p.spec, "license": p.license} for p in PACKAGES}}
    record = out / RECORD
    if record.exists():
        done = json.loads(record.read_text())
        if {key: done[key] for key in wanted} == wanted and _present(out) == done["files"]:
            return done["files"]
        record.unlink()
    for package in PACKAGES:
        print(f"  {package.spec}", file=sys.stderr)
        pack(package.spec, cache)
    given = shares({p.set: len(svgs(p, cache)) for p in PACKAGES}, count)
    for package in PACKAGES:
        files = svgs(package, cache)
        chosen = sorted(files, key=lambda path: order(package.set, path))[: given[package.set]]
        folder = out / package.set
        for stale in sorted(set(_files(folder)) - {folder / path for path in chosen}):
            stale.unlink()
        for path in chosen:
            _write(folder / path, files[path])
        for path, content in members(pack(package.spec, cache)):
            if "/" not in path and is_text(path):
                _write(folder / "LICENSE", content)
    if sum(given.values()) < count:
        print(f"the packages hold {sum(given.values())} files, fewer than {count}", file=sys.stderr)
    record.write_text(json.dumps({**wanted, "files": given}, indent=2) + "\n")
    return given


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".svg")


def _present(out: Path) -> dict[str, int]:
    return {package.set: len(_files(out / package.set)) for package in PACKAGES}


def _write(path: Path, content: bytes) -> None:
    if path.exists() and path.stat().st_size == len(content):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def main() -> None:
    """Fetch and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outdir", type=Path)
    parser.add_argument("--count", type=int, default=10_000, help="files in all, 1 to 60,000 (default 10,000)")
    parser.add_argument("--cache", type=Path, help="where packages are kept (default: OUTDIR-packages)")
    args = parser.parse_args()
    if not 1 <= args.count <= 60_000:
        parser.error("--count must be 1 to 60,000")
    out = args.outdir.resolve()
    try:
        given = fetch(out, args.count, args.cache or out.with_name(out.name + "-packages"))
    except UserError as error:
        raise SystemExit(f"error: {error}") from None
    licenses = {package.set: (package.license, package.spec) for package in PACKAGES}
    for name, number in given.items():
        print(f"{name:<16}{number:>7,}  {licenses[name][0]:<26}{licenses[name][1]}")
    print(f"{'in all':<16}{sum(given.values()):>7,}  in {args.outdir}")


if __name__ == "__main__":
    main()
