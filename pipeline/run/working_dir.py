"""What of this checkout travels to the nodes of a cluster: the packages, what they read beside them, and no more.

It is one archive whose bytes depend on nothing but the files, so that a node which has it does not ask for it again.
Where the packages are installed, as in an image, nothing travels: every node has its own.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""What holds the packages."""

PARTS = ("pipeline", "stages", "configs/prompts")
"""Folders that workers import from and read, below `ROOT`."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member: the earliest that the format knows."""


def is_checkout() -> bool:
    """Whether this code runs from a checkout, and not from where an installer puts packages."""
    return (ROOT / "pyproject.toml").is_file()


def pack(target: Path, more: Mapping[str, bytes] | None = None) -> None:
    """Write the archive to ``target``, with ``more``: path within it -> content."""
    files = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for part in PARTS
        for path in (ROOT / part).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    # so that a node without this package knows its version, too
    version = metadata.version("svgmill")
    about = f"Metadata-Version: 2.1\nName: svgmill\nVersion: {version}\n"
    files[f"svgmill-{version}.dist-info/METADATA"] = about.encode()
    files |= more or {}
    with zipfile.ZipFile(target, "w") as archive:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, _EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, files[name])
