"""Text made of data and back (JSON, base64, pickle, CSV, pydantic): names of ranges, samples."""

from __future__ import annotations

import re

import numpy as np

from infprof.rules.call_masks import Mask, running
from infprof.rules.evidence import Evidence

ENTRY = re.compile(
    r"^(json|simplejson|ujson|base64|binascii|pickle|csv|pydantic)\.[\w.]+( in |$)"
    r"|(^|\.)(tolist|model_dump\w*|model_validate_json)( in |$)"
    r"|(?i:seriali[sz]|to_?json|from_?json|json_?(en|de)code|base64|b64(en|de)code|pickl)"
)
"""Entry points of the libraries, and what people call a range of their own around them."""

FILES = re.compile(
    r"(^|/)(json/(__init__|encoder|decoder)|base64|_?pickle|csv)\.py"
    r"|(^|/)(simplejson|pydantic|google/protobuf)/"
)
"""Files whose functions do it."""

NOT_TEXT = re.compile(
    r"(?i)orjson|msgspec|torch/serialization|torch\.(save|load)|safetensors|checkpoint|state_dict"
    r"|multiprocessing|torch/utils/data|DataLoader"
)
"""Fast encoders, models that are loaded, and what passes between processes."""


def serialises(name: str, stage: str | None) -> bool:
    """Whether a range or frame of this name and stage does it. Declared reads are ``io``'s."""
    if stage == "io" or NOT_TEXT.search(name):
        return False
    file = name.partition("(")[0] if ".py(" in name else ""
    return bool(FILES.search(file)) if file else bool(ENTRY.search(name))


def serialising(evidence: Evidence) -> Mask:
    """Samples that worked in one of the files, below the program's own innermost function: a
    worker process has multiprocessing's frames above that, whatever it does."""
    inside, other = _below(evidence, FILES), _below(evidence, NOT_TEXT)
    return inside & ~other & running(evidence)


def _below(evidence: Evidence, files: re.Pattern[str]) -> Mask:
    calls = evidence.timeline.samples.stacks.calls
    found = np.zeros(len(calls) + 1, bool)  # the last one is the parent of the outermost: -1
    for call in range(len(calls)):
        if not calls.is_user[call]:
            found[call] = found[calls.parent[call]] or bool(files.search(calls.place(call).file))
    hit: Mask = found[evidence.timeline.samples.stacks.call]
    return hit
