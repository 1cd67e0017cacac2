"""Quantised weights are unpacked into memory before each product, which then reads them in full.

What it looks for:
Kernels that only unpack weights (bitsandbytes' `kDequantizeBlockwise`, GPTQ's
`reconstruct_gptq_kernel`, AWQ's `awq_dequantize_kernel`) or mend an 8-bit product
(`kdequant_mm_int32_fp16`, `kInt8VectorQuant`), and those of operators that cast 8-bit weights to
the layer's type and scale them, when they take a tenth of the GPU's exposed compute or more.

Why it costs time:
Such a kernel reads the small weights, writes them as 16 bits, and the product reads those: more
traffic than a model in 16 bits has, whose weights are read once. Quantisation of that kind saves
memory and costs time: 13 s with LLM.int8 and 8.5 s with NF4 where float16 took 5 s, at 100 users.

How to fix it:
Where the model fits in 16 bits, serve it so. Else take a checkpoint whose products read the packed
weights themselves: AWQ or GPTQ on Marlin-class kernels, which vLLM chooses, or FP8 (compute
capability 8.9 or later) or INT8 for both factors.

When to ignore it:
Memory is why it was quantised, and nothing else fits: then it is the price. Prompts of many tokens
are products bound by arithmetic, where unpacking once is little.

Catalogue: IP-PRC-006
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Step
from infprof.rules.needless_kernels import kernels_named, needless_kernels
from infprof.rules.op_kernels import kernels_of
from infprof.rules.weight_unpacking import weight_unpacking

NEEDS: tuple[Need, ...] = ("device",)
STEP: Step = "precision"

UNPACKS = re.compile(
    r"kDequantize|kdequant_mm_int32|kInt8VectorQuant|kDoubleRowColQuant|kgetColRowStats"
    r"|kExtractOutliers|\breconstruct_(exllama|gptq)|awq_dequantize_kernel"
    r"|\bdequantize_(weights|block|q\d)"
)
"""Kernels of bitsandbytes, GPTQ, AWQ and GGUF that multiply nothing. Fused ones are not among
them."""

MIN_SHARE_OF_COMPUTE = 0.10
"""Below a tenth, a kernel without it would gain less than runs differ."""

FIX = Fix(
    text="Serve in 16 bits if that fits, else with kernels that read packed weights themselves.",
    code="""\
import torch
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained(NAME, dtype=torch.bfloat16, device_map="cuda")
# or, where that does not fit, a checkpoint in 4 bits on Marlin-class kernels, or 8-bit floats:
#   vllm serve NAME-AWQ
#   vllm serve NAME --quantization fp8
""",
    risk="16 bits need two to four times the memory. Another scheme rounds otherwise: compare the "
    "task's own score.",
    references=(
        "https://docs.vllm.ai/en/latest/features/quantization/",
        "https://huggingface.co/docs/transformers/main/en/quantization/overview",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge the kernels that only unpack, by their names or by the operators they run for."""
    title = "Compute with weights that need not be unpacked for each product"
    does = "unpack quantised weights or results"
    kernels = kernels_named(evidence, UNPACKS)
    if not evidence.lacks("ops") and not evidence.lacks("shapes"):
        kernels = np.union1d(kernels, kernels_of(evidence, weight_unpacking(evidence)))
    yield from needless_kernels(evidence, kernels, MIN_SHARE_OF_COMPUTE, title, does, FIX)
