"""BlockFL's contract by hand, all that it refuses, and random callers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pytest
from anybody import Anybody
from blockfl_chain import BITS, DATA, GRACE, MINING, PHASE, POT, SAMPLE_NS, SAMPLES, Chain, full, mined, uploaded
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from papers import STRANGER, solidity
from payee import join, payee, through

from chainward.testing import ContractConformance, refused
from chainward.testing.contracts import Act, Refusals
from chainward.testing.liveness import Liveness
from chainward.world import Reverted


def test_a_miner_pays_its_devices_by_samples_and_the_winner_earns_by_the_samples_of_its_devices() -> None:
    chain = full()
    before = {miner: chain.ledger.balance(miner) for miner in "mn"}
    assert chain.collectable("abcmn") == [30, 60, 210, 0, 0]
    chain.pack("m")
    assert chain.collectable("abcmn") == [30, 60, 210, 2 * (10 + 20), 0]
    assert chain.call("pot") == POT - 60
    assert {miner: chain.ledger.balance(miner) for miner in "mn"} == before
    untouched = 10**24
    assert [chain.ledger.balance(miner) - untouched for miner in "mn"] == [-90, -210]
    assert chain.call("rewards", list("cbm")) == (210, 60, 60)
    chain.send("c", "collect")
    assert chain.ledger.balance("c") - untouched == 210
    assert chain.collectable("c") == [0]


def test_the_other_winner_earns_for_its_own_devices_and_one_without_devices_nothing() -> None:
    chain = full()
    chain.pack("n")
    assert chain.collectable("mn") == [0, 140]
    idle = Chain(miners=("m", "n", "o"))
    for device in "abc":
        idle.upload(device).verify(device)
    idle.pack("o")
    assert idle.collectable("mno") == [0, 0, 0]


def test_a_pot_that_runs_dry_gives_what_is_left() -> None:
    chain = Chain(pot=50)
    for device in "abc":
        chain.upload(device).verify(device)
    (event,) = [arguments for name, arguments in chain.pack("m").events if name == "Mined"]
    assert (event["reward"], event["updates"], event["miner"]) == (50, 3, "m")
    assert chain.call("pot") == 0


def test_the_block_is_a_hash_over_parent_updates_miner_and_nonce() -> None:
    chain = full()
    parent, account = bytes(32), chain.ledger.account
    body = bytes(32)
    kinds = ["bytes32", "address", "address", "uint64", "uint64", "string"]
    for device, miner in (("a", "m"), ("b", "m"), ("c", "n")):
        entry = (account(device), account(miner), SAMPLES[device], SAMPLES[device] * SAMPLE_NS, f"update of {device}")
        body = keccak(encode(kinds, [body, *entry]))
    header = keccak(encode(["bytes32", "bytes32", "address"], [parent, body, account("n")]))
    nonce = chain.nonce("n")
    expected = keccak(header + nonce.to_bytes(32, "big"))
    chain.pack("n", nonce)
    assert chain.call("blockOf", 1) == ("n", expected, bytes(32))
    assert expected[0] >> (8 - BITS) == 0
    chain.upload("a").verify("a")
    body = keccak(encode(kinds, [bytes(32), account("a"), account("m"), 10, 10 * SAMPLE_NS, "update of a"]))
    header = keccak(encode(["bytes32", "bytes32", "address"], [expected, body, account("m")]))
    assert chain.call("headerOf", "m") == header


def test_a_block_lists_its_updates() -> None:
    chain = Chain().upload("c").upload("a").verify("c").verify("a").upload("b")
    assert chain.call("updatesIn", 1) == (("c", "a"), ("update of c", "update of a"), (70, 10))
    miner, samples, verified, computation, content = chain.call("updateOf", 1, "b")
    assert (samples, verified, computation, content) == (20, False, 20 * SAMPLE_NS, "update of b")
    assert miner.lower() == chain.ledger.account("m").lower()


@pytest.mark.parametrize("off", [-0.010, -0.005, 0.0, 0.010])
def test_a_time_within_the_tolerance_fits(off: float) -> None:
    chain = Chain().upload("c", off=round(off * 70 * SAMPLE_NS)).verify("c")
    assert chain.call("updatesIn", 1)[0] == ("c",)


def test_time_is_in_proportion_whoever_is_larger() -> None:
    """Ten times the samples need ten times the time."""
    chain = Chain()
    chain.send("a", "upload", "more than it trained on", 10, SAMPLE_NS, "m")
    with pytest.raises(Reverted, match="time does not fit samples"):
        chain.verify("a")
    chain.send("b", "upload", "less than it has", 1, 10 * SAMPLE_NS, "m")
    with pytest.raises(Reverted, match="time does not fit samples"):
        chain.verify("b")


def test_a_block_is_packed_when_it_is_full_or_the_waiting_time_is_over() -> None:
    chain = uploaded().verify("a").verify("b")
    nonce = chain.nonce("m")
    with pytest.raises(Reverted, match="waiting for updates"):
        chain.pack("m", nonce)
    chain.late().pack("m", nonce)
    assert chain.call("epoch") == 2
    assert chain.call("deadline") == chain.ledger.receipts[-1].block + PHASE
    full().pack("m")


@pytest.mark.parametrize(("blocks", "accepted"), [(PHASE - 1, False), (PHASE, True)])
def test_the_waiting_time_is_over_in_the_block_after_the_deadline(blocks: int, accepted: bool) -> None:
    chain = uploaded().verify("a")
    assert chain.call("deadline") == 1 + PHASE
    chain.now = 5.0 + 5.0 * (blocks - 1)  # sent now, it is in the block after
    chain.wait(1)
    if accepted:
        chain.pack()
    else:
        with pytest.raises(Reverted, match="waiting for updates"):
            chain.pack()


def test_an_update_can_be_replaced_until_it_is_verified() -> None:
    chain = Chain().upload("a", off=10**9).upload("a", miner="n")
    with pytest.raises(Reverted, match="not the device's miner"):
        chain.verify("a", miner="m")
    chain.verify("a", miner="n")
    assert chain.call("updatesIn", 1) == (("a",), ("update of a",), (10,))


def test_an_epoch_starts_empty() -> None:
    chain = mined()
    assert chain.call("updatesIn", 2) == ((), (), ())
    chain.upload("a")
    with pytest.raises(Reverted, match="not the device's miner"):
        chain.verify("b")


def test_an_epoch_without_a_miner_ends_without_a_block_and_the_pot_goes_back() -> None:
    chain = uploaded().verify("a").late(GRACE)
    parent = chain.call("tip")
    events = chain.send(STRANGER, "close").events
    assert events == (("Closed", {"epoch": 1, "left": POT}),)
    assert (chain.call("epoch"), chain.call("pot"), chain.call("tip")) == (2, 0, parent)
    assert chain.collectable(["founder", "a"]) == [POT, 30]
    with refused("not mined"):
        chain.send("a", "confirm", 1, bytes(32))
    chain.upload("a").verify("a").late().pack("m")  # a miner that comes back goes on, for nothing
    assert chain.collectable("m") == [0]
    assert chain.call("blockOf", 2)[0] == "m"


def test_a_late_update_adds_to_the_work() -> None:
    """A nonce is for the updates it was found for."""
    chain = uploaded().verify("a").verify("b").late()
    before = chain.call("headerOf", "m")
    chain.verify("c")
    assert chain.call("headerOf", "m") != before


def test_more_than_half_of_a_blocks_devices_settle_the_model() -> None:
    chain, good, bad = mined(), keccak(text="good"), keccak(text="bad")
    chain.send("a", "confirm", 1, bad)
    chain.send("b", "confirm", 1, good)
    assert chain.call("blockOf", 1)[2] == bytes(32)
    events = chain.send("c", "confirm", 1, good).events
    assert events == (("Confirmed", {"epoch": 1, "model": good}),)
    assert chain.call("blockOf", 1)[2] == good


def test_a_model_is_settled_once() -> None:
    chain, model = mined(), keccak(text="model")
    told = [chain.send(device, "confirm", 1, model).events for device in "abc"]
    assert [len(events) for events in told] == [0, 1, 0]


def test_half_is_not_more_than_half() -> None:
    chain = Chain(devices=("a", "b")).upload("a").verify("a").upload("b").verify("b")
    chain.pack("m")
    chain.send("a", "confirm", 1, keccak(text="model"))
    assert chain.call("blockOf", 1)[2] == bytes(32)


def after(stage: Callable[[], Chain], sender: str, function: str, *arguments: Any, value: int = 0) -> Act:
    return lambda: stage().send(sender, function, *arguments, value=value)


def uploads(sender: str = "a", content: str = "cid", samples: int = 1, miner: str = "m") -> Act:
    return after(Chain, sender, "upload", content, samples, samples * SAMPLE_NS, miner)


def off(nanoseconds: int) -> Act:
    return lambda: Chain().upload("c", off=nanoseconds).verify("c")


def bad_nonce() -> Any:
    chain = full()
    nonce = next(n for n in range(99) if keccak(chain.call("headerOf", "m") + n.to_bytes(32, "big"))[0] >> (8 - BITS))
    return chain.pack("m", nonce)


def anothers_nonce() -> Any:
    """Who copies the winner's nonce has worked for another header."""
    chain = full()
    headers = {miner: chain.call("headerOf", miner) for miner in "mn"}
    small = {
        miner: [n for n in range(400) if keccak(header + n.to_bytes(32, "big"))[0] >> (8 - BITS) == 0]
        for miner, header in headers.items()
    }
    return chain.pack("m", min(set(small["n"]) - set(small["m"])))


