"""`chainward run PLAN --estimate`: what a plan will cost, before it is run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chainward.cli.bars import counted
from chainward.cli.output import as_json, as_table, tell
from chainward.errors import ChainwardError
from chainward.plans.plan import Plan
from chainward.trials.estimate import Cost, Estimate, Setting, estimate, settings_of
from chainward.trials.words import one_line

COLUMNS = {
    "strategy": "strategy",
    "task": "task",
    "hospitals": "hospitals",
    "rounds": "rounds",
    "trials": "trials",
    "seconds": "processor seconds a trial",
    "gas": "gas a trial",
    "transactions": "transactions a trial",
    "seconds_grow": "seconds a round grow as",
    "gas_grows": "gas a round grows as",
    "probes": "tried with",
}
SPARE = ("seconds", "gas", "trials", "transactions", "hospitals", "rounds", "seconds_grow", "gas_grows", "probes")
"""What a narrow terminal may go without, the most wanted first."""


def print_estimates(plan: Plan, json_output: bool) -> None:
    """Try every setting of a plan with few hospitals and print what a trial of it, and the plan, will cost.

    Raises:
        ChainwardError: no setting could be tried; the message is what the first one said.
    """
    rows = list(_rows(plan))
    if rows and all(row["problem"] for row in rows):
        raise ChainwardError(f"{rows[0]['strategy']} on {rows[0]['task']}: {rows[0]['problem']}")
    if json_output:
        as_json({"settings": rows, "sum": _sum(rows)})
        return
    as_table([_line(row) for row in rows], COLUMNS, None, SPARE, "--estimate --json")
    whole = _sum(rows)
    tell(
        f"\nTrials, one after another: {whole['trials']}, about {whole['seconds']:,.0f} processor seconds, "
        f"{whole['gas']:,.0f} gas, {whole['transactions']:,.0f} transactions. Estimated from trials of two rounds with "
        "some of the hospitals, on this machine, in one process, with nobody away; nothing was recorded."
    )
    for missing in plan.left_out:
        tell(f"left out: {missing}")
    for row in rows:
        if row["problem"]:
            tell(f"{row['strategy']} on {row['task']} is not in the sum: {row['problem']}")


def _rows(plan: Plan) -> Iterator[dict[str, Any]]:
    settings = settings_of(plan)
    with counted("trying each setting with few hospitals", len(settings)) as step:
        for setting in settings:
            yield _row(setting)
            step()


def _row(setting: Setting) -> dict[str, Any]:
    """What is told of a setting; one that cannot be tried says why."""
    one = setting.specification
    named = {"strategy": one.strategy, "params": dict(one.params), "task": one.task}
    row = {**named, "task_params": dict(one.task_params), "rounds": one.rounds, "trials": setting.trials}
    try:
        found = estimate(setting)
    except Exception as error:
        told = str(error) if isinstance(error, ChainwardError) else f"{type(error).__name__}: {error}"
        return {**row, "hospitals": None, **_parts(None), "probes": [], "problem": one_line(told, 200)}
    return {**row, "hospitals": found.hospitals, **_parts(found), "probes": list(found.probes), "problem": None}


def _parts(found: Estimate | None) -> dict[str, Any]:
    cost = found.cost if found else Cost(0.0, 0.0, 0.0)
    growth = found.growth if found else {}
    told = {"seconds": round(cost.seconds, 2), "gas": round(cost.gas), "transactions": round(cost.transactions)}
    return {**told, "seconds_grow": growth.get("seconds"), "gas_grows": growth.get("gas")}


def _line(row: dict[str, Any]) -> dict[str, Any]:
    """A row as it is printed: growth as a power of the hospitals."""
    powers = {name: f"N^{round(row[name], 1) + 0.0}" for name in ("seconds_grow", "gas_grows") if row[name] is not None}
    untried = dict.fromkeys(("seconds", "gas", "transactions"), None) if row["problem"] else {}
    return {**row, **powers, **untried}


def _sum(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The plan's sum."""
    whole = {name: sum(row["trials"] * row[name] for row in rows) for name in ("seconds", "gas", "transactions")}
    return {"trials": sum(row["trials"] for row in rows), **whole}
