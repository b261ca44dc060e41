"""Claims about gas and modelled time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np
import numpy.typing as npt

from chainward.judges.evidence import SEEDS, Evidence, Finding, decided, mean_auroc, round_gas
from chainward.results.record import Completed

Numbers = npt.NDArray[np.float64]

TIE_S = 1e-6
"""Modelled seconds that only rounding tells apart."""


def gas_an_agent(
    evidence: Evidence,
    *,
    task: str,
    hospitals: Sequence[int],
    rounds: Sequence[int],
    coefficients: Sequence[float],
    r2: float,
    within: float,
    rounds_parameter: str,
    track: str,
) -> Finding:
    """Judge a law a N + b R + c N R of the gas of one of N agents over R rounds, by least squares through the origin.

    Contract creation is left out, since no agent pays it. Reproduced: r2 is reached and each coefficient is `within`
    of the quoted one. Partly: r2 is reached.
    """
    rows, gas, records = [], [], []
    for count, number in product(hospitals, rounds):
        sizes, params = {"hospitals": count}, {rounds_parameter: number}
        trials = evidence.need(task, seeds=1, track=track, task_params=sizes, rounds=number, params=params)
        rows += [(count, number, count * number)] * len(trials)
        gas += [_without_creation(trial) / count for trial in trials]
        records += trials
    fitted, explained = _least_squares(np.array(rows, dtype=np.float64), np.array(gas))
    near = bool(np.all(np.abs(fitted / np.array(coefficients) - 1) <= within))
    law = " + ".join(f"{value:,.0f} {name}" for value, name in zip(fitted, ("N", "R", "N R"), strict=True))
    return decided(explained >= r2 and near, explained >= r2, f"{law}, r² {explained:.4f}", records)


def setup_gas_line(
    evidence: Evidence,
    *,
    task: str,
    hospitals: Sequence[int],
    slope: float,
    r2: float,
    within: float,
    params: Mapping[str, Any] | None = None,
) -> Finding:
    """Judge "set-up gas is linear in hospitals" under just these hyper-parameters.

    Reproduced: r2 is reached and the slope is `within` of the quoted one. Partly: r2 is reached.
    """
    sizes: list[dict[str, Any]] = [{"hospitals": count} for count in hospitals]
    trials = [trial for size in sizes for trial in evidence.need(task, seeds=1, params=params, task_params=size)]
    counts = np.array([len(trial.hospitals) for trial in trials], dtype=np.float64)
    rows = np.column_stack([np.ones_like(counts), counts])
    fitted, explained = _least_squares(rows, np.array([float(trial.setup.gas) for trial in trials]))
    found = f"{fitted[0]:,.0f} + {fitted[1]:,.0f} a hospital, r² {explained:.6f}"
    near = abs(fitted[1] / slope - 1) <= within
    return decided(explained >= r2 and near, explained >= r2, found, trials)


def less_gas_than(
    evidence: Evidence,
    *,
    task: str,
    variant: Mapping[str, Any],
    other: str,
    within: float,
    seeds: int = SEEDS,
) -> Finding:
    """Judge "less gas than the direct way", a variant of the hyper-parameters; set-up apart.

    Reproduced: the ratio of total gas is below 1 and mean AUROC is `within` of the other strategy's. Partly: below 1.
    """
    ours, direct = evidence.need(task, seeds=seeds), evidence.need(task, seeds=seeds, params=variant)
    theirs = evidence.need(task, other, seeds)
    ratio = sum(map(round_gas, ours)) / sum(map(round_gas, direct))
    gap = mean_auroc(evidence, ours) - mean_auroc(evidence, theirs)
    found = f"{ratio:.3f} of the gas; AUROC {gap:+.4f} against {other}"
    return decided(ratio < 1 and abs(gap) <= within, ratio < 1, found, [*ours, *direct, *theirs])


def dearest_parts(
    evidence: Evidence,
    *,
    task: str,
    hospitals: Sequence[int],
    switches: Sequence[str],
    partly: int,
    seeds: int = 1,
) -> Finding:
    """Judge which parts take the most modelled time: what a round loses when a part is switched off.

    `switches` are hyper-parameters in the claimed order, dearest first. Reproduced: the order holds at every size.
    Partly: at `partly` of them. Parts less than TIE_S apart have no order.
    """
    told, right, records = [], [], []
    for count in hospitals:
        setting: dict[str, Any] = {"task_params": {"hospitals": count}}
        whole = evidence.need(task, seeds=seeds, **setting)
        without = {name: evidence.need(task, seeds=seeds, params={name: False}, **setting) for name in switches}
        parts = {name: _latency(whole) - _latency(trials) for name, trials in without.items()}
        told.append(f"{count} hospitals: {', '.join(f'{name} {round(s, 6):zg} s' for name, s in parts.items())}")
        right.append(all(dearer - cheaper > TIE_S for dearer, cheaper in pairwise(parts.values())))
        records += [*whole, *(trial for trials in without.values() for trial in trials)]
    return decided(all(right), sum(right) >= partly, "; ".join(told), records)


def _latency(trials: Sequence[Completed]) -> float:
    """Median modelled seconds of a round."""
    return float(np.median([entry.latency_s.total for trial in trials for entry in trial.rounds]))


def _without_creation(trial: Completed) -> float:
    return float(sum(row.total for row in trial.gas_functions if row.function != "constructor"))


def _least_squares(rows: Numbers, values: Numbers) -> tuple[Numbers, float]:
    """Coefficients, and the share of the variance around the mean that they explain."""
    fitted: Numbers = np.linalg.lstsq(rows, values, rcond=None)[0].astype(np.float64)
    residual = float(((values - rows @ fitted) ** 2).sum())
    return fitted, 1 - residual / float(((values - values.mean()) ** 2).sum())
