from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flwr", reason="needs the flower extra: pip install 'chainward[flower]'")

from engine_runs import observe, prepared

from chainward import codec
from chainward.engines.flower.hospital import places, settings_of
from chainward.engines.flower.processes import Processes
from chainward.errors import ChainwardError, UnknownName
from chainward.results.document import digest
from chainward.strategy import discovery
from chainward.testing.resuming import run_with_interruptions
from chainward.testing.small import completed, run_small, small, without_times

PARAMS: dict[str, dict[str, Any]] = {
    "FedAvg": {},
    "FedAvgM": {"server_momentum": 0.9},
    "FedProx": {},
    "FedAdam": {"eta": 0.01},
    "FedYogi": {"eta": 0.01},
    "FedAdagrad": {"eta": 0.01},
    "FedMedian": {},
    "FedTrimmedAvg": {"beta": 0.25},
    "Krum": {"num_malicious_nodes": 1},
    "MultiKrum": {"num_malicious_nodes": 0, "num_nodes_to_select": 2},
    "Bulyan": {"num_malicious_nodes": 0},
    "QFedAvg": {"client_learning_rate": 0.1},
}


@pytest.mark.parametrize("name", PARAMS)
def test_resumes_to_the_same_result(name: str, tmp_path: Path) -> None:
    specification = small(f"flwr:{name}", params=PARAMS[name])
    random.seed(1)
    record = completed(run_small(f"flwr:{name}", params=PARAMS[name]))
    drawn = random.random()
    random.seed(2)
    result, predictions, *_ = run_with_interruptions(specification, tmp_path / "checkpoint")
    assert codec.fields(without_times(result)).items() <= codec.fields(without_times(record)).items()
    assert digest(predictions) == record.predictions
    assert record.facts.sees_individual_updates == discovery.load(f"flwr:{name}").card.sees_individual_updates
    random.seed(1)
    assert drawn == random.random()  # the global stream is as it was


def test_fedavg_is_our_fedavg() -> None:
    (theirs,), (ours,) = (observe(prepared(key, "cohort")).models for key in ("flwr:FedAvg", "fedavg"))
    np.testing.assert_allclose(theirs[0], ours[0], rtol=1e-5, atol=1e-7)


def test_state_is_plain() -> None:
    ready = prepared("flwr:FedAdam", "cohort")
    ready.world.begin(1)
    state = ready.strategy.round(ready.strategy.open(ready.world), ready.world)
    assert set(state.kept) == {"current_arrays", "m_t", "v_t"}
    codec.encode(codec.fields(state))


def test_absent_hospital_does_not_stop_it() -> None:
    record = completed(run_small("flwr:FedAvg", "heart", faults={"absent": {"Hungary": [2]}}))
    assert [entry.missing for entry in record.rounds] == [(), ("Hungary",), ()]


def test_fraction_draws_the_same_hospitals_again() -> None:
    first, again = (run_small("flwr:FedAvg", "heart", params={"fraction_train": 0.5}) for _ in range(2))
    assert without_times(first) == without_times(again)


def test_refuses_what_it_cannot_do() -> None:
    record = run_small("flwr:FedAvg", params={"min_available_nodes": 9})
    assert record.error.type == "ChainwardError"
    assert "more nodes than there are hospitals" in record.error.message


@pytest.mark.parametrize(
    ("params", "message"), [({"zork": 1}, "no parameter 'zork'"), ({"fraction_train": "many"}, "fraction_train")]
)
def test_refuses_a_parameter_before_a_trial_has_a_name(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ChainwardError, match=message):
        run_small("flwr:FedAvg", params=params)


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(UnknownName, match="FedYogi"):
        discovery.load("flwr:Nothing")
    with pytest.raises(ChainwardError, match="needs 'strategy'"):
        discovery.load("flwr:DifferentialPrivacyServerSideFixedClipping")
    with pytest.raises(ChainwardError, match="flwr:FedXgbBagging: it merges boosted trees"):
        discovery.load("flwr:FedXgbBagging")


COMPARED: dict[str, dict[str, Any]] = {"FedAvg": {}, "FedMedian": {}, "Krum": {}, "FedProx": {"proximal_mu": 0.5}}
NATIVE = """
import json, random, sys, time
import numpy as np
from flwr.app import ArrayRecord
from flwr.serverapp import ServerApp, strategy
from flwr.simulation import run_simulation
from chainward.engines.flower.app import HospitalApp

root, settings, first, strategies = sys.argv[1:]
app = ServerApp()

@app.main()
def main(grid, context):
    while len(list(grid.get_node_ids())) < 4:  # a strategy counts its share of nodes before it waits for them
        time.sleep(0.1)
    for name, params in json.loads(strategies).items():
        random.seed(name)
        result = getattr(strategy, name)(**params).start(grid, ArrayRecord([np.load(first)]), num_rounds=3)
        np.save(f"{root}/{name}.npy", result.arrays.to_numpy_ndarrays()[0])

ray = {"include_dashboard": False, "log_to_driver": False}
run_simulation(app, HospitalApp(root, settings), 4, "ray", {"init_args": ray, "client_resources": {"num_cpus": 1}})
"""


@pytest.mark.slow
def test_equals_flower_run_natively(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs the flower extra: pip install 'chainward[flower]'")
    ready = prepared("flwr:FedAvg", "cohort")
    sites = ready.world.engine.sites
    places(tmp_path, sites.training_rows, sites.held_out)
    settings = settings_of(sites, discovery.build("fedavg", {}))
    np.save(tmp_path / "first.npy", ready.world.initial_weights())
    (tmp_path / "native.py").write_text(NATIVE)
    processes = Processes(tmp_path)
    try:
        arguments = (str(tmp_path), settings.text(), str(tmp_path / "first.npy"), json.dumps(COMPARED))
        script = [str(tmp_path / "native.py"), *arguments]
        processes.call("native", "python", *script, home=tmp_path / "home")
    finally:
        processes.close()
    for name, params in COMPARED.items():
        ((ours,),) = observe(prepared(f"flwr:{name}", "cohort", params=params)).models
        theirs = np.load(tmp_path / f"{name}.npy")
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6, err_msg=name)
