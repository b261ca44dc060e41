"""What the ledger costs: a transaction with its ABI coding, its share of a trial, and all this against Brownie.

The transactions are those of real trials, replayed on a fresh chain, so that nothing but the ledger is timed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from common_work import PEERS, hold, report

from chainward.errors import ChainwardError
from chainward.ledgers import anvil, build
from chainward.strategy import discovery
from chainward.testing.small import dataset, small
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.prepare import Trial, prepare
from chainward.trials.run import run_trial
from chainward.world import Ledger, Reverted

KEYS = discovery.keys()
ON_CHAIN = [key for key in KEYS if discovery.load(key).card.contracts]


def prepared(key: str, **overrides: Any) -> Trial:
    specification = small(key, "heart", **overrides)
    return prepare(specification, dataset(specification), "cpu")


def fresh(key: str) -> Ledger:
    return build("evm", {}, 0, discovery.artifact_folders(discovery.load(key)))


def recorded(key: str) -> Sequence[Any]:
    """Everything a small `heart` trial sends, in order."""
    ready = prepared(key)
    run_trial(ready, Checkpoint())
    return ready.world.ledger.snapshot()


def replayed(ledger: Ledger, log: Sequence[Any]) -> list[float]:
    """Seconds of each transaction."""
    seconds = []
    for operation, *arguments in log:
        started = time.perf_counter()
        with suppress(Reverted):
            getattr(ledger, operation)(*arguments)
        seconds.append(time.perf_counter() - started)
    return seconds


@pytest.mark.parametrize("key", ON_CHAIN)
def test_transaction(benchmark, key: str) -> None:
    log = recorded(key)
    runs: list[list[float]] = []
    benchmark.pedantic(lambda: runs.append(replayed(fresh(key), log)), rounds=10, warmup_rounds=1)
    median_us = 1e6 * float(np.median(np.median(runs, axis=0)))
    report(benchmark, key, transactions=len(log), median_us=median_us)
    hold(100 / median_us, 1)


@pytest.mark.slow
@pytest.mark.parametrize("key", ON_CHAIN)
def test_share_of_a_trial(benchmark, key: str) -> None:
    """A whole `heart` trial of ten rounds, and the same transactions once more on their own."""
    log: list[Any] = []

    def run() -> None:
        ready = prepared(key, rounds=10)
        run_trial(ready, Checkpoint())
        log[:] = ready.world.ledger.snapshot()

    benchmark.pedantic(run, rounds=3, warmup_rounds=1)
    ledger_s = float(np.median([sum(replayed(fresh(key), log)) for _ in range(5)]))
    trial_s = benchmark.stats.stats.median
    report(benchmark, key, transactions=len(log), trial_s=trial_s, ledger_s=ledger_s, share=ledger_s / trial_s)


@pytest.mark.slow
@pytest.mark.node
def test_against_brownie(benchmark, tmp_path: Path) -> None:
    """Node and Brownie have started when the clock starts; see peers/brownie_transactions.py."""
    if importlib.util.find_spec("brownie") is None:
        pytest.skip("needs the brownie extra: pip install 'chainward[brownie]'")
    try:
        anvil.find()
    except ChainwardError as error:
        pytest.skip(str(error))
    log = recorded("bflc")
    ledger = fresh("bflc")
    replayed(ledger, log)
    ours = benchmark.pedantic(lambda: replayed(fresh("bflc"), log), rounds=5, warmup_rounds=1)
    (tmp_path / "log").write_bytes(pickle.dumps(log))
    environment = {**os.environ, "HOME": str(tmp_path), "LOG": str(tmp_path / "log")}
    call = [sys.executable, str(PEERS / "brownie_transactions.py")]
    ended = subprocess.run(call, env=environment, capture_output=True, text=True, check=True, timeout=300)
    theirs = json.loads(ended.stdout.splitlines()[-1])
    np.testing.assert_allclose([receipt.gas for receipt in ledger.receipts], theirs["gas"], rtol=0.01)
    ours_us, brownie_us = (1e6 * float(np.median(seconds[1:])) for seconds in (ours, theirs["seconds"]))
    ratio = brownie_us / ours_us
    report(benchmark, "bflc", transactions=len(log), ours_us=ours_us, brownie_us=brownie_us, ratio=ratio)
    hold(ratio, 100)
