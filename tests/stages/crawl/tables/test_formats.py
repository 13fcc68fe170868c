"""Each format of tables, as pyarrow and plain text have it: every row arrives, or has its reason."""

import bz2
import csv
import gzip
import io
import json
import lzma
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.crawl import (
    ArchiveError,
    Budget,
    Caption,
    NoColumn,
    RawItem,
    TableColumns,
    TableError,
    table_layout,
    table_rows,
)
from stages.crawl import Names as Named
from stages.crawl.tables import table_format
from stages.reasons import Reason

LIMIT = 2000
SVGS = ["<svg>é\n</svg>", None, '<svg a="1,2"/>', ""]


def read(
    data: bytes, name: str, columns: TableColumns | None = None, preset: str | None = None, **more
) -> tuple[list[RawItem], Counter[str]]:
    no_input: Counter[str] = Counter()
    layout = table_layout(columns or TableColumns(), preset)
    budget = more.pop("budget", Budget(name, 2**30))
    items = table_rows(io.BytesIO(data), name, layout, LIMIT, budget, no_input, names=Named(), **more)
    return list(items), no_input


def contents(data: bytes, name: str, **more) -> list[bytes | tuple[Reason, str]]:
    return [item.content for item in read(data, name, **more)[0]]


def parquet(table: pa.Table, **options) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def arrow(table: pa.Table, stream: bool = False, **options) -> bytes:
    out = io.BytesIO()
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(out, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=3)
    return out.getvalue()


def jsonl(rows: list[object]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_csv(rows: list[list[object]], **options) -> bytes:
    out = io.StringIO()
    csv.writer(out, **options).writerows(rows)
    return out.getvalue().encode()


ROWS = [{"id": n, "svg": svg} for n, svg in enumerate(SVGS)]
TABLE = pa.Table.from_pylist(ROWS)
WANTED = ["<svg>é\n</svg>".encode(), (Reason.NO_DRAWING, "null"), b'<svg a="1,2"/>', (Reason.NO_DRAWING, "no text")]
CELLS = as_csv([["id", "svg"], *([row["id"], row["svg"]] for row in ROWS)])


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.parquet", parquet(TABLE, row_group_size=3)),
        ("t.arrow", arrow(TABLE)),
        ("t.feather", arrow(TABLE, compression="zstd")),
        ("t.arrows", arrow(TABLE, stream=True)),
        ("t.arrow", arrow(TABLE, stream=True, compression="lz4")),
        ("t.jsonl", jsonl(ROWS)),
        ("t.ndjson", b"\xef\xbb\xbf" + jsonl(ROWS).replace(b"\n", b"\r\n\r\n").rstrip()),
        ("t.json", json.dumps(ROWS, indent=1).encode()),
        ("t.json.gz", gzip.compress(json.dumps(ROWS).encode())),
        ("t.jsonl.gz", gzip.compress(jsonl(ROWS[:2]), mtime=0) + gzip.compress(jsonl(ROWS[2:]), mtime=0)),
        ("t.jsonl.bz2", bz2.compress(jsonl(ROWS))),
        ("t.jsonl.xz", lzma.compress(jsonl(ROWS))),
        ("T.JSONL.ZST", pa.compress(jsonl(ROWS), "zstd", asbytes=True)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rows_arrive_in_their_order(name: str, data: bytes):
    """A null and an empty text are no drawing, and have the row's name."""
    items, no_input = read(data, name)
    assert [item.content for item in items] == WANTED and not no_input
    assert [item.path for item in items] == [f"{n}.svg" for n in range(4)]
    assert [item.facts for item in items] == [(("id", str(n)),) for n in range(4)]


@pytest.mark.parametrize(
    ("name", "data", "more"),
    [
        ("t.csv", CELLS, {}),
        ("t.csv.gz", gzip.compress(b"\xef\xbb\xbf" + CELLS), {}),
        ("t.csv", as_csv([["id", "svg"], *([r["id"], r["svg"]] for r in ROWS)], quoting=csv.QUOTE_ALL), {}),
        ("t.tsv", as_csv([["id", "svg"], *([r["id"], r["svg"]] for r in ROWS)], delimiter="\t"), {}),
        (
            "t.csv",
            as_csv([["id", "svg"], *([r["id"], r["svg"]] for r in ROWS)], delimiter=";", lineterminator="\n"),
            {"delimiter": ";"},
        ),
    ],
    ids=["plain", "gzip and mark", "all quoted", "tabs", "semicolons"],
)
def test_cells_may_have_line_ends_quotes_and_separators(name: str, data: bytes, more: dict):
    """CSV knows no null: both are no text."""
    items, _ = read(data, name, **more)
    assert [item.content for item in items] == [WANTED[0], WANTED[3], WANTED[2], WANTED[3]]
    assert [item.path for item in items] == [f"{n}.svg" for n in range(4)]


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.binary_view(),
        pa.binary(6),
        pa.dictionary(pa.int8(), pa.string()),
        pa.dictionary(pa.uint32(), pa.large_binary()),
        pa.run_end_encoded(pa.int32(), pa.string()),
        pa.json_(),
    ],
    ids=str,
)
def test_every_type_of_text(kind: pa.DataType):
    """As drawing, name, caption and licence, at the top and within others."""
    texts = pa.array(["<a/>aa", "<b/>bb", "<b/>bb", None], pa.string())
    if pa.types.is_dictionary(kind):
        column = texts.dictionary_encode().cast(kind)
    elif pa.types.is_run_end_encoded(kind):
        column = pa.compute.run_end_encode(texts, pa.int32())
    elif isinstance(kind, pa.BaseExtensionType):
        column = pa.ExtensionArray.from_storage(kind, texts.cast(kind.storage_type))
    else:
        column = (texts.cast(pa.binary()) if pa.types.is_fixed_size_binary(kind) else texts).cast(kind)
    within = pa.StructArray.from_arrays([column, column], ["svg", "name"])
    table = pa.table({"svg": column, "license": column, "caption": column, "in": within, "none": pa.nulls(4)})
    wanted = [b"<a/>aa", b"<b/>bb", b"<b/>bb", (Reason.NO_DRAWING, "null")]
    for columns in (TableColumns(), TableColumns(svg="in.svg", path=("in.name",))):
        items, _ = read(arrow(table), "t.arrow", columns)
        assert [item.content for item in items] == wanted
        assert [item.license for item in items] == ["<a/>aa", "<b/>bb", "<b/>bb", None]
        assert [item.captions for item in items] == [(Caption(text),) if text else () for text in texts.to_pylist()]
    assert [item.path for item in items] == ["<a/>aa.svg", "<b/>bb.svg", "<b/>bb.svg#2", "00000003.svg"]


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.string()),
        pa.large_list(pa.large_string()),
        pa.list_(pa.string(), 2),
        pa.list_view(pa.string()),
        pa.large_list_view(pa.string()),
        pa.list_(pa.dictionary(pa.int32(), pa.string())),
    ],
    ids=str,
)
def test_every_type_of_list(kind: pa.DataType):
    """Keywords and authors; the list of a null row is none, also where bytes are behind it."""
    values = pa.array([["a", "b"], None, ["c", None], ["d", "a"]], pa.list_(pa.string()))
    if pa.types.is_dictionary(kind.value_type):
        encoded = values.flatten().dictionary_encode()
        column = pa.ListArray.from_arrays(pa.array([0, None, 2, 4, 6], pa.int32()), encoded)
    else:
        column = pa.array(values.to_pylist(), kind)
    table = pa.table({"svg": ["<svg/>"] * 4, "tags": column, "author": column})
    items, _ = read(arrow(table), "t.arrow")
    assert [item.hints for item in items] == [("a", "b"), (), ("c",), ("d", "a")]
    assert [item.author for item in items] == ["a, b", None, "c", "d, a"]


