"""Hospitals that attack: who they are, what they do, and that nobody else is touched."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from small_dataset import CPU, FEATURES, SIZES, dataset, engine, training

from chainward.engines import build, lightning_trainer
from chainward.engines.flower.hospital import Settings, places, run
from chainward.engines.local.attacks import KINDS, Attack
from chainward.engines.local.cohort import CohortEngine
from chainward.engines.local.networks import TaskNetwork
from chainward.engines.local.sites import Sites
from chainward.ledgers.store import MemoryStore
from chainward.tasks.base import Training
from chainward.world import FIT

NAMES = [f"hospital {number}" for number in range(20)]


def attacked(attack: Attack | None, seed: int = 7, how: Training | None = None) -> CohortEngine:
    how = how or training()
    return CohortEngine(Sites(dataset(), how, TaskNetwork(FEATURES, how, CPU), seed, None, None, attack))  # type: ignore[arg-type]


def fitted(parties: CohortEngine) -> dict[str, np.ndarray]:
    first = parties.sites.network.initial(0)
    answers = parties.run(FIT, dict.fromkeys(SIZES, first), "1/fit/1")
    return {name: answer.value.weights for name, answer in answers.items()}


@pytest.mark.parametrize(("share", "count"), [(0, 0), (0.05, 1), (0.3, 6), (0.45, 9), (0.49, 9), (1, 20)])
def test_a_share_of_the_hospitals_attacks_rounded_down(share: float, count: int) -> None:
    attackers = Attack("sign_flip", share).attackers(NAMES, seed=3)
    assert len(set(attackers)) == count
    assert list(attackers) == [name for name in NAMES if name in attackers]


def test_who_attacks_is_drawn_by_seed_and_not_by_kind() -> None:
    drawn = {Attack("sign_flip", 0.3).attackers(NAMES, seed) for seed in range(8)}
    assert len(drawn) > 5
    assert Attack("gaussian", 0.3, 9.0).attackers(NAMES, 1) == Attack("sign_flip", 0.3).attackers(NAMES, 1)


def test_only_attackers_give_something_else() -> None:
    honest, parties = fitted(attacked(None)), attacked(Attack("sign_flip", 0.4, 4.0))
    found, first = fitted(parties), parties.sites.network.initial(0)
    assert len(parties.sites.attackers) == 2
    for name in SIZES:
        flipped = first - np.float32(4) * (honest[name] - first)
        np.testing.assert_array_equal(found[name], flipped if name in parties.sites.attackers else honest[name])


def test_noise_of_an_attacker_differs_by_hospital_and_round_and_repeats() -> None:
    parties = attacked(Attack("random_weights", 1.0))
    first = parties.sites.network.initial(0)
    one, two, again = (
        parties.run(FIT, dict.fromkeys(SIZES, first), label)["large"].value.weights
        for label in ("1/fit/1", "2/fit/1", "1/fit/1")
    )
    assert not np.array_equal(one, two)
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, fitted(parties)["odd"])


def test_a_label_flipper_trains_and_scores_on_flipped_labels() -> None:
    parties = attacked(Attack("label_flip", 0.4, 1.0))
    true, used = parties.sites.true_rows, parties.sites.training_rows
    for name in SIZES:
        expected = 1 - true[name].labels if name in parties.sites.attackers else true[name].labels
        np.testing.assert_array_equal(used[name].labels, expected)
        np.testing.assert_array_equal(used[name].features, true[name].features)
    spoiled = next(name for name in parties.sites.attackers)
    assert not np.array_equal(fitted(parties)[spoiled], fitted(engine(training(), dataset()))[spoiled])
    assert parties.sites.given(spoiled, None, "update", "label") == "update"  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_lightning_is_attacked_like_the_cohort(kind: str) -> None:
    how = training(local_steps=2)
    attack = Attack(kind, 0.4, 1.0)
    first = TaskNetwork(FEATURES, how, CPU).initial(0)
    given = {}
    for name in ("cohort", "lightning"):
        network = TaskNetwork(FEATURES, how, CPU)
        train = partial(lightning_trainer, network, how.learning_rate)
        parties = build(name, Sites(dataset(), how, network, 7, MemoryStore(), train, attack), None, {})
        answers = parties.run(FIT, dict.fromkeys(SIZES, first), "1/fit/1")
        given[name] = np.stack([answers[party].value.weights for party in SIZES])
    np.testing.assert_allclose(given["lightning"], given["cohort"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_hospital_with_a_folder_of_its_own_attacks_alike(kind: str, tmp_path: Path) -> None:
    how, attack = training(local_steps=2), Attack(kind, 0.4, 1.0)
    parties = attacked(attack, how=how)
    first, sites = parties.sites.network.initial(0), parties.sites
    settings = Settings("fedavg", {}, asdict(how), 7, tuple(SIZES), asdict(attack)).text()
    for name, place in places(tmp_path, sites.true_rows).items():
        answer = run(place, settings, lambda _: FIT, first, "1/fit/1")
        expected = parties.run(FIT, {name: first}, "1/fit/1")[name].value.weights
        np.testing.assert_array_equal(answer.value.weights, expected)


@pytest.mark.parametrize(
    ("kind", "share", "strength", "told"),
    [
        ("bribe", 0.3, 1.0, "no attack is called 'bribe'"),
        ("sign_flip", -0.1, 1.0, "share"),
        ("label_flip", 0.3, 1.1, "strength"),
    ],
)
def test_what_no_attack_can_be(kind: str, share: float, strength: float, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Attack(kind, share, strength)
