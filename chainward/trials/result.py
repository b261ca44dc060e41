"""What the meters saw -> the result part of a record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainward.errors import ChainwardError
from chainward.results.record import (
    Facts,
    GasRow,
    Inclusion,
    Measured,
    Phase,
    Result,
)
from chainward.results.rounds import DisclosureRow, Round, Rounds
from chainward.trials.prepare import Trial
from chainward.world import Receipt


def result(trial: Trial, state: Any, entries: Sequence[Round]) -> Result:
    """Return the result part of a trial's record from the entries of its set-up and rounds."""
    receipts = trial.world.ledger.receipts
    setup, *rounds = entries
    outcomes = _outcomes(trial, state)
    return Result(
        setup=setup,
        rounds=Rounds.of(rounds),
        gas_functions=_gas_by_phase(receipts, setup.transactions),
        disclosures=_disclosures(entries),
        facts=_facts(trial, state, entries),
        numbers=dict(trial.strategy.numbers(len(trial.world.hospitals))),
        attackers=tuple(trial.attackers),
        outcomes={name: {party: float(value) for party, value in values.items()} for name, values in outcomes.items()},
        measured=Measured(
            compute_s=sum(entry.measured_compute_s for entry in entries),
            wall_s=sum(entry.measured_wall_s for entry in entries),
            apportioned=trial.world.engine.apportioned,
            contended=False,
            inclusion_s=_inclusion(receipts),
            wire_bytes=getattr(trial.world.engine, "wire_bytes", None),
        ),
    )


def _outcomes(trial: Trial, state: Any) -> Mapping[str, Mapping[str, float]]:
    """What the protocol decided about each party: its rounds are over, so that it may read and nothing else.

    Raises:
        ChainwardError: the strategy asked a party or sent a transaction.
    """
    world = trial.world
    before = world.meter.party_bytes, len(world.ledger.receipts)
    outcomes = trial.strategy.outcomes(state, world)
    if (world.meter.party_bytes, len(world.ledger.receipts)) != before:
        raise ChainwardError(f"{trial.specification.strategy}: outcomes asks or sends; it may only call contracts")
    return outcomes


def _inclusion(receipts: Sequence[Receipt]) -> Inclusion | None:
    """Measured seconds from sending to inclusion, from a ledger that has a node."""
    seconds = [receipt.inclusion_s for receipt in receipts if receipt.inclusion_s is not None]
    return Inclusion(float(np.median(seconds)), float(np.percentile(seconds, 95))) if seconds else None


def _facts(trial: Trial, state: Any, entries: Sequence[Round]) -> Facts:
    return Facts(
        sees_individual_updates=max((entry.audience for entry in entries), key=lambda audience: audience.rank),
        raw_records_shared=sum(entry.raw_records for entry in entries),
        spends_gas=any(receipt.gas for receipt in trial.world.ledger.receipts),
        ended_by_itself=bool(trial.strategy.finished(state)),
        rounds_used=len(entries) - 1,
        spoiled=sum(entry.spoiled for entry in entries),
    )


def _gas_by_phase(receipts: Sequence[Receipt], setup: int) -> tuple[GasRow, ...]:
    rows = [*gas_functions(receipts[:setup], "setup"), *gas_functions(receipts[setup:], "round")]
    return tuple(sorted(rows, key=lambda row: (row.contract, row.function, row.phase)))


def gas_functions(receipts: Sequence[Receipt], phase: Phase) -> list[GasRow]:
    """Return what each contract function cost over some receipts: calls, least, median, most and total gas."""
    groups: dict[tuple[str, str], list[Receipt]] = defaultdict(list)
    for receipt in receipts:
        groups[receipt.contract, receipt.function].append(receipt)
    return [
        GasRow(
            contract=contract,
            function=function,
            phase=phase,
            calls=len(group),
            min=min(r.gas for r in group),
            median=float(np.median([r.gas for r in group])),
            max=max(r.gas for r in group),
            total=sum(r.gas for r in group),
            total_eip7623=sum(r.floor for r in group),
            reverted=sum(not r.succeeded for r in group),
        )
        for (contract, function), group in sorted(groups.items())
    ]


def _disclosures(entries: Sequence[Round]) -> tuple[DisclosureRow, ...]:
    totals: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in (row for entry in entries for row in entry.disclosures):
        total = totals[row.kind, row.audience]
        total[0] += row.count
        total[1] += row.bytes
    return tuple(DisclosureRow(*key, *total) for key, total in sorted(totals.items()))