def test_what_a_table_is_called():
    """By the end of its name, whatever its case; Parquet and Arrow compress themselves."""
    names = ["a.PARQUET", "b.arrow", "c.ndjson.zst", "d.csv.gz", "e.tsv"]
    assert [table_format(name) for name in names] == ["parquet", "arrow", "json", "csv", "tsv"]
    assert not any(table_format(name) for name in ("a.svg", "csv", "d/csv", "a.parquet.gz", "x.gz", "a.json.zip"))


def test_columns_of_records_show_up_one_by_one():
    """Keys that come late, nested ones and other types are what their names say; what is nothing is told once."""
    rows = [
        {"svg": "<svg>0</svg>", "meta": {"license": "MIT"}, "odd": [[1]]},
        {"svg": "<svg>1</svg>", "caption": None, "meta": {"license": None, "deep": {"tags": ["a", "b,c", None, 3]}}},
        {"svg": "<svg>2</svg>", "caption": "A cart", "url": "https://example.org/2", "odd": 1, "name": "two"},
        {"svg": "<svg>3</svg>", "caption": ["A shop", "A big shop"], "meta": "none", "name": 3},
        {"svg": 4},
        {"svg": {"a": 1}},
        {"id": 6},
    ]
    columns = TableColumns(license=("meta.license",), hints=("meta.deep.tags",))
    for name, data in (("t.jsonl", jsonl(rows)), ("t.json", json.dumps(rows).encode())):
        items, no_input = read(data, name, columns)
        assert [item.license for item in items] == ["MIT", None, None, None, None, None, None]
        assert items[1].hints == ("a", "b,c", "3") and items[2].captions == (Caption("A cart"),)
        assert items[3].captions == (Caption("A shop"), Caption("A big shop"))
        assert (items[2].url, items[2].path, items[3].path) == ("https://example.org/2", "two.svg", "3.svg")
        assert items[4].content == (Reason.BAD_ROW, "svg is a number, no text")
        assert items[5].content == (Reason.BAD_ROW, "svg is an object, no text")
        assert (items[6].content, items[6].path) == ((Reason.NO_DRAWING, "null"), "6.svg")
        assert no_input == {f"column {column} not in columns": 1 for column in ("odd", "meta", "svg.a")}


