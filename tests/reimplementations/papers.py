"""What the tests of our papers share: where a paper's contract and module are, and small trials of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chainward import discovery
from chainward.testing import prepared
from chainward.trials.trial import Trial
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


def accepted(act: Callable[[], Any]) -> Any:
    """What comes of an act that no contract may refuse, in a test of a later one that it must."""
    try:
        return act()
    except Reverted as error:
        pytest.fail(f"refused too early: {error}")
