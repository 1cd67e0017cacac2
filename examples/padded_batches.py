"""A text encoder pads each batch to the longest length that the model allows.

Wrong: ``padding="max_length"``. Sentences have 10 to 60 tokens, every row is computed as 256, and a
batch takes its rows as they come.

EXPECT: padded-batches.

Cure: rows sorted by length, and each batch as long as its longest row.
"""

from __future__ import annotations

import torch
from shared import arguments
from torch import Tensor, nn

import infprof

EXPECT = "padded-batches"

BATCH, MOST_TOKENS, WIDTH, HEADS, WORDS = 8, 256, 256, 4, 5000


class Layer(nn.Module):
    """Attention and two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.in_projection = nn.Linear(WIDTH, 3 * WIDTH)
        self.out_projection = nn.Linear(WIDTH, WIDTH)
        self.wide, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """One step of the encoder."""
        parts = self.in_projection(x).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = parts
        seen = nn.functional.scaled_dot_product_attention(query, key, value, mask)
        x = x + self.out_projection(seen.transpose(1, 2).flatten(2))
        out: Tensor = x + self.narrow(nn.functional.gelu(self.wide(x)))
        return out


class Encoder(nn.Module):
    """The mean of what the real tokens become."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(3))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Embed sentences."""
        x, real = self.words(input_ids), attention_mask.bool()
        for layer in self.layers:
            x = layer(x, real[:, None, None, :])
        weight = real.unsqueeze(-1).float()
        mean: Tensor = (x * weight).sum(1) / weight.sum(1)
        return mean


def padded(rows: list[Tensor], length: int) -> tuple[Tensor, Tensor]:
    """Ids and mask, each row of ``length``."""
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)], mask[place, : len(row)] = row, 1
    return ids, mask


@infprof.profile
@torch.inference_mode()
def embed(model: nn.Module, rows: list[Tensor], length: int) -> list[float]:
    """One batch of sentences."""
    with infprof.annotate("pad", stage="preprocess"):
        ids, mask = padded(rows, length)
    with infprof.annotate("model", stage="compute"):
        means: list[float] = model(ids, attention_mask=mask).mean(1).tolist()
    return means


def main() -> None:
    """Embed a collection of sentences, batch by batch."""
    chosen = arguments(__doc__)
    torch.manual_seed(0)
    model = Encoder().eval()
    lengths = torch.randint(10, 61, (chosen.requests * BATCH,)).tolist()
    rows = [torch.randint(1, WORDS, (length,)) for length in lengths]
    if chosen.cured:
        rows.sort(key=len)
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        embed(model, batch, max(map(len, batch)) if chosen.cured else MOST_TOKENS)


if __name__ == "__main__":
    main()
