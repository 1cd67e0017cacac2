"""A stopwatch around ``.to("cuda")`` says that a copy of 2 MB takes most of the request.

Wrong: not the copy. The encoder before it had its kernels issued, and in full float32 they take
long. The copy waits behind them, and the host waits for the copy: the stopwatch shows the encoder.
Pinned memory would change nothing.

EXPECT: full-precision-compute.

Cure: of what is slow, ``torch.set_float32_matmul_precision("high")``. The copy stays as it is, and
its time on the stopwatch shrinks with the encoder's.
"""

from __future__ import annotations

import torch
from shared import arguments, leave_without_gpu
from torch import Tensor, nn

import infprof

EXPECT = "full-precision-compute"

ROWS, WIDTH, LAYERS = 8192, 4096, 4
PROFILES, PROFILE = 8192, 64
"""Users' profiles in float32: 2 MB."""


def networks(device: str) -> tuple[nn.Module, nn.Module]:
    """An encoder of documents, and what makes a profile comparable with one."""
    torch.manual_seed(0)
    layers = [nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)]
    return nn.Sequential(*layers).to(device).eval(), nn.Linear(PROFILE, WIDTH).to(device).eval()


@infprof.profile
@torch.inference_mode()
def match(encoder: nn.Module, wider: nn.Module, documents: Tensor, profiles: Tensor) -> float:
    """How well each user's profile fits a document, on average."""
    with infprof.annotate("encode", stage="compute"):
        encoded = encoder(documents)
    with infprof.annotate("upload", stage="h2d"):
        users = profiles.to(documents.device)  # a stopwatch here shows the encoder
    with infprof.annotate("compare", stage="compute"):
        fit = (wider(users) * encoded).mean().abs()
    with infprof.annotate("download", stage="d2h"):
        return float(fit)


def serve(requests: int, device: str, *, cured: bool) -> list[float]:
    """Answer so many requests."""
    torch.set_float32_matmul_precision("high" if cured else "highest")
    encoder, wider = networks(device)
    documents, profiles = torch.randn(ROWS, WIDTH, device=device), torch.randn(PROFILES, PROFILE)
    return [match(encoder, wider, documents, profiles) for _ in range(requests)]


def main() -> None:
    """Serve requests of 8192 documents and users each."""
    chosen = arguments(__doc__)
    leave_without_gpu()
    serve(chosen.requests, "cuda", cured=chosen.cured)


if __name__ == "__main__":
    main()
