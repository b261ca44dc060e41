"""Results -> figures by patient: what one costs on chain, and how well a model predicts after how many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate

from chainward.report.tables.costs import mean, on_chain, transactions
from chainward.report.tables.groups import Group, Row
from chainward.results.record import Completed

COUNTED = "patients on chain"
"""The outcome by which a protocol tells how many patients there were after each round."""


def gas_per_patient_rows(groups: Sequence[Group]) -> list[Row]:
    """What a strategy spends on chain, set-up and all rounds, over its training patients; means over trials."""
    return [
        {
            **one.identity,
            "trials": len(one.completed),
            "patients": mean(map(_patients, one.completed)),
            "gas_per_patient": mean(_gas(trial) / _patients(trial) for trial in one.completed),
            "transactions_per_patient": mean(transactions(trial) / _patients(trial) for trial in one.completed),
            "bytes_per_patient": mean(on_chain(trial) / _patients(trial) for trial in one.completed),
        }
        for one in groups
        if one.completed and any(map(_gas, one.completed))
    ]


def accuracy_by_patients_rows(groups: Sequence[Group]) -> list[Row]:
    """Validation AUROC and gas so far after each round, with how many patients there were on chain by then.

    Only of protocols that tell so (outcome `COUNTED`); means over the trials that reached the round.
    """
    rows = []
    for one in groups:
        known: dict[int, list[tuple[float, float, float]]] = defaultdict(list)
        for trial in one.completed:
            for number, point in _points(trial):
                known[number].append(point)
        for number, points in sorted(known.items()):
            patients, auroc, gas = (mean(values) for values in zip(*points, strict=True))
            told = {"round": number, "trials": len(points), "patients": patients, "auroc_mean": auroc, "gas": gas}
            rows.append({**one.identity, **told})
    return rows


def _points(trial: Completed) -> Iterator[tuple[int, tuple[float, float, float]]]:
    """Round, and patients, validation AUROC and gas so far, of the rounds that added somebody."""
    counted, before = trial.outcomes.get(COUNTED, {}), 0.0
    spent = accumulate(trial.rounds.gas, initial=trial.setup.gas)
    next(spent)
    for number, auroc, gas in zip(trial.rounds.round, trial.rounds.validation_auroc, spent, strict=True):
        patients = counted.get(str(number), before)
        if patients > before and auroc is not None:
            yield number, (patients, auroc, float(gas))
        before = patients


def _patients(trial: Completed) -> float:
    return float(sum(hospital.train for hospital in trial.hospitals))


def _gas(trial: Completed) -> float:
    return float(trial.setup.gas + sum(trial.rounds.gas))
