"""Claims about gas and modelled time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainward.judges.evidence import Evidence, Trials, only
from chainward.judges.figures import mean_auroc, round_gas
from chainward.judges.finding import NOT_REPRODUCED, PARTLY, Finding, Unjudgeable, decided
from chainward.results.record import Completed

Numbers = npt.NDArray[np.float64]

LINEAR = (
    "that gas grows in a line follows from the protocol's loops and could not have failed, so it counts for nothing"
)


def gas_an_agent(evidence: Evidence, *, coefficients: Sequence[float], r2: float, within: float) -> Finding:
    """Judge a law a N + b R + c N R of the gas of one of N agents over R rounds, by least squares through the origin.

    Contract creation is left out, since no agent pays it. Reproduced: r2 is reached and each coefficient is `within`
    of the quoted one. A line with other coefficients is no part of a reproduction: see `LINEAR`.
    """
    trials = evidence.records
    sizes = [(len(trial.hospitals), trial.specification.rounds) for trial in trials]
    rows = np.array([(count, rounds, count * rounds) for count, rounds in sizes], dtype=np.float64)
    gas = [_without_creation(trial) / count for trial, (count, _) in zip(trials, sizes, strict=True)]
    fitted, explained = _least_squares(rows, np.array(gas))
    near = bool(np.all(np.abs(fitted / np.array(coefficients) - 1) <= within))
    law = " + ".join(f"{value:,.0f} {name}" for value, name in zip(fitted, ("N", "R", "N R"), strict=True))
    return _law(explained >= r2, near, f"{law}, r² {explained:.4f}", trials)


def setup_gas_line(evidence: Evidence, *, slope: float, r2: float, within: float) -> Finding:
    """Judge "set-up gas is linear in hospitals".

    Reproduced: r2 is reached and the slope is `within` of the quoted one. A line with another slope is no part of a
    reproduction: see `LINEAR`.
    """
    trials = evidence.records
    counts = np.array([len(trial.hospitals) for trial in trials], dtype=np.float64)
    rows = np.column_stack([np.ones_like(counts), counts])
    fitted, explained = _least_squares(rows, np.array([float(trial.setup.gas) for trial in trials]))
    found = f"{fitted[0]:,.0f} + {fitted[1]:,.0f} a hospital, r² {explained:.6f}"
    return _law(explained >= r2, abs(fitted[1] / slope - 1) <= within, found, trials)


def less_gas_than(evidence: Evidence, *, variant: Mapping[str, Any], other: str, within: float) -> Finding:
    """Judge "less gas than the direct way", a variant of the hyper-parameters; set-up apart.

    Reproduced: the ratio of total gas is below 1 and mean AUROC is `within` of the other strategy's. Partly: below 1.
    """
    ours, direct = variants(evidence, variant)
    theirs = only(evidence.of_strategy(other), other)
    ratio = sum(map(round_gas, ours.records)) / sum(map(round_gas, direct.records))
    gap = mean_auroc(evidence, ours).value - mean_auroc(evidence, theirs).value
    found = f"{ratio:.3f} of the gas; AUROC {gap:+z.4f} against {other}"
    return decided(ratio < 1 and abs(gap) <= within, ratio < 1, found, evidence.records)


def variants(evidence: Evidence, params: Mapping[str, Any]) -> tuple[Trials, Trials]:
    """Return the paper's trials as they are, and those with these hyper-parameters.

    Raises:
        Unjudgeable: the claim does not ask for just one of each.
    """
    plain, changed = (
        only((one for one in evidence.ours if one.has(params) is side), f"{evidence.strategy} {what}")
        for side, what in ((False, "as it is"), (True, f"with {dict(params)}"))
    )
    return plain, changed


def _law(line: bool, near: bool, found: str, records: Sequence[Completed]) -> Finding:
    """The verdict on a line: its form decides nothing, which is said where only the form holds."""
    finding = decided(line and near, line, found, records)
    return replace(finding, verdict=NOT_REPRODUCED, identity=LINEAR) if finding.verdict == PARTLY else finding


def _without_creation(trial: Completed) -> float:
    return float(sum(row.total for row in trial.gas_functions if row.function != "constructor"))


def _least_squares(rows: Numbers, values: Numbers) -> tuple[Numbers, float]:
    """Coefficients, and the share of the variance around the mean that they explain."""
    fitted: Numbers = np.linalg.lstsq(rows, values, rcond=None)[0].astype(np.float64)
    if np.ptp(values) == 0:
        raise Unjudgeable("the gas is the same in all trials, which no line explains")
    residual = float(((values - rows @ fitted) ** 2).sum())
    return fitted, 1 - residual / float(((values - values.mean()) ** 2).sum())
