"""The metadata of a report folder, as another library reads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from report_fixtures import HOSTILE, records, results, verdicts
from sample_records import PROVENANCE, ended, specified

from chainward.report import all_tables, write_tables
from chainward.report.crate import METADATA, crate
from chainward.results import store
from chainward.results.folder import close
from chainward.results.manifest import manifest_of

rocrate = pytest.importorskip("rocrate.rocrate", reason="rocrate is not installed")

TRIALS = (ended(specified("bflc")), ended(specified("fedavg")), ended(specified("fedavg", seed=1)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A report folder, whole."""
    for trial in TRIALS:
        store.write(tmp_path, trial)
    ids = [trial.record.id for trial in TRIALS]
    found, manifest = close(tmp_path, ids, "a", "chainward run a.toml", PROVENANCE, 'name = "a"\n')
    write_tables(all_tables(found, []), tmp_path, manifest)
    return tmp_path


def test_another_library_finds_every_file_and_what_it_is(folder: Path) -> None:
    found = rocrate.ROCrate(folder)
    assert found.name == "chainward report: a"
    assert str(found.datePublished).startswith("2026-01-01")
    parts = {entity.id for entity in found.data_entities}
    there = {path.name for path in folder.iterdir() if path.is_file()} - {METADATA}
    assert parts - {"records/", "predictions/"} == there
    assert {"records/", "predictions/"} <= parts
    assert all((folder / part).exists() for part in parts)
    assert {"plan.toml", "manifest.json", "papers.json", "index.html"} <= parts


def test_it_names_software_run_papers_and_data(folder: Path) -> None:
    found = rocrate.ROCrate(folder)
    by_id = {entity.id: entity for entity in found.contextual_entities}
    assert by_id["#software"]["softwareVersion"] == "0.1.0"
    assert by_id["#run"]["name"] == "chainward run a.toml"
    assert by_id["#run"]["object"].id == "plan.toml"
    assert {one.id for one in found.root_dataset["citation"]} == {"#paper-bflc", "#paper-fedavg"}
    assert by_id["#paper-bflc"]["url"] == "https://doi.org/10.1109/MNET.011.2000263"
    assert "CC BY 4.0" in by_id["#task-heart"]["license"]
    assert "Heart Disease" in by_id["#task-heart"]["description"]


def test_every_reference_is_in_the_graph_and_every_id_once(folder: Path) -> None:
    graph = json.loads((folder / METADATA).read_bytes())["@graph"]
    ids = [entity["@id"] for entity in graph]
    assert len(ids) == len(set(ids))

    def named(value: object) -> list[str]:
        if isinstance(value, dict):
            return [value["@id"]] if set(value) == {"@id"} else [name for one in value.values() for name in named(one)]
        return [name for one in value for name in named(one)] if isinstance(value, list) else []

    outside = {name for entity in graph for name in named(entity) if name not in ids}
    assert outside == {"https://w3id.org/ro/crate/1.1", "https://spdx.org/licenses/Apache-2.0"}


def test_equal_records_give_equal_metadata_and_hostile_names_are_text() -> None:
    manifest = manifest_of({}, "a", HOSTILE, PROVENANCE)
    tables, other = (all_tables(results(trials), verdicts()) for trials in (records(), records()[::-1]))
    told = crate(tables, manifest, ["index.html"])
    assert told == crate(other, manifest, ["index.html"])
    ids = [entity["@id"] for entity in told["@graph"]]
    assert len(ids) == len(set(ids))
    assert not any(set(name) & set("<>\"' ") for name in ids)
    assert HOSTILE in [entity.get("name") for entity in told["@graph"]]
