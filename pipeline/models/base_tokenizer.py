"""A base model's tokenizer: found in a folder or on the hub, and kept in the workspace by its content.

Workers read the workspace's copy, so that they need neither the folder nor the hub, and a version's ids can be made
again when both have changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.storage.base import Storage
from pipeline.storage.tables import Output, write_bytes
from pipeline.work import ledger

TOKENIZER = "tokenizer.json"
BESIDE = ("tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json")
"""What trainers read beside `TOKENIZER`, where the base has it."""


@dataclass(frozen=True)
class BaseTokenizer:
    """The files of a base tokenizer by name."""

    files: Mapping[str, bytes]

    @property
    def outputs(self) -> dict[str, Output]:
        """Where the files lie in a workspace, by name."""
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(self.files.items())}
        home = f"vocabularies/base-{ledger.digest(digests)[:20]}"
        return {name: Output(f"{home}/{name}", digests[name], len(self.files[name]), 0) for name in digests}

    def store(self, storage: Storage) -> None:
        """Write the files to the workspace, if it lacks them."""
        for name, output in self.outputs.items():
            if not storage.exists(output.path):
                write_bytes(storage, output.path, self.files[name])


def find(name: str, base: Path) -> BaseTokenizer:
    """The tokenizer in the folder ``name`` (relative to ``base``), or with that hub id (name or name@revision).

    Raises ConfigError.
    """
    folder = base / name
    if folder.is_dir():
        there = [TOKENIZER, *(each for each in BESIDE if (folder / each).exists())]
        try:
            return BaseTokenizer({each: (folder / each).read_bytes() for each in there})
        except OSError as error:
            raise ConfigError(
                f"base_tokenizer: {folder / TOKENIZER} cannot be read: {error.strerror or error}; save the tokenizer "
                "there with transformers' save_pretrained"
            ) from None
    if folder.exists() or name.startswith((".", "/", "~")):
        raise ConfigError(f"base_tokenizer: {folder} is no folder with a {TOKENIZER}")
    return _download(name)


def _download(name: str) -> BaseTokenizer:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    repository, _, revision = name.partition("@")
    files: dict[str, bytes] = {}
    for each in (TOKENIZER, *BESIDE):
        try:
            files[each] = Path(hf_hub_download(repository, each, revision=revision or None)).read_bytes()
        except EntryNotFoundError as error:
            # what is asked for offline and was never fetched counts as not found, too; then nothing is known of it
            if each == TOKENIZER:
                raise _refused(name, error) from None
        except Exception as error:  # the hub's library raises its own, httpx's and ValueError
            raise _refused(name, error) from None
    return BaseTokenizer(files)


def _refused(name: str, error: Exception) -> ConfigError:
    why = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
    return ConfigError(f"base_tokenizer: {name} is no folder, and the hub did not give its {TOKENIZER}: {why}")
