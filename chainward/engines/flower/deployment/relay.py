"""The ServerApp of a deployment, which puts a trial's questions to the hospitals; it needs no torch and starts soon."""

from __future__ import annotations

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from chainward.engines.flower.bridge import connect
from chainward.engines.flower.exchange import serve

server = ServerApp()


@server.main()
def main(grid: Grid, context: Context) -> None:
    """Connect to the trial and serve it until it hangs up."""
    config = context.run_config
    serve(grid, connect(str(config["bridge"])), int(config["hospitals"]), float(config["timeout"]))
