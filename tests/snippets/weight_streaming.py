"""Rows of several requests."""

from __future__ import annotations

import torch

from tests.snippets.reader import device

waiting = [torch.ones(1, 4, device=device), torch.ones(2, 4, device=device)]
