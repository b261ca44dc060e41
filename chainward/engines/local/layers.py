"""Layers over a leading axis of hospitals, and their weights as flat vectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

KERNEL = 3


class BatchedLinear(nn.Module):
    """K linear layers at once: inputs [K, n, i] to outputs [K, n, o] by one `baddbmm`."""

    def __init__(self, models: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.fan_in = inputs
        self.weight = nn.Parameter(torch.zeros(models, inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(models, 1, outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply layer k to rows k."""
        return torch.baddbmm(self.bias, inputs, self.weight)


class BatchedConvolution(nn.Module):
    """K causal convolutions over time at once: inputs [K, n, t, i] to outputs [K, n, t, o].

    One product gives all three taps at each time, the present one last as in `nn.Conv1d`; each is then added where it
    is due. With a few dozen channels that is as fast as a convolution in K groups on a processor core, and on a GPU K
    can be thousands.
    """

    def __init__(self, models: int, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.fan_in, self.dilation = inputs * KERNEL, dilation
        self.weight = nn.Parameter(torch.zeros(models, inputs, KERNEL * outputs))
        self.bias = nn.Parameter(torch.zeros(models, 1, 1, outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply convolution k to rows k; what is before the first time is zero."""
        models, rows, times, _ = inputs.shape
        taps = torch.bmm(inputs.flatten(1, 2), self.weight).view(models, rows, times, self.weight.shape[2])
        *earlier, now = taps.chunk(KERNEL, dim=3)
        outputs: Tensor = now + self.bias
        for number, tap in enumerate(reversed(earlier), start=1):
            late = min(number * self.dilation, times)
            outputs[:, :, late:] += tap[:, :, : times - late]
        return outputs


def load_flat(module: nn.Module, weights: Tensor) -> None:
    """Set the parameters of a batched module from flat weights [K, P]."""
    sizes = [parameter[0].numel() for parameter in module.parameters()]
    with torch.no_grad():
        for parameter, part in zip(module.parameters(), torch.split(weights, sizes, dim=1), strict=True):
            parameter.copy_(part.reshape(parameter.shape))


def flat(parameters: Sequence[Tensor]) -> Tensor:
    """Return the parameters of a batched module as flat weights [K, P]."""
    return torch.cat([parameter.detach().flatten(1) for parameter in parameters], dim=1)
