import dataclasses
import html.parser
import re
import struct
import zlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.report import render_card, render_html
from pipeline.report.charts import flow, glyph, histogram, stacked
from pipeline.report.columns import COLUMN_SENTENCES
from pipeline.report.model import (
    Asset,
    Caption,
    CaptionFigures,
    Cluster,
    ClusterMember,
    Compression,
    DroppedSample,
    GallerySample,
    Histogram,
    Origin,
    Place,
    Report,
    Segment,
    imbalances,
)
from pipeline.report.render import asked_rows, hub_licenses, reason_rows
from pipeline.report.text import block, count, markdown, plain, share, size
from pipeline.versions.manifest import Captions, File, Funnel, Shard, SourceCount, StageCount, TierEdges, Tiers
from stages.reasons import SENTENCES
from stages.sides import SHARD


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\0\0"))
    + _chunk(b"IEND", b"")
)
HOSTILE = (
    '</style></script><script>alert(\'1\')</script>" onerror="x" {{ 7*7 }} |`*[a](http://evil)'
    "\u202egnp\u0000\udc80\n# h"
)


def shard(path, form, sha256, tier, split):
    return Shard(
        path=path, format=form, sha256=sha256, bytes=1234, rows=7_000, tier=tier, split=split,
        atomic_tokens=400_000, segment_tokens=390_000, ids=390_000,
    )  # fmt: skip


def example(text="plain", **changes):
    """A report with something in every section; ``text`` stands wherever text comes from outside."""
    funnel = Funnel(10_000, 7_000, 1_000, {"unsupported_text": 1_500, "xml_malformed": 497}, {"timed_out": 3})
    stages = (
        StageCount("sanitize", 10_000, 9_503, {"xml_malformed": 497}),
        StageCount("normalize", 9_503, 8_000, {"unsupported_text": 1_500, "timed_out": 3}),
        StageCount("deduplicate", 8_000, 7_000, {"near_duplicate": 600, "duplicate_raw": 400}),
    )
    report = Report(
        name=text,
        version=3,
        canvas=784,
        funnel=funnel,
        tool=text,
        parent=2,
        taken_down=1,
        stage_versions={"sanitize": 1, text: 2},
        stages=stages,
        sources=(SourceCount(10_000, 7_000, 1_000, {text: 1_997}, {text: 3}, source=text, license=text),),
        gallery=(
            GallerySample(
                "ab" * 32, PNG, None, (Caption(text, text),), text, text, 300, 290, text, 0.99, 0.001, 0.002, text,
                (Origin(text, text),),
            ),
            GallerySample("cd" * 32, PNG, PNG, (), "L1", "train", 300, 290, "<svg>", 0.99, 0.001, 0.002, "MIT", ()),
        ),
        dropped=(
            DroppedSample(text, text, text, "xml_malformed", text, None),
            DroppedSample(text, text, text, text, text, PNG),
        ),
        clusters=(Cluster("ab", ClusterMember(text, text, png=PNG), (ClusterMember(text, text, text, 0.9, None),), 5),),
        atomic_lengths=Histogram.of([5, 50, 400, 700, 2000], tuple(range(0, 1101, 100))),
        segment_lengths=Histogram.of([5, 48, 390], tuple(range(0, 1101, 100))),
        edges=Tiers("atomic", (TierEdges("L1", 30, 326), TierEdges("L2", 326, 605), TierEdges("L3", 605, 1001))),
        tiers={"L1": {"train": 4_000, "test": 10}, text: {"train": 2_990}},
        licenses={"MIT": 4_000, text: 3_000},
        ssim=Histogram.of([0.5, 0.99, 1.0], (0.9, 0.95, 1.0)),
        compression=Compression(1_000_000, 400_000, 390_000),
        shards=(
            shard("shards/a.parquet", "parquet", "ab" * 32, text, "train"),
            shard("shards/a.tar", "webdataset", "cd" * 32, "L1", "train"),
            shard(text, text, text, text, text),
        ),
        assets=(Asset(File(role="vocabulary/tokenizer", path=text, sha256=text, bytes=10), text),),
        segments=(Segment(text, 100, text, "M0 0a5 5 0 0 1 5 5"), Segment("<SEG_1>", 9, "<cmd_h><d_1>", None)),
        notes={text: 12},
        config=f"name: {text}",
        tokenizer="../../vocabularies/abc",
    )  # fmt: skip
    return dataclasses.replace(report, **changes)


