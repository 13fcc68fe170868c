"""From a `Report` to text: the HTML page and the dataset card. No clock, no file but the packaged templates."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import jinja2
import yaml
from markupsafe import Markup

from pipeline.report import charts, text
from pipeline.report.columns import STAGE_SENTENCES, columns
from pipeline.report.model import (
    SPLITS,
    DroppedSample,
    RejectedCaption,
    Report,
    duplicate_reasons,
    imbalances,
    ordered,
)
from pipeline.versions.manifest import Shard
from stages.caption import SENTENCES as REJECTION_SENTENCES
from stages.licenses.expressions import text_addresses
from stages.licenses.terms import SENTENCES as TERM_SENTENCES
from stages.licenses.terms import TERMS, Term, terms
from stages.reasons import SENTENCES
from stages.rowwise import PASS
from stages.tier import LONG, SHORT, UNITS

_OWN_SENTENCES = {"duplicate": "The record is a duplicate of another."}

# Licences that the Hugging Face Hub knows (hub-docs, "Licenses"), by their lower-case SPDX identifiers.
_HUB_LICENSES = frozenset(
    {
        "apache-2.0", "mit", "openrail", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear", "cc0-1.0",
        "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0",
        "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0",
        "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "gpl-2.0", "gpl-3.0", "lgpl-2.1", "lgpl-3.0", "agpl-3.0",
        "afl-3.0", "artistic-2.0", "bsl-1.0", "ecl-2.0", "epl-1.0", "epl-2.0", "eupl-1.1", "eupl-1.2", "gfdl",
        "isc", "lppl-1.3c", "ms-pl", "mpl-2.0", "ncsa", "ofl-1.1", "osl-3.0", "odbl", "postgresql", "unlicense",
        "wtfpl", "zlib",
    }
)  # fmt: skip


@dataclass(frozen=True)
class ReasonRow:
    """A reason for drops in the whole version, with its examples."""

    reason: str
    sentence: str
    outcome: str
    count: int
    examples: tuple[DroppedSample, ...]


def reason_sentence(reason: str) -> str:
    """The sentence of a reason code; for one that is not known any more, a sentence that says so."""
    known = {str(code): sentence for code, sentence in SENTENCES.items()} | _OWN_SENTENCES
    return known.get(reason, "This reason is not known to this version of the mill.")


def reason_rows(report: Report) -> list[ReasonRow]:
    """Every reason with its count, the most frequent first; a reason that has examples only counts 0."""
    totals: dict[str, tuple[str, int]] = {}
    groups = {
        "rejected": report.funnel.rejected,
        "duplicate": duplicate_reasons(report),
        "quarantined": report.funnel.quarantined,
    }
    for outcome, counts in groups.items():
        for reason, n in counts.items():
            totals[str(reason)] = (outcome, n)
    examples: dict[str, list[DroppedSample]] = {}
    for sample in report.dropped:
        examples.setdefault(str(sample.reason), []).append(sample)
        totals.setdefault(str(sample.reason), (charts.outcome_of(sample.reason), 0))
    rows = [
        ReasonRow(reason, reason_sentence(reason), outcome, n, tuple(examples.get(reason, ())))
        for reason, (outcome, n) in totals.items()
    ]
    return sorted(rows, key=lambda row: (-row.count, row.reason))


def tier_table(report: Report) -> tuple[list[str], list[tuple[str, list[int], int]]]:
    """The splits, and for each tier its counts by split and their sum."""
    splits = ordered((split for counts in report.tiers.values() for split in counts), SPLITS)
    rows = []
    for tier in ordered(report.tiers, tier_names(report)):
        counts = [report.tiers[tier].get(split, 0) for split in splits]
        rows.append((tier, counts, sum(counts)))
    return splits, rows


def tier_names(report: Report) -> tuple[str, ...]:
    """The tiers in the order in which they are shown; others follow by name."""
    return (SHORT, *(each.name for each in report.edges.edges), LONG)


def tier_ranges(report: Report) -> dict[str, str]:
    """Tier -> what lies in it, in the unit that edges count."""
    edges = report.edges.edges
    if not edges:
        return {}
    *_, last = edges
    ranges = {SHORT: f"below {edges[0].start}"}
    for each in edges:
        upper = "and above" if each.end is None else f"to {each.end}" if each is last else f"to below {each.end}"
        ranges[each.name] = f"{each.start} {upper}"
    return ranges | ({} if last.end is None else {LONG: f"above {last.end}"})


def tier_marks(report: Report) -> dict[str, list[float]]:
    """What edges count -> the edges, which a chart of that shows as lines."""
    edges = report.edges.edges
    return {report.edges.count: [*(each.start for each in edges), *(e for each in edges[-1:] if (e := each.end))]}


def descending(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Names and counts, the highest count first, then by name."""
    return sorted(((str(name), n) for name, n in counts.items()), key=lambda item: (-item[1], item[0]))


