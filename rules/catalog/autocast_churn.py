"""Autocast casts the model's weights to 16 bits again at each call.

What it looks for:
Casts of float32 to float16 or bfloat16 inside a layer's operator (`linear`, `conv2d` ...), of
tensors that have the shape of its weight or bias. On a GPU their kernels and dispatch count, on a
CPU-only host the casts themselves.

Why it costs time:
The weights are kept in float32, and autocast forgets its casts when it is left. Each use reads 4
bytes and writes 2 for every parameter, and then the layer reads the 2 again: four times the traffic
of a layer that is kept in 16 bits, and two or three small operators more.

How to fix it:
Cast the model once, at load time, and run it without autocast. Keep in float32 what needs it:
mostly norms and softmax.

When to ignore it:
The same model is being trained as well, and its float32 weights are the master copy: then keep a
second copy for serving. Casts of activations are not counted.

Catalogue: IP-PRC-003
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Step
from infprof.rules.model_callers import compute_where
from infprof.rules.op_kernels import cost_of
from infprof.rules.weight_casts import casts_of_weights

NEEDS: tuple[Need, ...] = ("ops", "shapes")
STEP: Step = "precision"

MIN_WEIGHTS = 2
"""A single cast in each request may be a layer that is kept in float32 on purpose."""

FIX = Fix(
    text="Cast the model once when it is loaded; give it inputs of the same type, no autocast.",
    code="""\
model = model.to(torch.bfloat16).eval()     # once; float16 before compute capability 8.0

with torch.inference_mode():                # instead of torch.autocast around each request
    y = model(x.to(torch.bfloat16)).float()
""",
    risk="Autocast keeps norms, softmax and sums in float32: compare outputs, and keep such "
    "modules in float32 where it matters.",
    references=("https://docs.pytorch.org/docs/stable/amp.html",),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge the casts of weights, by their kernels where there is a GPU."""
    casts = casts_of_weights(evidence)
    count = len(casts) / evidence.requests
    if count < MIN_WEIGHTS:
        return
    time_ns, change = cost_of(evidence, casts)
    yield Finding(
        title="Cast the model's weights once, not at each call",
        why=f"Layers cast their float32 weights to 16 bits {count:,.0f} times per request, which "
        f"takes {time_ns / 1e6:.2f} ms of it ({100 * evidence.share(time_ns):.0f} % of the wall).",
        stage="compute",
        saving=Saving(0, evidence.saved_ns(time_ns, change), "B", evidence.basis),
        fix=FIX,
        where=compute_where(evidence, casts),
        change=change,
    )
