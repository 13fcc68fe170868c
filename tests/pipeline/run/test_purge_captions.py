"""What was said of a drawing that is taken down goes with it, whoever said it; what was said of others stays."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.asking.cache import Cache
from pipeline.storage.open import open_storage
from pipeline.versions import edits
from tests.chat_server import serve
from tests.helpers import HEAD, Run, drawing, mill, parquet_rows, svgmill, verify, write_config
from tests.histories.oracle import remains

BAR = "<path d='M4 4h9v4H4z' fill='{}'/>"


def svg(body: str) -> str:
    return f"{HEAD}{body}</svg>"


def drawn(run: Run, caption: str) -> dict[str, object]:
    return next(row for row in parquet_rows(run) if caption in [each["text"] for each in row["captions"]])


@pytest.mark.parametrize("wanted", ["A wooden bar", "A painted plank"])
def test_no_caption_of_what_was_taken_down_is_left(tmp_path: Path, wanted: str) -> None:
    """A source's, a model's and a person's, of the drawing and of its duplicate; what is asked for is not asked again.

    ``wanted``: the caption of the drawing that stayed in its cluster, or of the duplicate, that the request names.
    """
    rows = [
        {"svg": svg(BAR.format("#e22")), "caption": "A wooden bar", "name": "bar.svg"},
        {"svg": drawing(2), "caption": "Number two", "name": "two.svg"},
        {"svg": svg(BAR.format("#2a2")), "caption": "A painted plank", "name": "plank.svg"},
    ]
    path = tmp_path / "drawings.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    source = {"name": "one", "kind": "table", "path": str(path), "license": "CC0-1.0"}
    with serve() as server:
        ask = {"model": "eye", "endpoint": {"base_url": server.url}, "styles": ["short"], "picture": {"size": 64}}
        config = write_config(
            tmp_path / "c.yaml", tmp_path, sources=[source], ask=ask, deduplicate={"recoloured": "drop"}
        )
        first = mill(config, tmp_path / "ws")
        bar, two = drawn(first, "A painted plank"), drawn(first, "Number two")
        assert drawn(first, "A wooden bar") == bar
        answers = {
            row["sample_id"]: text
            for row in (bar, two)
            for text in [each["text"] for each in row["captions"] if each["origin"] == "model"]
        }
        assert len(set(answers.values())) == 2
        table = tmp_path / "edits.csv"
        table.write_text(f"sample_id,text\n{bar['sample_id']},Said of the bar\n{two['sample_id']},Said of the other\n")
        assert svgmill("captions", "import", first.workspace, table).returncode == 0
        mill(config, tmp_path / "ws")
        listed = tmp_path / "list.txt"
        name = "bar.svg" if wanted == "A wooden bar" else "plank.svg"
        record = next(each for each in bar["provenance"] if each["path"].endswith(name))
        listed.write_text(f"path:one/{record['path']}\n")
        assert svgmill("takedown", first.workspace, "--file", listed).returncode == 0
        asked = len(server.log.asked)
        without = mill(config, tmp_path / "ws")
        gone = ["A wooden bar", "A painted plank", "Said of the bar", answers[bar["sample_id"]], bar["sample_id"]]
        secrets = [text.encode() for text in gone]
        assert [text for text in secrets if remains(first.workspace, [text])] == secrets
        result = svgmill("gc", first.workspace, "--purge-taken-down")
        assert result.returncode == 0, result.stderr
        assert [text for text in secrets if remains(first.workspace, [text])] == []
        again = mill(config, tmp_path / "ws")
        assert not again.result.published and len(server.log.asked) == asked
    (row,) = parquet_rows(without)
    assert row["caption"] == "Said of the other" and answers[two["sample_id"]] in [c["text"] for c in row["captions"]]
    storage = open_storage(str(first.workspace))
    (kept,) = edits.imports(storage)
    assert list(edits.newest(storage, [kept.table])) == [two["sample_id"]]
    cache = Cache(storage)
    cache.refresh()
    assert cache.spent()[0].requests == 1
    assert not verify(first.workspace)
