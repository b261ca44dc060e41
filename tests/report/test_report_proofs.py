"""What proofs take, in a table of its own where several kinds of trials prove something."""

from __future__ import annotations

from typing import Any

import pytest
from sample_records import ended

from chainward.plans.specification import Specification
from chainward.report import all_tables
from chainward.report.charts import Chart, draw, proof_costs
from chainward.report.page.html import page
from chainward.results.collection import InMemory, Results
from chainward.results.papers import papers_of
from chainward.results.record import GasRow

KEY = "verifiable_fl"


def results(*batches: int) -> Results:
    def trial(batch: int) -> Any:
        row = GasRow("VerifiableFL", "update", "round", 4, 1, 500.0, 900, 2_000, 0, 0)
        close = GasRow("VerifiableFL", "close", "round", 4, 1, 2.0, 3, 8, 0, 0)
        told = {"proof": {"batch": float(batch), "features": 10.0, "rows": 1_748.0, "provers": 2.0}}
        one = Specification(strategy=KEY, task="heart", seed=0, rounds=2, params={"batch": batch})
        return ended(one, None, outcomes=told, gas_functions=(row, close))

    trials = [trial(batch) for batch in batches]
    files = {one.record.id: one.predictions for one in trials}
    return Results(tuple(one.record for one in trials), papers_of([KEY]), InMemory(files))


def test_nothing_where_there_is_one_kind_of_proof() -> None:
    assert "proofs" not in all_tables(results(4), [])


def test_ours_by_batch_beside_what_the_authors_print() -> None:
    rows = all_tables(results(4, 10), [])["proofs"]
    assert {(row["source"], row["batch"]) for row in rows[:2]} == {("modelled", 4), ("modelled", 10)}
    assert {row["gas"] for row in rows[:2]} == {500}
    quoted = rows[2:]
    assert [(row["batch"], row["quoted_s"]) for row in quoted] == [(10, 52), (20, 105), (30, 186), (40, 207)]
    assert {row["source"] for row in quoted} == {"quoted, T1"}
    assert [row["quoted_ether"] for row in quoted] == [0.049, 0.0492, 0.0496, 0.0498]
    assert {row["modelled_s"] for row in quoted} == {None}


def test_the_chart_has_a_line_for_each_source_and_costs_over_the_smallest_batch() -> None:
    rows = all_tables(results(4, 10), [])["proofs"]
    chart = proof_costs(rows, "key")
    assert chart is not None
    left, right = ([dict(one) for one in found] for found in _values(chart))
    assert {(one["source"], one["batch"]) for one in left} >= {("measured", 4), ("measured", 10), ("quoted", 40)}
    assert {one["value"] for one in left if one["source"] == "quoted"} == {52, 105, 186, 207}
    assert [one["value"] for one in right if one["source"] == "measured"] == [1, 1]
    assert max(one["value"] for one in right if one["source"] == "quoted") == pytest.approx(0.0498 / 0.0490)
    assert "seconds a proof" in draw([chart])["key"].svg
    assert proof_costs([], "key") is None


def _values(chart: Chart) -> list[Any]:
    found = chart.specification
    return [found["datasets"][panel["data"]["name"]] for panel in found["hconcat"]]


def test_the_page_shows_it_where_there_is_something_to_show() -> None:
    caption = "What a proof takes, by batch and features"
    assert caption in page(all_tables(results(4, 10), []))
    assert caption not in page(all_tables(results(4), []))
