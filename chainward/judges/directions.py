"""Claims about which way figures go: with the parties of a federation, and with the size of what they send."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainward.judges.evidence import Evidence, Trials
from chainward.judges.figures import mean_auroc, rises
from chainward.judges.finding import Finding, Unjudgeable, decided


def directions(evidence: Evidence, *, partly: int) -> Finding:
    """Judge "accuracy and time rise with the parties, throughput falls with the gradients".

    The first part of the trials differs in hospitals, the others in hidden units of the network. Accuracy is mean
    AUROC over seeds; time the median of modelled seconds over rounds and seeds; throughput the transactions of all
    rounds over their modelled seconds. Reproduced: all three rise, or fall, at every step. Partly: `partly` of them.
    """
    parties = sorted((one for one in evidence.ours if one.part == 0), key=lambda one: one.hospitals)
    networks = sorted((one for one in evidence.ours if one.part > 0), key=_hidden)
    if min(len({one.hospitals for one in parties}), len(set(map(_hidden, networks)))) < 2:
        raise Unjudgeable("its rule compares sizes, and asks for fewer than two")
    accuracy = [mean_auroc(evidence, one).value for one in parties]
    seconds = [float(np.median(_latencies(one))) for one in parties]
    throughput = [_throughput(one) for one in networks]
    right = [rises(accuracy), rises(seconds), rises(throughput[::-1])]
    counts, units = [one.hospitals for one in parties], [_hidden(one) for one in networks]
    found = (
        f"AUROC {_told(counts, accuracy, '.4f')} hospitals; seconds a round {_told(counts, seconds, '.4g')} hospitals; "
        f"transactions a second {_told(units, throughput, '.4g')} hidden units"
    )
    return decided(all(right), sum(right) >= partly, found, evidence.records)


def _hidden(trials: Trials) -> int:
    hidden = trials.specification.training.get("hidden")
    if not isinstance(hidden, int):
        raise Unjudgeable("its rule compares networks, and a part of its trials names no hidden units")
    return hidden


def _latencies(trials: Trials) -> list[float]:
    return [entry.latency_s.total for record in trials.records for entry in record.rounds]


def _throughput(trials: Trials) -> float:
    """Transactions of all rounds over all their seconds."""
    sent = sum(max(entry.transactions for entry in one.rounds) - one.setup.transactions for one in trials.records)
    return sent / sum(_latencies(trials))


def _told(sizes: Sequence[int], values: Sequence[float], form: str) -> str:
    return ", ".join(f"{value:{form}} with {size}" for size, value in zip(sizes, values, strict=True))
