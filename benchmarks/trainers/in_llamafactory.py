"""LLaMA-Factory on an export: each stage's datasets are tokenized, and trained on for two steps, by its own command.

    python in_llamafactory.py EXPORT MODEL RESULT

Also what its ``new_special_tokens_config`` would do to MODEL, a base model with a padded matrix: which rows it writes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import datasets
import transformers
from llamafactory.model.model_utils.embedding import resize_embedding_layer

ABOUT_FORMAT = re.compile(r"WARNING.*llamafactory\.data\.(?!data_utils).*")
"""What LLaMA-Factory's readers warn of. Its advice to concatenate what is not streamed (``data_utils``) is none."""


def train(export: Path, stage: str, prepared: Path) -> dict[str, Any]:
    """Two steps of a stage by the command of its config; the tokenized datasets are left in ``prepared``."""
    command = [
        str(Path(sys.executable).parent / "llamafactory-cli"),
        "train",
        f"{stage}.yaml",
        "max_steps=2",
        "use_cpu=true",
        "preprocessing_num_workers=1",
        f"tokenized_path={prepared}",
    ]
    done = subprocess.run(command, cwd=export, capture_output=True, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    log = done.stdout + done.stderr
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{log[-3000:]}")
    results = json.loads((export / f"trained/{stage}/all_results.json").read_text())
    return {"warnings": ABOUT_FORMAT.findall(log), "loss": results["train_loss"], "steps": 2}


def labels(prepared: Path, model: Path) -> tuple[int, list[str]]:
    """How many records were tokenized, and what the labels of each say."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    train = datasets.load_from_disk(str(prepared))["train"]
    texts = [tokenizer.decode([label for label in row if label != -100]) for row in train["labels"]]
    return len(train), texts


def overwritten(base: Path) -> dict[str, Any]:
    """Which rows of a padded matrix `resize_embedding_layer` changes when tokens are added to the base by a config."""
    model = transformers.Qwen2VLForConditionalGeneration.from_pretrained(base)
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    known, before = len(tokenizer), model.get_input_embeddings().weight.detach().clone()
    new = {f"<new_{n}>": "a token" for n in range(len(before) - known + 500)}
    tokenizer.add_tokens(list(new), special_tokens=True)
    resize_embedding_layer(model, tokenizer, new, "desc_init")
    after = model.get_input_embeddings().weight.detach()
    changed = [n for n in range(len(before)) if not before[n].equal(after[n])]
    described = after[-(len(after) - len(before))]
    return {
        "base_ids": known,
        "base_rows": len(before),
        "new_tokens": len(new),
        "rows": len(after),
        "old_rows_changed": sum(n < known for n in changed),
        "first_described_row": next(n for n in range(known, len(after)) if after[n].equal(described)),
    }


def main(export: Path, base: Path, result: Path) -> None:
    stages: dict[str, Any] = {}
    for config in sorted(export.glob("*.yaml")):
        prepared = result.parent / f"prepared-{config.stem}"
        stages[config.stem] = train(export, config.stem, prepared)
        count, texts = labels(prepared, export / f"trained/{config.stem}")
        stages[config.stem] |= {"tokenized": count, "labels": texts}
    versions = {"transformers": transformers.__version__, "datasets": datasets.__version__}
    result.write_text(json.dumps({"versions": versions, "stages": stages, "overwritten": overwritten(base)}))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
