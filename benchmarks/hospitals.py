"""What trials of hundreds of hospitals cost: `python benchmarks/hospitals.py [ROUNDS [HOSPITALS ...]]` (20, 20 118).

Runs fedavg and every strategy that uses a chain once with each number of synthetic hospitals of some 150 patients and
30 features, one after another in this process. Prints a line a strategy: processor seconds and gas of each trial, and
the power of the number of hospitals that they grow with from the least to the most.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from chainward.folders import REIMPLEMENTATIONS
from chainward.plans.specification import Specification
from chainward.strategy import discovery
from chainward.testing.small import completed, run
from chainward.trials.threads import one_thread

PUBLISHED: tuple[tuple[str, Mapping[str, Any]], ...] = (("blockflow", {"auditors": 0}),)
"""As published at any size, where the default is not."""


class Spent(NamedTuple):
    """Processor seconds and gas of one trial."""

    seconds: float
    gas: int


def contestants() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every strategy of hospitals that learn together, with its parameters."""
    keys = sorted(path.stem for path in REIMPLEMENTATIONS.glob("[!_]*.py"))
    yield from ((key, {}) for key in keys if discovery.load(key).card.spends_gas or key == "fedavg")
    yield from PUBLISHED


def spent(key: str, params: Mapping[str, Any], hospitals: int, rounds: int) -> Spent:
    """Run one trial."""
    task = {"hospitals": hospitals, "patients": 150, "features": 30}
    trial = Specification(key, "synthetic_skewed", seed=0, rounds=rounds, params=params, task_params=task)
    started = time.process_time()
    with one_thread():
        record = completed(run(trial))
    return Spent(time.process_time() - started, sum(entry.gas for entry in record.entries))


def power(least: float, most: float, ratio: float) -> str:
    """The power of the number of hospitals that a cost grows with."""
    return f"{math.log(most / least) / math.log(ratio):10.1f}" if least and most and ratio > 1 else f"{'':10}"


def line(name: str, hospitals: Sequence[int], found: Sequence[Spent]) -> str:
    """What is printed of a strategy."""
    ratio = hospitals[-1] / hospitals[0]
    columns = [f"{one.seconds:10.1f}{one.gas / 1e6:12,.1f}" for one in found]
    powers = [power(first, last, ratio) for first, last in zip(found[0], found[-1], strict=True)]
    return f"{name:28}" + "".join(columns) + "".join(powers)


def main() -> None:
    rounds, *hospitals = [int(argument) for argument in sys.argv[1:]] or [20]
    hospitals = hospitals or [20, 118]
    spent("fedavg", {}, 4, 1)  # what only the first trial of a process spends
    headings = "".join(f"{f'{count}: s':>10}{'million gas':>12}" for count in hospitals)
    print(f"{f'{rounds} rounds':28}{headings}{'s ~ N^':>10}{'gas ~ N^':>10}")
    whole = [0.0] * len(hospitals)
    for key, params in contestants():
        found = [spent(key, params, count, rounds) for count in hospitals]
        name = " ".join([key, *(f"{field}={value}" for field, value in params.items())])
        print(line(name, hospitals, found), flush=True)
        whole = [sum_ + (not params) * one.seconds for sum_, one in zip(whole, found, strict=True)]
    print(f"{'all by default':28}" + "".join(f"{seconds:10.1f}{'':12}" for seconds in whole))


if __name__ == "__main__":
    main()
