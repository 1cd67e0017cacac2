"""The code of low-gpu-clocks is for the shell, one for each reason that the driver gives."""

from infprof.profiler.recording import Gpu
from infprof.rules.catalog.low_gpu_clocks import BRAKE, HEAT, LIMIT, SET

NOT_PYTHON = "command lines of nvidia-smi"
VALUES = [
    {"reason": reason, "gpu": Gpu(name="", power_limit_default_w=700.0)}
    for reason in (HEAT, BRAKE, LIMIT, SET)
]
