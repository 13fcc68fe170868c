"""Nothing is ever fetched: no address, no file, no font, no style sheet, whatever the markup says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import ROOT

STRACE = shutil.which("strace")

# every bait is a file that exists, so that reading it would succeed, and an address that nobody serves
MARKUP = """
<?xml-stylesheet href="{}" type="text/css"?><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></svg>
<!DOCTYPE svg SYSTEM "{}"><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></svg>
<!DOCTYPE svg [<!ENTITY e SYSTEM "{}">]><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><text y="9">&e;</text><path d="M0 0h9v9z"/></svg>
<!DOCTYPE svg [<!ENTITY % e SYSTEM "{}"> %e;]><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></svg>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xi="http://www.w3.org/2001/XInclude" viewBox="0 0 9 9"><xi:include href="{}"/><path d="M0 0h9v9z"/></svg>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" xml:base="{}"><use href="x.svg#a"/><path d="M0 0h9v9z"/></svg>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><image href="{}" width="9" height="9"/><path d="M0 0h9v9z"/></svg>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink" viewBox="0 0 9 9"><image x:href="{}" width="9" height="9"/><path d="M0 0h9v9z"/></svg>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><use href="{}#a"/><path d="M0 0h9v9z"/></svg>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><filter id="f"><feImage href="{}"/></filter><path filter="url(#f)" d="M0 0h9v9z"/></svg>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><linearGradient id="g" href="{}#g"/><path fill="url(#g) red" d="M0 0h9v9z"/></svg>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path fill="url({}#g) red" stroke="url('{}')" d="M0 0h9v9z"/></svg>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><g clip-path="url({}#c)" mask="url({}#m)" filter="url({}#f)" marker-end="url({}#m)"><path d="M0 0h9v9z"/></g></svg>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><style>@import "{}"; @import url({});</style><path d="M0 0h9v9z"/></svg>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><style>@font-face{{font-family:bait;src:url({})}}text{{font-family:bait}}</style><text y="9" font-size="9">A</text></svg>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><style>path{{background:image-set("{}" 1x);cursor:url({}),auto;fill:\\75rl({})}}</style><path d="M0 0h9v9z"/></svg>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path style="fill:url({}) red;list-style:url({})" d="M0 0h9v9z"/></svg>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><image id="i" width="9" height="9"/><animate href="#i" attributeName="href" to="{}"/><path d="M0 0h9v9z"/></svg>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><script href="{}"/><foreignObject><img xmlns="http://www.w3.org/1999/xhtml" src="{}"/></foreignObject><path d="M0 0h9v9z"/></svg>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><text y="9" font-family="{}"><textPath href="{}#p">t</textPath><tref href="{}#t"/></text><path d="M0 0h9v9z"/></svg>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><color-profile name="p" href="{}"/><path fill="red icc-color(p,1,0,0)" d="M0 0h9v9z"/></svg>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><text y="9" font-size="9" font-family="DejaVu Sans, Noto Sans, Arial">fonts</text></svg>
""".strip().splitlines()

# the whole pass over what a hostile file says, and the renderer on the same markup as it came
CODE = """
import json, sys
import pyarrow as pa
from stages import deduplicate, normalize, render, sanitize, tokenize
from stages.base import Dropped
from stages.render.renderers import draw
from stages.rowwise import RowwiseSettings, mill
from stages.schema import RAW

texts = json.load(open(sys.argv[1]))
settings = RowwiseSettings(
    sanitize=sanitize.SanitizeSettings(),
    normalize=normalize.NormalizeSettings(),
    tokenize=tokenize.TokenizeSettings(),
    render=render.RenderSettings(size=32, compare_size=32, second="cross_check", cross_check_visible_share=1),
    deduplicate=deduplicate.DeduplicateSettings(),
)
rows = [dict(zip(RAW.names, (str(i), "s", str(i), "n", "", "", 0, text.encode()))) for i, text in enumerate(texts)]
kept, dropped, _ = mill(pa.Table.from_pylist(rows, schema=RAW), settings.model_dump_json())
for text in texts:
    try:
        draw(text.encode(), "librsvg")
    except Dropped:
        pass
print(json.dumps({"kept": kept["path"].to_pylist(), "reasons": dropped["reason"].to_pylist()}))
"""


@pytest.fixture
def baits(tmp_path: Path) -> list[str]:
    """Markups that refer to a file by path, by URL and relatively, and to addresses."""
    folder = tmp_path / "baits"
    folder.mkdir()
    file = folder / "bait.svg"
    file.write_text('<svg xmlns="http://www.w3.org/2000/svg"><path id="a" d="M0 0h9"/></svg>')
    targets = [str(file), file.as_uri(), "bait.svg", "http://127.0.0.1:9/bait", "//127.0.0.1:9/b", "ftp://127.0.0.1/b"]
    return [line.replace("{}", target).replace("{{", "{").replace("}}", "}") for line in MARKUP for target in targets]


def pass_over(texts: list[str], folder: Path, before: list[str]) -> subprocess.CompletedProcess[str]:
    (folder / "texts.json").write_text(json.dumps(texts))
    return subprocess.run(
        [*before, sys.executable, "-c", CODE, str(folder / "texts.json")],
        capture_output=True,
        text=True,
        cwd=folder / "baits",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=300,
        check=False,
    )


@pytest.mark.skipif(STRACE is None, reason="needs strace, to see every system call")
def test_no_address_and_no_file_is_opened(baits: list[str], tmp_path: Path) -> None:
    """Of all system calls of the pass, none connects anywhere, and none opens a file that the markup names.

    Nor does any open a font but the package's own.
    """
    log = tmp_path / "calls"
    done = pass_over(baits, tmp_path, [STRACE or "", "-f", "-qq", "-e", "trace=%network,open,openat", "-o", str(log)])
    if "ptrace" in done.stderr.lower() or not log.exists() or not log.stat().st_size:
        pytest.skip(f"strace may not trace here: {done.stderr[:200]}")
    assert done.returncode == 0, done.stderr
    calls = log.read_text(errors="replace").splitlines()
    assert any("stages/fonts/fonts.conf" in call for call in calls), "the trace lacks what the renderer must open"
    assert [call for call in calls if "AF_INET" in call or "connect(" in call] == []
    assert [call for call in calls if "bait" in call and "O_DIRECTORY" not in call] == []
    fonts = [call for call in calls if (".ttf" in call or ".otf" in call) and "stages/fonts" not in call]
    assert fonts == []
    assert len(json.loads(done.stdout)["kept"]) > 20


def test_without_a_network_the_result_is_the_same(baits: list[str], tmp_path: Path) -> None:
    """In a namespace that has no network at all, every record ends as it does outside of it."""
    if subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to make a network namespace")
    inside, outside = pass_over(baits, tmp_path, ["unshare", "-rn"]), pass_over(baits, tmp_path, [])
    assert inside.returncode == outside.returncode == 0, inside.stderr + outside.stderr
    assert inside.stdout == outside.stdout
