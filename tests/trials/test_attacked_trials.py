"""A sign flip of c = 4 by 30 % reverses the mean: 0.7 d - 0.3 * 4 d < 0."""

from __future__ import annotations

import numpy as np
import pytest

from chainward.plans.specification import Specification
from chainward.tasks.metrics import auroc
from chainward.testing.small import completed, recorded, results_of, run_small, run_whole, small


def flip(strength: float) -> dict[str, object]:
    return {"kind": "sign_flip", "share": 0.3, "strength": strength}


def aurocs(strategy: str, attack: dict[str, object]) -> np.ndarray:
    """AUROC on each of two seeds [2]."""
    trials = [Specification(strategy, "synthetic", seed, 30, attack=attack) for seed in range(2)]
    results = results_of(*map(recorded, trials))
    predicted = map(results.opener.predictions, results.completed)
    return np.array([auroc(one.label, one.probability) for one in predicted])


def test_the_sign_flip_breaks_federated_averaging_only_beyond_the_bound() -> None:
    honest, mild, strong = (aurocs("fedavg", attack) for attack in ({}, flip(1.0), flip(4.0)))
    assert (strong < 0.60).all()
    assert ((honest - 0.05 < mild) & (mild < honest)).all()


@pytest.mark.parametrize("attack", [{}, flip(4.0)])
def test_the_record_names_the_attackers(attack: dict[str, object]) -> None:
    record = run_small("fedavg", attack=attack)
    attackers = completed(record).attackers
    assert len(attackers) == (int(0.3 * len(record.hospitals)) if attack else 0)
    assert set(attackers) <= {hospital.name for hospital in record.hospitals}


@pytest.mark.parametrize(("hospitals", "attackers"), [(3, 0), (4, 1), (6, 1), (7, 2)])
def test_a_share_that_comes_to_nobody_is_nobody_on_record(hospitals: int, attackers: int) -> None:
    params = {"hospitals": hospitals, "patients": 40}
    attacked, honest = (run_whole(small("fedavg", attack=attack, task_params=params)) for attack in (flip(4.0), {}))
    assert len(completed(attacked.record).attackers) == attackers
    assert completed(attacked.record).specification.attack == flip(4.0)
    assert (attacked.predictions == honest.predictions) == (attackers == 0)


def test_what_an_attacker_sends_too_late_spoils_nothing() -> None:
    """Nor is it counted: the model is the honest one's, so the attack did not reach it."""
    attacker = completed(run_small("fedavg", attack=flip(4.0))).attackers[0]
    late = {"delay": {attacker: 10_000.0}}
    honest, attacked = (run_whole(small("fedavg", attack=attack, faults=late)) for attack in ({}, flip(4.0)))
    assert attacked.predictions == honest.predictions
    assert completed(attacked.record).facts.spoiled == 0


@pytest.mark.parametrize("kind", ["sign_flip", "label_flip", "free_rider"])
def test_what_an_attacker_sends_in_time_is_counted(kind: str) -> None:
    attacked = completed(run_small("fedavg", attack={"kind": kind, "share": 0.3, "strength": 1.0}))
    assert attacked.facts.spoiled >= attacked.facts.rounds_used * len(attacked.attackers) > 0
    assert completed(run_small("fedavg")).facts.spoiled == 0
