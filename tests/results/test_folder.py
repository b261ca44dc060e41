"""The manifest over a folder, and the papers in it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sample_records import PROVENANCE, ended, failed, specified

from chainward.errors import ChainwardError
from chainward.results import store
from chainward.results.document import decode, encode
from chainward.results.folder import MANIFEST, PAPERS, close, forget, opened, read_manifest, read_plan, verify
from chainward.results.manifest import merkle_root, root_of
from chainward.results.papers import Papers, adapter, papers_of
from chainward.strategy import discovery

TRIALS = (ended(specified("bflc")), ended(specified("fedavg")), failed(specified("fedavg", seed=1)))
IDS = [trial.record.id for trial in TRIALS]


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


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
    assert merkle_root([leaf.hex() for leaf in leaves]) == root.hex()


def test_the_root_holds_paths_too() -> None:
    a, b = sha256(b"x\0" + A.hex().encode()), sha256(b"y\0" + B.hex().encode())
    assert root_of({"y": B.hex(), "x": A.hex()}) == sha256(a + b).hex()
    assert root_of({"x": A.hex(), "y": B.hex()}) != root_of({"x": B.hex(), "y": A.hex()})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three trials, closed by a manifest."""
    for trial in TRIALS:
        store.write(tmp_path, trial)
    close(tmp_path, IDS, "plan", "chainward run plan.toml", PROVENANCE)
    return tmp_path


def problems(folder: Path) -> list[str]:
    return verify(folder, read_manifest(folder))


def test_the_manifest_names_every_file_and_how_it_was_made(folder: Path) -> None:
    manifest = read_manifest(folder)
    files = {str(path.relative_to(folder)): sha256(path.read_bytes()).hex() for path in folder.rglob("*.*")}
    assert dict(manifest.files) == {name: value for name, value in files.items() if name != MANIFEST}
    assert len(manifest.files) == 6
    assert sorted(manifest.trials) == sorted(IDS)
    assert manifest.merkle_root == root_of(manifest.files)
    told = (manifest.plan, manifest.command, manifest.environment)
    assert told == ("plan", "chainward run plan.toml", PROVENANCE)
    assert problems(folder) == []


def test_what_is_opened_is_what_was_closed(folder: Path) -> None:
    results = opened(folder, read_manifest(folder))
    assert results.records == tuple(sorted((trial.record for trial in TRIALS), key=lambda record: record.order))
    assert results.completed == results.records[:2]
    assert results.strategies == ("bflc", "fedavg")
    assert results.papers == papers_of(["bflc", "fedavg"])
    assert results.opener.predictions(results.completed[0]).probability.tolist() == [0.1, 0.9]


def test_a_record_the_manifest_does_not_name_is_no_part_of_it(folder: Path) -> None:
    store.write(folder, ended(specified(seed=5)))
    assert problems(folder) == []
    assert len(opened(folder, read_manifest(folder)).records) == 3


def test_whatever_differs_is_named_by_verify_and_refused_when_opened(folder: Path) -> None:
    store.write(folder, replace(TRIALS[0], record=replace(TRIALS[0].record, notes=("changed",))))
    (folder / store.predictions_name(IDS[1])).unlink()
    (folder / store.record_name(IDS[2])).unlink()
    (folder / PAPERS).write_bytes(b"{}")
    expected = {
        f"record {IDS[0]} was changed",
        f"predictions file of record {IDS[1]} is missing",
        f"record {IDS[2]} is missing",
        f"{PAPERS} was changed",
    }
    assert set(problems(folder)) == expected
    with pytest.raises(ChainwardError) as refusal:
        opened(folder, read_manifest(folder))
    assert set(str(refusal.value).split("; ")) == expected


def rewritten(folder: Path, **changes: Any) -> None:
    path = folder / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **changes}), encoding="utf-8")


