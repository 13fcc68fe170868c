"""Write infra/requirements.txt: every package that the image installs, with its version, as this environment has it.

The environment must be one of Python 3.11 on Linux, as the image is, in which the tests have passed. With --check, only
say whether each package that svgmill needs is in the file, in a version that pyproject.toml allows.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "infra" / "requirements.txt"
EXTRAS = ("caption", "cluster", "crawl", "text")
"""Of pyproject.toml, what the image has."""

BUILD = {"setuptools": "80.9.0"}
"""What installing svgmill itself takes, which no environment keeps."""

NOTE = "# written by tools/make_requirements.py: all that the image installs, in the versions that were tested\n"


def declared() -> Iterator[Requirement]:
    """What pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for text in project["dependencies"] + [
        each for extra in EXTRAS for each in project["optional-dependencies"][extra]
    ]:
        yield Requirement(text)


def closure() -> dict[str, str]:
    """Name -> version of what is declared, and of what that needs in turn, here."""
    versions = dict(BUILD)
    met: set[tuple[str, str]] = set()
    waiting = list(declared())
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        distribution = metadata.distribution(name)
        versions[name] = distribution.version
        for extra in ("", *requirement.extras):
            if (name, extra) not in met:
                met.add((name, extra))
                needs = map(Requirement, distribution.requires or ())
                waiting += [need for need in needs if need.marker is None or need.marker.evaluate({"extra": extra})]
    return versions


def pinned() -> dict[str, str]:
    """What the file says."""
    lines = [line for line in FILE.read_text().splitlines() if not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def faults() -> list[str]:
    """What is declared and not in the file, or in a version that does not do."""
    versions = pinned()
    return [
        f"{requirement}: infra/requirements.txt has {versions.get(canonicalize_name(requirement.name), 'none')}; "
        "run tools/make_requirements.py"
        for requirement in declared()
        if not requirement.specifier.contains(versions.get(canonicalize_name(requirement.name), "0"), prereleases=True)
    ]


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit("\n".join(faults()) or 0)
    FILE.write_text(NOTE + "".join(f"{name}=={version}\n" for name, version in sorted(closure().items())))
