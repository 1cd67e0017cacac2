"""A FastAPI service whose async handler runs its model on the event loop's thread.

Wrong: ``async def`` with a model call inside. While one request computes, the loop answers nobody:
the other requests wait, and so does ``/health``.

EXPECT: blocked-event-loop. Cure: ``--cured``. A handler without ``async``, which FastAPI runs on a
thread, with room for one call of the model at a time.

Needs ``pip install fastapi uvicorn``. ``infprof run examples/fastapi_app/app.py`` serves until
Ctrl-C; ``python examples/fastapi_app/load.py`` in another terminal sends it requests.
"""

from __future__ import annotations

import argparse
from threading import Lock
from typing import Annotated

import torch
import uvicorn
from fastapi import Body, FastAPI

import infprof

EXPECT = "blocked-event-loop"

VALUES, WIDTH, ROWS, LAYERS = 64, 512, 1024, 8

model = torch.nn.Sequential(
    torch.nn.Linear(VALUES, WIDTH),
    *(torch.nn.Sequential(torch.nn.Linear(WIDTH, WIDTH), torch.nn.ReLU()) for _ in range(LAYERS)),
).eval()
one_at_a_time = Lock()


def predict(values: list[float]) -> dict[str, float]:
    """Score one request's values in ``ROWS`` variations."""
    with infprof.annotate("variations", stage="preprocess"):
        noise = torch.linspace(-0.1, 0.1, ROWS)[:, None]
        rows = torch.tensor(values)[None] + noise
    with torch.inference_mode(), infprof.annotate("model", stage="compute"):
        scores = model(rows)
    with infprof.annotate("summary", stage="postprocess"):
        return {"mean": float(scores.mean()), "spread": float(scores.std())}


Values = Annotated[list[float], Body()]


async def health() -> dict[str, bool]:
    """Whether the service answers at all."""
    return {"ok": True}


async def predict_on_the_loop(values: Values) -> dict[str, float]:
    """As it was found."""
    return predict(values)


def predict_on_a_thread(values: Values) -> dict[str, float]:
    """FastAPI runs what is not ``async`` in its pool of threads."""
    with infprof.annotate("turn", stage="queue"):
        one_at_a_time.acquire()
    try:
        return predict(values)
    finally:
        one_at_a_time.release()


def make_app(cured: bool) -> FastAPI:
    """The service. The middleware makes each HTTP request a request of infprof."""
    app = FastAPI()
    app.add_middleware(infprof.ASGIMiddleware, server_timing=True)
    app.add_api_route("/health", health)
    handler = predict_on_a_thread if cured else predict_on_the_loop
    app.add_api_route("/predict", handler, methods=["POST"])
    return app


def main() -> None:
    """Serve on loopback until Ctrl-C."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--cured", action="store_true", help="run the model off the loop")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    predict([0.0] * VALUES)
    uvicorn.run(make_app(chosen.cured), host="127.0.0.1", port=chosen.port, log_level="warning")


if __name__ == "__main__":
    main()
