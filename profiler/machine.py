"""The machine that a recording was made on, as far as it could be asked."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from infprof.profiler.calibration import Calibration


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", defer_build=True)


class Gpu(_Part):
    """One accelerator; unknown fields are ``None``."""

    name: str
    uuid: str | None = None
    memory_bytes: int | None = None
    sm_major: int | None = None
    sm_minor: int | None = None
    multiprocessors: int | None = None
    pcie_generation_max: int | None = None
    pcie_width_max: int | None = None
    sm_clock_max_mhz: int | None = None
    power_limit_w: float | None = None
    power_limit_default_w: float | None = None
    driver: str | None = None


class Cpu(_Part):
    """The host's processor as the profiled process could use it."""

    name: str | None = None
    logical: int | None = None
    usable: int | None = None
    """CPUs in the affinity mask, cut to the cgroup quota."""
    memory_bytes: int | None = None
    features: list[str] | None = None
    """Instruction sets that matter to matrix products, by the kernel's names; of x86 alone."""


class Machine(_Part):
    """Where the recording was made; unknown fields are ``None``."""

    gpus: list[Gpu] = Field(default_factory=list)
    cpu: Cpu = Field(default_factory=Cpu)
    os: str | None = None
    python: str | None = None
    torch: str | None = None
    cuda: str | None = None
    hip: str | None = None
    calibration: Calibration | None = None
    """What the machine was measured to do, where somebody had it measured."""
