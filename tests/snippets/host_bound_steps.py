"""A loop whose tokens are compared with those of a loop that looks at each."""

from __future__ import annotations

from collections.abc import Callable

import torch

from tests.snippets.missing_kv_cache import Small


def test_it_ends_soon_after_the_end_with_the_same_tokens(
    generate: Callable[..., torch.Tensor],
) -> None:
    model, prompt = Small().eval(), torch.tensor([[1, 2, 3]])
    expected = prompt
    with torch.inference_mode():
        for _ in range(20):
            expected = torch.cat([expected, model(expected).logits[:, -1:].argmax(-1)], 1)
    tokens = expected[:, 3:]
    nowhere = 20  # is no token
    assert torch.equal(generate(model, prompt, None, steps=20, end=nowhere, look=3), tokens)
    early = generate(model, prompt, None, steps=20, end=int(tokens[0, 0]), look=3)
    assert torch.equal(early, tokens[:, :3])
