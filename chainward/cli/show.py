"""`chainward show`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from chainward.cli import completion


@click.command("show")
@click.argument("name", shell_complete=completion.strategies)
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
def command(name: str, json_output: bool) -> None:
    """Show what NAME is: a strategy's card, hyper-parameters, claims and contract costs.

    \b
    Examples:
      chainward show bflc
      chainward show blockflow --json
    """
    from chainward.cli.output import as_json

    document = describe(name)
    if json_output:
        as_json(document)
    else:
        _print(document)


def describe(key: str) -> dict[str, Any]:
    """Return a strategy's card, hyper-parameters, claims with rule and tier, and contract functions with gas."""
    from chainward.ledgers import snapshot
    from chainward.strategy import discovery

    strategy = discovery.build(key, {})
    card = asdict(strategy.card)
    costs = [row for row in snapshot.read() if row["contract"] in card["contracts"]]
    claims = [
        {"key": claim.key, "claim": claim.claim, "tier": claim.tier, "quoted": claim.quoted, "rule": claim.rule}
        for claim in discovery.claims(type(strategy))
    ]
    threats = [asdict(threat) for threat in discovery.threats(type(strategy))]
    return {"card": card, "parameters": asdict(strategy), "claims": claims, "threats": threats, "contracts": costs}


def _print(document: dict[str, Any]) -> None:
    from chainward.cli.output import as_table, shown, tell

    card = document["card"]
    tell(f"{card['title']}\n{card['authors']}. {card['where']}.\n\n{card['summary']}\n")
    facts = ("family", "tier", "consensus", "sees_individual_updates", "raw_records_shared", "tolerates_absence")
    as_table(
        [{"fact": name.replace("_", " "), "value": shown(card[name])} for name in facts]
        + [{"fact": f"parameter {name}", "value": shown(value)} for name, value in document["parameters"].items()]
        + [{"fact": "deviation", "value": text} for text in card["deviations"]],
        {"fact": "fact", "value": ""},
    )
    if document["claims"]:
        rows = [{**claim, "reproduced": claim["rule"]["reproduced"]} for claim in document["claims"]]
        columns = {"claim": "claim", "tier": "tier", "quoted": "quoted", "reproduced": "reproduced if"}
        as_table(rows, columns, title="\nclaims")
    if document["threats"]:
        columns = {"outcome": "outcome", "attack": "tried", "claim": "claimed"}
        as_table(document["threats"], columns, title="\nwhat was tried against it")
    if document["contracts"]:
        columns = {"contract": "contract", "function": "function", "min": "gas min", "median": "median", "max": "max"}
        as_table(document["contracts"], columns, title="\ncontract functions (three rounds, six hospitals)")
