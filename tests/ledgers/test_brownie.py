"""The ledger over Brownie against the chain in process: equal receipts, one by one, and nothing left running."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hand_assembled import FIXTURES
from hashes import evm_with_hashes
from nodes import ended, group, kill_node, members, own

from chainward import tasks
from chainward.errors import ChainwardError
from chainward.ledgers import build, evm
from chainward.ledgers.consensus import rules as consensus_rules
from chainward.ledgers.node import NodeLedger
from chainward.plans.file import read as read_plan
from chainward.plans.specification import Specification
from chainward.results import check
from chainward.results.record import Record
from chainward.strategy import discovery
from chainward.testing import completed
from chainward.trials import gas, runner
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.prepare import prepare
from chainward.trials.run import run_trial
from chainward.trials.sweep import sweep_of
from chainward.trials.workers import InProcess
from chainward.world import Ledger, Reverted

pytestmark = pytest.mark.node

KEYS = discovery.keys()
WITH_CONTRACTS = [key for key in KEYS if discovery.load(key).card.contracts]
ABSENT = {"absent": {"hospital 2": [2], "hospital 5": [1, 2]}}


@pytest.fixture
def ledger() -> Iterator[NodeLedger]:
    ledger = own()
    yield ledger
    ledger.close()


def specification(key: str, ledger: str, **more: Any) -> Specification:
    quick = discovery.load(key).quick
    return Specification(key, gas.TASK, 0, gas.ROUNDS, quick, task_params=gas.TASK_PARAMS, ledger=ledger, **more)


def tried(specification: Specification) -> tuple[Ledger, str]:
    """Run a trial and return its ledger, open, and what it raised if it did."""
    dataset = tasks.load(gas.TASK, **gas.TASK_PARAMS).dataset(0)
    prepared = prepare(specification, dataset, "cpu")
    with ExitStack() as unless_returned:
        unless_returned.callback(prepared.world.ledger.close)
        try:
            run_trial(prepared, Checkpoint())
            raised = ""
        except ChainwardError as error:
            raised = str(error)
        unless_returned.pop_all()
    return prepared.world.ledger, raised


# --- parity --------------------------------------------------------------------------------------


@pytest.mark.parametrize("consensus", ["poa", "pow"])
@pytest.mark.parametrize("faults", [{}, ABSENT], ids=["all there", "some absent"])
@pytest.mark.parametrize("key", WITH_CONTRACTS)
def test_every_transaction_of_a_trial_is_the_same(
    key: str, faults: dict[str, Any], consensus: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same calldata, block, gas to the unit, events and refusals. The EVM in process makes a block's hash of its number
    alone; here it has those of the node, and its randomness, so that what contracts draw is the same."""
    settings = {"ledger_params": {"consensus": consensus}, "faults": faults}
    node, end = tried(specification(key, "brownie", **settings))
    assert isinstance(node, NodeLedger)
    with closing(node):
        head = int(node.blocks.request("eth_blockNumber"), 16)
        blocks = {n: node.blocks.request("eth_getBlockByNumber", hex(n), False) for n in range(head + 1)}
    with evm_with_hashes(blocks) as machine:
        monkeypatch.setattr("chainward.ledgers.evm_machine.pyrevm.EVM", machine)
        monkeypatch.setattr(evm, "rules", lambda *model: replace(consensus_rules(*model), beacon=True))
        monkeypatch.setattr(evm, "randao", lambda n, _=0: bytes.fromhex(blocks.get(n, blocks[0])["mixHash"][2:]))
        here, end_here = tried(specification(key, "evm", **settings))
    assert end == end_here
    assert len(node.receipts) == len(here.receipts) > 6
    for theirs, ours in zip(node.receipts, here.receipts, strict=True):
        assert theirs == ours
        assert theirs.inclusion_s is not None
    assert node.snapshot() == here.snapshot()


def story(ledger: Ledger) -> list[Any]:
    """Every kind of transaction and refusal, several a block, and what can be read meanwhile."""
    seen: list[Any] = []

    def attempt(action: Any, *arguments: Any) -> None:
        try:
            seen.append(action(*arguments))
        except Reverted as error:
            seen.append((error.contract, error.function, error.reason))

    tally = ledger.deploy("Tally", (1,), "owner", 100, 0.0).address
    attempt(ledger.send, tally, "set", (5,), "owner", 0, 0.0)
    for refusal in (("refuse", "no"), ("refuse", ""), ("fail",), ("refuseSilently",), ("refuseByError",)):
        attempt(ledger.send, tally, refusal[0], refusal[1:], "owner", 0, 0.0)
    for view in ("fail", "refuseSilently", "refuseByError", "value", "two"):
        attempt(ledger.call, tally, view, (), "owner", 1.0)
    attempt(ledger.send, tally, "note", (7, "seven"), "clinic", 0, 7.0)
    attempt(ledger.send, tally, "stamp", (), "clinic", 0, 33.0)
    attempt(ledger.send, tally, "give", ("lab", 30), "clinic", 0, 34.0)
    attempt(ledger.send, tally, "pass", ("lab",), "clinic", 3, 34.0)
    attempt(ledger.send, tally, "give", ("lab", 1000), "clinic", 0, 34.0)
    attempt(ledger.send, tally, "bear", (), "lab", 0, 90.0)
    for view in ("last", "number", "timestamp", "child"):
        attempt(ledger.call, tally, view, (), None, 612.0)
    attempt(ledger.send, tally, "feed", (), "owner", 0, 612.0)
    attempt(ledger.deploy, "Tally", (2,), "clinic", 0, 612.0)
    seen += [ledger.balance(party) for party in ("owner", "clinic", "lab", "bystander")]
    return [*seen, ledger.block(612.0), ledger.settled(612.0), ledger.wait(3, 612.0), *ledger.receipts]