def hub_licenses(licenses: Iterable[str]) -> list[str]:
    """The card's ``license`` values for SPDX expressions: the Hub's identifiers, ``other`` for all else."""
    return sorted({name.lower() if name.lower() in _HUB_LICENSES else "other" for name in licenses})


@dataclass(frozen=True)
class LicenseRow:
    """A licence of a version's samples: what it asks for, how it was found, and where its texts are."""

    license: str
    samples: int
    terms: tuple[Term, ...]
    origins: tuple[tuple[str, int], ...]
    """How it was found, and of how many samples."""
    texts: tuple[tuple[str, str], ...]
    """(licence, address) of each part that SPDX lists."""


def license_rows(report: Report) -> list[LicenseRow]:
    """The licences of all samples, the most frequent first."""
    origins: dict[str, dict[str, int]] = {}
    for (license, origin), n in sorted(report.license_origins.items()):
        origins.setdefault(license, {})[origin or "not noted"] = n
    return [
        LicenseRow(license, n, terms(license), tuple(descending(origins.get(license, {}))), text_addresses(license))
        for license, n in descending(report.licenses)
    ]


def card_header(report: Report) -> str:
    """The YAML header of the card, without its fences.

    Its ``configs`` name the Parquet shards of each split: by pattern where the version lies alone, else one by one,
    because a workspace's versions share the folder.
    """
    header: dict[str, object] = {"pretty_name": text.plain(report.name)}
    licenses = hub_licenses(report.licenses)
    if licenses:
        header["license"] = licenses[0] if len(licenses) == 1 else licenses
    header["task_categories"] = ["text-generation", "text-to-image", "image-to-text"]
    header["tags"] = ["svg", "vector-graphics", "hivg"]
    header["size_categories"] = [_size_category(report.funnel.kept)]
    files = [{"split": split, "path": _loaded(report, shards)} for split, shards in shards_by_split(report, "parquet")]
    if files:
        header["configs"] = [{"config_name": "default", "data_files": files}]
    return yaml.safe_dump(header, sort_keys=False, allow_unicode=False, width=1000)


