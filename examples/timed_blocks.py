"""A forward takes the time of each of its blocks, and waits for the GPU to do so.

Wrong: ``torch.cuda.synchronize()`` drains the GPU's queue 24 times in each request. After each, the
GPU idles until the host has issued the next block.

EXPECT: hot-path-syncs.

Cure: CUDA events, which the GPU stamps itself. They are read once, when the result is there.
"""

from __future__ import annotations

import time

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor, nn

import infprof

EXPECT = "hot-path-syncs"

BLOCKS, ROWS, WIDTH = 24, 512, 4096


class Clock:
    """The time on the host, with the GPU's work done."""

    def __init__(self) -> None:
        self.at = list[float]()

    def stamp(self) -> None:
        """Now."""
        torch.cuda.synchronize()
        self.at.append(time.perf_counter())

    def longest_ms(self) -> float:
        """Between two stamps."""
        return 1e3 * max(end - start for start, end in zip(self.at, self.at[1:], strict=False))


class Events:
    """The time on the GPU, of which the host hears when it asks."""

    def __init__(self) -> None:
        self.at = list[torch.cuda.Event]()

    def stamp(self) -> None:
        """When the GPU gets here."""
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        self.at.append(event)

    def longest_ms(self) -> float:
        """Between two stamps, all of which the GPU has passed."""
        pairs = zip(self.at, self.at[1:], strict=False)
        return max(float(start.elapsed_time(end)) for start, end in pairs)


def network() -> nn.ModuleList:
    """Blocks of two layers each."""
    torch.manual_seed(0)
    return nn.ModuleList(
        nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))
        for _ in range(BLOCKS)
    ).eval()


@infprof.profile
@torch.inference_mode()
def embed(blocks: nn.ModuleList, x: Tensor, clock: Clock | Events) -> tuple[float, float]:
    """How large the states are after all blocks, and how long the slowest block took in ms."""
    with infprof.annotate("blocks", stage="compute"):
        clock.stamp()
        for block in blocks:
            x = x + block(x)
            clock.stamp()
        size = x.abs().mean()
    with infprof.annotate("download", stage="d2h"):
        return float(size), clock.longest_ms()


def main() -> None:
    """Serve requests of 512 rows each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    with torch.device("cuda"):
        blocks = network().to(torch.bfloat16)
        rows = torch.randn(ROWS, WIDTH).to(torch.bfloat16)
    for _ in range(chosen.requests):
        embed(blocks, rows, Events() if chosen.cured else Clock())


if __name__ == "__main__":
    main()
