"""Stacked denoising autoencoders under flat float32 vectors (Vincent et al. 2010, JMLR 11:3371-3408, sections 3 and 4).

A layer is corrupted, encoded and decoded: x~ = x with entries set to 0, each with probability p; h = sigm(x~ W + b);
x^ = sigm(h W' + c), W' being W transposed ("tied"). Layers are trained one after another, each on what the one before
encodes of uncorrupted rows; a sigmoid unit over the last makes a classifier, of which all layers are then fine-tuned.
Losses are written with methods of torch tensors alone, so that who only predicts need not wait for torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

Vector = npt.NDArray[np.float32]


def squashed(features: npt.ArrayLike) -> Vector:
    """Return standardised features [n, d] within 0 to 1, where a sigmoid can reconstruct them, and none of them rules.

    Examples:
        >>> squashed([[0.0, 1e9]]).tolist()
        [[0.5, 1.0]]
    """
    found: Vector = expit(np.asarray(features, dtype=np.float64)).astype(np.float32)
    return found


@dataclass(frozen=True)
class DenoisingLayer:
    """One autoencoder from `inputs` i to `outputs` o units: W [i, o], b [o] and c [i], one after another, are its [P].

    Its objective is the mean squared error of x^; with `corruption` p = 0 that of a plain autoencoder.
    """

    inputs: int
    outputs: int
    corruption: float
    learning_rate: float

    @property
    def parameters(self) -> int:
        """P."""
        return self.encoder + self.inputs

    @property
    def encoder(self) -> int:
        """How many of them, from the first, encode."""
        return (self.inputs + 1) * self.outputs

    @property
    def flops_per_row(self) -> float:
        """Operations to encode and decode a row."""
        return 4.0 * self.inputs * self.outputs

    def initial(self, rng: np.random.Generator) -> Vector:
        """Return first weights [P]: W uniform within 4 sqrt(6 / (i + o)) as for sigmoids, b and c zero."""
        bound = 4 * math.sqrt(6 / (self.inputs + self.outputs))
        drawn = rng.uniform(-bound, bound, self.inputs * self.outputs)
        return np.concatenate([drawn, np.zeros(self.outputs + self.inputs)]).astype(np.float32)

    def encode(self, weights: Vector, rows: Vector) -> Vector:
        """Return h [n, o] of uncorrupted rows [n, i]."""
        matrix, bias = _layer(weights, self.inputs, self.outputs)
        hidden: Vector = expit(rows @ matrix + bias).astype(np.float32)
        return hidden

    def loss(self, weights: Any, rows: Any, _: Any, rng: np.random.Generator) -> Any:
        """Return the mean squared error [] of torch rows [n, i] and what is made of them once corrupted.

        Nothing is drawn where there is no corruption.
        """
        matrix, bias = _layer(weights, self.inputs, self.outputs)
        kept = rows
        if self.corruption:
            kept = rows * rows.new_tensor(rng.random(tuple(rows.shape)) >= self.corruption)
        hidden = (kept @ matrix + bias).sigmoid()
        made = (hidden @ matrix.T + weights[self.encoder :]).sigmoid()
        return (made - rows).square().mean()


@dataclass(frozen=True)
class StackedClassifier:
    """Encoders over `widths` (d first) and a sigmoid unit over the last: W and b of each in turn are its [P].

    Its objective is the cross-entropy.
    """

    widths: tuple[int, ...]
    learning_rate: float

    @property
    def parameters(self) -> int:
        """P."""
        return sum((inputs + 1) * outputs for inputs, outputs in self._sizes)

    @property
    def flops_per_row(self) -> float:
        """Operations to predict a row."""
        return 2.0 * sum(inputs * outputs for inputs, outputs in self._sizes)

    @property
    def _sizes(self) -> tuple[tuple[int, int], ...]:
        return tuple(pairwise((*self.widths, 1)))

    def stacked(self, encoders: Sequence[Vector]) -> Vector:
        """Return the classifier [P] of pre-trained encoders, its output unit zero."""
        return np.concatenate([*encoders, np.zeros(self.widths[-1] + 1)]).astype(np.float32)

    def loss(self, weights: Any, rows: Any, labels: Any, _: np.random.Generator) -> Any:
        """Return the mean cross-entropy [] of torch rows [n, d] and labels [n]."""
        *encoders, (matrix, bias) = self._layers(weights)
        for own, shift in encoders:
            rows = (rows @ own + shift).sigmoid()
        logits = (rows @ matrix + bias).squeeze(-1)
        return (logits.clamp(min=0) - logits * labels + (-logits.abs()).exp().log1p()).mean()

    def predict(self, weights: Vector, rows: Vector) -> npt.NDArray[np.float64]:
        """Return probabilities [n] for rows [n, d]."""
        found: npt.NDArray[np.float64] = np.asarray(rows, dtype=np.float64)
        for matrix, bias in self._layers(np.asarray(weights, dtype=np.float64)):
            found = expit(found @ matrix + bias)
        return found[:, 0]

    def _layers(self, weights: Any) -> Iterator[tuple[Any, Any]]:
        start = 0
        for inputs, outputs in self._sizes:
            yield _layer(weights[start:], inputs, outputs)
            start += (inputs + 1) * outputs


def widths(features: int, units: int, layers: int) -> tuple[int, ...]:
    """Return the units of each layer, the features first; each of the layers has half of those before it, 2 at least.

    Examples:
        >>> widths(features=250, units=200, layers=3)
        (250, 200, 100, 50)
    """
    return (features, *(max(2, units >> layer) for layer in range(layers)))


def _layer(weights: Any, inputs: int, outputs: int) -> tuple[Any, Any]:
    """W [i, o] and b [o] from the beginning of a vector."""
    cut = inputs * outputs
    return weights[:cut].reshape(inputs, outputs), weights[cut : cut + outputs]
