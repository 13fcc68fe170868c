"""Whom a version credits, under which licences its samples are, and how each leads back to a raw file."""

import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.report.publish import write_pages
from pipeline.storage.open import open_storage
from pipeline.versions import published
from pipeline.versions.attribution import ATTRIBUTION, attribution_path, write_attribution
from tests.helpers import Run, drawing, dropped, mill, one_line, parquet_rows, svgmill, verify, write_config

RDF = (
    '<metadata><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:cc="http://creativecommons.org/ns#"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/"><cc:Work rdf:about=""><dc:title>Shape {0}</dc:title>'
    "<dc:creator>Jane Roe</dc:creator><dc:source>https://roe.example/{0}</dc:source>"
    '<cc:license rdf:resource="http://creativecommons.org/licenses/{1}/4.0/"/></cc:Work></rdf:RDF></metadata>'
)


def credited(number: int, license: str) -> str:
    """A drawing whose file says who made it."""
    return drawing(number).replace("<title>", RDF.format(number, license) + "<title>", 1)


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    """Three folders with twelve drawings: plain, with metadata, and the first three again under other licences."""
    files = {
        "plain": {f"p{n}.svg": drawing(n) for n in range(8)},
        "credited": {f"c{n}.svg": credited(n, "by-sa" if n % 2 else "by-nc") for n in range(8, 12)},
        "again": {f"again/{n}.svg": drawing(n) for n in range(3)} | {"again/c8.svg": credited(8, "by")},
    }
    for name, texts in files.items():
        for path, text in texts.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(text, encoding="utf-8")
    return {name: tmp_path / name for name in files}


def config_of(sources: dict[str, Path], **settings: object) -> Path:
    """A config over the three: the first MIT, the last NonCommercial, the second without a licence of its own."""
    stated = {"plain": "MIT", "credited": "NOASSERTION", "again": "CC-BY-NC-4.0"}
    listed = [
        {"name": name, "kind": "folder", "path": str(folder), "license": stated[name]}
        for name, folder in sources.items()
    ]
    return write_config(sources["plain"].parent / "c.yaml", sources["plain"], sources=listed, **settings)


def attributions(run: Run) -> list[dict]:
    storage = open_storage(str(run.workspace))
    write_pages(storage, run.result.manifest)
    return pq.read_table(run.workspace / attribution_path(run.result.manifest.version)).to_pylist()


def test_every_sample_leads_back_to_raw_files(sources: dict[str, Path], tmp_path: Path) -> None:
    """Each row of the attributions is a file whose digest is right, each sample has one, and none is left out."""
    run = mill(config_of(sources), tmp_path / "ws")
    rows = attributions(run)
    for row in rows:
        assert hashlib.sha256((sources[row["source"]] / row["path"]).read_bytes()).hexdigest() == row["raw_id"]
    samples = parquet_rows(run)
    named = {(row["sample_id"], row["source"], row["path"]) for row in rows}
    assert {(s["sample_id"], p["source"], p["path"]) for s in samples for p in s["provenance"]} <= named
    assert {sample_id for sample_id, _, _ in named} == {row["sample_id"] for row in samples} and len(samples) == 12
    assert {(source, path) for _, source, path in named} == {
        (name, path.relative_to(folder).as_posix())
        for name, folder in sources.items()
        for path in folder.rglob("*.svg")
    }
    by_path = {row["path"]: row for row in rows}
    row = by_path["c9.svg"]
    assert (row["license"], row["license_from"], row["author"]) == ("CC-BY-SA-4.0", "file", "Jane Roe")
    assert (row["work_title"], row["work_link"]) == ("Shape 9", "https://roe.example/9")
    assert row["terms"] == ["attribution", "share-alike"]
    assert (by_path["p7.svg"]["license"], by_path["p7.svg"]["license_from"]) == ("MIT", "config")
    assert (
        by_path["again/c8.svg"]["license"] == "CC-BY-4.0"
        and by_path["again/c8.svg"]["sample_id"] == by_path["c8.svg"]["sample_id"]
    )


def test_the_attributions_have_the_same_bytes_everywhere(sources: dict[str, Path], tmp_path: Path) -> None:
    """Beside the manifest, written anew, and in a checkout; the card says what the licences ask for."""
    run = mill(config_of(sources), tmp_path / "ws")
    storage = open_storage(str(run.workspace))
    path = run.workspace / attribution_path(1)
    assert svgmill("report", run.workspace, 1).returncode == 0
    before = path.read_bytes()
    path.unlink()
    assert write_attribution(storage, published.read(storage), storage, attribution_path(1)) == 16
    assert path.read_bytes() == before and pq.read_schema(path).equals(ATTRIBUTION)
    assert svgmill("checkout", run.workspace, 1, tmp_path / "out").returncode == 0
    assert (tmp_path / "out/ATTRIBUTION.parquet").read_bytes() == before
    card = (tmp_path / "out/README.md").read_text()
    assert "| attribution, share-alike | file 2 |" in card and "**non-commercial**" in card
    assert "or the licence's text" in card
    assert "(https://spdx.org/licenses/MIT.html)" in card


def test_a_denied_copy_leaves_and_the_allowed_one_stays(sources: dict[str, Path], tmp_path: Path) -> None:
    """Each raw record stands for itself: what is the same drawing under an allowed licence is kept, without the other."""
    mill(config_of(sources), tmp_path / "ws")
    run = mill(config_of(sources, licenses={"deny": ["CC-BY-NC-*"]}), tmp_path / "ws")
    manifest = run.result.manifest
    assert manifest.version == 2 and manifest.funnel.balanced
    assert manifest.funnel.rejected["license_denied"] == 5
    denied = {(row["source"], row["path"]) for row in dropped(run) if row["reason"] == "license_denied"}
    assert denied == {("credited", "c8.svg"), ("credited", "c10.svg"), *(("again", f"again/{n}.svg") for n in range(3))}
    rows = attributions(run)
    assert not denied & {(row["source"], row["path"]) for row in rows}
    assert {row["path"] for row in rows} == {f"p{n}.svg" for n in range(8)} | {"c9.svg", "c11.svg", "again/c8.svg"}
    assert all("NC" not in p["license"] for s in parquet_rows(run) for p in s["provenance"])
    assert manifest.config["licenses"]["deny"] == ["CC-BY-NC-*"] and manifest.config["opt_outs"] == "respect"
    assert not verify(run.workspace)


