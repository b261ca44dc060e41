"""Claims about hospitals that attack."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainward.judges.evidence import Evidence, Trials, named, only
from chainward.judges.figures import difference, told
from chainward.judges.finding import Finding, Unjudgeable, decided
from chainward.results.inference import Difference
from chainward.results.record import Completed


def robust_to_attack(evidence: Evidence, *, other: str, drop: float, others_drop: float, partly: float) -> Finding:
    """Judge "withstands what breaks the other": drop is mean AUROC without minus with the attack.

    Reproduced: drop is at most `drop` and the other's at least `others_drop`. Partly: drop is at most `partly` times
    the other's. An attack that breaks or spoils nothing decides nothing. Both drops are told with their 95 %
    intervals, paired patient by patient.
    """
    ours, theirs = _drop(evidence, evidence.strategy), _drop(evidence, other)
    if theirs.low <= 0:
        raise Unjudgeable(f"the attack does not break {other}: its drop is {told(theirs)}")
    reproduced = ours.estimate <= drop and theirs.estimate >= others_drop
    found = f"drop {told(ours)}, that of {other} {told(theirs)}"
    return decided(reproduced, ours.estimate <= partly * theirs.estimate, found, evidence.records)


def attackers_score_lower(evidence: Evidence, *, quantity: str, level: float) -> Finding:
    """Judge "malicious agents score lower": one-sided Mann-Whitney p of attackers' against others' outcomes, by seed.

    Reproduced: p is below `level` in every attack at every share. Partly: in every attack at the smallest share.
    """
    found = [(trials, _p_value(quantity, trials.records)) for trials in sorted(_attacked(evidence), key=_share)]
    words = ", ".join(f"{one.specification.attack['kind']} by {_share(one):.0%}: p {p:.2g}" for one, p in found)
    fewest = [p for one, p in found if _share(one) == _share(found[0][0])]
    return decided(all(p < level for _, p in found), max(fewest) < level, words, evidence.records)


def attackers_earn_less(evidence: Evidence, *, quantity: str, share: float) -> Finding:
    """Judge "an attacker earns less": its mean outcome is at most `share` of an honest hospital's.

    Reproduced: in all variants of the hyper-parameters. Partly: in one.
    """
    words, less = [], []
    for trials in _attacked(evidence):
        malicious, honest = _sides(quantity, trials.records)
        ratio = float(np.mean(malicious) / np.mean(honest))
        words.append(f"{named(trials.strategy, trials.specification.params)}: {ratio:.3f} of an honest hospital's")
        less.append(ratio <= share)
    return decided(all(less), any(less), "; ".join(words), evidence.records)


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


def _drop(evidence: Evidence, strategy: str) -> Difference:
    trials = evidence.of_strategy(strategy)
    honest, attacked = (
        only((one for one in trials if bool(one.specification.attack) is side), f"{strategy} {what}")
        for side, what in ((False, "without an attack"), (True, "under attack"))
    )
    if not any(trial.facts.spoiled for trial in attacked.records):
        raise Unjudgeable(f"the attack spoiled nothing that {strategy} uses")
    return difference(evidence, honest, attacked)


def _attacked(evidence: Evidence) -> list[Trials]:
    """The paper's trials in which somebody attacks."""
    found = [trials for trials in evidence.ours if trials.specification.attack]
    if not found:
        raise Unjudgeable("its rule is about attackers, and it asks for no trial with any")
    return found


def _share(trials: Trials) -> float:
    return float(trials.specification.attack["share"])


def _p_value(quantity: str, trials: Sequence[Completed]) -> float:
    malicious, honest = _sides(quantity, trials)
    from scipy.stats import mannwhitneyu  # takes half a second to load, which most reports can spare

    return float(mannwhitneyu(malicious, honest, alternative="less").pvalue)


def _sides(quantity: str, trials: Sequence[Completed]) -> tuple[list[float], list[float]]:
    """What attackers and what the others got, over all trials."""
    rows = [(name in trial.attackers, value) for trial in trials for name, value in outcome(quantity, trial).items()]
    malicious, honest = ([value for is_one, value in rows if is_one is side] for side in (True, False))
    if not malicious or not honest:
        raise Unjudgeable("nobody attacks, or everybody")
    return malicious, honest
