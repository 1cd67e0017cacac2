"""Where in the program its models are called, as samples and the first calls tell."""

from __future__ import annotations

import numpy as np

from infprof.rules.evidence import Evidence
from infprof.rules.finding import Where
from infprof.rules.host_code import place_text, sampled_ns


def model_call_sites(evidence: Evidence, most: int = 3) -> tuple[Where, ...]:
    """The functions and lines that call a model, ``generate (chat.py:30)``, busiest first."""
    samples = evidence.timeline.samples
    calls, found = samples.stacks.calls, dict[str, int]()
    for site in evidence.header.model_calls:
        if 0 <= site < len(calls):
            within = np.zeros(len(calls) + 1, bool)  # the last is the parent of the outermost: -1
            for call in range(site, len(calls)):  # parents precede their children
                within[call] = call == site or within[calls.parent[call]]
            text = place_text(calls.place(site))
            found[text] = found.get(text, 0) + sampled_ns(evidence, within[samples.stacks.call])
    ranked = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    return tuple(Where(text, None, time) for text, time in ranked[:most])
