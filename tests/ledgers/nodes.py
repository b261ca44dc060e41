"""Ledgers on nodes, and what is left of a node's processes. Who imports this is skipped where there is no node."""

from __future__ import annotations

import importlib.util
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hand_assembled import FIXTURES

from chainward.errors import ChainwardError
from chainward.ledgers import anvil, build
from chainward.ledgers.node import NodeLedger
from chainward.ledgers.own_chain import OwnChain

if importlib.util.find_spec("brownie") is None:
    pytest.skip("the brownie extra is not installed", allow_module_level=True)
try:
    anvil.find()
except ChainwardError as error:
    pytest.skip(str(error), allow_module_level=True)


def own(**params: Any) -> NodeLedger:
    ledger = build("brownie", params, 0, (FIXTURES,))
    assert isinstance(ledger, NodeLedger)
    return ledger


def group(ledger: NodeLedger) -> int:
    assert isinstance(ledger.blocks, OwnChain)
    assert ledger.blocks.node is not None
    return ledger.blocks.node.group


def members(process_group: int) -> list[int]:
    """Processes of a group that still run; who is dead but not yet collected does not."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == process_group and state != "Z":
            found.append(int(stat.parent.name))
    return found


def ended(process_group: int) -> bool:
    deadline = time.monotonic() + 5
    while members(process_group) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not members(process_group)


def kill_node(ledger: NodeLedger) -> None:
    for process in members(group(ledger)):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended since it was listed
            if "anvil" in Path(f"/proc/{process}/comm").read_text():
                os.kill(process, signal.SIGKILL)
