"""A small decoder that learns to draw, from scratch, straight from a version's shards: caption, then token ids.

    svgmill checkout WS N release
    python examples/train_tiny.py release run

It needs PyTorch: pip install 'svgmill[train]'. It trains in two stages, as HiVG's curriculum begins: atomic tokens and
tier L1, then segment tokens and tiers L1 and L2; the embeddings of segment tokens begin as the means of their atoms'.
For each stage it prints entropies of the validation ids beside the validation loss, draws what held-out captions ask
for, and says how many answers decode. ``run`` gets ``results.json``, and a ``.jsonl`` and a ``.png`` of the answers of
each stage. The same command goes on where a run was stopped, with the same result. ``--device cuda --bf16``,
``--size``, ``--batch`` and ``--tokens`` make it a larger one; the ids of all drawings are held in memory.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tiny_data import Drawing, Release, bigram_bits, unigram_bits
from tiny_draw import Answer, Reader, sheet
from tiny_model import SIZES, Decoder, sample
from tiny_trainer import Settings, Trainer, fresh_model, means_of_atoms

from pipeline.errors import ConfigError, UserError
from stages.curriculum import Curriculum, Stage

STATE = "state.pt"


def run(release: Release, options: argparse.Namespace) -> None:
    """Train, measure and draw, from where an earlier run of the same settings stopped."""
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    settings = Settings(options.size, options.batch, options.rate, options.seed, options.bf16)
    stages = Curriculum().stages[: len(options.tokens)]
    asked = {"settings": asdict(settings), "tokens": options.tokens}
    state = stored(out, asked, options.device)
    results: list[dict[str, Any]] = state["results"] if state else []
    first = state["stage"] if state else 0
    model = fresh_model(release, settings)
    if state:
        grow(release, model, stages[first])
        model.load_state_dict(state["model"])
    trainer = Trainer(model, settings, options.device)
    for number, stage in enumerate(stages[first:], first):
        drawings = release.drawings(stage, "train")
        if not (state and number == first):
            grow(release, model, stage)
        trainer.start(options.tokens[number], state if state and number == first else None)
        while trainer.step < trainer.steps:
            trainer.train(drawings, min(trainer.steps, trainer.step + options.every))
            print(f"{stage.name}: {trainer.progress(options.every)}", flush=True)
            save(out, asked | {"stage": number, "results": results} | trainer.state())
        held_out = release.drawings(stage, "validation")
        if len(results) == number:
            results.append(measured(trainer, stage, drawings, held_out))
            save(out, asked | {"stage": number, "results": results} | trainer.state())
        results[number] |= drawn(trainer, stage, held_out, release, options)
    text = json.dumps(asked | {"results": results}, indent=1)
    (out / "results.json").write_text(text + "\n", encoding="utf-8")
    print("\n".join(table(results)))


def grow(release: Release, model: Decoder, stage: Stage) -> None:
    """Give the model the segment tokens, if the stage has them and it lacks them."""
    if stage.tokens == "segments" and len(model.embeddings) == release.atomic_ids:
        model.grow(means_of_atoms(release, model.embeddings))


def stored(out: Path, asked: dict[str, Any], device: str) -> dict[str, Any] | None:
    """What a run that was stopped left. Raises ConfigError if it was asked for something else."""
    if not (out / STATE).exists():
        return None
    state: dict[str, Any] = torch.load(out / STATE, map_location=device, weights_only=True)
    if {name: state[name] for name in asked} != asked:
        raise ConfigError(f"{out / STATE} is of a run with other settings; give the same ones, or a new folder")
    return state


def save(out: Path, state: dict[str, Any]) -> None:
    """Write the state whole or not at all."""
    beside = out / f"{STATE}.partial"
    torch.save(state, beside)
    beside.replace(out / STATE)


def measured(trainer: Trainer, stage: Stage, train: Sequence[Drawing], held_out: Sequence[Drawing]) -> dict[str, Any]:
    """Bits of the validation answers by unigrams, bigrams and the model, for each tier."""
    shares, unigrams = unigram_bits(train, held_out, len(trainer.model.embeddings))
    bits = {"unigrams": unigrams, "bigrams": bigram_bits(train, held_out, shares), "model": trainer.bits(held_out)}
    lengths = np.array([len(drawing.answer) for drawing in held_out])
    tiers = []
    for tier in stage.tiers:
        chosen = np.array([drawing.tier == tier for drawing in held_out])
        if chosen.any():
            a_token = {name: float(each[chosen].sum() / lengths[chosen].sum()) for name, each in bits.items()}
            a_drawing = {name: float(each[chosen].mean()) for name, each in bits.items()}
            tiers.append({"tier": tier, "drawings": int(chosen.sum()), "a token": a_token, "a drawing": a_drawing})
    return {"stage": stage.name, "tiers": tiers}


def drawn(
    trainer: Trainer, stage: Stage, held_out: Sequence[Drawing], release: Release, options: argparse.Namespace
) -> dict[str, int]:
    """Answer held-out captions, write the answers and a sheet of the first; how many were asked for, and are valid."""
    out, reader = options.out, Reader(release)
    chosen = np.random.default_rng(options.sample_seed).permutation(len(held_out))[: options.samples]
    asked = [held_out[i] for i in chosen]
    trainer.model.eval()
    answers: list[Answer] = []
    for start in range(0, len(asked), options.at_once):
        prompts = [drawing.prompt.tolist() for drawing in asked[start : start + options.at_once]]
        limit = options.longest - max(map(len, prompts))
        seed = options.sample_seed + start
        with trainer.precision():
            ids = sample(trainer.model, prompts, release.end, limit, options.temperature, options.floor, seed)
        answers += [reader.read(each) for each in ids]
    rows = [
        {"caption": drawing.caption, "tokens": answer.tokens, "svg": answer.svg, "why": answer.why}
        for drawing, answer in zip(asked, answers, strict=True)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (out / f"{stage.name}.jsonl").write_text(lines, encoding="utf-8")
    shown = list(zip(asked, answers, strict=True))[: options.shown]
    cells = [(each.caption, [reader.read(each.answer[:-1].tolist()).svg, answer.svg]) for each, answer in shown]
    (out / f"{stage.name}.png").write_bytes(sheet(cells, columns=4))
    return {
        "answers": len(answers),
        "decode": sum(answer.svg is not None for answer in answers),
        "show": sum(not answer.why for answer in answers),
    }


def table(results: Sequence[dict[str, Any]]) -> list[str]:
    """Markdown: a row for each stage and tier."""
    names = ("unigrams", "bigrams", "model")
    heads = [
        "stage",
        "tier",
        "drawings",
        *(f"bits a {each}: {name}" for each in ("token", "drawing") for name in names),
    ]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for result in results:
        for tier in result["tiers"]:
            figures = [f"{tier['a token'][name]:.2f}" for name in names]
            figures += [f"{tier['a drawing'][name]:,.0f}" for name in names]
            lines.append(f"| {result['stage']} | {tier['tier']} | {tier['drawings']} | {' | '.join(figures)} |")
    return lines + [
        f"{result['stage']}: of {result['answers']} answers to held-out captions {result['decode']} decode "
        f"({result['decode'] / result['answers']:.1%}), and {result['show']} show something"
        for result in results
    ]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    made.add_argument("release", type=Path, help="the folder that svgmill checkout left")
    made.add_argument("out", type=Path, help="where the run's state and results go")
    made.add_argument("--size", choices=sorted(SIZES), default="tiny", help="of the model")
    made.add_argument(
        "--tokens", type=int, nargs="+", default=[1_200_000, 600_000], help="ids of each stage of the curriculum"
    )
    made.add_argument("--batch", type=int, default=1024, help="ids of a step, prompts and padding included")
    made.add_argument("--rate", type=float, default=3e-3, help="the highest learning rate")
    made.add_argument("--seed", type=int, default=0, help="of the weights and of the order")
    made.add_argument("--device", default="cpu", help="cpu or cuda")
    made.add_argument("--bf16", action="store_true", help="compute in bfloat16 where PyTorch's autocast does")
    made.add_argument("--every", type=int, default=100, help="steps between two lines and between two saves")
    made.add_argument("--samples", type=int, default=128, help="held-out captions that are answered")
    made.add_argument("--at-once", type=int, default=64, help="of them, how many at once")
    made.add_argument("--shown", type=int, default=24, help="of them, how many are on the sheet")
    made.add_argument("--longest", type=int, default=700, help="ids of a prompt and its answer at most")
    made.add_argument("--temperature", type=float, default=0.7, help="of sampling")
    made.add_argument("--floor", type=float, default=0.05, help="ids below this share of the likeliest are not drawn")
    made.add_argument("--sample-seed", type=int, default=0, help="of sampling, and of the choice of captions")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; the exit status."""
    options = parser().parse_args(arguments)
    try:
        run(Release(options.release), options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
