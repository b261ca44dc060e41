"""AUROC with and without an attack, and what protocols decided."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_fixtures import HOSTILE, card, failure, record, results

from chainward.report import all_tables, charts
from chainward.report.page.attacks import attack_tables
from chainward.report.page.html import page
from chainward.report.page.settings import settings as views_of
from chainward.report.tables.attacks import attack_rows
from chainward.report.tables.groups import group
from chainward.results.collection import InMemory
from chainward.results.papers import Paper
from chainward.results.predictions import decode
from chainward.tasks.metrics import auroc

FLIP = {"kind": "sign_flip", "share": 0.3, "strength": 4.0}
MILD = {**FLIP, "strength": 1.0}
WORDS = "sign flip, strength 4, by 30% of hospitals"


def attacked(name, seed=0, **changes):
    """A trial that one of two hospitals attacks, as the meter saw it."""
    return record(name, seed=seed, **{"attackers": ("north",), "spoiled": 4, "attack": FLIP, **changes})


def trials():
    """The attack costs bflc little and fedavg much; each was attacked mildly too."""
    found = []
    for seed in (0, 1):
        found += [record(name, seed=seed, skill=0.5) for name in ("bflc", "fedavg")]
        found += [attacked("bflc", seed, skill=0.4), attacked("bflc", seed, skill=0.5, attack=MILD)]
        found += [attacked("fedavg", seed, skill=0.0), attacked("fedavg", seed, skill=0.4, attack=MILD)]
    return found


def rows_of(found):
    whole = results(found)
    return attack_rows(group(whole), whole.opener)


def at_south(seeds, skill):
    """AUROC at the hospital that does not attack, by hand."""
    found = [decode(record("x", seed=seed, skill=skill).predictions) for seed in seeds]
    kept = [one.hospital == "south" for one in found]
    return float(
        np.mean([auroc(one.label[mine], one.probability[mine]) for one, mine in zip(found, kept, strict=True)])
    )


def test_a_row_says_auroc_without_and_with_and_the_drop_at_honest_hospitals():
    rows = {(row["strategy"], row["attack"]): row for row in rows_of(trials())}
    assert len(rows) == 4
    row = rows["fedavg", WORDS]
    assert row["auroc_without"] == pytest.approx(at_south((0, 1), 0.5))
    assert row["auroc_under"] == pytest.approx(at_south((0, 1), 0.0))
    assert row["drop"] == pytest.approx(row["auroc_without"] - row["auroc_under"])
    assert row["drop_low"] < row["drop"] < row["drop_high"]
    assert (row["trials"], row["asked"], row["attackers"], row["note"]) == (2, 2, "1 of 2", "")


def test_only_seeds_that_ran_both_ways_count():
    specified = [(one, one.record.specification) for one in trials()]
    rows = rows_of(one for one, about in specified if about.attack or about.seed == 0)
    assert {(row["trials"], row["asked"], row["rank"]) for row in rows} == {(1, 2, None)}


def test_without_an_honest_trial_there_is_nothing_to_compare():
    for found in ([attacked("bflc")], [record("bflc", params={"a": 1}), attacked("bflc")]):
        (row,) = rows_of(found)
        assert (row["drop"], row["rank"], row["note"]) == (None, None, "no trial without the attack")


def test_where_every_hospital_attacks_nobody_is_left_to_judge():
    (row,) = rows_of([record("bflc"), attacked("bflc", attackers=("north", "south"))])
    assert (row["auroc_without"], row["drop"], row["note"]) == (None, None, "every hospital attacks")


def test_one_trial_that_cannot_be_judged_costs_its_row_only():
    whole = results([record("bflc"), attacked("bflc"), record("fedavg"), attacked("fedavg")])

    class Broken(InMemory):
        def predictions(self, trial):
            if trial.specification.strategy == "bflc":
                raise ValueError("a patient is predicted twice")
            return super().predictions(trial)

    rows = attack_rows(group(whole), Broken(whole.opener.files))
    assert {row["strategy"]: row["note"] for row in rows} == {"bflc": "a patient is predicted twice", "fedavg": ""}


def test_a_failed_trial_leaves_no_figure():
    (row,) = rows_of([record("bflc"), failure("bflc", attack=FLIP)])
    assert (row["auroc_under"], row["drop"], row["trials"]) == (None, None, 0)


def test_what_the_meter_saw_decides_whether_an_attack_applies():
    """Not the card: a paper whose evaluators hold records loses as much as any other."""
    told = Paper(card("x", own_learner=True, raw_records_shared="all"), ())
    (row,) = rows_of([record("x", skill=0.5), attacked("x", skill=0.0)])
    assert row["drop"] > 0.1
    whole = results([record("x", skill=0.5), attacked("x", skill=0.0)], x=told)
    (same,) = attack_rows(group(whole), whole.opener)
    assert same == row
    (row,) = rows_of([record("x", skill=0.5), attacked("x", skill=0.5, spoiled=0)])
    assert (row["auroc_under"], row["drop"], row["rank"], row["note"]) == (None, None, None, "does not apply")


def test_a_share_of_few_hospitals_is_nobody():
    (row,) = rows_of([record("x", hospitals=("a", "b", "c")), attacked("x", hospitals=("a", "b", "c"), attackers=())])
    assert (row["attackers"], row["drop"], row["note"]) == ("0 of 3", None, "nobody attacks")


def test_who_loses_least_stands_first_and_whom_an_attack_does_not_reach_last():
    seeds, names = range(5), ("a-fragile", "b-robust", "c-robust", "a-own")
    found = [record(name, seed=seed, skill=0.5) for name in names for seed in seeds]
    found += [attacked("a-fragile", seed, skill=0.0) for seed in seeds]
    found += [attacked(name, seed, skill=0.5) for name in ("b-robust", "c-robust") for seed in seeds]
    found += [attacked("a-own", seed, skill=0.5, spoiled=0) for seed in seeds]
    rows = rows_of(found)
    assert [(row["strategy"], row["rank"]) for row in rows] == [
        ("b-robust", 1),
        ("c-robust", 1),
        ("a-fragile", 3),
        ("a-own", None),
    ]
    (table,) = attack_tables(rows)
    assert [row["strategy"] for row in table.rows] == [row["strategy"] for row in rows]
    assert WORDS in table.caption


SETTINGS = [
    {"task": task, "params": params, "task_params": size, "rounds": rounds, "skill": 0.05 * (number % 8)}
    for number, (task, params, size, rounds) in enumerate(
        product(("heart", "synthetic"), ({}, {"mu": 1.0}), ({}, {"hospitals": 6}), (2, 3))
    )
]


@settings(max_examples=40)
@given(st.data())
def test_a_partner_is_of_the_same_whole_setting(data):
    """Whatever else a report holds, in whatever order, a row's honest figure is that of its own setting."""
    chosen = data.draw(st.lists(st.sampled_from(SETTINGS), min_size=1, max_size=6, unique_by=str))
    under = [one for one in chosen if data.draw(st.booleans())]
    found = [record("bflc", **one) for one in chosen]
    found += [attacked("bflc", **{**one, "skill": 0.0, "attack": attack}) for one in under for attack in (FLIP, MILD)]
    rows = rows_of(data.draw(st.permutations(found)))
    told = sorted((row["task"], row["attack"], row["auroc_without"]) for row in rows)
    words = (WORDS, WORDS.replace("4", "1"))
    expected = sorted((one["task"], attack, at_south((0,), one["skill"])) for one in under for attack in words)
    assert [one[:2] for one in told] == [one[:2] for one in expected]
    assert [one[2] for one in told] == pytest.approx([one[2] for one in expected])


