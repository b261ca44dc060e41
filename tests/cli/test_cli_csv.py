"""A stranger's table: one command line from a file to a report, and nothing of the file in it that must not be."""

from __future__ import annotations

import io
import json
import random
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from chainward.plans import file as plans
from chainward.results import folder, store
from chainward.strategy import discovery
from chainward.trials import rates
from chainward.trials.attempt import WITHHELD, attempt, checkpoint
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.sweep import sweep_of

HEADER = "MRN;Klinik;Aufnahme;Alter;Laktat;Station;Diabetes;verstorben"
SITES = ("Köln", "St. Elisabeth", "Klinikum Süd", "Kreiskrankenhaus")
WARDS = ("Zebrafinkenstation", "Innere", "Chirurgie")


def rows(count: int = 160) -> list[list[str]]:
    """Patients with decimal commas, gaps and a text category; the outcome hangs on age and lactate."""
    rng = random.Random(5)
    made = []
    for number in range(count):
        age, lactate = rng.gauss(61.37, 13.13), rng.lognormvariate(0.4, 0.5)
        risk = 1 / (1 + np.exp(-(0.06 * (age - 61) + 1.2 * (lactate - 1.7))))
        made.append(
            [
                f"MRN{rng.randrange(10**8, 10**9)}QX",
                SITES[number % 4],
                f"{rng.randint(1, 28):02}.0{rng.randint(1, 9)}.2021",
                f"{age:.4f}".replace(".", ",") if rng.random() > 0.1 else "",
                f"{lactate:.5f}".replace(".", ",") if rng.random() > 0.1 else "n/a",
                rng.choice(WARDS),
                rng.choice(["yes", "no"]),
                str(int(rng.random() < risk)),
            ]
        )
    return made


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table as a German Excel saves it."""
    path = tmp_path / "Unsere Kohorte (neu).csv"
    path.write_text("\r\n".join([HEADER, *map(";".join, rows()), ""]), encoding="utf-8-sig", newline="")
    return path


def options(table: Path, *more: str) -> tuple[str, ...]:
    named = ("--task", f"csv:{table}", "--label", "verstorben", "--site", "Klinik", "--patient", "MRN")
    return (*named, "--time", "Aufnahme", "--in-process", *more)


CHOOSING = ("--strategy", "fedavg", "--strategy", "local_only", "--seeds", "1", "--rounds", "2")
SMALL = (*CHOOSING, "--training", "learning_rate=0.05")


def test_one_command_line_makes_a_report_without_a_plan(chainward, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    ended = chainward("run", *options(table, *CHOOSING), "--out", out)
    assert ended.code == 0, ended.err
    assert "csv: learning rate " in ended.err
    records = store.read_all(out)
    assert [(one.specification.strategy, one.status) for one in records] == [
        ("fedavg", "completed"),
        ("local_only", "completed"),
    ]
    (rate,) = {one.specification.training["learning_rate"] for one in records}
    assert rate in rates.GRID
    assert f"csv: learning rate {rate:g}, with which FedAvg does best" in ended.err
    assert records[0].specification.task_params["path"] == str(table)
    assert (out / "index.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert folder.read_manifest(out).plan == "Unsere-Kohorte-neu"
    assert chainward("verify", out).code == 0
    again = chainward("run", *options(table, *CHOOSING), "--out", out)
    assert "2 of 2 trials are on record and skipped" in again.err


def test_what_is_said_before_training(chainward, table: Path, tmp_path: Path) -> None:
    lines = [HEADER, *map(";".join, rows())]
    lines[3] = lines[3][:-1]  # no label
    lines.append(lines[7])
    table.write_text("\n".join(lines), encoding="utf-8-sig")
    out = tmp_path / "report"
    told = chainward("run", *options(table, *SMALL), "--out", out).err
    assert "161 rows = 159 kept + 2" in told
    assert "left out: no label 1, the same as a row before 1" in told
    assert "repaired: none" in told
    assert "suspected leaks: none" in told
    assert "Nothing leaves this machine" in told
    body = [line for line in told.splitlines() if str(tmp_path) not in line]
    assert max(map(len, body)) <= 80
    assert "\x1b" not in told
    found = json.loads((out / "data" / "csv.json").read_text(encoding="utf-8"))
    assert found["rows"] == found["kept"] + sum(found["excluded"].values()) == 161
    kept = [line.split(";") for at, line in enumerate(lines) if at not in (0, 3, 161)]
    for hospital in found["hospitals"]:
        own = [row for row in kept if row[1] == hospital["name"]]
        assert (hospital["rows"], hospital["positives"]) == (len(own), sum(row[-1] == "1" for row in own))
        gaps = sum(row[3] == "" for row in own) + sum(row[4] == "n/a" for row in own)
        assert hospital["missing"] == pytest.approx(gaps / len(own) / 4)
        line = next(line for line in told.splitlines() if line.startswith(hospital["name"]))
        assert line.split()[-4:-2] == [str(len(own)), str(hospital["positives"])]


def test_without_a_plan_all_strategies_meet_the_table(table: Path) -> None:
    entry = {"key": "csv", "path": str(table), "label": "verstorben", "site": "Klinik", "patient": "MRN"}
    plan = plans.of_options("cohort", {"tasks": [entry]})
    assert [one.key for one in plan.strategies] == list(discovery.keys())
    assert plan.seeds == (0, 1, 2, 3, 4)


def test_a_table_takes_the_place_of_a_plans_tasks(chainward, plan: Path, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    assert chainward("run", plan, *options(table, *SMALL[-2:]), "--seeds", 1, "--out", out).code == 0
    assert [one.specification.task for one in store.read_all(out)] == ["csv", "csv"]


def test_a_given_learning_rate_is_taken(chainward, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    ended = chainward("run", *options(table, *SMALL), "--out", out)
    assert ended.code == 0
    assert "choosing" not in ended.err
    assert {one.specification.training["learning_rate"] for one in store.read_all(out)} == {0.05}


# --- private data -------------------------------------------------------------------------------------------------


def held(place: Path) -> bytes:
    """All bytes below a folder, those in archives unpacked as well."""
    found = [path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()]
    for data in list(found):
        if data.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                found += [archive.read(name) for name in archive.namelist()]
    return b"\0".join(found)


def test_a_report_holds_no_identifier_and_no_cell_but_labels_and_hospitals(
    chainward, table: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report"
    keys = ("fedavg", "pooled", "explorer_pooled", "gradient_boosting", "local_logistic", "biscotti", "two_cp")
    line_up = [part for key in keys for part in ("--strategy", key)]
    ended = chainward("run", *options(table, *line_up, *SMALL[-6:]), "--out", out)
    assert ended.code == 0, ended.err
    data = held(out)
    assert b"St. Elisabeth" in data
    for row in rows():
        assert row[0].encode() not in data
        for cell in (row[3], row[4]):
            if "," in cell:
                value = float(cell.replace(",", "."))
                assert cell.encode() not in data
                if len(str(value)) == len(cell):  # else so few digits that a figure of the report may have them too
                    assert str(value).encode() not in data
                assert np.float64(value).tobytes() not in data
                assert np.float32(value).tobytes() not in data
    assert WARDS[0].encode() not in data


def test_a_failed_trial_says_no_cell(
    chainward, table: Path, tmp_path: Path, strategy_package, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy_package("leaker", "def round(self, state, world): raise ValueError(os.environ['CELL'])")
    monkeypatch.setenv("CELL", "could not convert 47,11 mg")
    out = tmp_path / "report"
    ended = chainward("run", *options(table, "--strategy", "leaker", *SMALL[-6:]), "--out", out)
    assert ended.code == 1
    (record,) = store.read_all(out)
    assert record.status == "failed"
    assert (record.error.type, record.error.message) == ("ValueError", WITHHELD)
    assert "in round" in record.error.traceback
    assert b"47,11" not in held(out)
    assert "47,11" not in ended.err
    theirs = tmp_path / "theirs"
    chainward("run", "--task", "synthetic", "--strategy", "leaker", "--seeds", "1", "--in-process", "--out", theirs)
    assert b"47,11" in held(theirs)  # of no private data, all is told


def test_a_table_that_is_spoiled_meanwhile_says_no_cell(table: Path, tmp_path: Path) -> None:
    entry = {"key": "csv", "path": str(table), "label": "verstorben", "site": "Klinik"}
    told = {"tasks": [entry], "strategies": ["fedavg"], "seeds": 1, "rounds": 1, "training": {"learning_rate": 0.1}}
    (job,) = sweep_of(plans.of_options("cohort", told), tmp_path).jobs
    text = table.read_text(encoding="utf-8-sig")
    table.write_text(text.replace("n/a", "4711 mg", 1), encoding="utf-8-sig")
    ended = attempt(job, None, "cpu")
    assert ended.record.status == "failed"
    assert ended.record.error.message == WITHHELD
    assert "4711" not in repr(ended)
    table.unlink()
    gone = attempt(job, None, "cpu").record
    assert "no such file" in gone.error.message  # our own words


def test_a_trial_on_private_data_saves_no_progress(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is saved can hold records that a strategy shares."""
    monkeypatch.setattr("chainward.trials.attempt.Checkpoint", partial(Checkpoint, interval_s=0.0))
    entry = {"key": "csv", "path": str(table), "label": "verstorben", "site": "Klinik"}
    told = {"strategies": ["pooled"], "seeds": 1, "rounds": 1, "training": {"learning_rate": 0.1}}
    for task, saved in ((entry, False), ({"key": "synthetic"}, True)):
        (job,) = sweep_of(plans.of_options("cohort", {**told, "tasks": [task]}), tmp_path).jobs
        assert attempt(job, tmp_path, "cpu").record.status == "completed"
        path = checkpoint(tmp_path, job.identifier).path
        assert path is not None
        assert path.exists() is saved


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.fixture
def leaky(table: Path) -> Path:
    """The table with a column that was written down after the outcome."""
    made = [f"{';'.join(row)};{'MORGUE' if row[-1] == '1' else 'home'}" for row in rows()]
    table.write_text("\n".join([f"{HEADER};Entlassung", *made]), encoding="utf-8")
    return table


