"""What the tests of our papers share: where a paper's contract and module are, and small trials of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from chainward.strategy import discovery
from chainward.testing import prepared, states
from chainward.trials.prepare import Trial
from chainward.world import Reverted

STRANGER = "stranger"
NOBODY = "0x" + 40 * "0"


def solidity(contract: str) -> Path:
    """The source of a contract."""
    return Path(__file__).parents[2] / "contracts" / "src" / f"{contract}.sol"


def module(key: str) -> Any:
    """The module of a paper."""
    return sys.modules[discovery.load(key).__module__]


def preparing(paper: str, hospitals: int, rounds: int, **sizes: Any) -> Callable[..., Trial]:
    """How a paper's tests make their trials: of so many synthetic hospitals and rounds where a test names no others."""

    def prepare(hospitals: int = hospitals, rounds: int = rounds, key: str = paper, **others: Any) -> Trial:
        return prepared(key, rounds=rounds, task_params={"hospitals": hospitals, **sizes}, **others)

    return prepare


def once(prepare: Callable[[], Trial]) -> Callable[[], tuple[Trial, list[Any]]]:
    """A trial that has run, and its states, made once for the tests that only look at them."""

    @cache
    def usual() -> tuple[Trial, list[Any]]:
        ready = prepare()
        return ready, states(ready)

    return usual


def accepted(act: Callable[[], Any]) -> Any:
    """What comes of an act that no contract may refuse, in a test of a later one that it must."""
    try:
        return act()
    except Reverted as error:
        pytest.fail(f"refused too early: {error}")


def successive_blocks(ready: Trial) -> dict[str, set[int]]:
    """The blocks of a trial's transactions by function, all of one function after all of the one called before it."""
    blocks: dict[str, set[int]] = {}
    for receipt in ready.world.ledger.receipts:
        blocks.setdefault(receipt.function, set()).add(receipt.block)
    assert all(max(blocks[one]) < min(blocks[other]) for one, other in pairwise(blocks)), blocks
    return blocks


def let_pass(ready: Trial, query: str, blocks: int) -> None:
    """Have so many blocks made whenever a query of this name is asked."""
    ask = ready.world.ask

    def late(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        if what.name == query:
            ready.world.chain.wait(blocks)
        return ask(who, what, *arguments, **others)

    ready.world.ask = late  # type: ignore[method-assign]
