"""Arithmetic of the tables, done by hand."""

import random
from dataclasses import replace

import numpy as np
import pytest
from report_fixtures import CLAIM, HOSTILE, card, failure, record, records, results, verdicts

from chainward.report import Assumptions, all_tables, leaderboard_rows
from chainward.report.tables.costs import mean, percentile
from chainward.report.tables.groups import group
from chainward.report.tables.measured import gas_function_rows, learning_curve_rows
from chainward.report.tables.papers import claim_rows, number_rows
from chainward.report.tables.provenance import provenance_rows
from chainward.results.calibration import ece_floor, slope
from chainward.results.collection import InMemory
from chainward.results.inference import mean_over_seeds
from chainward.results.influence import MEASURES
from chainward.results.papers import Paper
from chainward.results.predictions import decode
from chainward.strategy.claims import Claim
from chainward.tasks.metrics import ece
from chainward.world import Audience


def row(strategy="bflc", task="heart", track="common"):
    rows = leaderboard_rows(results(records()))
    return next(one for one in rows if (one["strategy"], one["task"], one["track"]) == (strategy, task, track))


def test_gas():
    found = row()
    assert found["gas_per_round"] == 100_000
    assert found["gas_deploy"] == 500_000
    assert found["gas_total"] == 500_000 + 2 * 100_000
    assert found["gas_per_hospital"] == 350_000
    assert found["gas_eip7623_total"] == 500_000 + 2 * 110_000


def test_usd_follows_gas_and_bytes():
    found = row()
    assert found["usd_l1_calm"] == pytest.approx(700_000 * 5e-9 * 3000)
    assert found["usd_l1_busy"] == pytest.approx(700_000 * 50e-9 * 3000)
    data = (300 + 2 * 200 + 6 * 116) * 16 * 5e-9 * 3000  # six transactions, each in an envelope
    assert found["usd_rollup"] == pytest.approx(700_000 * 0.01e-9 * 3000 + data)
    assert found["usd_private"] == found["usd"] == 0
    assert found["scenario"] == "private chain, gas at 0 gwei"
    assert "evm: poa, period_s 5, signers 4, silent 0" in found["setting"]


def test_block_time_and_price_are_one_scenario():
    """On layer 1 gas has a price and blocks take 12 s; on a private chain neither."""
    rows = leaderboard_rows(results([record("bflc", ledger_params={"consensus": "pos"})]))
    assert rows[0]["usd"] == rows[0]["usd_l1_calm"] > 0
    assert rows[0]["scenario"] == "layer 1, gas at 5 gwei and 3,000 USD an ether"
    assert "slot_s 12" in rows[0]["setting"]
    (elsewhere,) = leaderboard_rows(results([record("bflc", ledger_params={"rpc": "$NODE"})]))
    assert (elsewhere["usd"], elsewhere["usd_l1_calm"]) == (None, rows[0]["usd_l1_calm"])


def test_assumptions_can_be_overridden():
    rows = leaderboard_rows(results([record("bflc")]), Assumptions(ether_usd=1000, private_gwei=1))
    assert rows[0]["usd_l1_calm"] == pytest.approx(700_000 * 5e-9 * 1000)
    assert rows[0]["usd_private"] == pytest.approx(700_000 * 1e-9 * 1000)


def test_latency():
    found = row()
    first, second = 1 + 0.5 + 0.25 + 5 + 0.25, 2 + 0.5 + 0.25 + 5 + 0.25
    assert found["latency_per_round_s"] == (first + second) / 2
    assert found["latency_per_round_p95_s"] == second  # of 7, 7, 8, 8
    assert found["latency_setup_s"] == 5.5
    assert found["latency_total_s"] == 5.5 + first + second
    parts = [found[f"latency_{part}_s"] for part in ("compute", "network", "waiting", "consensus", "aggregation")]
    assert parts == [3.0, 1.5, 0.5, 15.0, 0.5]
    assert sum(parts) == found["latency_total_s"]


def test_compute_time_is_left_out_when_contended():
    assert row()["compute_measured_s"] == (0.5 + 1.5) / 2
    assert row(HOSTILE)["compute_measured_s"] is None
    mixed = [record("bflc", seed=0), record("bflc", seed=1, contended=True)]
    assert leaderboard_rows(results(mixed))[0]["compute_measured_s"] == 0.5


