from __future__ import annotations

import numpy as np
import pytest

from chainward.methods.attack import POISONS, label_flip

RECEIVED = np.array([1.0, 2.0, -1.0], dtype=np.float32)
TRAINED = np.array([2.0, 0.0, -1.0], dtype=np.float32)


def given(kind: str, strength: float) -> np.ndarray:
    return POISONS[kind](RECEIVED, TRAINED, strength, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("kind", "strength", "expected"),
    [
        ("sign_flip", 1, [0, 4, -1]),
        ("sign_flip", 4, [-3, 10, -1]),
        ("sign_flip", 0, RECEIVED),
        ("scaled", 3, [4, -4, -1]),
        ("scaled", 1, TRAINED),
        ("inverted", 1, -TRAINED),
        ("free_rider", 9, RECEIVED),
        ("gaussian", 0, TRAINED),
        ("random_weights", 0, [0, 0, 0]),
    ],
)
def test_what_an_attacker_gives(kind: str, strength: float, expected: list[float]) -> None:
    found = given(kind, strength)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.asarray(expected, dtype=np.float32))


@pytest.mark.parametrize(("kind", "centre"), [("gaussian", 2.0), ("random_weights", 0.0)])
def test_noise_has_the_strength_as_its_deviation(kind: str, centre: float) -> None:
    trained = np.full(40_000, 2.0, dtype=np.float32)
    found = POISONS[kind](np.zeros_like(trained), trained, 3.0, np.random.default_rng(1))
    assert found.mean() == pytest.approx(centre, abs=0.08)
    assert found.std() == pytest.approx(3.0, rel=0.02)


def test_a_free_rider_gives_a_copy() -> None:
    given("free_rider", 1)[0] = 7
    assert RECEIVED[0] == 1.0


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_label_flip_turns_the_share_of_the_labels(share: float) -> None:
    labels = (np.arange(40) % 3 == 0).astype(np.float32)
    turned = label_flip(labels, share, np.random.default_rng(0))
    assert (turned != labels).sum() == 40 * share
    assert set(turned.tolist()) <= {0.0, 1.0}
    assert labels.sum() == 14


def test_more_than_all_labels_cannot_be_flipped() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        label_flip(np.zeros(3), 1.5, np.random.default_rng(0))
