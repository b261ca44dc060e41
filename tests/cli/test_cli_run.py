from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from chainward.folders import CHECKOUT
from chainward.results import folder, store
from chainward.results.document import seal, unseal
from chainward.results.record import Failed, Failure, Heading
from chainward.testing import completed, without_times
from chainward.trials import runner, workers

LEADERBOARD = {
    "task",
    "strategy",
    "trials",
    "rounds",
    "auroc_mean",
    "auroc_low",
    "auroc_high",
    "auroc_worst_hospital",
    "latency_per_round_s",
    "latency_total_s",
    "compute_measured_s",
    "gas_per_round",
    "gas_total",
    "gas_deploy",
    "raw_records_shared",
}
HOSTILE = "</script><img src=x onerror=alert(1)> [red]&amp;"


def rows(printed: str) -> list[dict[str, Any]]:
    """The leaderboard that a command printed as JSON, without measured times."""
    return [
        {name: value for name, value in row.items() if not name.startswith("compute_")} for row in json.loads(printed)
    ]


def records(place: Path) -> dict[str, Any]:
    """All completed records by id, without measured times and provenance."""
    return {found.id: without_times(completed(found)) for found in store.read_all(place)}


# --- a run, and the same run again ---------------------------------------------------------------


def test_run_writes_page_records_and_manifest(finished) -> None:
    assert finished.outcome.code == 0
    assert str(Path("report") / "index.html") in finished.outcome.err
    assert (finished.folder / "index.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    found = store.read_all(finished.folder)
    done = [(one.specification.strategy, one.specification.seed, one.status) for one in found]
    assert done == [(key, seed, "completed") for key in ("fedavg", "local_only") for seed in (0, 1)]
    manifest = folder.read_manifest(finished.folder)
    assert list(manifest.trials) == sorted(one.id for one in found)
    beside = {finished.folder / name for name in ("papers.json", "plan.toml")}
    written = {path for path in finished.folder.rglob("*/*") if path.is_file()} | beside
    assert {finished.folder / name for name in manifest.files} == written
    assert (manifest.plan, manifest.command.split()[:2]) == ("tiny", ["chainward", "run"])
    assert not list(finished.folder.rglob("*.part"))
    assert "fedavg" in finished.outcome.out
    assert "local_only" in finished.outcome.out


def test_run_again_skips_what_is_on_record(finished, chainward, monkeypatch) -> None:
    monkeypatch.setattr(workers, "IsolatedTrial", None)
    before = contents(finished.folder)
    again = chainward("run", finished.plan, "--out", finished.folder)
    assert again.code == 0
    assert "4 of 4 trials are on record and skipped" in again.err
    assert contents(finished.folder) == before


def contents(place: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in [*place.glob("records/*"), *place.glob("predictions/*")]}


def test_a_torn_and_a_failed_record_are_run_again(finished, chainward) -> None:
    torn, other, *_ = sorted(finished.folder.glob("records/*.json"))
    before = records(finished.folder)
    (finished.folder / folder.MANIFEST).unlink()
    heading = {name: getattr(store.read(finished.folder, other.stem), name) for name in Heading.__dataclass_fields__}
    store.write(finished.folder, store.Ended(Failed(**heading, error=Failure("OSError", "disk full", ""))))
    torn.write_bytes(torn.read_bytes()[:1000])
    again = chainward("run", finished.plan, "--out", finished.folder)
    assert again.code == 0
    assert "2 of 4 trials are on record and skipped" in again.err
    assert f"record {torn.stem}: its content is not that of its digest; it is run again" in again.err
    assert records(finished.folder) == before


def signed(path: Path, old: bytes, new: bytes) -> None:
    """Change a record and renew the digest inside it, as somebody would who knows how it is made."""
    content = unseal(path.read_bytes())
    assert old in content
    path.write_bytes(seal(content.replace(old, new, 1)))


def test_a_changed_record_is_run_again_and_never_signed(finished, chainward) -> None:
    before = records(finished.folder)
    path = sorted(finished.folder.glob("records/*.json"))[0]
    signed(path, b'"rounds_used":2', b'"rounds_used":1')
    assert chainward("report", finished.folder).complaint == f"chainward: record {path.stem} was changed"
    again = chainward("run", finished.plan, "--out", finished.folder)
    assert again.code == 0
    assert f"record {path.stem} was changed; it is run again" in again.err
    assert "3 of 4 trials are on record and skipped" in again.err
    assert records(finished.folder) == before
    assert chainward("verify", finished.folder).code == 0


def test_changed_predictions_are_run_again(finished, chainward) -> None:
    path = sorted(finished.folder.glob("predictions/*"))[0]
    before = path.read_bytes()
    path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    told = f"predictions file of record {path.stem} was changed"
    assert chainward("report", finished.folder).complaint == f"chainward: {told}"
    assert chainward("verify", finished.folder) == (1, f"{told}\n", "")
    (finished.folder / folder.MANIFEST).unlink()
    assert f"{told}; it is run again" in chainward("run", finished.plan, "--out", finished.folder).err
    assert path.read_bytes() == before


def test_a_run_that_is_stopped_leaves_a_manifest_without_what_it_ran_again(finished, chainward, monkeypatch) -> None:
    path = sorted(finished.folder.glob("records/*.json"))[0]
    path.unlink()

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "attempt", stop)
    assert chainward("run", finished.plan, "--out", finished.folder, "--in-process").code == 130
    assert chainward("verify", finished.folder).code == 0
    assert path.stem not in folder.read_manifest(finished.folder).trials


