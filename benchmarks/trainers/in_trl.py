"""TRL's SFTTrainer, by the code of docs/training.md, for two steps each, in a folder with the exports and the model.

    python in_trl.py PAGE RESULT

The folder is the current one: ``conversations`` and ``ids`` are exports ``hf``, ``model`` is what extend-model wrote.
"""

from __future__ import annotations

import json
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import transformers
import trl

SMALL = {
    "max_steps": 2,
    "per_device_train_batch_size": 4,
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "report_to": "none",
    "save_strategy": "no",
}
"""What the page's settings get beside their own."""


def said(tokenizer: Any, labels: list[list[int]]) -> list[str]:
    """What labels say."""
    return [tokenizer.decode([label for label in row if label != -100]) for row in labels]


def main(page: Path, result: Path) -> None:
    trl.SFTConfig = partial(trl.SFTConfig, **SMALL)
    text = page.read_text(encoding="utf-8")
    section = text[text.index("## TRL") : text.index("## Axolotl")]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    tokenizer = transformers.AutoTokenizer.from_pretrained("model")
    done: dict[str, Any] = {"versions": {"transformers": transformers.__version__, "datasets": datasets.__version__}}
    for name, block in zip(("conversations", "ids"), blocks, strict=True):
        scope: dict[str, Any] = {}
        exec(compile(block, f"{page.name}: {name}", "exec"), scope)
        trainer = scope["trainer"]
        labels: list[list[int]] = []
        for number, batch in enumerate(trainer.get_train_dataloader()):
            labels += batch["labels"].tolist()
            if number == 7:
                break
        done[name] = {"loss": trainer.state.log_history[-1]["train_loss"], "labels": said(tokenizer, labels)}
    result.write_text(json.dumps(done))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
