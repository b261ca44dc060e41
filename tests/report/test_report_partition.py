"""Whose patients are where, and what hospitals disclosed beforehand: once a setting, whatever the strategies."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_fixtures import failure, record, results

from chainward.report import all_tables, write_report
from chainward.results.record import HospitalSize
from chainward.results.store import Ended


def with_heading(trial: Ended, **changes) -> Ended:
    return replace(trial, record=replace(trial.record, **changes))


def sizes(*rows: tuple[str, int, int, int]) -> tuple[HospitalSize, ...]:
    return tuple(HospitalSize(*row) for row in rows)


@pytest.fixture(scope="module")
def trials() -> list[Ended]:
    """Two strategies, two seeds in which parts differ; the second seed lacks a hospital."""
    found = []
    for strategy in ("bflc", "fedavg"):
        first, second = (record(strategy, seed=seed) for seed in (0, 1))
        found.append(
            with_heading(
                first, hospitals=sizes(("south", 60, 6, 24), ("north", 80, 10, 24)), preprocessing={"sums": 80}
            )
        )
        found.append(
            with_heading(second, hospitals=sizes(("north", 84, 6, 24)), preprocessing={"sums": 100, "levels": 10})
        )
    return found


def test_a_row_a_hospital_with_means_over_seeds(trials: list[Ended]) -> None:
    rows = all_tables(results(trials), [])["partition"]
    assert [row["hospital"] for row in rows] == ["north", "south"]
    north, south = rows
    assert (north["seeds"], north["train"], north["validation"], north["test"]) == (2, 82, 8, 24)
    assert (south["train"], south["validation"], south["test"]) == (30, 3, 12)  # in one seed of two
    assert (north["tested"], north["positives"], north["prevalence"]) == (48, 24, 0.5)


def test_bytes_by_kind_are_means_over_seeds(trials: list[Ended]) -> None:
    rows = all_tables(results(trials), [])["preprocessing"]
    assert {row["kind"]: row["bytes"] for row in rows} == {"sums": 90, "levels": 5}


def test_a_trial_that_failed_tells_who_was_there_and_nothing_of_the_outcome(trials: list[Ended]) -> None:
    hospitals = trials[0].record.hospitals
    rows = all_tables(results([with_heading(failure("bflc"), hospitals=hospitals)]), [])["partition"]
    assert [(row["hospital"], row["train"], row["prevalence"]) for row in rows] == [
        ("north", 80, None),
        ("south", 60, None),
    ]


def test_settings_that_deal_alike_are_drawn_once(trials: list[Ended], tmp_path) -> None:
    attacked = [record(one, attack={"kind": "sign_flip", "share": 0.3, "strength": 4.0}) for one in ("bflc", "fedavg")]
    attacked = [with_heading(one, hospitals=trials[0].record.hospitals) for one in attacked]
    write_report(results([trials[0], trials[2], *attacked]), [], tmp_path)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert text.count('id="setting-1-partition"') == 1
    assert text.count("Who has how many patients, heart") >= 1
    assert 'id="setting-2-partition"' not in text
    assert "Before training all hospitals together disclosed" in text
    assert "sums 80.0 B" in text
    assert (tmp_path / "partition.csv").read_text().startswith("task,setting,hospital,seeds,train,validation,test")
