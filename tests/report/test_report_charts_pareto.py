"""Accuracy against gas and against latency: who is on the front."""

from itertools import pairwise

import pytest

from chainward.report.charts import pareto, pareto_latency
from chainward.report.charts.labels import LINE
from chainward.report.charts.pareto import fastest
from chainward.report.charts.points import HEIGHT, beside


def contestant(label, seconds, below=(), reference=False, auroc=0.8, gas=1e6):
    """A row of a leaderboard, with the labels that it is told apart above."""
    return {
        "task": "heart",
        "label": label,
        "reference": reference,
        "better_than": None if below is None else list(below),
        "on_front": False,
        "auroc_mean": auroc,
        "auroc_low": auroc - 0.02,
        "auroc_high": auroc + 0.02,
        "gas_total": gas,
        "latency_total_s": seconds,
    }


@pytest.mark.parametrize(
    ("rows", "front"),
    [
        ([("a", 10), ("b", 20)], "a"),  # slower, and not told apart
        ([("a", 10), ("b", 20, ("a",))], "ab"),  # slower, and told apart above
        ([("a", 10, ("b",)), ("b", 20)], "a"),
        ([("a", 10), ("b", 10)], "ab"),
        ([("a", 10, ("b",)), ("b", 10.001)], "a"),  # as long as printed, and told apart
        ([("a", 10), ("b", 20, ("a",)), ("c", 30, ("a",))], "ab"),  # not told apart from b, which takes less
        ([("a", 1, (), True), ("b", 20)], "b"),  # a reference is no contestant
        ([("a", 1, None), ("b", 20)], "b"),  # who cannot be compared neither
    ],
)
def test_the_front_of_latency_has_the_rule_of_gas(rows, front):
    found = [contestant(*row) for row in rows]
    assert "".join(row["label"] for row in found if fastest(found, row)) == front


def test_both_charts_say_who_is_on_their_front():
    rows = [contestant("slow", 90), contestant("quick", 2)]
    rows[0]["on_front"] = True
    assert "On the Pareto front: slow." in pareto(rows, "key").description
    assert "On the Pareto front: quick." in pareto_latency(rows, "key").description


EXTRA = {"cost": 0, "front": False, "tip": ""}


def test_names_at_zero_gas_stand_in_a_column_of_their_own():
    rows = [contestant(f"reference {i}", 1, auroc=0.8 + i / 1e4) | EXTRA for i in range(8)]
    tops = [row["name_y"] / 0.2 * HEIGHT for row in beside(rows, (0.7, 0.9))]
    assert all(upper - lower >= LINE - 1e-6 for lower, upper in pairwise(tops))
    (alone,) = beside(rows[:1], (0.7, 0.9))
    assert (alone["name_y"], alone["end_x"]) == (pytest.approx(0.8), None)
