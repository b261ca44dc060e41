"""Running a prepared trial round by round, to look at what a strategy keeps between rounds."""

from __future__ import annotations

from typing import Any

from chainward.trials.prepare import Trial


def states(ready: Trial) -> list[Any]:
    """The state after opening and after each round."""
    found = [ready.strategy.open(ready.world)]
    for number in range(1, ready.specification.rounds + 1):
        ready.world.begin(number)
        found.append(ready.strategy.round(found[-1], ready.world))
    return found
