"""A new process fetches its weights from far away before it can answer.

Wrong: at every start the checkpoint comes over a network of 16 MB/s, and the model draws random
numbers for weights that are then overwritten. No request is slow; the first one waits.

EXPECT: slow-model-load.

Cure: keep the file on a local disk, build the model on the meta device, and map the file's tensors
into it.
"""

from __future__ import annotations

import io
import tempfile
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import torch
from shared import arguments
from torch import Tensor, nn

import infprof

EXPECT = "slow-model-load"

PIECE_BYTES, PIECE_SECONDS = 1_600_000, 0.1


class Store(BaseHTTPRequestHandler):
    """A model store behind a slow network."""

    def __init__(self, checkpoint: Path, *args: Any) -> None:
        self.checkpoint = checkpoint
        super().__init__(*args)

    def do_GET(self) -> None:
        """Send the checkpoint, piece by piece."""
        self.send_response(200)
        self.end_headers()
        with self.checkpoint.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                time.sleep(PIECE_SECONDS)
                self.wfile.write(piece)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


def make_model() -> nn.Module:
    """The network, 33 MB of it."""
    return nn.Sequential(
        nn.Linear(512, 4096), nn.ReLU(), nn.Linear(4096, 1500), nn.ReLU(), nn.Linear(1500, 10)
    ).eval()


def load_model(url: str) -> nn.Module:
    """From the store."""
    with urlopen(url) as answer:
        data = io.BytesIO(answer.read())
    model = make_model()
    model.load_state_dict(torch.load(data, weights_only=True))
    return model


def load_mapped_model(checkpoint: Path) -> nn.Module:
    """From the local disk, without copies."""
    with torch.device("meta"):
        model = make_model()
    weights = torch.load(checkpoint, mmap=True, weights_only=True)
    model.load_state_dict(weights, assign=True)
    return model


@infprof.profile
@torch.inference_mode()
def classify(model: nn.Module, rows: Tensor) -> list[int]:
    """The classes of a batch."""
    classes: list[int] = model(rows).argmax(1).tolist()
    return classes


def main() -> None:
    """Put a checkpoint into the store, start, and serve requests of 64 rows each."""
    chosen = arguments(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "weights.pt"
        torch.save(make_model().state_dict(), checkpoint)
        store = ThreadingHTTPServer(("127.0.0.1", 0), partial(Store, checkpoint))
        threading.Thread(target=store.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{store.server_port}/weights.pt"
        model = load_mapped_model(checkpoint) if chosen.cured else load_model(url)
        for _ in range(chosen.requests):
            classify(model, torch.randn(64, 512))
        store.shutdown()


if __name__ == "__main__":
    main()
