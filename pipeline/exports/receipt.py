"""What an export's folder says of itself: which version it was made of, by which export, and every file's digest.

``export.json`` is written last, so a folder that has it is whole. Until then ``export.partial.json`` has the same form
and lists the files that are done; whoever runs the export again goes on from there.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import Field, ValidationError

from pipeline.errors import ConfigError, Damaged
from pipeline.storage.base import NotFound, Storage
from stages.base import Settings

RECEIPT, UNFINISHED = "export.json", "export.partial.json"


class Written(Settings):
    """A file of the export, as it was written."""

    path: str
    sha256: str
    bytes: int
    rows: int
    counts: dict[str, int] = Field(default_factory=dict)
    """What the export counted, by name."""


class Receipt(Settings):
    """Content of `RECEIPT` and `UNFINISHED`. All but ``files`` decides what the files hold."""

    receipt_version: Literal[1] = 1
    export: str
    export_version: int | str
    settings: dict[str, Any]
    """All settings of the export, with their values."""
    dataset: str
    """The dataset's name."""
    version: int
    manifest: str
    """The hex sha256 of the version's manifest."""
    redacted: int
    """Files of the version that takedowns had removed."""
    files: tuple[Written, ...]
    """In the export's order."""

    def to_bytes(self) -> bytes:
        """As JSON: equal receipts, equal bytes."""
        text = json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False)
        return (text + "\n").encode()

    def difference(self, other: Receipt) -> str:
        """How what the ``other`` was made of differs, "" if it does not."""
        for name in type(self).model_fields:
            if name != "files" and getattr(self, name) != getattr(other, name):
                return f"{name} is {getattr(other, name)}, not {getattr(self, name)}"
        return ""


def read_receipt(out: Storage, path: str) -> Receipt | None:
    """The receipt at `RECEIPT` or `UNFINISHED`, None if there is none. Raises Damaged."""
    try:
        return Receipt.model_validate_json(out.read(path))
    except NotFound:
        return None
    except ValidationError as error:
        raise Damaged(
            f"{out.locate(path)} is no receipt of an export ({error.error_count()} faults); give another folder, or "
            "remove this one"
        ) from None


def require_receipt(out: Storage) -> Receipt:
    """The receipt of a whole export. Raises ConfigError if there is none, Damaged if it is not one."""
    receipt = read_receipt(out, RECEIPT)
    if receipt is None:
        unfinished = read_receipt(out, UNFINISHED)
        state = "was not finished; run svgmill export again" if unfinished else f"is not there: it has no {RECEIPT}"
        raise ConfigError(f"the export at {out.uri} {state}")
    return receipt
