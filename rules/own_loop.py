"""Whether the program is itself the loop that brings its requests: a job, and no server.

A server whose client sends the next request at once looks the same from within; what tells them
apart is who calls.
"""

from __future__ import annotations

import re

from infprof.profiler.call_stages import frame_text
from infprof.rules.call_masks import under
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Unknown
from infprof.rules.host_code import require_samples
from infprof.rules.overlap import requests_in_a_row

IN_A_ROW = 8.0
"""So many requests begin right after one another, on average: a batch job never pauses."""

SERVERS = re.compile(
    r"(^|/)(uvicorn|hypercorn|gunicorn|starlette|fastapi|flask|werkzeug|django|aiohttp|tornado|sanic"
    r"|grpc|ray|litserve|bentoml|_bentoml\w*|ts|tritonserver|triton_python_backend\w*|gradio|streamlit"
    r"|celery|rq|dramatiq|kafka|confluent_kafka|pika)/"
    r"|(^|/)(socketserver|http/server|wsgiref/\w+|asyncio/\w+|concurrent/futures/\w+)\.py"
)
"""Code that calls a handler when something arrives, or runs what it was given."""


def feeds_itself(evidence: Evidence) -> bool:
    """Raises ``Unknown`` where nothing tells who calls."""
    lanes = evidence.recording.serving_lanes().tolist()
    if len(lanes) != 1 or requests_in_a_row(evidence) < IN_A_ROW:
        return False
    lane = evidence.header.lanes[lanes[0]]
    if lane.process is not None and lane.id != lane.process:
        return False  # the main thread has its process's number
    require_samples(evidence)
    of_requests = evidence.timeline.samples.of_requests
    served = under(evidence, lambda place: bool(SERVERS.search(frame_text(place)))) & of_requests
    return not served.any()


def refuse_without(cores: float | None) -> float:
    """How many threads advance at once. Raises ``Unknown``."""
    if cores is None:
        raise Unknown(
            "how many threads advance at once on this machine was not measured"
            " (infprof doctor --calibrate does)"
        )
    return cores
