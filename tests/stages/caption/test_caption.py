"""Captions of one sample: what is in them, in which order, and what never is."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import pictures
from stages.caption import DescribeSettings, describe
from stages.caption.words import screened, useful

SETTINGS = DescribeSettings()
SVG = '<svg xmlns="x" viewBox="0 0 784 784"><path fill="#e22" d="M0 0h9"/></svg>'


def picture() -> bytes:
    """A red bar in the upper left corner."""
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[4:20, 4:40] = (230, 30, 30, 255)
    return pictures.pack(pixels)


PICTURE = picture()


def run(
    path: str = "x.svg",
    title: str = "",
    desc: str = "",
    svg: str = SVG,
    settings: DescribeSettings = SETTINGS,
    **brought: object,
) -> list[dict]:
    row = {
        "sample_id": "i",
        "title": title,
        "desc": desc,
        "path": path,
        "name": path.rpartition("/")[2],
        "source": "s",
        "svg": svg,
        "picture": PICTURE,
        "own_captions": None,
        "hints": None,
        "facts": None,
    } | brought
    return describe(pa.Table.from_pylist([row]), settings).to_pylist()[0]["captions"]


def test_a_name_gives_three_captions_and_the_drawing_one():
    """Short, detailed and tags of the metadata stand before the one of the geometry, all in English."""
    captions = run("icons/shopping-cart-outline.svg")
    assert [(each["text"], each["style"], each["origin"]) for each in captions] == [
        ("An outlined shopping cart icon", "short", "metadata"),
        ("An outlined shopping cart icon. Drawn in red.", "detailed", "metadata"),
        ("shopping cart, outlined, icon, red", "tag", "metadata"),
        ("A drawing in red", "short", "geometry"),
    ]
    assert {each["language"] for each in captions} == {"en"}
    assert all(each[name] is None for each in captions for name in ("model", "prompt", "temperature", "seed", "score"))


def test_geometry_is_alone_where_nothing_else_is_known():
    """A digest as a name, an editor's title and a folder of no meaning name nothing."""
    (drawing,) = run("src/svg/9f86d081884c7d65.svg", "Layer 1")
    assert (drawing["text"], drawing["origin"]) == ("A drawing in red", "geometry")


@pytest.mark.parametrize(
    ("folder", "text"),
    [
        ("animals/svg/24px/", "Animals"),
        ("animals.7z/", "Animals"),
        ("animals/train-00000-of-00001.parquet/", "Animals"),
        ("@best/boxes/assets/big-cats/", "Big cats"),
        ("data/more.jsonl.gz/", ""),
        ("node_modules/@mdi/svg/", ""),
        ("@best/boxes/assets/", ""),
        ("build/svg/", ""),
    ],
)
def test_a_folder_names_what_has_no_name(folder: str, text: str):
    """The nearest that says something; a table's file, a scope and a package say nothing of one drawing."""
    facts = [{"name": "package", "text": "@best/boxes"}] if folder.startswith("@best") else None
    first = run(f"{folder}0001.svg", facts=facts)[0]
    assert (first["text"] if first["origin"] == "metadata" else "") == text


def test_titles_and_descriptions_are_captions():
    """A title says what is drawn; description and title stay as they are, besides."""
    captions = run("x7.svg", "Map of Germany. Drawn for a school", "A map with all sixteen states")
    assert captions[0]["text"] == "Map of Germany"
    texts = {each["text"]: each["style"] for each in captions}
    assert texts["Map of Germany. Drawn for a school"] == "short"
    assert texts["A map with all sixteen states"] == "detailed"


def test_a_title_that_is_the_sets_name_says_nothing():
    """Sets put their own name into each file."""
    assert run("octicons/icons/zap.svg", "octicons")[0]["text"] == "A zap icon"
    assert run("icons/cart.svg", facts=[{"name": "package", "text": "@best/boxes"}], title="Boxes")[0]["text"] == (
        "A cart icon"
    )


@pytest.mark.parametrize(
    ("title", "language"), [("Größe 図", ""), ("かさ", "ja"), ("우산", "ko"), ("ร่ม", "th"), ("Ομπρέλα", "el")]
)
def test_titles_in_other_scripts_stay_as_they_are(title: str, language: str):
    """With the language, where the script has one alone; no English is put around them."""
    first = run("icons/x.svg", title)[0]
    assert (first["text"], first["language"], first["origin"]) == (title, language, "metadata")


def test_names_in_other_scripts_stay_as_they_are():
    """They are no icon of something."""
    assert run("icons/зонт.svg")[0]["text"] == "Зонт"


def test_the_kind_of_a_set_can_be_configured():
    """For sources whose paths say nothing."""
    assert run("my.svg")[0]["text"] == "A my"
    flags = DescribeSettings(kinds={"s": "flags"})
    assert run("my.svg", settings=flags)[0]["text"] == "The flag of Malaysia"
    coins = DescribeSettings(kinds={"s": "coins"})
    assert run("btc.svg", settings=coins)[0]["text"] == "The Bitcoin (BTC) logo"


