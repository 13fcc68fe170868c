"""Answers of all kinds to one question, as models of all qualities write them."""

from __future__ import annotations

import random
import re

_COORDINATE = re.compile(r"<(d|P)_(-?[0-9]+)>")


def perturbed(tokens: str, reach: int, seed: int, limit: int = 794) -> str:
    """A drawing whose coordinates are off by up to ``reach`` canvas units each, and still in the vocabulary.

    Offsets are off as coordinates are, so that what follows is, too.
    """
    chance = random.Random(seed)

    def moved(match: re.Match[str]) -> str:
        least = 0 if match[1] == "P" else -limit
        return f"<{match[1]}_{min(max(int(match[2]) + chance.randint(-reach, reach), least), limit)}>"

    return _COORDINATE.sub(moved, tokens)


def hostile(size: int) -> dict[str, str]:
    """Answers that are meant to cost time, memory or the process, by name; texts have about ``size`` characters."""
    head, tail = "<svg>viewBox=0 0 784 784", "</svg>"
    blur = "<filter>id=f x=-100000 y=-100000 width=200000 height=200000 filterUnits=userSpaceOnUse"
    blurs = "<feGaussianBlur>stdDeviation=9000</feGaussianBlur>" * 40
    rings = "".join(f"<g>id=a{n}<use>href=#a{n + 1}</use><use>href=#a{n + 1}</use></g>" for n in range(40))
    tile = "<pattern>id=p width=0.001 height=0.001 patternUnits=userSpaceOnUse<rect>width=9 height=9</rect></pattern>"
    return {
        "long text": "a" * size,
        "long beginning": head + "<path><cmd_M><P_1><P_1>" + "<cmd_l><d_1><d_1>" * (size // 17),
        "long polyline": head + "<polyline><cmd_M><P_1><P_1>" + "<cmd_c>" * (size // 7) + "</polyline>" + tail,
        "deep groups": head + "<g>" * (size // 3),
        "closed deep groups": head + "<g>" * (size // 7) + "</g>" * (size // 7) + tail,
        "many attributes": head + "<path>" + " ".join(f"a{n}=1" for n in range(size // 8)) + "</path>" + tail,
        "wide filter": f"{head}{blur}{blurs}</filter><rect>width=784 height=784 filter=url(#f)</rect>{tail}",
        "doubling uses": f"{head}{rings}{tail}",
        "tiny tiles": f"{head}{tile}<rect>width=784 height=784 fill=url(#p)</rect>{tail}",
        "huge canvas": f"{head} style=width:1000000px;height:1000000px<path><cmd_M><P_1><P_1><cmd_h><d_9></path>{tail}",
        "huge dashes": f"{head}<circle>cx=9 cy=9 r=1e9 stroke=red stroke-dasharray=0.0001</circle>{tail}",
        "a file": f"{head}<use>href=file:///etc/passwd#a</use>{tail}",
        "surrogates": f"{head}<text>x=\ud800 =\udfff</text>{tail}",
        "zeros": "<svg>\x00</svg>\x00",
    }
