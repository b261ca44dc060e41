"""What a plan is said to cost, against what its trials then cost, and against laws that are known."""

from __future__ import annotations

from typing import Any

import pytest

from chainward.plans.plan import Plan
from chainward.plans.specification import Specification
from chainward.testing import completed, run_small
from chainward.trials import estimate as estimating
from chainward.trials.estimate import (
    MOST,
    NOTHING,
    Cost,
    Probe,
    Setting,
    estimate,
    fitted,
    growth,
    law,
    probe_sizes,
    settings_of,
    trial_cost,
)


def setting(strategy: str, hospitals: int = 12, rounds: int = 6, **others: Any) -> Setting:
    sizes = {"hospitals": hospitals, "patients": 40}
    return Setting(Specification(strategy, "synthetic", seed=0, rounds=rounds, task_params=sizes, **others), 1)


def spent(specification: Specification) -> tuple[int, int]:
    """Gas and transactions of the whole trial."""
    entries = completed(run_small(specification.strategy, **_fields(specification))).entries
    return sum(entry.gas for entry in entries), entries[-1].transactions


def _fields(specification: Specification) -> dict[str, Any]:
    names = ("task_params", "rounds", "params", "track")
    return {name: getattr(specification, name) for name in names}


@pytest.mark.parametrize("strategy", ["swarm_learning", "blockflow", "bflc", "two_cp", "baffle", "fedavg"])
def test_gas_is_what_the_trial_then_costs(strategy: str) -> None:
    one = setting(strategy)
    found = estimate(one)
    gas, transactions = spent(one.specification)
    assert found.cost.gas == pytest.approx(gas, rel=0.05)
    assert found.cost.transactions == pytest.approx(transactions, rel=0.05)
    assert found.cost.seconds > 0
    assert found.probes == (6, 9, 12)


def test_gas_of_a_federation_larger_than_any_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tried with up to 12 hospitals, and run with 30."""
    monkeypatch.setattr(estimating, "MOST", 12)
    for one in (setting("blockfl", 30), setting("blockflow", 30, params={"auditors": 0})):
        found = estimate(one)
        assert (found.hospitals, found.probes) == (30, (6, 9, 12))
        assert found.cost.gas == pytest.approx(spent(one.specification)[0], rel=0.15)


def test_a_law_in_hospitals_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody audits everybody, a transaction a pair: gas is quadratic; with three auditors each it is linear."""
    monkeypatch.setattr(estimating, "MOST", 32)
    audits = ({"auditors": 0, "pairwise": True}, {"auditors": 3})
    all_, few = (estimate(setting("blockflow", 32, params=params)).growth for params in audits)
    assert all_["gas"] == pytest.approx(2.0, abs=0.15)
    assert few["gas"] == pytest.approx(1.0, abs=0.1)


def test_who_ends_by_itself_costs_at_most_the_estimate() -> None:
    one = setting("explorer_chain", rounds=30)
    assert spent(one.specification)[0] <= estimate(one).cost.gas * 1.05


def test_probes_are_parts_of_the_task_and_never_larger() -> None:
    for hospitals in range(1, 200):
        sizes = probe_sizes(hospitals)
        assert max(sizes) == min(hospitals, MOST)
        assert sorted(set(sizes)) == list(sizes)
        assert min(sizes) >= min(hospitals, 4)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([7, 7, 7], 7), ([10, 20, 30], 100), ([100, 400, 900], 10_000), ([0, 0, 0], 0), ([111, 421, 931], 10_101)],
)
def test_laws_by_hand(values: list[float], expected: float) -> None:
    assert law([10, 20, 30], values, 100) == pytest.approx(expected, rel=1e-6)


def test_a_falling_cost_is_not_extrapolated_below_zero() -> None:
    assert law([10, 20, 30], [30.0, 20.0, 10.0], 1000) >= 10


def test_a_size_that_was_tried_is_taken_as_it_is() -> None:
    points = [(4, Cost(1, 10, 1)), (8, Cost(9, 11, 3)), (12, Cost(2, 50, 4))]
    assert fitted(points, 8) == Cost(9, 11, 3)


def test_rounds_beyond_the_first_are_alike() -> None:
    probes = [Probe(4, Cost(1, 100, 5), Cost(0.5, 10, 2))]
    once = Specification("fedavg", "synthetic", seed=0, rounds=1)
    assert trial_cost(probes, 4, once) == Cost(1, 100, 5)
    assert trial_cost(probes, 4, Specification("fedavg", "synthetic", seed=0, rounds=11)) == Cost(6, 200, 25)
    tuned = Specification("fedavg", "synthetic", seed=0, rounds=2, track="tuned")
    assert trial_cost(probes, 4, tuned) == Cost(6 * 2.5, 6 * 130, 6 * 11)  # five rates, and as chosen, four rounds each


def test_growth_needs_two_sizes_and_a_cost() -> None:
    rising = [Probe(size, NOTHING, Cost(size, 0, 1)) for size in (10, 20)]
    assert growth(rising, "seconds") == pytest.approx(1)
    assert growth(rising, "gas") is None
    assert growth(rising[:1], "seconds") is None


def test_settings_are_trials_that_cost_the_same() -> None:
    plan = Plan(
        name="two",
        strategies=["fedavg", {"key": "blockflow", "auditors": 3}, "blockflow"],
        tasks=["heart"],
        seeds=3,
        rounds=2,
        attacks=["none", {"kind": "sign_flip", "share": 0.3, "strength": 4}],
        faults={"absent": {"Hungary": [1]}},
    )
    found = settings_of(plan)
    assert [(one.specification.strategy, one.trials) for one in found] == [
        ("fedavg", 6),
        ("blockflow", 6),
        ("blockflow", 6),
    ]
    assert {(one.specification.seed, *one.specification.faults) for one in found} == {(0,)}
