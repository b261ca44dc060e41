"""The paired trials of one line, before and after -> how accuracy, costs and time differ.

What is modelled or counted is compared exactly. One thing moves by itself: another processor may add up float32 in
another order, which changes the last digit of weights, so their hash, so which bytes of calldata are zero, and a zero
byte costs 4 gas where another costs 16. Gas that moved by no more than this explains, while predictions differ in their
last digits, is told apart from gas that moved.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chainward.results.inference import (
    LEVEL,
    Difference,
    Mean,
    difference,
    mean_over_hospitals,
    mean_over_seeds,
    quantile,
)
from chainward.results.influence import MEASURES
from chainward.results.predictions import Predictions
from chainward.results.snapshots import Figures, Spent

Pair = tuple[Figures, Figures]
"""A trial before and after."""

BYTE_GAS = 12
"""What a byte of calldata costs less where it is zero."""

HASHED, DEVIATIONS = 128, 5
"""Bytes of hashes that a call may carry, and how many standard deviations of the zero bytes among them count as chance:
each byte is zero with chance 1/256, before and after, so that n calls differ by sqrt(2 * 128 * n / 256) = sqrt(n)."""

SAME = 1e-12
"""Within which, relative to them, sums of modelled seconds are equal: libraries of mathematics round the last digit."""

SHORTEST_S = 1e-9
"""Below this no clock has measured anything."""

MOST_LOG = 700.0
"""Of the upper end of a ratio: beyond it there is no float."""


@dataclass(frozen=True)
class Part:
    """What one part of a cost was and is, summed over paired trials; calls where it is a contract function."""

    before: float
    after: float
    calls_before: int = 0
    calls_after: int = 0

    @property
    def more(self) -> float:
        """By how much it grew."""
        return self.after - self.before

    @property
    def is_rounding(self) -> bool:
        """Whether zero bytes of hashes explain that a contract function costs another gas."""
        calls = self.calls_after
        chance = BYTE_GAS * DEVIATIONS * math.sqrt(2 * HASHED * calls / 256)
        return calls == self.calls_before and self.more % BYTE_GAS == 0 and abs(self.more) <= chance


@dataclass(frozen=True)
class Cost:
    """A cost before and after, summed over `trials` paired trials, by its parts. `rounding` are names of parts whose
    change the last digits of weights explain."""

    trials: int
    parts: Mapping[str, Part]
    rounding: frozenset[str] = frozenset()

    @cached_property
    def moved(self) -> dict[str, Part]:
        """The parts that changed, the largest change first."""
        found = [(name, part) for name, part in self.parts.items() if name not in self.rounding and _moved(part)]
        return dict(sorted(found, key=lambda item: (-abs(item[1].more), item[0])))

    @cached_property
    def rounded(self) -> dict[str, Part]:
        """The parts in `rounding` that are not the same."""
        return {name: part for name, part in self.parts.items() if name in self.rounding and part.more}

    @property
    def before(self) -> float:
        """What a trial cost, mean over the paired ones."""
        return sum(part.before for part in self.parts.values()) / self.trials

    @property
    def after(self) -> float:
        """What a trial costs."""
        return sum(part.after for part in self.parts.values()) / self.trials

    @property
    def more(self) -> float:
        """By how much the parts that changed grew, a trial."""
        found = sum(part.more for part in self.moved.values()) / self.trials
        return found if abs(found) > SAME * self.before else 0.0


def _moved(part: Part) -> bool:
    return abs(part.more) > SAME * abs(part.before) or part.calls_before != part.calls_after


@dataclass(frozen=True)
class Accuracy:
    """Predictions and AUROC of paired trials. `apart` is the largest difference of a patient's probability, 0 where all
    are equal to the last bit; the means and their paired difference, after less before, are None for want of a class.
    """

    apart: float
    before: Mean | None
    after: Mean | None
    difference: Difference | None

    @property
    def equal(self) -> bool:
        """Whether every prediction is the same to the last bit."""
        return self.apart == 0


@dataclass(frozen=True)
class Time:
    """Measured seconds a trial, before and after, and how many times as long it takes, with the 95 % interval that
    several seeds give. Beside a calibration kernel `expected_s` is what took `before_s` would take on the machine of
    after, and the ratio is against that."""

    before_s: float
    expected_s: float
    after_s: float
    calibrated: bool
    ratio: float
    low: float | None
    high: float | None


def accuracy(olds: Sequence[Predictions], news: Sequence[Predictions], *, leaves_out: bool) -> Accuracy:
    """Compare predictions of paired trials for the same patients; `leaves_out`: each trial tests one hospital."""
    apart = max(float(np.abs(a.probability - b.probability).max(initial=0)) for a, b in zip(olds, news, strict=True))
    mean = mean_over_hospitals if leaves_out else mean_over_seeds
    first, second = mean(MEASURES["auroc"], olds), mean(MEASURES["auroc"], news)
    lost = None if first is None or second is None else difference(second, first)
    return Accuracy(apart, first, second, lost)


def costs(pairs: Sequence[Pair], *, exact: bool) -> dict[str, Cost]:
    """Compare gas, latency, bytes and disclosures of paired trials; `exact` where all their predictions are equal."""
    gas = _parts(pairs, "gas")
    rounding = frozenset() if exact else frozenset(name for name, part in gas.items() if part.is_rounding)
    columns = {"latency": "latency_s", "bytes": "bytes", "disclosures": "disclosures"}
    plain = {name: Cost(len(pairs), _parts(pairs, column)) for name, column in columns.items()}
    return {"gas": Cost(len(pairs), gas, rounding), **plain}


def _parts(pairs: Sequence[Pair], column: str) -> dict[str, Part]:
    """The parts of a cost by name, each summed over trials."""
    olds, news = (_sums(getattr(pair[side], column) for pair in pairs) for side in (0, 1))
    names = dict.fromkeys([*olds, *news])
    found = {name: (olds.get(name, (0.0, 0)), news.get(name, (0.0, 0))) for name in names}
    return {name: Part(old[0], new[0], old[1], new[1]) for name, (old, new) in found.items()}


def _sums(trials: Iterable[Mapping[str, float | Spent]]) -> dict[str, tuple[float, int]]:
    total: dict[str, tuple[float, int]] = {}
    for trial in trials:
        for name, value in trial.items():
            amount, calls = (value.gas, value.calls) if isinstance(value, Spent) else (value, 0)
            before = total.get(name, (0, 0))
            total[name] = before[0] + amount, before[1] + calls
    return total


def time(pairs: Sequence[Pair]) -> Time | None:
    """Compare measured seconds of the paired trials that have them on both sides; None without any."""
    timed = [(one.timed, two.timed) for one, two in pairs if one.timed and two.timed]
    timed = [(one, two) for one, two in timed if min(one.trial_s, two.trial_s) > SHORTEST_S]
    if not timed:
        return None
    kernels = [(one.kernel_s, two.kernel_s) for one, two in timed]
    calibrated = all(one and two and min(one, two) > SHORTEST_S for one, two in kernels)
    speeds = [(two or 1) / (one or 1) if calibrated else 1.0 for one, two in kernels]
    expected = [one.trial_s * speed for (one, _), speed in zip(timed, speeds, strict=True)]
    logs = np.log([two.trial_s / wanted for (_, two), wanted in zip(timed, expected, strict=True)])
    count, middle = len(logs), float(logs.mean())
    reach = quantile((1 + LEVEL) / 2, count - 1) * float(logs.std(ddof=1)) / math.sqrt(count) if count > 1 else None
    return Time(
        before_s=float(np.mean([one.trial_s for one, _ in timed])),
        expected_s=float(np.mean(expected)),
        after_s=float(np.mean([two.trial_s for _, two in timed])),
        calibrated=calibrated,
        ratio=math.exp(middle),
        low=None if reach is None else math.exp(middle - reach),
        high=None if reach is None else math.exp(min(middle + reach, MOST_LOG)),
    )
