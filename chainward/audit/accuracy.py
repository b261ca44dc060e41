"""Published accuracy against arithmetic: of whole patients, of two-by-two tables, of intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import sqrt

from chainward.audit.counts import MOST_TRIED, TooMany, table, whole
from chainward.audit.figures import Classifier, Interval, Training
from chainward.audit.finding import Check, implausible, impossible, possible
from chainward.audit.printed import Printed, number, share

NAMES = ("accuracy", "sensitivity", "specificity", "ppv", "npv", "f1")

RARE = Fraction(5, 100)
"""A class that has fewer of the patients is taken for something that a paper would say."""

NORMAL = 1.96
FAR = 5.0
"""Standard errors that chance does not explain."""

LIKELY = 1000
"""So many patients tested are taken for usual where their number is not told."""


def classifier(one: Classifier) -> Iterator[Check]:
    """Everything that figures of one threshold say of each other, and of how many patients there are."""
    figures = {name: figure for name in NAMES if (figure := getattr(one, name)) is not None}
    outside = [check for name, figure in figures.items() if (check := _beyond(name, figure))]
    yield from outside
    if outside:
        return
    yield from _between(one)
    yield from _harmonic(one)
    yield from _alone(one)
    if one.patients is not None and one.runs == 1 and len(figures) > 1:
        yield _together(figures, one.patients, one.positives)


def _beyond(name: str, figure: Printed) -> Check | None:
    """A share below nothing or above all."""
    if figure.low <= 1 and figure.high > 0:
        return None
    return impossible("range", f"{name} {figure} is no share: those lie between 0 and 1, or 100 %.", "it is per cent")


def _between(one: Classifier) -> Iterator[Check]:
    """Accuracy is the mean of sensitivity and specificity, weighted by how many are positive and negative."""
    sides = {"sensitivity": one.sensitivity, "specificity": one.specificity}
    known = {name: figure for name, figure in sides.items() if figure is not None}
    if one.accuracy is None or not known:
        return
    weighted = "Accuracy is the mean of sensitivity and specificity, weighted by how many are positive and negative"
    told = f"{weighted}; {_list(known)}"
    if len(known) == 1:
        yield from _one_sided(one, *next(iter(known.items())), told)
        return
    least, most = min(side.low for side in known.values()), max(side.high for side in known.values())
    words = f"{told}, so that it lies between them; {one.accuracy} is quoted"
    if one.accuracy.admits(least, most):
        yield possible("weighted mean", f"{words}.")
    elif one.runs > 1:
        yield implausible("weighted mean", f"{words}.", "runs differ much in how many of their patients are positive")
    else:
        yield impossible("weighted mean", f"{words}.", "the figures are not of one threshold, two classes and one test")


def _one_sided(one: Classifier, name: str, side: Printed, told: str) -> Iterator[Check]:
    """With one side known, the other is 0 to 1, which bounds how many patients are on the side that is not told."""
    accuracy, other = one.accuracy, "positive" if name == "specificity" else "negative"
    assert accuracy is not None  # its caller knows
    lifted = (accuracy.low - side.high) / (1 - side.high) if side.high < 1 else Fraction(0)
    sunk = 1 - accuracy.high / side.low if side.low > 0 else Fraction(0)
    least = max(Fraction(0), lifted, sunk)
    if least == 0:
        return
    words = f"{told}: {accuracy} takes at least {share(least)} of the patients to be {other}, whatever the other is"
    count = one.positives if one.patients and other == "positive" else None
    if one.positives is not None and one.patients and other == "negative":
        count = one.patients - one.positives
    if count is not None and one.patients and Fraction(count, one.patients) < least:
        yield impossible("weighted mean", f"{words}; {count:,} of {one.patients:,} are.")
    elif count is None and least > 1 - RARE:
        yield implausible("weighted mean", f"{words}.", f"{share(least)} or more of those tested are {other}")
    else:
        yield possible("weighted mean", f"{words}.")


def _harmonic(one: Classifier) -> Iterator[Check]:
    """F1 is the harmonic mean of PPV and sensitivity, and rises with both."""
    if one.f1 is None or one.ppv is None or one.sensitivity is None:
        return
    bounds = _f1(one.ppv.low, one.sensitivity.low), _f1(one.ppv.high, one.sensitivity.high)
    told = f"F1 is 2 / (1 / ppv + 1 / sensitivity), of {one.ppv} and {one.sensitivity} from {share(bounds[0])}"
    words = f"{told} to {share(bounds[1])} as printed; {one.f1} is quoted"
    if one.f1.admits(*bounds):
        yield possible("harmonic mean", f"{words}.")
    elif one.runs > 1:
        yield implausible("harmonic mean", f"{words}.", "it is the mean of the runs' own F1, which need not be that")
    else:
        yield impossible("harmonic mean", f"{words}.", "the figures are averages over classes")


def _f1(ppv: Fraction, sensitivity: Fraction) -> Fraction:
    return 2 * ppv * sensitivity / (ppv + sensitivity) if ppv + sensitivity else Fraction(0)


def _alone(one: Classifier) -> Iterator[Check]:
    """Each share of a number of patients that is told, as of whole patients."""
    if one.patients is None:
        return
    totals = {"accuracy": one.patients}
    if one.positives is not None:
        totals |= {"sensitivity": one.positives, "specificity": one.patients - one.positives}
    for name, total in totals.items():
        figure = getattr(one, name)
        if figure is not None and total:
            yield of_whole_patients(name, figure, total, one.runs)


def of_whole_patients(name: str, figure: Printed, total: int, runs: int) -> Check:
    """Whether some count of patients, over all runs, has a share that is printed so."""
    patients = f"{total:,} patients" if runs == 1 else f"{runs:,} × {total:,} patients"
    unless = "patients were left out, or weighted, or it is a mean over folds of unlike size"
    return _of_whole("whole patients", name, figure, total * runs, patients, unless)


def _of_whole(check: str, name: str, figure: Printed, every: int, of_what: str, unless: str) -> Check:
    """Whether a share is k / `every` for some whole k, as printed."""
    count = whole(figure, every)
    if count is not None:
        return possible(check, f"{name} {figure} of {of_what} is {count:,} of {every:,}, for one.")
    below = max(0, min(every - 1, int(figure.value * every)))
    near = f"{below:,} of {every:,} is {share(Fraction(below, every), 6)}, {below + 1:,} is"
    told = f"{name} {figure} of {of_what} is printed finer than one in {every:,}: {near}"
    return impossible(check, f"{told} {share(Fraction(below + 1, every), 6)}, and nothing lies between.", unless)


def _together(figures: Mapping[str, Printed], patients: int, positives: int | None) -> Check:
    """Whether one two-by-two table has all of the figures."""
    having = "any number" if positives is None else f"{positives:,}"
    told = f"{_list(figures)} of {patients:,} patients, {having} of them positive"
    try:
        found = table(figures, patients, positives)
    except TooMany:
        return possible("one table", f"{told}: more than {MOST_TRIED:,} tables, which were not all looked through.")
    if found is None:
        return impossible(
            "one table",
            f"No count of true and false positives and negatives gives {told}; all were tried.",
            "the figures are not of one threshold, two classes and the same patients",
        )
    cells = (f"{count:,} {name.replace('_', ' ')}" for name, count in found._asdict().items())
    return possible("one table", f"{told}: {', '.join(cells)}, for one.")


def interval(one: Interval) -> Iterator[Check]:
    """An estimate in its interval, both within range, and not narrower than so many patients allow."""
    if outside := _beyond("value", one.value):
        yield outside
    for name, figure in (("low", one.low), ("high", one.high)):
        if figure and (found := _beyond(name, figure)):
            yield implausible(found.check, found.derivation, "it is by normal approximation, which knows no range")
    if one.of == "share" and one.patients is not None:
        yield of_whole_patients("share", one.value, one.patients, 1)
    if one.of == "auroc" and one.positives is not None and one.negatives is not None:
        halves, pairs = (
            2 * one.positives * one.negatives,
            f"{one.positives:,} × {one.negatives:,} pairs, ties as halves",
        )
        yield _of_whole(
            "whole pairs",
            "AUROC",
            one.value,
            halves,
            pairs,
            "it is a mean over runs or hospitals, or of a smooth curve",
        )
    if one.low is None or one.high is None:
        return
    told = f"{one.value} [{one.low}, {one.high}]"
    if one.low.low >= one.high.high:
        yield impossible("bounds", f"{told}: the lower bound is above the upper one.")
    elif one.value.high <= one.low.low or one.value.low >= one.high.high:
        yield implausible("bounds", f"{told}: the estimate is outside.", "it is no estimate of what the interval is of")
    error = _error(one)
    if error is not None and one.low.low < one.high.high:
        yield _width(told, float(one.high.high - one.low.low), error, _of_whom(one))


def _of_whom(one: Interval) -> str:
    if one.of == "share":
        return f"{one.patients:,} patients"
    return f"{one.positives:,} positive and {one.negatives:,} negative patients"


def _error(one: Interval) -> float | None:
    """The standard error of a share, or of an AUROC (Hanley, McNeil 1982); None where too little is told."""
    value = min(1.0, max(0.0, float(one.value.value)))
    if one.of == "share":
        return sqrt(value * (1 - value) / one.patients) if one.patients else None
    if one.positives is None or one.negatives is None:
        return None
    first, second = value / (2 - value) - value**2, 2 * value**2 / (1 + value) - value**2
    spread = value * (1 - value) + (one.positives - 1) * first + (one.negatives - 1) * second
    return sqrt(max(0.0, spread) / (one.positives * one.negatives))


def _width(told: str, width: float, error: float, whom: str) -> Check:
    """An interval of half the width it should have says that its unit is not the patient."""
    usual = 2 * NORMAL * error
    words = (
        f"{told} is {width:.3g} wide at most; of {whom} a 95 % interval is about 2 × 1.96 × {error:.3g} = {usual:.3g}"
    )
    if width >= usual / 2:
        return possible("width", f"{words}.")
    return implausible("width", f"{words}.", "it is over runs or folds, not over patients, or of a lower level")


def training(one: Training) -> Iterator[Check]:
    """Accuracy on patients not seen far above that on those trained on: chance does not do that for long."""
    found = [check for name in ("training", "test") if (check := _beyond(name, getattr(one, name)))]
    yield from found
    gap = one.test.low - one.training.high
    if found:
        return
    told = f"Accuracy {one.test} on patients not seen, {one.training} on those trained on"
    if gap <= 0:
        yield possible("training", f"{told}.")
        return
    spreads = [float(share_ * (1 - share_)) for share_ in (one.training.value, one.test.value)]
    enough = FAR**2 * sum(spreads) / float(gap) ** 2
    many = [count for count in (one.training_patients, one.test_patients) if count is not None]
    words = f"{told}: they are {FAR:g} standard errors apart from {number(int(enough) + 1)} patients a side on"
    if min(many, default=LIKELY) <= enough:
        yield possible("training", f"{words}.")
    else:
        few = "" if many else ", or fewer were tested"
        what = "the two are of different models, moments or patients, or one of them is no accuracy"
        yield implausible("training", f"{words}.", f"{what}{few}")


def _list(figures: Mapping[str, Printed]) -> str:
    return ", ".join(f"{name} {figure}" for name, figure in figures.items())
