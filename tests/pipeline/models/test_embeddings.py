"""`svgmill hmn`: files in, rows out, and one line for what is wrong."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from pipeline.models.embeddings import EmbeddingsError, read_embeddings, write_hmn
from stages.tokenize import SegmentSettings, TokenizeSettings, Vocabulary, extend_tokenizer, learn, token_table
from stages.tokenize.hmn import HmnSettings

VOCABULARY = Vocabulary.build(TokenizeSettings(canvas=40, tolerance=2))
SEGMENTS = learn(
    ["<svg><path><cmd_M><P_1><P_2><cmd_h><d_3><cmd_v><d_3></path></svg>"] * 9, SegmentSettings(min_frequency=2)
)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A version's vocabulary folder, a base model's tokenizer and embeddings."""
    (tmp_path / "vocabulary.json").write_text(VOCABULARY.to_json())
    (tmp_path / "segments.json").write_text(SEGMENTS.to_json())
    base = Tokenizer(models.BPE())
    base.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    texts = [text for token in VOCABULARY.tokens for text in token.description]
    base.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    )
    (tmp_path / "base").mkdir()
    base.save(str(tmp_path / "base/tokenizer.json"))
    matrix = np.random.default_rng(1).standard_normal((base.get_vocab_size(), 32)).astype(np.float32)
    save_file({"model.embed_tokens.weight": matrix, "lm_head.weight": matrix}, tmp_path / "base.safetensors")
    return {"tokenizer": tmp_path, "base_tokenizer": tmp_path / "base", "embeddings": tmp_path / "base.safetensors"}


def test_rows_are_written_for_every_new_token(files: dict[str, Path], tmp_path: Path):
    """A tensor with a row for each atomic and each segment token, whose strings are in its metadata; twice the same."""
    out = tmp_path / "new.safetensors"
    command = [sys.executable, "-m", "pipeline.cli", "hmn", "--out", str(out)]
    for name, path in files.items():
        command += [f"--{name.replace('_', '-')}", str(path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    count = len(VOCABULARY.tokens) + len(SEGMENTS.items)
    assert said == f"{count} rows in {out}\n" and SEGMENTS.items
    first = out.read_bytes()
    with safe_open(out, "np") as opened:
        rows, metadata = opened.get_tensor("embeddings"), opened.metadata()
    assert rows.shape == (count, 32) and np.isfinite(rows).all()
    names = json.loads(metadata["svgmill"])["tokens"]
    assert names[: len(VOCABULARY.tokens)] == [token.text for token in VOCABULARY.tokens] and names[-1].startswith(
        "<SEG_"
    )
    subprocess.run(command, check=True, capture_output=True)
    assert out.read_bytes() == first


def test_half_precision_is_read_as_it_is(tmp_path: Path):
    """bfloat16 is the upper half of a float32."""
    header = json.dumps({"embeddings": {"dtype": "BF16", "shape": [1, 3], "data_offsets": [0, 6]}}).encode()
    values = np.array([[1.0, -2.5, 0.15625]], np.float32)
    halves = (values.view(np.uint32) >> 16).astype("<u2")
    (tmp_path / "b").write_bytes(len(header).to_bytes(8, "little") + header + halves.tobytes())
    assert (read_embeddings(tmp_path / "b") == values).all()


def test_what_does_not_fit_is_one_clear_line(files: dict[str, Path], tmp_path: Path):
    """Missing files, files of another kind, several matrices, embeddings of another model: each says what it is."""
    save_file({"a": np.zeros((3, 4), np.float32), "b": np.zeros((3, 4), np.float32)}, tmp_path / "two.safetensors")
    save_file({"embeddings": np.ones((5, 4), np.float32)}, tmp_path / "small.safetensors")
    wrong = {
        "cannot be read": {"embeddings": tmp_path / "none"},
        "no safetensors": {"embeddings": tmp_path / "vocabulary.json"},
        "2 matrices": {"embeddings": tmp_path / "two.safetensors"},
        "do not belong together": {"embeddings": tmp_path / "small.safetensors"},
        "no tokenizer.json": {"base_tokenizer": tmp_path / "vocabulary.json"},
        "vocabularies/<digest>": {"tokenizer": tmp_path / "base"},
        "cannot be written": {"out": tmp_path / "nowhere/x"},
    }
    for said, changed in wrong.items():
        arguments = {**files, "out": tmp_path / "out", **changed}
        with pytest.raises(EmbeddingsError, match=said) as caught:
            write_hmn(
                arguments["embeddings"],
                arguments["tokenizer"],
                arguments["base_tokenizer"],
                arguments["out"],
                HmnSettings(),
            )
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_version_on_a_base_tokenizer_needs_no_other(files: dict[str, Path], tmp_path: Path):
    """Its tokenizer knows the base's text; one of its own does not, and that is said."""
    out = tmp_path / "new.safetensors"
    with pytest.raises(EmbeddingsError, match="give --base-tokenizer"):
        write_hmn(files["embeddings"], files["tokenizer"], None, out, HmnSettings())
    write_hmn(**files, out=out, settings=HmnSettings())
    expected = out.read_bytes()
    base = (files["base_tokenizer"] / "tokenizer.json").read_text()
    extended = extend_tokenizer(base, VOCABULARY, SEGMENTS)
    (tmp_path / "tokenizer.json").write_text(extended)
    (tmp_path / "tokens.json").write_text(token_table(VOCABULARY, SEGMENTS, extended, "base"))
    write_hmn(files["embeddings"], files["tokenizer"], None, out, HmnSettings())
    assert out.read_bytes() == expected
