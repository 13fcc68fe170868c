"""Which captions a sample has, and which is its first: all that was said of it is checked, ranked, and told once.

Captions come from five places: the record, its duplicates, a model, people, and the drawing's geometry. What people say
is taken as it is, and what geometry says is measured; all else is checked (`stages.caption.checks`). Captions are
ranked by, in this order: the settings' languages, origins and styles; whether the sample's own record says it; how many
records do; the order in which they came. Of captions that are nearly identical the first stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from stages.base import SideStage
from stages.caption import checks, scoring
from stages.caption.checks import Drawing, Verdict, essence, language_of
from stages.caption.rejections import Rejection
from stages.caption.settings import ORIGINS, STYLES, RankSettings
from stages.schema import ANSWERED, CAPTIONED, CAPTIONS, VOTED

SAYS = pa.list_(pa.struct([field for field in ANSWERED if field.name != "sample_id"]))
"""Answers to one sample."""

CHOSEN_FROM = pa.schema(
    [
        ("sample_id", pa.string()),
        ("captions", CAPTIONS),  # of its own record and drawing
        ("hues", pa.list_(pa.string())),
        ("borrowed", pa.list_(VOTED)),  # of its duplicates
        ("answers", SAYS),
        ("edits", CAPTIONS),  # by people
        ("common", pa.list_(pa.uint64())),  # `hash_of` captions that enough other drawings have
        ("picture", pa.binary()),  # PNG, for a scorer; else null
    ]
)
"""What is known of the samples of a partition."""

PROMPTS = "prompts"
"""Key of the schema's metadata: the templates that a model was asked with, each after a null character."""

_FIELDS = tuple(field.name for field in CAPTIONS.value_type)
_PLAIN: dict[str, Any] = dict.fromkeys(_FIELDS)

Said = dict[str, Any]
"""A caption: the fields of `stages.schema.VOTED`, and ``own`` and ``place``."""


def captions(table: pa.Table, settings: RankSettings) -> pa.Table:
    """`stages.schema.CAPTIONED` for rows of `CHOSEN_FROM`."""
    prompts = prompts_of(table.schema)
    rows = table.to_pylist()
    passed: list[list[Said]] = []
    rejected: list[list[dict[str, Any]]] = []
    for row in rows:
        good, bad = _checked(row, prompts, settings)
        passed.append(good)
        rejected.append(bad)
    if settings.scorer is not None:
        _score(rows, passed, rejected, settings)
    order = _Order(settings)
    chosen = [[_told(each) for each in order.ranked(good)] for good in passed]
    columns = [
        table["sample_id"].combine_chunks(),
        pa.array(chosen, CAPTIONED.field("captions").type),
        pa.array(rejected, CAPTIONED.field("rejected").type),
    ]
    return pa.table(columns, schema=CAPTIONED)


def prompts_of(schema: pa.Schema) -> tuple[str, ...]:
    """The templates that a model was asked with, as `with_prompts` notes them."""
    data = (schema.metadata or {}).get(PROMPTS.encode(), b"")
    return tuple(text for text in data.decode().split("\0") if text)


def with_prompts(table: pa.Table, prompts: Sequence[str]) -> pa.Table:
    """``table`` with the templates that a model was asked with: captions that repeat them are not used."""
    return table.replace_schema_metadata({PROMPTS: "\0".join(prompts)})


def hash_of(text: str) -> int:
    """64 bits that nearly identical captions share (`stages.caption.checks.essence`)."""
    return int.from_bytes(hashlib.blake2b(essence(text).encode(), digest_size=8).digest(), "little")


def counted(captions: Iterable[Mapping[str, Any]]) -> Iterator[int]:
    """`hash_of` those captions of a sample of which no more drawings than set may have nearly the same, each once."""
    yield from sorted({hash_of(each["text"]) for each in captions if each["origin"] in ("dataset", "model")})


def said_of(row: Mapping[str, Any]) -> list[Said]:
    """All captions of a row of `CHOSEN_FROM` but those by people and by geometry, and answers without a text."""
    said = [_PLAIN | each | {"own": True, "votes": 1} for each in row["captions"] or () if each["origin"] != "geometry"]
    said += [{**each, "own": False} for each in row["borrowed"] or ()]
    said += [
        _PLAIN | {name: each[name] for name in _FIELDS if name in each} | {"origin": "model", "own": True, "votes": 1}
        for each in row["answers"] or ()
        if each["text"] is not None
    ]
    return said


def _checked(
    row: Mapping[str, Any], prompts: Sequence[str], settings: RankSettings
) -> tuple[list[Said], list[dict[str, Any]]]:
    """The captions of a sample that may be used, and those that may not."""
    measured = [each for each in row["captions"] or () if each["origin"] == "geometry"]
    edits = row["edits"] or ()
    titles = [each["text"] for each in (*edits, *(row["captions"] or ())) if _names(each)]
    drawing = Drawing(frozenset(row["hues"]) if row["hues"] else None, titles)
    common = frozenset(row["common"] or ())
    good = [_PLAIN | each | {"own": True, "votes": 1} for each in edits]
    bad = []
    for each in said_of(row):
        verdict = _verdict(each, drawing, common, prompts, settings)
        if verdict is None:
            good.append(each)
        else:
            bad.append(_refused(each, verdict))
    good += [_PLAIN | each | {"own": True, "votes": 1} for each in measured]
    for place, each in enumerate(good):
        each["place"] = place
        each["language"] = each["language"] or _language(each["text"], settings)
    return good, bad