def test_a_bad_line_costs_itself():
    """It has its line number, and takes the row's number."""
    lines = [
        b'{"svg": "<svg>0</svg>"}',
        b'{"svg": "<svg',
        b"",
        b"[1]",
        b'{"svg": "' + b"x" * (8 * LIMIT) + b'"}',
        b'{"svg": "<svg>\xff</svg>", "n": NaN}',
        b'{"svg": "<svg>\\ud83d</svg>"}',
        b'{"a":' * 100_000,
        b'{"svg": "' + b"x" * (LIMIT + 1) + b'"}',
        b'{"svg": "<svg>9</svg>"}',
    ]
    items, _ = read(b"\n".join(lines), "t.jsonl")
    assert [item.path for item in items] == [f"{n:08}.svg" for n in range(9)]
    said = [item.content for item in items]
    assert said[0] == b"<svg>0</svg>" and said[8] == b"<svg>9</svg>"
    assert said[1][0] == Reason.BAD_ROW and said[1][1].startswith("line 2: no JSON: Unterminated string")
    assert said[2] == (Reason.BAD_ROW, "line 4: it is a list, no object")
    assert said[3] == (Reason.TOO_LARGE, f"line 5: over {8 * LIMIT} bytes")
    assert said[4] == b"<svg>\xff</svg>" and said[5] == b"<svg>\xed\xa0\xbd</svg>"
    assert said[6] == (Reason.TOO_LARGE, f"line 8: over {8 * LIMIT} bytes")
    assert said[7] == (Reason.TOO_LARGE, f"over {LIMIT} bytes")
    deep = b'{"svg": "<svg/>"}\n' + b"[" * 15_000
    assert contents(deep, "t.jsonl")[1] == (Reason.BAD_ROW, "line 2: no JSON: nested too deep")


def test_a_bad_row_of_cells_costs_itself():
    """Too few cells, too many, and a quote where none may be; blank lines are no rows."""
    data = b'id,svg\n0,<svg/>\n1\n\n2,"<svg/>"x\n3,<svg/>,x\n4,"<svg>\n""</svg>"\n'
    assert contents(data, "t.csv") == [
        b"<svg/>",
        (Reason.BAD_ROW, "line 3: cells 1, not 2 as in the first row"),
        (Reason.BAD_ROW, "line 5: ',' expected after '\"'"),
        (Reason.BAD_ROW, "line 6: cells 3, not 2 as in the first row"),
        b'<svg>\n"</svg>',
    ]
    assert contents(b"svg\n<svg/>\n\n<svg/>\n", "t.csv") == [b"<svg/>", (Reason.NO_DRAWING, "no text"), b"<svg/>"]


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("t.csv", b"", "it is empty"),
        ("t.csv", b'svg\n"<svg', "it is truncated, or a quote is never closed; the row that begins on line 2"),
        ("t.csv", b'svg\n"' + b"x\n" * 9 * LIMIT, "row that begins on line 2 is over 16000 bytes: a quote"),
        ("t.csv", b"svg\n<svg/>\n" + b"x" * (9 * LIMIT), "line 3 is over 16000 bytes; raise crawl.max_bytes"),
        ("t.csv", "svg\n<svg/>\n".encode("utf-16"), "it is UTF-16"),
        ("t.csv.gz", gzip.compress(CELLS)[:-9], "ended before the end-of-stream|truncated"),
        ("t.jsonl.zst", pa.compress(jsonl(ROWS * 99), "zstd", asbytes=True)[:-9], "[Tt]runcated"),
        ("t.jsonl.xz", lzma.compress(jsonl(ROWS))[:-9], "truncated"),
        ("t.jsonl", b"{\n  1\n}\n", "no line of it is a JSON object; line 1: no JSON"),
        ("t.json", b'[{"svg": "<svg/>"}, {"svg": <}]', "element 1: no JSON: Expecting value"),
        ("t.json", b'[{"svg": "<svg/>"}', "it ends where , must be"),
        ("t.json", b'[{"svg": "<svg/>"}] x', "more behind the array"),
        ("t.json", b'[{"svg": "<svg/>"} {}]', "{ where , must be"),
        ("t.json", b'[{"svg": "' + b"x" * (9 * LIMIT), "element 0: over 16000 bytes"),
        ("t.json", b"[" * 15_000, "element 0: nested too deep"),
        ("t.arrows", arrow(TABLE, stream=True)[:-8], "no end marker"),
        ("t.arrow", arrow(TABLE)[:-9], "."),
        ("t.arrow", b"FEA1" + bytes(90), "Feather's first version"),
        ("t.arrow", b"", "no end marker"),
        ("t.parquet", parquet(TABLE)[:-1], "."),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_damage_to_the_whole_is_one_line(name: str, data: bytes, says: str):
    """What cannot be read as a whole says what is wrong, and where."""
    with pytest.raises(TableError, match=says) as caught:
        read(data, name)
    assert "\n" not in str(caught.value) and str(caught.value).startswith(f"table {name} cannot be read: ")


