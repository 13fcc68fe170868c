"""verl's RLHFDataset on its export: every row of a stage is read, and the first ones become a batch and model inputs.

python in_verl.py EXPORT MODEL RESULT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import omegaconf
import transformers
from verl.utils.dataset.rl_dataset import RLHFDataset, collate_fn


def main(export: Path, model: Path, result: Path) -> None:
    processor = transformers.AutoProcessor.from_pretrained(model)
    settings = {
        "max_prompt_length": 4096,
        "cache_dir": str(result.parent / "cache"),
        "filter_overlong_prompts": False,
        "filter_overlong_prompts_workers": None,  # a fork after PyTorch has threads waits for ever
    }
    files = [str(path) for path in sorted(export.glob("*/train-*.parquet"))]
    data = RLHFDataset(files, processor.tokenizer, omegaconf.OmegaConf.create(settings), processor)
    prompts, truths, tasks = [], [], []
    for number in range(len(data)):
        row = data[number]
        truths.append(row["reward_model"]["ground_truth"])
        tasks.append(row["extra_info"]["task"])
        if number < 20:
            text = processor.apply_chat_template(row["raw_prompt"], add_generation_prompt=True, tokenize=False)
            parts = row["raw_prompt"][0]["content"]
            images = [part["image"] for part in parts if isinstance(part, dict) and "image" in part]
            inputs = processor(text=[text], images=images or None, return_tensors="pt")
            prompts.append([text, len(images), int(inputs["input_ids"].shape[1])])
    few = {**settings, "filter_overlong_prompts": True}
    kept = RLHFDataset(files, processor.tokenizer, omegaconf.OmegaConf.create(few), processor, max_samples=40)
    if len(kept) != 40:
        raise SystemExit(f"verl drops {40 - len(kept)} of 40 prompts, of which none is too long")
    batch = collate_fn([data[number] for number in range(4)])
    done = {
        "versions": {"transformers": transformers.__version__},
        "rows": len(data),
        "truths": truths,
        "tasks": tasks,
        "prompts": prompts,
        "batch": sorted(batch),
    }
    result.write_text(json.dumps(done))


if __name__ == "__main__":
    main(*(Path(argument).absolute() for argument in sys.argv[1:4]))
