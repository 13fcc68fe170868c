"""The settings of asking: whom, what about, and at most how much of it."""

from __future__ import annotations

from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, field_validator, model_validator

from stages.base import Settings
from stages.render.looks import LookSettings

Style = Literal["tag", "short", "detailed"]
STYLES: tuple[Style, ...] = ("tag", "short", "detailed")


class ParameterSettings(Settings):
    """What an answer depends on beside picture and prompt. All of it is in the answer's key."""

    model: str = Field(min_length=1, description="the model's name, as the endpoint knows it")
    temperature: float = Field(0.0, ge=0, le=2, description="0: the likeliest answer; what a model samples with")
    seed: int | None = Field(0, description="seed of the model's sampling, where the server takes one; null: none")
    max_tokens: int = Field(300, ge=1, le=100_000, description="tokens of an answer at most")
    structured: bool = Field(
        True,
        description="ask for JSON by a schema (response_format); a server that cannot is asked for plain text instead",
    )
    extra: dict[str, JsonValue] = Field(
        {}, description="more keys of the request's body, for example {chat_template_kwargs: {enable_thinking: false}}"
    )

    @field_validator("extra")
    @classmethod
    def _no_own(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        own = {"model", "messages", "temperature", "seed", "max_tokens", "response_format", "stream", "stream_options"}
        taken = sorted(own.intersection(value))
        if taken:
            raise ValueError(f"{taken[0]} is set by a setting of its own, or by svgmill")
        return value


class EndpointSettings(Settings):
    """A server that speaks OpenAI's chat completions: vLLM, SGLang, Ollama, or a hosted one."""

    base_url: str = Field(description="what comes before /chat/completions, for example http://host:8000/v1")
    key_env: str | None = Field(
        None,
        pattern="^[A-Za-z_][A-Za-z0-9_]*$",
        description="name of the environment variable that holds the key, on every worker; null: the server asks none",
    )
    stream: bool = Field(False, description="have answers sent in pieces, which keeps slow ones from timing out")
    timeout: float = Field(120.0, gt=0, le=3600, description="seconds that a server may take for an answer, or a piece")
    attempts: int = Field(
        6, ge=1, le=100, description="how often a picture is asked about where the server fails before it has no answer"
    )
    patience: float = Field(
        600.0, gt=0, le=86_400, description="seconds without any answer, while told to wait, after which the run ends"
    )

    @field_validator("base_url")
    @classmethod
    def _plain(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            right = False
        if not right:
            raise ValueError("must be like http://host:8000/v1")
        if parts.username or parts.password or parts.query:
            raise ValueError("must hold no key or password: name the variable that holds it in key_env")
        return value.rstrip("/")


class LocalSettings(Settings):
    """A model that the workers run themselves, by transformers. Needs svgmill[caption-local]."""

    path: str = Field(min_length=1, description="folder of the model, on every worker")
    device: Literal["cuda", "cpu"] = Field("cuda", description="cuda takes one GPU of a Ray node")
    batch: int = Field(8, ge=1, le=1024, description="pictures that are looked at together")
    workers: int = Field(1, ge=1, le=1024, description="workers that run the model, each on a GPU of its own")


class BudgetSettings(Settings):
    """What all answers in the workspace may have taken, of all runs together. null: as much as it takes."""

    requests: int | None = Field(None, ge=1, description="requests that were answered")
    input_tokens: int | None = Field(None, ge=1, description="tokens of prompts and pictures")
    output_tokens: int | None = Field(None, ge=1, description="tokens of answers")
    money: float | None = Field(None, gt=0, description="by price, in its currency")


class PriceSettings(Settings):
    """What a hosted model costs."""

    input: float = Field(ge=0, description="for a million tokens of prompts and pictures")
    output: float = Field(ge=0, description="for a million tokens of answers")
    batch: float = Field(0.5, ge=0, le=1, description="share of these that is paid for what batch files answer")
    currency: str = Field("USD", min_length=1, max_length=8, description="of both")

    def of(self, input_tokens: int, output_tokens: int, batch: bool = False) -> float:
        """What so many tokens cost."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6 * (self.batch if batch else 1.0)


class AskSettings(ParameterSettings):
    """Whom to ask for captions, what about, how fast, and for how much."""

    endpoint: EndpointSettings | None = Field(None, description="the server that is asked; this or local")
    local: LocalSettings | None = Field(None, description="a model that the workers run themselves; this or endpoint")
    styles: tuple[Style, ...] = Field(STYLES, min_length=1, description="one request for each picture and style")
    prompts: dict[Style, str] = Field(
        {}, description="style -> file of its prompt, relative to the config; else those in configs/prompts"
    )
    language: str = Field("en", min_length=1, max_length=35, description="language that prompts ask for, BCP 47")
    picture: LookSettings = LookSettings()
    at_once: int = Field(16, ge=1, le=10_000, description="requests under way at a time, of all workers together")
    requests_per_minute: int | None = Field(None, ge=1, description="of all workers together; null: no limit")
    tokens_per_minute: int | None = Field(None, ge=1, description="in and out, of all workers together; null: no limit")
    budget: BudgetSettings = BudgetSettings()
    price: PriceSettings | None = Field(None, description="null: nothing is paid for a token")
    on_budget: Literal["stop", "publish"] = Field(
        "stop",
        description="where the budget is spent: stop: the run ends; publish: it goes on with what is answered",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.endpoint is None) == (self.local is None):
            raise ValueError("ask needs exactly one of endpoint and local")
        if len(set(self.styles)) != len(self.styles):
            raise ValueError("ask.styles: a style occurs twice")
        if self.budget.money is not None and self.price is None:
            raise ValueError("ask.budget.money needs ask.price")
        return self


LIMITS: frozenset[str] = frozenset(
    {"endpoint", "local", "at_once", "requests_per_minute", "tokens_per_minute", "budget", "price", "on_budget"}
)
"""Settings that say how answers are had, and not what they are: no part of a version's config."""


def parameters(settings: AskSettings) -> dict[str, Any]:
    """What of the settings is in each answer's key, as JSON."""
    return settings.part(ParameterSettings).model_dump(mode="json")
