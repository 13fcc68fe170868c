"""One file through the pipeline's own stages, for the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.config import load
from pipeline.errors import ConfigError, InputError
from stages import crawl, normalize, sanitize, tokenize
from stages.base import Dropped


class Rejected(InputError):
    """The pipeline would drop this file."""


@dataclass(frozen=True)
class _Stages:
    """The settings of the stages that make tokens of a file."""

    crawl: crawl.CrawlSettings
    sanitize: sanitize.SanitizeSettings
    normalize: normalize.NormalizeSettings
    tokenize: tokenize.TokenizeSettings


def tokenize_file(path: Path, config: Path | None = None, segments: Path | None = None) -> str:
    """The token string of the SVG at ``path``. Raises Rejected with the reason if a stage drops it."""
    settings = _settings(config)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None
    items = [crawl.RawItem(path.name, data)]
    raw, dropped = next(iter(crawl.crawl_records(items, "file", "NOASSERTION", settings.crawl, 1)))
    if dropped.num_rows:
        raise Rejected(f"{path}: {dropped['reason'][0]}: {dropped['detail'][0]}")
    try:
        clean = sanitize.sanitize_one(raw["bytes"][0].as_py(), settings.sanitize)
        canonical = normalize.normalize_one(clean.svg, settings.normalize)
        text = tokenize.encode(canonical.svg, tokenize.Vocabulary.build(settings.tokenize))
    except Dropped as error:
        raise Rejected(f"{path}: {error}") from None
    except tokenize.TokenError as error:
        raise Rejected(f"{path}: {error}") from None
    return text if segments is None else tokenize.encode_segments(text, _segments(segments))


def detokenize_text(text: str, config: Path | None = None, segments: Path | None = None) -> str:
    """The canonical SVG of a token string. Raises InputError with where and why if it is not valid."""
    settings = _settings(config)
    text = text.removesuffix("\n")
    if segments is not None:
        text = tokenize.decode_segments(text, _segments(segments))
    try:
        return tokenize.decode(text, tokenize.Vocabulary.build(settings.tokenize))
    except tokenize.TokenError as error:
        raise InputError(f"standard input is no valid token string: {error}") from None


def detokenize_prefix(text: str, config: Path | None = None, segments: Path | None = None) -> tuple[str, str]:
    """The SVG of the longest valid beginning of a token string, and what ended it ("" if nothing did).

    Raises InputError if not even a root is there.
    """
    settings = _settings(config)
    text = text.removesuffix("\n")
    unknown = ""
    if segments is not None:
        table = _segments(segments)
        try:
            text = tokenize.decode_segments(text, table)
        except tokenize.TokenError as error:
            unknown = str(error)
            text = tokenize.decode_segments(text[: error.position], table)
    beginning = tokenize.decode_prefix(text, tokenize.Vocabulary.build(settings.tokenize))
    if not beginning.svg:
        raise InputError(f"standard input holds no drawing: {beginning.problem}")
    return beginning.svg, unknown or beginning.problem


def _settings(path: Path | None) -> _Stages:
    if path is not None:
        config = load(path).config
        return _Stages(config.crawl, config.sanitize, config.normalize, config.tokenize)
    return _Stages(
        crawl.CrawlSettings(),
        sanitize.SanitizeSettings(),
        normalize.NormalizeSettings(),
        tokenize.TokenizeSettings(),
    )


def _segments(path: Path) -> tokenize.Segments:
    try:
        return tokenize.Segments.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError) as error:
        raise ConfigError(f"{path} is no segments.json: {error}") from None
