"""Switches that are on: those of torch are turned off by Python, others by the shell."""

from __future__ import annotations

import torch

from infprof.rules.catalog.debug_switches import SWITCHES

VALUES = [{"switch": switch} for switch in SWITCHES.values()]
NOT_PYTHON = {"python serve.py": "a command line"}


def before() -> None:
    torch.autograd.set_detect_anomaly(True)
    torch.use_deterministic_algorithms(True)


def test_one_of_the_two_is_off() -> None:
    assert torch.is_anomaly_enabled() + torch.are_deterministic_algorithms_enabled() == 1
