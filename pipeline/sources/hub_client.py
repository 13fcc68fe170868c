"""What the hub source asks of a hub, by its own client, with the user's own environment; each refusal is one line."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.errors import ConfigError, RunAgain

LONGEST_WORDS = 200
"""Characters of what a hub says that a message repeats."""


@dataclass(frozen=True, order=True)
class RepoFile:
    """A file of a dataset. ``digest``: hex sha256 of a large one, the id of a git blob (hex sha1) of a small one."""

    path: str
    size: int
    digest: str


@dataclass(frozen=True)
class Hub:
    """The hub, asked about one dataset for one source."""

    source: str
    dataset: str

    def card(self, revision: str) -> tuple[str, str]:
        """The commit of a revision, and the licence that the dataset's card states there, "" for none."""
        with self._told(revision):
            info = _api().dataset_info(self.dataset, revision=revision)
        stated = info.card_data.to_dict() if info.card_data else {}
        license = stated.get("license")
        if license == "other":  # which stands for a name of the dataset's own
            license = stated.get("license_name") or license
        several = license if isinstance(license, list) else [license]
        return str(info.sha), ", ".join(each for each in several if isinstance(each, str))

    def files(self, commit: str) -> list[RepoFile]:
        """Of a commit, all."""
        from huggingface_hub import hf_api

        with self._told(commit):
            tree = _api().list_repo_tree(self.dataset, recursive=True, revision=commit, repo_type="dataset")
            listed = [entry for entry in tree if isinstance(entry, hf_api.RepoFile)]
        for entry in listed:
            if ".." in PurePosixPath(entry.path).parts or entry.path.startswith("/"):
                raise ConfigError(
                    f"source {self.source}: {self.dataset} has a file {entry.path!r}; take the source out"
                )
        return [RepoFile(each.path, each.size, each.lfs.sha256 if each.lfs else each.blob_id) for each in listed]

    def download(self, path: str, commit: str, folder: Path) -> Path:
        """A file, somewhere below ``folder``."""
        from huggingface_hub import hf_hub_download
        from huggingface_hub.utils.tqdm import disable_progress_bars

        disable_progress_bars()
        with self._told(commit):
            return Path(
                hf_hub_download(
                    self.dataset,
                    path,
                    repo_type="dataset",
                    revision=commit,
                    local_dir=folder,
                    endpoint=os.environ.get("HF_ENDPOINT"),
                )
            )

    @contextlib.contextmanager
    def _told(self, revision: str) -> Iterator[None]:
        """Raises what the hub refuses as ConfigError, and what may pass as RunAgain."""
        from huggingface_hub import errors

        whose = f"source {self.source}: dataset {self.dataset}"
        try:
            yield
        except errors.GatedRepoError:
            raise ConfigError(
                f"{whose} is gated: accept its terms on its page, and give a token that may read it (HF_TOKEN)"
            ) from None
        except errors.RevisionNotFoundError:
            raise ConfigError(f"{whose} has no revision {revision}; correct revision") from None
        except errors.RepositoryNotFoundError:
            raise ConfigError(
                f"{whose} is not there, or private; correct dataset, or give a token that may read it (HF_TOKEN)"
            ) from None
        except errors.OfflineModeIsEnabled:
            raise ConfigError(f"{whose} cannot be asked for while HF_HUB_OFFLINE is set; unset it") from None
        except errors.RemoteEntryNotFoundError as error:
            raise self._failed(error) from None
        except errors.HfHubHTTPError as error:
            status = error.response.status_code
            if status in (401, 403):
                raise ConfigError(f"{whose}: the hub says {status}; give a token that may read it (HF_TOKEN)") from None
            if status == 429 or status >= 500:
                raise RunAgain(f"{whose}: the hub says {status}; run again later") from None
            raise self._failed(error) from None
        except _no_answer() as error:
            words = " ".join(str(error).split())[:LONGEST_WORDS]
            raise RunAgain(
                f"{whose}: the hub does not answer ({words}); run again later, or correct HF_ENDPOINT"
            ) from None

    def _failed(self, error: Exception) -> ConfigError:
        words = " ".join(str(error).split())[:LONGEST_WORDS]
        return ConfigError(f"source {self.source}: dataset {self.dataset} cannot be had ({words}); mend that")


def _api() -> Any:
    # imported here, because it takes as long as all the rest of a command on folders
    from huggingface_hub import HfApi

    return HfApi(endpoint=os.environ.get("HF_ENDPOINT"))


def _no_answer() -> tuple[type[Exception], ...]:
    """What the client raises of a connection; which library makes them depends on its version."""
    from huggingface_hub import errors

    (http_error, *_) = errors.HfHubHTTPError.__mro__[1:]
    return (http_error, errors.LocalEntryNotFoundError, OSError)
