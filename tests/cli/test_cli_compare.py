"""`chainward compare`: two folders, or a file that was kept; exit codes, causes and mistakes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from chainward.results.folder import read_manifest


@pytest.fixture(scope="module")
def longer(chainward, _finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny plan over three rounds instead of two."""
    folder = tmp_path_factory.mktemp("longer") / "report"
    assert chainward("run", _finished.plan, "--rounds", 3, "--out", folder).code == 0
    return folder


def test_a_report_compared_with_itself_changed_nothing(chainward, finished) -> None:
    told = chainward("compare", finished.folder, finished.folder)
    assert told.code == 0
    assert "nothing changed" in told.out
    assert told.out.rstrip().endswith("within the shipped gates")
    lines = [line for line in told.out.splitlines() if line.startswith(("fedavg", "local_only"))]
    assert len(lines) == 2
    assert all(re.fullmatch(r"\S+ +equal +(equal|–) +equal +equal +(equal|–) +1 x", line) for line in lines)


def test_the_table_has_room_in_eighty_columns(chainward, finished, longer) -> None:
    told = chainward("compare", finished.folder, longer)
    heading = next(line for line in told.out.splitlines() if line.startswith("strategy"))
    assert heading.split() == ["strategy", "AUROC", "(95", "%)", "gas", "latency", "bytes", "seen", "time"]
    table = told.out.partition(heading)[2].splitlines()[1:3]
    assert all(len(line) <= 80 for line in [heading, *table])


def test_what_is_beyond_a_gate_exits_with_one_and_says_why(chainward, finished, longer) -> None:
    told = chainward("compare", finished.folder, longer)
    assert told.code == 1
    assert re.search(r"^! bytes of fedavg on synthetic: \+[0-9,]+ bytes \(\+50 %\), all in parties$", told.out, re.M)
    assert "  fedavg: other rounds or parameters are set" in told.out
    assert told.out.rstrip().endswith("beyond the shipped gates, marked with !")
    assert "! bytes" not in chainward("compare", longer, finished.folder).out


def test_gates_of_ones_own_decide(chainward, finished, longer, tmp_path: Path) -> None:
    gates = tmp_path / "gates.toml"
    gates.write_text("[bytes]\nmore_percent = 60\n", encoding="utf-8")
    told = chainward("compare", finished.folder, longer, "--gates", gates)
    assert (told.code, told.out.rstrip().splitlines()[-1]) == (0, f"within the gates of {gates}")
    gates.write_text("[bytes]\nmore_percent = 40\n", encoding="utf-8")
    assert chainward("compare", finished.folder, longer, "--gates", gates).code == 1


def test_what_was_kept_stands_for_its_folder(chainward, finished, longer, tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    assert chainward("compare", finished.folder, finished.folder, "--keep", kept).code == 0
    again = chainward("compare", kept, kept)
    assert again.out == chainward("compare", finished.folder, finished.folder).out
    assert chainward("compare", kept, longer).out == chainward("compare", finished.folder, longer).out
    written = kept.read_bytes()
    assert chainward("compare", finished.folder, kept, "--keep", kept).code == 0
    assert kept.read_bytes() == written


def test_json_has_every_line_and_what_is_beyond(chainward, finished, longer) -> None:
    told = chainward("compare", finished.folder, longer, "--json")
    assert told.code == 1
    found = json.loads(told.out)
    assert not found["within_gates"]
    assert [line["label"] for line in found["lines"]] == ["fedavg", "local_only"]
    assert {one["quantity"] for one in found["beyond"]} >= {"bytes", "latency"}
    assert found["lines"][0]["bytes"]["parts"][0]["name"] == "parties"
    assert found["added"] == found["removed"] == []


def test_a_strategy_that_is_gone_is_named(chainward, finished, tmp_path: Path, plan: Path) -> None:
    alone = tmp_path / "alone"
    assert chainward("run", plan, "--strategy", "fedavg", "--out", alone).code == 0
    told = chainward("compare", finished.folder, alone)
    assert told.code == 1
    assert "! removed: local_only on synthetic" in told.out
    added = chainward("compare", alone, finished.folder)
    assert (added.code, "  added: local_only on synthetic" in added.out) == (0, True)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda folder: folder / "nowhere", "nowhere"),
        (lambda folder: (folder / "empty").mkdir() or folder / "empty", "no manifest.json"),
        (lambda folder: (folder / "text.json").write_text("{}") and folder / "text.json", "text.json: "),
    ],
)
def test_what_is_no_report_is_refused_in_a_line(chainward, finished, tmp_path: Path, make, complaint: str) -> None:
    assert complaint in chainward("compare", finished.folder, make(tmp_path)).complaint


def test_a_changed_record_is_refused(chainward, finished) -> None:
    name = read_manifest(finished.folder).trials[0]
    path = finished.folder / "records" / f"{name}.json"
    path.write_bytes(path.read_bytes() + b" ")
    assert name in chainward("compare", finished.folder, finished.folder).complaint


def test_missing_gates_are_refused(chainward, finished) -> None:
    refused = chainward("compare", finished.folder, finished.folder, "--gates", "none.toml").complaint
    assert refused == "chainward: none.toml: no such file of gates; benchmarks/gates.toml is an example"