def test_a_record_taken_out_of_the_manifest_leaves_another_root(folder: Path) -> None:
    files = dict(read_manifest(folder).files)
    del files[store.record_name(IDS[0])]
    rewritten(folder, files=files)
    assert problems(folder) == ["the manifest's Merkle root does not belong to its files"]
    with pytest.raises(ChainwardError, match="Merkle root"):
        opened(folder, read_manifest(folder))


BROKEN = {
    "a digest that is none": {"files": {"records/a.json": "no digest"}},
    "a number for a digest": {"files": {"records/a.json": 7}},
    "another schema": {"schema": 1},
    "a field too many": {"signature": "x"},
    "no root": {"merkle_root": None},
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_manifest_is_refused_in_one_line(case: str, folder: Path) -> None:
    rewritten(folder, **BROKEN[case])
    with pytest.raises(ChainwardError, match=r"manifest.json: .*; run the plan again") as refusal:
        read_manifest(folder)
    assert "\n" not in str(refusal.value)


def test_a_path_out_of_the_folder_leads_nowhere(folder: Path) -> None:
    files = {"records/../../secret.json": "0" * 64}
    rewritten(folder, files=files, merkle_root=root_of(files))
    (folder.parent / "secret.json").write_text("secret", encoding="utf-8")
    with pytest.raises(ChainwardError, match="files"):
        read_manifest(folder)


def test_what_is_run_again_is_first_forgotten(folder: Path) -> None:
    forget(folder, read_manifest(folder), [IDS[0]])
    assert sorted(read_manifest(folder).trials) == sorted(IDS[1:])
    (folder / store.record_name(IDS[0])).unlink()
    assert problems(folder) == []


def test_nothing_is_closed_over_what_is_not_sound(folder: Path) -> None:
    before = (folder / MANIFEST).read_bytes()
    (folder / store.record_name(IDS[0])).write_bytes(b"{}")
    with pytest.raises(ChainwardError, match=f"record {IDS[0]}: "):
        close(folder, IDS, "plan", "chainward run plan.toml", PROVENANCE)
    assert (folder / MANIFEST).read_bytes() == before


@pytest.mark.parametrize("key", discovery.keys())
def test_every_paper_survives_its_file(key: str) -> None:
    papers: Papers = papers_of([key])
    again = decode(adapter(), encode(adapter(), papers))
    assert again == papers
    assert again[key].claims == discovery.claims(discovery.load(key))


PLAN = 'name = "a"\ntitle = "A plan"\n'


@pytest.mark.parametrize(
    ("text", "problem"),
    [(PLAN, ""), (f"{PLAN} ", "plan.toml was changed"), (None, "plan.toml is missing")],
    ids=["kept", "changed", "gone"],
)
def test_the_plan_is_one_of_the_files(text: str | None, problem: str, folder: Path) -> None:
    _, manifest = close(folder, IDS, "a", "chainward run a.toml", PROVENANCE, PLAN)
    (folder / "plan.toml").unlink()
    if text is not None:
        (folder / "plan.toml").write_text(text, encoding="utf-8")
    assert verify(folder, manifest) == ([problem] if problem else [])
    if problem:
        with pytest.raises(ChainwardError, match=problem):
            opened(folder, manifest)
    else:
        assert read_plan(folder, manifest) == PLAN


@pytest.mark.parametrize("text", ["= no TOML", "a = " + "[" * 100_000], ids=["no TOML", "deep"])
def test_a_plan_that_is_none_is_found_though_its_digest_fits(text: str, folder: Path) -> None:
    _, manifest = close(folder, IDS, "a", "chainward run a.toml", PROVENANCE, text)
    assert verify(folder, manifest) == ["plan.toml is no TOML"]


def test_a_manifest_of_before_names_no_plan_and_is_read(folder: Path) -> None:
    rewritten(folder, schema=5)
    manifest = read_manifest(folder)
    assert manifest.schema == 5
    assert verify(folder, manifest) == []
    assert read_plan(folder, manifest) == ""
    forget(folder, manifest, IDS[:1])
    assert len(read_manifest(folder).trials) == 2
