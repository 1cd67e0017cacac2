"""What a load generator measured from outside, in one vocabulary for all of them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Arrivals = Literal["open", "closed", "paced", "at once"]
"""``open``: sent at their time whatever the server does. ``closed``: each user waits for an answer
before it sends again. ``paced``: it may pause then, and nobody tells. ``at once``: all are sent at
the start, as a backlog."""


class PhaseTimes(BaseModel):
    """How long one phase of the requests took; ``None`` is what the file does not tell.

    As ``serving.served.Times``, but some generators tell a percentile and no mean.
    """

    model_config = ConfigDict(extra="ignore", defer_build=True)
    count: int | None = None
    mean_ns: int | None = None
    p50_ns: int | None = None
    p90_ns: int | None = None
    p95_ns: int | None = None
    p99_ns: int | None = None
    max_ns: int | None = None


class Level(BaseModel):
    """Requests that were sent under one setting; ``None`` is what the file does not tell."""

    model_config = ConfigDict(extra="ignore", defer_build=True)
    label: str = ""
    requests: int | None = None
    """All that were sent and came to an end, failed ones among them."""
    failed: int | None = None
    dropped: int | None = None
    """Due, but never sent: the generator had nobody free to send them."""
    window_ns: int | None = None
    achieved_per_s: float | None = None
    """Requests that came to an end, a second."""
    offered_per_s: float | None = None
    """Requests that were to be sent, a second."""
    concurrency: int | None = None
    """Most requests that the generator keeps under way at once: its users."""
    arrivals: Arrivals | None = None
    times: dict[str, PhaseTimes] = Field(default_factory=dict)
    """By phase: ``request`` is all of it, ``succeeded`` the same of those that did;
    ``first_token``, ``between_tokens`` and ``per_token`` are TTFT, ITL and TPOT; ``send_delay`` is
    by how much requests were sent too late. Triton's tools tell the server's ``queue``, ``input``,
    ``compute`` and ``output`` too."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    """Totals."""
    generator_cpu: float | None = None
    """Share of its CPUs that the generator used, from 0 to 1."""

    @property
    def asked_for(self) -> tuple[int | None, float | None]:
        """How much was asked of the server: users and rate. Levels of a sweep differ in it."""
        return self.concurrency, self.offered_per_s

    @property
    def first_token_ns(self) -> int | None:
        """Mean time to the first token of the same requests that ``request`` is of: streams that
        did not end within the test have a first token, and no end."""
        first, request = self.times.get("first_token"), self.times.get("request")
        same = first is not None and request is not None and first.count == request.count
        return first.mean_ns if same and first is not None else None


class Load(Level):
    """A whole result. Where it has parts, it holds of itself what can be added up."""

    tool: str
    parts: list[Level] = Field(default_factory=list)
    parts_are: Literal["levels", "repeats", "entries"] = "levels"
    """``levels`` differ in how much is asked for, ``entries`` in what is asked for."""

    @property
    def is_sweep(self) -> bool:
        """Whether how much is asked for was varied, so that its parts show capacity."""
        return self.parts_are == "levels" and _vary(self.parts)


def together(tool: str, parts: list[Level]) -> Load:
    """Parts as one result; of a single part the result is all of it."""
    if len(parts) == 1:
        return Load(tool=tool, **dict(parts[0]))
    return Load(
        tool=tool,
        requests=_sum([one.requests for one in parts]),
        failed=_sum([one.failed for one in parts]),
        parts=parts,
        parts_are="levels" if _vary(parts) else "repeats",
    )


def _vary(parts: list[Level]) -> bool:
    return len({one.asked_for for one in parts}) > 1


def _sum(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None