def test_papers_are_those_of_the_last_run(finished, chainward) -> None:
    before = (finished.folder / folder.PAPERS).read_bytes()
    (finished.folder / folder.PAPERS).write_bytes(before.replace(b"fedavg", b"other!"))
    assert "papers.json was changed" in chainward("report", finished.folder).complaint
    assert chainward("verify", finished.folder).out == "papers.json was changed\n"
    assert chainward("run", finished.plan, "--out", finished.folder).code == 0
    assert (finished.folder / folder.PAPERS).read_bytes() == before


def test_a_strategy_named_twice_runs_once(plan: Path, tmp_path: Path, chainward) -> None:
    options = ["--strategy", "fedavg", "--strategy", "fedavg", "--seeds", 1, "--json"]
    (row,) = rows(chainward("run", plan, "--out", tmp_path / "report", *options).out)
    assert row["trials"] == 1


# --- report and verify ---------------------------------------------------------------------------


def test_report_renders_the_same_page_from_records_alone(finished, chainward) -> None:
    page = (finished.folder / "index.html").read_bytes()
    (finished.folder / "index.html").unlink()
    again = chainward("report", finished.folder)
    assert again.code == 0
    assert again.out == finished.outcome.out
    assert (finished.folder / "index.html").read_bytes() == page


def test_report_as_json_has_every_figure_a_reader_compares(finished, chainward) -> None:
    found = json.loads(chainward("report", finished.folder, "--json").out)
    assert all(set(row) >= LEADERBOARD for row in found)
    assert {row["strategy"]: (row["task"], row["trials"], row["rounds"]) for row in found} == {
        "fedavg": ("synthetic", 2, 2),
        "local_only": ("synthetic", 2, 2),
    }
    assert all(row["auroc_low"] <= row["auroc_mean"] <= row["auroc_high"] for row in found)
    assert all(row["gas_total"] == row["gas_deploy"] == row["raw_records_shared"] == 0 for row in found)
    assert all(row["latency_total_s"] > row["latency_per_round_s"] > 0 for row in found)
    assert all(row["compute_measured_s"] > 0 for row in found)


def test_report_names_every_file_that_is_not_as_the_manifest_says(finished, chainward) -> None:
    page = (finished.folder / "index.html").read_bytes()
    for path in finished.folder.glob("records/*"):
        path.unlink()
    complaint = chainward("report", finished.folder).complaint
    assert all(f"record {name} is missing" in complaint for name in folder.read_manifest(finished.folder).trials)
    assert (finished.folder / "index.html").read_bytes() == page


