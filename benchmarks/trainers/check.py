"""Whether the trainers of docs/training.md read the exports as they are, and train on them.

    python -m benchmarks.trainers.check [--workspace WORKSPACE] [--folder build/trainers] [--only TRAINER ...]

Each trainer is installed into an environment of its own below the folder, some 12 GB in all, which later calls use
again; PyTorch is shared by those that take the same. A tiny random Qwen2-VL (`tiny_model.py`) stands for the model.
A version of the quickstart on that model's tokenizer is published, `svgmill extend-model` extends the model, every
format is exported, and each trainer's own code reads its export (`in_*.py`): LLaMA-Factory by its command, with two
steps of training for each stage; TRL's SFTTrainer with two steps on pictures, on a mixture and on ids; verl's
RLHFDataset; Axolotl's preprocess.

Then every answer that a trainer has tokenized is decoded from its labels, and must be a canonical SVG of the version.
Prints what was read, and with which versions; exits with 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import yaml

from pipeline.models.embeddings import read_vocabulary
from pipeline.storage.open import open_storage
from pipeline.versions import published, shards
from stages.tokenize import TokenError, decode, decode_segments

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent

TORCH = ("torch>=2.9", "torchvision>=0.24")
LLAMA_FACTORY, TRL, VERL, AXOLOTL = "llamafactory==0.9.5", "trl==1.16.0", "verl==0.9.1", "axolotl==0.19.0"

CURRICULUM = {
    "stages": [
        {"name": "stage1", "tiers": ["short", "L1"], "tokens": "atomic", "context": 1792},
        {"name": "stage2", "tiers": ["short", "L1", "L2"], "tokens": "segments", "context": 2176},
    ],
    "picture_tokens": 83,
}
"""HiVG's first two stages, with the many small icons of the quickstart and its pictures of 256 px."""

LEAST = 1000
"""Records of each task that a trainer is to tokenize."""


@dataclass(frozen=True)
class Environment:
    """What is installed for a trainer; if there is a ``first``, after that, and then without what it asks for."""

    requirements: Sequence[str]
    shares_torch: bool = True
    first: Sequence[str] = ()

    def python(self, folder: Path, name: str) -> Path:
        """The interpreter of the environment, made if it is not there."""
        home = folder / name
        listed = [*self.first, *self.requirements]
        done = home / "requirements.txt"
        if not done.exists() or done.read_text().split("\n") != listed:
            shutil.rmtree(home, ignore_errors=True)
            print(f"installing {name}", flush=True)
            subprocess.run(["sh", ROOT / "tools/make_venv.sh", sys.executable, home], check=True)
            python = home / "bin/python"
            if self.shares_torch:
                (shared,) = (folder / "torch/lib").glob("python*/site-packages")
                (own,) = (home / "lib").glob("python*/site-packages")
                (own / "shared.pth").write_text(f"{shared}\n")
            if self.first:
                pip(python, *self.first)
            pip(python, *(["--no-deps"] if self.first else []), *self.requirements)
            done.write_text("\n".join(listed))
        return home / "bin/python"


def pip(python: Path, *words: str) -> None:
    # pip would take a checkout on the path for an installed package
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([python, "-m", "pip", "install", "--quiet", *words], check=True, env=environment)


ENVIRONMENTS = {
    "torch": Environment(TORCH, shares_torch=False),
    "svgmill": Environment((f"{ROOT}[train]",)),
    "llamafactory": Environment((LLAMA_FACTORY, "transformers<=5.6")),
    "trl": Environment((TRL,)),
    "verl": Environment((VERL, "qwen-vl-utils")),
    "axolotl": Environment((AXOLOTL,), shares_torch=False, first=("-r", str(HERE / "axolotl.txt"))),
}


class Wrong(Exception):
    """What a trainer made of its export is not what it should be."""


