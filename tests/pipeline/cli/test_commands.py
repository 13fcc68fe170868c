import resource
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from pipeline.cli import printing
from tests.helpers import ROOT, drawing, drawings, one_line, svgmill, write_config


def test_run_show_report_and_verify(icons: Path, tmp_path: Path) -> None:
    """The commands of a first session work on each other's results."""
    config, workspace = write_config(tmp_path / "c.yaml", icons), tmp_path / "ws"
    assert "follows samples" in svgmill("plan", config, "--workspace", workspace).stdout
    assert not workspace.exists()
    result = svgmill("run", config, "--workspace", workspace, "--engine", "inline")
    assert result.returncode == 0, result.stderr
    assert "nothing to run" in svgmill("plan", config, "--workspace", workspace).stdout
    other = svgmill("plan", config, "--workspace", workspace, "--set", "render.size=32").stdout
    assert "changed: render.size from 64 to 32" in other and "core-minutes, by what such records took" in other
    assert "published version 1" in result.stdout
    again = svgmill("run", config, "--workspace", workspace, "--engine", "inline")
    assert "nothing changed" in again.stdout
    assert "1" in svgmill("versions", workspace).stdout
    assert "all sound" in svgmill("verify", workspace).stdout
    page = workspace / "versions/1/report.html"
    before = page.read_bytes()
    assert svgmill("report", workspace, 1).returncode == 0
    assert page.read_bytes() == before
    with tarfile.open(next(workspace.glob("shards/webdataset/*/*.tar"))) as tar:
        sample = tar.getnames()[0].split(".")[0]
    shown = svgmill("show", workspace, sample[:12], "--save", tmp_path / "out")
    assert shown.returncode == 0 and sample in shown.stdout
    for word in ("provenance", "tokens", "canonical", "decisions", "source"):
        assert word in shown.stdout
    assert (tmp_path / "out/canonical.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "out/source-0.svg").exists()


def test_tokenize_and_detokenize_are_inverse(tmp_path: Path) -> None:
    """One file's tokens give its canonical SVG, whose tokens are the same again."""
    file = tmp_path / "x.svg"
    file.write_text(drawing(5))
    tokens = svgmill("tokenize", file)
    assert tokens.stdout.startswith("<svg>viewBox=0 0 784 784<path>")
    svg = svgmill("detokenize", stdin=tokens.stdout)
    file.write_text(svg.stdout)
    assert svgmill("tokenize", file).stdout == tokens.stdout


def test_the_beginning_of_a_drawing_is_closed_when_asked(tmp_path: Path) -> None:
    """A model's output that breaks off, or goes wrong, gives the drawing up to there, and what was wrong."""
    start = "<svg>viewBox=0 0 784 784<path>fill=red<cmd_M><P_1><P_2><cmd_h><d_3>"
    drawing = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784"><path fill="red" d="M1 2h3"/></svg>\n'
    cut = svgmill("detokenize", "--partial", stdin=start + "<cmd_c><d_1>")
    assert (cut.returncode, cut.stdout) == (0, drawing) and "the next is the end" in cut.stderr
    wrong = svgmill("detokenize", "--partial", stdin=start + "<cmd_h>lorem")
    assert (wrong.returncode, wrong.stdout) == (0, drawing) and wrong.stderr.startswith("note: ")
    table = tmp_path / "segments.json"
    table.write_text('{"segments": [{"id": 0, "left": "<cmd_h><d_3>", "right": "", "frequency": 3}]}')
    known = svgmill(
        "detokenize", "--partial", "--segments", str(table), stdin=start.replace("<cmd_h><d_3>", "<SEG_0><SEG_9>")
    )
    assert (known.returncode, known.stdout) == (0, drawing) and "<SEG_9>" in known.stderr
    assert "no drawing" in one_line(svgmill("detokenize", "--partial", stdin="lorem"), 2)


def test_help_is_light() -> None:
    """--help takes far less CPU than loading the stages would; the bound is loose, machines differ."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    shown = subprocess.run([sys.executable, "-m", "pipeline.cli", "--help"], capture_output=True, text=True, cwd=ROOT)
    assert shown.returncode == 0 and "run" in shown.stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"--help: {after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime:.2f} s of CPU")
    code = "import sys, pipeline.cli.app; print([m for m in ('ray', 'pyarrow', 'pyvips', 'numpy') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert loaded.stdout.strip() == "[]"


BAD = {
    "no config": (["run", "{tmp}/none.yaml"], 2, "does not exist"),
    "not yaml": (["run", "{tmp}/bad.yaml"], 2, "not valid YAML"),
    "newer config": (["run", "{tmp}/newer.yaml"], 2, "config_version 99"),
    "unknown key": (["run", "{tmp}/good.yaml", "--set", "render.siez=3"], 2, "did you mean size"),
    "wrong type": (["run", "{tmp}/good.yaml", "--set", 'render.size="big"'], 2, 'render.size="big"'),
    "out of range": (["run", "{tmp}/good.yaml", "--set", "error_budget=7"], 2, "error_budget=7"),
    "budget of no stage": (["run", "{tmp}/good.yaml", "--set", 'error_budget={"rendr": 0.1}'], 2, "rendr is no stage"),
    "budget out of range": (["run", "{tmp}/good.yaml", "--set", 'error_budget={"render": 2}'], 2, "of render must be"),
    "no equals sign": (["run", "{tmp}/good.yaml", "--set", "name"], 2, "key=value"),
    "no folder": (["run", "{tmp}/good.yaml", "--set", "sources.0.path=/none/here"], 2, "does not exist"),
    "file for folder": (["run", "{tmp}/good.yaml", "--set", "sources.0.path={tmp}/bad.yaml"], 2, "neither a folder"),
    "empty source": (["run", "{tmp}/good.yaml", "--set", "sources.0.glob=*.none"], 2, "matches"),
    "no cairosvg": (["run", "{tmp}/good.yaml", "--set", "render.renderer=cairosvg"], 2, "pip install 'svgmill[cairo]'"),
    "no engine": (["run", "{tmp}/good.yaml", "--engine", "spark"], 2, "must be ray or inline"),
    "workspace is file": (["run", "{tmp}/good.yaml", "--workspace", "{tmp}/bad.yaml"], 2, "is a file"),
    "unwritable": (["run", "{tmp}/good.yaml", "--workspace", "/proc/svgmill"], 2, "not writable"),
    "no workspace": (["versions", "{tmp}/nowhere"], 2, "does not exist"),
    "no version": (["verify", "{tmp}/empty"], 2, "has no versions"),
    "no file": (["tokenize", "{tmp}/none.svg"], 2, "cannot be read"),
    "not svg": (["tokenize", "{tmp}/bad.yaml"], 2, "not_svg"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_line(case: str, icons: Path, tmp_path: Path) -> None:
    """Each mistake has one line that says what and where, no traceback, and its exit code."""
    write_config(tmp_path / "good.yaml", icons, workspace=str(tmp_path / "ws"))
    (tmp_path / "bad.yaml").write_text("a: [1\nb")
    (tmp_path / "newer.yaml").write_text("config_version: 99\nnovelty: 1\n")
    (tmp_path / "empty").mkdir()
    args, code, says = BAD[case]
    args = [arg.replace("{tmp}", str(tmp_path)) for arg in args]
    if args[0] == "run" and "--engine" not in args:
        args += ["--engine", "inline"]
    assert says in one_line(svgmill(*args), code)


def test_truncated_archive_is_one_clear_line(tmp_path: Path) -> None:
    """An archive that ends too early stops the run with its name and the remedy."""
    folder = tmp_path / "in"
    folder.mkdir()
    with tarfile.open(folder / "pack.tar.gz", "w:gz") as tar:
        tar.add(drawings(tmp_path / "packed", 30), "packed")
    data = (folder / "pack.tar.gz").read_bytes()
    (folder / "pack.tar.gz").write_bytes(data[: len(data) // 2])
    config = write_config(tmp_path / "c.yaml", folder)
    line = one_line(svgmill("run", config, "--workspace", tmp_path / "ws", "--engine", "inline"), 2)
    assert "pack.tar.gz" in line and "fetch it again" in line


def test_bad_tokens_are_one_clear_line() -> None:
    """Text that is no token string says where it goes wrong."""
    assert "token" in one_line(svgmill("detokenize", stdin="<svg>viewBox=0 0 784 784<path><cmd_M><P_1>"), 2)


def test_what_is_no_input_is_said(icons: Path, tmp_path: Path) -> None:
    """plan and run say how many files of which kind are no input, of archives as soon as they were crawled."""
    (icons / "LICENSE").write_text("")
    for name in ("a.png", "b.PNG", "c.rar"):
        (icons / name).write_text("")
    with tarfile.open(icons / "more.tar", "w") as archive:
        archive.add(icons / "LICENSE", "in/x.webp")
        archive.add(icons / "shapes/s001.svg", "in/x.svg")
    config, workspace = write_config(tmp_path / "c.yaml", icons), tmp_path / "ws"
    everything = ("--workspace", workspace, "--set", "sources.0.glob=**/*")
    assert "no input            4  icons: .png 2, .rar 1, no extension 1" in svgmill("plan", config, *everything).stdout
    counts = "no input            5  icons: .png 2, .rar 1, .webp 1, no extension 1"
    for _ in range(2):
        assert counts in svgmill("run", config, *everything, "--engine", "inline").stdout
    assert counts in svgmill("plan", config, *everything).stdout
    chosen = svgmill("plan", config, "--workspace", workspace).stdout
    assert "not in glob         4  .png 2, .rar 1, no extension 1" in chosen and "no input" not in chosen


def test_of_many_sources_those_with_most_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Every file is counted, in few lines."""
    kinds_of = {f"s{n}": {".png": n, **{f".k{k}": 1 for k in range(9)}, ".svg not in glob": 100} for n in range(2, 9)}
    printing.print_no_input(kinds_of)
    lines = capsys.readouterr().out.splitlines()
    kinds = ", ".join(f".k{k} 1" for k in range(7))
    assert lines[0] == f"no input           17  s8: .png 8, {kinds}, others 2"
    assert lines[5] == "no input           23  in 2 more sources; the manifest has them all"
    assert lines[6:] == ["not in glob       700  .svg 700"]
