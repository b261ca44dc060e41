"""What a plan will cost, from trials of a few of its hospitals over two rounds, which nothing is recorded of.

What a trial spends grows with its hospitals, and a paper's counts grow with them by rules of its card, which change at
some sizes. So the probes are as large as is cheap, up to `MOST` hospitals of the task itself, and what they spend is
fitted to a + b N + c N^2, none of them negative. Rounds are alike but for the first, which writes into empty storage.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from chainward import tasks
from chainward.ledgers import consensus
from chainward.plans.plan import Plan
from chainward.plans.resolve import Resolved, resolve
from chainward.plans.specification import Specification
from chainward.results.record import Result
from chainward.tasks.base import FederatedDataset
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.threads import one_thread

MOST = 48
"""Hospitals of the largest probe."""

FEWEST = 8
SOME_RATE = 0.1
"""Hospitals of a task below which only the whole of it is tried: parts of it would be too small for some papers."""


class Cost(NamedTuple):
    """Processor seconds, gas and transactions."""

    seconds: float
    gas: float
    transactions: float

    def times(self, factor: float) -> Cost:
        """Return so many times this."""
        return Cost(*(factor * part for part in self))

    def plus(self, other: Cost) -> Cost:
        """Return both together."""
        return Cost(*(one + another for one, another in zip(self, other, strict=True)))


NOTHING = Cost(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Probe:
    """What a trial of so many hospitals spent on set-up, first round and end, and on one further round."""

    hospitals: int
    once: Cost
    again: Cost


@dataclass(frozen=True)
class Setting:
    """Trials of a plan that differ in nothing that changes what they cost: how many, and the first of them."""

    specification: Specification
    trials: int


@dataclass(frozen=True)
class Estimate:
    """What one trial of a setting will cost at most, and from trials of how many hospitals that is known.

    `growth` is the exponent of the power of hospitals that the probes' further rounds grow with, for seconds and gas,
    where there are several probes and it is not zero.
    """

    setting: Setting
    hospitals: int
    cost: Cost
    probes: tuple[int, ...]
    growth: Mapping[str, float]


def settings_of(plan: Plan) -> list[Setting]:
    """Return the settings of a plan in order, each trial counted once. Seeds, attacks, faults, engine and ledger are no
    part of one."""
    counted: dict[str, Setting] = {}
    for specification in {repr(one): one for one in plan.specifications()}.values():
        one = _with_some_rate(_in_process(specification))
        known = counted.get(repr(one), Setting(one, 0))
        counted[repr(one)] = replace(known, trials=known.trials + 1)
    return list(counted.values())


def _with_some_rate(specification: Specification) -> Specification:
    """A task whose rate is chosen when it is run costs the same with any."""
    task = tasks.load(specification.task, **specification.task_params)
    if not math.isnan(task.training.learning_rate) or "learning_rate" in specification.training:
        return specification
    return replace(specification, training={**specification.training, "learning_rate": SOME_RATE})


def estimate(setting: Setting, device: str = "cpu") -> Estimate:
    """Try a setting with a few hospitals and return what one trial of it will cost.

    Raises:
        ChainwardError: the setting is refused, as the trial would be.
        Exception: whatever the strategy raises with these hospitals.
    """
    resolved = resolve(setting.specification)
    dataset = resolved.task.dataset(setting.specification.seed, setting.specification.division)
    sizes = probe_sizes(len(dataset.hospitals))
    probed(resolved, dataset, min(sizes[0], FEWEST // 2), device)  # what only a first trial spends, such as imports
    probes = [probed(resolved, dataset, size, device) for size in sizes]
    return Estimate(
        setting,
        len(dataset.hospitals),
        trial_cost(probes, len(dataset.hospitals), setting.specification),
        sizes,
        {name: power for name in ("seconds", "gas") if (power := growth(probes, name))},
    )


def probe_sizes(hospitals: int) -> tuple[int, ...]:
    """Return with how many hospitals a task of so many is tried.

    Examples:
        >>> probe_sizes(118), probe_sizes(20), probe_sizes(4)
        ((24, 36, 48), (10, 15, 20), (4,))
    """
    most = min(hospitals, MOST)
    return (most,) if most < FEWEST else (most // 2, 3 * most // 4, most)


def probed(resolved: Resolved, dataset: FederatedDataset, hospitals: int, device: str) -> Probe:
    """Run two rounds with the first so many hospitals."""
    from chainward.trials.prepare import prepared
    from chainward.trials.run import run_trial

    few = replace(dataset, hospitals=dataset.hospitals[:hospitals])
    two = replace(resolved, specification=replace(resolved.specification, rounds=2))
    with one_thread():
        times = [time.process_time()]
        with closing(prepared(two, few, device)) as trial:
            result, _ = run_trial(trial, Checkpoint(None), lambda _: times.append(time.process_time()))
        times.append(time.process_time())
    return _told(hospitals, result, times)


def trial_cost(probes: Sequence[Probe], hospitals: int, specification: Specification) -> Cost:
    """Return what a trial will cost: its set-up and first round once, and its further rounds.

    On the track "tuned" it is run with every rate, and once as chosen, for as many rounds as may be chosen.
    """
    from chainward.trials import tuning

    tuned = specification.track == "tuned"
    rounds, runs = (tuning.ROUNDS, len(tuning.RATES) + 1) if tuned else (1, 1)
    once = fitted([(probe.hospitals, probe.once) for probe in probes], hospitals)
    again = fitted([(probe.hospitals, probe.again) for probe in probes], hospitals)
    return once.plus(again.times(rounds * specification.rounds - 1)).times(runs)


def fitted(points: Sequence[tuple[int, Cost]], hospitals: int) -> Cost:
    """Return the cost at so many hospitals: that of a probe as large, or each part's by its law."""
    tried = dict(points)
    if hospitals in tried:
        return tried[hospitals]
    counts, costs = list(tried), tried.values()
    return Cost(*(law(counts, values, hospitals) for values in zip(*costs, strict=True)))