def test_what_a_dataset_says_of_a_drawing_comes_first():
    """Its captions stand before all others, screened; one that says nothing is none."""
    told = ["A cart by jane@example.org", "Untitled", "x" * 20 + " word" * 100]
    own = [
        {"text": text, "origin": "dataset", "style": style, "language": language}
        for text, style, language in zip(told, ["short", "tag", None], ["en", "", None], strict=True)
    ]  # null: a raw table of an earlier version
    captions = run("icons/cart.svg", own_captions=own)
    assert [each["origin"] for each in captions] == ["dataset"] * 2 + ["metadata"] * 3 + ["geometry"]
    assert [each["style"] for each in captions[:2]] == ["short", ""] and captions[1]["language"] == ""
    assert captions[0]["text"] == "A cart by" and captions[1]["text"] == told[2]  # who is too long, is checked later


def test_keywords_of_a_drawing_are_tags_those_of_a_package_are_not():
    """They name a drawing whose name says nothing; what a package is about says nothing of one drawing."""
    hints = ["cart", "shop", "https://example.org", "wheel"]
    assert "cart, shop, wheel" in [each["text"] for each in run("0042.svg", hints=hints)] or (
        run("0042.svg", hints=hints)[0]["text"] == "A cart"
    )
    tags = next(each["text"] for each in run("icons/home.svg", hints=hints) if each["style"] == "tag")
    assert tags == "home, cart, shop, wheel, icon, red"
    package = [{"name": "package", "text": "@best/boxes"}]
    tags = next(each["text"] for each in run("icons/home.svg", hints=hints, facts=package) if each["style"] == "tag")
    assert tags == "home, icon, red"


@pytest.mark.parametrize(
    "text", ["Layer 1", "Untitled", "icon", "Created with Sketch.", "drawing.svg", "Group 12", "", "  ", "<b>", "=="]
)
def test_empty_titles_say_nothing(text: str):
    """Titles that editors put there are no captions."""
    assert useful(text, SETTINGS) == ""


PRIVATE = [
    "jane.doe+x@example.org",
    "https://example.com/a?b=c",
    "www.example.com",
    "+49 30 1234567",
    "/home/jane/icons/x.svg",
    "C:\\Users\\jane\\x",
    "sk_live_51H8xYzAbCdEfGhIjKlMnOp",
    "AKIAIOSFODNN7EXAMPLE99",
    "9f86d081884c7d659a2feaa0c55ad015",
    "jane@localhost",
    "mailto:jane@example.org",
    "jane (at) example.org",
    "File:///tmp/x",
    "example.com/jane/x",
    "~/icons/x",
    "/" + "root/x",  # in two parts, because it is nobody's path
    "C:/Users/jane/x",
    "ghp_abcdefghijklmnopqrstuvwxyzabcdefghij",
    "AbCdEfGhIjKlMnOpQrStUvWxYz==",
]


@pytest.mark.parametrize("secret", PRIVATE)
def test_private_things_never_come_through(secret: str):
    """Addresses, numbers, paths and keys are screened out of titles, descriptions and names."""
    for each in run(f"a {secret}.svg".replace("/", "_"), f"Cart {secret}", f"by {secret} in 2020"):
        assert secret.lower() not in each["text"].lower()
    assert screened(f"Cart {secret} red") == "Cart red"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("A <b>red</b> cart", "A red cart"),
        ('<img src="x" onerror="y">Cart', "Cart"),
        ("Cart &lt;script&gt; of wood", "Cart script of wood"),
        ("=HYPERLINK(1)", "HYPERLINK(1)"),
        ("+1 cart", "1 cart"),
        ("@SUM(A1)", "SUM(A1)"),
        ("-- cart", "cart"),
    ],
)
def test_markup_and_formulas_never_come_through(text: str, left: str):
    """What a browser or a table program would run is no caption."""
    assert useful(text, SETTINGS) == left


@given(st.text(max_size=60), st.text(max_size=400))
def test_every_sample_has_captions_of_bounded_length(name: str, title: str):
    """Whatever names and titles are, there is a caption, none is empty or too long, and the last is of the geometry."""
    captions = run(name + ".svg", title)
    assert captions[-1]["origin"] == "geometry"
    for each in captions:
        assert 0 < len(each["text"]) <= SETTINGS.max_characters
        assert each["text"][0] not in "=+@-" and "</" not in each["text"]


@pytest.mark.parametrize(
    "text", ["left/right arrow", "face at work", "50-60 % of 100", "and/or", "Internationalization"]
)
def test_screening_leaves_ordinary_words(text: str):
    """What only looks a little like an address or a key stays."""
    assert screened(text) == text
