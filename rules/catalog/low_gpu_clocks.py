"""The GPU works below its full clock: it is too hot, lacks power, or was set so.

What it looks for:
NVML's samples of the SM clock while the GPU is loaded, beside the reasons that the driver gives for
it: heat or a power brake, with a mean clock 5 % or more below the highest one; a power limit below
the card's default, or clocks that were set, with 15 % or more.

Why it costs time:
Whatever is bound by arithmetic takes longer in proportion to the clock. Under a thermal slowdown by
hardware the clock falls to the half or less at once, and everything is slower.

How to fix it:
Heat: air flow, fans, neighbours in the rack. A power brake: the supply or the cable of the card. A
limit or a clock that somebody set: `nvidia-smi -pl`, `-rgc` and `-rac` set them back.

When to ignore it:
The limit was set on purpose, to save energy. A card at its default power limit lowers the clock on
dense products of matrices: that is no fault, and this rule is silent then. Kernels that wait for
memory gain little from the clock: the saving is a ceiling.

Catalogue: IP-ENV-001
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from infprof.profiler.events import Kind
from infprof.profiler.recording import Gpu
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.gpu_load import Values, under_load
from infprof.rules.model_callers import compute_where

NEEDS: tuple[Need, ...] = ("device", "gpu_samples")

FORCED_LOSS = 0.05
"""Of the clock, mean over the loaded time: as little as any finding is worth."""

CHOSEN_LOSS = 0.15
"""A power limit moves the clock by some per cent also where all is well (CATALOGUE IP-ENV-001)."""

LOWERED_LIMIT = 0.98
"""Of the default power limit: nearer to it, the two are one number rounded."""


class Reason(NamedTuple):
    """A group of NVML's reasons: their bits, in words, how much is worth a word, and the cure."""

    bits: int
    words: str
    loss: float
    text: str
    code: str


HEAT = Reason(
    32 | 64,
    "because it is too hot",
    FORCED_LOSS,
    "Cool the card: air flow, dust, fans, and what heats it from beside.",
    "nvidia-smi -q -d TEMPERATURE,PERFORMANCE\n",
)
BRAKE = Reason(
    8 | 128,
    "because its hardware slows it down (the power supply, mostly)",
    FORCED_LOSS,
    "Look at the card's power supply and cables.",
    "nvidia-smi -q -d POWER,PERFORMANCE\n",
)
LIMIT = Reason(
    4,
    "because its power limit is below the default",
    CHOSEN_LOSS,
    "Raise the power limit to the card's default.",
    "nvidia-smi -q -d POWER        # Current and Default Power Limit\n"
    "sudo nvidia-smi -pl {watts:.0f}\n",
)
SET = Reason(
    2,
    "because somebody set it",
    CHOSEN_LOSS,
    "Let the driver choose the clock.",
    "sudo nvidia-smi -rgc    # locked clocks back to the default\n"
    "sudo nvidia-smi -rac    # and application clocks\n",
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find loaded GPUs below their highest clock, and why."""
    gpus = evidence.header.machine.gpus
    for device, samples in under_load(evidence, "gpu.sm_clock", "gpu.throttle_reasons").items():
        if device >= len(gpus) or not gpus[device].sm_clock_max_mhz:
            raise Unknown("the highest clock of this GPU is not known")
        yield from _judge(evidence, device, gpus[device], *samples)


def _judge(
    evidence: Evidence, device: int, gpu: Gpu, clock: Values, given: Values
) -> Iterator[Finding]:
    """Of the reasons that cost enough, the one that costs most."""
    full = float(gpu.sm_clock_max_mhz or 0)
    missing = np.clip(1 - clock / full, 0.0, 1.0)
    losses = {
        reason: float(np.where(given.astype(np.int64) & reason.bits, missing, 0.0).mean())
        for reason in (HEAT, BRAKE, LIMIT, SET)
    }
    losses = {reason: loss for reason, loss in losses.items() if loss >= reason.loss}
    if LIMIT in losses and not _limit_is_lowered(gpu):
        del losses[LIMIT]
    if losses:
        reason = max(losses, key=lambda one: losses[one])
        yield _found(evidence, device, gpu, reason, losses[reason], clock)


def _limit_is_lowered(gpu: Gpu) -> bool:
    if gpu.power_limit_w is None or gpu.power_limit_default_w is None:
        raise Unknown("whether the power limit of this GPU was lowered is not known")
    return gpu.power_limit_w < LOWERED_LIMIT * gpu.power_limit_default_w


def _found(
    evidence: Evidence, device: int, gpu: Gpu, reason: Reason, loss: float, clock: Values
) -> Finding:
    kernels = evidence.rows(Kind.KERNEL)
    lanes = evidence.header.lanes
    of_device = [lanes[lane].device == device for lane in evidence.timeline.events.lane[kernels]]
    kernels = kernels[np.array(of_device, np.bool_)]
    change = evidence.shorter((kernels, loss))
    time_ns = evidence.exposed_part_ns(kernels, "compute")
    return Finding(
        title="Let the GPU work at its full clock",
        why=f"Under load GPU {device} runs at {clock.mean():.0f} of {gpu.sm_clock_max_mhz} MHz on"
        f" average{_heat(evidence, device)}, {reason.words}.",
        stage="compute",
        saving=Saving(0, evidence.saved_ns(int(time_ns * loss), change), "C", evidence.basis),
        fix=Fix(
            text=reason.text,
            code=reason.code.format(watts=gpu.power_limit_default_w or 0),
            risk="Limits and clocks are of the whole card and need an administrator; a hotter or a"
            " hungrier card may be more than its machine can bear.",
            references=(
                "https://docs.nvidia.com/deploy/nvml-api/group__nvmlClocksEventReasons.html",
                "https://docs.nvidia.com/deploy/nvidia-smi/index.html",
            ),
        ),
        where=compute_where(evidence, kernels),
        change=change,
    )


def _heat(evidence: Evidence, device: int) -> str:
    samples = under_load(evidence, "gpu.temperature").get(device)
    return "" if samples is None else f" at {samples[0].mean():.0f} °C"