def law(counts: Sequence[int], values: Sequence[float], at: int) -> float:
    """Return a + b N + c N^2 at N = `at`: least squares of the relative errors, with a, b and c not negative.

    Examples:
        >>> round(law([10, 20, 30], [105, 405, 905], 100), 6)
        10005.0
    """
    import numpy as np
    from scipy.optimize import nnls

    known = np.asarray(values, dtype=np.float64)
    if not known.all():
        return float(known.max())
    powers = np.asarray(counts, dtype=np.float64)[:, None] ** np.arange(3)
    coefficients, _ = nnls(powers / known[:, None], np.ones(len(known)))
    return float(np.dot(coefficients, float(at) ** np.arange(3)))


def growth(probes: Sequence[Probe], part: str) -> float | None:
    """Return p where a further round of the probes costs as N^p; None where that cannot be told.

    Examples:
        >>> growth([Probe(n, NOTHING, Cost(0, n**2, 0)) for n in (4, 8)], "gas")
        2.0
    """
    first, last = (getattr(probe.again, part) for probe in (probes[0], probes[-1]))
    if len(probes) < 2 or first <= 0 or last <= 0:
        return None
    return math.log(last / first) / math.log(probes[-1].hospitals / probes[0].hospitals)


def _in_process(specification: Specification) -> Specification:
    """The first of its kind, in this process and with nobody away: what that changes in the cost is little."""
    model = specification.ledger_params.get("consensus", consensus.DEFAULT)
    here = replace(specification, engine="cohort", engine_params={}, ledger="evm", ledger_params={"consensus": model})
    return replace(here, seed=0, faults={}, attack={})


def _told(hospitals: int, result: Result, times: Sequence[float]) -> Probe:
    """What the record says of gas and transactions, and the clock at the start, after each round and at the end."""
    setup, first, *further = result.entries
    *rounds, end = (after - before for before, after in pairwise(times))
    once = Cost(rounds[0] + end, setup.gas + first.gas, first.transactions)
    if not further:  # it ended by itself
        return Probe(hospitals, once, NOTHING)
    return Probe(hospitals, once, Cost(rounds[1], further[0].gas, further[0].transactions - first.transactions))
