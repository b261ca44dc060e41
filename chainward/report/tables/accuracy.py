"""Predictions -> accuracy columns; the statistics themselves are `results.statistics`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from statistics import fmean

from chainward.report.tables.groups import Row
from chainward.results.collection import Opener
from chainward.results.record import Completed
from chainward.results.statistics import (
    HospitalScore,
    Predictions,
    auroc_difference,
    auroc_interval,
    by_hospital,
    worst,
)
from chainward.tasks.metrics import MEASURES, measures

OTHERS = tuple(name for name in MEASURES if name != "auroc")


def accuracy(trials: Sequence[Completed], opener: Opener) -> Row:
    """AUROC with its interval, the other measures as means over seeds, and the hospitals, worst one apart.

    All null without a trial. Predictions that cannot be judged (not finite, a patient twice) leave every figure null
    and say why in `accuracy_error`: one bad trial must not cost the report.
    """
    try:
        seeds = [opener.predictions(trial) for trial in trials]
    except ValueError as error:
        return {**_figures([]), "accuracy_error": str(error)}
    return {**_figures(seeds), "accuracy_error": None}


def interval(trials: Sequence[Completed], opener: Opener) -> Row:
    """AUROC with its interval alone; null where `accuracy` is."""
    try:
        found = auroc_interval([opener.predictions(trial) for trial in trials]) if trials else None
    except ValueError:
        found = None
    return _interval("auroc", asdict(found) if found else {}, mean="auroc_mean")


def difference(trials: Sequence[Completed], best: Sequence[Completed], opener: Opener) -> Row:
    """AUROC minus that of the best, paired on the same patients; null where seeds or patients differ."""
    try:
        found = auroc_difference(*([opener.predictions(one) for one in side] for side in (trials, best)))
    except ValueError:
        found = None
    return _interval("auroc_minus_best", asdict(found) if found else {})


def _figures(seeds: Sequence[Predictions]) -> Row:
    interval = auroc_interval(seeds) if seeds else None
    values = [measures(seed.label, seed.probability) for seed in seeds]
    hospitals = by_hospital(seeds) if seeds else ()
    least = worst(hospitals)
    return {
        **_interval("auroc", asdict(interval) if interval else {}, mean="auroc_mean"),
        "auroc_worst_hospital": None if least is None or least.auroc is None else least.auroc.estimate,
        "worst_hospital": None if least is None else least.hospital,
        "auroc_hospitals": [_hospital(score) for score in hospitals],
        **{name: _mean([value[name] for value in values]) for name in OTHERS},
    }


def _hospital(score: HospitalScore) -> Row:
    """`told` is the figure with its interval, or "not estimable (n+, n−)"."""
    counts = {"hospital": score.hospital, "positives": score.positives, "negatives": score.negatives}
    return {
        **counts,
        **_interval("auroc", asdict(score.auroc) if score.auroc else {}, mean="auroc"),
        "told": str(score),
    }


def _interval(name: str, interval: dict[str, float], mean: str | None = None) -> Row:
    bounds = {f"{name}_low": interval.get("low"), f"{name}_high": interval.get("high")}
    return {mean or name: interval.get("estimate"), **bounds}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None
