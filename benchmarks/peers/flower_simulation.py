"""Ten rounds of federated averaging on Flower's simulation engine.

Flower's FedAvg over its Message API, all nodes asked in every round, none evaluated; on Ray, which it starts with one
processor core a client, so that all cores of the machine work, and one torch thread each. A round goes before the
timed ones: Ray's actors have started and imported torch, and the hospitals' records are loaded.
"""

from __future__ import annotations

import logging
import os
import time

import numpy as np
import torch
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation
from plain_torch import Network, epoch, result, work

ROUNDS = 10
CLIENT_RESOURCES = {"num_cpus": 1, "num_gpus": 0.0}
RAY = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}


client = ClientApp()


@client.train()
def train(message: Message, context: Context) -> Message:
    """One epoch at one hospital, on weights that came as a state dictionary and go back as one."""
    arrays, how = work()
    own, number = int(context.node_config["partition-id"]), int(message.content["config"]["server-round"]) - 1
    network = Network(arrays["features"].shape[2], how["hidden"], arrays["weights"])
    network.load_state_dict(message.content["arrays"].to_torch_state_dict())
    features, labels, order = (
        torch.from_numpy(part)
        for part in (arrays["features"][own], arrays["labels"][own], arrays["orders"][number, own])
    )
    epoch(network, features, labels, order, how)
    content = {
        "arrays": ArrayRecord(network.state_dict()),
        "metrics": MetricRecord({"num-examples": len(labels)}),
    }
    return Message(content=RecordDict(content), reply_to=message)


server = ServerApp()


@server.main()
def main(grid: Grid, context: Context) -> None:
    arrays, how = work()
    ends: list[float] = []
    models: list[np.ndarray] = []
    network = Network(arrays["features"].shape[2], how["hidden"], arrays["weights"])

    def after(number: int, merged: ArrayRecord) -> MetricRecord:
        ends.append(time.perf_counter())
        if number == ROUNDS:
            network.load_state_dict(merged.to_torch_state_dict())
            models.append(network.flat())
        return MetricRecord()

    nodes = len(arrays["features"])
    strategy = FedAvg(fraction_train=1.0, fraction_evaluate=0.0, min_train_nodes=nodes, min_available_nodes=nodes)
    first = ArrayRecord(network.state_dict())
    strategy.start(grid, first, num_rounds=ROUNDS + 1, train_config=ConfigRecord(), evaluate_fn=after)
    result(ends[-1] - ends[-1 - ROUNDS], models[0])


if __name__ == "__main__":
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    hospitals = len(work()[0]["features"])
    run_simulation(server, client, hospitals, "ray", {"init_args": RAY, "client_resources": CLIENT_RESOURCES})
