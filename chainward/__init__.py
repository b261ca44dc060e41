"""Blockchain and deep learning on health records: published schemes, reproduced and compared.

    import chainward

    results = chainward.run("demo", out="reports/demo")
    results.leaderboard()
    chainward.load("reports/demo").pareto()

`run` runs a plan and returns its `Results`, `load` returns those of a report folder; a mistake that you can put right
is a `ChainwardError`. See `help(chainward.run)`; for authors of papers, `help(chainward.strategy)` and
`help(chainward.world)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainward.api import ChainwardError, Plan, Results, load, run

__all__ = ["ChainwardError", "Plan", "Results", "load", "run"]


def __getattr__(name: str) -> Any:
    """Import the interface when something of it is first asked for: it takes seconds, `import chainward` none."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from chainward import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
