"""Hospitals that attack: who they are, what they do, and that nobody else is touched."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from small_dataset import CPU, FEATURES, SIZES, dataset, engine, training

from chainward import codec
from chainward.engines import build, lightning_trainer
from chainward.engines.flower.hospital import Settings, places, run
from chainward.engines.local.attacks import CONDUCT, KINDS, Attack
from chainward.engines.local.cohort import CohortEngine
from chainward.engines.local.networks import TaskNetwork
from chainward.engines.local.sites import Sites
from chainward.ledgers.store import MemoryStore
from chainward.methods.attack import MALFORMED
from chainward.tasks.base import Training
from chainward.world import FIT, Kind, Memory, Query, Site, Unreadable, Update, Weights
from chainward.world.forms import read

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
        given[name] = {party: answer.value for party, answer in answers.items()}
    assert list(given["lightning"]) == list(given["cohort"])
    for party, value in given["cohort"].items():
        other = given["lightning"][party]
        if not isinstance(getattr(value, "weights", None), np.ndarray):
            assert repr(other) == repr(value)
            continue
        np.testing.assert_allclose(other.weights, value.weights, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_hospital_with_a_folder_of_its_own_attacks_alike(kind: str, tmp_path: Path) -> None:
    how, attack = training(local_steps=2), Attack(kind, 0.4, 1.0)
    parties = attacked(attack, how=how)
    first, sites = parties.sites.network.initial(0), parties.sites
    settings = Settings("fedavg", {}, asdict(how), 7, tuple(SIZES), asdict(attack)).text()
    for name, place in places(tmp_path, sites.true_rows, sites.held_out).items():
        answer = run(place, settings, lambda _: FIT, first, "1/fit/1")
        expected = parties.run(FIT, {name: first}, "1/fit/1").get(name)
        assert (answer is None) == (expected is None) == (kind == "silent" and name in sites.attackers)
        assert answer is None or codec.encode(answer.value) == codec.encode(expected.value)


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


def says(attack: Attack, what: Query, payload: object = None, label: str = "1/say/1") -> dict[str, object]:
    answers = attacked(attack).run(what, dict.fromkeys(SIZES, payload), label)
    return {party: answer.value for party, answer in answers.items()}


def _scored(site: Site, memory: Memory, _: None) -> tuple[dict[str, float], Memory]:
    return site.scores(dict.fromkeys(site.hospitals, 0.4), 0.0, 1.0), memory


SCORED = Query("scored", Kind.SCORES, _scored)


def test_a_liar_praises_its_accomplices_only_and_nobody_else_lies() -> None:
    attack = Attack("false_score", 0.4)
    liars = attacked(attack).sites.attackers
    for party, scores in says(attack, SCORED).items():
        expected = {name: float(name in liars) for name in SIZES} if party in liars else dict.fromkeys(SIZES, 0.4)
        assert scores == expected


def test_nobody_breaks_the_protocol_in_the_set_up() -> None:
    for kind in CONDUCT:
        assert says(Attack(kind, 1.0), SCORED, label="0/say/1") == says(Attack("scaled", 0.0), SCORED)


@pytest.mark.parametrize("form", MALFORMED)
def test_each_form_of_what_is_malformed_is_unreadable_or_another(form: str) -> None:
    true = attacked(None).run(FIT, dict.fromkeys(SIZES, attacked(None).sites.network.initial(0)), "1/fit/1")
    parties = attacked(Attack("malformed", 0.4, form=form))
    given = parties.run(FIT, dict.fromkeys(SIZES, parties.sites.network.initial(0)), "1/fit/1")
    for name in SIZES:
        same = codec.encode(given[name].value) == codec.encode(true[name].value)
        assert same == (name not in parties.sites.attackers or form == "unserved")  # an update names no content
        if form not in ("mismatched", "unserved") and not same:
            with pytest.raises(Unreadable):
                read(given[name].value, Update, parties.sites.network.parameters)


def _published(site: Site, memory: Memory, _: None) -> tuple[str, Memory]:
    return site.publish(np.ones(site.network.parameters, np.float32), Kind.UPDATE), memory


def test_what_nobody_serves_is_the_id_of_nothing() -> None:
    parties = attacked(Attack("malformed", 0.4, form="unserved"), how=training())
    parties.sites.store = MemoryStore()
    ids = parties.run(Query("published", Kind.CONTROL, _published), dict.fromkeys(SIZES), "1/published/1")
    for name, answer in ids.items():
        served = answer.value in parties.sites.store.snapshot()
        assert served == (name not in parties.sites.attackers)
        assert answer.cost.spoiled == int(not served)


def _reads(site: Site, memory: Memory, others: dict[str, object]) -> tuple[int, Memory]:
    return len(site.checked(others, Weights)), {}


def test_a_copier_gives_out_what_it_read_last_of_somebody_else() -> None:
    parties = attacked(Attack("copy", 0.4))
    (copier, *_), first = parties.sites.attackers, parties.sites.network.initial(0)
    other = next(name for name in SIZES if name not in parties.sites.attackers)
    begun = parties.run(FIT, {copier: first}, "1/fit/1")[copier].value.weights
    np.testing.assert_array_equal(begun, first)  # nothing to copy yet: what it received
    read_by = Query("reads", Kind.CONTROL, _reads)
    parties.run(read_by, {copier: {other: first + 1, copier: first + 2}}, "1/reads/1")
    np.testing.assert_array_equal(parties.run(FIT, {copier: first}, "2/fit/1")[copier].value.weights, first + 1)


def test_strength_is_the_share_of_occasions() -> None:
    labels = [f"{number}/say/1" for number in range(1, 201)]
    counts = [len(says(Attack("silent", 1.0, 0.25), SCORED, label=label)) for label in labels]
    assert np.mean(counts) == pytest.approx(0.75 * len(SIZES), abs=0.25)


def test_conduct_adds_to_what_attackers_do_with_their_updates() -> None:
    attack = Attack("sign_flip", 0.4, 4.0, also=("first_to_answer",))
    parties = attacked(attack)
    answers = parties.run(FIT, dict.fromkeys(SIZES, parties.sites.network.initial(0)), "1/fit/1")
    for name, answer in answers.items():
        assert answer.cost.hasty == bool(answer.cost.spoiled) == (name in parties.sites.attackers)
    with pytest.raises(ValueError, match="also: no conduct is called 'sign_flip'"):
        Attack("silent", 0.3, also=("sign_flip",))
    with pytest.raises(ValueError, match="form: none is called 'odd'"):
        Attack("malformed", 0.3, form="odd")
