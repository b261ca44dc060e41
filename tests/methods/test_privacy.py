"""BlockFLow's noise: its scale by hand, and what it falls with."""

from __future__ import annotations

import math

import pytest

from chainward.methods.privacy import laplace_scale


def test_hand_vector() -> None:
    assert laplace_scale(100, 1.0, 0.01) == pytest.approx(2.0)


def test_falls_with_rows_regularisation_and_epsilon() -> None:
    assert laplace_scale(200, 1.0, 0.01) == pytest.approx(1.0)
    assert laplace_scale(100, 2.0, 0.01) == pytest.approx(1.0)
    assert laplace_scale(100, 1.0, 0.02) == pytest.approx(1.0)


def test_an_infinite_epsilon_needs_no_noise() -> None:
    assert laplace_scale(100, 1.0, math.inf) == 0


@pytest.mark.parametrize(
    "arguments", [(0, 1.0, 1.0), (100, 0.0, 1.0), (100, 1.0, 0.0), (100, 1.0, math.nan), (100, -1.0, 1.0)]
)
def test_refuses_what_is_not_positive(arguments: tuple[int, float, float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        laplace_scale(*arguments)
