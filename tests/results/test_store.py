"""What is written is whole and sound; what is not is named."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sample_records import ended, failed, predicted, specified

from chainward.errors import ChainwardError
from chainward.files import read_file, replace_file
from chainward.results import check, store
from chainward.results.document import Unsound, seal, unseal
from chainward.results.provenance import provenance
from chainward.results.store import Ended, PredictionFiles

TRIAL = ended()
NAME = TRIAL.record.id


def record_path(out: Path, trial: Ended = TRIAL) -> Path:
    return out / store.record_name(trial.record.id)


def predictions_path(out: Path, trial: Ended = TRIAL) -> Path:
    return out / store.predictions_name(trial.record.id)


# --- written whole or not at all -----------------------------------------------------------------


@pytest.mark.parametrize("trial", [TRIAL, failed()], ids=["completed", "failed"])
def test_written_and_read_back(trial: Ended, tmp_path: Path) -> None:
    assert store.write(tmp_path, trial) == record_path(tmp_path, trial)
    assert store.read(tmp_path, trial.record.id) == trial.record
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == (1 if trial.predictions is None else 2)


def test_a_stop_before_the_renaming_leaves_the_old_content(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "file"
    replace_file(path, b"old")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"


def test_content_is_on_disk_before_the_name_is(tmp_path: Path, monkeypatch) -> None:
    path, steps = tmp_path / "file", []
    monkeypatch.setattr(os, "fsync", lambda _: steps.append(("synced", path.exists())))
    rename = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, to: (steps.append(("renamed", to)), rename(self, to))[1])
    replace_file(path, b"content")
    assert steps == [("synced", False), ("renamed", path), ("synced", True)]  # the last is the folder, for the name
    assert path.read_bytes() == b"content"


def test_predictions_are_there_before_the_record_that_names_them(tmp_path: Path, monkeypatch) -> None:
    written = []
    monkeypatch.setattr(store, "replace_file", lambda path, _: written.append(path))
    store.write(tmp_path, TRIAL)
    assert written == [predictions_path(tmp_path), record_path(tmp_path)]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1", None])
def test_what_no_record_can_hold_is_refused_before_anything_is_written(value: object, tmp_path: Path) -> None:
    broken = replace(TRIAL.record, outcomes={"paid": {"north": value}})
    with pytest.raises((ValueError, Unsound)):
        store.write(tmp_path, replace(TRIAL, record=broken))
    assert not list(tmp_path.iterdir())


def test_a_folder_below_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ChainwardError, match=r"cannot be written.*--out"):
        store.write(tmp_path / "file", TRIAL)


def test_records_come_by_task_strategy_and_seed(tmp_path: Path) -> None:
    settings = [("fedavg", "heart", 10), ("bflc", "heart", 0), ("fedavg", "heart", 9), ("pooled", "edin", 0)]
    for setting in settings:
        store.write(tmp_path, ended(specified(*setting)))
    (tmp_path / "records" / "torn.json").write_text("{", encoding="utf-8")
    found = [one.specification for one in store.read_all(tmp_path)]
    assert [(one.strategy, one.task, one.seed) for one in found] == [settings[i] for i in (3, 1, 2, 0)]


def test_no_records_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ChainwardError, match="chainward run"):
        store.read_all(tmp_path)


# --- the check -----------------------------------------------------------------------------------


def huge(path: Path) -> None:
    with path.open("ab") as file:
        file.truncate(store.LARGEST_RECORD + 1)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


DAMAGES = {
    "missing": (Path.unlink, "is missing"),
    "empty": (lambda path: path.write_bytes(b""), "does not begin with the digest of its content"),
    "torn": (lambda path: path.write_bytes(path.read_bytes()[:500]), "its content is not that of its digest"),
    "changed": (lambda path: path.write_bytes(path.read_bytes() + b" "), "its content is not that of its digest"),
    "changed with its digest": (
        lambda path: path.write_bytes(seal(unseal(path.read_bytes()).replace(b'"gas":[300', b'"gas":["x"', 1))),
        "rounds.gas.0: Input should be a valid integer",
    ),
    "another's": (
        lambda path: path.write_bytes(store.to_bytes(ended(specified(seed=7)).record)),
        "id: is not the name of its file",
    ),
    "a folder": (folder, "is no regular file"),
    "a pipe": (pipe, "is no regular file"),
    "a device": (endless, "is no regular file"),
    "huge": (huge, "is larger than"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_record_that_is_not_sound_is_named_with_the_reason(case: str, tmp_path: Path) -> None:
    damage, words = DAMAGES[case]
    store.write(tmp_path, TRIAL)
    damage(record_path(tmp_path))
    for reading in (lambda: store.read(tmp_path, NAME), lambda: check.sound(tmp_path, NAME, {})):
        with pytest.raises(Unsound, match=words) as refusal:
            reading()
        assert str(refusal.value).startswith(f"record {NAME}")
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("case", ["missing", "torn", "changed", "a folder", "a pipe", "a device"])
def test_predictions_that_are_not_the_records_are_named(case: str, tmp_path: Path) -> None:
    store.write(tmp_path, TRIAL)
    DAMAGES[case][0](predictions_path(tmp_path))
    assert store.read(tmp_path, NAME) == TRIAL.record  # which does not look at them
    with pytest.raises(Unsound, match=f"^predictions file of record {NAME} "):
        check.sound(tmp_path, NAME, {})
    with pytest.raises(Unsound, match=f"^predictions file of record {NAME} "):
        PredictionFiles(tmp_path).predictions(TRIAL.record)


def test_a_sound_trial_before_and_after_there_is_a_manifest(tmp_path: Path) -> None:
    store.write(tmp_path, TRIAL)
    found = check.sound(tmp_path, NAME, {})
    assert found.record == TRIAL.record
    assert set(found.files) == {store.record_name(NAME), store.predictions_name(NAME)}
    assert check.sound(tmp_path, NAME, found.files) == found


def test_a_sound_trial_that_is_not_the_manifests_was_changed(tmp_path: Path) -> None:
    store.write(tmp_path, TRIAL)
    files = check.sound(tmp_path, NAME, {}).files
    store.write(tmp_path, replace(TRIAL, record=replace(TRIAL.record, notes=("another",))))
    assert check.sound(tmp_path, NAME, {})
    with pytest.raises(Unsound, match=f"^record {NAME} was changed$"):
        check.sound(tmp_path, NAME, files)


def test_trials_are_parted_into_sound_ones_and_complaints(tmp_path: Path) -> None:
    store.write(tmp_path, TRIAL)
    found, problems = check.partition(tmp_path, [NAME, "0" * 64], {})
    assert [one.record for one in found] == [TRIAL.record]
    assert problems == [f"record {'0' * 64} is missing"]


def test_predictions_are_opened_when_somebody_asks(tmp_path: Path) -> None:
    trial = ended(predictions=predicted((0.25, 0.75), own_models={"north": (0.5, 0.625)}))
    store.write(tmp_path, trial)
    opener = PredictionFiles(tmp_path)
    np.testing.assert_array_equal(opener.predictions(trial.record).probability, [0.25, 0.75])
    np.testing.assert_array_equal(opener.own_models(trial.record)["north"].probability, [0.5, 0.625])


def test_a_file_is_read_up_to_the_size_allowed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_file(path, 5) == b"12345"
    with pytest.raises(ChainwardError, match="larger than 4 bytes"):
        read_file(path, 4)


def test_provenance_says_what_a_repetition_needs() -> None:
    found = provenance("cpu")
    assert {"python", "torch", "pyrevm", "numpy"} <= set(found.versions)
    assert "/" not in found.platform
    assert found.device == "cpu"