def test_what_a_source_has_no_more_and_is_not_let_in_any_more_leaves(sources: dict[str, Path], tmp_path: Path) -> None:
    """Records that ``on_missing: keep`` holds on to are under the policy, too, and have the licence that holds now."""

    def config(license: str, **settings: object) -> Path:
        path = config_of(sources, **settings)
        data = json.loads(path.read_text())
        data["sources"] = [source | {"on_missing": "keep"} for source in data["sources"]]
        data["sources"][0]["license"] = license
        path.write_text(json.dumps(data))
        return path

    mill(config("NOASSERTION"), tmp_path / "ws")
    for path in ("plain/p6.svg", "plain/p7.svg", "credited/c9.svg", "credited/c10.svg"):
        (tmp_path / path).unlink()
    kept = attributions(mill(config("NOASSERTION"), tmp_path / "ws"))
    assert len(kept) == 16
    run = mill(config("ISC", licenses={"deny": ["*-NC-*"]}), tmp_path / "ws")
    left = {row["path"]: (row["license"], row["license_from"]) for row in attributions(run)}
    assert left["p6.svg"] == left["p5.svg"] == ("ISC", "config") and left["c9.svg"] == ("CC-BY-SA-4.0", "file")
    assert not {"c8.svg", "c10.svg", "again/0.svg"} & set(left) and len(left) == 11
    assert run.result.manifest.funnel.balanced and not verify(run.workspace)
    assert not mill(config("ISC", licenses={"deny": ["*-NC-*"]}), tmp_path / "ws").result.published


def test_unknown_licences_are_dropped_where_the_config_says_so(sources: dict[str, Path], tmp_path: Path) -> None:
    """What has none in its file and none in the config has a reason of its own; an allow list has to say what it means."""
    (sources["credited"] / "c12.svg").write_text(drawing(12), encoding="utf-8")
    settings = {"allow": ["MIT", "CC-BY-SA-*"], "unknown": "drop"}
    run = mill(config_of(sources, licenses=settings), tmp_path / "ws")
    assert run.result.manifest.funnel.rejected == {"license_denied": 6, "license_unknown": 1}
    bad = config_of(sources, licenses={"allow": ["MIT"]})
    assert "unknown has to be said" in one_line(svgmill("plan", bad, "--workspace", tmp_path / "ws"), 2)
    bad = config_of(sources, licenses={"deny": ["CC-NC"]})
    assert "fits no licence" in one_line(svgmill("plan", bad, "--workspace", tmp_path / "ws"), 2)
    data = json.loads(bad.read_text())
    data["sources"][0]["license"] = "MIT and more"
    bad.write_text(json.dumps(data | {"licenses": {}}))
    assert "no SPDX expression" in one_line(svgmill("plan", bad, "--workspace", tmp_path / "ws"), 2)


def test_benchmarks_are_let_in_whatever_their_licence(sources: dict[str, Path], tmp_path: Path) -> None:
    """A policy is of what is published; a drawing of a benchmark is known again without being let in."""
    settings = {"licenses": {"unknown": "drop"}, "decontaminate": [str(sources["again"])]}
    run = mill(config_of({"plain": sources["plain"]}, **settings), tmp_path / "ws")
    assert run.result.manifest.funnel.rejected == {"benchmark_overlap": 3}


def test_a_purge_takes_attributions_along(sources: dict[str, Path], tmp_path: Path) -> None:
    """What was taken down is in no version's attributions, and a redacted version's can be made again without it."""
    config = config_of(sources)
    first = mill(config, tmp_path / "ws")
    rows = attributions(first)
    gone = next(row["sample_id"] for row in rows if row["path"] == "c9.svg")
    (tmp_path / "gone.txt").write_text(gone)
    assert svgmill("takedown", first.workspace, "--file", tmp_path / "gone.txt").returncode == 0
    attributions(mill(config, first.workspace))
    assert svgmill("gc", first.workspace, "--purge-taken-down").returncode == 0
    assert not (first.workspace / attribution_path(1)).exists()
    storage = open_storage(str(first.workspace))
    for version in (1, 2):
        write_attribution(storage, published.read(storage, version), storage, attribution_path(version))
        left = pq.read_table(first.workspace / attribution_path(version)).to_pylist()
        assert {row["sample_id"] for row in left} == {row["sample_id"] for row in rows} - {gone}


def test_show_prints_the_chain(sources: dict[str, Path], tmp_path: Path) -> None:
    """Each raw file of a sample with its licence, how that was found, author, title and link."""
    run = mill(config_of(sources), tmp_path / "ws")
    row = next(row for row in attributions(run) if row["path"] == "c8.svg")
    shown = svgmill("show", run.workspace, row["sample_id"]).stdout
    for path in ("source credited c8.svg", "source again again/c8.svg"):
        assert path in shown
    for line in (
        "  license     CC-BY-NC-4.0, found: file",
        "  license     CC-BY-4.0, found: file",
        "  terms       attribution, non-commercial",
        "  author      Jane Roe",
        "  title       Shape 8",
        "  link        https://roe.example/8",
    ):
        assert line in shown.splitlines()
