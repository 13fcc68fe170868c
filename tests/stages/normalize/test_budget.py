"""Documents that are small and cost a renderer much."""

import pytest

from stages.base import Dropped
from stages.normalize import NormalizeSettings, normalize_one
from stages.reasons import Reason

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784">'


def nested_masks(levels: int, each: int) -> str:
    """A mask whose ``each`` shapes have masks whose shapes have masks …"""
    defs = [
        '<mask id="m{}">{}</mask>'.format(i, f'<rect width="99" height="99" fill="#ccc" mask="url(#m{i + 1})"/>' * each)
        for i in range(levels)
    ]
    return f'{HEAD}{"".join(defs)}<mask id="m{levels}"><rect width="9" height="9" fill="#ccc"/></mask><rect width="99" height="99" mask="url(#m0)"/></svg>'


def test_masks_in_masks_have_a_budget():
    """The product of what is drawn counts, and how deep references go; a mask in a mask is fine."""
    assert "mask" in normalize_one(nested_masks(2, 3).encode(), NormalizeSettings()).svg
    for levels, each in ((10, 1), (5, 20)):
        with pytest.raises(Dropped) as caught:
            normalize_one(nested_masks(levels, each).encode(), NormalizeSettings())
        assert caught.value.reason is Reason.RENDER_BUDGET


def test_numbers_too_large_to_compute_with_cost_their_shape():
    """The rest of the drawing stays, with a note; the comparison decides whether anything is missed."""
    for shape in (
        '<path d="M0 0L1e38 1e38z"/>', '<path d="M0 0A1e30 1e30 0 1 1 50 50"/>', '<rect width="1e300" height="9"/>',
        '<path d="M0 0h9" stroke="#000" stroke-width="1e30"/>',
    ):  # fmt: skip
        done = normalize_one(f'{HEAD}{shape}<rect width="9" height="9"/></svg>'.encode(), NormalizeSettings())
        assert done.svg == f'{HEAD}<rect x="0" y="0" width="9" height="9"/></svg>'
        assert done.notes == ("number_too_large",)


def test_a_transform_has_a_length():
    """A megabyte of transform functions is no drawing."""
    body = f'<g transform="{"rotate(1)" * 9000}"><rect width="9" height="9"/></g>'
    with pytest.raises(Dropped) as caught:
        normalize_one(f"{HEAD}{body}</svg>".encode(), NormalizeSettings())
    assert caught.value.reason is Reason.TOO_COMPLEX


def test_an_invalid_view_box_is_named_where_there_is_no_size():
    """With a size the box is ignored, as the specification says."""
    body = '<rect width="9" height="9"/></svg>'
    with pytest.raises(Dropped) as caught:
        normalize_one(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="a b c d">{body}'.encode(), NormalizeSettings())
    assert caught.value.reason is Reason.BAD_DIMENSION
    done = normalize_one(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9" width="18" height="18">{body}'.encode(),
        NormalizeSettings(),
    )
    assert done.view_box == (0, 0, 18, 18)
