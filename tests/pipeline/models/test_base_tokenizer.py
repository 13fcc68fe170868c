"""A run whose ids extend a base model's tokenizer."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from pipeline.errors import ConfigError
from tests.helpers import ROOT, Run, mill, parquet_rows, verify, write_config
from tests.pipeline.models.base_models import qwen_like


@pytest.fixture
def based(icons: Path, tmp_path: Path) -> Run:
    """A version on the tokenizer in ``base``, which lies beside the config."""
    qwen_like(tmp_path / "base")
    tokenize = {"ids": {"base_tokenizer": "base"}, "segments": {"min_frequency": 2}}
    return mill(write_config(tmp_path / "config.yaml", icons, tokenize=tokenize), tmp_path / "ws")


def test_ids_follow_the_base_s_own(based: Run, tmp_path: Path) -> None:
    """The base's ids stay, text gets the base's ids, ours come after; transformers reads the folder as it is."""
    import transformers

    base = Tokenizer.from_file(str(tmp_path / "base/tokenizer.json"))
    size = base.get_vocab_size()
    file = based.workspace / based.result.manifest.vocabulary_files["tokenizer"].path
    theirs = transformers.AutoTokenizer.from_pretrained(str(file.parent))
    assert (theirs.eos_token, theirs.pad_token, theirs.chat_template) == (
        "<|im_end|>",
        "<|endoftext|>",
        "{{ messages }}",
    )
    assert {k: v for k, v in theirs.get_vocab().items() if v < size} == base.get_vocab()
    table = json.loads((file.parent / "tokens.json").read_text())
    assert table["base"] == "base" and [row["id"] for row in table["tokens"]] == list(range(size, len(theirs)))
    assert any(row["kind"] == "segment" for row in table["tokens"])
    rows = parquet_rows(based)
    for row in rows:
        assert theirs(row["segments"], add_special_tokens=False)["input_ids"] == row["input_ids"]
        assert theirs.decode(row["input_ids"]) == row["segments"]
        assert max(row["input_ids"]) >= size > min(row["input_ids"])
    assert not verify(based.workspace)


def test_the_base_s_content_counts_not_its_place(based: Run, icons: Path, tmp_path: Path) -> None:
    """A run on the same base publishes nothing; another base in its place gives other ids to the same samples."""
    again = mill(based.config, based.workspace)
    assert not again.result.published
    qwen_like(tmp_path / "base", vocabulary=300)
    other = mill(based.config, based.workspace)
    assert other.result.published and other.result.manifest.version == 2
    first, second = ({row["sample_id"]: row["input_ids"] for row in parquet_rows(run)} for run in (based, other))
    assert first.keys() == second.keys() and all(first[key] != second[key] for key in first)
    assert not verify(based.workspace)


def test_what_is_no_base_tokenizer_is_refused_in_one_line(based: Run, tmp_path: Path) -> None:
    """A folder without tokenizer.json, a broken one, and one that means something else by our tokens."""
    (tmp_path / "base/tokenizer.json").write_text("{}")
    with pytest.raises(Exception, match=r"base_tokenizer base: no tokenizer.json"):
        mill(based.config, tmp_path / "other")
    shutil.rmtree(tmp_path / "base")
    (tmp_path / "base").mkdir()
    with pytest.raises(ConfigError, match=r"tokenizer.json cannot be read"):
        mill(based.config, tmp_path / "other")
    with pytest.raises(ConfigError, match=r"is no folder with a tokenizer.json"):
        mill(based.config, tmp_path / "other", sets=("tokenize.ids.base_tokenizer=./nowhere",))


def test_a_hub_that_does_not_answer_is_one_line(based: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline, a name that is not in the cache is refused with what was asked."""
    code = (
        "from pathlib import Path; from pipeline.models.base_tokenizer import find\n"
        "from pipeline.errors import ConfigError\n"
        "try: find('nobody/nothing', Path('.'))\n"
        "except ConfigError as error: print(error)"
    )
    env = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.startswith("base_tokenizer: nobody/nothing is no folder, and the hub did not give its tokenizer")
    assert done.stdout.count("\n") == 1
