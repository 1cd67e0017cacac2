"""What is noted of the attention masks that models are called with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from infprof.profiler.padding import MOST_TOKENS, UNSEEN, Padding, padding_of  # noqa: E402
from tests.recorded import recorded  # noqa: E402

IDS = torch.ones(2, 5, dtype=torch.long)
MASK = torch.tensor([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0]])


class Encoder(nn.Module):
    """Takes what a transformer of text takes."""

    def forward(self, input_ids: Any, attention_mask: Any = None) -> Any:
        """No more than the mask needs."""
        return input_ids if attention_mask is None else input_ids * attention_mask


def seen(*places: Any, **named: Any) -> Padding | None:
    return padding_of(Encoder(), (*places, *named.values()), named)


@pytest.mark.parametrize("kind", [torch.long, torch.int32, torch.bool, torch.uint8])
def test_real_tokens_are_counted(kind: Any) -> None:
    expected = Padding(tokens=10, longest=6, real=4)
    assert seen(input_ids=IDS, attention_mask=MASK.to(kind)) == expected
    assert seen(IDS, MASK.to(kind)) == expected
    assert seen(inputs_embeds=torch.ones(2, 5, 8), attention_mask=MASK.to(kind)) == expected


def test_a_padding_mask_says_the_opposite() -> None:
    assert seen(src=torch.ones(2, 5, 8), src_key_padding_mask=MASK == 0) == Padding(10, 6, 4)


def test_a_mask_on_a_device_is_not_read() -> None:
    meta = {"input_ids": IDS.to("meta"), "attention_mask": MASK.to("meta")}
    assert seen(**meta) == Padding(10, UNSEEN, UNSEEN)


@pytest.mark.parametrize(
    "named",
    [
        {"input_ids": IDS},
        {"input_ids": IDS, "attention_mask": None},
        {"input_ids": IDS, "labels": MASK},  # ones and zeros, and no mask
        {"input_ids": IDS[:, -1:], "attention_mask": MASK},  # it decodes
        {"input_ids": IDS, "attention_mask": MASK.float()},
        {"input_ids": IDS, "attention_mask": 3 * MASK},
        {"input_ids": IDS.t(), "attention_mask": MASK.t()},  # not in one piece
        {"x": torch.ones(2, 5, 5), "attention_mask": torch.ones(2, 5, 5)},
        {"input_ids": torch.ones(2, MOST_TOKENS), "attention_mask": torch.ones(2, MOST_TOKENS)},
        {"input_ids": IDS[:0], "attention_mask": MASK[:0]},
    ],
)
def test_what_is_no_mask_of_its_input_is_left_alone(named: dict[str, Any]) -> None:
    assert seen(**named) is None


def test_a_recording_has_the_counts_of_each_call(tmp_path: Path) -> None:
    model = Encoder()
    with recorded(tmp_path) as made:
        made.session.models.try_to_begin()
        for _ in range(4):
            model(IDS, attention_mask=MASK)
    found = made.done
    names = [one.name for one in found.header.series]
    values = {
        name: found.samples.value[found.samples.series == names.index(name)].tolist()
        for name in names
    }
    assert values == {
        "input.tokens": [10.0] * 4,
        "input.longest_tokens": [6.0] * 4,
        "input.real_tokens": [4.0] * 4,
    }
