"""AUROC with and without an attack, and what protocols decided."""

import pytest
from report_fixtures import HOSTILE, card, failure, record, results

from chainward.report import all_tables
from chainward.report.page.attacks import attack_tables
from chainward.report.page.html import page
from chainward.report.page.settings import settings
from chainward.report.tables.attacks import attack_rows
from chainward.results.papers import Paper

FLIP = {"kind": "sign_flip", "share": 0.3, "strength": 4.0}
MILD = {**FLIP, "strength": 1.0}
WORDS = "sign flip, strength 4, by 30% of hospitals"


def trials():
    """The attack costs bflc little and fedavg much; each was attacked mildly too."""
    found = []
    for seed in (0, 1):
        found += [record(name, seed=seed, skill=0.5) for name in ("bflc", "fedavg")]
        found += [record("bflc", seed=seed, skill=0.4, attack=FLIP), record("bflc", seed=seed, skill=0.5, attack=MILD)]
        found += [
            record("fedavg", seed=seed, skill=0.0, attack=FLIP),
            record("fedavg", seed=seed, skill=0.4, attack=MILD),
        ]
    return found


def test_a_row_says_auroc_without_and_with_and_the_drop():
    rows = {(row["strategy"], row["attack"]): row for row in attack_rows(results(trials()))}
    assert len(rows) == 4
    row = rows["fedavg", WORDS]
    assert row["auroc_without"] == 1.0
    assert row["auroc_under"] < 0.7
    assert row["drop"] == row["auroc_without"] - row["auroc_under"]
    assert (row["trials"], row["reaches"]) == (2, True)


def test_only_seeds_that_ran_both_ways_count():
    specified = [(one, one.record.specification) for one in trials()]
    rows = attack_rows(results(one for one, about in specified if about.attack or about.seed == 0))
    assert {row["trials"] for row in rows} == {1}


def test_without_an_honest_trial_there_is_nothing_to_compare():
    assert attack_rows(results([record("bflc", attack=FLIP)])) == []
    assert attack_rows(results([record("bflc", params={"a": 1}), record("bflc", attack=FLIP)])) == []


def test_a_failed_trial_leaves_no_figure():
    (row,) = attack_rows(results([record("bflc"), failure("bflc", attack=FLIP)]))
    assert (row["auroc_under"], row["drop"], row["trials"]) == (None, None, 0)


@pytest.mark.parametrize(
    ("facts", "kind", "reaches"),
    [
        ({"own_learner": True}, "sign_flip", False),
        ({"own_learner": True}, "label_flip", True),
        ({"raw_records_shared": "all"}, "sign_flip", False),
        ({}, "sign_flip", True),
    ],
)
def test_it_says_where_an_attack_has_nothing_to_act_on(facts, kind, reaches):
    told = Paper(card("x", **facts), ())
    (row,) = attack_rows(results([record("x"), record("x", attack={**FLIP, "kind": kind})], x=told))
    assert row["reaches"] is reaches


def test_the_table_has_a_column_an_attack_and_the_most_robust_first():
    (table,) = attack_tables(attack_rows(results(trials())))
    assert [row["strategy"] for row in table.rows] == ["bflc", "fedavg"]
    titles = [column.title for column in table.columns]
    assert titles.count("Drop") == 2
    assert WORDS in titles


def test_attacked_trials_are_a_setting_of_their_own_and_never_the_main_one():
    views = settings(all_tables(results(trials()), []))
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
