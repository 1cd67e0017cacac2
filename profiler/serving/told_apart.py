"""What an engine told of its requests, and what its threads were seen to do, in one recording."""

from __future__ import annotations

from dataclasses import replace

from infprof.profiler.recording import Recording, Requests


def told_apart(recording: Recording) -> tuple[Recording, Recording] | None:
    """The requests as the engine told of them, and the threads' work as seen from outside, as
    recordings of their own; ``None`` where there are not both."""
    header = recording.header
    if not header.is_of_stretches or header.served is None or "request" not in header.served.times:
        return None
    settings = {key: value for key, value in header.settings.items() if key != "requests"}
    told = header.model_copy(update={"settings": settings})
    seen = header.model_copy(update={"served": None, "load": None})
    return replace(recording, header=told, requests=Requests.of([])), replace(
        recording, header=seen
    )