def test_settings_of_that_test_differ_in_their_figures():
    for task in ("heart", "synthetic"):
        figures = [at_south((0,), one["skill"]) for one in SETTINGS if one["task"] == task]
        assert len(set(figures)) == len(figures)


def test_two_tasks_are_never_mixed():
    """The honest figure of one task is no partner of another's attacked one."""
    found = [record("bflc", "heart", skill=0.5), record("bflc", "synthetic", skill=0.25)]
    found += [attacked("bflc", task="heart", skill=0.5), attacked("bflc", task="synthetic", skill=0.25)]
    rows = {row["task"]: row for row in rows_of(found)}
    assert set(rows) == {"heart", "synthetic"}
    assert [row["drop"] for row in rows.values()] == [0.0, 0.0]
    assert rows["heart"]["auroc_without"] != rows["synthetic"]["auroc_without"]


def test_attacked_trials_are_a_setting_of_their_own_and_never_the_main_one():
    views = views_of(all_tables(results(trials()), []))
    assert [(view.main, "sign flip" in view.words) for view in views] == [(True, False), (False, True), (False, True)]
    assert all(row["trials"] == 2 for view in views for row in view.leaderboard.rows)


def test_the_page_shows_attacks_and_outcomes_as_text():
    paid = {"paid": {HOSTILE: 3.0, "north": 1.0}}
    html = page(all_tables(results([*trials(), *(record("bflc", seed=seed, outcomes=paid) for seed in (5, 6))]), []))
    assert '<section id="attacks">' in html
    assert WORDS in html
    assert "<img" not in html
    assert "Pay, scores and other outcomes" in html