def test_bytes_and_privacy():
    found = row()
    assert (found["bytes_per_round"], found["bytes_chain_per_round"]) == (1250, 200)
    assert (found["sees_individual_updates"], found["raw_records_shared"]) == ("everyone", 0)
    seen = [record("bflc", seed=0, sees=Audience.NOBODY), record("bflc", seed=1, sees=Audience.SOME_HOSPITALS)]
    found = leaderboard_rows(results(seen))[0]
    assert (found["sees_individual_updates"], found["exceeds_card"]) == ("some hospitals", False)
    strict = Paper(card("bflc", sees_individual_updates=Audience.NOBODY), ())
    assert leaderboard_rows(results([record("bflc")], bflc=strict))[0]["exceeds_card"] is True


@pytest.mark.parametrize("name", MEASURES)
def test_every_accuracy_has_the_interval_of_its_patients(name):
    trials = [record("bflc", seed=seed, small="south") for seed in (0, 1)]
    interval = mean_over_seeds(MEASURES[name], [decode(trial.predictions) for trial in trials]).interval
    found = row()
    mean_of = found["auroc_mean" if name == "auroc" else name]
    assert (mean_of, found[f"{name}_low"], found[f"{name}_high"]) == (interval.estimate, interval.low, interval.high)


def test_calibration_is_of_all_predictions_together():
    trials = [record("bflc", seed=seed, small="south") for seed in (0, 1)]
    label, probability, patient = (
        np.concatenate([getattr(decode(trial.predictions), name) for trial in trials])
        for name in ("label", "probability", "patient")
    )
    found = row()
    assert found["ece"] == ece(label, probability)
    assert found["ece_floor"] == ece_floor(probability, patient)
    assert found["calibration_slope"] == slope(label, probability)


def test_hospital_that_cannot_be_judged_is_never_the_worst():
    found = row()
    south = next(one for one in found["auroc_hospitals"] if one["hospital"] == "south")
    # 12 positives and 3 negatives a seed, other patients in the second seed
    assert (south["auroc"], south["positives"], south["negatives"]) == (None, 24, 6)
    assert south["told"] == "not estimable (24+, 6−)"
    assert found["worst_hospital"] == "north"
    alone = leaderboard_rows(results([record("bflc", hospitals=("south",), small="south")]))[0]
    assert (alone["auroc_worst_hospital"], alone["worst_hospital"]) == (None, None)


def test_failures_are_counted_and_leave_no_figure():
    half = row(HOSTILE)
    assert (half["trials"], half["failed"], half["error"]) == (2, 1, f"LedgerError: {HOSTILE}")
    whole = row("local", "synthetic")
    assert (whole["trials"], whole["failed"]) == (1, 1)
    figures = ("auroc_mean", "gas_total", "usd_l1_calm", "latency_total_s", "sees_individual_updates", "rounds")
    assert [whole[name] for name in figures] == [None] * len(figures)


def test_predictions_that_cannot_be_judged_cost_one_row_only():
    class Broken(InMemory):
        def predictions(self, trial):
            if trial.specification.strategy == "bflc":
                raise ValueError("a predicted probability is not finite")
            return super().predictions(trial)

    whole = results([record("bflc"), record("other")])
    found = leaderboard_rows(replace(whole, opener=Broken(whole.opener.files)))
    assert [one["auroc_mean"] is None for one in found] == [False, True]
    assert found[1]["accuracy_error"] == "a predicted probability is not finite"
    assert found[1]["gas_total"] == 700_000


def test_settings_are_never_mixed():
    changes = [
        {},
        {"track": "published"},
        {"faults": {"drop": 0.3}},
        {"params": {"mu": 1}},
        {"rounds": 3},
        {"code": "x"},
    ]
    rows = leaderboard_rows(results(record("bflc", **change) for change in changes))
    assert [one["trials"] for one in rows] == [1] * len(changes)
    assert len({(one["setting"], one["label"]) for one in rows}) == len(changes)


