"""What a server's answer, or the lack of one, means for whoever runs the command: an error's class and its words."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore import exceptions
from botocore.parsers import ResponseParserError

from pipeline.errors import ConfigError, Overtaken, StoreRefused, StoreUnavailable, UnknownOutcome, UserError
from pipeline.storage.base import NotFound

UNREACHABLE = (exceptions.ConnectionError, exceptions.HTTPClientError)
"""What botocore raises when no server answered."""

CONFLICTS = ("ConditionalRequestConflict", "OperationAborted")
"""Codes of an answer that decides nothing between two writers."""

_CHANGING = ("CompleteMultipartUpload", "DeleteObject", "PutObject")
"""Operations that change what others see."""

_NO_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.TokenRetrievalError,
    exceptions.ProfileNotFound,
    exceptions.SSOError,
)


@dataclass(frozen=True)
class Request:
    """What was asked of which server."""

    operation: str
    """As the protocol calls it: ``GetObject``, ``PutObject``, ..."""
    where: str
    """URI of the object."""
    place: str
    """URI of the storage."""
    bucket: str
    endpoint_url: str | None

    @property
    def failed(self) -> str:
        """The beginning of a message."""
        return f"cannot {_OPERATIONS[self.operation][0]} {self.where}"

    @property
    def server(self) -> str:
        """The server's address, for people."""
        return self.endpoint_url or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "AWS"


@dataclass(frozen=True)
class _Answer:
    """An error as the server words it."""

    code: str
    status: int
    message: str
    retries: int
    fields: Mapping[str, Any]
    """Of the error."""
    region: str | None
    """The bucket's, if the answer says it."""


def of_answer(request: Request, response: Mapping[str, Any]) -> UserError:
    """The error that an answer stands for. ``response``: as botocore parsed it."""
    error, metadata = response.get("Error", {}), response.get("ResponseMetadata", {})
    answer = _Answer(
        code=str(error.get("Code", "")),
        status=metadata.get("HTTPStatusCode", 0),
        message=" ".join(str(error.get("Message", "")).split()).rstrip("."),
        retries=metadata.get("RetryAttempts", 0),
        fields=error,
        region=error.get("Region") or metadata.get("HTTPHeaders", {}).get("x-amz-bucket-region"),
    )
    if answer.code in _KNOWN:
        return _KNOWN[answer.code](request, answer)
    if answer.status == 404 and request.operation == "HeadObject":
        return _not_found(request, answer)
    if answer.code == "PreconditionFailed" and request.operation == "GetObject":
        return Overtaken(f"{request.failed}: it was replaced while it was read; run again")
    if answer.status == 403:
        return _denied(request, answer)
    return _other(request, answer)


def of_failure(request: Request, error: Exception) -> UserError:
    """The error that it stands for when no answer came, or none that is S3's."""
    text = " ".join(str(error).split()).rstrip(".")
    if isinstance(error, _NO_CREDENTIALS):
        return ConfigError(
            f"{request.place}: no usable credentials ({text}); "
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        )
    if isinstance(error, UNREACHABLE):
        return _no_answer(
            request,
            f"{request.failed}: {request.server} cannot be reached ({text}); "
            "check endpoint_url and the network, then run again",
        )
    if isinstance(error, ResponseParserError):
        return ConfigError(f"{request.place}: {request.server} does not answer as S3 does; correct endpoint_url")
    return ConfigError(f"{request.place}: {text}; correct the URI or the AWS settings")


def _no_bucket(request: Request, answer: _Answer) -> UserError:
    return ConfigError(
        f"{request.place}: there is no bucket {request.bucket} at {request.server}; make it, or correct the URI"
    )


def _not_found(request: Request, answer: _Answer) -> UserError:
    return NotFound(f"{request.where} does not exist")


def _expired(request: Request, answer: _Answer) -> UserError:
    return StoreRefused(f"{request.failed}: the credentials have expired; renew them, then run again")


def _skewed(request: Request, answer: _Answer) -> UserError:
    fields = answer.fields
    times = f" (here {fields['RequestTime']}, there {fields['ServerTime']})" if "ServerTime" in fields else ""
    return StoreRefused(
        f"{request.failed}: this machine's clock is too far from the server's{times}; set the clock, then run again"
    )


def _credentials(request: Request, answer: _Answer) -> UserError:
    return ConfigError(
        f"{request.failed}: {request.server} does not take the credentials ({answer.code}); "
        "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile"
    )


def _region(request: Request, answer: _Answer) -> UserError:
    there = f"is in region {answer.region}" if answer.region else "is in another region"
    return ConfigError(
        f"{request.failed}: bucket {request.bucket} {there}, not where it was asked for; "
        f"set AWS_REGION{f'={answer.region}' if answer.region else ''}"
    )


def _archived(request: Request, answer: _Answer) -> UserError:
    return StoreRefused(f"{request.failed}: it is archived; restore it to a class that can be read at once")


def _denied(request: Request, answer: _Answer) -> UserError:
    listing = "" if request.operation == "ListObjectsV2" else ", and s3:ListBucket on the bucket"
    return StoreRefused(
        f"{request.failed}: access denied ({answer.message or answer.code}); "
        f"the credentials need s3:{_OPERATIONS[request.operation][1]} there{listing}"
    )


def _other(request: Request, answer: _Answer) -> UserError:
    tries = f" in {answer.retries + 1} attempts" if answer.retries else ""
    reason = f" ({answer.message})" if answer.message else ""
    message = f"{request.failed}: {request.server} answered {answer.code or answer.status}{tries}{reason}"
    if answer.code in CONFLICTS:
        return Overtaken(f"{message}; run again later")
    if answer.status in (429, 500, 502, 503, 504) or answer.code == "NoSuchUpload":
        return _no_answer(request, f"{message}; run again later")
    return StoreRefused(f"{message}; see what that server supports")


def _no_answer(request: Request, message: str) -> UserError:
    """Of a request that a server has not, or not surely, decided on: also a busy one may have served a lost attempt."""
    return UnknownOutcome(message) if request.operation in _CHANGING else StoreUnavailable(message)


_KNOWN: dict[str, Callable[[Request, _Answer], UserError]] = {
    "NoSuchBucket": _no_bucket,
    "NoSuchKey": _not_found,
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"), _expired),
    "RequestTimeTooSkewed": _skewed,
    **dict.fromkeys(("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"), _credentials),
    **dict.fromkeys(
        ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"), _region
    ),
    "InvalidObjectState": _archived,
}
"""By S3's code."""

_OPERATIONS = {
    "AbortMultipartUpload": ("abort the upload of", "AbortMultipartUpload"),
    "CompleteMultipartUpload": ("write", "PutObject"),
    "CreateMultipartUpload": ("write", "PutObject"),
    "DeleteObject": ("delete", "DeleteObject"),
    "GetObject": ("read", "GetObject"),
    "HeadObject": ("look for", "GetObject"),
    "ListMultipartUploads": ("list unfinished uploads to", "ListBucketMultipartUploads"),
    "ListObjectsV2": ("list", "ListBucket"),
    "PutObject": ("write", "PutObject"),
    "UploadPart": ("write", "PutObject"),
}
"""What each does, and the right that it needs."""