def _size_category(n: int) -> str:
    below = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    more = ((10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"), (1_000_000_000, "100M<n<1B"))
    return next((name for limit, name in below + more if n < limit), "n>1B")


def shards_by_split(report: Report, format: str) -> list[tuple[str, list[Shard]]]:
    """The shards of one format by split, in path order."""
    shards = sorted((shard for shard in report.shards if shard.format == format), key=lambda shard: shard.path)
    splits = ordered((shard.split for shard in shards), SPLITS)
    return [(split, [shard for shard in shards if shard.split == split]) for split in splits]


def pattern(report: Report, shard: Shard) -> str:
    """A glob for the shard and those of the same format, tier and split: their names differ by their digests only."""
    return report.place.link(shard.path).replace(shard.sha256[:20], "*")


def _loaded(report: Report, shards: Iterable[Shard]) -> list[str]:
    if report.place.alone:
        return sorted({pattern(report, shard) for shard in shards})
    return [report.place.link(shard.path) for shard in shards]


@dataclass(frozen=True)
class ShardGroup:
    """The shards that one pattern names, of one format, tier and split."""

    pattern: str
    tier: str
    split: str
    files: int
    rows: int
    bytes: int


def shard_groups(report: Report) -> list[ShardGroup]:
    """The shards in sum, by pattern."""
    groups: dict[tuple[str, str, str], list[Shard]] = {}
    for shard in report.shards:
        groups.setdefault((pattern(report, shard), shard.tier, shard.split), []).append(shard)
    return [
        ShardGroup(*names, len(shards), sum(shard.rows for shard in shards), sum(shard.bytes for shard in shards))
        for names, shards in sorted(groups.items())
    ]


@dataclass(frozen=True)
class RejectionRow:
    """A reason for which captions are not used: by origin, how many, and examples."""

    reason: str
    sentence: str
    origins: tuple[tuple[str, int], ...]
    count: int
    examples: tuple[RejectedCaption, ...]


def rejection_rows(report: Report) -> list[RejectionRow]:
    """The reasons for which captions are not used, the most frequent first."""
    counts: dict[str, dict[str, int]] = {}
    for name, n in report.captions.counts.rejected.items():
        reason, _, origin = name.partition(" ")
        counts.setdefault(reason, {})[origin] = n
    sentences = {str(reason): sentence for reason, sentence in REJECTION_SENTENCES.items()}
    rows = [
        RejectionRow(
            reason,
            sentences.get(reason, "This reason is not known to this version of the mill."),
            tuple(descending(origins)),
            sum(origins.values()),
            tuple(each for each in report.captions.rejected if each.reason == reason),
        )
        for reason, origins in counts.items()
    ]
    return sorted(rows, key=lambda row: (-row.count, row.reason))


def caption_rows(report: Report) -> list[tuple[str, str, int, int]]:
    """Origin, style, chosen captions and all captions of that kind; the most frequently chosen first."""
    counts = report.captions.counts
    rows = [(*name.partition(" ")[::2], counts.first.get(name, 0), counts.every.get(name, 0)) for name in counts.every]
    return sorted(rows, key=lambda row: (-row[2], -row[3], row[:2]))


def caption_lengths(report: Report) -> list[tuple[str, int]]:
    """From how many characters on, and how many chosen captions are as long."""
    lengths = sorted((int(edge), n) for edge, n in report.captions.counts.lengths.items())
    return [(f"from {edge}", n) for edge, n in lengths]


def asked_rows(report: Report) -> list[tuple[str, str]]:
    """What came of the captions that a model was asked for, the most frequent first, and what the answers took."""
    asked = dict(report.captions.asked)
    taken = {name: asked.pop(name) for name in ("requests", "input_tokens", "output_tokens", "money") if name in asked}
    rows = [
        (name.replace("_", " "), text.count(int(n))) for name, n in sorted(asked.items(), key=lambda each: -each[1])
    ]
    labels = {"requests": "requests", "input_tokens": "tokens in", "output_tokens": "tokens out"}
    rows += [(label, text.count(int(taken[name]))) for name, label in labels.items() if name in taken]
    if report.captions.currency and "money" in taken:
        rows.append(("price", f"{taken['money']:.2f} {report.captions.currency}"))
    return rows


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        bdi=text.bdi,
        plain=text.plain,
        block=text.block,
        md=text.markdown,
        literal=text.literal,
        count=text.count,
        size=text.size,
        share=text.share,
        data_uri=text.data_uri,
        descending=descending,
    )
    return environment


def _context(report: Report) -> dict[str, object]:
    splits, tiers = tier_table(report)
    licenses = license_rows(report)
    asked = {term for row in licenses for term in row.terms}
    return {
        "licenses": licenses,
        "term_sentences": {term: TERM_SENTENCES[term] for term in TERMS if term in asked},
        "report": report,
        "link": report.place.link,
        "reasons": reason_rows(report),
        "caption_rows": caption_rows(report),
        "caption_lengths": caption_lengths(report),
        "asked_rows": asked_rows(report),
        "rejections": rejection_rows(report),
        "imbalances": imbalances(report),
        "splits": splits,
        "tiers": tiers,
        "tier_names": tier_names(report),
        "tier_ranges": tier_ranges(report),
        "tier_marks": tier_marks(report),
        "tier_unit": UNITS[report.edges.count],
        "stage_sentences": STAGE_SENTENCES,
        "stage_versions": {stage.name: report.stage_versions.get(stage.section, "") for stage in PASS}
        | dict(report.stage_versions),
    }


def render_html(report: Report) -> str:
    """The report as one HTML document that needs nothing beside it; the same report gives the same text.

    Raises ValueError for a picture that is not PNG and for a segment whose path data does not parse.
    """
    template = _environment().get_template("report.html")
    return template.render(_context(report), charts=charts)


def render_card(report: Report) -> str:
    """The dataset card: Markdown with the YAML header that the Hugging Face Hub and `datasets` read."""
    template = _environment().get_template("card.md")
    header, tars = Markup(card_header(report)), shards_by_split(report, "webdataset")
    return template.render(
        _context(report),
        header=header,
        tars=_loaded(report, tars[0][1]) if tars else (),
        columns=columns(),
        shard_groups=shard_groups(report),
        shards_by_split=functools.partial(shards_by_split, report),
    )