def test_the_page_of_an_honest_report_has_no_such_section():
    html = page(all_tables(results([record("bflc")]), []))
    assert 'id="attacks"' not in html
    assert "Pay, scores" not in html


def test_outcomes_are_means_over_trials():
    told = [record("bflc", seed=seed, outcomes={"paid": {"north": float(seed)}}) for seed in (1, 2)]
    (row,) = all_tables(results(told), [])["outcomes"]
    assert (row["quantity"], row["party"], row["value"]) == ("paid", "north", 1.5)


# --- the picture ---------------------------------------------------------------------------------


def values(chart):
    return [row for rows in chart.specification["datasets"].values() for row in rows if "label" in row]


def test_the_picture_has_an_interval_a_strategy_and_marks_what_leaves_out_zero():
    rows = [row for row in rows_of(trials()) if row["attack"] == WORDS]
    chart = charts.attack_drops(rows, "key")
    told = {row["label"]: row for row in values(chart)}
    for row in rows:
        drawn = told[row["label"]]
        assert [drawn[name] for name in ("drop", "drop_low", "drop_high")] == [
            row[name] for name in ("drop", "drop_low", "drop_high")
        ]
        assert drawn["apart"] == (not row["drop_low"] <= 0 <= row["drop_high"])
        assert drawn["reference"] == (row["label"] == "fedavg")
    assert {row["apart"] for row in told.values()} == {True, False}
    assert charts.draw([chart])["key"].svg == charts.draw([charts.attack_drops(rows, "key")])["key"].svg


def test_each_attack_has_a_panel_and_what_has_no_figure_says_why():
    whole = [*trials(), record("own", skill=0.5), attacked("own", skill=0.5, spoiled=0)]
    rows = rows_of(whole)
    picture = charts.draw([charts.attack_drops(rows, "key")])["key"].svg
    assert picture.count(f">{WORDS}<") == picture.count(f">{WORDS.replace('4', '1')}<") == 1
    assert picture.count(">does not apply<") == 1
    assert charts.attack_drops([row for row in rows if row["label"] == "own"], "key") is None
    assert charts.attack_drops([], "key") is None


def test_the_page_draws_the_drops_above_their_tables():
    html = page(all_tables(results(trials()), []))
    assert html.index("AUROC lost to attacks, heart") < html.index(f"<caption>heart: {WORDS}")
