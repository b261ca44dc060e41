"""A small run of benchmarks/interval_coverage.py: intervals are as wide as estimates stray from the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from interval_coverage import PROCEDURES, Drawn, drawn
from populations import FEATURES, Population

from chainward.results.influence import MEASURES

DRAWS = 100
CHANCE = 3 / np.sqrt(2 * DRAWS)  # three deviations of the ratio of a sample's deviation to the true one


@pytest.fixture(scope="module")
def found() -> dict[tuple[str, int], Drawn]:
    return drawn(4, 230, DRAWS, seeds=(5,))


def honest(one: Drawn) -> bool:
    return abs(one.width - 1) < CHANCE and abs(one.bias) < 3 / np.sqrt(DRAWS) and one.covered > 0.88


def test_intervals_are_as_wide_as_estimates_stray(found: dict[tuple[str, int], Drawn]) -> None:
    assert {quantity for quantity, one in found.items() if not honest(one)} == set()


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_intervals_of_another_width_would_be_noticed(found: dict[tuple[str, int], Drawn], factor: float) -> None:
    for one in found.values():
        low, high = (one.estimate + factor * (bound - one.estimate) for bound in (one.low, one.high))
        assert not honest(replace(one, low=low, high=high, error=factor * one.error))


@pytest.mark.parametrize("name", ["auroc", "within_hospital_auroc"])
@pytest.mark.parametrize("procedure", PROCEDURES)
def test_the_truth_is_what_many_new_patients_show(procedure: str, name: str) -> None:
    population, rng = Population(4), np.random.default_rng(0)
    patients, new = population.draw(100, rng), population.draw(20_000, rng)
    weights = PROCEDURES[procedure](patients, np.ones((1, len(patients.label))))[:, :FEATURES]
    sampled = MEASURES[name](new.hospital, new.label, new.features @ weights[0], None)
    (truth,) = population.reached(weights)[MEASURES[name]]
    assert sampled.value == pytest.approx(truth, abs=4 * np.sqrt(sampled.of @ sampled.of))
