"""`chainward list`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from chainward.plans.fields import Named
    from chainward.plans.plan import Plan


def _strategies() -> list[dict[str, Any]]:
    from chainward.errors import ChainwardError
    from chainward.strategy import discovery

    rows: list[dict[str, Any]] = []
    found = discovery.keys()
    for key in found:
        try:
            card = discovery.load(key).card
        except ChainwardError as error:
            nothing = dict.fromkeys(("where", "year", "family", "tier", "reference"))
            rows.append({"key": key, "title": f"cannot be loaded: {error}", **nothing})
            continue
        rows.append(
            {
                "key": card.key,
                "title": card.title,
                "where": card.where,
                "year": card.year,
                "family": card.family,
                "tier": card.tier,
                "reference": card.reference,
            }
        )
    return rows


def _tasks() -> list[dict[str, Any]]:
    from chainward.cli.known import task_rows

    return task_rows()


def _ledgers() -> list[dict[str, Any]]:
    from chainward.ledgers import LEDGERS

    return [{"key": key, "title": title} for key, title in LEDGERS.items()]


def _engines() -> list[dict[str, Any]]:
    from chainward.engines import ENGINES

    return [{"key": key, "title": title} for key, title in ENGINES.items()]


def _plans() -> list[dict[str, Any]]:
    from chainward.plans import shipped

    return [_plan(name) for name in shipped.NAMES]


def _plan(name: str) -> dict[str, Any]:
    """What a plan that comes with chainward holds, as far as its data are here, and which are not."""
    from chainward.plans import shipped

    plan = shipped.load(name)
    found = {repr(one): one for one in plan.specifications()}.values()
    parts = sorted(_parts(plan), key=lambda part: not part.optional)  # a task that is not optional somewhere is none
    lacking = {entry.key: (told, part.optional) for part in parts for entry in part.tasks if (told := _lack(entry))}
    return {
        "key": name,
        "title": plan.title,
        "tasks": list(dict.fromkeys(one.task for one in found)),
        "strategies": list(dict.fromkeys(one.strategy for one in found)),
        "trials": len(found),
        "needs": {key: told for key, (told, _) in lacking.items()},
        "runs": all(optional for _, optional in lacking.values()),
        "path": str(shipped.place(name)),
    }


def _parts(plan: Plan) -> Iterator[Plan]:
    """All parts of a plan that have none themselves, those included that would be left out."""
    if not plan.parts:
        yield plan
    for part in plan.parts:
        yield from _parts(part)


def _lack(entry: Named) -> str | None:
    from chainward import tasks

    return tasks.load(entry.key, **entry.params).requires()


_WHAT = {"strategies": _strategies, "tasks": _tasks, "plans": _plans, "ledgers": _ledgers, "engines": _engines}
_PLANS = {
    "key": "key",
    "title": "title",
    "tasks": "tasks",
    "strategies": "strategies",
    "trials": "trials",
    "data": "data",
}
_SPARE = ("year", "tier", "family", "where", "reference")
"""What a narrow terminal may go without, the most wanted first."""

_TASKS = {
    "key": "key",
    "title": "title",
    "patients": "patients",
    "hospitals": "sites",
    "prevalence": "positive",
    "auroc": "AUROC",
    "here": "data",
}


def _print_tasks(rows: list[dict[str, Any]]) -> None:
    """Without what is long: outcome, citation, licence and where to get data are in the JSON and in `data list`."""
    from chainward.cli.output import as_table, tell

    as_table([{**row, **_figures(row), "here": _here(row)} for row in rows], _TASKS)
    tell(
        "\nWith the parameters as they are; AUROC is that of pooled logistic regression under five-fold "
        "cross-validation.\n`chainward data list` says where data come from."
    )


def _print_plans(rows: list[dict[str, Any]]) -> None:
    """With how many strategies: their names, and what each lacks to be run whole, are in the JSON."""
    from chainward.cli.output import as_table, tell

    as_table([{**row, "strategies": len(row["strategies"]), "data": _data(row)} for row in rows], _PLANS)
    tell(
        "\n`chainward run demo` runs one, `chainward run demo --estimate` says what it costs. Tasks whose data are not "
        "here\nare left out where the plan allows it; `chainward data list` says where data come from."
    )


def _data(row: dict[str, Any]) -> str:
    if not row["needs"]:
        return "here"
    return ("without " if row["runs"] else "needs ") + ", ".join(row["needs"])


def _figures(row: dict[str, Any]) -> dict[str, str | None]:
    """Patients, prevalence and AUROC as they are printed: thousands separated, three decimals."""
    shares = {"prevalence": row["prevalence"], "auroc": (row["reference"] or {}).get("auroc")}
    found = {name: None if value is None else f"{value:.3f}" for name, value in shares.items()}
    return {"patients": None if row["patients"] is None else f"{row['patients']:,}", **found}


def _here(row: dict[str, Any]) -> str:
    if row["present"]:
        return "here"
    own = row["required"] or (row["source"] is None and row["patients"] is None)
    return "your own" if own else "not here"


@click.command("list")
@click.argument("what", type=click.Choice(list(_WHAT)))
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
def command(what: str, json_output: bool) -> None:
    """List strategies, tasks, plans, ledgers or engines.

    \b
    Examples:
      chainward list strategies
      chainward list plans
      chainward list tasks --json
    """
    from chainward.cli.output import as_json, as_table

    rows = _WHAT[what]()
    if json_output:
        as_json(rows)
    elif what == "tasks":
        _print_tasks(rows)
    elif what == "plans":
        _print_plans(rows)
    else:
        as_table(rows, {key: key for key in rows[0]}, None, _SPARE, f"`chainward list {what} --json`")
