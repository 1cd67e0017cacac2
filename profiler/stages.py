"""The stages that a nanosecond of wall time can belong to (DESIGN: words). Imports nothing."""

STAGES = (
    "io",
    "preprocess",
    "h2d",
    "compute",
    "d2h",
    "postprocess",
    "python",
    "queue",
    "profiler",
    "unattributed",
)

DECLARABLE = frozenset(STAGES) - {"profiler", "unattributed"}
"""The stages that a user may declare for a range."""
