"""First embeddings of new tokens: each term by itself, and what must hold of them."""

import json

import numpy as np
import pytest

from stages.tokenize import TokenizeSettings, Vocabulary
from stages.tokenize.hmn import HmnSettings, features, initialize, numeric_terms, scaled

VOCABULARY = Vocabulary.build(TokenizeSettings())
BASE = (np.random.default_rng(7).standard_normal((500, 256)) * 0.03).astype(np.float32)
SEGMENTS = [["<cmd_h>", "<d_5>"], ["<cmd_a>", "5", "5", "0", "<large_0>", "<sweep_1>", "<d_1>", "<d_-2>"]]
AT = {token.text: i for i, token in enumerate(VOCABULARY.tokens)}


def ids(text: str) -> list[int]:
    """A tokenizer of words: each has an id by its letters."""
    return [sum(map(ord, word)) % 500 for word in text.split()]


def only(**weights: float) -> HmnSettings:
    """Settings in which only these weights count."""
    return HmnSettings(**{"mean": 0.0, "noise": 0.0, "semantic": 0.0, "numeric": 0.0} | weights)


def rows(settings: HmnSettings) -> np.ndarray:
    return initialize(BASE, ids, VOCABULARY, SEGMENTS, settings).astype(np.float64)


def ranks(values: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(values)).astype(float)


def directions(found: np.ndarray) -> np.ndarray:
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_every_token_has_three_levels_of_description():
    """Category, token and explanation, none empty; tokens of one kind share the category, no two the token's own."""
    for token in VOCABULARY.tokens:
        assert all(token.description) and len(token.description) == 3
    assert VOCABULARY.tokens[AT["<cmd_c>"]].description == (
        "SVG path command", "relative cubic bezier", "curve with two control points and endpoint",
    )  # fmt: skip
    assert len({token.description for token in VOCABULARY.tokens}) == len(VOCABULARY.tokens)
    written = json.loads(VOCABULARY.to_json())["tokens"][AT["<d_-12>"]]
    assert written["description"] == ["SVG coordinate offset", "relative offset -12", "12 units to the left or up"]


def test_the_mean_is_the_base_s():
    """With the mean alone every row points to it."""
    mean = BASE.astype(np.float64).mean(axis=0)
    assert np.allclose(
        directions(rows(only(mean=0.8))[: len(VOCABULARY.tokens)]), mean / np.linalg.norm(mean), atol=1e-6
    )


def test_the_semantic_term_is_the_mean_of_the_levels():
    """Each level is the mean of its words' embeddings, and the three count alike."""
    found = rows(only(semantic=1.0))
    wide = BASE.astype(np.float64)
    for text in ("<cmd_A>", "<P_7>", "</g>", "<sweep_0>"):
        levels = [wide[ids(level)].mean(axis=0) for level in VOCABULARY.tokens[AT[text]].description]
        want = np.mean(levels, axis=0)
        row = found[AT[text]]
        assert np.allclose(row / np.linalg.norm(row), want / np.linalg.norm(want), atol=1e-6)


def test_the_numeric_term_is_projected_features_of_unit_length():
    """Gaussian bumps and powers of the scaled value, by a fixed matrix; other tokens have none."""
    settings = only(numeric=1.0)
    value = (5 + 794) / 1588
    expected = [np.exp(-((value - k / 15) ** 2) * 15 * 15 / 2) for k in range(16)] + [value, value**2, value**3]
    assert np.allclose(features(np.array([value]), settings)[0], expected)
    projection = np.random.default_rng([0, 1]).standard_normal((19, 256)) / 16
    want = np.array(expected) @ projection
    want /= np.linalg.norm(want)
    assert np.allclose(numeric_terms(np.array([value]), 256, settings)[0], want)
    row = rows(settings)[AT["<d_5>"]]
    assert np.allclose(row / np.linalg.norm(row), want, atol=1e-6)
    assert not rows(settings)[AT["<cmd_c>"]].any() and scaled("position", 397, 794, settings) == 0.5


def test_the_noise_is_gaussian_and_follows_the_seed():
    """Its deviation is sigma times its weight; another seed is another noise, the same seed the same bytes."""
    loose = only(noise=0.02, mean=1e-9)
    found = initialize(BASE * 0 + 1e-9, ids, VOCABULARY, [], HmnSettings(**loose.model_dump() | {"sigma": 1.0}))
    assert found.std() > 0
    assert (rows(HmnSettings()) == rows(HmnSettings())).all()
    assert (rows(HmnSettings()) != rows(HmnSettings(seed=1))).any()


def test_segments_are_the_mean_of_their_atoms():
    """Bare numbers of an arc are taken as text."""
    found = rows(only(mean=0.8, semantic=0.1))
    atoms = found[[AT["<cmd_h>"], AT["<d_5>"]]]
    first = found[len(VOCABULARY.tokens)]
    assert np.allclose(directions(first[None]), directions(atoms.mean(axis=0)[None]), atol=0.05)


@pytest.mark.parametrize("signed", ["centered", "magnitude"])
@pytest.mark.parametrize("kind", ["P", "d"])
def test_neighbouring_coordinates_are_more_similar_than_distant_ones(kind: str, signed: str):
    """Within 100 units, similarity falls as distance grows (Spearman's rank correlation at least 0.9)."""
    found = directions(rows(HmnSettings(signed=signed, numeric=0.8, noise=0.0, semantic=0.0)))
    for start in (100, 300, 600):
        similar = np.array([found[AT[f"<{kind}_{start}>"]] @ found[AT[f"<{kind}_{start + d}>"]] for d in range(1, 101)])
        assert np.corrcoef(ranks(-similar), np.arange(100))[0, 1] >= 0.9


def test_lengths_stay_within_the_base_s():
    """No row is shorter or longer than all of the base's."""
    lengths = np.linalg.norm(rows(HmnSettings()), axis=1)
    base = np.linalg.norm(BASE, axis=1)
    assert base.min() * 0.999 <= lengths.min() and lengths.max() <= base.max() * 1.001


def test_ids_outside_of_the_base_are_an_error():
    """A tokenizer that does not belong to the embeddings is found out."""
    with pytest.raises(ValueError, match="not rows of the base"):
        initialize(BASE[:10], ids, VOCABULARY, [], HmnSettings())
