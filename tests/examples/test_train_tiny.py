"""The small decoder of examples/ on a version of forty drawings. Needs PyTorch: make test-train."""

import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import drawings, mill, svgmill, write_config

torch = pytest.importorskip("torch", reason="needs PyTorch: make test-train")

import ablations  # noqa: E402
import tiny_data  # noqa: E402
import tiny_model  # noqa: E402
import train_tiny  # noqa: E402

from stages.curriculum import Stage  # noqa: E402

FEW = ["--size", "nano", "--tokens", "6000", "4000", "--batch", "1000", "--every", "2"]
FEW_SAMPLES = ["--samples", "3", "--shown", "2", "--longest", "300"]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with drawings of all splits and two tiers."""
    home = tmp_path_factory.mktemp("tiny")
    tiers = [{"name": "L1", "from": 1, "to": 90}, {"name": "L2", "from": 90, "to": 1000}]
    tier = {"splits": {"train": 0.6, "validation": 0.3, "test": 0.1}, "tiers": tiers}
    tokenize = {"segments": {"min_frequency": 2}}
    config = write_config(home / "config.yaml", drawings(home / "icons", 40), tier=tier, tokenize=tokenize)
    mill(config, home / "ws")
    assert svgmill("checkout", home / "ws", 1, home / "release").returncode == 0
    return home / "release"


def test_a_run_that_was_stopped_goes_on_to_the_same_result(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it was stopped; weights, losses, entropies and answers are those of a run that nobody stopped."""
    assert train_tiny.main([str(release), str(tmp_path / "whole"), *FEW, *FEW_SAMPLES]) == 0
    saves = itertools.count(1)
    save = train_tiny.save

    def stopped(out: Path, state: dict[str, object]) -> None:
        save(out, state)
        if next(saves) in (2, 4, 6):
            raise KeyboardInterrupt

    monkeypatch.setattr(train_tiny, "save", stopped)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            train_tiny.main([str(release), str(tmp_path / "stopped"), *FEW, *FEW_SAMPLES])
    assert train_tiny.main([str(release), str(tmp_path / "stopped"), *FEW, *FEW_SAMPLES]) == 0
    for name in ("results.json", "stage1.jsonl", "stage2.jsonl", "stage1.png", "stage2.png"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    whole, again = (torch.load(tmp_path / name / "state.pt", weights_only=True) for name in ("whole", "stopped"))
    assert whole["losses"] == again["losses"] and len(whole["losses"]) == 4
    assert all(torch.equal(weight, again["model"][name]) for name, weight in whole["model"].items())


def test_each_stage_is_measured_on_its_tiers(release: Path, tmp_path: Path) -> None:
    """Bits by unigrams, bigrams and the model, with segment tokens from the second stage on; a table says them."""
    assert train_tiny.main([str(release), str(tmp_path), *FEW, *FEW_SAMPLES]) == 0
    results = json.loads((tmp_path / "results.json").read_text())["results"]
    assert [[tier["tier"] for tier in result["tiers"]] for result in results] == [["L1"], ["L1", "L2"]]
    for result in results:
        assert result["answers"] == 3 >= result["decode"] >= result["show"]
        for tier in result["tiers"]:
            assert tier["drawings"] and tier["a token"]["unigrams"] > tier["a token"]["bigrams"] > 0
            assert tier["a drawing"]["model"] > tier["a token"]["model"] > 0
    segments = len(json.loads((release / "tokenizer/segments.json").read_text())["segments"])
    rows = len(torch.load(tmp_path / "state.pt", weights_only=True)["model"]["embeddings"])
    assert segments and rows == tiny_data.Release(release).atomic_ids + segments
    assert sum(line.startswith("| stage") for line in train_tiny.table(results)) == 4


def test_the_ids_are_the_shards(release: Path) -> None:
    """Answers decode to the drawings, by atomic and by segment tokens, and segment tokens are fewer."""
    source = tiny_data.Release(release)
    reader = train_tiny.Reader(source)
    lengths = {}
    for kind in ("atomic", "segments"):
        drawings = source.drawings(Stage(name="one", tiers=("L1", "L2"), tokens=kind, context=1792), "train")
        svgs = [reader.read(drawing.answer[:-1].tolist()).svg for drawing in drawings]
        assert None not in svgs and len(set(svgs)) == len(svgs) > 10
        lengths[kind] = sum(len(drawing.answer) for drawing in drawings)
    assert lengths["segments"] < lengths["atomic"]


@pytest.mark.parametrize("name", ["no folder", "other settings"])
def test_what_cannot_be_run_is_one_line(
    release: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture
) -> None:
    """A folder that is no checkout, and a run whose settings changed."""
    if name == "no folder":
        arguments = [str(tmp_path / "nothing"), str(tmp_path / "run"), *FEW]
    else:
        arguments = [str(release), str(tmp_path / "run"), *FEW, *FEW_SAMPLES]
        assert train_tiny.main(arguments) == 0
        arguments += ["--seed", "1"]
    capsys.readouterr()
    assert train_tiny.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert ("no checkout" if name == "no folder" else "other settings") in error


def test_batches_hold_each_drawing_once_an_epoch() -> None:
    """In as many ids as were asked for; the order is the seed's."""
    lengths = [5 + n * 37 % 200 for n in range(500)]
    taken = list(itertools.islice(tiny_data.batches(lengths, 1024, 7), 400))
    first: Counter[int] = Counter()
    for batch in taken:
        longest = max(lengths[i] for i in batch)
        assert len(batch) * longest <= 1024
        first.update(batch.tolist())
        if first.total() == 500:
            break
    assert set(first) == set(range(500)) and set(first.values()) == {1}
    again = list(itertools.islice(tiny_data.batches(lengths, 1024, 7), 400))
    other = list(itertools.islice(tiny_data.batches(lengths, 1024, 8), 400))
    assert all(np.array_equal(a, b) for a, b in zip(taken, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(taken, other, strict=True))


def drawn(*answers: list[int]) -> list[tiny_data.Drawing]:
    return [tiny_data.Drawing("", "L1", np.array([9]), np.array(answer)) for answer in answers]


def test_entropies_are_those_of_the_formulas() -> None:
    """Unigrams with one added; bigrams by Witten and Bell, with the unigrams where nothing ever followed."""
    train, held_out = drawn([0, 1, 0, 1, 2], [0, 1]), drawn([0, 2], [3, 0])
    shares, bits = tiny_data.unigram_bits(train, held_out, 4)
    assert shares.tolist() == [4 / 11, 4 / 11, 2 / 11, 1 / 11]
    assert np.allclose(bits, [-np.log2(4 / 11 * 2 / 11), -np.log2(1 / 11 * 4 / 11)])
    # 0 begins both drawings; 1 alone follows 0, three times; nothing follows 3
    begun, unseen, after = (2 + 4 / 11) / 3, 2 / 11 / 4, 4 / 11
    bigrams = tiny_data.bigram_bits(train, held_out, shares)
    assert np.allclose(bigrams, [-np.log2(begun * unseen), -np.log2(1 / 11 / 3 * after)])


def test_sampling_with_a_cache_is_the_model() -> None:
    """Prompts of different lengths at once: of each, what the model, asked id by id, finds likeliest."""
    torch.manual_seed(1)
    model = tiny_model.Decoder(50, tiny_model.SIZES["nano"]).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.2)
    prompts = [[3, 4, 5], [6], [7, 8, 9, 10, 11, 12]]
    answers = tiny_model.sample(model, prompts, end=0, limit=12, temperature=1.0, floor=1.0, seed=5)
    assert len({tuple(answer) for answer in answers}) == 3
    for prompt, answer in zip(prompts, answers, strict=True):
        ids = list(prompt)
        while len(ids) < len(prompt) + 12:
            likeliest = int(model.logits(model(torch.tensor([ids]))[0, -1]).argmax())
            if likeliest == 0:
                break
            ids.append(likeliest)
        assert answer == ids[len(prompt) :]


@pytest.mark.parametrize("what", ["tokens", "embeddings"])
def test_an_ablation_is_a_table_and_goes_on(
    release: Path, tmp_path: Path, what: str, capsys: pytest.CaptureFixture
) -> None:
    """A row for each arm; a call with more seeds keeps what is there, and one with other settings is refused."""
    few = [
        what,
        str(release),
        str(tmp_path),
        "--size",
        "nano",
        "--tokens",
        "3000",
        "--text-tokens",
        "2000",
        "--at",
        "1",
    ]
    assert ablations.main([*few, "--seeds", "1"]) == 0
    path = tmp_path / f"{what}.jsonl"
    before = path.read_text()
    assert ablations.main([*few, "--seeds", "2"]) == 0
    assert path.read_text().startswith(before)
    rows = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    arms = ["atomic", "segments"] if what == "tokens" else ["HMN", "mean", "noise"]
    assert sorted((row["arm"], row["seed"]) for row in rows) == [(arm, seed) for arm in arms for seed in (0, 1)]
    capsys.readouterr()
    assert ablations.main([*few, "--seeds", "2"]) == 0
    printed = capsys.readouterr().out
    assert [line.split("|")[1].strip() for line in printed.splitlines()[2:]] == arms and "±" in printed
    assert ablations.main([*few, "--seeds", "2", "--rate", "0.1"]) == 2
    assert "other settings" in capsys.readouterr().err
