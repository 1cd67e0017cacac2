"""Why is this PyTorch inference slow, and what would fixing it buy me?

``@infprof.profile`` on the function that serves a request, ``infprof.annotate`` on its stages, or
nothing at all and ``infprof run script.py``. Names are loaded when first used, so importing this is
nearly free and never imports torch.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from infprof import agent as agent
    from infprof.diagnosis import diagnose as diagnose
    from infprof.loading import load as load
    from infprof.profiler.annotate import annotate as annotate
    from infprof.profiler.recording import Recording as Recording
    from infprof.profiler.request import request as request
    from infprof.profiler.web.asgi import ASGIMiddleware as ASGIMiddleware
    from infprof.profiler.web.wsgi import WSGIMiddleware as WSGIMiddleware
    from infprof.profiling import profile as profile
    from infprof.reports.report import Report as Report

_HOMES = {
    "ASGIMiddleware": "infprof.profiler.web.asgi",
    "Recording": "infprof.profiler.recording",
    "Report": "infprof.reports.report",
    "WSGIMiddleware": "infprof.profiler.web.wsgi",
    "annotate": "infprof.profiler.annotate",
    "diagnose": "infprof.diagnosis",
    "load": "infprof.loading",
    "profile": "infprof.profiling",
    "request": "infprof.profiler.request",
}

__all__ = [
    "ASGIMiddleware",
    "Recording",
    "Report",
    "WSGIMiddleware",
    "agent",
    "annotate",
    "diagnose",
    "load",
    "profile",
    "request",
]


def __getattr__(name: str) -> Any:
    if os.environ.get("INFPROF_AGENT") == "1" and name in __all__:
        import_module("infprof.agent").start()
    if name == "agent":
        return import_module("infprof.agent")
    if name not in _HOMES:
        raise AttributeError(f"module 'infprof' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
