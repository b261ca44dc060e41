"""Where a transaction in process spends its time: `python benchmarks/ledger_parts.py bflc`.

Replays a small `heart` trial's transactions on fresh chains, first as they are, then with a clock around every use of
`pyrevm`. Prints a line a part: microseconds a transaction, the mean over all.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
from test_ledger import fresh, recorded, replayed

REPLAYS = 50


class Clocked:
    """An EVM of `pyrevm` that adds up the seconds of what it is asked."""

    def __init__(self, machine: Any, spent: dict[str, float]) -> None:
        self._machine, self._spent = machine, spent

    def __getattr__(self, name: str) -> Any:
        """Time a property when it is read, a method when it is called."""
        found = self._timed(name, lambda: getattr(self._machine, name))
        return (lambda *a, **k: self._timed(name, lambda: found(*a, **k))) if callable(found) else found

    def _timed(self, name: str, act: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        try:
            return act()
        finally:
            self._spent[name] += time.perf_counter() - started


def main(key: str) -> None:
    log = recorded(key)
    replayed(fresh(key), log)
    whole = np.median([sum(replayed(fresh(key), log)) for _ in range(REPLAYS)])
    spent: dict[str, float] = defaultdict(float)
    for _ in range(REPLAYS):
        ledger: Any = fresh(key)
        ledger._machine._evm = Clocked(ledger._machine._evm, spent)
        replayed(ledger, log)
    parts = {name: seconds / REPLAYS for name, seconds in spent.items()}
    parts["coding, addresses and the rest in Python"] = whole - sum(parts.values())
    for name, seconds in sorted({"in all": whole, **parts}.items(), key=lambda part: -part[1]):
        print(f"{1e6 * seconds / len(log):7.1f} us  {name}")


if __name__ == "__main__":
    main(sys.argv[1])
