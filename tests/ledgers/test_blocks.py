"""When a transaction is in a block, on the virtual clock, and how many blocks a crowd of them needs."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hand_assembled import FIXTURES, write
from hypothesis import given
from hypothesis import strategies as st

from chainward.errors import ChainwardError, UnknownName
from chainward.ledgers import build
from chainward.ledgers.consensus import BlockTimes, Periodic, Poisson, Rules, block_times
from chainward.ledgers.evm import EvmLedger, randao
from chainward.world import Reverted
from chainward.world.chain import Chain
from chainward.world.clock import Clock, Speeds
from chainward.world.meter import Meter


def ledger(gas_limit: int = 30_000_000, blocks: BlockTimes | None = None) -> EvmLedger:
    return EvmLedger(blocks or Periodic(), (FIXTURES,), gas_limit)


def deployed(chain: EvmLedger) -> str:
    return chain.deploy("Tally", (1,), "owner", 0, 0.0).address


@pytest.mark.parametrize(("at", "block"), [(0.0, 1), (4.9, 1), (5.0, 2), (12.0, 3), (10.0, 3)])
def test_a_transaction_is_in_the_next_block(at: float, block: int) -> None:
    chain = ledger()
    receipt = chain.deploy("Tally", (1,), "owner", 0, at)
    assert receipt.block == block
    assert chain.settled(at) == 5.0 * block
    assert chain.settled(100.0) == 100.0


def test_a_contract_sees_the_number_and_the_time_of_its_block() -> None:
    chain = ledger()
    tally = deployed(chain)
    chain.send(tally, "stamp", (), "owner", 0, 12.0)
    seen = [chain.call(tally, name, (), None, 15.0) for name in ("number", "timestamp")]
    assert seen == [3, 15]
    assert chain.block(12.0) == 3
    assert chain.block(26.0) == 5


def test_time_only_goes_on() -> None:
    """What is sent after something in a later block cannot be in an earlier one."""
    chain = ledger()
    tally = deployed(chain)
    assert chain.send(tally, "set", (2,), "owner", 0, 33.0).block == 7
    assert chain.send(tally, "set", (3,), "owner", 0, 1.0).block == 7


def test_blocks_fill_at_the_gas_limit() -> None:
    limit = ledger().deploy("Tally", (1,), "owner", 0, 0.0).gas
    chain = ledger(gas_limit=limit)
    tally = deployed(chain)  # just fills a block
    receipts = [chain.send(tally, "set", (value,), "owner", 0, 0.0) for value in range(2, 62)]
    assert {receipt.gas for receipt in receipts} == {receipts[0].gas}
    a_block = limit // receipts[0].gas
    assert 1 < a_block < 30
    assert [receipt.block for receipt in receipts] == [2 + number // a_block for number in range(60)]
    assert chain.settled(0.0) == 5.0 * receipts[-1].block


def test_no_transaction_takes_more_gas_than_a_block_holds() -> None:
    limit = ledger().deploy("Tally", (1,), "owner", 0, 0.0).gas
    chain = ledger(gas_limit=limit - 1)
    with pytest.raises(Reverted, match="out of gas"):
        deployed(chain)
    assert (chain.receipts[-1].succeeded, chain.receipts[-1].gas) == (False, limit - 1)


def test_what_contracts_see_as_random_differs_by_block_and_by_seed() -> None:
    seen = {randao(number, seed) for number in range(3) for seed in range(3)}
    assert len(seen) == 9


def test_a_contract_that_did_not_fit_sees_the_block_it_got_into() -> None:
    limit = ledger().deploy("Tally", (1,), "owner", 0, 0.0).gas
    chain = ledger(gas_limit=limit)
    tally = deployed(chain)
    filled = 0
    while limit - filled > 65_000:  # two new slots take more
        receipt = chain.send(tally, "set", (filled + 2,), "owner", 0, 0.0)
        assert receipt.block == 2
        filled += receipt.gas
    assert chain.send(tally, "stamp", (), "owner", 0, 0.0).block == 3
    assert chain.call(tally, "number", (), None, 0.0) == 3
    assert chain.call(tally, "timestamp", (), None, 0.0) == 15


def test_waiting_counts_from_the_newest_block() -> None:
    chain = ledger()
    assert chain.wait(3, 12.0) == 25.0  # blocks 3, 4, 5
    assert chain.wait(1, 10.0) == 15.0
    assert chain.wait(0, 10.0) == 10.0
    deployed(chain)
    assert chain.wait(2, 0.0) == 15.0  # block 1 holds the deployment


def test_the_world_waits_for_inclusion_once_for_all_that_was_sent() -> None:
    chain = Chain(ledger(), Clock(), Speeds(), Meter(("A",)), lambda _: False)
    tally = chain.at(chain.deploy("Tally", 1, sender="A"))
    for value in range(3):
        tally.send("set", value, sender="A")
    assert chain.clock.now == 0.0
    assert tally.call("value") == 2
    read_in = 0.040 + 8e-8  # a round trip, and a byte at 100 Mbit/s
    assert chain.clock.now == pytest.approx(5.0 + read_in)
    assert tally.call("value") == 2  # read together with what was read before
    assert chain.clock.now == pytest.approx(5.0 + read_in, abs=1e-6)
    chain.wait(4)
    assert (chain.clock.now, chain.block) == (25.0, 5)
    tally.send("set", 9, sender="A")
    assert chain.balance("A") == 10**24
    assert chain.clock.now == 30.0
    assert chain.clock.parts["network"] < 0.2


@pytest.mark.parametrize(("confirmations", "final"), [(0, 5.0), (3, 20.0)])
def test_a_transaction_is_final_after_its_confirmations(confirmations: int, final: float) -> None:
    chain = EvmLedger(Periodic(5.0), (FIXTURES,), rules=Rules(confirmations))
    deployed(chain)
    assert chain.settled(1.0) == final
    assert chain.settled(40.0) == 40.0


def test_the_moment_of_a_block_and_what_is_left_until_a_deadline() -> None:
    one = Chain(ledger(), Clock(), Speeds(), Meter(("A",)), lambda _: False)
    assert one.left(4) == pytest.approx(20.0 - 0.04)
    one.clock.until("waiting", 30.0)
    assert one.left(4) == 0.0
    assert one.left(2**256 - 1) == math.inf
    assert ledger().moment(7, 3.0) == 35.0


def told(folder: Path, opcodes: str, seed: int = 0, beacon: bool = False) -> set[bytes]:
    """What a contract that returns one word says in three blocks."""
    write(folder, "Word", f"{opcodes}5f5260205ff3", "word", outputs=("bytes32",))
    chain = EvmLedger(Periodic(5.0), (folder,), seed=seed, rules=Rules(beacon=beacon))
    word = chain.deploy("Word", (), "owner", 0, 0.0).address
    return {chain.call(word, "word", (), None, at) for at in (10.0, 20.0, 30.0)}


@pytest.mark.parametrize(("beacon", "different"), [(False, 1), (True, 3)])
def test_only_a_chain_with_a_beacon_gives_blocks_randomness(beacon: bool, different: int, tmp_path: Path) -> None:
    assert len(told(tmp_path, "44", beacon=beacon)) == different  # PREVRANDAO


def test_hashes_of_blocks_differ_by_block_and_between_trials(tmp_path: Path) -> None:
    hashes = [told(tmp_path, "6001430340", seed) for seed in (0, 1, 24)]  # BLOCKHASH(NUMBER - 1)
    assert [len(seen) for seen in hashes] == [3, 3, 3]
    assert len(set.union(*hashes)) == 9


def test_refused_transactions_are_bytes_on_chain_too() -> None:
    chain = Chain(ledger(), Clock(), Speeds(), Meter(("A",)), lambda _: False)
    tally = chain.at(chain.deploy("Tally", 1, sender="A"))
    before = chain.meter.chain_bytes
    tally.send("set", 1, sender="A")
    assert chain.meter.chain_bytes - before == 36
    with pytest.raises(Exception, match="no"):
        tally.send("refuse", "no", sender="A")
    assert chain.meter.chain_bytes - before == 36 + 100


@given(st.floats(0, 1e7), st.sampled_from([0.1, 1.0, 5.0, 0.3]))
def test_periodic_newest_is_the_last_block_made(at: float, period: float) -> None:
    blocks = Periodic(period)
    newest = blocks.newest(at)
    assert blocks.time(newest) <= at < blocks.time(newest + 1)


@given(st.integers(0, 100_000), st.sampled_from([0.1, 0.3, 0.7, 5.0, 12.1]))
def test_a_block_is_made_at_its_time_however_that_is_rounded(number: int, period: float) -> None:
    blocks = Periodic(period)
    assert blocks.newest(blocks.time(number)) == number


@given(st.floats(0, 500), st.integers(0, 20))
def test_poisson_newest_is_the_last_block_made(at: float, seed: int) -> None:
    blocks = Poisson(seed=seed)
    newest = blocks.newest(at)
    assert blocks.time(newest) <= at < blocks.time(newest + 1)


def test_poisson_gaps_are_exponential_and_drawn_for_the_seed() -> None:
    blocks = Poisson(13.0, seed=1)
    gaps = np.diff([blocks.time(number) for number in range(4001)])
    assert np.mean(gaps) == pytest.approx(13.0, rel=0.05)
    assert np.std(gaps) == pytest.approx(13.0, rel=0.08)
    assert Poisson(13.0, seed=1).time(100) == blocks.time(100) != Poisson(13.0, seed=2).time(100)


@pytest.mark.parametrize("model", ["poa", "pow"])
def test_blocks_come_one_after_another(model: str) -> None:
    blocks = block_times(model, 0)
    assert blocks.time(0) == 0.0
    assert all(blocks.time(one) < blocks.time(other) for one, other in pairwise(range(50)))


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownName, match=r"'poet'; there is poa, pow"):
        build("evm", {"consensus": "poet"}, 0, ())
    with pytest.raises(UnknownName, match=r"'evn'; there is evm"):
        build("evn", {}, 0, ())
    with pytest.raises(ChainwardError, match="no parameter 'gas'"):
        build("evm", {"gas": 1}, 0, ())
    limited = build("evm", {"consensus": "poa", "gas_limit": 200_000}, 0, (FIXTURES,))
    assert isinstance(limited, EvmLedger)
