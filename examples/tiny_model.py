"""A decoder in plain PyTorch, and sampling from it: LayerNorm, rotary positions, GELU, tied embeddings."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Size:
    """``width`` of the residual stream, ``layers``, attention ``heads`` in each."""

    width: int
    layers: int
    heads: int


SIZES = {
    "nano": Size(64, 2, 2),
    "mini": Size(128, 4, 4),
    "tiny": Size(192, 4, 6),
    "small": Size(512, 8, 8),
    "medium": Size(768, 12, 12),
    "large": Size(1280, 24, 20),
}


Turn = tuple[Tensor, Tensor]
"""Cosine and sine of each position's angles: (positions, half the width of a head)."""


class Cache:
    """The keys and values of what was read: for each layer a tensor (2, rows, heads, limit, width of a head)."""

    def __init__(self, size: Size, rows: int, limit: int, device: torch.device) -> None:
        shape = (2, rows, size.heads, limit, size.width // size.heads)
        self.layers = [torch.zeros(shape, dtype=computed_in(device), device=device) for _ in range(size.layers)]
        self.length = 0


def computed_in(device: torch.device) -> torch.dtype:
    """The type of what products of matrices give: autocast's within it, else float32."""
    return torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else torch.float32


class Block(nn.Module):
    """Attention and a layer of neurons, each added to what comes in."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.heads = size.heads
        self.before_attention = nn.LayerNorm(size.width, bias=False)
        self.queries_keys_values = nn.Linear(size.width, 3 * size.width, bias=False)
        self.attended = nn.Linear(size.width, size.width, bias=False)
        self.before_neurons = nn.LayerNorm(size.width, bias=False)
        self.up = nn.Linear(size.width, 4 * size.width, bias=False)
        self.down = nn.Linear(4 * size.width, size.width, bias=False)

    def forward(self, x: Tensor, turn: Turn, mask: Tensor | None, kept: Tensor | None, at: int) -> Tensor:
        """``x``: (rows, positions, width). ``kept``: this layer's cache, written from position ``at`` on."""
        rows, positions, width = x.shape
        joined = self.queries_keys_values(self.before_attention(x)).view(rows, positions, 3, self.heads, -1)
        both, values = joined.permute(2, 0, 3, 1, 4).split((2, 1))
        (queries, keys), (values,) = rotated(both, turn), values
        if kept is not None:
            kept[0, :, :, at : at + positions], kept[1, :, :, at : at + positions] = keys, values
            keys, values = kept[:, :, :, : at + positions]
        mixed = functional.scaled_dot_product_attention(queries, keys, values, mask, is_causal=mask is None)
        x = x + self.attended(mixed.transpose(1, 2).reshape(rows, positions, width))
        return x + self.down(functional.gelu(self.up(self.before_neurons(x)), approximate="tanh"))


def rotated(x: Tensor, turn: Turn) -> Tensor:
    """``x`` (..., positions, width) with each pair of entries turned by its position's angle."""
    cosine, sine = turn
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cosine - b * sine, a * sine + b * cosine), dim=-1)


class Decoder(nn.Module):
    """Ids to logits. The embeddings are the output matrix, too."""

    def __init__(self, vocabulary: int, size: Size) -> None:
        super().__init__()
        self.size = size
        self.embeddings = nn.Parameter(torch.empty(vocabulary, size.width))
        self.blocks = nn.ModuleList(Block(size) for _ in range(size.layers))
        self.last = nn.LayerNorm(size.width, bias=False)
        nn.init.normal_(self.embeddings, std=0.02)
        for name, weight in self.named_parameters():
            if name.endswith(("attended.weight", "down.weight")):
                nn.init.zeros_(weight)
        pairs = size.width // size.heads // 2
        self.register_buffer("speeds", 10_000.0 ** (-torch.arange(pairs) / pairs), persistent=False)

    def forward(self, ids: Tensor, cache: Cache | None = None, there: Tensor | None = None) -> Tensor:
        """The last layer's output (rows, positions, width).

        ``there``: (rows, positions so far) false where a row has nothing (padding on its left); only with a cache.
        """
        at = cache.length if cache else 0
        places = torch.arange(at, at + ids.shape[1], device=ids.device)
        angles = places[:, None] * self.speeds
        turn = (angles.cos().to(computed_in(ids.device)), angles.sin().to(computed_in(ids.device)))
        mask = None
        if there is not None:
            so_far = torch.arange(there.shape[1], device=ids.device)
            # padding sees itself, since a softmax of nothing is no number
            mask = (so_far <= places[:, None]) & there[:, None, :] | (so_far == places[:, None])
            mask = mask[:, None]
        # the embeddings are small, as an output matrix wants them; the blocks want entries of size 1
        x = functional.layer_norm(functional.embedding(ids, self.embeddings), (self.size.width,))
        for number, block in enumerate(self.blocks):
            x = block(x, turn, mask, cache.layers[number] if cache else None, at)
        if cache:
            cache.length += ids.shape[1]
        return self.last(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """Of every row of the embeddings, float32: (..., vocabulary)."""
        return functional.linear(hidden, self.embeddings).float()

    def grow(self, rows: Tensor) -> None:
        """Append ``rows`` to the embeddings: new ids follow the old ones."""
        self.embeddings = nn.Parameter(torch.cat((self.embeddings.detach(), rows.to(self.embeddings))))


@torch.inference_mode()
def sample(
    model: Decoder, prompts: list[list[int]], end: int, limit: int, temperature: float, floor: float, seed: int
) -> list[list[int]]:
    """Ids after each prompt, up to ``end`` (left out) or ``limit`` of them.

    ``floor``: what is less likely than this share of the likeliest id is never drawn.
    """
    device = model.embeddings.device
    random = torch.Generator(device).manual_seed(seed)
    longest = max(map(len, prompts))
    ids = torch.tensor([[end] * (longest - len(prompt)) + prompt for prompt in prompts], device=device)
    there = torch.ones(len(prompts), longest + limit, dtype=torch.bool, device=device)
    for row, prompt in zip(there, prompts, strict=True):
        row[: longest - len(prompt)] = False
    cache = Cache(model.size, len(prompts), longest + limit, device)
    answers: list[list[int]] = [[] for _ in prompts]
    open_ = torch.arange(len(prompts), device=device)
    for _ in range(limit):
        hidden = model(ids, cache, there[:, : cache.length + ids.shape[1]])
        shares = (model.logits(hidden[:, -1]) / temperature).softmax(-1)
        shares[shares < floor * shares.amax(-1, keepdim=True)] = 0
        ids = torch.multinomial(shares, 1, generator=random)
        for row, drawn in zip(open_.tolist(), ids[:, 0].tolist(), strict=True):
            answers[row].append(drawn)
        goes_on = ids[:, 0] != end
        if not goes_on.all():
            # who has ended costs nothing any more
            ids, there, open_ = ids[goes_on], there[goes_on], open_[goes_on]
            cache.layers = [layer[:, goes_on] for layer in cache.layers]
        if not len(ids):
            break
    return [answer[:-1] if answer[-1] == end else answer for answer in answers]
