"""Training: steps whose batches follow from a seed and their number alone, so that a stopped run can go on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tiny_data import Drawing, Release, batches, padded
from tiny_model import SIZES, Decoder
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from pipeline.models.embeddings import read_vocabulary
from stages.tokenize.hmn import HmnSettings, numeric_terms, scaled


@dataclass(frozen=True)
class Settings:
    """What a run's result depends on, beside the drawings and their ids."""

    size: str = "tiny"
    batch: int = 1024
    rate: float = 3e-3
    seed: int = 0
    bf16: bool = False


class Trainer:
    """A model, its optimizer, and how far they are."""

    def __init__(self, model: Decoder, settings: Settings, device: str) -> None:
        self.model, self.settings, self.device = model.to(device), settings, device

    def start(self, tokens: int, state: dict[str, Any] | None = None) -> None:
        """Begin to train on so many ids with a new optimizer, or go on from what `state` gave."""
        self.step, self.seen, self.losses = 0, 0, list[float]()
        self.steps = max(1, tokens // self.settings.batch)
        matrices = [
            weight for name, weight in self.model.named_parameters() if weight.ndim == 2 and name != "embeddings"
        ]
        others = [self.model.embeddings, *(weight for weight in self.model.parameters() if weight.ndim < 2)]
        groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, self.settings.rate, betas=(0.9, 0.95))
        if state:
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.seen, self.losses = state["step"], state["seen"], state["losses"]

    def state(self) -> dict[str, Any]:
        """All that is needed to go on."""
        return {
            "step": self.step,
            "seen": self.seen,
            "losses": self.losses,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def progress(self, last: int) -> str:
        """How far it is, with the mean loss of the last steps."""
        return f"step {self.step} of {self.steps}, {float(np.mean(self.losses[-last:])):.3f} bits a token"

    def precision(self) -> AbstractContextManager[Any]:
        """Of a forward pass."""
        return torch.autocast(self.device, torch.bfloat16) if self.settings.bf16 else nullcontext()

    def attention(self) -> AbstractContextManager[Any]:
        """On a CPU, products of matrices are faster than the fused kernel at these lengths."""
        return sdpa_kernel(SDPBackend.MATH) if self.device == "cpu" else nullcontext()

    def loss(self, drawings: Sequence[Drawing]) -> tuple[Tensor, Tensor]:
        """Nats of the answers' ids, flat, and the row that each is of."""
        ids, targets = (torch.from_numpy(each).to(self.device) for each in padded(drawings))
        asked = targets != -100
        with self.precision(), self.attention():
            logits = self.model.logits(self.model(ids)[asked])
        return functional.cross_entropy(logits, targets[asked], reduction="none"), asked.nonzero()[:, 0]

    def train(self, drawings: Sequence[Drawing], until: int) -> None:
        """Take steps up to number ``until``."""
        self.model.train()
        lengths = [len(drawing) for drawing in drawings]
        for number, chosen in enumerate(batches(lengths, self.settings.batch, self.settings.seed)):
            if number == until:
                return
            if number < self.step:
                continue
            for group in self.optimizer.param_groups:
                group["lr"] = self.settings.rate * pace(number, self.steps)
            nats = self.loss([drawings[i] for i in chosen])[0].mean()
            nats.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.step += 1
            self.seen += len(chosen)
            self.losses.append(nats.item() / math.log(2))

    @torch.inference_mode()
    def bits(self, drawings: Sequence[Drawing]) -> npt.NDArray[np.float64]:
        """Bits of each drawing's answer, given its prompt."""
        self.model.eval()
        bits = np.zeros(len(drawings))
        order = sorted(range(len(drawings)), key=lambda i: len(drawings[i]))
        for start in range(0, len(order), 16):
            chosen = order[start : start + 16]
            nats, row = self.loss([drawings[i] for i in chosen])
            sums = torch.zeros(len(chosen), device=nats.device).index_add_(0, row, nats)
            bits[chosen] = sums.cpu().numpy() / math.log(2)
        return bits


def pace(step: int, steps: int) -> float:
    """The share of the learning rate: up over the first twentieth, then down in a line."""
    warm = max(1, steps // 20)
    return min((step + 1) / warm, (steps - step) / max(1, steps - warm))


def fresh_model(release: Release, settings: Settings) -> Decoder:
    """A model of the atomic ids. Coordinates begin the more alike the closer they are, as by HMN's numeric term."""
    torch.manual_seed(settings.seed)
    model = Decoder(release.atomic_ids, SIZES[settings.size])
    vocabulary, _ = read_vocabulary(release.folder / "tokenizer")
    hmn = HmnSettings(seed=settings.seed)
    coordinates = [token for token in release.tokens if token["kind"] in ("position", "offset")]
    values = np.array([scaled(token["kind"], token["value"], vocabulary.limit, hmn) for token in coordinates])
    terms = torch.from_numpy(numeric_terms(values, model.size.width, hmn)).float()
    ids = [token["id"] for token in coordinates]
    with torch.no_grad():
        model.embeddings[ids] += terms * model.embeddings[ids].norm(dim=1).mean()
    return model


def means_of_atoms(release: Release, rows: Tensor) -> Tensor:
    """A row for each segment token: the mean of its atoms' ``rows``."""
    return torch.stack([rows.detach()[segment["atoms"]].mean(0) for segment in release.segments])
