"""A deep and narrow network runs its 600 tiny kernels one launch at a time.

Wrong: the host needs longer to issue a kernel than the GPU to run it. The GPU idles between
kernels, and a faster GPU would idle more.

EXPECT: launch-bound-forward.

Cure: record the forward once as a CUDA graph and replay it with one launch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor, nn

import infprof

EXPECT = "launch-bound-forward"

LAYERS, WIDTH = 300, 256


def as_graph(model: nn.Module) -> Callable[[Tensor], Tensor]:
    """The model for inputs of one shape, as a CUDA graph with an input and an output of its own."""
    given = torch.zeros(1, WIDTH, device="cuda", dtype=torch.bfloat16)
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):  # libraries set themselves up at their first calls
            model(given)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        answer: Tensor = model(given)

    def replay(x: Tensor) -> Tensor:
        given.copy_(x)
        graph.replay()
        return answer

    return replay


@infprof.profile
@torch.inference_mode()
def classify(model: Callable[[Tensor], Tensor], features: Tensor) -> int:
    """The class of one input, which is on the GPU already."""
    with infprof.annotate("model", stage="compute"):
        best = model(features).argmax()
    with infprof.annotate("download", stage="d2h"):
        return int(best)


def main() -> None:
    """Serve requests of one row each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    torch.manual_seed(0)
    layers = [part for _ in range(LAYERS) for part in (nn.Linear(WIDTH, WIDTH), nn.ReLU())]
    model = nn.Sequential(*layers).to("cuda", torch.bfloat16).eval()
    features = torch.randn(1, WIDTH, device="cuda", dtype=torch.bfloat16)
    with torch.inference_mode():
        serve = as_graph(model) if chosen.cured else model
    for _ in range(chosen.requests):
        classify(serve, features)


if __name__ == "__main__":
    main()
