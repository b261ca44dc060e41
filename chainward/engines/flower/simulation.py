"""`--engine flower-simulation`: every hospital is a node of Flower's simulation, which runs on Ray.

The simulation is a process of its own, so that Ray's processes, hooks and logs stay there and end with it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from chainward.engines.flower.app import HospitalApp
from chainward.engines.flower.bridge import Bridge, connect
from chainward.engines.flower.engine import FlowerEngine
from chainward.engines.flower.exchange import RemoteExchange, serve
from chainward.engines.flower.hospital import places
from chainward.engines.flower.processes import Processes
from chainward.engines.flower.store import DirectoryStore
from chainward.engines.local.sites import Sites
from chainward.leftovers import temporary_folder
from chainward.strategy import Strategy

TIMEOUT_S = 600.0


def build(sites: Sites, strategy: Strategy[Any], options: Mapping[str, Any]) -> FlowerEngine:
    """Start a simulation and return the engine that asks its nodes."""
    timeout_s = float(options.get("timeout_s", TIMEOUT_S))
    with ExitStack() as ending:
        root = Path(ending.enter_context(temporary_folder()))
        found = places(root, sites.true_rows, sites.held_out)
        sites.store = DirectoryStore(root / "store")
        processes = Processes(root)
        ending.callback(processes.close)
        with Bridge(root / "bridge") as bridge:
            call = ("-m", __name__, str(root), str(bridge.path), str(len(found)), str(timeout_s))
            process = processes.start("simulation", sys.executable, *call, home=root / "home")
            connection = bridge.accept(process, lambda: processes.tail("simulation"))
        exchange = RemoteExchange(connection, timeout_s, partial(processes.ended, "simulation", process))
        ending.callback(exchange.close)
        return FlowerEngine(sites, strategy, exchange, found, ending.pop_all().close)


def simulate(root: str, bridge: str, hospitals: int, timeout_s: float) -> None:
    """Run Flower's simulation until the trial at the other end of the bridge hangs up."""
    from flwr.app import Context
    from flwr.serverapp import Grid, ServerApp
    from flwr.simulation import run_simulation

    app = ServerApp()

    @app.main()
    def main(grid: Grid, _: Context) -> None:
        serve(grid, connect(bridge), hospitals, timeout_s)

    ray = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}
    resources = {"num_cpus": 1, "num_gpus": 0.0}
    run_simulation(app, HospitalApp(root), hospitals, "ray", {"init_args": ray, "client_resources": resources})


if __name__ == "__main__":
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    simulate(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
