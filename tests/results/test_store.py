from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from chainward.errors import ChainwardError
from chainward.results import store
from chainward.trials.checkpoint import replace_file


def sample(identifier: str, task: str = "heart", strategy: str = "fedavg", seed: int = 0) -> dict[str, Any]:
    specification = {"task": task, "strategy": strategy, "seed": seed}
    return {"schema": store.SCHEMA, "id": identifier, "status": "completed", "specification": specification}


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


# --- written whole or not at all -----------------------------------------------------------------


def test_written_and_read_back(tmp_path: Path) -> None:
    path = store.write(tmp_path, sample("ab12"))
    assert path == tmp_path / "records" / "ab12.json"
    assert store.read(path) == sample("ab12")
    assert [one.name for one in path.parent.iterdir()] == ["ab12.json"]


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
    assert steps == [("synced", False), ("renamed", path)]
    assert path.read_bytes() == b"content"


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        '{"schema": 1, "id": "ab1',
        "[]",
        json.dumps({**sample("ab12"), "schema": store.SCHEMA + 1}),
        json.dumps(sample("other")),
    ],
    ids=["absent", "empty", "torn", "a list", "another schema", "another id"],
)
def test_what_is_not_sound_is_no_record(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "ab12.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert store.read(path) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_json_cannot_hold_is_refused_before_anything_is_written(value: object, tmp_path: Path) -> None:
    with pytest.raises((TypeError, ValueError)):
        store.write(tmp_path, {**sample("ab12"), "notes": value})
    assert not list(tmp_path.iterdir())


def test_a_folder_below_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ChainwardError, match=r"cannot be written.*--out"):
        store.write(tmp_path / "file", sample("ab12"))


def test_records_come_by_task_strategy_and_seed(tmp_path: Path) -> None:
    settings = [("heart", "fedavg", 10), ("heart", "bflc", 0), ("heart", "fedavg", 9), ("edin", "pooled", 0)]
    for number, (task, strategy, seed) in enumerate(settings):
        store.write(tmp_path, sample(f"id{number}", task, strategy, seed))
    (tmp_path / "records" / "torn.json").write_text("{", encoding="utf-8")
    assert [one["id"] for one in store.read_all(tmp_path)] == ["id3", "id1", "id2", "id0"]


def test_no_records_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ChainwardError, match="chainward run"):
        store.read_all(tmp_path)


# --- the manifest --------------------------------------------------------------------------------

A, B, C = (sha256(letter) for letter in (b"a", b"b", b"c"))


@pytest.mark.parametrize(
    ("leaves", "root"),
    [
        ([], sha256(b"")),
        ([A], A),
        ([A, B], sha256(A + B)),
        ([A, B, C], sha256(sha256(A + B) + C)),
        ([A, B, C, A], sha256(sha256(A + B) + sha256(C + A))),
        ([A, B, C, A, B], sha256(sha256(sha256(A + B) + sha256(C + A)) + B)),
    ],
    ids=range(6),
)
def test_merkle_root_by_hand(leaves: list[bytes], root: bytes) -> None:
    assert store.merkle_root([leaf.hex() for leaf in leaves]) == root.hex()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three records and their manifest."""
    for name in ("b", "c", "a"):
        store.write(tmp_path, sample(name))
    store.write_manifest(tmp_path, ["b", "c", "a"], {"device": "cpu"})
    return tmp_path


def test_manifest_holds_the_digest_of_each_file_and_their_root(folder: Path) -> None:
    digests = {name: sha256(store.path_of(folder, name).read_bytes()) for name in ("a", "b", "c")}
    found = store.read_manifest(folder)
    assert found["records"] == {name: digest.hex() for name, digest in digests.items()}
    a, b, c = digests.values()
    assert found["merkle_root"] == sha256(sha256(a + b) + c).hex()
    assert found["environment"] == {"device": "cpu"}
    assert store.verify(folder) == []


def test_a_record_the_manifest_does_not_name_is_no_part_of_it(folder: Path) -> None:
    store.write(folder, sample("d"))
    assert store.verify(folder) == []


def test_verify_finds_a_changed_and_a_missing_record(folder: Path) -> None:
    store.write(folder, {**sample("a"), "status": "failed"})
    store.path_of(folder, "c").unlink()
    assert store.verify(folder) == ["record a was changed", "record c is missing"]


def rewritten(folder: Path, **changes: Any) -> None:
    path = folder / store.MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **changes}), encoding="utf-8")


def test_verify_finds_a_changed_record_whose_digest_was_changed_with_it(folder: Path) -> None:
    path = store.write(folder, {**sample("a"), "status": "failed"})
    rewritten(folder, records={**store.read_manifest(folder)["records"], "a": sha256(path.read_bytes()).hex()})
    assert store.verify(folder) == ["the manifest's Merkle root does not belong to its records"]


def test_verify_finds_a_record_taken_out_of_the_manifest(folder: Path) -> None:
    names = store.read_manifest(folder)["records"]
    rewritten(folder, records={name: names[name] for name in ("a", "b")})
    assert store.verify(folder) == ["the manifest's Merkle root does not belong to its records"]


@pytest.mark.parametrize("digest", ["no digest", 7, None])
def test_verify_survives_a_digest_that_is_none(digest: object, folder: Path) -> None:
    rewritten(folder, records={"a": digest})
    assert store.verify(folder) == [
        "record a was changed",
        "the manifest's Merkle root does not belong to its records",
    ]


def test_provenance_says_what_a_repetition_needs() -> None:
    found = store.provenance("cpu")
    assert set(found) == {"created", "versions", "platform", "device", "commit"}
    assert {"python", "torch", "pyrevm", "numpy"} <= set(found["versions"])
    assert "/" not in found["platform"]
