"""Published accuracy: brute force over every table is the oracle, real tables are never impossible."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import product
from math import isclose
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainward.audit.accuracy import classifier, interval, training
from chainward.audit.counts import Table, table, whole
from chainward.audit.figures import Classifier, Interval, Training
from chainward.audit.finding import Verdict
from chainward.audit.printed import printed
from chainward.tasks.metrics import auroc

IMPOSSIBLE, IMPLAUSIBLE, POSSIBLE = Verdict.IMPOSSIBLE, Verdict.IMPLAUSIBLE, Verdict.POSSIBLE
QUOTE = {"figure": "table 1", "quoted": "as printed"}
ROUNDINGS = (ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP)


def verdicts(kind: Any, check: Any, **told: Any) -> list[tuple[str, Verdict]]:
    return [(found.check, found.verdict) for found in check(kind(**QUOTE, **told))]


def as_printed(share: Fraction, digits: int, rounding: str) -> str:
    whole_digits = Decimal(share.numerator) / Decimal(share.denominator)
    return str(whole_digits.quantize(Decimal(1).scaleb(-digits), rounding=rounding))


@pytest.mark.parametrize("digits", [1, 2, 3])
@pytest.mark.parametrize("total", [*range(1, 31), 97])
def test_whole_patients_as_by_trying_every_count(total: int, digits: int) -> None:
    """A figure is possible just where some count, rounded or cut off in some way, is printed so."""
    real = {as_printed(Fraction(count, total), digits, how) for count in range(total + 1) for how in ROUNDINGS}
    every = (f"{k / 10**digits:.{digits}f}" for k in range(10**digits + 1))
    for figure in every:
        assert (whole(printed(figure), total) is not None) == (figure in real), figure


def figures_of(one: Table) -> dict[str, Fraction]:
    """Every figure of a table; a share of nobody is 0."""
    tp, fn, fp, tn = one
    parts = {
        "accuracy": (tp + tn, sum(one)),
        "sensitivity": (tp, tp + fn),
        "specificity": (tn, fp + tn),
        "ppv": (tp, tp + fp),
        "npv": (tn, tn + fn),
        "f1": (2 * tp, 2 * tp + fp + fn),
    }
    return {name: Fraction(part, whole_) if whole_ else Fraction(0) for name, (part, whole_) in parts.items()}


def tables(patients: int) -> list[Table]:
    cells = product(range(patients + 1), repeat=3)
    return [Table(*cell, patients - sum(cell)) for cell in cells if sum(cell) <= patients]


@pytest.mark.parametrize(
    "names", [("accuracy", "ppv"), ("sensitivity", "npv"), ("specificity", "f1"), ("ppv", "npv", "f1")]
)
@pytest.mark.parametrize("patients", [1, 4, 6])
def test_one_table_as_by_trying_every_table(patients: int, names: tuple[str, ...]) -> None:
    real = {
        tuple(as_printed(figures_of(one)[name], 1, how) for name, how in zip(names, hows, strict=True))
        for one in tables(patients)
        for hows in product(ROUNDINGS, repeat=len(names))
    }
    for figures in product([f"{k / 10:.1f}" for k in range(11)], repeat=len(names)):
        quoted = {name: printed(figure) for name, figure in zip(names, figures, strict=True)}
        assert (table(quoted, patients, None) is not None) == (figures in real), figures


@settings(max_examples=200)
@given(st.tuples(*[st.integers(0, 60)] * 4).filter(lambda cells: sum(cells) > 0), st.data())
def test_a_real_table_is_never_impossible(cells: tuple[int, int, int, int], data: st.DataObject) -> None:
    """Whichever of its figures are printed, with whatever digits, rounded or cut off, as a share or in per cent."""
    one = Table(*cells)
    told: dict[str, Any] = {}
    for name, share in figures_of(one).items():
        digits, how = data.draw(st.integers(1, 5)), data.draw(st.sampled_from(ROUNDINGS))
        form = data.draw(st.sampled_from(["left out", "share", "per cent"]))
        if form == "share":
            told[name] = as_printed(share, digits, how)
        elif form == "per cent":
            told[name] = f"{as_printed(100 * share, digits - 1, how)} %"
    if not told:
        return
    if data.draw(st.booleans()):
        told["patients"] = sum(one)
        if data.draw(st.booleans()):
            told["positives"] = one.true_positive + one.false_negative
    sides = one.true_positive + one.false_negative, one.false_positive + one.true_negative
    if 0 in sides and {"sensitivity", "specificity"} & told.keys():
        return  # of nobody there is no such figure
    found = verdicts(Classifier, classifier, **told)
    assert IMPOSSIBLE not in dict(found).values(), (told, found)


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"accuracy": "98.2 %", "sensitivity": "96.5 %", "specificity": "33.5 %"}, ("weighted mean", IMPOSSIBLE)),
        ({"accuracy": "90.2 %", "sensitivity": "96.5 %", "specificity": "33.5 %"}, ("weighted mean", POSSIBLE)),
        (
            {"accuracy": "98.2 %", "sensitivity": "96.5 %", "specificity": "90 %", "runs": 5},
            ("weighted mean", IMPLAUSIBLE),
        ),
        ({"accuracy": "98.2 %", "specificity": "33.5 %"}, ("weighted mean", IMPLAUSIBLE)),
        ({"accuracy": "98.2 %", "specificity": "90 %"}, ("weighted mean", POSSIBLE)),
        (
            {"accuracy": "98.2 %", "specificity": "33.5 %", "patients": 1000, "positives": 500},
            ("weighted mean", IMPOSSIBLE),
        ),
        (
            {"accuracy": "98.2 %", "specificity": "33.5 %", "patients": 1000, "positives": 980},
            ("weighted mean", POSSIBLE),
        ),
        (
            {"accuracy": "98.2 %", "sensitivity": "33.5 %", "patients": 1000, "positives": 100},
            ("weighted mean", IMPOSSIBLE),
        ),
        ({"accuracy": "10 %", "sensitivity": "90 %"}, ("weighted mean", POSSIBLE)),
        ({"f1": "0.97", "ppv": "0.973", "sensitivity": "0.965"}, ("harmonic mean", POSSIBLE)),
        ({"f1": "0.98", "ppv": "0.973", "sensitivity": "0.965"}, ("harmonic mean", IMPOSSIBLE)),
        ({"f1": "0.98", "ppv": "0.973", "sensitivity": "0.965", "runs": 5}, ("harmonic mean", IMPLAUSIBLE)),
        ({"accuracy": "98.2"}, ("range", IMPOSSIBLE)),
        ({"accuracy": "-0.1"}, ("range", IMPOSSIBLE)),
        ({"accuracy": "0.905", "patients": 30}, ("whole patients", IMPOSSIBLE)),
        ({"accuracy": "0.905", "patients": 30, "runs": 10}, ("whole patients", IMPOSSIBLE)),
        ({"accuracy": "0.9", "patients": 30}, ("whole patients", POSSIBLE)),
        ({"sensitivity": "0.55", "patients": 30, "positives": 10}, ("whole patients", IMPOSSIBLE)),
        ({"accuracy": "0.9", "ppv": "0.9", "sensitivity": "0.1", "patients": 20}, ("one table", IMPOSSIBLE)),
        ({"accuracy": "0.9", "ppv": "0.9", "sensitivity": "0.9", "patients": 20}, ("one table", POSSIBLE)),
    ],
)
def test_figures_of_one_threshold(told: dict[str, Any], found: tuple[str, Verdict]) -> None:
    assert found in verdicts(Classifier, classifier, **told)


def test_too_many_tables_are_left() -> None:
    found = list(classifier(Classifier(**QUOTE, accuracy="0.91234", npv="0.1", patients=5000)))
    together = next(one for one in found if one.check == "one table")
    assert together.verdict == POSSIBLE
    assert "not all looked through" in together.derivation


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"of": "share", "value": "0.9", "low": "0.85", "high": "0.95", "patients": 200}, [POSSIBLE, POSSIBLE]),
        ({"of": "share", "value": "0.9", "low": "0.899", "high": "0.901", "patients": 200}, [POSSIBLE, IMPLAUSIBLE]),
        (
            {"of": "share", "value": "0.9", "low": "0.85", "high": "1.05"},
            [IMPLAUSIBLE],
        ),  # as normal approximation has it
        ({"of": "share", "value": "0.9", "low": "-0.85", "high": "0.95"}, [IMPLAUSIBLE]),
        ({"of": "share", "value": "0.9", "low": "0.95", "high": "0.85"}, [IMPOSSIBLE]),
        ({"of": "share", "value": "0.99", "low": "0.85", "high": "0.95"}, [IMPLAUSIBLE]),
        ({"of": "share", "value": "0.905", "patients": 30}, [IMPOSSIBLE]),
        (
            {"of": "auroc", "value": "0.85", "low": "0.80", "high": "0.90", "positives": 80, "negatives": 200},
            [POSSIBLE, POSSIBLE],
        ),
        (
            {"of": "auroc", "value": "0.85", "low": "0.84", "high": "0.86", "positives": 80, "negatives": 200},
            [POSSIBLE, IMPLAUSIBLE],
        ),
        ({"of": "auroc", "value": "1.02"}, [IMPOSSIBLE]),
        ({"of": "auroc", "value": "0.5", "positives": 1, "negatives": 1}, [POSSIBLE]),
        ({"of": "auroc", "value": "0.7", "positives": 1, "negatives": 1}, [IMPOSSIBLE]),  # 0, a half or 1
        ({"of": "auroc", "value": "0.85", "low": "0.84", "high": "0.86"}, []),
    ],
)
def test_intervals(told: dict[str, Any], found: list[Verdict]) -> None:
    assert [verdict for _, verdict in verdicts(Interval, interval, **told)] == found


def test_error_of_an_auroc_is_that_of_hanley_and_mcneil() -> None:
    """Against the spread of AUROC in samples of the exponential law that their formula supposes."""
    chance, positives, negatives = np.random.default_rng(1), 40, 90
    ratio = 0.8 / 0.2  # P(X > Y) of exponentials whose means have this ratio is 0.8
    found = [
        np.mean(chance.exponential(ratio, positives)[:, None] > chance.exponential(1, negatives)) for _ in range(4000)
    ]
    told = {"value": "0.8", "low": "0.7", "high": "0.9", "positives": positives, "negatives": negatives}
    width = next(found for found in interval(Interval(**QUOTE, of="auroc", **told)) if found.check == "width")
    error = float(width.derivation.partition("1.96 × ")[2].partition(" =")[0])
    assert isclose(error, float(np.std(found)), rel_tol=0.05)


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=9), st.lists(st.integers(0, 4), min_size=1, max_size=9), st.data()
)
def test_a_real_auroc_is_never_impossible(positive: list[int], negative: list[int], data: st.DataObject) -> None:
    """Scores with many ties, which count as halves."""
    label = np.array([1] * len(positive) + [0] * len(negative))
    found = auroc(label, np.array([*positive, *negative], dtype=float))
    exact = Fraction(found).limit_denominator(2 * 9 * 9)
    digits, how = data.draw(st.integers(1, 6)), data.draw(st.sampled_from(ROUNDINGS))
    told = {"value": as_printed(exact, digits, how), "positives": len(positive), "negatives": len(negative)}
    assert verdicts(Interval, interval, of="auroc", **told) == [("whole pairs", POSSIBLE)]


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        ({"training": "0.539", "test": "98 %"}, IMPLAUSIBLE),
        ({"training": "0.539", "test": "98 %", "test_patients": 20}, POSSIBLE),
        ({"training": "0.539", "test": "98 %", "test_patients": 50}, IMPLAUSIBLE),
        ({"training": "0.95", "test": "96 %"}, POSSIBLE),
        ({"training": "0.99", "test": "90 %"}, POSSIBLE),
    ],
)
def test_training_beside_test(told: dict[str, Any], verdict: Verdict) -> None:
    assert verdicts(Training, training, **told) == [("training", verdict)]