def test_refusals_and_views_are_the_same(ledger: NodeLedger) -> None:
    assert story(ledger) == story(build("evm", {}, 0, (FIXTURES,)))


def test_blocks_fill_alike() -> None:
    limit = 700_000  # one deployment, or a good twenty writes
    here = build("evm", {"gas_limit": limit}, 0, (FIXTURES,))
    with closing(own(gas_limit=limit)) as node:
        for ledger in (node, here):
            tally = ledger.deploy("Tally", (1,), "owner", 0, 0.0).address
            for value in range(2, 30):
                ledger.send(tally, "set", (value,), f"party {value}", 0, 0.0)
            with pytest.raises(Reverted):
                ledger.send(tally, "keep", (), "owner", evm.ENDOWMENT_WEI + 1, 0.0)
            with pytest.raises(Reverted, match="out of gas"):
                ledger.send(tally, "spin", (10_000,), "owner", 0, 0.0)
            ledger.send(tally, "stamp", (), "owner", 0, 0.0)
    assert max(receipt.block for receipt in node.receipts) > 3
    assert node.receipts == here.receipts
    assert node.settled(0.0) == here.settled(0.0)


def test_the_fork_is_cancun(ledger: NodeLedger) -> None:
    """Prague would bill at least 21,000 + 40 for each of these bytes."""
    tally = ledger.deploy("Tally", (1,), "owner", 0, 0.0).address
    receipt = ledger.send(tally, "note", (1, "long " * 800), "owner", 0, 0.0)
    assert receipt.gas < receipt.floor
    assert ledger.blocks.request("anvil_nodeInfo")["hardFork"] == "Cancun"


def test_a_log_replays_on_a_fresh_node(ledger: NodeLedger) -> None:
    story(ledger)
    ledger.close()
    with closing(own()) as again:
        again.restore(ledger.snapshot())
    assert again.receipts == ledger.receipts


# --- nodes that go away --------------------------------------------------------------------------


def test_a_node_ended_in_mid_run_fails_the_trial_and_not_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one.toml"
    path.write_text(
        'tasks = [{ key = "synthetic", hospitals = 6, patients = 60 }]\nstrategies = ["bflc"]\nseeds = 1\nrounds = 3\n'
        '[ledger]\nname = "brownie"\n'
    )
    jobs = sweep_of(read_plan(path, {}), tmp_path).jobs
    groups: list[int] = []

    def kill_after_round_1(prepared: Any, checkpoint: Checkpoint) -> Any:
        def kill(_: int) -> None:
            groups.append(group(prepared.world.ledger))
            kill_node(prepared.world.ledger)

        return original(prepared, checkpoint, kill)

    original = run_trial
    monkeypatch.setattr("chainward.trials.run.run_trial", kill_after_round_1)
    done: list[Record] = []
    runner.run(jobs, tmp_path, InProcess(), "cpu", lambda _, record: done.append(record))
    assert done[0].status == "failed"
    assert done[0].error.type == "ChainwardError"
    assert "no answer from http://127.0.0.1:" in done[0].error.message
    monkeypatch.undo()
    jobs = sweep_of(read_plan(path, {}), tmp_path).jobs
    runner.run(jobs, tmp_path, InProcess(), "cpu", lambda _, record: done.append(record))
    assert completed(done[1]).measured.inclusion_s.median > 0
    assert check.sound(tmp_path, jobs[0].identifier, {}).record == done[1]
    assert groups
    assert all(map(ended, groups))


def test_nothing_runs_after_close_or_a_kill() -> None:
    ledger = own()
    ledger.account("owner")
    process_group = group(ledger)
    assert len(members(process_group)) > 1
    ledger.close()
    assert ended(process_group)
    with pytest.raises(ChainwardError, match="this ledger was closed"):
        ledger.account("another")
    script = (
        "import os, signal; from chainward.ledgers import build\n"
        "ledger = build('brownie', {}, 0, ()); ledger.account('owner')\n"
        "print(ledger.blocks.node.group, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert ended(int(killed.stdout))


def test_one_brownie_ledger_at_a_time(ledger: NodeLedger) -> None:
    ledger.account("owner")
    other = own()
    with pytest.raises(ChainwardError, match="one network a process"):
        other.account("owner")
    other.close()
    assert ledger.balance("owner") == evm.ENDOWMENT_WEI


def test_no_node_no_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    away = own(rpc="http://127.0.0.1:9/$SECRET")
    monkeypatch.setenv("SECRET", "hidden")
    with closing(away), pytest.raises(ChainwardError, match=r"no answer from .*:9/\$SECRET \(") as caught:
        away.account("owner")
    assert "hidden" not in str(caught.value)
    monkeypatch.setenv("ANVIL", "/bin/false")
    with pytest.raises(ChainwardError, match="/bin/false ended at once"):
        own().account("owner")
