"""Small pictures: packing, hashing, and how unlike two are."""

import numpy as np
import pytest

from stages.pictures import (
    PATCH,
    SIDE,
    Reduced,
    colourless,
    ink,
    pack,
    picture_hash,
    reduce,
    sparse,
    strange,
    unlike,
    unpack,
)


def scribble(seed: int, size: int = 4 * SIDE) -> np.ndarray:
    """(size, size, 4): some coloured boxes on nothing."""
    chance = np.random.default_rng(seed)
    rgba = np.zeros((size, size, 4), np.uint8)
    for _ in range(8):
        x, y = chance.integers(0, size - 20, 2)
        w, h = chance.integers(10, size // 2, 2)
        rgba[y : y + h, x : x + w] = [*chance.integers(0, 256, 3), 255]
    return rgba


@pytest.mark.parametrize("seed", range(5))
def test_packed_pictures_come_back(seed: int) -> None:
    """Also where every pixel is another one."""
    noise = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 4), dtype=np.uint8)
    for picture in (reduce(scribble(seed)), noise):
        assert (unpack(pack(picture)) == picture).all()
    assert len(pack(reduce(scribble(seed)))) < 3000


@pytest.mark.parametrize("size", [SIDE, 3 * SIDE, 100, 224])
def test_reducing_keeps_the_mean(size: int) -> None:
    """Whatever the size, each pixel weighs the same, and what is half covered is half as dark."""
    rgba = np.zeros((size, size, 4), np.uint8)
    rgba[: size // 2] = (200, 100, 0, 255)
    found = reduce(rgba)
    assert found.shape == (SIDE, SIDE, 4)
    assert np.abs(found.mean(axis=(0, 1)) - [100, 50, 0, 127.5]).max() < 1
    assert (found[0, 0] == (200, 100, 0, 255)).all() and not found[-1].any()


def test_nothing_is_unlike_itself_and_order_does_not_matter() -> None:
    """`unlike` is a distance: nought for equals, the same both ways."""
    pictures = [reduce(scribble(seed)) for seed in range(4)]
    for one in pictures:
        assert unlike(one, one, 36) == (0, 0, 0)
        for other in pictures:
            assert unlike(one, other, 36) == unlike(other, one, 36)


def test_white_on_nothing_is_seen_on_black() -> None:
    """A white box and an empty picture are the same on white, and differ on black."""
    white = np.zeros((SIDE, SIDE, 4), np.uint8)
    white[:32] = 255
    share, mean, patch = unlike(white, np.zeros_like(white), 36)
    assert (share, mean, patch) == (0.5, 0.5, 1.0)
    assert (colourless(white) != 0).any()


def test_a_part_that_differs_is_told_from_pixels_here_and_there() -> None:
    """As many pixels differ as much, once all in one place, once all over: the patch says which."""
    plain = np.full((SIDE, SIDE, 4), 255, np.uint8)
    together, scattered = plain.copy(), plain.copy()
    together[8:12, 20:24, :3] = 0
    scattered[2::16, 2::16, :3] = 0
    assert unlike(plain, together, 36)[:2] == unlike(plain, scattered, 36)[:2] == (16 / SIDE**2, 16 / SIDE**2)
    assert unlike(plain, together, 36)[2] == 16 / PATCH**2
    assert unlike(plain, scattered, 36)[2] == 1 / PATCH**2


def test_hashes_of_like_pictures_are_near() -> None:
    """Drawn at another size a picture has nearly the same hash; another picture has quite another."""
    for seed in range(6):
        large = scribble(seed, 6 * SIDE)
        one, smaller = (np.frombuffer(picture_hash(reduce(rgba)), np.uint8) for rgba in (large, large[::2, ::2]))
        other = np.frombuffer(picture_hash(reduce(scribble(seed + 100, 6 * SIDE))), np.uint8)
        assert np.bitwise_count(one ^ smaller).sum() <= 8
        assert np.bitwise_count(one ^ other).sum() > 24


def square(
    x: int, side: int, colour: tuple[int, int, int], ground: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> Reduced:
    picture = np.zeros((SIDE, SIDE, 4), np.uint8)
    picture[:] = ground
    picture[20 : 20 + side, x : x + side] = [*colour, 255]
    return picture


@pytest.mark.parametrize("ground", [(0, 0, 0, 0), (255, 255, 255, 255)])
def test_a_white_page_is_no_ink(ground: tuple[int, int, int, int]) -> None:
    """A small black square on nothing and on a white page is as much ink, and so little that the drawing is sparse."""
    picture = square(20, 8, (0, 0, 0), ground)
    assert ink(picture) == pytest.approx(64 / SIDE**2)
    assert sparse(picture) and not sparse(square(5, 40, (0, 0, 0)))


def test_a_mark_is_strange_and_a_small_move_is_not() -> None:
    """Whatever the mark's share of the picture."""
    big, moved = square(5, 40, (200, 0, 0)), square(6, 40, (200, 0, 0))
    marked = big.copy()
    marked[2, 2] = [0, 0, 200, 255]
    assert strange(big, big) == strange(big, moved) == strange(moved, big) == 0
    assert strange(big, marked) == strange(marked, big) > 0.7
