"""A server that speaks OpenAI's chat completions, asked one request at a time; who calls it decides about retries.

What can come of a request::

    Completion   the model's answer
    Wait         the server wants to be asked later (429, or 503 with Retry-After)
    Passing      the server failed, was too slow or hung up: the same request may fare better
    NoText       (asking.request) it answered, with no caption
    ConfigError  the same would happen to every request: wrong key, no such model, no pictures, no credit

No text of an exception holds the key, also where the server repeats it.
"""

from __future__ import annotations

import base64
import email.utils
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from pipeline.asking.request import CAPTION, SCHEMA, NoText, Request, Unanswered, Usage, text_of
from pipeline.asking.settings import AskSettings, EndpointSettings
from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from openai import AsyncOpenAI

URL = "/v1/chat/completions"
"""As batch files name it."""

_SHOWN = 200
"""Characters of a server's message that people are shown."""

_LATEST = 600.0
"""Seconds that a Retry-After may ask for; more is taken for so many."""

_SCHEMA_REFUSED = re.compile(
    r"response_format|json_?schema|structured|guided|grammar|json mode|json_object|output format", re.I
)
_NO_PICTURES = re.compile(
    r"not a multimodal model|multi-?modal.{0,40}(not|un)\s?support"
    r"|(does|do|can)\s?no?t.{0,30}(image|vision|picture|multi-?modal)"
    r"|(image|vision|multi-?modal)[^.]{0,60}(not supported|unsupported|only supported)"
    r"|no endpoints? found that supports? image|must be (?:a|of type) string",
    re.I,
)
_NO_MODEL = re.compile(r"model.{0,80}(not (?:exist|found)|does ?n.t exist|unknown|not available)|no such model", re.I)
_OTHER_LIMIT = re.compile(r"max_completion_tokens")


@dataclass(frozen=True)
class Completion:
    """A caption, and what it took."""

    text: str
    usage: Usage


class Wait(Exception):
    """The server wants to be asked later. ``seconds``: None if it does not say when."""

    def __init__(self, seconds: float | None, detail: str) -> None:
        super().__init__(detail)
        self.seconds, self.detail = seconds, detail


