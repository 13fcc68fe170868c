import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.caption import CaptionSettings, caption
from stages.caption.colours import name_of
from stages.caption.words import from_name, screened, useful

SETTINGS = CaptionSettings()
SVG = (
    '<svg xmlns="x" viewBox="0 0 784 784"><path fill="#e22" d="M0 0h9"/><circle fill="none" stroke="#333" r="9"/></svg>'
)


def run(
    name: str = "x.svg", title: str = "", desc: str = "", svg: str = SVG, folder: str = "", **brought: list
) -> list[dict]:
    row = {
        "sample_id": "i",
        "title": title,
        "desc": desc,
        "path": folder + name,
        "name": name,
        "source": "s",
        "svg": svg,
        "tokens": "",
        "own_captions": None,
        "hints": None,
        "facts": None,
    } | brought
    return caption(pa.Table.from_pylist([row]), SETTINGS).to_pylist()[0]["captions"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("shopping-cart.svg", ["shopping", "cart"]),
        ("AcademicCapIcon.svg", ["academic", "cap"]),
        ("ic_home_24px.svg", ["ic", "home"]),
        ("emoji_u1f600.svg", ["grinning face"]),
        ("1f469-200d-1f692.svg", ["woman", "fire engine"]),
        ("arrow_left.svg#2", ["arrow", "left"]),
        ("9f86d081884c7d65.svg", []),
        ("icon.svg", []),
        ("face.svg", ["face"]),
        ("cafe.svg", ["cafe"]),
        ("2024.svg", []),
        ("2600.svg", ["black sun with rays"]),
        ("u0041.svg", ["latin capital letter a"]),
        ("0023-20e3.svg", ["number sign"]),
        ("1f1e9-1f1ea.svg", ["flag", "de"]),
        ("emoji_u1f44d_1f3ff.svg", ["thumbs up sign", "dark skin"]),
    ],
)
def test_names_become_words(name: str, words: list[str]) -> None:
    """Cases, separators, sizes, code points and copies of file names are resolved; digests say nothing."""
    assert from_name(name, SETTINGS)[0] == words


def test_style_words_are_adjectives() -> None:
    """A style in the name is told before the thing."""
    assert from_name("cart-outline.svg", SETTINGS) == (["cart"], ["outline"])
    assert run("cart-outline.svg")[0]["text"].startswith("An outlined icon of cart in ")


def test_origins_are_recorded() -> None:
    """Each source of words gives its own caption, the composed one comes first."""
    found = run("cart.svg", "Shopping cart", "A cart with two wheels")
    assert [c["origin"] for c in found] == ["metadata", "metadata", "metadata", "metadata", "geometry"]
    assert [c["style"] for c in found] == ["short", "short", "detailed", "tag", "short"]
    assert found[0]["text"] == "An icon of shopping cart in dark grey and red. Made of one circle and one path."


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("animals/svg/24px/", "animals"),
        ("set.tar.gz/circle-flags/", "circle flags"),
        ("animals.7z/", "animals"),
        ("animals/train-00000-of-00001.parquet/", "animals"),
        ("data/more.jsonl.gz/", ""),
        ("node_modules/@mdi/svg/", ""),
        ("build/svg/", ""),
        ("src/", ""),
    ],
)
def test_folders_add_their_words(folder: str, words: str) -> None:
    """The nearest folder that says something is in the composed caption, and a caption of its own."""
    found = run("my.svg", folder=folder)
    assert [c["text"] for c in found if c["text"] == words] == ([words] if words else [])
    assert found[0]["text"].startswith(f"An icon of my, {words}, in " if words else "An icon of my in ")


@pytest.mark.parametrize(
    "text", ["Layer 1", "Untitled", "icon", "Created with Sketch.", "drawing.svg", "Group 12", "", "  "]
)
def test_empty_titles_say_nothing(text: str) -> None:
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
def test_private_things_never_come_through(secret: str) -> None:
    """Addresses, numbers, paths and keys are screened out of titles, descriptions and names."""
    for found in run(f"a {secret}.svg".replace("/", "_"), f"Cart {secret}", f"by {secret} in 2020"):
        assert secret.lower() not in found["text"].lower()
    assert screened(f"Cart {secret} red") == "Cart red"


