"""A scorer: a function of somebody's that says how well texts fit pictures, such as CLIP.

A setting names it as ``package.module:function``. It is given pictures (PNG files) and as many texts, and returns a
number for each pair, higher for what fits better::

    def fits(pictures: Sequence[bytes], texts: Sequence[str]) -> Sequence[float]:
        return model.similarity(list(map(decoded, pictures)), list(texts))

It has to give equal numbers for equal pairs, whichever stand beside them. The package's version, or what the module
calls ``VERSION``, is part of what captions depend on.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable, Sequence
from importlib.metadata import packages_distributions, version

Scorer = Callable[[Sequence[bytes], Sequence[str]], Sequence[float]]

AT_ONCE = 64
"""Pairs that a scorer is given at a time."""


class ScorerUnusable(Exception):
    """There is no such scorer, or it gives no numbers. The text says which, and why."""


@functools.lru_cache(8)
def find(name: str) -> tuple[Scorer, str]:
    """The function that ``package.module:function`` names, and the version of its code. Raises ScorerUnusable."""
    module_name, _, function_name = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever that code does while it is imported
        raise ScorerUnusable(f"{name}: {module_name} cannot be imported: {type(error).__name__}: {error}") from error
    scorer = getattr(module, function_name, None)
    if not callable(scorer):
        raise ScorerUnusable(f"{name}: {module_name} has no function {function_name}")
    own = getattr(module, "VERSION", None)
    packages = packages_distributions().get(module_name.partition(".")[0], ())
    return scorer, str(own) if own is not None else ", ".join(
        f"{each} {version(each)}" for each in sorted(set(packages))
    )


def scored(name: str, pictures: Sequence[bytes], texts: Sequence[str]) -> list[float]:
    """The score of each pair. Raises ScorerUnusable."""
    scorer, _ = find(name)
    scores: list[float] = []
    for begin in range(0, len(texts), AT_ONCE):
        end = min(begin + AT_ONCE, len(texts))
        part = [float(score) for score in scorer(pictures[begin:end], texts[begin:end])]
        if len(part) != end - begin or not all(map(math.isfinite, part)):
            raise ScorerUnusable(f"{name}: it must return a number for each of {end - begin} texts")
        scores += part
    return scores
