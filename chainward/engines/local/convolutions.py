"""Temporal convolutional networks over a leading axis of hospitals.

Bai, Kolter, Koltun 2018 (arXiv 1803.01271), section 3: causal convolutions whose dilation doubles from one residual
block to the next, until the last time has seen the first. There is no dropout and no weight normalisation.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from chainward.engines.local.layers import KERNEL, BatchedConvolution, BatchedLinear


class Block(nn.Module):
    """A residual block: two convolutions of one dilation, each with its ReLU, added to what came in."""

    def __init__(self, models: int, inputs: int, channels: int, dilation: int) -> None:
        super().__init__()
        self.first = BatchedConvolution(models, inputs, channels, dilation)
        self.second = BatchedConvolution(models, channels, channels, dilation)
        self.shortcut = BatchedLinear(models, inputs, channels) if inputs != channels else None

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply block k to rows k: [K, n, t, i] to [K, n, t, c]."""
        convolved = torch.relu(self.second(torch.relu(self.first(inputs))))
        if self.shortcut is None:
            return torch.relu(inputs + convolved)
        return torch.relu(self.shortcut(inputs.flatten(1, 2)).view_as(convolved) + convolved)


class Convolutions(nn.Module):
    """K temporal convolutional networks with one logit, from the channels at the last time, which has seen every other.

    A patient's features are `inputs` values at each of `times`, one time after another.
    """

    def __init__(self, models: int, inputs: int, channels: int, times: int) -> None:
        super().__init__()
        self.inputs, self.times = inputs, times
        widths = [inputs, *[channels] * depth(times)]
        blocks = [Block(models, widths[number], channels, 2**number) for number in range(len(widths) - 1)]
        self.blocks = nn.Sequential(*blocks)
        self.head = BatchedLinear(models, channels, 1)

    @property
    def uses(self) -> int:
        """How often one network uses a weight for one row: the head's once, the convolutions' at each time."""
        blocks, head = (sum(own[0].numel() for own in part.parameters()) for part in (self.blocks, self.head))
        return self.times * blocks + head

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits [K, n] for features [K, n, t * i]."""
        convolved = self.blocks(inputs.view(*inputs.shape[:2], self.times, self.inputs))
        output: Tensor = self.head(convolved[:, :, -1])
        return output.squeeze(-1)


def depth(times: int) -> int:
    """How many blocks it takes until the last of so many times has seen the first."""
    blocks = 1
    while 1 + 2 * (KERNEL - 1) * (2**blocks - 1) < times:
        blocks += 1
    return blocks
