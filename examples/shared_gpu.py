"""A service starts four processes with a model each, and all of them use one GPU.

Wrong: the GPU works for one process at a time, so that each waits for the kernels of the others.
Each has a copy of the weights, and batches of its own.

EXPECT: shared-gpu.

Cure: one process owns the GPU and gets the requests of all, four times as many rows at once.
"""

from __future__ import annotations

from multiprocessing import get_context
from multiprocessing.synchronize import Barrier, Event

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor, nn

import infprof

EXPECT = "shared-gpu"

PROCESSES, LAYERS, WIDTH, ROWS = 4, 8, 8192, 1024


def network(device: str) -> tuple[nn.Module, Tensor]:
    """Layers, and what one process gets in a request."""
    torch.manual_seed(0)
    with torch.device(device):
        layers = [nn.Linear(WIDTH, WIDTH, dtype=torch.bfloat16) for _ in range(LAYERS)]
        rows = torch.randn(ROWS, WIDTH, dtype=torch.bfloat16)
    return nn.Sequential(*layers).eval(), rows


@torch.inference_mode()
def size_of(model: nn.Module, rows: Tensor) -> float:
    """How large the embedding of rows is on average."""
    with infprof.annotate("model", stage="compute"):
        size = model(rows).abs().mean()
    with infprof.annotate("download", stage="d2h"):
        return float(size)


@infprof.profile
def embed(model: nn.Module, rows: Tensor) -> float:
    """One request."""
    return size_of(model, rows)


def another(device: str, ready: Barrier, done: Event) -> None:
    """The same in a process of its own, until nobody needs it."""
    model, rows = network(device)
    ready.wait()
    while not done.is_set():
        size_of(model, rows)


def serve(requests: int, device: str, *, cured: bool) -> list[float]:
    """Answer so many requests, with as many processes or rows."""
    spawn, count = get_context("spawn"), 1 if cured else PROCESSES
    ready, done = spawn.Barrier(count), spawn.Event()
    others = [
        spawn.Process(target=another, args=(device, ready, done), daemon=True)
        for _ in range(count - 1)
    ]
    for one in others:
        one.start()
    model, rows = network(device)
    ready.wait()
    rows = rows.repeat(PROCESSES if cured else 1, 1)
    found = [embed(model, rows) for _ in range(requests)]
    done.set()
    for one in others:
        one.join()
    return found


def main() -> None:
    """Serve requests of 1024 rows each, of each process."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    serve(chosen.requests, "cuda", cured=chosen.cured)


if __name__ == "__main__":
    main()
