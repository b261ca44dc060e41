"""What a strategy tells of a trial that is over: it may read what stands on chain, and is no part of the protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chainward.errors import ChainwardError
from chainward.results.record import Result
from chainward.testing.rounds import prepared, varied
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.run import run_trial
from chainward.world import PRESENT, World

Told = Mapping[str, Mapping[str, float]]


def ended(outcomes: Callable[[Any, Any, World], Told] | None = None) -> Result:
    methods = {} if outcomes is None else {"outcomes": outcomes}
    return run_trial(prepared("two_cp", strategy=varied("two_cp", **methods)), Checkpoint())[0]


def from_the_chain(_: Any, state: Any, world: World) -> Told:
    return {"tokens": {name: world.at(state.contract).call("countTokens", name) / 10**18 for name in world.hospitals}}


def test_what_stands_on_chain_is_read_without_a_trace_in_the_figures() -> None:
    plain, read = ended(), ended(from_the_chain)
    assert read.outcomes["tokens"] == plain.outcomes["tokens"]
    assert any(read.outcomes["tokens"].values())
    assert read.gas_functions == plain.gas_functions
    for one, other in zip(read.entries, plain.entries, strict=True):
        assert (one.latency_s, one.bytes, one.transactions) == (other.latency_s, other.bytes, other.transactions)


def asks(_: Any, state: Any, world: World) -> Told:
    world.ask(world.hospitals, PRESENT)
    return {}


def sends(_: Any, state: Any, world: World) -> Told:
    world.deploy("TwoCP", "0x" + "0" * 40, world.hospitals, 1, 150, sender=world.hospitals[0])
    return {}


@pytest.mark.parametrize("outcomes", [asks, sends])
def test_who_asks_or_sends_then_fails(outcomes: Callable[..., Told]) -> None:
    with pytest.raises(ChainwardError, match="two_cp: outcomes asks or sends; it may only call contracts"):
        ended(outcomes)