@pytest.mark.parametrize("command", ["run", "report", "verify"])
@pytest.mark.parametrize("place", ["records/{0}.json", "predictions/{0}.npz", "papers.json"])
def test_a_pipe_for_a_file_keeps_nobody_waiting(place: str, command: str, finished, chainward) -> None:
    path = finished.folder / place.format(folder.read_manifest(finished.folder).trials[0])
    path.unlink()
    os.mkfifo(path)
    told = chainward(command, *([finished.plan, "--out"] if command == "run" else []), finished.folder)
    refused = command == "run" and place == "papers.json"  # what lies beside the records is not run again
    assert told.code == (2 if refused else {"run": 0, "report": 2, "verify": 1}[command])
    if refused:
        assert "papers.json: is no file and no folder; remove it" in told.complaint
    elif command != "run":
        assert "is no regular file" in told.out + told.err


def test_verify_finds_nothing_wrong_with_what_was_written(finished, chainward) -> None:
    told = chainward("verify", finished.folder, "--json")
    assert told.code == 0
    found = json.loads(told.out)
    assert (found["sound"], found["problems"]) == (True, [])
    assert found["merkle_root"] in chainward("verify", finished.folder).out


def test_verify_names_a_changed_and_a_missing_record(finished, chainward) -> None:
    changed, missing, *_ = sorted(finished.folder.glob("records/*.json"))
    changed.write_bytes(changed.read_bytes() + b" ")
    missing.unlink()
    told = chainward("verify", finished.folder)
    assert told.code == 1
    assert set(told.out.splitlines()) == {
        f"record {changed.stem} was changed",
        f"record {missing.stem} is missing",
    }


# --- interrupted, side by side -------------------------------------------------------------------

LONGER = ("--seeds", 5, "--rounds", 20)