EVERY = {"id": [1], "code": ["a"], "caption": ["b"]}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.parquet", parquet(pa.table(EVERY))),
        ("t.arrow", arrow(pa.table(EVERY))),
        ("t.jsonl", jsonl([{name: values[0] for name, values in EVERY.items()}])),
        ("t.csv", b"id,code,caption\n1,a,b\n"),
    ],
    ids=["parquet", "arrow", "jsonl", "csv"],
)
def test_a_missing_column_says_which_there_are(name: str, data: bytes):
    """Of what the settings name; what a preset or habit names need not be there."""
    with pytest.raises(
        NoColumn, match=r"no column that has svg in its name; columns of texts are (id, )?code, caption"
    ):
        read(data, name)
    for columns, wanted in [
        (TableColumns(svg="code", captions=("title",)), "title"),
        (TableColumns(svg="code", license=("rights", "licence")), "rights or licence"),
        (TableColumns(svg="code", id=("key",)), "key"),
        (TableColumns(svg="code", hints=("tag*",)), r"tag\*"),
    ]:
        with pytest.raises(NoColumn, match=f"no column {wanted}; its columns are id, code, caption; name the column"):
            read(data, name, columns)
    (item,), no_input = read(data, name, TableColumns(svg="code"), "svg-stack")
    assert (item.content, item.path) == (b"a", "1.svg") and no_input == {"column caption not in columns": 1}


def test_a_table_without_rows_is_counted():
    """It is whole."""
    for name, data in [("t.parquet", parquet(TABLE.slice(0, 0))), ("t.csv", b"id,svg\n"), ("t.jsonl", b"\n")]:
        items, no_input = read(data, name)
        assert not items and no_input == {"table without rows": 1}


def test_a_budget_holds_for_all_that_is_read():
    """Rows are counted as they are read, some at a time."""
    with pytest.raises(ArchiveError, match="inflates to over 10 bytes"):
        read(jsonl(ROWS), "t.jsonl", budget=Budget("t.jsonl", 10))


def test_an_arrow_file_is_not_taken_at_its_word():
    """Where a text ends is checked before it is read: the library reads what is there in memory instead."""
    for name, stream in (("t.arrow", False), ("t.arrows", True)):
        data = arrow(pa.table({"svg": ["<svg/>", "<svg/>x"]}), stream=stream)
        ends = b"\0\0\0\0\6\0\0\0\x0d\0\0\0"
        assert data.count(ends) == 1 and contents(data, name) == [b"<svg/>", b"<svg/>x"]
        for wrong in (b"\0\0\0\0\6\0\0\0\xff\xff\xff\x7f", b"\0\0\0\0\x0e\0\0\0\x0d\0\0\0"):
            with pytest.raises(TableError):
                read(data.replace(ends, wrong), name)


WHOLE = {"t.arrow": arrow(TABLE), "t.arrows": arrow(TABLE, stream=True), "t.json": json.dumps(ROWS).encode()}
WHOLE |= {"t.jsonl": jsonl(ROWS), "t.csv": CELLS, "t.jsonl.zst": pa.compress(jsonl(ROWS), "zstd", asbytes=True)}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_damage_raises_nothing_else(name: str, data: st.DataObject):
    """Whatever bytes are changed or gone, reading ends in rows or in one line."""
    content = bytearray(WHOLE[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)) | st.just(len(content)))
    try:
        read(bytes(content[:cut]), name)
    except TableError as error:
        assert "\n" not in str(error)


@given(st.lists(st.dictionaries(st.sampled_from(["svg", "caption", "id", "x"]), st.text() | st.none() | st.integers())))
def test_an_array_and_lines_are_read_alike(rows: list[dict]):
    """So are the same records however they lie in the parts that are read."""
    try:
        wanted = read(jsonl(rows), "t.jsonl")
    except NoColumn:
        with pytest.raises(NoColumn):
            read(json.dumps(rows).encode(), "t.json")
    else:
        assert read(json.dumps(rows, indent=2, ensure_ascii=True).encode(), "t.json") == wanted
