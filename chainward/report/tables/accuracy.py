"""Predictions -> accuracy columns; what they rest on is `results.influence`, `inference` and `calibration`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from chainward.report.tables.groups import Group, Row
from chainward.results.calibration import ece_floor, slope
from chainward.results.collection import Opener
from chainward.results.hospitals import HospitalScore, by_hospital, worst
from chainward.results.inference import Mean, mean_over_hospitals, means_over_seeds
from chainward.results.influence import MEASURES, Influential
from chainward.results.predictions import Predictions, pooled
from chainward.tasks import metrics
from chainward.tasks.division import LEAVE_ONE_HOSPITAL_OUT
from chainward.tasks.metrics import ece


@dataclass(frozen=True, eq=False)
class Accuracy:
    """The mean of each measure over the seeds of one row, None where there is none, and the columns made of them.

    The column `accuracy_error` says why predictions cannot be judged (not finite, say): one bad trial must
    not cost the report.
    """

    means: Mapping[str, Mean | None]
    figures: Row


AT_HALF: Mapping[str, metrics.Measure] = {
    "accuracy": metrics.accuracy,
    "sensitivity": metrics.sensitivity,
    "specificity": metrics.specificity,
    "ppv": metrics.positive_predictive_value,
    "f1": metrics.f1,
}
"""Who is positive from a probability of 0.5 on: where few are, accuracy alone says little, so it never stands alone."""

NOBODY: Mapping[str, Mean | None] = dict.fromkeys(MEASURES)


def accuracy(one: Group, opener: Opener) -> Accuracy:
    """Every measure with its interval, calibration, and the hospitals, worst one apart. All null without a trial."""
    try:
        seeds = [opener.predictions(trial) for trial in one.completed]
    except ValueError as error:
        return Accuracy(NOBODY, {**_figures([], NOBODY), "accuracy_error": str(error)})
    means = means_of(MEASURES, seeds, one) if seeds else NOBODY
    return Accuracy(means, {**_figures(seeds, means), "accuracy_error": None})


def means_of(
    measures: Mapping[str, Influential], seeds: Sequence[Predictions], one: Group
) -> Mapping[str, Mean | None]:
    """The mean of each measure over seeds, patients as units; hospitals where each seed leaves one out."""
    if one.specification.split == LEAVE_ONE_HOSPITAL_OUT:
        return {name: mean_over_hospitals(measure, seeds) for name, measure in measures.items()}
    return means_over_seeds(measures, seeds)


def _figures(seeds: Sequence[Predictions], means: Mapping[str, Mean | None]) -> Row:
    hospitals = by_hospital(seeds) if seeds else ()
    least = worst(hospitals)
    figures = {"auroc_mean": None, "auroc_low": None, "auroc_high": None}
    for name, mean in means.items():
        figures |= interval("auroc_mean" if name == "auroc" else name, name, mean)
    return {
        **figures,
        **{name: _mean([measure(one.label, one.probability) for one in seeds]) for name, measure in AT_HALF.items()},
        **_calibration(seeds),
        "auroc_worst_hospital": None if least is None or least.auroc is None else least.auroc.estimate,
        "worst_hospital": None if least is None else least.hospital,
        "auroc_hospitals": [_hospital(score) for score in hospitals],
    }


def _calibration(seeds: Sequence[Predictions]) -> Row:
    """Of the out-of-fold predictions of all seeds together: a fold alone is too few for fifteen bins."""
    if not seeds:
        return dict.fromkeys(("ece", "ece_floor", "calibration_slope"))
    whole = pooled(seeds)
    return {
        "ece": ece(whole.label, whole.probability),
        "ece_floor": ece_floor(whole.probability, whole.patient),
        "calibration_slope": slope(whole.label, whole.probability),
    }


def _hospital(score: HospitalScore) -> Row:
    """`told` is the figure with its interval, or "not estimable (n+, n−)"."""
    found = score.auroc
    return {
        "hospital": score.hospital,
        "positives": score.positives,
        "negatives": score.negatives,
        "auroc": found and found.estimate,
        "auroc_low": found and found.low,
        "auroc_high": found and found.high,
        "told": str(score),
    }


def interval(key: str, name: str, mean: Mean | None) -> Row:
    """The columns of a mean: its value under `key`, the bounds of its interval under `name`."""
    found = mean.interval if mean else None
    return {
        key: found and found.estimate,
        f"{name}_low": found and found.low,
        f"{name}_high": found and found.high,
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None
