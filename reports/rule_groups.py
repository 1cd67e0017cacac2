"""Rules in groups, by what their codes of the catalogue are about: a long list is read by topic."""

from __future__ import annotations

GROUPS = {
    "Reading and preparing inputs": ("IO", "PRE"),
    "Copies to the GPU": ("H2D",),
    "The model's compute": ("LCH", "CMB", "CFB"),
    "Precision": ("PRC",),
    "Results and waits for the GPU": ("D2H",),
    "Python": ("PY",),
    "Batches": ("BAT",),
    "Memory": ("MEM",),
    "Language models": ("LLM",),
    "Servers and their load": ("SRV", "SCL"),
    "The machine and its settings": ("ENV",),
}
"""As a request passes them, each with its topics: what stands between the dashes of a code."""

OTHERS = "Rules of other packages"


def group_of(code: str) -> str:
    """The group of a rule by the first of its codes; strangers' rules have none."""
    topic = code.split(",")[0].split("-")[1:2]
    found = (group for group, topics in GROUPS.items() if not set(topic).isdisjoint(topics))
    return next(found, OTHERS)
