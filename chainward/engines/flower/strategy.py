"""Any paper as a Flower strategy, for a `ServerApp` that has a grid of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from flwr.app import MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Result
from flwr.serverapp.strategy import Strategy as FlowerBase

from chainward.engines.flower.engine import FlowerEngine
from chainward.engines.flower.exchange import GridExchange
from chainward.engines.flower.store import DirectoryStore
from chainward.engines.local.sites import Sites
from chainward.errors import ChainwardError
from chainward.strategy import Strategy

Build = Callable[[Sites, Strategy[Any]], FlowerEngine]


class FlowerStrategy(FlowerBase):
    """Runs a whole trial in `start`: a paper's rounds are conversations, not one exchange each.

    `conduct(build, rounds)` runs the trial on the engine that `build` returns, records it and returns the validation
    AUROC by round; `store` is the folder of the content store that the hospitals see too.
    """

    def __init__(self, conduct: Callable[[Build, int], Mapping[int, float | None]], store: Path) -> None:
        self._conduct, self._store = conduct, store

    def start(
        self, grid: Grid, initial_arrays: Any = None, num_rounds: int = 3, timeout: float = 3600, **_: Any
    ) -> Result:
        """Run the trial over `grid`; a hospital that is silent for `timeout` seconds is absent from that exchange.

        The first arrays are the task's own. The record holds everything; the result, the validation AUROC by round.

        Raises:
            ChainwardError: the trial failed; its record holds the traceback.
        """

        def build(sites: Sites, strategy: Strategy[Any]) -> FlowerEngine:
            exchange = GridExchange(grid, timeout)
            exchange.wait(len(sites.training_rows), timeout)
            sites.store = DirectoryStore(self._store)
            return FlowerEngine(sites, strategy, exchange, {})

        curve = self._conduct(build, num_rounds)
        metrics = {number: MetricRecord({"validation-auroc": auroc}) for number, auroc in curve.items() if auroc}
        return Result(evaluate_metrics_serverapp=metrics)

    def summary(self) -> None:
        """Nothing: the record says it all."""

    def configure_train(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse; see the class."""
        self._refuse()

    def aggregate_train(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse; see the class."""
        self._refuse()

    def configure_evaluate(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse; see the class."""
        self._refuse()

    def aggregate_evaluate(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse; see the class."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ChainwardError("Flower's four hooks allow one exchange a round and a paper needs several: call start()")
