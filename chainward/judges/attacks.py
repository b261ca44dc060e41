"""Claims about hospitals that attack."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainward.judges.evidence import Evidence, Trials, attack_of, named, only
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


def withstands_all(evidence: Evidence, *, other: str, drop: float, partly_strength: float) -> Finding:
    """Judge "withstands them": under each of several attacks the drop of mean AUROC is at most `drop`.

    Reproduced: under all. Partly: under all of `partly_strength`. Told beside each drop, with its 95 % interval: the
    other strategy's, which decides nothing, and how many of the attackers' updates were accepted (outcomes `accepted`
    and `rejected`) of those that were judged. An attack that spoils nothing decides nothing.
    """
    pairs = evidence.beside(other)
    honest = only((ours for ours, _ in pairs if not ours.specification.attack), "trials without an attack")
    theirs_honest = only((theirs for ours, theirs in pairs if ours is honest), f"{other} without an attack")
    words, withstood = [], []
    for ours, theirs in (pair for pair in pairs if pair[0] is not honest):
        _need_spoiled(ours)
        lost, others = difference(evidence, honest, ours), difference(evidence, theirs_honest, theirs)
        words.append(f"{attack_of(ours)}: drop {told(lost)}, that of {other} {told(others)}, {_accepted(ours.records)}")
        withstood.append((ours.specification.attack["strength"], lost.estimate <= drop))
    some = [held for strength, held in withstood if strength == partly_strength]
    return decided(all(held for _, held in withstood), all(some), "; ".join(words), evidence.records)


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
        malicious, honest = sides(quantity, trials.records)
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


def sides(quantity: str, trials: Sequence[Completed]) -> tuple[list[float], list[float]]:
    """Return what attackers and what the others got, over all trials.

    Raises:
        Unjudgeable: nobody attacks, or everybody, or a record has no such quantity.
    """
    rows = [(name in trial.attackers, value) for trial in trials for name, value in outcome(quantity, trial).items()]
    malicious, honest = ([value for is_one, value in rows if is_one is side] for side in (True, False))
    if not malicious or not honest:
        raise Unjudgeable("nobody attacks, or everybody")
    return malicious, honest


def _drop(evidence: Evidence, strategy: str) -> Difference:
    trials = evidence.of_strategy(strategy)
    honest, attacked = (
        only((one for one in trials if bool(one.specification.attack) is side), f"{strategy} {what}")
        for side, what in ((False, "without an attack"), (True, "under attack"))
    )
    _need_spoiled(attacked)
    return difference(evidence, honest, attacked)


def _need_spoiled(attacked: Trials) -> None:
    if not any(trial.facts.spoiled for trial in attacked.records):
        raise Unjudgeable(f"the attack spoiled nothing that {attacked.strategy} uses")


def _accepted(trials: Sequence[Completed]) -> str:
    """How many updates of attackers were accepted, of those the protocol judged, over all trials."""
    taken, refused = (
        sum(outcome(what, trial).get(name, 0) for trial in trials for name in trial.attackers)
        for what in ("accepted", "rejected")
    )
    judged = taken + refused
    return f"{taken:g} of {judged:g} attackers' updates accepted" + (f" ({taken / judged:.0%})" if judged else "")


def _attacked(evidence: Evidence) -> list[Trials]:
    """The paper's trials in which somebody attacks."""
    found = [trials for trials in evidence.ours if trials.specification.attack]
    if not found:
        raise Unjudgeable("its rule is about attackers, and it asks for no trial with any")
    return found


def _share(trials: Trials) -> float:
    return float(trials.specification.attack["share"])


def _p_value(quantity: str, trials: Sequence[Completed]) -> float:
    malicious, honest = sides(quantity, trials)
    from scipy.stats import mannwhitneyu  # takes half a second to load, which most reports can spare

    return float(mannwhitneyu(malicious, honest, alternative="less").pvalue)