EMPTY = Report("empty", 1, 784, Funnel(0, 0, 0), "svgmill 0.1.0")


class _Page(html.parser.HTMLParser):
    """Collects elements, attributes and text, and checks that tags nest."""

    VOID = frozenset({"meta", "img", "br"})

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.data, self.ids = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.data.append(data)


def test_the_balance_is_printed_as_an_equation():
    """The page and the card show input = kept + duplicate + rejected + quarantined with the funnel's counts."""
    parts = ("10 000 input records", "7 000 kept", "1 000 duplicate", "1 997 rejected", "3 quarantined")
    equation = "{} = {} + {} + {} + {}".format(*parts)
    page = _grouped(render_html(example()))
    assert f'aria-label="{equation}"' in page
    assert equation + "." in _grouped(render_card(example()))
    terms = re.findall(r'class="term[^"]*"><b>([^<]+)</b>', page)
    assert terms == ["10 000", "7 000", "1 000", "1 997", "3"]
    assert "The counts balance" in page


def _grouped(text):
    return text.replace("\u202f", " ")


def test_counts_that_do_not_balance_are_said_to():
    """A funnel, a stage or a source whose sums do not match gets a sentence, and the page an alert."""
    assert imbalances(example()) == []
    report = example()
    broken = (
        dataclasses.replace(report, funnel=dataclasses.replace(report.funnel, kept=6_999)),
        dataclasses.replace(report, stages=report.stages[1:]),
        dataclasses.replace(report, stages=(report.stages[0], report.stages[2])),
        dataclasses.replace(report, stages=(dataclasses.replace(report.stages[0], dropped={}), *report.stages[1:])),
        dataclasses.replace(report, sources=(dataclasses.replace(report.sources[0], rejected={"empty": 1_996}),)),
    )
    for case in broken:
        assert imbalances(case)
        assert 'role="alert"' in render_html(case)
        assert "do not balance" in render_card(case)


def test_hostile_text_stays_text():
    """Text from files adds no element, attribute or style to the page, wherever it stands."""
    calm, hostile = _Page(render_html(example("plain"))), _Page(render_html(example(HOSTILE)))
    without_marks = [tag for tag in hostile.tags if tag != "span"]
    assert without_marks == [tag for tag in calm.tags if tag != "span"]
    assert {name for _, name, _ in hostile.attributes} == {name for _, name, _ in calm.attributes}
    assert "script" not in hostile.tags
    assert "alert('1')" in "".join(hostile.data)
    assert hostile.open == [] == calm.open


def test_reordering_and_invisible_characters_are_shown_as_escapes():
    """No control, bidirectional or surrogate character from a file reaches the page or card; its escape does."""
    for text in (render_html(example(HOSTILE)), render_card(example(HOSTILE))):
        assert not re.search("[\u0000\u202e\ud800-\udfff]", text)
        text.encode("utf-8")
        assert "u202e" in text
        assert "udc80" in text
    assert '<bdi>a<span class="ctl">\\u202e</span>b</bdi>' in render_html(example("a\u202eb"))


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=40))
@settings(max_examples=300, deadline=None)
def test_shown_text_can_always_be_encoded(text):
    """Whatever the text, its shown forms encode as UTF-8, and Markdown has no bare line break or table bar."""
    for shown in (plain(text), block(text), markdown(text)):
        shown.encode("utf-8")
    assert "\n" not in markdown(text)
    assert not re.search(r"(?<!\\)(\\\\)*[|`<\[]", markdown(text))