class Passing(Exception):
    """The same request may fare better."""

    def __init__(self, reason: Unanswered, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class Captioner(Protocol):
    """Whoever looks at a picture and answers: an endpoint, or a model that the worker runs itself."""

    async def answer(self, request: Request) -> Completion:
        """Raises Wait, Passing, Answered and ConfigError."""
        ...

    async def alive(self) -> bool:
        """Whether it would answer anything at all, as far as can be found out for nothing."""
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...


class Answered(Exception):
    """The server answered with no caption. ``usage``: what that took."""

    def __init__(self, why: NoText, usage: Usage) -> None:
        super().__init__(why.detail)
        self.why, self.usage = why, usage


def messages(request: Request) -> list[dict[str, Any]]:
    """What the model is told and shown."""
    picture = "data:image/png;base64," + base64.b64encode(request.picture).decode()
    content = [{"type": "text", "text": request.prompt}, {"type": "image_url", "image_url": {"url": picture}}]
    return [{"role": "user", "content": content}]


def body_of(request: Request, settings: AskSettings, structured: bool, limit: str = "max_tokens") -> dict[str, Any]:
    """The JSON of a request, also as a line of a batch file has it."""
    body: dict[str, Any] = {"model": settings.model, "messages": messages(request), limit: settings.max_tokens}
    body["temperature"] = settings.temperature
    if settings.seed is not None:
        body["seed"] = settings.seed
    if structured:
        schema = {"name": CAPTION, "strict": True, "schema": SCHEMA}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body | dict(settings.extra)


def key_from(settings: EndpointSettings) -> str:
    """The key from the environment of this process. Raises ConfigError if it is not there."""
    if settings.key_env is None:
        return ""
    key = os.environ.get(settings.key_env, "").strip()
    if not key:
        raise ConfigError(
            f"ask.endpoint.key_env: the environment has no {settings.key_env}; set it to the key, on every worker"
        )
    return key


class Endpoint:
    """The server of the settings. Raises ConfigError where svgmill[caption] or the key is missing."""

    def __init__(self, settings: AskSettings) -> None:
        try:
            import httpx2
            import openai
        except ImportError:
            raise ConfigError("ask.endpoint needs svgmill[caption]: pip install 'svgmill[caption]'") from None
        assert settings.endpoint is not None
        self._settings, self._server = settings, settings.endpoint
        self._key = key_from(self._server)
        self._openai, self._httpx = openai, httpx2
        self._structured, self._limit = settings.structured, "max_tokens"
        most = settings.at_once + 2
        limits = httpx2.Limits(max_connections=most, max_keepalive_connections=most)
        self._client: AsyncOpenAI = openai.AsyncOpenAI(
            base_url=self._server.base_url,
            api_key=self._key or "none",
            max_retries=0,
            timeout=httpx2.Timeout(self._server.timeout, connect=min(15.0, self._server.timeout), pool=None),
            # proxies of the environment stay in use, as for any client
            http_client=httpx2.AsyncClient(limits=limits, follow_redirects=False),
        )

    async def answer(self, request: Request) -> Completion:
        """As `Captioner.answer`."""
        while True:
            structured, limit = self._structured, self._limit
            body = body_of(request, self._settings, structured, limit)
            try:
                content, finish, refusal, usage = await self._complete(body)
            except self._openai.APIStatusError as error:
                if self._adapted(error, structured, limit):
                    continue
                raise self._of_status(error.status_code, error.response.headers, error.message) from None
            except self._openai.APITimeoutError:
                raise self._slow() from None
            except self._openai.APIConnectionError as error:
                cause = error.__cause__ or error
                raise Passing(Unanswered.DROPPED, self._told(f"{type(cause).__name__}: {cause}")) from None
            except self._openai.APIError as error:  # in the middle of a stream
                raise Passing(Unanswered.SERVER_ERROR, self._told(error.message)) from None
            except self._httpx.TimeoutException:
                raise self._slow() from None
            except self._httpx.HTTPError as error:
                raise Passing(Unanswered.DROPPED, self._told(f"{type(error).__name__}: {error}")) from None
            except (ValueError, TypeError, AttributeError, KeyError, IndexError):
                raise Passing(Unanswered.MALFORMED, "the server's answer is no chat completion") from None
            return read(content, finish, refusal, usage, structured)

    async def alive(self) -> bool:
        """Whether the list of models can be read."""
        try:
            await self._client.models.list(timeout=min(15.0, self._server.timeout))
        except (self._openai.OpenAIError, self._httpx.HTTPError, ValueError):
            return False
        return True

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _complete(self, body: Mapping[str, Any]) -> tuple[str, str, str, Usage]:
        """Text, why it ended, refusal, usage."""
        create: Any = self._client.chat.completions.with_raw_response.create
        extra = dict(self._settings.extra)
        own = {name: value for name, value in body.items() if name not in extra}
        if not self._server.stream:
            raw = await create(**own, extra_body=extra)
            return completion(json.loads(raw.text if isinstance(raw.text, str) else await raw.text()))
        raw = await create(**own, extra_body=extra, stream=True, stream_options={"include_usage": True})
        parts: list[str] = []
        refusals: list[str] = []
        finish, usage = "", Usage(1)
        async for chunk in raw.parse():
            if chunk.usage is not None:
                usage = Usage(1, chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
            for choice in chunk.choices[:1]:
                parts.append(choice.delta.content or "")
                refusals.append(getattr(choice.delta, "refusal", None) or "")
                finish = choice.finish_reason or finish
        if not finish:
            raise Passing(Unanswered.DROPPED, "the stream ended before the answer did")
        return "".join(parts), finish, "".join(refusals), usage

    def _adapted(self, error: Any, structured: bool, limit: str) -> bool:
        """Whether the server wants the same said otherwise: from now on it is."""
        if error.status_code not in (400, 422, 501):
            return False
        if limit == "max_tokens" and _OTHER_LIMIT.search(error.message):
            self._limit = "max_completion_tokens"
            return True
        if structured and _SCHEMA_REFUSED.search(error.message) and not _NO_PICTURES.search(error.message):
            self._structured = False
            return True
        return False

    def _of_status(self, status: int, headers: Mapping[str, str], message: str) -> Exception:
        told = self._told(message)
        server, model = self._server, self._settings.model
        if status in (401, 403):
            what = f"the key in {server.key_env}" if server.key_env else "a request without a key (set key_env)"
            return ConfigError(f"ask.endpoint: {server.base_url} does not accept {what} (HTTP {status})")
        if status == 402 or (status == 429 and "insufficient_quota" in message):
            return ConfigError(f"ask.endpoint: the account at {server.base_url} has no credit left: {told}")
        if status == 404 or (status == 400 and _NO_MODEL.search(message)):
            return ConfigError(
                f"ask.model: {server.base_url} knows no model {model}, or is no base URL of chat completions: {told}"
            )
        if status == 429 or (status == 503 and retry_after(headers) is not None):
            return Wait(retry_after(headers), f"HTTP {status}: {told}")
        if status >= 500 or status in (408, 409, 425):
            return Passing(Unanswered.SERVER_ERROR, f"HTTP {status}: {told}")
        if _NO_PICTURES.search(message):
            return NoPictures(f"ask.model: {model} at {server.base_url} takes no pictures: {told}")
        return Answered(NoText(Unanswered.REJECTED, f"HTTP {status}: {told}"), Usage())

    def _slow(self) -> Passing:
        return Passing(Unanswered.TIMED_OUT, f"no answer in {self._server.timeout:g} s")

    def _told(self, text: str) -> str:
        """A server's words for people: in one line, and without the key."""
        line = " ".join(str(text).split())
        if self._key:
            line = line.replace(self._key, "***")
        return line[:_SHOWN]


class NoPictures(ConfigError):
    """The server says that the model takes no pictures, which some say of one picture that they cannot read."""


def completion(data: Mapping[str, Any]) -> tuple[str, str, str, Usage]:
    """Text, why it ended, refusal and usage of a chat completion. Raises KeyError, TypeError … if it is none."""
    choice = data["choices"][0]
    counts = data.get("usage") or {}
    usage = Usage(1, int(counts.get("prompt_tokens") or 0), int(counts.get("completion_tokens") or 0))
    message = choice["message"]
    return (
        message.get("content") or "",
        choice.get("finish_reason") or "stop",
        message.get("refusal") or "",
        usage,
    )


def read(content: str, finish: str, refusal: str, usage: Usage, structured: bool) -> Completion:
    """The caption in an answer. Raises Answered."""
    try:
        if refusal or finish == "content_filter":
            raise NoText(Unanswered.REFUSED, " ".join(refusal.split())[:_SHOWN] or "a filter stopped the answer")
        if finish == "length":
            raise NoText(Unanswered.CUT_OFF, f"the answer ends after {usage.output_tokens} tokens")
        return Completion(text_of(content, structured), usage)
    except NoText as why:
        raise Answered(why, usage) from None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server wants to be left alone (RFC 9110, section 10.2.3), as a number or a date; None for nothing.

    A date is held against the server's own ``Date``, since its clock may be another.
    """
    text = (headers.get("retry-after") or "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            until = email.utils.parsedate_to_datetime(text)
            now = datetime.now(UTC)
            if headers.get("date"):
                now = email.utils.parsedate_to_datetime(headers["date"])
            seconds = (until - now).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(0.0, seconds), _LATEST) if seconds == seconds else None
