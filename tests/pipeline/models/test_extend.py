"""`svgmill extend-model` on tiny random models. Needs PyTorch: make test-train."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from pipeline.models.embeddings import EmbeddingsError, encoder, read_vocabulary
from pipeline.models.extend import extend_model
from stages import tokenize
from stages.tokenize.hmn import HmnSettings, initialize
from tests.helpers import mill, svgmill, write_config
from tests.pipeline.models.base_models import qwen_like

torch = pytest.importorskip("torch", reason="needs PyTorch: make test-train")
transformers = pytest.importorskip("transformers", reason="needs PyTorch: make test-train")
from safetensors.torch import load_file, save_file  # noqa: E402  (imports PyTorch)


def base_model(folder: Path, tied: bool, rows: int = 448) -> Path:
    """A Qwen2 of two small layers with random weights, with more rows than its tokenizer has ids, as Qwen's own."""
    qwen_like(folder)
    torch.manual_seed(3)
    config = transformers.Qwen2Config(
        vocab_size=rows,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=tied,
    )
    model = transformers.Qwen2ForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    (folder / "merges.txt").write_text("stale")
    (folder / "LICENSE").write_text("of the base")
    return folder


@pytest.fixture
def version(icons: Path, tmp_path: Path) -> Path:
    """The vocabulary folder of a version on the base model's tokenizer."""
    qwen_like(tmp_path / "base")
    settings = {"ids": {"base_tokenizer": "base"}, "segments": {"min_frequency": 2}}
    run = mill(write_config(tmp_path / "config.yaml", icons, tokenize=settings), tmp_path / "ws")
    return (run.workspace / run.result.manifest.vocabulary_files["tokenizer"].path).parent


def vision_model(folder: Path) -> Path:
    """A Qwen2-VL of small layers, whose embeddings are those of its text model."""
    qwen_like(folder)
    torch.manual_seed(4)
    text = {
        "vocab_size": 448,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]},
        "tie_word_embeddings": False,
    }
    vision = {"depth": 1, "embed_dim": 32, "hidden_size": 32, "num_heads": 2}
    config = transformers.Qwen2VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=False)
    transformers.Qwen2VLForConditionalGeneration(config).to(torch.bfloat16).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["tied", "untied", "grown", "vision"])
def test_a_padded_matrix_keeps_every_old_row(version: Path, tmp_path: Path, kind: str) -> None:
    """Each new row lies at its token's id, inside the padding and beyond it; all others are the base's, as saved."""
    rows = 440 if kind == "grown" else 4000
    base = (
        vision_model(tmp_path / "model") if kind == "vision" else base_model(tmp_path / "model", kind == "tied", rows)
    )
    known = Tokenizer.from_file(str(base / "tokenizer.json")).get_vocab_size()
    done = extend_model(base, tmp_path / "out", version, HmnSettings())
    before, after = embeddings(base), embeddings(tmp_path / "out")
    assert before.keys() == after.keys() and len(after) == done.matrices == (1 if kind == "tied" else 2)
    saved = Tokenizer.from_file(str(tmp_path / "out/tokenizer.json"))
    vocabulary, segments = read_vocabulary(version)
    parts = [tokenize.split(segment.tokens) for segment in segments.items]
    strings = [*(token.text for token in vocabulary.tokens), *(segment.token for segment in segments.items)]
    ids = [saved.token_to_id(string) for string in strings]
    assert sorted(ids) == list(range(known, known + done.rows))
    for name, old in before.items():
        new = after[name]
        assert len(new) == done.size == max(len(old), known + done.rows) and known < len(old)
        others = [i for i in range(len(old)) if i < known or i >= known + done.rows]
        assert torch.equal(new[others], old[others])
        expected = initialize(old.float().numpy()[:known], encoder(base)[0], vocabulary, parts, HmnSettings())
        assert torch.equal(new[ids], torch.from_numpy(expected).to(new.dtype))


def embeddings(folder: Path) -> "dict[str, torch.Tensor]":
    """The embedding matrices of a saved model, by their names in its file."""
    tensors = load_file(folder / "model.safetensors")
    return {name: rows for name, rows in tensors.items() if name.endswith(("embed_tokens.weight", "lm_head.weight"))}