def test_the_page_refers_to_nothing_outside_itself():
    """Every reference is a data: URI or a fragment that exists; no script, link, import, or url() of a style."""
    text = render_html(example(HOSTILE))
    page = _Page(text)
    ids = {value for _, name, value in page.attributes if name == "id"}
    for tag, name, value in page.attributes:
        if name in {"src", "href", "xlink:href", "srcset", "action", "data", "poster"}:
            assert value.startswith("data:image/png;base64,") or value[1:] in ids, (tag, value)
        assert not name.startswith("on")
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert "http" not in style


def test_the_page_is_accessible_in_the_basics():
    """The page has a language, alt texts, header cells with a scope, a caption for each table, and ids once each."""
    page = _Page(render_html(example()))
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert ("html", "lang", "en") in page.attributes
    assert page.tags.count("img") == sum(
        1 for tag, name, value in page.attributes if (tag, name) == ("img", "alt") and value
    )
    assert page.tags.count("th") == sum(1 for tag, name, _ in page.attributes if (tag, name) == ("th", "scope"))
    assert page.tags.count("table") == page.tags.count("caption")


def test_the_same_report_gives_the_same_bytes():
    """Rendering twice, or with mappings filled in another order, gives equal text."""
    report = example()
    turned = dataclasses.replace(
        report,
        notes=dict(reversed(report.notes.items())),
        licenses=dict(reversed(report.licenses.items())),
        tiers=dict(reversed(report.tiers.items())),
        stage_versions=dict(reversed(report.stage_versions.items())),
        shards=tuple(reversed(report.shards)),
        funnel=dataclasses.replace(report.funnel, rejected=dict(reversed(report.funnel.rejected.items()))),
    )
    assert render_html(report) == render_html(example()) == render_html(turned)
    assert render_card(report) == render_card(example()) == render_card(turned)


def test_an_empty_version_renders_with_sentences():
    """With empty lists both outputs come out whole, and each empty section says so."""
    page = _Page(render_html(EMPTY))
    assert page.open == []
    assert sum(1 for _, name, value in page.attributes if (name, value) == ("class", "empty")) >= 10
    assert "This version has no shards." in "".join(page.data)
    card = render_card(EMPTY)
    assert "This version has no shards." in card
    assert "configs" not in yaml.safe_load(card.split("---\n")[1])
    assert "How to load" not in card


@pytest.mark.parametrize(
    "field",
    [f.name for f in dataclasses.fields(Report) if f.name not in {"name", "version", "canvas", "funnel", "tool"}],
)
def test_each_part_may_be_missing_alone(field):
    """A report that lacks any one part renders."""
    report = dataclasses.replace(example(), **{field: getattr(EMPTY, field)})
    assert _Page(render_html(report)).open == []
    assert render_card(report).startswith("---\n")


def test_reasons_come_with_their_sentences_and_the_most_frequent_first():
    """The drop table holds each reason of the funnel once, duplicates by level, with its sentence."""
    rows = reason_rows(example())
    assert [row.count for row in rows] == sorted((row.count for row in rows), reverse=True)
    assert sum(row.count for row in rows) == 3_000
    assert {"near_duplicate", "duplicate_raw", "unsupported_text"} <= {row.reason for row in rows}
    page = render_html(example())
    for reason, sentence in SENTENCES.items():
        assert (sentence.replace("'", "&#39;") in page) == (str(reason) in {row.reason for row in rows})


def test_duplicates_that_no_stage_explains_are_still_counted():
    """Without stage counts the duplicates stand under one reason."""
    rows = {row.reason: row for row in reason_rows(example(stages=()))}
    assert (rows["duplicate"].count, rows["duplicate"].outcome) == (1_000, "duplicate")


def test_only_png_is_embedded():
    """Bytes of another kind are refused, since the page promises to hold pictures only."""
    sample = dataclasses.replace(example().gallery[0], source_png=b"<svg/>")
    with pytest.raises(ValueError, match="PNG"):
        render_html(example(gallery=(sample,)))


def test_the_card_names_every_column_with_its_meaning():
    """The card's column table is the shard schema, in its order."""
    assert list(COLUMN_SENTENCES) == SHARD.names
    card = render_card(example())
    assert re.findall(r"^\| `(\w+)` \|", card, re.MULTILINE) == SHARD.names


