"""Plain gradient descent of many networks at once: the arithmetic of the cohort engine.

The gradients of a task's perceptrons are written out. Per step that leaves the five matrix products and a few passes
over the hidden units, all into buffers that stay; automatic differentiation would spend more time on its books than on
such small matrices. `by_autograd` trains any batched module, and is what the written-out gradients are tested against.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from chainward.engines.local.layers import flat, load_flat
from chainward.engines.local.networks import TaskNetwork

GATHERED = 4_096
"""Rows gathered at once: many save calls, too many leave the cache before they are used."""


@dataclass(frozen=True)
class Batches:
    """What K networks see in S steps: `rows` [S, K, B] of `features` [N, d + 1], whose last column is one, and of
    `labels` [N]; each row has a share [S, K, B] of its batch's mean loss."""

    features: Tensor
    labels: Tensor
    rows: Tensor
    shares: Tensor

    def inputs(self) -> Iterator[Tensor]:
        """Yield the features [K, B, d + 1] of each step, gathered for a few steps at a time."""
        _, models, width = self.rows.shape
        for rows in torch.split(self.rows, max(1, GATHERED // (models * width))):
            gathered = torch.index_select(self.features, 0, rows.flatten())
            yield from gathered.view(*rows.shape, -1).unbind()

    def targets(self, rate: float) -> tuple[Tensor, Tensor]:
        """Return labels, and shares times the learning rate, both [S, K, 1, B]."""
        return self.labels[self.rows].unsqueeze(2), (rate * self.shares).unsqueeze(2)

    def losses(self, logits: Tensor) -> Tensor:
        """Return each network's mean loss [K] over the steps, from its logits [S, K, B] in each."""
        each = binary_cross_entropy_with_logits(logits, self.labels[self.rows], reduction="none")
        return (each * self.shares).sum(dim=2).mean(dim=0)


class Pull:
    """What (mu / 2) ||w - w_0||^2 in the objective adds to a step: -rate mu (w - w_0), for K networks with mu [K].

    Bound to the parameters [K, ...] while they are w_0. Without `mu` it does nothing and costs nothing.
    """

    def __init__(self, mu: Tensor | None, rate: float, parameters: Sequence[Tensor]) -> None:
        self._bound = []
        if mu is not None:
            for own in parameters:
                shares = (rate * mu).view(-1, *[1] * (own.dim() - 1))
                self._bound.append((own, own.detach().clone(), shares))

    def step(self) -> None:
        """Do it, in place: between taking a step's gradients and following them."""
        for own, start, share in self._bound:
            own.lerp_(start, share)


def descend(
    network: TaskNetwork, weights: Tensor, batches: Batches, rate: float, mu: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Train K networks from weights [K, P], each on its own batches; return the weights [K, P] and mean losses [K].

    The gradient of network k depends on rows k alone. With `mu` [K] it is held to its first weights, see `Pull`; its
    loss is still that of the data.
    """
    if network.kind == "mlp":
        return _perceptrons(network.hidden, weights, batches, rate, mu)
    if network.kind == "logistic":
        return _logistic(weights, batches, rate, mu)
    return by_autograd(network, weights, batches, rate, mu)


@torch.inference_mode()
def _perceptrons(
    hidden: int, weights: Tensor, batches: Batches, rate: float, mu: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Each network is weights [d + 1, h], whose last row is the bias, a ReLU, weights [1, h] and a bias [1, 1]."""
    (steps, models, width), inputs = batches.rows.shape, batches.features.shape[1]
    first = weights[:, : inputs * hidden].reshape(models, inputs, hidden).clone()
    second, bias = weights[:, None, inputs * hidden : -1].clone(), weights[:, None, -1:].clone()
    active, back = weights.new_empty(models, width, hidden), weights.new_empty(models, width, hidden)
    logits = weights.new_empty(steps, models, 1, width)
    pull = Pull(mu, rate, (first, second, bias))
    for rows, logit, target, scale in zip(batches.inputs(), logits, *batches.targets(rate), strict=True):
        torch.bmm(rows, first, out=active).relu_()
        torch.baddbmm(bias, second, active.mT, out=logit)
        wrong = torch.sigmoid(logit).sub_(target).mul_(scale)
        torch.mul(wrong.mT, second, out=back)
        pull.step()
        second.sub_(torch.bmm(wrong, active))
        bias.sub_(wrong.sum(dim=2, keepdim=True))
        back.mul_(active.sign_())  # the slope of a ReLU
        first.baddbmm_(rows.mT, back, alpha=-1)
    return torch.cat([first.flatten(1), second.flatten(1), bias.flatten(1)], dim=1), batches.losses(logits.squeeze(2))


@torch.inference_mode()
def _logistic(weights: Tensor, batches: Batches, rate: float, mu: Tensor | None) -> tuple[Tensor, Tensor]:
    """Each network is weights [1, d + 1], the last of which is the bias."""
    steps, models, width = batches.rows.shape
    trained = weights.unsqueeze(1).clone()
    logits = weights.new_empty(steps, models, 1, width)
    pull = Pull(mu, rate, (trained,))
    for rows, logit, target, scale in zip(batches.inputs(), logits, *batches.targets(rate), strict=True):
        torch.bmm(trained, rows.mT, out=logit)
        wrong = torch.sigmoid(logit).sub_(target).mul_(scale)
        pull.step()
        trained.sub_(torch.bmm(wrong, rows))
    return trained.squeeze(1), batches.losses(logits.squeeze(2))


def by_autograd(
    network: TaskNetwork, weights: Tensor, batches: Batches, rate: float, mu: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The same for any batched module, by one backward pass a step over the summed loss."""
    module = network.build(len(weights))
    load_flat(module, weights)
    parameters, logits = list(module.parameters()), []
    pull = Pull(mu, rate, parameters)
    for rows, labels, shares in zip(batches.inputs(), batches.labels[batches.rows], batches.shares, strict=True):
        outputs = module(rows[..., :-1])
        each = binary_cross_entropy_with_logits(outputs, labels, reduction="none")
        gradients = torch.autograd.grad((each * shares).sum(), parameters)
        with torch.no_grad():
            pull.step()
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(gradient, alpha=rate)
        logits.append(outputs.detach())
    return flat(parameters), batches.losses(torch.stack(logits))
