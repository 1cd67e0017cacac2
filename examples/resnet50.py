"""ResNet-50 (He et al. 2015) in plain torch, with random weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

BLOCKS = ((64, 3), (128, 4), (256, 6), (512, 3))
"""Width and number of the bottlenecks of each stage; every stage but the first halves the image."""

EXPANSION = 4


class ConvNorm(nn.Module):
    """A convolution with its batch norm; ``fold`` makes them one convolution for inference."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, then normalise."""
        out: Tensor = self.norm(self.conv(x))
        return out

    def fold(self) -> None:
        """Put the norm's scale and shift into the convolution; the results stay the same."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv, self.norm)
            self.norm = nn.Identity()


class Bottleneck(nn.Module):
    """1x1 down, 3x3, 1x1 up, and a short cut around all three."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = width * EXPANSION
        self.down = ConvNorm(inputs, width, 1)
        self.middle = ConvNorm(width, width, 3, stride)
        self.up = ConvNorm(width, outputs, 1)
        self.short: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.short = ConvNorm(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Add what the three convolutions found to the input."""
        out = self.down(x).relu_()
        out = self.up(self.middle(out).relu_())
        total: Tensor = out + self.short(x)
        return total.relu_()


class ResNet50(nn.Module):
    """Images ``(batch, 3, height, width)`` to logits ``(batch, classes)``; 25.6 M parameters."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.stem = ConvNorm(3, 64, 7, 2)
        self.pool = nn.MaxPool2d(3, 2, 1)
        blocks, inputs = [], 64
        for stage, (width, count) in enumerate(BLOCKS):
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(Bottleneck(inputs, width, stride))
                inputs = width * EXPANSION
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Classify."""
        x = self.blocks(self.pool(self.stem(x).relu_()))
        out: Tensor = self.head(x.mean((2, 3)))
        return out


def resnet50(*, folded: bool = False, seed: int = 0) -> ResNet50:
    """A ResNet-50 in evaluation mode, always with the same weights."""
    torch.manual_seed(seed)
    model = ResNet50().eval()
    for part in model.modules() if folded else ():
        if isinstance(part, ConvNorm):
            part.fold()
    return model