def test_labels_say_what_differs_and_no_more():
    groups = group(results([*(record("bflc", params={"mu": mu, "same": 1}) for mu in (0, 1)), record("local")]))
    assert [one.label for one in groups] == ["bflc (mu 0)", "bflc (mu 1)", "local"]
    words = "common track · evm: poa, period_s 5, signers 4, silent 0, confirmations 0 · cohort engine · no faults"
    assert {one.setting for one in groups} == {words}


def test_a_tuned_reference_stands_beside_the_common_track():
    rows = leaderboard_rows(results([record("local"), record("local", track="tuned"), record("bflc")]))
    assert {one["label"] for one in rows} == {"local", "local (tuned)", "bflc"}
    assert len({one["setting"] for one in rows}) == 1


def test_common_track_without_faults_comes_first():
    rows = [one for one in leaderboard_rows(results(records())) if one["task"] == "synthetic"]
    assert [one["track"] for one in rows] == ["common", "common", "published"]


def test_gas_functions():
    found = next(one for one in gas_function_rows(group(results([record("bflc")]))) if one["function"] == "propose")
    assert (found["calls"], found["min"], found["median"], found["max"]) == (4, 49_900, 50_000, 50_100)
    assert (found["total"], found["total_eip7623"], found["reverted"]) == (200_000, 220_000, 0)


def test_learning_curve():
    points = [
        one
        for one in learning_curve_rows(group(results(records())))
        if (one["strategy"], one["task"]) == ("bflc", "heart")
    ]
    assert [(one["round"], one["trials"]) for one in points] == [(1, 2), (2, 2)]
    assert points[0]["auroc_mean"] == pytest.approx(0.6 + 0.06 + 0.02 + 0.005)
    assert points[0]["auroc_max"] - points[0]["auroc_min"] == pytest.approx(0.01)


def test_claims_are_joined_with_verdicts():
    rows = claim_rows(results(records()), verdicts())
    assert [(one["strategy"], one["verdict"]) for one in rows] == [("bflc", "partly")]
    assert claim_rows(results(records()), [])[0]["verdict"] == "not judged"
    foreign = {**verdicts()[0], "strategy": "gone"}
    assert [one["strategy"] for one in claim_rows(results(records()), [foreign])] == ["bflc", "gone"]
    assert rows[0]["quoted"] == CLAIM["quoted"]


def test_numbers_and_provenance():
    rows = number_rows(group(results([record("bflc", params={"merged": 6})])))
    assert [(one["kind"], one["name"], one["value"]) for one in rows] == [
        ("parameter", "merged", "6"),
        ("number used", "committee", "2"),
    ]
    made = provenance_rows(results(records()))
    assert [(one["commit"], one["trials"], one["first"]) for one in made] == [("abc123", 9, "2025-01-01T00:00:00Z")]


def test_order_of_records_does_not_matter():
    shuffled = records()
    random.Random(1).shuffle(shuffled)
    assert all_tables(results(shuffled), verdicts()) == all_tables(results(records()), verdicts())


def test_nothing_at_all():
    assert set(map(len, all_tables(results([]), []).values())) == {0}
    unknown = replace(results([failure("bflc")]), papers={})
    assert [row["title"] for row in leaderboard_rows(unknown)] == ["bflc"]


def test_percentile_and_mean():
    assert percentile([1, 2, 3, 4, 5], 95) == pytest.approx(4.8)
    assert (percentile([], 95), mean([])) == (None, None)


def test_a_claim_need_not_say_what_would_be_partly():
    claim = Claim(key="k", claim="c", tier="T1", reproduced="x < 1", partly="")
    told = Paper(card("bflc"), (claim,))
    found = claim_rows(results([record("bflc")], bflc=told), [])[0]
    assert (found["rule"], found["quoted"]) == ({"reproduced": "x < 1", "partly": ""}, "")


def test_the_task_of_the_widest_line_up_comes_first():
    found = [record("bflc", "ca"), record("bflc", "stroke"), record("fedavg", "stroke"), record("bflc", "edin")]
    assert [row["task"] for row in leaderboard_rows(results(found))] == ["stroke", "stroke", "ca", "edin"]
