"""Claims about hospitals that attack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import mannwhitneyu

from chainward.judges.evidence import SEEDS, Evidence, Finding, Unjudgeable, decided, mean_auroc
from chainward.results.record import Completed


def robust_to_attack(
    evidence: Evidence,
    *,
    task: str,
    other: str,
    attack: Mapping[str, Any],
    drop: float,
    others_drop: float,
    partly: float,
    seeds: int = SEEDS,
) -> Finding:
    """Judge "withstands what breaks the other": drop is mean AUROC without minus with the attack.

    Reproduced: drop is at most `drop` and the other's at least `others_drop`. Partly: drop is at most `partly` times
    the other's.
    """
    ours, mine = _drop(evidence, task, evidence.strategy, attack, seeds)
    theirs, its = _drop(evidence, task, other, attack, seeds)
    found = f"drop {ours:+.4f}, that of {other} {theirs:+.4f}"
    return decided(ours <= drop and theirs >= others_drop, ours <= partly * theirs, found, [*mine, *its])


def attackers_score_lower(
    evidence: Evidence,
    *,
    task: str,
    quantity: str,
    attacks: Sequence[Mapping[str, Any]],
    shares: Sequence[float],
    level: float,
    track: str = "common",
    seeds: int = SEEDS,
) -> Finding:
    """Judge "malicious agents score lower": one-sided Mann-Whitney p of attackers' against others' outcomes, by seed.

    Reproduced: p is below `level` in every attack at every share. Partly: in every attack at the first share.
    """
    told, below, records = [], [], []
    for share in shares:
        for attack in attacks:
            trials = evidence.need(task, seeds=seeds, attack={**attack, "share": share}, track=track)
            p = _p_value(quantity, trials)
            told.append(f"{attack['kind']} by {share:.0%}: p {p:.2g}")
            below.append(p < level)
            records += trials
    return decided(all(below), all(below[: len(attacks)]), ", ".join(told), records)


def attackers_earn_less(
    evidence: Evidence,
    *,
    task: str,
    quantity: str,
    attack: Mapping[str, Any],
    variants: Sequence[Mapping[str, Any]],
    share: float,
    task_params: Mapping[str, Any],
    seeds: int = SEEDS,
) -> Finding:
    """Judge "an attacker earns less": its mean outcome is at most `share` of an honest hospital's.

    Reproduced: in all variants of the hyper-parameters. Partly: in one.
    """
    told, less, records = [], [], []
    for params in variants:
        trials = evidence.need(task, seeds=seeds, params=params, attack=attack, task_params=task_params)
        malicious, honest = _sides(quantity, trials)
        ratio = float(np.mean(malicious) / np.mean(honest))
        told.append(f"{_named(params)}: {ratio:.3f} of an honest hospital's")
        less.append(ratio <= share)
        records += trials
    return decided(all(less), any(less), "; ".join(told), records)


def _drop(
    evidence: Evidence, task: str, strategy: str, attack: Mapping[str, Any], seeds: int
) -> tuple[float, list[Completed]]:
    honest = evidence.need(task, strategy, seeds)
    attacked = evidence.need(task, strategy, seeds, attack=attack)
    return mean_auroc(evidence, honest) - mean_auroc(evidence, attacked), [*honest, *attacked]


def _p_value(quantity: str, trials: Sequence[Completed]) -> float:
    malicious, honest = _sides(quantity, trials)
    return float(mannwhitneyu(malicious, honest, alternative="less").pvalue)


def _sides(quantity: str, trials: Sequence[Completed]) -> tuple[list[float], list[float]]:
    """What attackers and what the others got, over all trials."""
    rows = [(name in trial.attackers, value) for trial in trials for name, value in outcome(quantity, trial).items()]
    malicious, honest = ([value for is_one, value in rows if is_one is side] for side in (True, False))
    if not malicious or not honest:
        raise Unjudgeable("nobody attacks, or everybody")
    return malicious, honest


def outcome(quantity: str, trial: Completed) -> dict[str, float]:
    """Return one quantity that the protocol decided, by hospital.

    Raises:
        Unjudgeable: the record has none.
    """
    hospitals = {hospital.name for hospital in trial.hospitals}
    found = {name: value for name, value in trial.outcomes.get(quantity, {}).items() if name in hospitals}
    if not found:
        raise Unjudgeable(f"{trial.specification.strategy} decided no {quantity}")
    return found


def _named(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in params.items()) or "as it is"
