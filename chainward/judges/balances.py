"""Claims about what hospitals have in the end, seed by seed."""

from __future__ import annotations

from chainward.judges.attacks import sides
from chainward.judges.evidence import Evidence, attack_of, named, seed_of, task_of
from chainward.judges.finding import Finding, Unjudgeable, decided


def honest_have_more(evidence: Evidence, *, quantity: str, level: float) -> Finding:
    """Judge "good contributors are refunded, bad ones pay": an outcome of the honest hospitals against attackers'.

    Reproduced: in every seed of every setting the honest hospitals' mean is above the attackers', with a one-sided
    Mann-Whitney p below `level`. Partly: the means alone are, in every seed.
    """
    from scipy.stats import mannwhitneyu  # takes half a second to load, which most reports can spare

    words, surely, above = [], [], []
    for trials in evidence.ours:
        if not trials.specification.attack:
            raise Unjudgeable("its rule is about attackers, and it asks for a trial without any")
        words.append(
            f"{named(trials.strategy, trials.specification.params)} on {task_of(trials)}, {attack_of(trials)}:"
        )
        for record in trials.records:
            bad, good = sides(quantity, [record])
            worse, better = sum(bad) / len(bad), sum(good) / len(good)
            p = float(mannwhitneyu(bad, good, alternative="less").pvalue)
            words.append(f"seed {seed_of(record)} {better:+.4g} against {worse:+.4g}, p {p:.2g};")
            above.append(better > worse)
            surely.append(better > worse and p < level)
    return decided(all(surely), all(above), " ".join(words).rstrip(";"), evidence.records)
