"""What was tried against a paper, and what came of it: the [[threat]] tables of the TOML beside its file."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chainward.errors import ChainwardError
from chainward.strategy import paper

Outcome = Literal["held", "succeeds"]

MARK = "<!-- threats -->"
"""Before and after the table in a Markdown page."""


@dataclass(frozen=True)
class Threat:
    """An `attack` on what the paper or its card claims, tried by a test: the `claim` held, or the attack succeeds."""

    attack: str
    claim: str
    outcome: Outcome


def read(path: Path) -> tuple[Threat, ...]:
    """Return the threats in the TOML beside a strategy's file, those that succeed first.

    Raises:
        ChainwardError: a table is wrong, or two are of one attack; the message names file and field.
    """
    tables = paper.read(path).get("threat", [])
    if not isinstance(tables, list):
        raise ChainwardError(f"{path.name}: write each threat as [[threat]]")
    found = [paper.checked(Threat, table, f"{path.name}: threat {n}") for n, table in enumerate(tables, 1)]
    attacks = [threat.attack for threat in found]
    if twice := next((attack for attack in attacks if attacks.count(attack) > 1), None):
        raise ChainwardError(f"{path.name}: two threats are {twice!r}; write one")
    return tuple(sorted(found, key=lambda threat: threat.outcome == "held"))


def table(papers: Iterable[tuple[str, Iterable[Threat]]]) -> str:
    """Return threats by paper as a Markdown table."""
    head = ["| paper | tried | claimed | outcome |", "|---|---|---|---|"]
    rows = [
        f"| {key} | {threat.attack} | {threat.claim} | {'held' if threat.outcome == 'held' else '**succeeds**'} |"
        for key, threats in papers
        for threat in threats
    ]
    return "\n".join([*head, *rows])


def main(page: Path) -> None:
    """Write the table of all papers' threats between the two marks of a Markdown page."""
    from chainward.strategy.discovery import keys, load, threats  # which reads threats itself

    before, _, after = page.read_text(encoding="utf-8").split(MARK)
    found = ((key, threats(load(key))) for key in keys())
    page.write_text(f"{before}{MARK}\n\n{table(found)}\n\n{MARK}{after}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
