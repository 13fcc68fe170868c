"""From a URI to the storage behind it."""

from __future__ import annotations

import uuid
from pathlib import Path

from pipeline.errors import ConfigError, StoreRefused
from pipeline.storage.base import AlreadyExists, Storage
from pipeline.storage.folder import FolderStorage
from pipeline.storage.uri import is_s3


def open_storage(uri: str) -> Storage:
    """The storage at ``uri``: a folder's path, a ``file://`` URI, or ``s3://bucket/prefix``.

    An s3:// URI may end in ``?endpoint_url=http://host:9000`` and in ``attempts=8``. Raises ConfigError for anything
    else.
    """
    if is_s3(uri):
        from pipeline.storage.s3 import S3Storage  # here, so that a run on folders does not load a cloud client

        return S3Storage(uri)
    if uri.startswith("file://"):
        uri = uri.removeprefix("file://")
    if "://" in uri:
        raise ConfigError(f"workspace {uri}: only folders and s3:// are supported; give a folder's path or s3://bucket")
    root = Path(uri)
    if root.exists() and not root.is_dir():
        raise ConfigError(f"workspace {uri} is a file, not a folder; give another path with --workspace")
    return FolderStorage(root)


def require_writable(storage: Storage) -> None:
    """Raise Unwritable at once if nothing can be written, rather than after the first partition.

    Also if the store lets two create one object: some servers take a conditional write for a plain one. Raises RunAgain
    for a store that does not answer.
    """
    probe = f".writable-{uuid.uuid4().hex}"
    try:
        storage.create(probe, b"")
        try:
            storage.create(probe, b"")
        except AlreadyExists:
            pass
        else:
            raise Unwritable(
                f"workspace {storage.uri}: its server ignores If-None-Match, so two runs could publish one version; "
                "use another server"
            )
        finally:
            storage.delete(probe)
    except Unwritable:
        raise
    except StoreRefused as error:
        raise Unwritable(f"workspace {storage.uri} is not writable: {error}") from None


class Unwritable(StoreRefused):
    """The workspace cannot be written to."""


def open_existing(uri: str) -> Storage:
    """As `open_storage`, but the workspace must be there. Raises ConfigError if it is not."""
    storage = open_storage(uri)
    if not storage.present():
        raise ConfigError(f"workspace {uri} does not exist; make one with: svgmill run CONFIG --workspace {uri}")
    return storage
