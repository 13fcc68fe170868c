"""Axolotl on its export: ``axolotl preprocess`` of each stage, and what the prepared labels say.

python in_axolotl.py EXPORT MODEL RESULT
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import datasets
import transformers


def prepared(export: Path, stage: str, tokenizer: Any) -> dict[str, Any]:
    """The datasets of a stage, as Axolotl's command leaves them."""
    command = [str(Path(sys.executable).parent / "axolotl"), "preprocess", f"{stage}.yaml"]
    own = {"AXOLOTL_DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1", "AXOLOTL_DATASET_NUM_PROC": "1"}
    done = subprocess.run(command, cwd=export, capture_output=True, text=True, env=os.environ | own)
    if done.returncode or "Success! Preprocessed data path" not in done.stdout + done.stderr:
        raise SystemExit(f"{' '.join(command)}\n{(done.stdout + done.stderr)[-3000:]}")
    folders = sorted(path for path in (export / f"prepared/{stage}").iterdir() if path.is_dir())
    both = [datasets.load_from_disk(str(path)) for path in folders]
    texts = [tokenizer.decode([label for label in row if label != -100]) for data in both for row in data["labels"]]
    return {"rows": sum(map(len, both)), "columns": sorted(both[0].column_names), "labels": texts}


def main(export: Path, model: Path, result: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    stages = {}
    for config in sorted(export.glob("*.yaml")):
        stages[config.stem] = prepared(export, config.stem, tokenizer)
        # in place of what training would leave
        shutil.copytree(model, export / "trained" / config.stem, dirs_exist_ok=True)
    versions = {"transformers": transformers.__version__, "datasets": datasets.__version__}
    result.write_text(json.dumps({"versions": versions, "stages": stages}))


if __name__ == "__main__":
    main(*(Path(argument).absolute() for argument in sys.argv[1:4]))
