"""Drawings in the column of a Parquet file."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.crawl import ArchiveError, Caption, Columns, CrawlSettings, NoColumn, RawItem, Reading, members
from stages.reasons import Reason

SETTINGS = CrawlSettings(max_bytes=1000)
TEXTS = ["<svg>é</svg>", None, "<svg/>"]


def parquet(table: pa.Table, **options: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def read(data: bytes, column: str | None = None) -> list[bytes | tuple[Reason, str]]:
    found = list(members(io.BytesIO(data), "t.parquet", SETTINGS, lambda _: True, Reading(column)))
    assert [m.path for m in found] == [f"{number:08}.svg" for number in range(len(found))]
    return [m.content for m in found]


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.binary_view(),
        pa.dictionary(pa.int32(), pa.string()),
        pa.dictionary(pa.int8(), pa.large_string()),
    ],
    ids=str,
)
def test_every_type_of_text_is_read(kind: pa.DataType):
    """Rows in order, over row groups; a null is no drawing, and says so."""
    texts = pa.array(TEXTS * 200, pa.string())
    if pa.types.is_dictionary(kind):
        texts = texts.dictionary_encode().cast(kind)
    else:
        texts = texts.cast(kind)
    data = parquet(pa.table({"id": range(600), "svg": texts}), row_group_size=250)
    assert read(data) == ["<svg>é</svg>".encode(), (Reason.NO_DRAWING, "null"), b"<svg/>"] * 200


def test_a_string_that_is_no_utf_8_costs_its_row_at_most():
    """Its bytes go on as they are, for the XML declaration to explain; the other rows are read."""
    ends, text = b"\0\0\0\0\6\0\0\0\x0c\0\0\0", b"<svg/>\xff\xfe<svg"
    broken = pa.Array.from_buffers(pa.string(), 2, [None, pa.py_buffer(ends), pa.py_buffer(text)])
    assert read(parquet(pa.table({"svg": broken}))) == [b"<svg/>", b"\xff\xfe<svg"]
    assert read(parquet(pa.table({"svg": broken.dictionary_encode()}))) == [b"<svg/>", b"\xff\xfe<svg"]


def test_the_column_is_the_one_called_svg_or_chosen():
    """svg, else the first of texts that has it in its name; a setting chooses another, also in a struct."""
    images = [{"bytes": b"<svg>4</svg>", "path": "x"}, None]
    table = pa.table(
        {
            "a_svg": ["<svg>1</svg>", "<svg/>"],
            "Svg_number": [1, 2],
            "code": ["<svg>2</svg>", "<svg/>"],
            "image": images,
            "a.b": ["<svg>5</svg>", "<svg/>"],
        }
    )
    assert read(parquet(table)) == [b"<svg>1</svg>", b"<svg/>"]
    assert read(parquet(table.append_column("SVG", [["<svg>3</svg>", "<svg/>"]]))) == [b"<svg>3</svg>", b"<svg/>"]
    assert read(parquet(table), "code") == [b"<svg>2</svg>", b"<svg/>"]
    assert read(parquet(table), "image.bytes") == [b"<svg>4</svg>", (Reason.NO_DRAWING, "null")]
    assert read(parquet(table), "a.b") == [b"<svg>5</svg>", b"<svg/>"]


def test_a_column_that_holds_no_text_says_its_type_and_the_way_out():
    """One line with the column, its type, and columns that would do."""
    for column, says in [
        (pa.array([1]), "its column svg is int64, not text; columns of texts are code"),
        (pa.array([["<svg/>"]]), "its column svg is list<.*>, not text"),
        (pa.array([{"bytes": b"x"}]), r"its column svg is struct<bytes: binary>, .*setting column, such as svg\.bytes"),
    ]:
        data = parquet(pa.table({"svg": column, "code": ["a"]}))
        with pytest.raises(ArchiveError, match=says) as caught:
            read(data)
        assert "\n" not in str(caught.value) and not isinstance(caught.value, NoColumn)
        with pytest.raises(ArchiveError, match=says):
            read(data, "svg")


def test_two_columns_of_one_name_are_told():
    """If one of them is text it is meant; if both are, nobody knows which."""
    both = pa.Table.from_arrays([pa.array(["<svg/>"]), pa.array(["b"])], names=["svg", "svg"])
    with pytest.raises(ArchiveError, match="2 columns of texts are called svg; rename"):
        read(parquet(both))
    one = pa.Table.from_arrays([pa.array([1]), pa.array(["<svg/>"])], names=["svg", "svg"])
    assert read(parquet(one)) == [b"<svg/>"]


def test_a_table_of_something_else_is_told_apart_from_a_fault():
    """No column that could be meant: no input, with the columns that could be chosen."""
    data = parquet(pa.table({"id": [1], "code": ["a"]}))
    for column, says in ((None, "no column that has svg in its name"), ("drawing", "no column drawing")):
        with pytest.raises(NoColumn, match=f"{says}; columns of texts are code; name the column"):
            read(data, column)


def test_large_and_damaged_values():
    """A large row costs itself; a file that is cut or no Parquet is an error."""
    data = parquet(pa.table({"svg": ["x" * 1001, "<svg/>"]}))
    assert read(data) == [(Reason.TOO_LARGE, "over 1000 bytes"), b"<svg/>"]
    for damaged in (data[:-5], b"", b"PAR1", data[:20] + data[25:]):
        with pytest.raises(ArchiveError):
            read(damaged)


def test_rows_of_the_wanted_glob_only():
    """Rows are selected by their number's name, and counted if they are not."""
    reading = Reading()
    data = parquet(pa.table({"svg": ["1", "2"]}))
    found = list(members(io.BytesIO(data), "t.parquet", SETTINGS, lambda n: n == "00000001.svg", reading))
    assert found == [RawItem("00000001.svg", b"2")] and reading.no_input == {".svg not in glob": 1}


