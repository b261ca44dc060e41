"""Patients are the units: intervals against bootstraps that draw each patient once, ties that stay ties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import sem, ttest_rel

from chainward.results.comparison import best, compare, holm
from chainward.results.inference import (
    Mean,
    difference,
    mean_over_hospitals,
    mean_over_seeds,
    unpaired,
)
from chainward.results.influence import MEASURES, auroc
from chainward.results.predictions import Predictions
from chainward.tasks.metrics import auroc as area

PATIENTS = 300


def trials(strength: float, noise: float, seeds: int = 10, population: int = 0) -> list[Predictions]:
    """Seeds of five folds each: a patient's score is its label's and its own, and a little of the seed's."""
    rng = np.random.default_rng(population)
    labels = (rng.random(PATIENTS) < 0.4).astype(float)
    own = rng.normal(size=PATIENTS)
    folds = [rng.permutation(PATIENTS) % 5 for _ in range(-(-seeds // 5))]
    luck = np.random.default_rng([population, 1, int(1000 * noise), int(1000 * strength)])
    found = []
    for seed in range(seeds):
        mine = np.flatnonzero(folds[seed // 5] == seed % 5)
        score = strength * labels[mine] + own[mine] + noise * luck.normal(size=len(mine))
        hospital = np.array(["A", "B", "C"])[mine % 3]
        found.append(Predictions(hospital, mine, labels[mine], 1 / (1 + np.exp(-score))))
    return found


def bootstrapped(seeds: list[Predictions], others: list[Predictions] | None = None, replicates: int = 500) -> float:
    """Standard error by a bootstrap that draws each patient once, within class, and keeps its weight in every seed."""
    rng = np.random.default_rng(5)
    labels = np.empty(PATIENTS)
    for seed in seeds:
        labels[seed.patient] = seed.label
    values = []
    for _ in range(replicates):
        weights = np.zeros(PATIENTS, dtype=int)
        for side in (0, 1):
            members = np.flatnonzero(labels == side)
            weights += np.bincount(rng.choice(members, len(members)), minlength=PATIENTS)
        repeated = [np.repeat(np.arange(len(seed.patient)), weights[seed.patient]) for seed in seeds]
        one = [area(s.label[r], s.probability[r]) for s, r in zip(seeds, repeated, strict=True)]
        two = [area(s.label[r], s.probability[r]) for s, r in zip(others or [], repeated, strict=bool(others))]
        values.append(np.mean(one) - (np.mean(two) if two else 0))
    return float(np.std(values))


@pytest.mark.parametrize("seeds", [5, 10])
def test_standard_error_is_that_of_drawing_patients(seeds: int) -> None:
    found = trials(1.0, 0.5, seeds)
    assert mean_over_seeds(auroc, found).error == pytest.approx(bootstrapped(found), rel=0.1)


@pytest.mark.parametrize("seeds", [5, 10])
def test_standard_error_of_a_difference_is_that_of_drawing_patients(seeds: int) -> None:
    ours, theirs = trials(1.0, 0.5, seeds), trials(0.7, 0.8, seeds)
    found = difference(mean_over_seeds(auroc, ours), mean_over_seeds(auroc, theirs))
    assert found.error == pytest.approx(bootstrapped(ours, theirs), rel=0.1)
    assert found.low < found.estimate < found.high


def test_seeds_beyond_five_are_repeats_not_patients() -> None:
    """The same five folds five times over say no more than once."""
    once = trials(1.0, 0.0, 5)
    assert mean_over_seeds(auroc, once * 5).error == pytest.approx(mean_over_seeds(auroc, once).error)


def test_the_mean_is_the_mean_over_seeds() -> None:
    found = trials(1.0, 0.5)
    assert mean_over_seeds(auroc, found).value == pytest.approx(
        np.mean([area(seed.label, seed.probability) for seed in found])
    )


def test_a_perfect_model_is_not_certain() -> None:
    perfect = [Predictions(s.hospital, s.patient, s.label, 0.1 + 0.8 * s.label) for s in trials(1.0, 0.5, 5)]
    interval = mean_over_seeds(auroc, perfect).interval
    assert (interval.estimate, interval.high) == (1.0, 1.0)
    assert 0.95 < interval.low < 1.0


def test_a_seed_of_one_class_leaves_no_mean() -> None:
    found = trials(1.0, 0.5, 5)
    one = Predictions(found[0].hospital, found[0].patient, np.ones(len(found[0].patient)), found[0].probability)
    assert mean_over_seeds(auroc, [one, *found[1:]]) is None


def test_other_patients_cannot_be_paired() -> None:
    whole, part = mean_over_seeds(auroc, trials(1.0, 0.5, 5)), mean_over_seeds(auroc, trials(1.0, 0.5, 4))
    with pytest.raises(ValueError, match="same patients"):
        difference(whole, part)
    assert unpaired(whole, part).error == pytest.approx(np.hypot(whole.error, part.error))


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_has_an_interval_around_its_value(name: str) -> None:
    interval = mean_over_seeds(MEASURES[name], trials(1.0, 0.5)).interval
    assert 0 < interval.low < interval.estimate < interval.high < 1


def left_out(hospital: str, skill: float, seed: int, patients: int = 40) -> Predictions:
    """What a model that never saw a hospital predicts there; fewer than ten positives at a hospital called tiny."""
    rng = np.random.default_rng([seed, len(hospital), int(100 * skill)])
    labels = (np.arange(patients) < (6 if hospital == "tiny" else patients // 2)).astype(float)
    scores = skill * labels + np.random.default_rng([seed, len(hospital)]).normal(size=patients)
    probability = 1 / (1 + np.exp(-scores - 0.1 * rng.normal(size=patients)))
    return Predictions(np.full(patients, hospital), np.arange(patients) + 100 * seed, labels, probability)


def test_where_hospitals_are_left_out_they_are_the_units() -> None:
    """Against Student's t of the hospitals' own figures."""
    names = ("a", "bb", "ccc", "dddd")
    ours, theirs = ([left_out(name, skill, seed) for seed, name in enumerate(names)] for skill in (1.0, 0.6))
    values = [[area(one.label, one.probability) for one in side] for side in (ours, theirs)]
    first, second = (mean_over_hospitals(auroc, side) for side in (ours, theirs))
    assert first.value == pytest.approx(np.mean(values[0]))
    assert first.error == pytest.approx(sem(values[0]))
    found, oracle = difference(first, second), ttest_rel(*values)
    assert found.p == pytest.approx(oracle.pvalue)
    assert (found.low, found.high) == pytest.approx(oracle.confidence_interval())
    assert compare([first, second]).adjusted[0, 1] == pytest.approx(oracle.pvalue)


def test_a_hospital_too_small_for_a_figure_is_no_unit() -> None:
    seeds = [left_out(name, 1.0, seed) for seed, name in enumerate(("a", "tiny", "ccc"))]
    assert mean_over_hospitals(auroc, seeds).units.tolist() == ["a", "ccc"]
    assert mean_over_hospitals(auroc, seeds[:2]) is None


def test_a_hospital_left_out_twice_is_one_unit() -> None:
    once = [left_out(name, 1.0, seed) for seed, name in enumerate(("a", "bb", "ccc"))]
    found, twice = mean_over_hospitals(auroc, once), mean_over_hospitals(auroc, [*once, *once])
    assert (twice.value, twice.error, twice.freedom) == (pytest.approx(found.value), pytest.approx(found.error), 2)


def test_several_hospitals_in_one_seed_were_not_left_out_one_by_one() -> None:
    with pytest.raises(ValueError, match="tests 3"):
        mean_over_hospitals(auroc, trials(1.0, 0.5))


def test_like_means_that_both_one_sided_tests_say_so() -> None:
    ours, alike = (mean_over_seeds(auroc, trials(1.0, noise)) for noise in (0.5, 0.51))
    found = difference(ours, alike)
    needed = abs(found.estimate) + 1.6448536269514722 * found.error
    assert found.within(needed + 1e-9)
    assert not found.within(needed - 1e-9)


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm([0.04, 0.01, 0.03]), [0.06, 0.03, 0.06])
    np.testing.assert_allclose(holm([0.6, 0.9]), [1.0, 1.0])
    assert not len(holm([]))


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_rejects_what_the_step_down_procedure_rejects(p: list[float]) -> None:
    rejected = set()
    for number, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        if p[index] * (len(p) - number) >= 0.05:
            break
        rejected.add(index)
    assert {i for i, value in enumerate(holm(p)) if value < 0.05} == rejected


def test_a_table_names_who_cannot_be_told_apart() -> None:
    strengths = (2.5, 2.45, 0.2)
    found = compare([mean_over_seeds(auroc, trials(strength, 0.3)) for strength in strengths])
    assert found.ranks == (1, 1, 3)
    assert found.tied_with(0) == (0, 1)
    assert found.tied_with(2) == (2,)
    assert 0 < found.told_apart[0] <= found.told_apart[1] <= found.told_apart[2] < 0.1


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_rounding_orders_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [trials(1.0, 0.5), trials(1.0, 0.5), trials(0.3, 0.5)]

    def shaken(one: Predictions) -> Predictions:
        return Predictions(
            one.hospital, one.patient, one.label, one.probability + 1e-12 * rng.normal(size=len(one.label))
        )

    def told(rows: list[list[Predictions]]):
        means = [mean_over_seeds(auroc, row) for row in rows]
        found = compare(means)
        return best([mean.value for mean in means], ["b", "a", "c"]), found.ranks, found.tied_with(1)

    assert told(rows) == told([[shaken(one) for one in row] for row in rows]) == (1, (1, 1, 3), (0, 1))


def test_nothing_moves_nobody() -> None:
    still = Mean(0.7, np.arange(3), np.zeros(3), 1)
    assert difference(still, still).p == 1.0


def test_a_second_stay_of_a_patient_is_no_second_patient() -> None:
    once = trials(1.0, 0.3, seeds=5)
    doubled = [
        Predictions(*(np.tile(column, 2) for column in (one.hospital, one.patient, one.label, one.probability)))
        for one in once
    ]
    apart = [
        Predictions(one.hospital, np.arange(len(one.label)) + 1000 * seed, one.label, one.probability)
        for seed, one in enumerate(doubled)
    ]
    single, both, more = (mean_over_seeds(auroc, seeds) for seeds in (once, doubled, apart))
    assert None not in (single, both, more)
    assert both.value == pytest.approx(single.value)
    assert len(both.units) == len(single.units) == PATIENTS
    assert both.error == pytest.approx(single.error, rel=0.02)
    assert more.error == pytest.approx(single.error / np.sqrt(2), rel=0.02)
