"""Which processor did the work: rules that judge both a GPU and a CPU-only host ask here first."""

from __future__ import annotations

from infprof.rules.evidence import Evidence
from infprof.rules.finding import Unknown


def ran_on_gpu(evidence: Evidence) -> bool:
    """Whether the work ran on a GPU. Raises ``Unknown`` where its absence may be an omission."""
    if evidence.device_use == "used":
        return True
    if evidence.device_use == "unknown":
        raise Unknown(evidence.lacks("device") or "no device activity was recorded")
    return False
