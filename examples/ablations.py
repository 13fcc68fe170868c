"""Two ablations with the model and the training of `train_tiny`, several seeds each, as Markdown tables.

    python examples/ablations.py tokens release ablations
    python examples/ablations.py embeddings release ablations

``tokens``: segment against atomic tokens at equal compute, by bits a drawing. ``embeddings``: HMN against mean against
noise for the rows of new tokens, in a model that has read captions before. Each run that is done is a line of a file in
the last folder, and is not done again. Tier L1; `docs/ablations.md` says what came out.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import torch
from tiny_data import Drawing, Release
from tiny_model import SIZES, Decoder
from tiny_trainer import Settings, Trainer, fresh_model, means_of_atoms

from pipeline.errors import ConfigError, UserError
from pipeline.models.embeddings import read_vocabulary
from stages import tokenize
from stages.curriculum import Stage
from stages.tokenize.hmn import HmnSettings, Matrix, initialize

Row = dict[str, Any]
"""One run: seed, arm, and what was measured."""

STAGES = {kind: Stage(name=kind, tiers=("L1",), tokens=kind, context=1792) for kind in ("atomic", "segments")}


def tokens(release: Release, options: argparse.Namespace, done: Sequence[Row]) -> Iterator[Row]:
    """Bits a drawing after equal compute: with more rows an id costs more, so there are fewer ids."""
    train = {arm: release.drawings(stage, "train") for arm, stage in STAGES.items()}
    held_out = {arm: unseen(release, stage) for arm, stage in STAGES.items()}
    for seed in range(options.seeds):
        costs: dict[str, int] = {}
        for arm in STAGES:
            settings = Settings(options.size, options.batch, options.rate, seed, options.bf16)
            model = fresh_model(release, settings)
            if arm == "segments":
                model.grow(means_of_atoms(release, model.embeddings))
            costs[arm] = sum(weight.numel() for weight in model.parameters())
            if known(done, seed, arm):
                continue
            trainer = Trainer(model, settings, options.device)
            trainer.start(options.tokens * costs["atomic"] // costs[arm])
            trainer.train(train[arm], trainer.steps)
            bits, lengths = trainer.bits(held_out[arm]), np.array([len(drawing.answer) for drawing in held_out[arm]])
            yield {
                "seed": seed,
                "arm": arm,
                "weights": costs[arm],
                "steps": trainer.steps,
                "drawings seen": trainer.seen,
                "ids a drawing": float(lengths.mean()),
                "bits a token": float(bits.sum() / lengths.sum()),
                "bits a drawing": float(bits.mean()),
            }


def embeddings(release: Release, options: argparse.Namespace, done: Sequence[Row]) -> Iterator[Row]:
    """Bits a drawing at several steps after new rows came to a model that has read captions."""
    drawings = release.drawings(STAGES["segments"], "train")
    held_out = unseen(release, STAGES["segments"])[: options.held_out]
    text = Text(release)
    captions = text.drawings()
    for seed in range(options.seeds):
        if all(known(done, seed, arm) for arm in ARMS):
            continue
        settings = Settings(options.size, options.batch, options.rate, seed, options.bf16)
        torch.manual_seed(seed)
        trainer = Trainer(Decoder(len(text.ids), SIZES[options.size]), settings, options.device)
        trainer.start(options.text_tokens)
        trainer.train(captions, trainer.steps)
        read = {name: weight.detach().clone() for name, weight in trainer.model.state_dict().items()}
        warm = float(np.mean(trainer.losses[-20:]))
        for arm, rows in ARMS.items():
            if known(done, seed, arm):
                continue
            new = rows(read["embeddings"].float().cpu().numpy(), text, release, seed)
            trainer = Trainer(text.extended(read, new, options.size), settings, options.device)
            trainer.start(options.tokens)
            row: Row = {"seed": seed, "arm": arm, "bits a token of text": warm}
            for step in sorted({0, trainer.steps, *(step for step in options.at if step < trainer.steps)}):
                trainer.train(drawings, step)
                row[f"step {step}"] = float(trainer.bits(held_out).mean())
            yield row


def unseen(release: Release, stage: Stage) -> list[Drawing]:
    """The drawings that are measured: those of both splits that nothing is trained on."""
    return release.drawings(stage, "validation") + release.drawings(stage, "test")


def known(done: Sequence[Row], seed: int, arm: str) -> bool:
    """Whether an earlier call did this run."""
    return any(row["seed"] == seed and row["arm"] == arm for row in done)


class Text:
    """The version's tokenizer without atomic and segment tokens, which a model reads captions by."""

    def __init__(self, release: Release) -> None:
        self.release = release
        new = {token["id"] for token in release.tokens}
        self.ids = [i for i in range(release.all_ids) if i not in new]
        self.new = [token["id"] for token in release.tokens]
        self.row = np.full(release.all_ids, -1)
        self.row[self.ids] = np.arange(len(self.ids))

    def rows(self, text: str) -> list[int]:
        """A text's ids as rows of the model that knows text alone."""
        return [int(self.row[i]) for i in self.release.tokenizer.encode(text).ids]

    def drawings(self) -> list[Drawing]:
        """All captions of the training drawings, each text once, as answers to an empty prompt."""
        texts: set[str] = set()
        for path in sorted(self.release.folder.glob("parquet/L1/train-*.parquet")):
            for captions in pq.read_table(path, columns=["captions"])["captions"].to_pylist():
                texts.update(caption["text"] for caption in captions)
        begin, end = (int(self.row[i]) for i in (self.release.begin, self.release.end))
        rows = [(text, self.rows(text)) for text in sorted(texts)]
        return [Drawing(text, "", np.array([begin]), np.array([*each, end])) for text, each in rows if -1 not in each]

    def extended(self, read: dict[str, torch.Tensor], new: Matrix, size: str) -> Decoder:
        """The model that has read, with rows for the new ids, all at the ids of the version."""
        model = Decoder(self.release.all_ids, SIZES[size])
        rows = torch.empty(self.release.all_ids, model.size.width)
        rows[self.ids], rows[self.new] = read["embeddings"].float().cpu(), torch.from_numpy(new)
        model.load_state_dict(read | {"embeddings": rows})
        return model


