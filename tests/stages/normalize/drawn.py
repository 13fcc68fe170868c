"""Bodies of drawings on the canvas: their canonical forms, the reasons against them, and how much of them is lost."""

from __future__ import annotations

import numpy as np
import pytest
import pyvips

from stages.base import Dropped
from stages.normalize import NormalizeSettings, normalize_one
from stages.reasons import Reason
from stages.render.compare import difference
from stages.render.renderers import draw, sized

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 784 784">'


def whole(body: str, **chosen: object) -> str:
    """The canonical form of a drawing, by these settings."""
    return normalize_one(f"{HEAD}{body}</svg>".encode(), NormalizeSettings.model_validate(chosen)).svg


def inner(body: str, **chosen: object) -> str:
    """As `whole`, without the root."""
    return whole(body, **chosen).removeprefix(HEAD).removesuffix("</svg>")


def reason(body: str, **chosen: object) -> Reason:
    """Why the drawing is dropped, which it must be."""
    with pytest.raises(Dropped) as caught:
        whole(body, **chosen)
    return caught.value.reason


def picture(svg: str, size: int = 196) -> np.ndarray:
    """Pixels 0..255 on white, (size, size, 3), of an SVG whose viewBox is the canvas."""
    data = svg.replace("<svg ", f'<svg width="{size}" height="{size}" ', 1).encode()
    image = pyvips.Image.svgload_buffer(data).flatten(background=255)
    return np.ndarray(buffer=image.write_to_memory(), dtype=np.uint8, shape=(size, size, 3)).astype(int)


def error(body: str, size: int = 196) -> float:
    """Mean absolute error 0..1 of the canonical form's picture."""
    return float(np.abs(picture(f"{HEAD}{body}</svg>", size) - picture(whole(body), size)).mean() / 255)


def unlike(body: str, **chosen: object) -> float:
    """Share of pixels of a drawing's canonical form that differ visibly from the drawing, at 392 px."""
    source, canonical = (draw(sized(svg, 392), "librsvg") for svg in (f"{HEAD}{body}</svg>", whole(body, **chosen)))
    return difference(source, canonical, 48).visible_share