def test_hostile_text_cannot_leave_the_cards_header_or_code():
    """The header stays one YAML mapping and the fences pair up, whatever the names are."""
    card = render_card(example("x\n---\nlicense: mit\n```\n" + HOSTILE))
    header = yaml.safe_load(card.split("\n---\n")[0])
    assert header["license"] == ["mit", "other"]
    assert "license: mit" in header["pretty_name"]
    assert len(re.findall(r"^```", card, re.MULTILINE)) % 2 == 0
    assert "<script" not in card.split("\n---\n", 1)[1]


def test_licences_map_to_the_hubs_identifiers():
    """A licence that the Hub does not list by itself becomes `other`."""
    assert hub_licenses(["MIT", "Apache-2.0", "LGPL-3.0 OR CC-BY-SA-3.0"]) == ["apache-2.0", "mit", "other"]
    assert hub_licenses([]) == []


def test_datasets_loads_the_version_by_its_card(tmp_path):
    """`datasets` reads this version's shards, and not another's beside them, from the card's header."""
    import datasets

    (tmp_path / "shards").mkdir()
    for name, ids in (("a", ["1", "2"]), ("other", ["3"])):
        table = pa.table({field.name: pa.nulls(len(ids), field.type) for field in SHARD}, schema=SHARD)
        table = table.set_column(0, SHARD.field(0), pa.array(ids, pa.string()))
        pq.write_table(table, tmp_path / "shards" / f"{name}.parquet")
    home = tmp_path / "versions/3"
    home.mkdir(parents=True)
    (home / "README.md").write_text(render_card(example(shards=example().shards[:2])), encoding="utf-8")
    data = datasets.load_dataset(str(home), split="train", cache_dir=str(tmp_path / "cache"))
    assert data["sample_id"][:] == ["1", "2"]
    assert data.column_names == SHARD.names


def test_numbers_are_printed_for_reading():
    """Counts are grouped, shares never round to what they are not, sizes are binary."""
    assert count(1234567) == "1\u202f234\u202f567"
    assert [share(n, 10_000) for n in (0, 1, 1234, 9_999, 10_000)] == [
        "0\u202f%", "<0.1\u202f%", "12.3\u202f%", ">99.9\u202f%", "100\u202f%",
    ]  # fmt: skip
    assert share(0, 0) == "–"
    assert [size(n) for n in (0, 1023, 1024, 10 * 1024**2, 5 * 1024**4)] == [
        "0\u202fB", "1023\u202fB", "1.00\u202fKiB", "10.0\u202fMiB", "5.00\u202fTiB",
    ]  # fmt: skip


@given(st.lists(st.floats(-10, 10), min_size=1), st.integers(2, 30))
@settings(max_examples=50, deadline=None)
def test_a_histogram_counts_every_value_once(values, bins):
    """Bins, below and above sum to the number of values, and the chart draws."""
    edges = tuple(-5 + 10 * i / bins for i in range(bins + 1))
    data = Histogram.of(values, edges)
    assert data.total == len(values)
    for logarithmic in (False, True):
        assert "NaN" not in histogram(data, "l", "u", [0], ["a", "b"], logarithmic)


def test_histograms_refuse_edges_that_do_not_fit():
    """One edge more than counts, ascending; numbers only."""
    for edges, counts in (((1, 2), (1, 2)), ((2, 1), (1,)), ((1,), (1,))):
        with pytest.raises(ValueError, match="edges"):
            Histogram(edges, counts)
    with pytest.raises(ValueError, match="numbers"):
        Histogram.of([float("nan")], (0, 1))


def test_tier_edges_are_marked_in_the_chart():
    """Each edge inside the axis is one line, and the tiers are named between them where there is room."""
    chart = histogram(example().atomic_lengths, "l", "u", (30, 326, 605, 1001), ("short", "L1", "L2", "L3", "long"))
    assert chart.count('class="mark"') == 4
    assert all(f">{name}</text>" in chart for name in ("L1", "L2", "L3"))


