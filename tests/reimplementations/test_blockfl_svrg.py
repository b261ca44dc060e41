"""BlockFL's devices training by SVRG, as published, with logistic regression."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from blockfl_trials import blockfl, prepared

from chainward.methods import variance_reduction as svrg
from chainward.tasks.synthetic import Synthetic
from chainward.testing import states


@pytest.fixture(autouse=True)
def without_hidden_units(monkeypatch: pytest.MonkeyPatch) -> None:
    logistic = replace(Synthetic.training, network="logistic", hidden=0)
    monkeypatch.setattr(Synthetic, "training", logistic)


def trial(rounds: int = 3, **others: Any) -> Any:
    return prepared(rounds=rounds, strategy=blockfl(svrg_step=2.0), **others)


def gradients(ready: Any, weights: Any) -> dict[str, Any]:
    rows = ready.world.engine.sites.training_rows
    return {name: svrg.gradient(weights, svrg.with_bias(own.features), own.labels) for name, own in rows.items()}


def test_it_learns_and_devices_come_to_the_same_weights() -> None:
    ready = trial(rounds=8)
    opened, *_, last = states(ready)
    norms = [np.linalg.norm(sum(gradients(ready, state.weights).values())) for state in (opened, last)]
    assert norms[1] < 0.2 * norms[0]
    for hospital in ready.world.hospitals:
        np.testing.assert_array_equal(ready.world.engine.held(hospital, "model"), last.weights)


def test_the_block_brings_the_gradient_of_all_patients_where_its_devices_began() -> None:
    ready = trial(rounds=2)
    _, first, _ = states(ready)
    sizes, own = ready.world.sizes, gradients(ready, first.weights)
    everybody = sum(sizes[name] * own[name] for name in own) / sum(sizes.values())
    for memory in ready.world.engine.sites.memories.values():
        if "anchored" in memory:
            anchor, slope = memory["anchored"]
            np.testing.assert_array_equal(anchor, first.weights)
            np.testing.assert_allclose(slope, everybody, atol=1e-6)


def test_who_was_away_trains_with_its_own_gradient_once() -> None:
    hospitals = trial().world.hospitals
    ready = trial(rounds=3, faults={"absent": {hospitals[0]: [2]}})
    _, _, second, third = states(ready)
    assert hospitals[0] not in second.block
    assert hospitals[0] in third.block


def merged(ready: Any, number: int, start: Any, anchored: Any) -> Any:
    """What an epoch gives whose devices begin at `start` and hold the gradient of `anchored`."""
    sites, sizes, total = ready.world.engine.sites, ready.world.sizes, 0.0
    for name in ready.world.hospitals:
        rows, rng = sites.training_rows[name], sites.rng(name, f"{number}/descend/1/upload")
        local = svrg.local_update(start, anchored, rows.features, rows.labels, 2.0, rng)
        total = total + sizes[name] * local.weights.astype(np.float64)
    return total / sum(sizes.values())


def test_epochs_are_the_papers_steps() -> None:
    """The first with every device's own gradient; from the second on with that of all, as the block before has it."""
    ready = trial(rounds=2)
    opened, first, second = states(ready)
    np.testing.assert_allclose(first.weights, merged(ready, 1, opened.weights, None), atol=1e-6)
    sizes, own = ready.world.sizes, gradients(ready, opened.weights)
    everybody = sum(sizes[name] * own[name] for name in own) / sum(sizes.values())
    expected = merged(ready, 2, first.weights, (opened.weights, everybody))
    np.testing.assert_allclose(second.weights, expected, atol=1e-5)
    assert np.abs(second.weights - merged(ready, 2, first.weights, None)).max() > 1e-3


def test_networks_with_hidden_units_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Synthetic, "training", replace(Synthetic.training, network="mlp", hidden=4))
    with pytest.raises(ValueError, match="without hidden units"):
        states(trial(rounds=1))
