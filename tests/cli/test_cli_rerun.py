"""`chainward rerun`: equal where nothing changed, and what differs where a record is not what the code makes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainward.plans.identity import trial_id
from chainward.results import predictions, store
from chainward.results.document import digest
from chainward.results.folder import read_manifest
from chainward.results.predictions import Predicted
from chainward.results.record import Completed, Record
from chainward.results.store import Ended


def of(folder: Path, strategy: str) -> Completed:
    found = next(record for record in store.read_all(folder) if record.specification.strategy == strategy)
    assert found.status == "completed"
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_trial_comes_out_equal_and_the_folder_stays_as_it_was(finished, chainward) -> None:
    before = contents(finished.folder)
    one, other = (of(finished.folder, key) for key in ("fedavg", "local_only"))
    told = chainward("rerun", finished.folder, one.id[:10], other.id.upper(), one.id)
    assert told.code == 0, told.err
    for record in (one, other):
        assert f"{record.id[:12]} {record.specification.label}: equal" in told.out
    assert told.out.count(": equal") == 2
    assert "differs" not in told.out
    assert "note" not in told.out
    assert contents(finished.folder) == before


def renewed(folder: Path, record: Completed, change: Any) -> None:
    """Change predictions and renew all digests, as nobody does by accident; the manifest is taken away."""
    found = store.PredictionFiles(folder).predictions(record)
    columns = [np.array(column) for column in (found.hospital, found.patient, found.label, found.probability)]
    change(columns)
    file = predictions.encode(Predicted(*columns, own_models={}))
    store.write(folder, Ended(replace(record, predictions=digest(file)), file))
    (folder / "manifest.json").unlink()


def test_one_prediction_that_was_changed_with_all_digests_is_found_by_running_again(finished, chainward) -> None:
    record = of(finished.folder, "fedavg")

    def change(columns: list[Any]) -> None:
        columns[3][2] += 0.125

    renewed(finished.folder, record, change)
    told = chainward("rerun", finished.folder, record.id[:12], "--json")
    assert told.code == 1
    (trial,) = json.loads(told.out)["trials"]
    apart = [quantity for quantity in trial["quantities"] if not quantity["equal"]]
    assert [(each["name"], each["differing"]) for each in apart] == [("predictions", 1)]
    assert apart[0]["largest"] == pytest.approx(0.125)
    assert trial["same_code"]
    assert trial["same_data"]


def test_a_file_that_is_not_as_recorded_is_refused_before_anything_runs(finished, chainward) -> None:
    record = of(finished.folder, "fedavg")
    path = finished.folder / store.predictions_name(record.id)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    complaint = chainward("rerun", finished.folder, record.id[:12]).complaint
    assert complaint == f"chainward: predictions file of record {record.id} was changed"
    assert chainward("verify", finished.folder).code == 1


def with_code(record: Record, code: str) -> Record:
    digests = replace(record.digests, code=code)
    return replace(record, digests=digests, id=trial_id(record.specification, digests.data, code))


def test_other_code_is_said_and_compared_all_the_same(finished, chainward) -> None:
    record = of(finished.folder, "local_only")
    old = with_code(record, "ab" * 32)
    store.write(finished.folder, Ended(old, (finished.folder / store.predictions_name(record.id)).read_bytes()))
    told = chainward("rerun", finished.folder, old.id)
    assert told.code == 0
    assert f"{old.id[:12]} local_only on synthetic, seed 0: equal" in told.out
    assert f"code is no longer that of the record: a run today would name this trial {record.id}" in told.out


def test_a_trial_over_its_limit_differs_and_says_why(finished, chainward) -> None:
    done = of(finished.folder, "fedavg")
    long = replace(done.specification, rounds=20_000)  # nobody is through with them before it is looked at the clock
    record = replace(done, specification=long, id=trial_id(long, done.digests.data, done.digests.code))
    store.write(finished.folder, Ended(record, (finished.folder / store.predictions_name(done.id)).read_bytes()))
    told = chainward("rerun", finished.folder, record.id[:12], "--trial-timeout", "0.001")
    assert told.code == 1
    assert "how it ended" in told.out
    assert "Timeout" in told.out


@pytest.mark.parametrize(
    ("given", "words"),
    [("zz", "no record begins with 'zz'"), ("", "no record begins with ''"), ("\x1b[31m", "no record begins with")],
)
def test_an_unknown_id_is_one_line(given: str, words: str, finished, chainward) -> None:
    assert words in chainward("rerun", finished.folder, given).complaint


def test_a_beginning_that_records_share_is_refused_with_what_tells_them_apart(finished, chainward) -> None:
    record = of(finished.folder, "fedavg")
    file = (finished.folder / store.predictions_name(record.id)).read_bytes()
    codes = (f"{number:064x}" for number in range(100))
    twin = next(one for code in codes if (one := with_code(record, code)).id[0] == record.id[0])
    store.write(finished.folder, Ended(twin, file))
    complaint = chainward("rerun", finished.folder, record.id[0]).complaint
    assert "records begin with" in complaint
    assert record.id[:2] in complaint


def test_no_folder_and_no_number(finished, chainward, tmp_path) -> None:
    assert "no records here" in chainward("rerun", tmp_path / "nowhere", "a").complaint
    record = of(finished.folder, "fedavg")
    complaint = chainward("rerun", finished.folder, record.id, "--trial-timeout", "nan").complaint
    assert "--trial-timeout" in complaint


def test_the_plan_in_the_folder_names_the_same_trials(finished, chainward, tmp_path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    hospital = of(finished.folder, "fedavg").hospitals[0].name
    changes = ("--training", "learning_rate=0.05", "--rounds", "1", "--title", 'A "plan"\\')
    options = ("--absent", f"{hospital}:1", *changes)
    assert chainward("run", finished.plan, "--out", one, *options).code == 0
    told = chainward("run", one / "plan.toml", "--out", other)
    assert told.code == 0, told.err
    assert set(read_manifest(one).trials) == set(read_manifest(other).trials) == set(store.identifiers(other))
    assert (one / "plan.toml").read_bytes() == (other / "plan.toml").read_bytes()
    assert set(read_manifest(one).trials).isdisjoint(read_manifest(finished.folder).trials)


def test_a_plan_that_was_changed_is_found(finished, chainward) -> None:
    path = finished.folder / "plan.toml"
    path.write_text(f"{path.read_text(encoding='utf-8')}# changed\n", encoding="utf-8")
    told = chainward("verify", finished.folder)
    assert (told.code, told.out) == (1, "plan.toml was changed\n")
    assert "plan.toml was changed" in chainward("report", finished.folder).complaint
