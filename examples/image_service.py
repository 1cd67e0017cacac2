"""The case study: a picture classifier that keeps its GPU nearly idle, and what cures it.

Wrong: nothing looks wrong. A request reads a JPEG, decodes it with Pillow, resizes, normalises to
float32, uploads from ordinary (pageable) memory, runs ResNet-50 on that one picture and answers in
JSON. Each step waits for the one before, so the GPU waits for all of them.

EXPECT on a GPU: preprocessing takes most of the wall, cpu-image-decode comes first. On a CPU the
model itself takes most of it, and decoding is the largest thing that can be taken out.

Cure: ``--cured``. Pictures are decoded at a reduced size, one batch ahead on threads of their own,
into reused pinned memory, as bytes; requests share a batch, normalised where it is computed on, in
bfloat16 on a GPU; batch norms are folded into the convolutions, channels come last; only the five
best classes come back.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from resnet50 import resnet50
from shared import arguments, photo
from torch import Tensor

import infprof

EXPECT = "cpu-image-decode"

SIZE = 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
BATCH = 16 if DEVICE.type == "cuda" else 4


def make_pictures(folder: Path, count: int = 12) -> list[Path]:
    """JPEG files of three megapixels each, as a phone sends them."""
    paths = [folder / f"{index}.jpg" for index in range(count)]
    for index, path in enumerate(paths):
        photo(2048, 1536, seed=index).save(path, quality=90)
    return paths


def as_json(names: list[str], scores: list[list[float]], classes: list[list[int]]) -> str:
    """The answer that goes out."""
    return json.dumps(
        [
            {"picture": name, "classes": best, "scores": [round(one, 4) for one in score]}
            for name, score, best in zip(names, scores, classes, strict=True)
        ]
    )


class Naive:
    """As it was found."""

    def __init__(self) -> None:
        self.model = resnet50().to(DEVICE)

    def serve(self, paths: Iterator[Path], requests: int) -> None:
        """Answer one request after the other."""
        for path in islice(paths, requests):
            self.classify(path)

    @infprof.profile
    def classify(self, path: Path) -> str:
        """One request: one picture."""
        with infprof.annotate("read file", stage="io"):
            data = path.read_bytes()
        with infprof.annotate("decode jpeg", stage="preprocess"):
            image = Image.open(io.BytesIO(data)).convert("RGB")
        with infprof.annotate("resize", stage="preprocess"):
            image = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        with infprof.annotate("normalise", stage="preprocess"):
            pixels = np.asarray(image, np.float32) / 255
            pixels = (pixels - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
            batch = torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None]
        with infprof.annotate("upload", stage="h2d"):
            batch = batch.to(DEVICE)
        with infprof.annotate("resnet50", stage="compute"):
            logits = self.model(batch)
        with infprof.annotate("download", stage="d2h"):
            scores = logits.softmax(1).detach().cpu()
        with infprof.annotate("answer", stage="postprocess"):
            best = scores.topk(5)
            return as_json([path.name], best.values.tolist(), best.indices.tolist())


class Cured:
    """Decoding ahead, in batches, as bytes; the GPU gets what it is good at."""

    def __init__(self) -> None:
        on_gpu = DEVICE.type == "cuda"
        self.type = torch.bfloat16 if on_gpu else torch.float32
        model = resnet50(folded=True).to(DEVICE, self.type)
        self.model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.mean = torch.tensor(MEAN, device=DEVICE).mul(255).view(1, 3, 1, 1)
        self.std = torch.tensor(STD, device=DEVICE).mul(255).view(1, 3, 1, 1)
        shape = (BATCH, SIZE, SIZE, 3)
        self.ring = [torch.empty(shape, dtype=torch.uint8, pin_memory=on_gpu) for _ in range(2)]
        self.decoders = ThreadPoolExecutor(max_workers=BATCH)

    def serve(self, paths: Iterator[Path], requests: int) -> None:
        """Answer one batch of requests after the other, while the next one is being decoded."""
        coming = self.prepare(list(islice(paths, BATCH)), 0)
        for turn in range(requests):
            coming = self.classify(turn, *coming, following=list(islice(paths, BATCH)))

    def prepare(self, paths: list[Path], turn: int) -> tuple[list[Path], list[Future[None]]]:
        """Start to decode a batch into its place of the ring."""
        rows = self.ring[turn % len(self.ring)]
        return paths, [
            self.decoders.submit(self.decode, path, row)
            for path, row in zip(paths, rows, strict=True)
        ]

    @staticmethod
    def decode(path: Path, row: Tensor) -> None:
        """Read a picture, decode it at a half, a quarter or an eighth of its size, and resize."""
        file = Image.open(path)
        file.draft("RGB", (SIZE, SIZE))
        image = file.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        row.copy_(torch.from_numpy(np.array(image)))

    @infprof.profile
    @torch.inference_mode()
    def classify(
        self, turn: int, paths: list[Path], decoding: list[Future[None]], following: list[Path]
    ) -> tuple[list[Path], list[Future[None]]]:
        """One batch of requests. Gives back the next one, already on its way."""
        with infprof.annotate("wait for decoders", stage="preprocess"):
            for one in decoding:
                one.result()
        with infprof.annotate("upload", stage="h2d"):
            pixels = self.ring[turn % len(self.ring)].to(DEVICE, non_blocking=True)
        coming = self.prepare(following, turn + 1)
        with infprof.annotate("resnet50", stage="compute"):
            batch = (pixels.permute(0, 3, 1, 2) - self.mean) / self.std
            best = self.model(batch.to(self.type)).float().softmax(1).topk(5)
        with infprof.annotate("download", stage="d2h"):
            scores, classes = best.values.tolist(), best.indices.tolist()
        with infprof.annotate("answer", stage="postprocess"):
            as_json([path.name for path in paths], scores, classes)
        return coming


def main() -> None:
    """Make pictures in a temporary folder and serve them."""
    chosen = arguments(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        pictures = cycle(make_pictures(Path(folder)))
        (Cured() if chosen.cured else Naive()).serve(pictures, chosen.requests)


if __name__ == "__main__":
    main()
