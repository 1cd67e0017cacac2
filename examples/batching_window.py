"""A thread gathers requests for 0.2 s before it runs the model, though they come one by one.

Wrong: `queue.get(timeout=...)` waits for company that does not come. Each request pays for it,
while the model has nothing to do.

EXPECT: idle-batching-thread.

Cure: wait for the first request only, and start with what is there. Under load batches fill by
themselves, while the model runs.
"""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future

import torch
from shared import arguments
from torch import Tensor, nn

import infprof

EXPECT = "idle-batching-thread"

WINDOW_S, MOST = 0.2, 8

Asked = tuple[Tensor, "Future[int]"]


class Batcher:
    """Owns the model: whoever asks gets a future."""

    def __init__(self, model: nn.Module, *, at_once: bool) -> None:
        self.model, self.at_once = model, at_once
        self.waiting: queue.Queue[Asked] = queue.Queue()
        threading.Thread(target=self._serve, daemon=True).start()

    def ask(self, row: Tensor) -> Future[int]:
        """The class of a row, some time later."""
        future: Future[int] = Future()
        self.waiting.put((row, future))
        return future

    def _serve(self) -> None:
        while True:
            batch = self._gather()
            with torch.inference_mode():
                scores = self.model(torch.stack([row for row, _ in batch]))
            for best, (_, future) in zip(scores.argmax(1).tolist(), batch, strict=True):
                future.set_result(best)

    def _gather(self) -> list[Asked]:
        batch, until = [self.waiting.get()], time.monotonic() + WINDOW_S
        while len(batch) < MOST:
            try:
                if self.at_once:
                    batch.append(self.waiting.get_nowait())
                else:
                    batch.append(self.waiting.get(timeout=max(until - time.monotonic(), 0)))
            except queue.Empty:
                break
        return batch


@infprof.profile
def classify(batcher: Batcher, row: Tensor) -> int:
    """Hand the row over, and wait."""
    return batcher.ask(row).result()


def main() -> None:
    """Serve requests of one row each."""
    chosen = arguments(__doc__)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(512, 4096), nn.ReLU(), nn.Linear(4096, 4096)).eval()
    batcher = Batcher(model, at_once=chosen.cured)
    for _ in range(chosen.requests):
        classify(batcher, torch.randn(512))


if __name__ == "__main__":
    main()
