from __future__ import annotations

import json

import pytest

from chainward import tasks
from chainward.engines import ENGINES
from chainward.ledgers import LEDGERS
from chainward.strategy import discovery

STRATEGY = {"key", "title", "where", "year", "family", "tier", "reference"}


def test_strategies(chainward) -> None:
    rows = json.loads(chainward("list", "strategies", "--json").out)
    assert [row["key"] for row in rows] == list(discovery.keys())
    assert all(set(row) == STRATEGY and all(row[name] for name in STRATEGY - {"reference"}) for row in rows)


def test_tasks(chainward) -> None:
    rows = json.loads(chainward("list", "tasks", "--json").out)
    assert [row["key"] for row in rows] == list(tasks.names())
    assert all(row["title"] and row["outcome"] and row["licence"] and "needs" in row for row in rows)


@pytest.mark.parametrize(("what", "known"), [("ledgers", LEDGERS), ("engines", ENGINES)])
def test_ledgers_and_engines(what: str, known: dict[str, str], chainward) -> None:
    assert {row["key"]: row["title"] for row in json.loads(chainward("list", what, "--json").out)} == known


@pytest.mark.parametrize("what", ["strategies", "tasks", "ledgers", "engines"])
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
