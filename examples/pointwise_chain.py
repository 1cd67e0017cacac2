"""A formula of 60 element-wise steps runs as 60 kernels, each as slow as memory.

Wrong: each step reads half a gigabyte and writes half a gigabyte, to do one operation per number.

EXPECT: uncompiled-model.

Cure: ``torch.compile`` makes one kernel of all steps, which reads and writes once. It needs Triton
and a C compiler, and is called once before the first request.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor

import infprof

EXPECT = "uncompiled-model"

NUMBERS, ROUNDS, BACKEND = 128 * 2**20, 12, "inductor"


def corrected(signal: Tensor) -> Tensor:
    """Readings of a sensor as physical values: five steps in each round."""
    for turn in range(1, ROUNDS + 1):
        signal = signal * (1 + turn / 64) + turn / 128
        signal = signal / (signal.abs() + 1)
    return signal


@infprof.profile
@torch.inference_mode()
def read(correct: Callable[[Tensor], Tensor], signal: Tensor) -> float:
    """The mean of a signal that is on the GPU."""
    with infprof.annotate("correct", stage="compute"):
        mean = correct(signal).mean()
    with infprof.annotate("download", stage="d2h"):
        return float(mean)


def serve(requests: int, device: str, *, cured: bool) -> list[float]:
    """Answer so many requests."""
    torch.manual_seed(0)
    signal = torch.randn(NUMBERS, device=device)
    correct = torch.compile(corrected, backend=BACKEND) if cured else corrected
    with torch.inference_mode():
        correct(signal)
    return [read(correct, signal) for _ in range(requests)]


def main() -> None:
    """Serve requests of 134 million readings each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    serve(chosen.requests, "cuda", cured=chosen.cured)


if __name__ == "__main__":
    main()