def test_a_column_that_gives_the_outcome_away_stops_the_run(chainward, leaky: Path, tmp_path: Path) -> None:
    told = chainward("run", *options(leaky, *SMALL), "--out", tmp_path / "report").complaint
    assert "task csv: column 'Entlassung' alone (levels) reaches AUROC 1.000" in told
    assert "--drop Entlassung" in told
    assert "--leak Entlassung=REASON" in told
    assert not (tmp_path / "report").exists()


def test_it_may_be_dropped_or_explained(chainward, leaky: Path, tmp_path: Path) -> None:
    dropped, explained = tmp_path / "dropped", tmp_path / "explained"
    assert chainward("run", *options(leaky, *SMALL, "--drop", "Entlassung"), "--out", dropped).code == 0
    assert chainward("run", *options(leaky, *SMALL, "--leak", "Entlassung=a test"), "--out", explained).code == 0
    note = "Column Entlassung alone (levels) reaches AUROC 1.000. It may: a test"
    assert [note in one.notes for one in store.read_all(explained)] == [True, True]
    assert not any("Entlassung" in note for one in store.read_all(dropped) for note in one.notes)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--task", "heart", "--label", "x"), "--label: is said of a table; name one with --task csv:FILE"),
        (("--task", "heart", "--drop", "x"), "--drop: is said of a table"),
        (("--task", "csv:nowhere.csv"), "task csv: name a table and its columns"),
        (("--task", "csv:nowhere.csv", "--label", "x", "--site", "y"), "task csv: nowhere.csv: no such file"),
        (("--task", "csv:nowhere.csv", "--label", "x", "--site", "x"), "task 'csv': column 'x' is named for two"),
        (("--task", "heart", "--leak", "x"), "--leak 'x': write COLUMN=REASON"),
    ],
)
def test_mistakes_are_one_line(more: tuple[str, ...], told: str, chainward, tmp_path: Path) -> None:
    assert told in chainward("run", *more, "--out", tmp_path / "report").complaint


def test_a_column_that_is_not_there(chainward, table: Path, tmp_path: Path) -> None:
    told = chainward("run", *options(table, "--drop", "Latkat"), "--out", tmp_path / "report").complaint
    assert "no column 'Latkat'; did you mean 'Laktat'?" in told
