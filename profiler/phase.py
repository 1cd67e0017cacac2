"""Under which conditions a request ran. Imports nothing, so the profiled process may import it."""

from enum import IntEnum


class Phase(IntEnum):
    """Under which conditions a request ran."""

    COLD = 0
    WARMUP = 1
    PLAIN = 2
    """No tracer was on: latencies come from these."""
    TRACED = 3
    """Under the tracer: the composition comes from these."""
