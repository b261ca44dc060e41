"""`--engine flower-deployment`: a SuperLink and one SuperNode a hospital, as real processes on this machine.

TLS with certificates made for the trial and SuperNode authentication are on unless `insecure` is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from chainward.engines.flower.deployment.federation import Federation
from chainward.engines.flower.engine import FlowerEngine
from chainward.engines.flower.hospital import places
from chainward.engines.flower.store import DirectoryStore
from chainward.engines.local.sites import Sites
from chainward.leftovers import temporary_folder
from chainward.strategy import Strategy

TIMEOUT_S = 120.0


class DeploymentEngine(FlowerEngine):
    """An engine over processes of its own; `federation` can end and start hospitals."""

    federation: Federation


def build(sites: Sites, strategy: Strategy[Any], options: Mapping[str, Any]) -> DeploymentEngine:
    """Start a deployment and return the engine that asks its SuperNodes."""
    with ExitStack() as ending:
        root = Path(ending.enter_context(temporary_folder()))
        found = places(root, sites.true_rows, sites.held_out)
        sites.store = DirectoryStore(root / "store")
        federation = Federation(root, found, bool(options.get("insecure")), float(options.get("timeout_s", TIMEOUT_S)))
        ending.callback(federation.processes.close)
        federation.open()
        exchange = federation.exchange()
        ending.callback(exchange.close)
        engine = DeploymentEngine(sites, strategy, exchange, found, ending.pop_all().close)
        engine.federation = federation
        return engine
