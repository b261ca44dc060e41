"""The ledger on a chain with a clock, fees and accounts of its own; an anvil that mines by itself stands in for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hand_assembled import FIXTURES
from nodes import own

from chainward.errors import ChainwardError
from chainward.ledgers import build
from chainward.ledgers.anvil import Anvil
from chainward.ledgers.brownie import PASSWORD
from chainward.ledgers.node import NodeLedger
from chainward.ledgers.shared_chain import SharedChain
from chainward.world import Reverted

Account = pytest.importorskip("eth_account", reason="the brownie extra is not installed").Account
HTTPProvider = pytest.importorskip("web3", reason="the brownie extra is not installed").HTTPProvider

pytestmark = pytest.mark.node

KEYS = {"ward-1": "0x" + 32 * "11", "ward-2": "0x" + 32 * "22"}
GWEI = 10**9


class Chain:
    """A node beside the ledger."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._provider = HTTPProvider(url)
        self.ask("anvil_setChainId", 31337)
        self.ask("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
        for key in KEYS.values():
            self.ask("anvil_setBalance", Account.from_key(key).address, hex(10**20))

    def ask(self, method: str, *params: Any) -> Any:
        return self._provider.make_request(method, params)["result"]  # type: ignore[arg-type]

    @contextmanager
    def mining(self, after_s: float = 0.0, every_s: float = 0.03) -> Iterator[None]:
        stop = threading.Event()

        def mine() -> None:
            stop.wait(after_s)
            while not stop.wait(every_s):
                self.ask("evm_mine")

        miner = threading.Thread(target=mine)
        miner.start()
        try:
            yield
        finally:
            stop.set()
            miner.join()


@pytest.fixture
def chain() -> Iterator[Chain]:
    node = Anvil()
    yield Chain(node.url)
    node.close()


@pytest.fixture
def ledger(chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NodeLedger]:
    """Accounts in a keystore: Brownie looks for its files in the working directory first."""
    for name, key in KEYS.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(Account.encrypt(key, "open sesame", iterations=2)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(PASSWORD, "open sesame")
    ledger = own(rpc=chain.url, accounts=list(KEYS), confirmations=2, timeout_s=0.4)
    yield ledger
    ledger.close()


def test_accounts_of_the_keystore_sign(ledger: NodeLedger, chain: Chain) -> None:
    here = build("evm", {}, 0, (FIXTURES,))
    with chain.mining():
        for each in (ledger, here):
            tally = each.deploy("Tally", (1,), "owner", 0, 0.0).address
            each.send(tally, "note", (7, "seven"), "clinic", 0, 0.0)
            with pytest.raises(Reverted, match="not today"):
                each.send(tally, "refuse", ("not today",), "clinic", 0, 0.0)
            assert each.call(tally, "last", (), None, 100.0) == "clinic"
    assert [ledger.account(party) for party in ("owner", "clinic")] == [
        Account.from_key(key).address for key in KEYS.values()
    ]
    for theirs, ours in zip(ledger.receipts, here.receipts, strict=True):
        assert (theirs.gas, theirs.events, theirs.succeeded) == (ours.gas, ours.events, ours.succeeded)
    paid = 10**20 - ledger.balance("clinic")
    assert paid >= sum(receipt.gas for receipt in ledger.receipts[1:]) * GWEI // 2


def test_inclusion_is_measured_and_passes_on_the_clock(ledger: NodeLedger, chain: Chain) -> None:
    with chain.mining(every_s=0.1):
        receipt = ledger.deploy("Tally", (1,), "owner", 0, 50.0)
        newest = ledger.block(50.0)
        assert newest - receipt.block >= 1  # two confirmations
        assert receipt.inclusion_s is not None
        assert ledger.settled(50.0) == 50.0 + receipt.inclusion_s > 50.0
        assert ledger.settled(90.0) == 90.0
        assert ledger.wait(2, 90.0) > 90.0
        assert ledger.block(90.0) >= newest + 2


def test_what_is_stuck_is_replaced_at_a_higher_price(ledger: NodeLedger, chain: Chain) -> None:
    with chain.mining(after_s=0.6):
        receipt = ledger.deploy("Tally", (1,), "owner", 0, 0.0)
    mined = chain.ask("eth_getBlockByNumber", hex(receipt.block), True)["transactions"]
    assert [int(transaction["nonce"], 16) for transaction in mined] == [0]
    tip = int(chain.ask("eth_maxPriorityFeePerGas"), 16)
    assert int(mined[0]["maxPriorityFeePerGas"], 16) > tip
    assert receipt.inclusion_s is not None
    assert receipt.inclusion_s > 0.5


def test_a_chain_that_stands_still_is_named(ledger: NodeLedger) -> None:
    with pytest.raises(ChainwardError, match="in no block after 3 replacements"):
        ledger.deploy("Tally", (1,), "owner", 0, 0.0)
    with pytest.raises(ChainwardError, match="does this chain go on"):
        ledger.wait(1, 0.0)
    assert ledger.receipts == []


def test_what_others_hold_cannot_be_replayed(ledger: NodeLedger) -> None:
    with pytest.raises(ChainwardError, match="cannot be taken up again"):
        ledger.restore(())


def test_a_party_too_many(ledger: NodeLedger) -> None:
    assert ledger.account("A") != ledger.account("B")
    with pytest.raises(ChainwardError, match="'C' finds none left after 2"):
        ledger.account("C")


def test_a_wrong_password_and_a_missing_account(ledger: NodeLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD, "open barley")
    with pytest.raises(ChainwardError, match="not the password of 'ward-1'"):
        ledger.account("A")
    (Path.cwd() / "ward-1.json").unlink()
    with pytest.raises(ChainwardError, match="no account 'ward-1'"):
        ledger.account("A")


def test_no_ether_is_no_refusal_of_a_contract(ledger: NodeLedger, chain: Chain) -> None:
    chain.ask("anvil_setBalance", ledger.account("A"), "0x1")
    with pytest.raises(ChainwardError, match=r"the node took no transaction: .*[Ii]nsufficient funds") as caught:
        ledger.deploy("Tally", (1,), "A", 0, 0.0)
    assert not isinstance(caught.value, Reverted)


def test_the_main_network_is_refused(chain: Chain) -> None:
    chain.ask("anvil_setChainId", 1)
    ledger = own(rpc=chain.url)
    with pytest.raises(ChainwardError, match="main network"):
        ledger.account("A")
    ledger.close()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"gas": 1},
            "no parameter .gas.; it has consensus, gas_limit, period_s, signers, silent, confirmations, network",
        ),
        ({"consensus": "pow", "signers": 3}, "no parameter 'signers'; it has"),
        ({"period_s": 0}, "period_s must be above 0"),
        ({"network": "sepolia", "gas_limit": 1}, "no parameter 'gas_limit'"),
        ({"network": "sepolia", "rpc": "http://localhost"}, "either a network"),
        ({"network": "sepolia", "consensus": "pow"}, "modelled on the local node only"),
        ({"network": "sepolia", "accounts": "ward-1"}, "never keys"),
        ({"network": "sepolia", "accounts": [KEYS["ward-1"]]}, "never keys"),
        ({"network": "sepolia", "confirmations": 0}, "more than 0"),
    ],
)
def test_wrong_parameters_are_refused_at_once(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ChainwardError, match=message) as caught:
        own(**params)
    assert "1111" not in str(caught.value)


@pytest.mark.parametrize(
    "params", [{"period_s": 2.0}, {"consensus": "pow"}, {"consensus": "raft", "gas_limit": 1_000_000}]
)
def test_a_node_of_ones_own_has_the_blocks_of_the_chain_in_process(params: dict[str, Any]) -> None:
    here, node = build("evm", params, 0, ()), own(**params)
    for blocks in (1, 7):
        assert node.wait(blocks, 3.0) == here.wait(blocks, 3.0)
    assert node.block(100.0) == here.block(100.0) > 0


@pytest.mark.parametrize(("network", "message"), [("atlantis", "no network 'atlantis'"), ("hardhat", "use anvil, or")])
def test_networks_are_those_of_brownie(network: str, message: str) -> None:
    ledger = own(network=network)
    assert isinstance(ledger.blocks, SharedChain)
    with pytest.raises(ChainwardError, match=message):
        ledger.account("A")
