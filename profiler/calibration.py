"""What this machine was measured to do at most: found by ``infprof doctor --calibrate``, kept in
the user's own cache, and carried by every recording made here.

Where it is present it is used instead of a vendor's table.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Time = Annotated[int, Field(ge=0)]


class Calibration(BaseModel):
    """Best observed rates and usual times; what was not measured is ``None`` or absent.

    A rate is the best of several repeats, because whatever disturbs one only makes it slower. A
    time is their median, because that is what a program meets.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    device: str
    """The name of the GPU, or of the CPU where there is none, that the figures are of."""
    on_gpu: bool
    made_at: str
    """UTC, ISO 8601."""
    torch: str
    threads: int | None = None
    """Threads that torch used for one operator on the CPU: the rates of a CPU are for so many."""
    usable_cpus: int | None = None
    """CPUs that the affinity mask and the cgroup's quota left to the measurement."""
    flops_per_s: dict[str, Rate] = Field(default_factory=dict)
    """Best matrix multiplication by the precision it computes in: ``fp64 fp32 tf32 fp16 bf16``."""
    bandwidth_bytes_per_s: Rate | None = None
    """Reading and writing the device's own memory, added up."""
    copy_bytes_per_s: dict[str, Rate] = Field(default_factory=dict)
    """Long copies between host and GPU: ``h2d.pinned h2d.pageable d2h.pinned d2h.pageable``."""
    dispatch_ns: Time | None = None
    """The host's time for one small operator of PyTorch in eager mode; beside a GPU this includes
    the launch."""
    launch_ns: Time | None = None
    """The host's time for one launch by the thinnest call that torch has: little more than the call
    of the driver."""
    gap_ns: Time | None = None
    """From the start of one queued empty kernel to the start of the next on the same stream: what a
    kernel costs the device besides its work. The gap itself is shorter by the empty kernel's own
    life, which cannot be seen from outside."""
    graph_gap_ns: Time | None = None
    """The same within a CUDA graph."""
    sync_ns: Time | None = None
    """A synchronisation that has nothing to wait for."""
    cores: Rate | None = None
    """How many CPU-bound threads advance at once: their work alone over their time together."""
    missing: dict[str, str] = Field(default_factory=dict)
    """What could not be measured, each with the reason."""
    notes: list[str] = Field(default_factory=list)
    """Sentences on why figures may be too low."""
