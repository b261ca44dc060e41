"""Packed records: the same content, the same manifest, and what is damaged is found."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest
from sample_records import PROVENANCE, ended, failed, specified

from chainward.results import check, store
from chainward.results.document import Unsound, digest
from chainward.results.folder import close, opened, read_manifest, verify

TRIALS = (ended(specified("bflc")), ended(specified("fedavg")), failed(specified("fedavg", seed=1)))
IDS = [trial.record.id for trial in TRIALS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three trials, closed by a manifest, and packed."""
    for trial in TRIALS:
        store.write(tmp_path, trial)
    close(tmp_path, IDS, "plan", "chainward run plan.toml", PROVENANCE)
    for identifier in IDS:
        store.pack(tmp_path, identifier)
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "records").iterdir())


def test_what_is_packed_is_read_and_verified_as_before(folder: Path) -> None:
    assert names(folder) == sorted(f"{identifier}.json.gz" for identifier in IDS)
    manifest = read_manifest(folder)
    assert verify(folder, manifest) == []
    expected = tuple(sorted((trial.record for trial in TRIALS), key=lambda record: record.order))
    assert opened(folder, manifest).records == expected
    assert tuple(store.read_all(folder)) == expected
    assert store.identifiers(folder) == sorted(IDS)
    assert all(store.recorded(folder, identifier) for identifier in IDS)


def test_packing_is_deterministic_idempotent_and_comes_undone(folder: Path) -> None:
    for trial in TRIALS:
        name, data = folder / store.packed_name(trial.record.id), store.to_bytes(trial.record)
        packed = name.read_bytes()
        assert gzip.decompress(packed) == data
        assert packed[4:8] == bytes(4)  # no time
        assert packed[3] == 0  # no name
        store.pack(folder, trial.record.id)
        assert name.read_bytes() == packed
        for _ in range(2):
            store.unpack(folder, trial.record.id)
            assert (folder / store.record_name(trial.record.id)).read_bytes() == data
    assert names(folder) == sorted(f"{identifier}.json" for identifier in IDS)


def test_a_packed_record_that_was_changed_is_found(folder: Path) -> None:
    changed = replace(TRIALS[0].record, notes=("changed",))
    (folder / store.packed_name(IDS[0])).write_bytes(gzip.compress(store.to_bytes(changed)))
    assert verify(folder, read_manifest(folder)) == [f"record {IDS[0]} was changed"]


BROKEN = {
    "half": lambda data: data[: len(data) // 2],
    "a bit": lambda data: bytes([*data[:40], data[40] ^ 16, *data[41:]]),
    "the check at the end": lambda data: bytes([*data[:-8], data[-8] ^ 1, *data[-7:]]),
    "nothing": lambda data: b"",
    "no gzip": lambda data: b"{}",
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_unpacked_is_unsound_and_no_traceback(case: str, folder: Path) -> None:
    path = folder / store.packed_name(IDS[1])
    path.write_bytes(BROKEN[case](path.read_bytes()))
    sound, problems = check.partition(folder, IDS, {})
    assert [trial.record.id for trial in sound] == [IDS[0], IDS[2]]
    assert len(problems) == 1
    assert problems[0].startswith(f"record {IDS[1]}")


def test_what_would_unpack_without_end_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LARGEST_RECORD", 10_000)
    (folder / store.packed_name(IDS[0])).write_bytes(gzip.compress(b" " * 1_000_000))
    with pytest.raises(Unsound, match="larger than 10,000 bytes"):
        store.read(folder, IDS[0])


def test_a_link_and_a_pipe_are_no_packed_records(folder: Path) -> None:
    path = folder / store.packed_name(IDS[0])
    path.unlink()
    path.symlink_to(folder / "nowhere")
    with pytest.raises(Unsound, match="is missing"):
        store.read(folder, IDS[0])
    assert store.recorded(folder, IDS[0])


def test_a_trial_that_is_run_again_stands_plain_in_the_place_of_the_packed_one(folder: Path) -> None:
    again = replace(TRIALS[0], record=replace(TRIALS[0].record, notes=("again",)))
    (folder / store.record_name(IDS[0])).write_bytes(store.to_bytes(again.record))  # as after a crash before the end
    assert store.read(folder, IDS[0]).notes == ("again",)
    store.write(folder, again)
    assert f"{IDS[0]}.json.gz" not in names(folder)
    assert store.read(folder, IDS[0]).notes == ("again",)


def test_the_manifest_names_content_packed_or_not(folder: Path) -> None:
    files = read_manifest(folder).files
    assert all(files[store.record_name(one.record.id)] == digest(store.to_bytes(one.record)) for one in TRIALS)
