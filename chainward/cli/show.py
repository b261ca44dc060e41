"""`chainward show`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from chainward.cli import completion

if TYPE_CHECKING:
    from chainward.strategy import Strategy


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
    """Return a strategy's card, hyper-parameters, claims with rule and tier, contract functions with gas, and why these
    are lacking where they are."""
    from chainward.strategy import discovery

    strategy = discovery.build(key, {})
    card = asdict(strategy.card)
    costs, lacking = _costs(key, type(strategy))
    claims = [
        {"key": claim.key, "claim": claim.claim, "tier": claim.tier, "quoted": claim.quoted, "rule": claim.rule}
        for claim in discovery.claims(type(strategy))
    ]
    threats = [asdict(threat) for threat in discovery.threats(type(strategy))]
    return {
        "card": card,
        "parameters": asdict(strategy),
        "claims": claims,
        "threats": threats,
        "contracts": costs,
        "lacking": lacking,
    }


_COSTS = ("contract", "function", "calls", "min", "median", "max")


def _costs(key: str, kind: type[Strategy[Any]]) -> tuple[list[dict[str, Any]], str | None]:
    """What each function of its contracts costs: of ours as committed, of another's as measured now, in the trial that
    ours are measured in; and why there is nothing to tell."""
    from chainward.folders import REIMPLEMENTATIONS
    from chainward.ledgers import snapshot
    from chainward.strategy import discovery

    file = discovery.source(kind)
    if file and file.parent == REIMPLEMENTATIONS:
        return [row for row in snapshot.read() if row["contract"] in kind.card.contracts], None
    from chainward.trials import gas  # PyTorch loads for a second: not for ours

    try:
        return [{name: row[name] for name in _COSTS} for row in gas.measure((key,))], None
    except Exception as error:  # its own code, which may do anything
        return [], f"{type(error).__name__}: {error}"


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
    if document["lacking"]:
        tell(f"\nwhat its contract functions cost could not be measured: {document['lacking']}")
