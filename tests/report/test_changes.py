"""What changed between two reports: exactly for costs, by patients for accuracy; and what is beyond gates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_fixtures import failure, record, records, results

from chainward.cli.compare import print_changes
from chainward.errors import ChainwardError
from chainward.folders import GATES
from chainward.report.tables.changes import change_row
from chainward.report.tables.groups import group
from chainward.report.tables.leaderboard import leaderboard
from chainward.report.tables.scenarios import Assumptions
from chainward.report.tables.snapshot import snapshot_of
from chainward.results import gates, snapshots
from chainward.results.changes import Change, changes
from chainward.results.gates import AccuracyGate, CostGate, Gates, LineGate, TimeGate, beyond
from chainward.results.moves import Part
from chainward.results.snapshots import Snapshot, Timed
from chainward.results.store import Ended
from chainward.tasks import metrics

SHIPPED = gates.read(GATES)
EXACT = Gates(gas=CostGate(exact=True), accuracy=AccuracyGate(predictions=1e-4))


def taken(*trials: Ended, **times: Any) -> Snapshot:
    return snapshot_of(results(trials), **times)


def only(before: Iterable[Ended], after: Iterable[Ended]) -> Change:
    (found,) = changes(taken(*before), taken(*after)).lines
    return found


def told(before: Iterable[Ended], after: Iterable[Ended], limits: Gates = SHIPPED) -> list[str]:
    return [str(one) for one in beyond(changes(taken(*before), taken(*after)), limits)]


def nudged(snapshot: Snapshot, by: float = 1e-9) -> Snapshot:
    """The same trials, each probability moved by a last digit."""

    def moved(text: str) -> str:
        values = snapshots.unpacked(text, "<f8").astype(np.float64)
        return snapshots.packed(np.clip(values + by, 0, 1), "<f8")

    lines = (
        replace(one, trials=tuple(replace(each, probability=moved(each.probability)) for each in one.trials))
        for one in snapshot.lines
    )
    return replace(snapshot, lines=tuple(lines))


def test_a_report_is_equal_to_itself() -> None:
    whole = snapshot_of(results(records()))
    found = changes(whole, whole)
    assert len(found.lines) == len(whole.lines) == len(group(results(records())))
    assert [one for one in found.lines if one.after.trials and not one.equal] == []
    assert found.added == found.removed == ()
    assert beyond(found, SHIPPED) == beyond(found, EXACT) == ()


def test_a_snapshot_survives_its_file(tmp_path: Path) -> None:
    whole, path = snapshot_of(results(records())), tmp_path / "kept.json"
    snapshots.write(path, whole)
    assert snapshots.read(path) == whole
    for line in whole.lines:
        for one in line.trials:
            assert np.array_equal(snapshots.read(path).predictions(one).label, whole.predictions(one).label)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"seed": 0', '"seed": -1', "seed"),
        ('"schema": 1', '"schema": 9', "schema"),
        ('"tested": "', '"tested": "other', "no test patients"),
        ('"probability": "', '"probability": "!', "holds no array"),
        ('"hospitals": [', '"hospitals": [[', "kept.json"),
    ],
)
def test_a_broken_snapshot_is_named(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    path = tmp_path / "kept.json"
    snapshots.write(path, taken(record("bflc")))
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ChainwardError, match=complaint):
        changes(snapshots.read(path), snapshots.read(path))


def test_gas_is_told_by_function_and_to_the_unit() -> None:
    before, after = (
        [record("bflc", seed=seed) for seed in (0, 1)],
        [record("bflc", seed=0), record("bflc", seed=1, gas=100_002)],
    )
    assert told(before, after) == ["gas of bflc on heart: +2 (+0.00029 %), all in Bflc.propose"]
    assert told(after, before) == []
    assert told(after, before, EXACT) == ["gas of bflc on heart: -2 (-0.00029 %), all in Bflc.propose"]


def test_gas_of_more_calls_says_how_many() -> None:
    (gas,) = told([record("bflc", rounds=2)], [record("bflc", rounds=3)], Gates(gas=CostGate(more_percent=0)))
    assert gas == "gas of bflc on heart: +100,000 (+14 %), all in Bflc.propose (4 -> 6 calls)"


def test_a_percentage_of_gas_may_be_allowed() -> None:
    def held(percent: float) -> list[str]:
        return told([record("bflc")], [record("bflc", gas=101_000)], Gates(gas=CostGate(more_percent=percent)))

    assert len(held(0.28)) == 1
    assert held(0.29) == []


def test_a_dearer_function_is_not_hidden_by_a_cheaper_one() -> None:
    before, after = record("bflc", gas=100_000, deploy=500_000), record("bflc", gas=150_000, deploy=400_000)
    found = only([before], [after]).costs["gas"]
    assert found.more == 0
    assert [*found.moved] == ["Bflc.constructor", "Bflc.propose"]
    assert told([before], [after], EXACT) != []
    assert told([before], [after]) == []


def test_zero_bytes_of_hashes_explain_a_few_gas_where_last_digits_differ_and_nowhere_else() -> None:
    before, after, dearer = (taken(record("bflc", gas=gas)) for gas in (100_000, 100_006, 100_050))
    assert [one.quantity for one in beyond(changes(before, after), EXACT)] == ["gas"]
    assert beyond(changes(before, nudged(after)), EXACT) == ()
    assert [one.quantity for one in beyond(changes(before, nudged(dearer)), EXACT)] == ["gas"]
    (line,) = changes(before, nudged(after)).lines
    assert {name: part.more for name, part in line.costs["gas"].rounded.items()} == {"Bflc.propose": 12}


@given(st.integers(1, 10**6), st.integers(100, 50_000), st.sampled_from([-1, 1]))
def test_no_storage_access_in_every_call_is_taken_for_rounding(calls: int, gas: int, sign: int) -> None:
    before = 10**6 * calls
    assert not Part(before, before + sign * gas * calls, calls, calls).is_rounding
    assert Part(before, before + sign * 60, calls, calls).is_rounding
    assert not Part(before, before + sign * 60, calls, calls + 1).is_rounding


def test_accuracy_is_the_paired_difference_of_the_leaderboard() -> None:
    trials = [record("bflc", seed=seed) for seed in (0, 1)], [record("bflc", seed=seed, skill=0.1) for seed in (0, 1)]
    found = only(*trials).accuracy
    assert found is not None
    assert found.difference is not None
    rows = [leaderboard(group(one), one.opener, Assumptions()).rows[0] for one in map(results, trials)]
    assert found.difference.estimate == pytest.approx(rows[1]["auroc_mean"] - rows[0]["auroc_mean"])
    assert found.difference.high < 0
    back = only(*reversed(trials)).accuracy
    assert back is not None
    assert back.difference is not None
    assert (back.difference.low, back.difference.high) == pytest.approx((-found.difference.high, -found.difference.low))


def test_a_loss_of_accuracy_is_beyond_its_gate_only_where_its_interval_excludes_zero() -> None:
    before, worse, slightly = (
        [record("bflc", seed=seed, skill=skill) for seed in (0, 1)] for skill in (0.3, 0.1, 0.295)
    )
    (loss,) = told(before, worse)
    assert loss.startswith("accuracy of bflc on heart: AUROC 0.")
    assert loss.endswith("], more than 0.01 lost")
    assert told(worse, before) == []
    assert told(before, slightly) == []
    assert told(before, worse, Gates(accuracy=AccuracyGate(loss=0.9))) == []


def test_predictions_are_held_to_a_tolerance() -> None:
    before = taken(record("bflc"))
    assert beyond(changes(before, nudged(before, 0.9e-4)), EXACT) == ()
    (moved,) = beyond(changes(before, nudged(before, 1.1e-4)), EXACT)
    assert moved.told.startswith("predictions moved by up to 0.00011, beyond 0.0001; AUROC ")


def test_seeds_on_other_patients_are_not_compared() -> None:
    """Hospitals of other names are other patients; and it is said, and beyond the gate."""
    found = only([record("bflc")], [record("bflc", hospitals=("east", "west"))])
    assert found.accuracy is None
    assert found.pairs == 0
    assert told([record("bflc")], [record("bflc", hospitals=("east", "west"))]) == [
        "trials of bflc on heart: not compared, since other patients are tested: seed 0"
    ]


def test_what_is_missing_failed_or_removed_is_beyond_the_gate() -> None:
    before = [record("bflc", seed=seed) for seed in (0, 1, 2)] + [record("local")]
    after = [record("bflc"), failure("bflc", seed=1), record("two_cp")]
    assert told(before, after) == [
        "trials of local on heart: not in the second",
        "trials of bflc on heart: seed 1 failed: LedgerError: no such block",
        "trials of bflc on heart: not in the second: seed 2",
    ]
    assert told(before, after, Gates(lines=LineGate(kept=False))) == []
    found = changes(taken(*before), taken(*after))
    assert [line.label for line in found.added] == ["two_cp"]


def test_a_trial_that_failed_before_may_fail_still() -> None:
    assert told([failure("bflc")], [failure("bflc", message="another")]) == []
    assert told([failure("bflc")], [record("bflc")]) == []


def test_lines_are_matched_by_what_is_set_and_else_by_their_label() -> None:
    three, four = record("bflc", params={"committee_size": 3}), record("bflc", params={"committee_size": 4})
    both = changes(taken(three, four), taken(three))
    assert [one.before.label for one in both.lines] == ["bflc (committee_size 3)"]
    assert [line.label for line in both.removed] == ["bflc (committee_size 4)"]
    assert only([three], [four]).notes == ("other rounds or parameters are set",)
    assert only([three], [three]).notes == ()


def test_time_decides_only_beside_a_kernel_and_is_measured_in_it() -> None:
    limits = Gates(time=TimeGate(ratio=2, slack_s=0.1))

    def times(trial_s: float, kernel_s: float | None) -> Snapshot:
        return taken(record("bflc"), clock=lambda _: Timed(trial_s, kernel_s))

    def slow(before: Snapshot, after: Snapshot) -> int:
        return len(beyond(changes(before, after), limits))

    assert slow(times(1, 0.1), times(2.09, 0.1)) == 0
    assert slow(times(1, 0.1), times(2.11, 0.1)) == 1
    assert slow(times(1, 0.1), times(4, 0.2)) == 0  # a machine half as fast
    assert slow(times(1, 0.2), times(2, 0.1)) == 1
    assert slow(times(1, None), times(9, None)) == slow(times(1, 0.1), times(9, None)) == 0


def test_a_change_of_time_is_told_with_what_seeds_differ() -> None:
    before, after = ([record("bflc", seed=seed) for seed in (0, 1, 2)] for _ in range(2))
    seconds = iter([1.0, 1.0, 1.0, 2.0, 3.0, 4.0])
    found = changes(*(taken(*trials, clock=lambda _: Timed(next(seconds), None)) for trials in (before, after)))
    time = found.lines[0].time
    assert time is not None
    assert time.ratio == pytest.approx(24 ** (1 / 3))
    assert time.low is not None
    assert time.high is not None
    assert time.low < time.ratio < time.high
    assert time.low * time.high == pytest.approx(time.ratio**2)


def test_a_contended_trial_has_no_time() -> None:
    assert only([record("bflc")], [record("bflc", contended=True)]).time is None
    assert only([record("bflc")], [record("bflc")]).time is not None


def test_a_row_has_all_figures_and_no_text_that_is_no_json() -> None:
    row = change_row(only([record("bflc")], [record("bflc", gas=100_002, skill=0.1)]))
    assert row["gas"]["change"] == 4
    assert row["gas"]["parts"] == [
        {"name": "Bflc.propose", "before": 200_000, "after": 200_004, "calls_before": 4, "calls_after": 4}
    ]
    assert row["auroc_change"] == pytest.approx(row["auroc_after"] - row["auroc_before"])
    assert row["trials"] == 1
    assert not row["equal"]


def test_auroc_is_that_of_the_predictions() -> None:
    trial = record("bflc")
    one = results([trial])
    predictions = one.opener.predictions(one.completed[0])
    found = only([trial], [trial]).accuracy
    assert found is not None
    assert found.equal
    assert found.after is not None
    assert found.after.value == pytest.approx(metrics.auroc(predictions.label, predictions.probability))


def gates_file(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[gas]\nmore_percent = -1", r"mine.toml: gas.more_percent: .* \(got '?-1'?\)"),
        ("[gas]\nmore = 1", "mine.toml: gas.more: Extra inputs are not permitted"),
        ("[time]\nslack_s = 1", "mine.toml: time.ratio: Field required"),
        ("[accuracy]\nloss = nan", "mine.toml: accuracy.loss"),
        ("gas = 1", "mine.toml: gas: "),
        ("[gas", "mine.toml: not valid TOML"),
        ("gas = " + "[" * 5_000, "mine.toml: not valid TOML"),
    ],
)
def test_a_mistake_in_gates_is_one_line_with_file_and_field(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ChainwardError, match=complaint) as caught:
        gates.read(gates_file(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_gates_hold_only_what_they_name(tmp_path: Path) -> None:
    free = gates.read(gates_file(tmp_path, ""))
    assert told([record("bflc")], [record("bflc", gas=900_000, skill=0.0)], free) == []


def test_disclosures_are_held_kind_by_kind() -> None:
    from chainward.results.rounds import DisclosureRow

    before = record("bflc", disclosures=(DisclosureRow("update", "a committee", 9, 900),))
    after = record("bflc", disclosures=(DisclosureRow("update", "everyone", 4, 400),))
    assert told([before], [after]) == [
        "disclosures of bflc on heart: -5 items (-56 %): update to a committee -9, update to everyone +4"
    ]
    assert told([after], [after]) == []


def test_seeds_that_differ_beyond_all_measure_give_no_infinite_ratio() -> None:
    before, after = ([record("bflc", seed=seed) for seed in (0, 1)] for _ in range(2))
    seconds = iter([1e-8, 1e8, 1e8, 1e-8])
    (line,) = changes(*(taken(*one, clock=lambda _: Timed(next(seconds), None)) for one in (before, after))).lines
    assert line.time is not None
    assert line.time.low is not None
    assert line.time.high is not None
    assert 0 <= line.time.low < 1 < line.time.high < float("inf")


def test_text_from_a_report_does_not_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    escape = "\x1b[31mred"
    whole = taken(record("bflc", params={"size": escape}), record("bflc", gas=900_000, params={"size": "plain"}))
    dearer = taken(record("bflc", gas=900_001, params={"size": escape}), record("bflc", params={"size": "plain"}))
    found = changes(whole, dearer)
    print_changes(found, beyond(found, SHIPPED))
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "\\x1b[31mred" in told


def test_why_a_trial_failed_is_one_line() -> None:
    (why,) = told([record("bflc")], [failure("bflc", message="first\n\x1bsecond\n" + "x" * 500)])
    assert why.startswith("trials of bflc on heart: seed 0 failed: LedgerError: first \ufffdsecond x")
    assert len(why) < 260