def test_bars_are_proportional_and_never_vanish():
    """A stacked bar's parts are as wide as their shares, a part that is not 0 at least visible."""
    widths = re.findall(
        r'class="(\w+)" x="([\d.]+)" y="0" width="([\d.]+)"', stacked([("kept", 750), ("rejected", 250)], 1000)
    )
    assert widths[1:] == [("kept", "0", "750"), ("rejected", "750", "250")]
    assert 'class="kept"' in stacked([("kept", 1)], 10**9)
    assert 'class="kept"' not in stacked([("kept", 0)], 10)


def test_the_flow_stays_inside_its_frame():
    """No coordinate of the river leaves the drawing, also when one stage loses everything."""
    stages = [StageCount("a", 100, 100), StageCount("b", 100, 0, {"not_svg": 100}), StageCount("c", 0, 0)]
    chart = flow(Funnel(100, 0, 0, {"not_svg": 100}), stages)
    width, height = map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', chart).groups())
    for path in re.findall(r' d="([^"]+)"', chart):
        numbers = [float(n) for n in re.findall(r"-?[\d.]+", path)]
        assert all(0 <= n <= width for n in numbers)
        assert numbers[1] <= height
    assert "nan" not in flow(Funnel(0, 0, 0), [StageCount("a", 0, 0)])


def test_a_glyph_fits_its_box():
    """A segment's shape is scaled into its 48 unit box, arcs included; bad path data is refused."""
    for path in ("M0 0h700v-700", "M5 5a9 9 0 1 1 -0.01 0", "M0 0c0 8 6 14 14 14s14 -6 14 -14", "M0 0z", "M3 3"):
        drawing = glyph(path, "x")
        x, y = map(float, re.search(r'cx="([-\d.]+)" cy="([-\d.]+)"', drawing).groups())
        assert 7.9 <= x <= 40.1
        assert 7.9 <= y <= 40.1
    for path in ("", "h5", "M0 0 x", 'M0 0"><script>'):
        with pytest.raises(ValueError, match="path data"):
            glyph(path, "x")


def test_the_card_sums_shards_up_and_names_them_by_pattern():
    """Ninety shards of one kind are one line of the card; alone in their folder they are loaded by pattern."""
    digests = [f"{n:064x}"[::-1] for n in range(90)]
    shards = tuple(shard(f"shards/tar/L1/train-{d[:20]}.tar", "webdataset", d, "L1", "train") for d in digests)
    card = render_card(example(shards=shards))
    row = r"\| \.\./\.\./shards/tar/L1/train-\\\*\.tar \| L1 \| train \| 90 \| 630.000 \| 108.KiB \|"
    assert len(re.findall(row, card)) == 1 and sum(d[:20] in card for d in digests) == 8
    alone = render_card(example(shards=shards, place=Place(lambda path: path.removeprefix("shards/"), alone=True)))
    code = re.search(r"```python\n(import glob.*?)data = ", alone, re.DOTALL)[1].partition("shards =")[0]
    names: dict = {}
    exec(code.replace("import webdataset\n", ""), names)
    assert names["patterns"] == ["tar/L1/train-*.tar"] and not any(d[:20] in alone for d in digests)


def test_what_asking_took_is_told_in_order() -> None:
    """What came of it, the most frequent first; then requests, tokens, and the price where there is one."""
    asked = {"answered": 1224, "cut_off": 28, "input_tokens": 403800, "money": 0.096912}
    asked |= {"output_tokens": 26920, "refused": 37, "requests": 1346}
    told = [
        ("answered", "1\u202f224"), ("refused", "37"), ("cut off", "28"), ("requests", "1\u202f346"),
        ("tokens in", "403\u202f800"), ("tokens out", "26\u202f920"),
    ]  # fmt: skip
    assert asked_rows(example(captions=CaptionFigures(asked=asked))) == told
    counts = Captions(first={"model short": 1}, every={"model short": 1})
    priced = example(captions=CaptionFigures(counts, asked, "EUR"))
    assert asked_rows(priced) == [*told, ("price", "0.10 EUR")]
    assert "0.10 EUR" in render_html(priced)
