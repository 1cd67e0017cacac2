"""The one clock of a recording: ``CLOCK_MONOTONIC``, in integer nanoseconds.

NTP may step the wall clock; this one never goes back, and every process of the machine shares it.
"""

from __future__ import annotations

import time

now_ns = time.perf_counter_ns
"""Nanoseconds on ``CLOCK_MONOTONIC`` (that is what ``perf_counter_ns`` reads on Linux)."""
