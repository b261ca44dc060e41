"""Claims about the size of a batch whose step is proved: what a proof takes, and how well larger batches learn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from chainward.judges.evidence import Evidence, Trials, only
from chainward.judges.figures import mean_auroc, rises
from chainward.judges.finding import Finding, Unjudgeable, decided
from chainward.results.rounds import Round

Numbers = npt.NDArray[np.float64]


def proof_cost(
    evidence: Evidence,
    *,
    r2: float,
    ratio: float,
    function: str,
    batches: Sequence[int],
    quoted_s: Sequence[float],
    quoted_ether: Sequence[float],
    quoted_features: int,
) -> Finding:
    """Judge "a proof's time grows with the batch, its verification hardly costs more".

    Time is the modelled computing of a round, the median, by the hyper-parameter `batch`; gas the mean of a `function`.
    Reproduced: a line through the origin explains `r2` of the time, and the largest gas is at most `ratio` of the
    least. Partly: one of the two. The measured seconds of a round's proofs are told beside, and what the authors print
    by `batches`, of so many features; neither decides anything.
    """
    trials = _by_batch(evidence.ours)
    sizes = np.array([one.built.batch for one in trials], dtype=np.float64)
    seconds = np.array([_median([entry.latency_s.compute for entry in _rounds(one)]) for one in trials])
    measured = [_median([entry.measured_compute_s for entry in _rounds(one)]) for one in trials]
    gas = [_gas(one, function) for one in trials]
    slope, explained = _line(sizes, seconds)
    theirs = _line(np.array(batches, dtype=np.float64), np.array(quoted_s))
    line, flat = explained >= r2, max(gas) <= ratio * min(gas)
    found = (
        f"modelled {_told(sizes, seconds, 's')}: {slope:.4g} s a patient, r² {explained:.4f}; "
        f"gas {max(gas) / min(gas):.4f}; measured {_told(sizes, measured, 's a round')}; "
        f"quoted with {quoted_features} features {_told(batches, quoted_s, 's')}, r² {theirs[1]:.4f}, "
        f"ether {max(quoted_ether) / min(quoted_ether):.4f}"
    )
    return decided(line and flat, line or flat, found, evidence.records)


def larger_batches(evidence: Evidence) -> Finding:
    """Judge "larger batches learn better", by mean AUROC.

    Reproduced: it rises from batch to batch at equal rounds and at equal samples. Partly: at equal rounds only.

    Raises:
        Unjudgeable: the claim does not ask for both axes.
    """
    rounds = max(one.specification.rounds for one in evidence.ours)
    alike = _by_batch([one for one in evidence.ours if one.specification.rounds == rounds])
    samples = rounds * alike[0].built.batch
    equal = _by_batch([one for one in evidence.ours if one.specification.rounds * one.built.batch == samples])
    if [one.built.batch for one in alike] != [one.built.batch for one in equal]:
        raise Unjudgeable("its rule needs each batch at equal rounds and at equal samples")
    risen, words = [], []
    for what, axis in (("equal rounds", alike), ("equal samples", equal)):
        scores = [mean_auroc(evidence, one).value for one in axis]
        risen.append(rises(scores))
        words.append(f"{what}: {_told([one.built.batch for one in axis], scores, '')}")
    return decided(all(risen), risen[0], "; ".join(words), evidence.records)


def _line(sizes: Numbers, values: Numbers) -> tuple[float, float]:
    """Slope of the line through the origin, and the share of the variance around the mean that it explains."""
    slope = float(sizes @ values / (sizes @ sizes))
    return slope, 1 - float(((values - slope * sizes) ** 2).sum() / ((values - values.mean()) ** 2).sum())


def _by_batch(trials: Sequence[Trials]) -> list[Trials]:
    """One kind of trials of each batch, the least first."""
    sizes = sorted({one.built.batch for one in trials})
    return [only((one for one in trials if one.built.batch == size), f"batch {size}") for size in sizes]


def _rounds(trials: Trials) -> list[Round]:
    return [entry for record in trials.records for entry in record.rounds]


def _gas(trials: Trials, function: str) -> float:
    rows = [row for record in trials.records for row in record.gas_functions if row.function == function]
    if not rows:
        raise Unjudgeable(f"nobody sent {function}")
    return sum(row.total for row in rows) / sum(row.calls for row in rows)


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


def _told(sizes: Iterable[float], values: Iterable[float], unit: str) -> str:
    return ", ".join(f"{size:g}: {value:.4g} {unit}".strip() for size, value in zip(sizes, values, strict=True))
