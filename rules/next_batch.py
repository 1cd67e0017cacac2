"""The code that several rules give: a batch of what is there, instead of a wait for more."""

from __future__ import annotations

NEXT_BATCH = """\
import queue

def next_batch(waiting: queue.Queue, most: int) -> list:
    batch = [waiting.get()]  # sleeps only while there is no work at all
    while len(batch) < most:
        try:
            batch.append(waiting.get_nowait())  # what came while the model was busy
        except queue.Empty:
            break
    return batch
"""

SMALLER = "Batches are smaller under light load; under full load they fill while the model works."
"""The risk of it."""
