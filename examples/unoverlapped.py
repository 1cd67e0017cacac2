"""A steady flow of inputs is copied and computed on by turns.

Wrong: the memory is pinned, the copies do not block, and yet the GPU computes nothing while an
input travels: copy and model share one stream, so that each waits for the other.

EXPECT: unoverlapped-copies.

Cure: copy the next input on a stream of its own while the model works on this one.
"""

from __future__ import annotations

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor, nn

import infprof

EXPECT = "unoverlapped-copies"

ROWS, WIDTH = 8192, 4096


class Feeder:
    """Brings inputs to the GPU: when they are asked for, or one ahead on a side stream."""

    def __init__(self, inputs: list[Tensor], *, ahead: bool) -> None:
        self.inputs, self.turn = inputs, 0
        self.stream = torch.cuda.current_stream()
        if ahead:
            self.stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self.coming = self.upload() if ahead else None

    def upload(self) -> Tensor:
        """Start to copy the next input."""
        self.turn += 1
        with torch.cuda.stream(self.stream):
            return self.inputs[self.turn % len(self.inputs)].to("cuda", non_blocking=True)

    def next(self) -> Tensor:
        """An input for the model's stream."""
        if self.coming is None:
            return self.upload()
        torch.cuda.current_stream().wait_stream(self.stream)  # this one has arrived
        x, self.coming = self.coming, self.upload()
        x.record_stream(torch.cuda.current_stream())
        return x


@infprof.profile
@torch.inference_mode()
def embed(model: nn.Module, feeder: Feeder) -> float:
    """The mean of the embedding of the next input."""
    with infprof.annotate("upload", stage="h2d"):
        x = feeder.next()
    with infprof.annotate("model", stage="compute"):
        mean = model(x).float().mean()
    with infprof.annotate("download", stage="d2h"):
        return float(mean)


def main() -> None:
    """Serve inputs of 67 MB each, which somebody else has put into pinned memory."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    torch.manual_seed(0)
    layers = [nn.Linear(WIDTH, WIDTH) for _ in range(6)]
    model = nn.Sequential(*layers).to("cuda", torch.bfloat16).eval()
    inputs = [torch.randn(ROWS, WIDTH).bfloat16().pin_memory() for _ in range(2)]
    feeder = Feeder(inputs, ahead=chosen.cured)
    for _ in range(chosen.requests):
        embed(model, feeder)


if __name__ == "__main__":
    main()