def _names(caption: Mapping[str, Any]) -> bool:
    """Whether a caption of the sample's own is sure to name what is drawn."""
    return caption["origin"] in ("human", "dataset", "metadata") and caption["style"] != "detailed"


def _verdict(
    caption: Said, drawing: Drawing, common: frozenset[int], prompts: Sequence[str], settings: RankSettings
) -> Verdict | None:
    text, style, origin = caption["text"], caption["style"] or "", caption["origin"]
    # what names say of a duplicate may be of its own colours
    held = "duplicate" if origin == "metadata" and not caption["own"] else origin
    verdict = checks.check(text, style, caption["language"] or "", held, drawing, settings.checks)
    if verdict is None and origin == "model":
        verdict = checks.leaked(text, prompts)
    if verdict is None and common and origin in ("dataset", "model") and hash_of(text) in common:
        verdict = Verdict(Rejection.REPEATED, 1.0)
    return verdict


def _refused(caption: Said, verdict: Verdict) -> dict[str, Any]:
    named = {name: caption[name] for name in ("origin", "style", "language", "model", "text")}
    return named | {"reason": str(verdict.reason), "score": verdict.score, "detail": verdict.detail}


def _language(text: str, settings: RankSettings) -> str:
    language, score = language_of(text)
    return language if score >= settings.checks.language_score else ""


def _score(
    rows: Sequence[Mapping[str, Any]],
    passed: list[list[Said]],
    rejected: list[list[dict[str, Any]]],
    settings: RankSettings,
) -> None:
    """Have captions scored, and take out those that do not fit their pictures."""
    assert settings.scorer is not None
    places = [
        (number, each)
        for number, good in enumerate(passed)
        for each in good
        if rows[number]["picture"] is not None and each["origin"] not in ("human", "geometry")
    ]
    pictures = [rows[number]["picture"] for number, _ in places]
    scores = scoring.scored(settings.scorer, pictures, [each["text"] for _, each in places])
    for (number, each), score in zip(places, scores, strict=True):
        each["score"] = score
        if score < settings.least_score:
            passed[number] = [other for other in passed[number] if other is not each]
            rejected[number].append(_refused(each, Verdict(Rejection.LOW_SCORE, score)))


class _Order:
    """The order of a sample's captions."""

    def __init__(self, settings: RankSettings) -> None:
        prefer = settings.prefer
        self._origins = dict.fromkeys((*prefer.origins, *ORIGINS))
        self._styles = list(dict.fromkeys((*prefer.styles, *STYLES)))
        self._languages = [language.lower() for language in settings.languages]
        order = list(self._origins)
        self._origin = {origin: place for place, origin in enumerate(order)}
        self._first, self._last = order[0], order[-1]

    def ranked(self, captions: Sequence[Said]) -> list[Said]:
        """``captions`` in order, nearly identical ones once; the votes of those count for the one that stays."""
        votes: dict[str, int] = {}
        for each in captions:
            each["essence"] = essence(each["text"])
            votes[each["essence"]] = votes.get(each["essence"], 0) + each["votes"]
        first: dict[str, Said] = {}
        for each in sorted(captions, key=lambda caption: self._key(caption, votes[caption["essence"]])):
            first.setdefault(each["essence"], each)
        return list(first.values())

    def _key(self, caption: Said, votes: int) -> tuple[Any, ...]:
        origin = caption["origin"]
        return (
            self._language(caption["language"], origin),
            self._origin[origin],
            self._styles.index(caption["style"] or ""),
            not caption["own"],
            -votes,
            caption["place"],
        )

    def _language(self, language: str, origin: str) -> int:
        """The place of a language. The first origin stands before others in any language, the last behind in any."""
        if origin == self._first:
            return -1
        if origin == self._last:
            return len(self._languages) + 1
        if not language:
            return 0
        for place, wanted in enumerate(self._languages):
            if language.lower() == wanted or language.lower().startswith(f"{wanted}-"):
                return place
        return len(self._languages)


def _told(caption: Said) -> dict[str, Any]:
    return {name: caption[name] for name in _FIELDS}


CAPTION = SideStage(
    name="caption",
    version=9,
    settings=RankSettings,
    section="caption",
    reads=tuple(CHOSEN_FROM.names),
    schema=CAPTIONED,
    make=captions,
    says="checks and ranks what was said of each sample: by its records, a model, people, and its geometry",
    shards={
        "captions": "All captions, the best first, each with its style (tag, short, detailed), language (BCP 47) and "
        "origin (human, dataset, model, metadata, geometry); of a model with its name, digest of the prompt, "
        "temperature, seed and score. Style and language are empty where they are not known."
    },
)
