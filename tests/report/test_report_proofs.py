"""What proofs take, in a table of its own where several kinds of trials prove something."""

from __future__ import annotations

from typing import Any

from sample_records import ended

from chainward.plans.specification import Specification
from chainward.report import all_tables
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
    assert {row["modelled_s"] for row in quoted} == {None}


def test_the_page_shows_it_where_there_is_something_to_show() -> None:
    caption = "What a proof takes, by batch and features"
    assert caption in page(all_tables(results(4, 10), []))
    assert caption not in page(all_tables(results(4), []))
