"""Where the processor time of trials goes: `python benchmarks/where_time_goes.py`.

Runs every strategy of `reimplementations/` once on each task of `demo.toml`, in one process, under the common settings.
Prints a line a strategy: processor seconds by part, each without what it calls of another part.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chainward import codec
from chainward.engines.local import lightning
from chainward.engines.local.cohort import CohortEngine
from chainward.engines.local.networks import TaskNetwork
from chainward.folders import REIMPLEMENTATIONS
from chainward.ledgers import abi
from chainward.ledgers.evm_machine import Machine
from chainward.methods import vector_commitment
from chainward.plans.file import read
from chainward.strategy import discovery
from chainward.testing.small import completed, run
from chainward.trials import predict
from chainward.trials.threads import one_thread
from chainward.world import site

PARTS: dict[str, tuple[tuple[Any, str], ...]] = {
    "training": ((CohortEngine, "fit"), (lightning, "fit")),
    "EVM": tuple((Machine, name) for name in ("run", "keep", "call", "set_block", "endow")),
    "encryption": ((site, "seal_for"), (site, "unseal")),
    "encoding": ((codec, "encode"), (codec, "decode"), (codec, "content_id"), (abi, "encode"), (abi, "decode")),
    "commitments": ((vector_commitment, "_sum"), (vector_commitment, "_read")),
    "predictions": ((TaskNetwork, "predict"), (predict, "auroc")),
}
"""The functions that are timed; the rest is "other"."""


class Clock:
    """Processor seconds by the part that was running."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self._running, self._since = ["other"], time.process_time()

    def lap(self) -> Counter[str]:
        """Return what was spent since the last lap."""
        self._note()
        spent, self.spent = self.spent, Counter()
        return spent

    def watch(self, part: str, owner: Any, name: str) -> None:
        """Count a function's time as its part's from now on."""
        function: Callable[..., Any] = getattr(owner, name)

        def timed(*arguments: Any, **named: Any) -> Any:
            self._note()
            self._running.append(part)
            try:
                return function(*arguments, **named)
            finally:
                self._note()
                self._running.pop()

        setattr(owner, name, timed)

    def _note(self) -> None:
        now = time.process_time()
        self.spent[self._running[-1]] += now - self._since
        self._since = now


def measured(keys: list[str]) -> dict[str, Counter[str]]:
    """Return what every strategy spent in each part."""
    plan = read(Path(__file__).with_name("demo.toml"), {"strategies": keys, "seeds": 1})
    clock = Clock()
    for part, functions in PARTS.items():
        for owner, name in functions:
            clock.watch(part, owner, name)
    spent: dict[str, Counter[str]] = {key: Counter() for key in keys}
    for specification in plan.specifications():
        with one_thread():
            completed(run(specification))
        spent[specification.strategy] += clock.lap()
    return spent


def main() -> None:
    keys = sorted(path.stem for path in REIMPLEMENTATIONS.glob("[!_]*.py"))
    for key in keys:
        discovery.load(key)
    imports = time.process_time()
    spent = measured(keys)
    rows = [*sorted(spent.items(), key=lambda one: -one[1].total()), ("in all", sum(spent.values(), Counter[str]()))]
    columns = [*PARTS, "other"]
    print(f"{'':16}" + "".join(f"{name:>12}" for name in [*columns, "in all"]))
    for name, parts in rows:
        seconds = [*(parts[column] for column in columns), parts.total()]
        print(f"{name:16}" + "".join(f"{one:12.2f}" for one in seconds))
    print(f"and imports: {imports:.2f} s")


if __name__ == "__main__":
    main()
