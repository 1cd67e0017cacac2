"""A new process takes long to load its model before it can answer for the first time.

What it looks for:
Sampled stacks from the start of the program to its first answer, in functions that load a model:
`torch.load`, `load_state_dict`, safetensors, `from_pretrained`, a function called `load_model`. The
random numbers that a model is given before its weights are loaded count too, and so do downloads,
compiling and the move to a device. It is reported from 1 s on, if it is over three times what
reading as many bytes as memory grew by takes from an NVMe disk.

Why it costs time:
Not a request, but the start: a replica that is added under load, a restart after a failure, a
function that scales to zero. The floor is the size of the weights over the slowest link: 14 GB take
2 to 5 s from NVMe and 0.6 s over PCIe Gen4. Initialising, unpickling and copying come on top.

How to fix it:
Build the model on the `meta` device, which draws no random numbers and takes no memory, and give it
the tensors of a memory-mapped file (`assign=True`). Keep files on a local disk or in the image, in
safetensors' format. Keep compiled code between processes.

When to ignore it:
The process lives for days and no replica waits for traffic. Files that are mapped are read when
they are first used: then the first request pays for a disk that is slow.

Catalogue: IP-IO-002
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown, Where
from infprof.rules.host_code import place_text
from infprof.rules.start_up import StartUp, start_up

NEEDS: tuple[Need, ...] = ("work",)
ALWAYS_REPORT = True
"""The time is of the start: no request would save any."""
USES_TRACER = False
NOT_WHILE = {"reloaded-model": "each request loads the model, and not the start alone"}

MIN_LOAD_NS = 1_000_000_000
"""A Python process that imports torch takes as long to start anyway."""

NVME_BYTES_PER_S = 2_800_000_000
"""The slow end of NVMe disks: 14 GB in 5 s (CATALOGUE IP-IO-002)."""

FLOORS = 3.0
"""A load that takes up to this many times as long as the disk has little to gain (CATALOGUE
IP-IO-002)."""

MOST_PLACES = 5
"""As many as other findings list."""

FIX = Fix(
    text="Build the model without weights, and map the file's into it.",
    code="""\
with torch.device("meta"):
    model = build_model()                        # no memory, no random numbers
weights = torch.load("weights.pt", mmap=True, weights_only=True)
# or: weights = safetensors.torch.load_file("weights.safetensors", device="cuda")
model.load_state_dict(weights, assign=True)      # takes the tensors, and copies nothing
model = model.eval().to(device)

# with torch.compile: give what it makes to the next process
from pathlib import Path
kept = Path("compiled.bin")
if kept.exists():
    torch.compiler.load_cache_artifacts(kept.read_bytes())
model = torch.compile(model)
with torch.inference_mode():
    model(example)                               # the warm-up compiles, or takes what was kept
if (made := torch.compiler.save_cache_artifacts()) is not None:
    kept.write_bytes(made[0])
""",
    risk="Buffers that are not in the state dict stay on meta: make those anew. Mapped weights have"
    " the file's type, and the file must stay as it is. What torch.compile made is code: take it"
    " from nobody else.",
    references=(
        "https://docs.pytorch.org/tutorials/recipes/recipes/module_load_state_dict_tips.html",
        "https://docs.pytorch.org/docs/stable/generated/torch.load.html",
        "https://docs.pytorch.org/tutorials/recipes/torch_compile_caching_tutorial.html",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find a load that takes far longer than its bytes explain."""
    header, stacks = evidence.header, evidence.recording.stacks
    if header.subject.kind == "attach":
        raise Unknown("the program had started before it was watched")
    first = int(evidence.recording.requests.start_ns.min())
    if not len(stacks) or int(stacks.time_ns[0]) >= first:
        reason = "no stacks were sampled before the first request"
        raise Unknown(header.missing.get("stacks", reason))
    found = start_up(evidence)
    if found is None or found.loading_ns < MIN_LOAD_NS:
        return
    grown = _grown_bytes(evidence, found)
    if grown is None:
        raise Unknown("memory was not sampled, so the size of the model is not known")
    floor_ns = int(grown / NVME_BYTES_PER_S * 1e9)
    if found.loading_ns < FLOORS * floor_ns:
        return
    kind, longest = found.by_kind()[0]
    yield Finding(
        title="Load the model faster when the process starts",
        why=(
            f"Before the first answer {found.loading_ns / 1e9:.1f} s went into making the model"
            f" ready, {longest / 1e9:.1f} s of it into {kind}. Memory grew by"
            f" {grown / 1e6:,.0f} MB meanwhile, which an NVMe disk gives in"
            f" {floor_ns / 1e9:.1f} s. This is of the start, and not of a request."
        ),
        stage="unattributed",
        saving=Saving(0, 0, "C", "none"),
        fix=FIX,
        where=_where(evidence, found),
    )


def _grown_bytes(evidence: Evidence, found: StartUp) -> int | None:
    """By how much memory grew at most while the model was loaded; ``None`` if nobody looked."""
    samples, header = evidence.recording.samples, evidence.header
    rss = [index for index, one in enumerate(header.series) if one.name == "host.rss"]
    mine = np.isin(samples.series, rss)
    time, value = samples.time_ns[mine], samples.value[mine]
    begin, end = int(found.time_ns[0]), int(found.time_ns[-1] + found.spent_ns[-1])
    before, during = value[time <= begin], value[(time > begin) & (time <= end)]
    if not len(before) or not len(during):
        return None
    return max(int(during.max() - before[-1]), 0)


def _where(evidence: Evidence, found: StartUp) -> tuple[Where, ...]:
    """The lines of the user's that led there, with what they did; times are of the start."""
    calls, time = evidence.recording.stacks.calls, Counter[tuple[str, str]]()
    for call, kind, spent in zip(
        found.call.tolist(), found.kind.tolist(), found.spent_ns.tolist(), strict=True
    ):
        users = [one for one in calls.path(call) if calls.is_user[one]]
        place = calls.place(users[-1] if users else call)
        time[place_text(place), kind] += spent
    return tuple(
        Where(name, None, spent, f"{kind}, once at the start")
        for (name, kind), spent in time.most_common(MOST_PLACES)
    )
