"""Programs of the user's machine that ask the network: they run with the user's own configuration, and ask nobody."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipeline.errors import ConfigError, RunAgain

LONGEST_WORDS = 300
"""Characters of what a program said that a message repeats."""


@dataclass(frozen=True)
class Ended:
    """What a program left."""

    code: int
    out: bytes
    err: str

    @property
    def words(self) -> str:
        """The end of what it complained about, on one line."""
        return " ".join(self.err.split())[-LONGEST_WORDS:]


def run(
    command: Sequence[str],
    folder: Path,
    whose: str,
    env: Mapping[str, str],
    seconds: float,
    remedy: str,
    given: bytes = b"",
    out: IO[bytes] | None = None,
) -> Ended:
    """Run a program without a terminal, so that it cannot ask for a password. ``given``: its standard input;
    ``out``: what its standard output goes into, else `Ended.out`.

    ``whose``: how messages begin. Raises ConfigError with ``remedy`` if there is no such program, and RunAgain if it
    takes more than ``seconds``, in which case all that it has started ends, too.
    """
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if out is None else out,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (FileNotFoundError, PermissionError):
        raise ConfigError(f"{whose}: the program {command[0]} is not on the path; {remedy}") from None
    with process:
        try:
            printed, err = process.communicate(given, timeout=seconds)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise RunAgain(f"{whose}: {command[0]} took more than {seconds:g} s; run again") from None
            raise
    return Ended(process.returncode, printed or b"", err.decode("utf-8", "replace"))
