"""Noise that hides a single patient in what a hospital publishes."""

from __future__ import annotations


def laplace_scale(rows: int, regularisation: float, epsilon: float) -> float:
    """Return 2 / (d alpha epsilon), the scale of BlockFLow's output perturbation for d rows.

    It is sensitivity / epsilon for the exact minimiser of a logistic loss with L2 coefficient alpha on rows of norm at
    most 1 (Chaudhuri, Monteleoni 2008). Their noise has a length that is Gamma distributed; Laplace noise of this scale
    on each weight, as BlockFLow adds it, is weaker. An infinite epsilon gives 0, no noise.

    Raises:
        ValueError: an argument is not positive.
    """
    if rows <= 0 or not regularisation > 0 or not epsilon > 0:
        raise ValueError("output perturbation needs rows, a positive regularisation and a positive epsilon")
    return 2 / (rows * regularisation * epsilon)
