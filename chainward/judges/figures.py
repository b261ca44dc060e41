"""The figures that judges compare: AUROC with its interval, the patient as the unit, and what a trial cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np

from chainward.judges.evidence import Evidence, Trials, need_same_patients
from chainward.judges.finding import Unjudgeable
from chainward.results import inference, influence
from chainward.results.inference import Difference, Mean
from chainward.results.predictions import Predictions
from chainward.results.record import Completed
from chainward.tasks.metrics import auroc

ONE_CLASS = "a seed tests patients of one class only"


def mean_of(seeds: Sequence[Predictions]) -> Mean:
    """Return the mean AUROC over seeds, all hospitals together.

    Raises:
        Unjudgeable: a seed tests patients of one class.
    """
    found = inference.mean_over_seeds(influence.auroc, seeds)
    if found is None:
        raise Unjudgeable(ONE_CLASS)
    return found


def mean_auroc(evidence: Evidence, trials: Trials) -> Mean:
    """Return the mean AUROC of trials, as `mean_of`."""
    return mean_of([evidence.opener.predictions(record) for record in trials.records])


def difference(evidence: Evidence, first: Trials, second: Trials) -> Difference:
    """Return the difference of two mean AUROCs, paired patient by patient.

    Raises:
        Unjudgeable: they are of different patients, or of one class only.
    """
    need_same_patients(first, second)
    return inference.difference(mean_auroc(evidence, first), mean_auroc(evidence, second))


def told(found: Difference) -> str:
    """Return a difference with its 95 % interval, in words."""
    return f"{found.estimate:+z.4f} [{found.low:+z.4f}, {found.high:+z.4f}]"


def rises(values: Sequence[float]) -> bool:
    """Tell whether each value is larger than the one before."""
    return all(later > earlier for earlier, later in pairwise(values))


def round_gas(record: Completed) -> float:
    """Return the gas of all rounds, set-up apart."""
    return float(sum(entry.gas for entry in record.rounds))


def _auroc(evidence: Evidence, record: Completed) -> float:
    return mean_of([evidence.opener.predictions(record)]).value


def _mean_hospital_auroc(evidence: Evidence, record: Completed) -> float:
    found = evidence.opener.predictions(record)
    masks = [found.hospital == name for name in sorted(set(found.hospital.tolist()))]
    values = [auroc(found.label[mask], found.probability[mask]) for mask in masks]
    if None in values:
        raise Unjudgeable(ONE_CLASS)
    return float(np.mean([value for value in values if value is not None]))


Statistic = Literal["auroc", "mean_hospital_auroc", "rounds_used", "gas_total"]
STATISTICS: Mapping[Statistic, Callable[[Evidence, Completed], float]] = {
    "auroc": _auroc,
    "mean_hospital_auroc": _mean_hospital_auroc,
    "rounds_used": lambda _, record: float(record.facts.rounds_used),
    "gas_total": lambda _, record: float(record.setup.gas) + round_gas(record),
}