def test_a_killed_run_goes_on_to_the_same_leaderboard(plan: Path, tmp_path: Path, chainward) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-m", "chainward", "run", plan, "--out", killed, *LONGER]
    process = subprocess.Popen(
        list(map(str, command)), cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not list(killed.glob("records/*.json")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    kept = len(store.read_all(killed))
    assert 1 <= kept < 10
    assert not (killed / "manifest.json").exists()
    resumed = chainward("run", plan, "--out", killed, *LONGER, "--json")
    assert f"{kept} of 10 trials are on record and skipped" in resumed.err
    assert rows(resumed.out) == rows(chainward("run", plan, "--out", whole, *LONGER, "--json").out)
    assert records(killed) == records(whole)


def test_side_by_side_gives_the_same_records(finished, plan: Path, tmp_path: Path, chainward) -> None:
    other = tmp_path / "other"
    told = chainward("run", plan, "--out", other, "--jobs", 2, "--json")
    assert told.code == 0
    assert records(other) == records(finished.folder)
    assert rows(told.out) == rows(chainward("report", finished.folder, "--json").out)
    assert all(completed(one).measured.contended for one in store.read_all(other))
    assert not any(completed(one).measured.contended for one in store.read_all(finished.folder))


# --- strategies that fail ------------------------------------------------------------------------


def test_a_failing_strategy_is_a_record_and_the_run_goes_on(
    plan: Path, tmp_path: Path, chainward, strategy_package
) -> None:
    strategy_package("failing", f"def round(self, state, world): raise RuntimeError({HOSTILE!r})")
    out = tmp_path / "report"
    told = chainward("run", plan, "--out", out, "--strategy", "failing", "--strategy", "fedavg")
    assert told.code == 1
    assert "failed: failing on synthetic, seed 1" in told.err
    assert "2 trials failed" in told.err
    found = {(one.specification.strategy, one.status) for one in store.read_all(out)}
    assert found == {("failing", "failed"), ("fedavg", "completed")}
    error = next(one.error for one in store.read_all(out) if one.status == "failed")
    assert (error.type, error.message) == ("RuntimeError", HOSTILE)
    assert "in round" in error.traceback
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "RuntimeError" in page
    assert "<img src=x" not in page


FAILING = {
    "before the first round": "def open(self, world): return 1 / 0",
    "at the model": "def model(self, state): return None",
    "with weights that are no numbers": "def model(self, state): return state.weights * np.float32('nan')",
    "with numbers no record can hold": "def numbers(self, hospitals): return {'members': np.int64(3)}",
    "in words that are no Unicode": "def round(self, state, world): raise RuntimeError('\\ud800')",
}


@pytest.mark.parametrize("case", FAILING)
def test_ways_to_fail(case: str, plan: Path, tmp_path: Path, chainward, strategy_package) -> None:
    key = f"fails_{list(FAILING).index(case)}"
    strategy_package(key, FAILING[case])
    told = chainward("run", plan, "--out", tmp_path / "report", "--strategy", key, "--seeds", 1)
    assert told.code == 1
    (found,) = store.read_all(tmp_path / "report")
    assert (found.status, found.specification.strategy) == ("failed", key)


def test_failed_before_the_world_exists_and_known_on_whose_patients(
    plan: Path, tmp_path: Path, chainward, monkeypatch
) -> None:
    monkeypatch.setattr("chainward.trials.prepare.prepared", lambda *_: 1 / 0)
    told = chainward("run", plan, "--out", tmp_path / "report", "--json", "--in-process")
    assert told.code == 1
    assert [(row["failed"], row["hospitals"]) for row in json.loads(told.out)] == [(2, 4), (2, 4)]


# --- options over the plan -----------------------------------------------------------------------


def test_options_override_the_plan(plan: Path, tmp_path: Path, chainward) -> None:
    text = 'faults = {absent = {"hospital 2" = []}, delay = {"hospital 3" = 1.5}}\ntitle = "old"\n'
    plan.write_text(text + plan.read_text(encoding="utf-8"), encoding="utf-8")
    out = tmp_path / "report"
    options = {
        "--strategy": "fedavg",
        "--seeds": 1,
        "--rounds": 3,
        "--consensus": "pow",
        "--absent": "hospital 1:2,3",
        "--speed": "bits_per_s=1e6",
        "--device": "cpu",
    }
    told = chainward("run", plan, "--out", out, *(item for pair in options.items() for item in pair))
    assert told.code == 0
    (found,) = store.read_all(out)
    specification = found.specification
    assert (specification.strategy, specification.seed, specification.rounds) == ("fedavg", 0, 3)
    assert specification.ledger_params == {"consensus": "pow"}
    assert specification.faults == {"absent": {"hospital 1": [2, 3]}, "delay": {"hospital 3": 1.5}}
    assert specification.speeds == {"bits_per_s": 1e6}
    assert specification.task_params == {"hospitals": 4, "patients": 40}
    assert [entry.missing for entry in completed(found).rounds] == [(), ("hospital 1",), ("hospital 1",)]


def test_reports_go_below_the_plans_name(plan: Path, tmp_path: Path, chainward, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert chainward("run", plan.name, "--name", "quick", "--seeds", 1).code == 0
    assert (tmp_path / "reports" / "quick" / "index.html").is_file()
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["quick"]


def test_attacks_from_the_command_line_are_run_and_printed(plan: Path, tmp_path: Path, chainward) -> None:
    told = chainward(
        *("run", plan, "--out", tmp_path / "attacked", "--strategy", "fedavg", "--seeds", 1),
        *("--attack", "none", "--attack", "sign_flip:0.5:4"),
    )
    assert told.code == 0, told.err
    attacks = [one.specification.attack for one in store.read_all(tmp_path / "attacked")]
    assert sorted(map(str, attacks)) == ["{'kind': 'sign_flip', 'share': 0.5, 'strength': 4.0}", "{}"]
    assert "sign flip, strength 4, by 50% of hospitals" in " ".join(told.out.split())


def test_an_attack_that_does_not_exist_is_refused(plan: Path, tmp_path: Path, chainward) -> None:
    complaint = chainward("run", plan, "--out", tmp_path / "none", "--attack", "bribe").complaint
    assert "attacks.0" in complaint
    assert "no attack is called 'bribe'" in complaint
