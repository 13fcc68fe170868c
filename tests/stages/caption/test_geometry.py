"""What a drawing looks like, from its small picture and its canonical form."""

import coloraide
import numpy as np
import pytest

from stages.caption.colours import NAMES, name_of, oklab
from stages.caption.geometry import Look, coloured, described, look, manner
from stages.pictures import SIDE, Reduced, pack

PATH = '<svg><path fill="#000" d="M0 0h9"/></svg>'
Y, X = np.mgrid[0:SIDE, 0:SIDE]


def empty() -> Reduced:
    return np.zeros((SIDE, SIDE, 4), np.uint8)


def seen(pixels: Reduced, svg: str = PATH) -> Look:
    return look(pack(pixels), svg)


def test_oklab_is_that_of_coloraide():
    """Of colours all over sRGB."""
    colours = np.random.default_rng(0).random((50, 3))
    expected = [coloraide.Color("srgb", list(each)).convert("oklab").coords() for each in colours]
    assert np.abs(oklab(colours) - np.array(expected)).max() < 1e-4


@pytest.mark.parametrize(
    ("colour", "name"),
    [("f00", "red"), ("fff", "white"), ("0c5220", "dark green"), ("ff8000", "orange"), ("777", "grey"), ("333", "black"),
     ("1a237e", "dark blue"), ("ffcc4d", "yellow"), ("dd2e44", "red"), ("55acee", "light blue"), ("654321", "brown")],
)  # fmt: skip
def test_colours_have_their_usual_names(colour: str, name: str):
    """The nearest name in OKLab is the one a person would say."""
    assert name_of(colour) == name and name in NAMES


def test_colours_are_named_by_area():
    """The largest first; what is a few pixels has no name."""
    pixels = empty()
    pixels[:40] = (255, 255, 255, 255)
    pixels[40:60] = (220, 30, 40, 255)
    pixels[0, 0:3] = (0, 0, 255, 255)
    assert seen(pixels).colours == ("white", "red")


def test_translucent_colours_are_named_as_they_are():
    """Pixels are premultiplied: half a red is no brown."""
    pixels = empty()
    pixels[10:50, 10:50] = (128, 0, 0, 128)
    assert seen(pixels).colours == ("red",)


def test_a_ground_is_no_colour_of_the_drawing():
    """An opaque one that all corners and nearly all sides have; a frame is none."""
    pixels = empty()
    pixels[:] = (255, 255, 255, 255)
    pixels[20:40, 20:44] = (0, 0, 0, 255)
    white = seen(pixels)
    assert (white.ground, white.colours, coloured(white, 3)) == ("white", ("black",), "black on white")
    frame = empty()
    frame[:] = (30, 60, 220, 255)
    frame[4:60, 4:60] = 0
    assert (seen(frame).ground, seen(frame).colours) == ("", ("blue",))


@pytest.mark.parametrize(
    ("mask", "symmetry"),
    [
        (abs(X - 31.5) + abs(Y - 20) < 15, "left to right"),
        (abs(Y - 31.5) + abs(X - 20) < 15, "top to bottom"),
        ((X - 31.5) ** 2 + (Y - 31.5) ** 2 < 300, "left to right and top to bottom"),
        (((X < 32) & (Y < 10)) | ((X >= 32) & (Y >= 54)), "half a turn"),
        ((X < 20) & (Y < 9), ""),
        ((abs(X - 31.5) < 20) & (abs(Y - 31.5) < 20) & ~((X > 34) & (X < 40) & (Y > 20) & (Y < 30)), "",),
    ],
)  # fmt: skip
def test_symmetry_is_said_where_it_is_certain(mask: np.ndarray, symmetry: str):
    """A part that is on one side only, such as a hand of a clock, breaks it."""
    pixels = empty()
    pixels[mask] = (0, 0, 0, 255)
    assert seen(pixels).symmetry == symmetry


def test_colours_break_a_symmetry():
    """Equal shapes of other colours are no mirror images."""
    pixels = empty()
    pixels[:32], pixels[32:] = (230, 30, 30, 255), (30, 140, 40, 255)
    assert seen(pixels).symmetry == "left to right"


def test_a_full_disc_is_round():
    """A ring and a square are not."""
    disc, square, ring = empty(), empty(), empty()
    inside = (X - 31.5) ** 2 + (Y - 31.5) ** 2
    disc[inside < 900] = ring[inside < 900] = (0, 0, 0, 255)
    ring[inside < 500] = 0
    square[2:62, 2:62] = (0, 0, 0, 255)
    assert [seen(each).round for each in (disc, ring, square)] == [True, False, False]


def test_strokes_parts_and_text_are_in_the_canonical_form():
    """All elements must have strokes and no fill; parts are counted where each path is one; text is read."""
    outlined = '<svg><path fill="none" stroke="#000" d="M0 0h9"/><circle fill="none" stroke="#000" r="3"/></svg>'
    assert (look(None, outlined).outlined, look(None, outlined).parts) == (True, 2)
    both = '<svg><path fill="none" stroke="#000" d="M0 0h9"/><path d="M0 0h9M1 1h9"/></svg>'
    assert (look(None, both).outlined, look(None, both).parts) == (False, 0)
    text = look(None, '<svg><text x="1">A &amp; B</text></svg>')
    assert text.text == "A & B" and "with the text “A & B”" in described(text, 3)
    assert "with gradients" in manner(look(None, "<svg><defs><linearGradient/></defs></svg>"), 3)


def test_what_only_clips_is_not_drawn():
    """Elements in defs are no parts."""
    svg = '<svg><defs><clipPath id="c0"><circle r="9"/></clipPath></defs><path d="M0 0h9"/></svg>'
    assert look(None, svg).parts == 1


def test_captions_of_what_is_certain():
    """Sentences of the colours that the settings let be named, of style, symmetry and shape."""
    full = Look(("red", "white", "blue", "gold"), "", True, "half a turn", True, 4)
    assert described(full, 3) == (
        "A round outlined drawing in red, white, blue and other colours, made of four parts, the same after half a turn"
    )
    assert manner(full, 2) == "Drawn in red, white and other colours, in outlines, round, the same after half a turn"
    assert described(Look(), 3) == "A drawing" and manner(Look(), 3) == ""
    assert described(full, 0) == "A round outlined drawing, made of four parts, the same after half a turn"