@dataclass(frozen=True)
class Check:
    """The folders of one run, and the drawings of the version."""

    folder: Path
    workspace: Path

    def export(self, name: str, form: str, *settings: str) -> Path:
        """An export of the newest version, made anew."""
        out = self.folder / "exports" / name
        shutil.rmtree(out, ignore_errors=True)
        words = [word for setting in settings for word in ("--set", setting)]
        curriculum = self.folder / "curriculum.yaml"
        svgmill("export", self.workspace, "--format", form, "--curriculum", curriculum, "--out", out, *words)
        return out

    def run(self, name: str, *words: str | Path, folder: Path | None = None) -> dict[str, Any]:
        """What ``in_<name>.py`` finds, in the trainer's environment; ``folder``: where it runs."""
        result = self.folder / "results" / name / "result.json"
        shutil.rmtree(result.parent, ignore_errors=True)
        result.parent.mkdir(parents=True)
        python = ENVIRONMENTS[name].python(self.folder, name)
        environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(self.folder / "hub"), "PYTHONPATH": ""}
        subprocess.run([python, HERE / f"in_{name}.py", *words, result], check=True, env=environment, cwd=folder)
        found: dict[str, Any] = json.loads(result.read_text())
        return found

    @property
    def model(self) -> Path:
        """What extend-model wrote."""
        return self.folder / "model"

    def drawings(self) -> set[str]:
        """The canonical SVG of every sample."""
        storage = open_storage(str(self.workspace))
        manifest = published.read(storage)
        return {
            row["svg"] for shard in shards.present(storage, manifest) for row in shards.read(storage, shard, ["svg"])
        }

    def decoder(self) -> Callable[[str], str]:
        """A token string, atomic or of segments, to SVG."""
        vocabulary, segments = read_vocabulary(vocabulary_folder(self.workspace))
        return lambda text: decode(decode_segments(text, segments), vocabulary)

    def are_drawings(self, answers: Iterable[str], name: str) -> int:
        """How many of a trainer's ``answers`` are drawings; the others must be captions. Raises Wrong."""
        known, decoded, count = self.drawings(), self.decoder(), 0
        for answer in answers:
            text = answer.replace("<|im_end|>", "").strip()
            if text.startswith("<svg>"):
                try:
                    svg = decoded(text)
                except TokenError as error:
                    raise Wrong(f"{name}: {text[:80]} does not decode: {error}") from None
                if svg not in known:
                    raise Wrong(f"{name}: {text[:80]} is no drawing of the version")
                count += 1
        return count


