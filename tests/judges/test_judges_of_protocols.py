"""Judges of attacks, gas, time and pay: each rule is broken once on each side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from judged import Made, judged, make
from sample_records import entry, predicted, specified

from chainward.judges import NOT_REPRODUCED, NOT_TESTABLE, PARTLY, REPRODUCED
from chainward.methods.mining import Terms, expected_latency, optimal_rate, races
from chainward.methods.randomness import stream
from chainward.results.record import GasRow, HospitalSize
from chainward.results.rounds import Rounds

SEEDS = range(5)
NAMES = tuple(f"hospital {number}" for number in range(1, 7))
PERFECT, CHANCE, REVERSED = (0.1, 0.9, 0.2, 0.8), (0.5,) * 4, (0.9, 0.1, 0.8, 0.2)
TWENTY = {"hospitals": 20}


def record(
    strategy: str = "ours",
    probabilities: Sequence[float] = PERFECT,
    judge: Mapping[str, Any] | None = None,
    sizes: Sequence[int] = (1, 2, 3, 4, 5, 6),
    own_models: Mapping[str, Sequence[float]] | None = None,
    **told: Any,
) -> Made:
    """A trial with four test patients; what is no field of a specification is a field of the record."""
    fields = {"params", "attack", "task", "task_params", "track", "rounds", "seed", "faults"}
    specification = specified(
        strategy, **{"task": "synthetic", **{name: value for name, value in told.items() if name in fields}}
    )
    hospitals = tuple(HospitalSize(name, size, 0, 0) for name, size in zip(NAMES, sizes, strict=True))
    rest = {"hospitals": hospitals, **{name: value for name, value in told.items() if name not in fields}}
    predictions = predicted(probabilities, (0, 1, 0, 1), ("a", "a", "b", "b"), own_models)
    return make(specification, predictions, judge, id=f"{strategy}-{specification}", **rest)


def verdict(records: Sequence[Made]) -> dict[str, Any]:
    (found,) = judged(records)
    return found


# --- attacks -------------------------------------------------------------------------------------

FLIP = {"kind": "sign_flip", "share": 0.3, "strength": 4.0}
ROBUST = {"name": "robust_to_attack", "task": "synthetic", "other": "fedavg", "attack": FLIP}
ROBUST |= {"drop": 0.03, "others_drop": 0.10, "partly": 0.5}
HALF_RIGHT = (0.1, 0.9, 0.8, 0.2)


def under_attack(ours: Sequence[float], theirs: Sequence[float]) -> list[Made]:
    found = []
    for seed in SEEDS:
        found += [record(judge=ROBUST, seed=seed), record(probabilities=ours, judge=ROBUST, seed=seed, attack=FLIP)]
        found += [record("fedavg", seed=seed), record("fedavg", theirs, seed=seed, attack=FLIP)]
    return found


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (PERFECT, REVERSED, REPRODUCED),
        (PERFECT, PERFECT, PARTLY),  # nothing was broken, so nothing was withstood
        (HALF_RIGHT, REVERSED, PARTLY),
        (REVERSED, REVERSED, NOT_REPRODUCED),
    ],
)
def test_robust_to_attack(ours: Sequence[float], theirs: Sequence[float], expected: str) -> None:
    found = verdict(under_attack(ours, theirs))
    assert found["verdict"] == expected, found["found"]


def test_robust_to_attack_says_both_drops_and_names_all_trials() -> None:
    found = verdict(under_attack(HALF_RIGHT, REVERSED))
    assert found["found"] == "drop +0.2500, that of fedavg +1.0000"
    assert len(found["records"]) == 20


@pytest.mark.parametrize("lost", ["attack", "honest", "other"])
def test_robust_to_attack_needs_all_four_groups(lost: str) -> None:
    keep = {
        "attack": lambda one: not one.attack or one.strategy != "ours",
        "honest": lambda one: one.attack or one.strategy != "ours",
        "other": lambda one: one.strategy == "ours",
    }[lost]
    found = verdict([one for one in under_attack(PERFECT, REVERSED) if keep(one.record.specification)])
    assert found["verdict"] == NOT_TESTABLE
    assert found["why"].startswith("0 of 5 seeds of ")


def test_an_attack_of_another_strength_is_no_evidence() -> None:
    trials = under_attack(PERFECT, REVERSED)
    weaker = [
        trial.but(specification=replace(about, attack={**FLIP, "strength": 1.0})) if about.attack else trial
        for trial in trials
        for about in [trial.record.specification]
    ]
    assert verdict(weaker)["verdict"] == NOT_TESTABLE


LOWER = {"name": "attackers_score_lower", "task": "synthetic", "quantity": "score", "level": 0.01}
LOWER |= {"attacks": [{"kind": "inverted", "strength": 1.0}], "shares": [0.2, 0.4]}


def scored(malicious: Mapping[float, float]) -> list[Made]:
    """Honest hospitals score about 0.8; the first share x 5 of them attack and score what is given by share."""
    found = []
    for seed in SEEDS:
        for share, score in malicious.items():
            attackers = NAMES[: round(5 * share)]
            scores = {name: score if name in attackers else 0.8 + 0.01 * seed for name in NAMES}
            attack = {"kind": "inverted", "share": share, "strength": 1.0}
            more = {"outcomes": {"score": scores}, "attackers": attackers}
            found.append(record(judge=LOWER, seed=seed, attack=attack, **more))
    return found


@pytest.mark.parametrize(
    ("malicious", "expected"),
    [
        ({0.2: 0.1, 0.4: 0.1}, REPRODUCED),
        ({0.2: 0.1, 0.4: 0.9}, PARTLY),
        ({0.2: 0.9, 0.4: 0.1}, NOT_REPRODUCED),
        ({0.2: 0.1}, NOT_TESTABLE),
    ],
)
def test_attackers_score_lower(malicious: dict[float, float], expected: str) -> None:
    found = verdict(scored(malicious))
    assert found["verdict"] == expected, found["found"]


def test_scores_that_nobody_gave_decide_nothing() -> None:
    trials = [trial.but(outcomes={}) for trial in scored({0.2: 0.1, 0.4: 0.1})]
    why = verdict(trials)["why"]
    assert why == "ours decided no score; `chainward run --claims ours` gathers what is missing"


HALF = {"kind": "label_flip", "share": 0.25, "strength": 0.5}
EARN = {"name": "attackers_earn_less", "task": "synthetic", "quantity": "share", "attack": HALF, "share": 0.6}
EARN |= {"task_params": TWENTY, "variants": [{"setting": "a"}, {"setting": "b"}]}


@pytest.mark.parametrize(
    ("earned", "expected"),
    [((0.1, 0.12), REPRODUCED), ((0.1, 0.19), PARTLY), ((0.19, 0.25), NOT_REPRODUCED)],
)
def test_attackers_earn_less(earned: tuple[float, float], expected: str) -> None:
    trials = [
        record(
            judge=EARN,
            seed=seed,
            params={"setting": setting},
            attack=HALF,
            task_params=TWENTY,
            attackers=(NAMES[0],),
            outcomes={"share": {name: share if name == NAMES[0] else 0.2 for name in NAMES}},
        )
        for seed in SEEDS
        for setting, share in zip("ab", earned, strict=True)
    ]
    found = verdict(trials)
    assert found["verdict"] == expected, found["found"]


# --- gas and time --------------------------------------------------------------------------------

LAW = {"name": "gas_an_agent", "task": "synthetic", "track": "common", "hospitals": [3, 5], "rounds": [2, 4]}
LAW |= {"rounds_parameter": "R", "coefficients": [100, 1_000, 500], "r2": 0.99, "within": 0.25}


def spent(function: str, gas: int) -> GasRow:
    return GasRow("Book", function, "round", 1, gas, float(gas), gas, gas, gas, reverted=0)


def agents(n: float, r: float, nr: float, noise: float = 0.0) -> list[Made]:
    found = []
    for count in (3, 5):
        for rounds in (2, 4):
            gas = (
                count
                * (n * count + r * rounds + nr * count * rounds)
                * (1 + noise * (-1) ** (count // 2 + rounds // 2))
            )
            rows = (spent("score", round(gas)), spent("constructor", 10**9))
            setting = {"task_params": {"hospitals": count}, "rounds": rounds, "params": {"R": rounds}}
            found.append(record(judge=LAW, gas_functions=rows, **setting))
    return found


@pytest.mark.parametrize(
    ("law", "noise", "expected"),
    [
        ((100, 1_000, 500), 0.0, REPRODUCED),
        ((120, 1_200, 600), 0.0, REPRODUCED),
        ((130, 1_000, 500), 0.0, PARTLY),
        ((100, 1_000, 700), 0.0, PARTLY),
        ((100, 1_000, 500), 0.4, NOT_REPRODUCED),
    ],
)
def test_gas_an_agent(law: tuple[float, float, float], noise: float, expected: str) -> None:
    found = verdict(agents(*law, noise))
    assert found["verdict"] == expected, found["found"]


def test_gas_an_agent_needs_every_size() -> None:
    assert verdict(agents(100, 1_000, 500)[:3])["why"].startswith("0 of 1 seeds of ours on synthetic with")


LINE = {
    "name": "setup_gas_line",
    "task": "synthetic",
    "hospitals": [1, 2, 3],
    "slope": 100,
    "r2": 0.999,
    "within": 0.25,
}


def many(count: int) -> tuple[HospitalSize, ...]:
    return tuple(HospitalSize(f"hospital {number}", 1, 0, 0) for number in range(count))


@pytest.mark.parametrize(
    ("gas", "expected"),
    [((150, 260, 370), REPRODUCED), ((150, 350, 550), PARTLY), ((150, 260, 420), NOT_REPRODUCED)],
)
def test_setup_gas_line(gas: Sequence[int], expected: str) -> None:
    trials = [
        record(judge=LINE, setup=entry(0, spent), task_params={"hospitals": count}, hospitals=many(count))
        for count, spent in enumerate(gas, 1)
    ]
    found = verdict(trials)
    assert found["verdict"] == expected, found["found"]


def test_setup_gas_line_is_of_trials_with_just_its_parameters() -> None:
    rule = LINE | {"params": {"setting": "b"}}
    trials = [
        record(judge=rule, setup=entry(0, gas), task_params={"hospitals": count}, params=params, hospitals=many(count))
        for count in (1, 2, 3)
        for params, gas in (({}, 7), ({"setting": "b"}, 50 + 100 * count))
    ]
    assert verdict(trials)["verdict"] == REPRODUCED
    others = [trial for trial in trials if not trial.record.specification.params]
    assert verdict(others)["verdict"] == NOT_TESTABLE


LESS = {"name": "less_gas_than", "task": "synthetic", "variant": {"winners": 0}, "other": "fedavg", "within": 0.02}


@pytest.mark.parametrize(
    ("gas", "ours", "expected"),
    [(50, PERFECT, REPRODUCED), (50, CHANCE, PARTLY), (100, PERFECT, NOT_REPRODUCED)],
)
def test_less_gas_than(gas: int, ours: Sequence[float], expected: str) -> None:
    trials = []
    for seed in SEEDS:
        trials.append(record(probabilities=ours, judge=LESS, seed=seed).but(rounds=Rounds.of([entry(1, gas)])))
        trials.append(record(judge=LESS, seed=seed, params={"winners": 0}).but(rounds=Rounds.of([entry(1, 100)])))
        trials.append(record("fedavg", seed=seed))
    found = verdict(trials)
    assert found["verdict"] == expected, found["found"]


PARTS = {"name": "dearest_parts", "task": "synthetic", "hospitals": [40, 60, 80], "partly": 2}
PARTS |= {"switches": ["verification", "sharing"]}


@pytest.mark.parametrize(
    ("verification", "expected"),
    [
        ((5, 5, 5), REPRODUCED),
        ((5, 1, 5), PARTLY),
        ((5, 2 + 1e-9, 5), PARTLY),  # what rounding tells apart has no order
        ((1, 1, 5), NOT_REPRODUCED),
    ],
)
def test_dearest_parts(verification: Sequence[float], expected: str) -> None:
    trials = []
    for count, spent in zip((40, 60, 80), verification, strict=True):
        for params, seconds in (({}, 10.0), ({"verification": False}, 10.0 - spent), ({"sharing": False}, 8.0)):
            trial = record(judge=PARTS, task_params={"hospitals": count}, params=params)
            trials.append(trial.but(rounds=Rounds.of([entry(1, latency={"compute": seconds - 1, "network": 1})])))
    found = verdict(trials)
    assert found["verdict"] == expected, found["found"]


BEST = {"name": "best_rate", "task": "synthetic", "task_params": TWENTY, "rounds": 2, "races": 100}
BEST |= {"factors": [0.25, 0.5, 0.8, 0.9, 1.0, 1.1, 1.25, 2.0, 4.0], "near": 0.1, "above": 0.02}
TERMS = Terms(miners=10, overhead=0.45, exposure=2.8)


def sweep(latency: Callable[[float], float]) -> list[Made]:
    """Trials at each multiple of lambda* = 0.05, with the latencies given."""
    found = []
    for factor in BEST["factors"]:
        told = {"rate": {"used": 0.05 * factor, "optimal": 0.05}, "simulated": {"latency_s": latency(factor)}}
        setting = {"params": {"rate_factor": factor, "races": 100}, "task_params": TWENTY}
        found += [record(judge=BEST, seed=seed, outcomes=told, **setting) for seed in SEEDS]
    return found


def closed(factor: float, shift: float = 1.0) -> float:
    """The latency by the closed form, its least moved to `shift` times where it belongs."""
    return expected_latency(factor * optimal_rate(TERMS) / shift, TERMS)


@pytest.mark.parametrize(
    ("latency", "expected"),
    [
        (closed, REPRODUCED),
        (lambda factor: closed(factor, 1.09), REPRODUCED),
        (lambda factor: closed(factor, 1.2), PARTLY),  # near in latency, not in rate
        (lambda factor: closed(factor, 0.8), PARTLY),
        (lambda factor: closed(factor) * (1.03 if factor == 1 else 1), PARTLY),  # near in rate, not in latency
        (lambda factor: 1 / factor, NOT_REPRODUCED),
        (lambda factor: factor, NOT_REPRODUCED),
    ],
)
def test_best_rate(latency: Callable[[float], float], expected: str) -> None:
    found = verdict(sweep(latency))
    assert found["verdict"] == expected, found["found"]


def test_best_rate_is_not_led_astray_by_one_lucky_point() -> None:
    """The least of the points is a quarter off; the curve through all of them is not."""
    found = verdict(sweep(lambda factor: closed(factor) * (0.985 if factor == 1.25 else 1)))
    assert found["verdict"] == REPRODUCED
    assert found["found"].startswith("least latency at 1.0")
    assert len(found["records"]) == 45


@pytest.mark.parametrize("shift", [1.0, 1.2])
def test_best_rate_of_simulated_races(shift: float) -> None:
    def simulated(factor: float) -> float:
        rate = factor * optimal_rate(TERMS) / shift
        tries = races(rate, [TERMS.exposure / 9] * 10, 20_000, stream("sweep"))
        return float((TERMS.overhead + tries.mining).sum() / (~tries.forked).sum())

    assert verdict(sweep(simulated))["verdict"] == (REPRODUCED if shift == 1 else PARTLY)


def test_best_rate_needs_every_rate_and_seed_and_a_race_without_a_fork() -> None:
    trials = sweep(closed)
    assert verdict(trials[1:])["why"].startswith("4 of 5 seeds of ours on synthetic with ")
    trials[0] = trials[0].but(outcomes={"rate": {"used": 1.0, "optimal": 1.0}})
    assert verdict(trials)["why"].startswith("a trial in which every simulated race forked")


# --- shares --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["size_and_score", "size_and_share"])
@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ((1, 2, 3, 4, 5, 6), REPRODUCED),
        ((2, 1, 4, 3, 6, 5), PARTLY),
        ((1, 6, 2, 5, 3, 4), NOT_REPRODUCED),
        ((6, 5, 4, 3, 2, 1), NOT_REPRODUCED),
    ],
)
def test_size_and_outcome(name: str, shares: Sequence[float], expected: str) -> None:
    rule = {"name": name, "task": "synthetic", "quantity": "share", "task_params": TWENTY}
    rule |= {"reproduced": 0.9, "partly": 0.7}
    told = {"outcomes": {"share": dict(zip(NAMES, shares, strict=True))}, "task_params": TWENTY}
    found = verdict([record(judge=rule, seed=seed, **told) for seed in SEEDS])
    assert found["verdict"] == expected, found["found"]
    assert "over 30 hospitals" in found["found"]


def test_hospitals_that_all_get_the_same_decide_nothing() -> None:
    rule = {"name": "size_and_share", "task": "synthetic", "quantity": "share", "task_params": TWENTY}
    told = {"outcomes": {"share": dict.fromkeys(NAMES, 1.0)}, "task_params": TWENTY}
    trials = [record(judge=rule | {"reproduced": 0.9, "partly": 0.7}, seed=seed, **told) for seed in SEEDS]
    assert verdict(trials)["verdict"] == NOT_TESTABLE


ALIKE = {"name": "pays_alike", "task": "synthetic", "quantity": "paid", "exact": {"orders": 720}, "task_params": TWENTY}
ALIKE |= {"reproduced": 0.9, "partly": 0.7}


@pytest.mark.parametrize(("noise", "expected"), [(0.0, REPRODUCED), (1.5, PARTLY), (20.0, NOT_REPRODUCED)])
def test_pays_alike(noise: float, expected: str) -> None:
    rng, trials = np.random.default_rng(0), []
    for seed in SEEDS:
        exact = dict(zip(NAMES, rng.random(6) * 6, strict=True))
        sampled = {name: value + noise * rng.standard_normal() for name, value in exact.items()}
        for params, paid in (({}, sampled), ({"orders": 720}, exact)):
            told = {"params": params, "outcomes": {"paid": paid}, "task_params": TWENTY}
            trials.append(record(judge=ALIKE, seed=seed, **told))
    found = verdict(trials)
    assert found["verdict"] == expected, found["found"]


# --- learning ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ours", "expected"), [(PERFECT, REPRODUCED), ((0.1, 0.9, 0.2, 0.81), NOT_REPRODUCED)])
def test_same_predictions(ours: Sequence[float], expected: str) -> None:
    rule = {"name": "same_predictions", "task": "synthetic", "other": "fedavg"}
    trials = [record("fedavg", seed=seed) for seed in SEEDS]
    trials += [record(probabilities=ours if seed == 3 else PERFECT, judge=rule, seed=seed) for seed in SEEDS]
    assert verdict(trials)["verdict"] == expected


SITES = {"name": "better_than_sites", "tasks": ["heart", "synthetic"], "other": "local_only"}


@pytest.mark.parametrize(
    ("best", "other", "expected"),
    [
        (CHANCE, REVERSED, REPRODUCED),
        (PERFECT, REVERSED, PARTLY),
        (PERFECT, PERFECT, NOT_REPRODUCED),
        (None, None, NOT_TESTABLE),
    ],
)
def test_better_than_sites(best: Sequence[float] | None, other: Sequence[float] | None, expected: str) -> None:
    own = {} if best is None else {"north": list(best), "south": list(other or ())}
    trials = []
    for seed in SEEDS:
        for task in ("heart", "synthetic"):
            # Only one task is ever in question: the other is clear.
            alone = own if task == "synthetic" else {name: list(REVERSED) for name in own}
            trials += [record(judge=SITES, seed=seed, task=task)]
            trials += [record("local_only", CHANCE, seed=seed, task=task, own_models=alone)]
    found = verdict(trials)
    assert found["verdict"] == expected, found["found"]