WHOLE = parquet(
    pa.table({"id": [1, 2, 3], "svg": pa.array(TEXTS).dictionary_encode(), "s": [{"bytes": b"<svg/>"}] * 3})
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([None, "s.bytes"]), st.data())
def test_damage_raises_nothing_else(column: str | None, data: st.DataObject):
    """Whatever bytes are changed, reading ends in rows or in ArchiveError."""
    content = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        read(bytes(content), column)
    except ArchiveError as error:
        assert "\n" not in str(error)


def rows(
    data: bytes, columns: Columns | None = None, column: str | None = None
) -> tuple[list[RawItem], dict[str, int]]:
    reading = Reading(column, columns or Columns())
    return list(members(io.BytesIO(data), "t.parquet", SETTINGS, lambda _: True, reading)), reading.no_input


def test_what_the_other_columns_say_comes_with_each_row():
    """File name, captions, keywords, URL, licence, author and id, by their usual names; others are counted."""
    table = pa.table(
        {
            "id": [7, None],
            "Filename": ["a/home.svg", "shop"],
            "Svg": ["<svg>1</svg>", "<svg>2</svg>"],
            "keywords": [["house", None, "roof"], None],
            "tags": ["red, green;blue", ""],
            "caption_two": pa.array(["The second", None]).dictionary_encode(),
            "Description": [b"The \xff third", b""],
            "license": ["CC-BY-4.0", None],
            "author": [["Jane", "Joe"], []],
            "url": ["https://example.org/1", None],
            "tokens": [[1], [2]],
            "image": [{"path": "x", "size": 3}] * 2,
        }
    )
    (first, second), no_input = rows(parquet(table))
    assert first == RawItem(
        "a/home.svg",
        b"<svg>1</svg>",
        "https://example.org/1",
        "CC-BY-4.0",
        "Jane, Joe",
        ("house", "roof", "red", " green", "blue"),
        (Caption("The second"), Caption("The \udcff third")),
        (("id", "7"),),
    )
    assert second == RawItem("shop.svg", b"<svg>2</svg>", hints=("",))
    assert no_input == {f"column {name} not in columns": 1 for name in ("tokens", "image.path", "image.size")}


def test_settings_say_which_column_is_what():
    """Names have any case, stars and points; of several file names the first counts; nothing is also an answer."""
    table = pa.table(
        {
            "svg": ["<svg/>"],
            "name": ["n"],
            "Key": [5],
            "meta": [{"Text": "said", "more": "x"}],
            "title": ["A title"],
            "text": [3],
        }
    )
    chosen = Columns(path=("key", "name"), captions=("meta.*",), facts=())
    (row,), no_input = rows(parquet(table), chosen)
    assert row == RawItem("5.svg", b"<svg/>", captions=(Caption("said"), Caption("x")))
    assert no_input == {f"column {name} not in columns": 1 for name in ("name", "title", "text")}
    (row,), _ = rows(parquet(table), Columns(path=(), captions=()), "title")
    assert row == RawItem("00000000.svg", b"A title")


def test_file_names_are_paths_as_in_an_archive():
    """They lead nowhere else, the second of one name is told apart, and a row without one is called by its number."""
    names = ["a.svg", "../../a.svg", None, "", "/etc/b.SVGZ", "x.png", "y" * 1001, "00000002.svg", "l\nf", "\ud800"]
    names = pa.array([None if n is None else n.encode("utf-8", "surrogatepass") for n in names])
    found, _ = rows(parquet(pa.table({"svg": ["<svg/>"] * 10, "path": names})))
    paths = [item.path for item in found]
    assert paths[:8] == [
        "a.svg", "a.svg#2", "00000002.svg", "00000003.svg", "etc/b.SVGZ", "x.png.svg", "00000006.svg", "00000002.svg#2",
    ]  # fmt: skip
    assert paths[8] == r"l\nf.svg" and len(set(paths)) == 10 and "\udced" not in paths[9]


def test_a_row_with_very_many_keywords_costs_no_more_than_their_length():
    """A million keywords of one row are read in a moment."""
    data = parquet(pa.table({"svg": ["<svg/>"], "tags": [["k"] * 1_000_000]}))
    (row,), _ = rows(data)
    assert len(row.hints) == 1_000_000