def svgmill(*words: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "pipeline.cli", *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def vocabulary_folder(workspace: Path) -> Path:
    manifest = published.read(open_storage(str(workspace)))
    return (workspace / manifest.vocabulary_files["tokenizer"].path).parent


def records(export: Path) -> Counter[str]:
    """Records of the trained split, by task, of all stages: of the export's stage table."""
    table = json.loads((export / "curriculum.json").read_text())["table"]
    counts: Counter[str] = Counter()
    for row in table:
        counts[row["task"]] += row["records"] if row["split"] == "train" else 0
    return counts


def prepare(folder: Path, workspace: Path | None) -> Check:
    """The model, the version on its tokenizer, and the model with its tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "curriculum.yaml").write_text(yaml.safe_dump(CURRICULUM))
    ENVIRONMENTS["torch"].python(folder, "torch")
    base = folder / "base"
    if not base.exists():
        python = ENVIRONMENTS["llamafactory"].python(folder, "llamafactory")
        subprocess.run([python, HERE / "tiny_model.py", base], check=True)
    if workspace is None:
        workspace = folder / "workspace"
        base_tokenizer = f"tokenize.ids.base_tokenizer={base}"
        svgmill("run", "configs/quickstart.yaml", "--workspace", workspace, "--set", base_tokenizer)
    shutil.rmtree(folder / "model", ignore_errors=True)
    python = ENVIRONMENTS["svgmill"].python(folder, "svgmill")
    command = [python, "-m", "pipeline.cli", "extend-model", base, folder / "model"]
    subprocess.run([*command, "--tokenizer", vocabulary_folder(workspace)], cwd=ROOT, check=True)
    return Check(folder, workspace)


def llamafactory(check: Check) -> list[str]:
    small = ("precision=fp32", "device_batch_size=2", "batch_size=2", f"model={check.model}")
    out = check.export("llamafactory", "llamafactory", *small)
    found = check.run("llamafactory", out, check.folder / "base")
    wanted, lines = records(out), []
    if min(wanted.values()) < LEAST:
        raise Wrong(f"llamafactory: {dict(wanted)} are fewer than {LEAST} records of a task")
    for stage, read in found["stages"].items():
        if read["warnings"]:
            raise Wrong(f"llamafactory: {stage}: {read['warnings'][0]}")
        drawn = check.are_drawings(read["labels"], f"llamafactory {stage}")
        lines.append(
            f"{stage}: {read['tokenized']} records tokenized without a warning about format, {drawn} of them drawings; "
            f"two steps, loss {read['loss']:.2f}"
        )
    if sum(read["tokenized"] for read in found["stages"].values()) < sum(wanted.values()):
        raise Wrong("llamafactory: fewer records were tokenized than exported")
    fault = found["overwritten"]
    lines.append(
        f"new_special_tokens_config on a base of {fault['base_rows']} rows and {fault['base_ids']} ids: the first row "
        f"it writes is {fault['first_described_row']}, and {fault['old_rows_changed']} of the base's own change"
    )
    return [f"{LLAMA_FACTORY}, {versions(found)}: {dict(wanted)}", *lines]


def trl(check: Check) -> list[str]:
    check.export("conversations", "hf")
    check.export("ids", "hf", "form=tokenized")
    link = check.folder / "exports/model"
    if not link.exists():
        link.symlink_to(check.model)
    found = check.run("trl", ROOT / "docs/training.md", folder=check.folder / "exports")
    lines = []
    for name in ("conversations", "ids"):
        read = found[name]
        drawn = check.are_drawings(read["labels"], f"trl {name}")
        if not drawn:
            raise Wrong(f"trl: no label of {name} is a drawing")
        lines.append(
            f"SFTTrainer on {name}: two steps, loss {read['loss']:.2f}; of {len(read['labels'])} answers {drawn} are "
            "drawings"
        )
    return [f"{TRL}, {versions(found)}", *lines]


def verl(check: Check) -> list[str]:
    out = check.export("verl", "verl")
    found = check.run("verl", out, check.model)
    wanted = records(out)
    if Counter(found["tasks"]) != +wanted:
        raise Wrong(f"verl: read {dict(Counter(found['tasks']))}, exported {dict(wanted)}")
    drawn = check.are_drawings(found["truths"], "verl")
    return [f"{VERL}, {versions(found)}", f"RLHFDataset: {found['rows']} rows, {drawn} truths are drawings"]


def axolotl(check: Check) -> list[str]:
    out = check.export("axolotl", "axolotl", f"model={check.model}")
    found = check.run("axolotl", out, check.model)
    lines = [f"{AXOLOTL} without its kernels for GPUs, {versions(found)}"]
    for stage, read in found["stages"].items():
        drawn = check.are_drawings(read["labels"], f"axolotl {stage}")
        if drawn != read["rows"]:
            raise Wrong(f"axolotl: {read['rows'] - drawn} rows of {stage} are no drawings")
        lines.append(f"preprocess {stage}: {read['rows']} rows, all drawings, columns {', '.join(read['columns'])}")
    return lines


def versions(found: dict[str, Any]) -> str:
    return ", ".join(f"{name} {number}" for name, number in found["versions"].items())


CHECKS = {"llamafactory": llamafactory, "trl": trl, "verl": verl, "axolotl": axolotl}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workspace", type=Path, help="one whose newest version is on the tokenizer of FOLDER/base")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/trainers", help="environments, model, exports")
    parser.add_argument("--only", nargs="+", choices=list(CHECKS), default=list(CHECKS), help="these trainers")
    options = parser.parse_args(arguments)
    check = prepare(options.folder.absolute(), options.workspace)
    failed = 0
    print(f"svgmill {installed('svgmill')}")
    for name in options.only:
        try:
            lines = CHECKS[name](check)
        except (Wrong, subprocess.CalledProcessError) as error:
            lines, failed = [f"FAILED: {error}"], failed + 1
        print("\n  ".join([name, *lines]), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
