"""A file of weights, and what they belong to."""

from __future__ import annotations

import io
from pathlib import Path

import torch


def build_model() -> torch.nn.Sequential:
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))


loaded, file = build_model().eval(), io.BytesIO()
torch.save(loaded.state_dict(), file)
FILES = {"weights.pt": file.getvalue()}


def test_the_model_has_the_weights_of_the_file(model: torch.nn.Module) -> None:
    assert not any(one.is_meta for one in model.parameters())
    # The file is made anew each time that this module is loaded: compare with the one there.
    loaded.load_state_dict(torch.load("weights.pt", weights_only=True))
    x = torch.ones(2, 4)
    with torch.inference_mode():
        torch.testing.assert_close(model(x.to(next(model.parameters()).device)).cpu(), loaded(x))


def test_another_process_can_take_what_was_compiled(kept: Path) -> None:
    found = torch.compiler.load_cache_artifacts(kept.read_bytes())
    assert found is not None and found.inductor_artifacts
