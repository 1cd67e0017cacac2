"""Names that advice must not give any more, each with what took its place.

Read in the projects' own documentation, or in the warnings of torch 2.13.
"""

from __future__ import annotations

import re

OUTDATED = {
    # torch and its family
    r"torch\.(ao\.)?quantization\b": "torchao.quantization",
    r"torch\.(cuda|cpu)\.amp\b": 'torch.autocast("cuda")',
    r"torch\.jit\.(script|trace|freeze|optimize_for_inference)": "torch.compile or torch.export",
    r"torch\.backends\.cuda\.(sdp_kernel|enable_\w+_sdp)": "torch.nn.attention.sdpa_kernel",
    r"\ballow_tf32\s*=": "torch.set_float32_matmul_precision, or fp32_precision",
    r"PYTORCH_CUDA_ALLOC_CONF": "PYTORCH_ALLOC_CONF",
    r"\b(self_)?cuda_time_total\b": "device_time_total",
    r"torchvision\.io\b.*decode|torchvision\.io import": "torchcodec.decoders",
    r"torchvision\.transforms(?!\.v2)\b": "torchvision.transforms.v2",
    r"\b(int4|int8)_weight_only\(|\bfloat8_dynamic_activation_\w+\(": "torchao's Config classes",
    # transformers and checkpoints of few bits
    r"\btorch_dtype\s*=": "dtype=",
    r"\bload_in_[48]bit\s*=": "quantization_config=",
    r"(?i)\bauto_?gptq\b": "GPT-QModel or llm-compressor",
    r"\bAutoAWQ\b|\bfrom awq\b": "llm-compressor",
    r"(?i)\bsparseml\b|\bdeepsparse\b": "llm-compressor",
    # serving
    r"\btrtllm-build\b|\bconvert_checkpoint\.py\b": "trtllm-serve",
    r"\btext-generation-launcher\b": "vllm serve",
    r"--kv-cache-dtype[ =]int8(?!_)": "--kv-cache-dtype fp8",
    r"--speculative-model\b|--num-speculative-tokens\b": "--speculative-config",
    r"vllm:gpu_cache_usage_perc\b": "vllm:kv_cache_usage_perc",
    r"vllm:time_per_output_token_seconds\b": "vllm:inter_token_latency_seconds",
    r"python -m vllm\.entrypoints": "vllm serve",
    # Python and its servers
    r"asyncio\.get_event_loop\b": "asyncio.get_running_loop",
    r"\.on_event\(": "FastAPI's lifespan",
    r"\bnp\.(float|int|bool|object)\b(?!_)": "the builtin type",
    r"Image\.(BILINEAR|BICUBIC|LANCZOS|ANTIALIAS|NEAREST)\b": "Image.Resampling",
}
"""A pattern, and what to write instead."""


def outdated(text: str) -> list[str]:
    """What a text says that is no longer so, and what it should say."""
    found = ((re.search(pattern, text), instead) for pattern, instead in OUTDATED.items())
    return [f"{match[0]!r}: now {instead}" for match, instead in found if match]