@pytest.mark.parametrize("fault", ["a base row", "a new row", "the padding"])
def test_a_row_that_was_saved_wrong_is_found(
    version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """What the saved file holds counts: one other value in it, and there is no model."""
    base = base_model(tmp_path / "model", False, 4000)
    row = {"a base row": 7, "a new row": 500, "the padding": 3990}[fault]
    saved = transformers.Qwen2ForCausalLM.save_pretrained

    def save(self: object, folder: Path) -> None:
        saved(self, folder)
        tensors = load_file(folder / "model.safetensors")
        tensors["lm_head.weight"][row, 3] += 1
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})

    monkeypatch.setattr(transformers.Qwen2ForCausalLM, "save_pretrained", save)
    with pytest.raises(EmbeddingsError, match=rf"1 rows of the saved output embeddings .* the first is {row}$"):
        extend_model(base, tmp_path / "out", version, HmnSettings())
    assert not (tmp_path / "out").exists() and not [path for path in tmp_path.iterdir() if "partial" in path.name]


def test_a_tokenizer_with_gaps_is_refused(version: Path, tmp_path: Path) -> None:
    """A new token would get the id, and the row, of an old one."""
    base = base_model(tmp_path / "model", True)
    tokenizer = json.loads((base / "tokenizer.json").read_text())
    last = max(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].get)
    tokenizer["model"]["vocab"][last] += 5
    tokenizer["added_tokens"] = []
    (base / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(EmbeddingsError, match=r"tokenizer.json: its ids have gaps: \d+ would be the id of two tokens"):
        extend_model(base, tmp_path / "out", version, HmnSettings())


@pytest.mark.parametrize("tied", [True, False])
def test_a_model_is_extended_saved_reloaded_and_generates(version: Path, tmp_path: Path, tied: bool) -> None:
    """Old rows stay, new ones are HMN's, ids are the version's, and the model that is read back generates."""
    base = base_model(tmp_path / "model", tied)
    done = extend_model(base, tmp_path / "out", version, HmnSettings())
    vocabulary, segments = read_vocabulary(version)
    assert done.same_ids and done.rows == len(vocabulary.tokens) + len(segments.items)
    assert segments.items
    before = transformers.AutoModelForCausalLM.from_pretrained(base)
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    known = Tokenizer.from_file(str(base / "tokenizer.json")).get_vocab_size()
    assert model.dtype == torch.bfloat16 and model.config.vocab_size == done.size == known + done.rows
    parts = [tokenize.split(segment.tokens) for segment in segments.items]
    for name in ("get_input_embeddings", "get_output_embeddings"):
        old = getattr(before, name)().weight.detach().float().numpy()[:known]
        new = getattr(model, name)().weight.detach().float().numpy()
        expected = initialize(old, encoder(base)[0], vocabulary, parts, HmnSettings())
        assert np.array_equal(new[:known], old)
        assert np.allclose(new[known:], expected, rtol=0.01, atol=1e-3)
    ids = tokenizer("<svg>viewBox=0 0 784 784<path><cmd_M><P_1><P_2>", return_tensors="pt")["input_ids"]
    assert (ids >= known).sum() == 5
    made = model.generate(ids, max_new_tokens=8, do_sample=False, eos_token_id=None, pad_token_id=0)
    assert made.shape == (1, ids.shape[1] + 8) and int(made.max()) < done.size
    assert tokenizer.decode(made[0])
    assert (tmp_path / "out/LICENSE").read_text() == "of the base" and not (tmp_path / "out/merges.txt").exists()


def test_the_command_says_what_it_did_and_what_is_wrong(version: Path, tmp_path: Path) -> None:
    """A version of its own ids is extended with a note; a full folder and a missing model are one line each."""
    base = base_model(tmp_path / "model", True)
    (version / "tokens.json").write_text(json.dumps({"base": None, "tokens": []}))

    def extend(*arguments: object) -> subprocess.CompletedProcess[str]:
        return svgmill("extend-model", *arguments, "--tokenizer", version)

    done = extend(base, tmp_path / "out")
    assert done.returncode == 0 and "note: the version's input_ids" in done.stderr
    assert " new rows, " in done.stdout and "\nread back: in the input matrix, which the output shares, " in done.stdout
    again = extend(base, tmp_path / "out")
    assert again.returncode == 2 and again.stderr == f"error: {tmp_path / 'out'} is not empty; give a new folder\n"
    missing = extend(tmp_path / "nothing", tmp_path / "other")
    assert missing.returncode == 2 and missing.stderr.count("\n") == 1 and "is no model" in missing.stderr
    assert not (tmp_path / "other").exists()
    assert not [path for path in tmp_path.iterdir() if "partial" in path.name]


def test_without_the_extra_it_says_what_to_install(
    version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No PyTorch is one line, too."""
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(EmbeddingsError, match=r"pip install 'svgmill\[train\]'"):
        extend_model(tmp_path, tmp_path / "out", version, HmnSettings())