def confirmed() -> Chain:
    chain = mined()
    chain.send("a", "confirm", 1, keccak(text="model"))
    return chain


def without_c() -> Chain:
    chain = uploaded().verify("a").verify("b").late()
    chain.pack("m")
    return chain


def unpayable() -> tuple[Chain, str]:
    """A device that is a contract and takes no payment, with a reward to collect."""
    with TemporaryDirectory() as folder:
        purse = payee(Path(folder))
        chain = Chain(devices=(purse,), folders=(Path(folder),))
        join(chain, purse)
    through(chain, purse, "BlockFL", "upload", "cid", 5, 5 * SAMPLE_NS, chain.ledger.account("m"))
    chain.send("m", "verify", purse, "cid", 5, 5 * SAMPLE_NS, value=5 * DATA)
    return chain, purse


REFUSALS: Refusals = {
    "constructor": [
        ("no device", lambda: Chain(devices=())),
        ("no miner", lambda: Chain(miners=())),
        ("samples of each device", lambda: Chain(samples=(10, 20))),
        ("enrolled without samples", lambda: Chain(samples=(10, 0, 70))),
        ("device listed twice", lambda: Chain(devices=("a", "b", "a"))),
        ("miner listed twice", lambda: Chain(miners=("m", "m"))),
    ],
    "upload": [
        ("not a device", uploads(STRANGER)),
        ("not a device", uploads("m")),
        ("no such miner", uploads(miner=STRANGER)),
        ("no such miner", uploads(miner="b")),
        ("already in the block", lambda: full().upload("a")),
        ("already in the block", lambda: full().upload("a", miner="n")),
        ("no content id", uploads(content="")),
        ("no samples", uploads(samples=0)),
        ("more samples than enrolled", uploads(samples=11)),
    ],
    "verify": [
        ("not the device's miner", lambda: uploaded().verify("a", miner="n")),
        ("not the device's miner", lambda: uploaded().verify("a", miner="a")),
        ("not the device's miner", lambda: Chain().verify("a")),
        ("not what was uploaded", lambda: uploaded().verify("a", seen=("another", 10, 10 * SAMPLE_NS))),
        ("not what was uploaded", lambda: uploaded().verify("a", seen=("update of a", 9, 10 * SAMPLE_NS))),
        ("not what was uploaded", lambda: uploaded().verify("a", seen=("update of a", 10, 9 * SAMPLE_NS))),
        ("already verified", lambda: full().verify("a")),
        ("time does not fit samples", off(70 * SAMPLE_NS // 100 + 1)),
        ("time does not fit samples", off(-70 * SAMPLE_NS // 100 - 1)),
        ("not the data reward", lambda: uploaded().verify("a", value=29)),
        ("not the data reward", lambda: uploaded().verify("a", value=31)),
    ],
    "pack": [
        ("not a miner", after(full, "a", "pack", 0)),
        ("nothing to pack", after(lambda: uploaded().late(), "m", "pack", 0)),
        ("nothing to pack", after(lambda: mined().late(), "n", "pack", 0)),
        ("waiting for updates", lambda: uploaded().verify("a").pack("m")),
        ("no proof of work", bad_nonce),
        ("no proof of work", anothers_nonce),
    ],
    "confirm": [
        ("not mined", after(full, "a", "confirm", 1, bytes(32))),
        ("not mined", after(mined, "a", "confirm", 2, bytes(32))),
        ("not in the block", after(mined, STRANGER, "confirm", 1, bytes(32))),
        ("not in the block", after(without_c, "c", "confirm", 1, bytes(32))),
        ("already confirmed", after(confirmed, "a", "confirm", 1, bytes(32))),
    ],
    "close": [
        ("a miner may still pack", after(full, STRANGER, "close")),
        ("a miner may still pack", after(lambda: full().late(GRACE - 1), STRANGER, "close")),
    ],
    "collect": [
        ("nothing to collect", after(full, "m", "collect")),
        ("nothing to collect", after(full, STRANGER, "collect")),
        ("payment refused", lambda: through(*unpayable(), "BlockFL", "collect")),
    ],
}


class TestRefusals(ContractConformance):
    source = solidity("BlockFL")
    refusals = REFUSALS


def test_who_refuses_payment_keeps_the_claim() -> None:
    chain, purse = unpayable()
    with refused("payment refused"):
        through(chain, purse, "BlockFL", "collect")
    assert chain.call("collectable", purse) == 5 * DATA


class Money(Anybody):
    """Random calls by anybody, right and wrong: what the contract holds is the pot and what it owes."""

    examples, steps = 25, 30
    parties = ("a", "b", "m", "n", "founder", STRANGER)

    def __init__(self) -> None:
        super().__init__()
        self.it = Chain(devices=("a", "b"), pot=90, bits=0, samples=(7, 9))
        self.total = 90
        self.owed = dict.fromkeys(self.parties, 0)

    def pays(self, sender: str, function: str, *arguments: Any, value: int = 0) -> bool:
        accepted = self.try_to(sender, function, *arguments, value=value)
        self.total += value * accepted
        return accepted

    @rule(
        sender=st.sampled_from(parties), miner=st.sampled_from(parties), samples=st.integers(0, 9), fits=st.booleans()
    )
    def upload(self, sender: str, miner: str, samples: int, fits: bool) -> None:
        self.pays(sender, "upload", "cid", samples, samples * SAMPLE_NS if fits else 1, miner)

    @rule(sender=st.sampled_from("mn"), device=st.sampled_from("ab"), more=st.sampled_from([0, 0, 0, 1]))
    def verify(self, sender: str, device: str, more: int) -> None:
        seen = self.it.uploaded(device)
        samples = seen[1]
        if self.pays(sender, "verify", device, *seen, value=samples * DATA + more):
            assert samples <= {"a": 7, "b": 9}[device]
            assert not more
            self.owed[device] += samples * DATA

    @rule(sender=st.sampled_from(parties), late=st.booleans())
    def pack(self, sender: str, late: bool) -> None:
        if late:
            self.it.late()
        number, pot = self.it.call("epoch"), self.it.call("pot")
        if self.pays(sender, "pack", 0):
            account = self.it.ledger.account(sender).lower()
            devices, _, samples = self.it.call("updatesIn", number)
            own = [
                count
                for device, count in zip(devices, samples, strict=True)
                if self.it.call("updateOf", number, device)[0].lower() == account
            ]
            self.owed[sender] += min(pot, sum(own) * MINING)

    @rule(sender=st.sampled_from(parties), late=st.booleans())
    def close(self, sender: str, late: bool) -> None:
        if late:
            self.it.late(GRACE)
        pot = self.it.call("pot")
        if self.pays(sender, "close"):
            self.owed["founder"] += pot

    @rule(sender=st.sampled_from(parties), value=st.sampled_from([0, 0, 1]))
    def collect(self, sender: str, value: int) -> None:
        before = self.it.ledger.balance(sender)
        if self.pays(sender, "collect", value=value):
            assert value == 0
            assert self.it.ledger.balance(sender) - before == self.owed[sender] > 0
            self.total -= self.owed[sender]
            self.owed[sender] = 0

    @rule(sender=st.sampled_from(parties), number=st.integers(0, 3))
    def confirm(self, sender: str, number: int) -> None:
        self.pays(sender, "confirm", number, bytes(32))

    @invariant()
    def nothing_is_made_lost_or_locked(self) -> None:
        owed = {party: self.it.call("collectable", party) for party in self.parties}
        assert owed == self.owed
        assert self.it.held() == self.it.call("pot") + sum(owed.values()) == self.total


TestMoney = Money.TestCase


class Silence(Liveness):
    """Whoever sleeps, an outsider ends each epoch after the grace, and the pot goes back to who paid it."""

    parties = ("a", "b", "m", "n", "founder")
    acts: ClassVar[Mapping[str, Any]] = {
        "upload": lambda it, sender, draw: it.upload(sender, draw(st.sampled_from("mn")), draw(st.integers(1, 20))),
        "verify": lambda it, sender, draw: it.verify(draw(st.sampled_from("ab")), sender),
        "pack": lambda it, sender, _: it.pack(sender, 0),
        "confirm": lambda it, sender, draw: it.send(sender, "confirm", draw(st.integers(0, 3)), bytes(32)),
        "close": lambda it, sender, _: it.send(sender, "close"),
        "collect": lambda it, sender, _: it.send(sender, "collect"),
    }
    repeatable = frozenset({"upload", "verify", "confirm", "collect"})
    forward = ("epoch",)
    owes, keeps = "collectable", ("pot",)
    windows = 4

    def make(self, draw: Any) -> Chain:
        return Chain(devices=("a", "b"), pot=draw(st.integers(0, 99)), bits=0)

    def pass_deadline(self) -> None:
        self.it.late(GRACE)


TestSilence = Silence.TestCase