def hmn_rows(base: Matrix, text: Text, release: Release, seed: int) -> Matrix:
    """By HMN with the paper's weights."""
    vocabulary, segments = read_vocabulary(release.folder / "tokenizer")
    parts = [tokenize.split(segment.tokens) for segment in segments.items]
    return initialize(base, text.rows, vocabulary, parts, HmnSettings(seed=seed))


def mean_rows(base: Matrix, text: Text, release: Release, seed: int) -> Matrix:
    """The mean of the base's rows, for every new token."""
    return np.tile(base.mean(axis=0), (len(text.new), 1))


def noise_rows(base: Matrix, text: Text, release: Release, seed: int) -> Matrix:
    """Gaussian noise as large as the base's entries."""
    noise: npt.NDArray[np.float64] = np.random.default_rng(seed).normal(0, base.std(), (len(text.new), base.shape[1]))
    return noise.astype(np.float32)


ARMS = {"HMN": hmn_rows, "mean": mean_rows, "noise": noise_rows}


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown: a row for each arm, of each figure the mean and the standard deviation over the seeds."""
    names = [name for name in rows[0] if name not in ("seed", "arm")]
    lines = [f"| | {' | '.join(names)} |", f"|{'---|' * (len(names) + 1)}"]
    for arm in dict.fromkeys(row["arm"] for row in rows):
        figures = [spread([row[name] for row in rows if row["arm"] == arm]) for name in names]
        lines.append(f"| {arm} | {' | '.join(figures)} |")
    return lines


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation; a count that is the same in all by itself."""
    if isinstance(values[0], int) and len(set(values)) == 1:
        return f"{values[0]:,}"
    digits = 1 if np.mean(values) >= 20 else 3
    if len(values) == 1:
        return f"{values[0]:,.{digits}f}"
    return f"{np.mean(values):,.{digits}f} ± {np.std(values, ddof=1):,.{digits}f}"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    made.add_argument("what", choices=sorted(ABLATIONS), help="the ablation")
    made.add_argument("release", type=Path, help="the folder that svgmill checkout left")
    made.add_argument("out", type=Path, help="where the results go")
    made.add_argument("--seeds", type=int, default=3, help="runs of each arm: seeds 0, 1, 2 …")
    made.add_argument("--size", choices=sorted(SIZES), default="mini", help="of the models")
    made.add_argument("--tokens", type=int, default=200_000, help="ids that a run trains on")
    made.add_argument("--text-tokens", type=int, default=60_000, help="embeddings: ids of captions before that")
    made.add_argument("--at", type=int, nargs="*", default=[25, 50, 100], help="embeddings: steps that are measured")
    made.add_argument("--held-out", type=int, default=400, help="embeddings: drawings that are measured, at most")
    made.add_argument("--batch", type=int, default=1024, help="ids of a step, prompts and padding included")
    made.add_argument("--rate", type=float, default=3e-3, help="the highest learning rate")
    made.add_argument("--device", default="cpu", help="cpu or cuda")
    made.add_argument("--bf16", action="store_true", help="compute in bfloat16 where PyTorch's autocast does")
    return made


ABLATIONS = {"tokens": tokens, "embeddings": embeddings}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; the exit status."""
    options = parser().parse_args(arguments)
    path = options.out / f"{options.what}.jsonl"
    asked = {name: value for name, value in vars(options).items() if name not in ("release", "out", "seeds", "device")}
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else [json.dumps(asked)]
        if json.loads(lines[0]) != asked:
            raise ConfigError(f"{path} is of other settings; give the same ones, or a new folder")
        rows = [json.loads(line) for line in lines[1:]]
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        for row in ABLATIONS[options.what](Release(options.release), options, rows):
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)
            rows.append(row)
        print("\n".join(table(rows)))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
