from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from chainward import tasks
from chainward.engines import ENGINES
from chainward.ledgers import LEDGERS
from chainward.plans import shipped
from chainward.strategy import discovery

STRATEGY = {"key", "title", "where", "year", "family", "tier", "reference"}


def test_strategies(chainward) -> None:
    rows = json.loads(chainward("list", "strategies", "--json").out)
    assert [row["key"] for row in rows] == list(discovery.keys())
    assert all(set(row) == STRATEGY and all(row[name] for name in STRATEGY - {"reference"}) for row in rows)


def test_tasks(chainward) -> None:
    rows = json.loads(chainward("list", "tasks", "--json").out)
    assert [row["key"] for row in rows] == list(tasks.names())
    for row in rows:
        assert all(row[name] for name in ("title", "outcome", "licence", "citation", "sites"))
        known = tasks.kind(row["key"]).expected
        found = (row["patients"], row["hospitals"], row["prevalence"], row["reference"])
        if known is None:
            assert found == (None, None, None, None)
        else:
            band = None if known.auroc is None else {"auroc": known.auroc, "within": known.within}
            assert found == (known.patients, known.hospitals, known.prevalence, band)
        assert row["package"] is None
        assert (row["needs"] is None) == row["present"]


def test_a_task_that_needs_parameters_or_is_broken_does_not_hide_the_others(chainward, task_package) -> None:
    task_package("own_table", body="path: str\n    label: str")
    task_package("unfinished", "raise NameError('half of it')")
    rows = {row["key"]: row for row in json.loads(chainward("list", "tasks", "--json").out)}
    assert set(rows) == {*tasks.names()} >= {"own_table", "unfinished", "heart"}
    own = rows["own_table"]
    assert (own["package"], own["required"], own["present"]) == ("own-table", ["path", "label"], False)
    assert "path, label" in own["needs"]
    assert "half of it" in rows["unfinished"]["title"]
    assert {row["task"] for row in json.loads(chainward("data", "list", "--json").out)} == set(rows)
    checks = {row["check"]: row for row in json.loads(chainward("doctor", "--json").out)["checks"]}
    assert checks["task own_table"]["status"] == "note"
    assert checks["task unfinished"]["status"] == "missing"
    assert checks["task heart"]["status"] == "ok"


def test_a_task_of_our_key_in_another_package_is_reached_by_its_package(chainward, task_package) -> None:
    task_package("heart", package="elsewhere")
    assert tasks.kind("heart").__module__ == "chainward.tasks.heart"
    assert tasks.kind("elsewhere:heart").title == "Theirs"
    rows = [row for row in json.loads(chainward("list", "tasks", "--json").out) if row["key"].endswith("heart")]
    assert [row["title"] for row in rows] == ["UCI heart disease"]


def test_the_table_of_tasks_fits_a_terminal(chainward, monkeypatch) -> None:
    monkeypatch.setattr("chainward.cli.streams.width", lambda _: 80)
    lines = chainward("list", "tasks").out.splitlines()
    table = lines[: lines.index("")]
    assert max(map(len, table)) <= 80
    assert all(any(line.startswith(key) for line in table) for key in tasks.names())


def test_plans(chainward, monkeypatch, tmp_path: Path) -> None:
    """Where no data are at hand, optional tasks are not counted, and what needs others says so."""
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    rows = {row["key"]: row for row in json.loads(chainward("list", "plans", "--json").out)}
    assert list(rows) == list(shipped.NAMES)
    demo, oracle, floors = rows["demo"], rows["oracle"], rows["floors"]
    assert (demo["tasks"], demo["trials"], len(demo["strategies"])) == (["heart", "synthetic_skewed"], 90, 9)
    assert (list(demo["needs"]), demo["runs"]) == (["stroke"], True)
    assert (list(oracle["needs"]), oracle["runs"]) == (["edin", "ca"], False)
    assert (floors["needs"], floors["runs"], floors["trials"]) == ({}, True, 120)
    assert all(row["title"] and Path(row["path"]).is_file() for row in rows.values())
    told = {line.split(" ")[0]: line for line in chainward("list", "plans").out.splitlines()}
    assert told["demo"].endswith("without stroke")
    assert told["oracle"].endswith("needs edin, ca")
    assert told["floors"].endswith("here")


@pytest.mark.parametrize(("what", "known"), [("ledgers", LEDGERS), ("engines", ENGINES)])
def test_ledgers_and_engines(what: str, known: dict[str, str], chainward) -> None:
    assert {row["key"]: row["title"] for row in json.loads(chainward("list", what, "--json").out)} == known


@pytest.mark.parametrize("what", ["strategies", "tasks", "plans", "ledgers", "engines"])
def test_tables_have_a_line_an_entry(what: str, chainward) -> None:
    rows = json.loads(chainward("list", what, "--json").out)
    told = chainward("list", what)
    assert told.code == 0
    assert all(any(line.startswith(row["key"]) for line in told.out.splitlines()) for row in rows)


def test_a_strategy_that_cannot_be_imported_does_not_hide_the_others(chainward, strategy_package) -> None:
    strategy_package("unfinished", "raise NameError('half of it')")
    rows = {row["key"]: row for row in json.loads(chainward("list", "strategies", "--json").out)}
    assert set(rows) == {*discovery.keys(), "unfinished"}
    assert "half of it" in rows["unfinished"]["title"]


def test_show_has_card_parameters_claims_and_contract_costs(chainward) -> None:
    shown = json.loads(chainward("show", "fedavg", "--json").out)
    assert shown["card"]["key"] == "fedavg"
    assert shown["parameters"] == {"weighted": True}
    assert shown["claims"] == shown["contracts"] == []
    assert shown["card"]["title"] in chainward("show", "fedavg").out


@pytest.mark.parametrize("key", discovery.keys())
def test_show_prints_every_strategy(key: str, chainward) -> None:
    shown = json.loads(chainward("show", key, "--json").out)
    printed = chainward("show", key)
    assert printed.code == 0
    assert {row["contract"] for row in shown["contracts"]} <= set(shown["card"]["contracts"])
    assert all(claim["rule"]["reproduced"] for claim in shown["claims"])


def test_show_refuses_what_it_does_not_know(chainward) -> None:
    complaint = chainward("show", "fedavgg").complaint
    assert "did you mean 'fedavg'?" in complaint
    assert "chainward list strategies" in complaint


def test_figures_of_tasks_are_of_equal_length_and_nothing_trails(chainward) -> None:
    lines = chainward("list", "tasks").out.splitlines()
    readmission = next(line for line in lines if line.startswith("readmission"))
    stroke = next(line for line in lines if line.startswith("stroke"))
    assert re.search(r" 69,973 +26 +0\.090 +0\.640 ", readmission)
    assert re.search(r" 4,801 +20 +0\.097 +0\.782 ", stroke)
    assert readmission.index("69,973") + 6 == stroke.index("4,801") + 5
    assert all(line == line.rstrip() for line in lines)
