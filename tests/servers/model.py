"""A small model, and one step of each kind that a server may be slow in."""

from __future__ import annotations

import io
import json

import torch
from PIL import Image
from torch import nn

torch.set_num_threads(1)
net = nn.Sequential(nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 64)).eval()
_file = io.BytesIO()
Image.effect_noise((1600, 1200), 60).convert("RGB").save(_file, "JPEG")
PICTURE = _file.getvalue()


def decode_picture() -> torch.Tensor:
    """A picture of two megapixels, made small."""
    image = Image.open(io.BytesIO(PICTURE)).convert("RGB").resize((16, 16))
    return torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)[:256].float()


def predict(values: torch.Tensor) -> list[float]:
    """The model's answer."""
    with torch.inference_mode():
        found: list[float] = net(values[None])[0].tolist()
    return found


def write_much(scores: list[float]) -> bytes:
    """Far more JSON than anybody asked for."""
    rows = [{"rank": rank, "scores": scores} for rank in range(300)]
    return json.dumps({"rows": rows}).encode()


def count_words() -> int:
    """Pure Python for some 20 ms: it holds the interpreter."""
    total = 0
    for number in range(400_000):
        total += number % 7
    return total
