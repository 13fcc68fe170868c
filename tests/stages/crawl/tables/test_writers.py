"""Tables that other libraries write, each in its own way: every row arrives, or has its reason."""

import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pytest

from stages.crawl import Budget, Caption, Names, RawItem, TableColumns, table_layout, table_rows
from stages.reasons import Reason

SVGS = ['<svg width="1">é, "quoted"\n</svg>', "<svg>\t2;</svg>", None, "", "<svg>4</svg>"]
ROWS = {
    "id": ["a", "b", "c", "d", "e/f"],
    "svg": SVGS,
    "caption": ["A red, round\nthing", None, "ünïcode", '"quoted"', ""],
    "tags": [["red", "round"], [], None, ["one"], ["x", "y z"]],
    "license": ["MIT", None, "CC0-1.0", "MIT", "MIT"],
    "size": [1, 2, 3, 4, 5],
}
FLAT = {name: values for name, values in ROWS.items() if name != "tags"}

Write = Callable[[Path], object]


def pandas(**more: object) -> pd.DataFrame:
    return pd.DataFrame(ROWS | more)


def in_duckdb(path: Path, options: str, columns: str = "*") -> None:
    frame = pl.DataFrame(ROWS).to_arrow()
    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = true")
        connection.register("rows", frame)
        connection.execute(f"COPY (SELECT {columns} FROM rows) TO '{path}' ({options})")


def categories(path: Path) -> None:
    frame = pl.DataFrame(ROWS).with_columns(pl.col("svg", "license").cast(pl.Categorical))
    frame.write_ipc(path, compat_level=pl.CompatLevel.newest())


WRITERS: dict[str, tuple[str, Write]] = {
    "pandas parquet": ("t.parquet", lambda p: pandas().to_parquet(p)),
    "pandas parquet, gzip, index": (
        "t.parquet",
        lambda p: pandas(size=list("vwxyz")).set_index("size").to_parquet(p, compression="gzip"),
    ),
    "pandas categories": ("t.parquet", lambda p: pandas(svg=pd.Categorical(SVGS)).to_parquet(p)),
    "pandas feather": ("t.feather", lambda p: pandas().to_feather(p)),
    "pandas jsonl": ("t.jsonl", lambda p: pandas().to_json(p, orient="records", lines=True)),
    "pandas json": ("t.json", lambda p: pandas().to_json(p, orient="records", indent=2)),
    "pandas jsonl.gz": ("t.jsonl.gz", lambda p: pandas().to_json(p, orient="records", lines=True)),
    "pandas csv": ("t.csv", lambda p: pandas().to_csv(p)),
    "pandas csv.xz": ("t.csv.xz", lambda p: pandas().to_csv(p, index=False)),
    "pandas tsv": ("t.tsv", lambda p: pandas().to_csv(p, sep="\t")),
    "polars parquet": ("t.parquet", lambda p: pl.DataFrame(ROWS).write_parquet(p, row_group_size=2)),
    "polars ipc": ("t.arrow", lambda p: pl.DataFrame(ROWS).write_ipc(p, compression="zstd")),
    "polars ipc, views": ("t.arrow", lambda p: pl.DataFrame(ROWS).write_ipc(p, compat_level=pl.CompatLevel.newest())),
    "polars categories": ("t.arrow", categories),
    "polars stream": ("t.arrows", lambda p: pl.DataFrame(ROWS).write_ipc_stream(p)),
    "polars ndjson": ("t.ndjson", lambda p: pl.DataFrame(ROWS).write_ndjson(p)),
    "polars json": ("t.json", lambda p: pl.DataFrame(ROWS).write_json(p)),
    "polars csv": ("t.csv", lambda p: pl.DataFrame(FLAT).write_csv(p)),
    "polars csv, mark": ("t.csv", lambda p: pl.DataFrame(FLAT).write_csv(p, include_bom=True, quote_style="always")),
    "duckdb parquet": ("t.parquet", lambda p: in_duckdb(p, "FORMAT parquet, ROW_GROUP_SIZE 2")),
    "duckdb parquet, zstd": ("t.parquet", lambda p: in_duckdb(p, "FORMAT parquet, COMPRESSION zstd")),
    "duckdb blob": ("t.parquet", lambda p: in_duckdb(p, "FORMAT parquet", "* REPLACE (encode(svg) AS svg)")),
    "duckdb json": ("t.json", lambda p: in_duckdb(p, "FORMAT json")),
    "duckdb json array": ("t.json", lambda p: in_duckdb(p, "FORMAT json, ARRAY true")),
    "duckdb csv": ("t.csv", lambda p: in_duckdb(p, "FORMAT csv")),
    "duckdb csv.gz": ("t.csv.gz", lambda p: in_duckdb(p, "FORMAT csv, COMPRESSION gzip, FORCE_QUOTE *")),
    "duckdb tsv": ("t.tsv", lambda p: in_duckdb(p, "FORMAT csv, DELIMITER '\t'")),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_what_others_write_arrives(writer: str, tmp_path: Path) -> None:
    """Names, drawings, captions, keywords and licences; of CSV a null is no other than an empty text."""
    name, write = WRITERS[writer]
    write(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    no_input: Counter[str] = Counter()
    layout = table_layout(TableColumns(captions=("caption",)))
    budget = Budget(name, 2**20)
    items: list[RawItem] = list(table_rows(io.BytesIO(data), name, layout, 1000, budget, no_input, names=Names()))
    assert [item.path for item in items] == ["a.svg", "b.svg", "c.svg", "d.svg", "e/f.svg"]
    flat = "csv" in name or "tsv" in name
    drawings = [item.content for item in items]
    assert drawings[:2] + drawings[4:] == [SVGS[0].encode(), SVGS[1].encode(), SVGS[4].encode()]
    assert drawings[2] == (Reason.NO_DRAWING, "no text" if flat else "null")
    assert drawings[3] == (Reason.NO_DRAWING, "no text")
    assert [tuple(c for c in item.captions if c.text) for item in items] == [
        (Caption("A red, round\nthing"),), (), (Caption("ünïcode"),), (Caption('"quoted"'),), (),
    ]  # fmt: skip
    assert [item.license for item in items] == ["MIT", None, "CC0-1.0", "MIT", "MIT"]
    if writer.startswith("polars csv"):  # which has no lists
        return
    hints = [tuple(hint for hint in item.hints if hint) for item in items]
    assert hints == [("red", "round"), (), (), ("one",), ("x", "y z")]
    others = {"column __index_level_0__ not in columns", "column  not in columns", "column size not in columns"}
    assert set(no_input) <= others and "column size not in columns" in no_input