@given(st.text(max_size=60), st.text(max_size=400))
def test_every_sample_has_captions_of_bounded_length(name: str, title: str) -> None:
    """Whatever names and titles are, there is a composed caption, and none is empty or too long."""
    found = run(name + ".svg", title)
    assert found[0]["origin"] == "metadata"
    assert all(0 < len(c["text"]) <= SETTINGS.max_characters for c in found)


def test_folders_named_as_the_source_or_a_style() -> None:
    """A folder that only repeats the source's name is no subject, one that names a style is an adjective."""
    assert run("my.svg", folder="s/solid/24/")[0]["text"].startswith("A solid icon of my in ")


def test_a_package_s_name_says_nothing_of_a_drawing() -> None:
    """What lies in it may."""
    facts = [{"name": "package", "text": "@phosphor-icons/core"}]
    assert run("my.svg", folder="@phosphor-icons/core/assets/", facts=facts)[0]["text"].startswith("An icon of my in ")
    named = run("my.svg", folder="@phosphor-icons/core/assets/animals/", facts=facts)
    assert named[0]["text"].startswith("An icon of my, animals, in ")


def test_a_clip_path_is_no_colour() -> None:
    """What only clips is not drawn, so it does not make a drawing black."""
    svg = '<svg><defs><clipPath id="c0"><circle r="9"/></clipPath></defs><path fill="#00f" clip-path="url(#c0)" d=""/></svg>'
    assert run("cart.svg", svg=svg)[0]["text"] == "An icon of cart in blue. Made of one path."


def test_foreign_titles_stay_as_they_are() -> None:
    """A title in another script is kept letter by letter."""
    assert "Größe 図" in run("x.svg", "Größe 図")[0]["text"]


@pytest.mark.parametrize(
    ("colour", "name"),
    [("f00", "red"), ("fff", "white"), ("0c5220", "dark green"), ("ff8000", "orange"), ("777", "grey")],
)
def test_colours_have_their_usual_names(colour: str, name: str) -> None:
    """The nearest name in CIELAB is the one a person would say."""
    assert name_of(colour) == name


def test_composed_captions_have_two_sentences() -> None:
    """A title of several sentences gives its first to the composed caption, and is a caption of its own."""
    found = run("x.svg", "Red cart. Drawn for a shop. Second version")
    assert found[0]["text"].count(". ") == 1 and "Drawn" not in found[0]["text"]
    assert found[1]["text"] == "Red cart. Drawn for a shop. Second version"


@pytest.mark.parametrize(
    "text", ["left/right arrow", "face at work", "50-60 % of 100", "and/or", "Internationalization"]
)
def test_screening_leaves_ordinary_words(text: str) -> None:
    """What only looks a little like an address or a key stays."""
    assert screened(text) == text


def test_what_a_dataset_says_of_a_drawing_comes_first() -> None:
    """Its captions stand before the composed one, screened and cut as the others; one that says nothing is none."""
    told = ["A cart by jane@example.org", "Untitled", "x" * 20 + " word" * 100]
    styles = ["short", "tag", None]  # null: a raw table of an earlier version
    own = [{"text": text, "origin": "dataset", "style": style} for text, style in zip(told, styles, strict=True)]
    found = run("cart.svg", own_captions=own)
    assert [c["origin"] for c in found] == ["dataset", "dataset", "metadata", "metadata", "geometry"]
    assert [c["style"] for c in found] == ["short", "", "short", "tag", "short"]
    assert found[0]["text"] == "A cart by" and len(found[1]["text"]) <= SETTINGS.max_characters


def test_keywords_name_what_has_no_name() -> None:
    """They are the subject where title and file name say nothing, and a caption of their own."""
    found = run("0042.svg", hints=["cart", "shop", "cart", "https://example.org", "wheel", "buy"])
    assert found[0]["text"].startswith("An icon of cart, shop and wheel in ")
    assert found[1]["text"] == "cart, shop, wheel, buy" and found[1]["style"] == "tag"
    assert run("home.svg", hints=["cart"])[0]["text"].startswith("An icon of home in ")
