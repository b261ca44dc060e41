"""BlockFL: the contract by hand and under random calls, the strategy against FedAvg, the latency against its parts."""

from __future__ import annotations

import hashlib
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from rounds import states

from chainward import tasks
from chainward.ledgers.consensus import Periodic
from chainward.ledgers.evm import ENDOWMENT_WEI, EvmLedger
from chainward.methods import mining
from chainward.methods.aggregation import mean, weighted_mean
from chainward.plans.specification import Specification
from chainward.strategy import discovery
from chainward.testing.small import completed, run
from chainward.trials.prepare import prepare
from chainward.world import Memory, Reverted, Site, Update

SOURCE = Path(__file__).parents[2] / "contracts" / "src" / "BlockFL.sol"
WAIT, SAMPLE_NS, TOLERANCE, BITS, DATA, MINING, POT = 60, 100_000, 10, 4, 3, 2, 1_000
STRANGER = "stranger"
SAMPLES = {"a": 10, "b": 20, "c": 70}


# --- the contract ------------------------------------------------------------------------------------------------


@dataclass
class Chain:
    """One contract with devices a, b, c and miners m, n; a and b are m's, c is n's."""

    devices: Sequence[str] = ("a", "b", "c")
    miners: Sequence[str] = ("m", "n")
    pot: int = POT
    bits: int = BITS
    now: float = 0.0
    folders: tuple[Path, ...] = ()
    ledger: EvmLedger = field(init=False)
    address: str = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = EvmLedger(Periodic(), self.folders)
        terms = [self.devices, self.miners, WAIT, SAMPLE_NS, TOLERANCE, self.bits, DATA, MINING]
        self.address = self.ledger.deploy("BlockFL", terms, "founder", self.pot, self.now).address

    def send(self, sender: str, function: str, *arguments: Any, value: int = 0) -> Any:
        return self.ledger.send(self.address, function, arguments, sender, value, self.now)

    def call(self, function: str, *arguments: Any) -> Any:
        return self.ledger.call(self.address, function, arguments, None, self.now)

    def late(self) -> Chain:
        """Let the waiting time pass."""
        self.now = max(self.now, float(self.call("deadline")))
        return self

    def upload(self, device: str, miner: str | None = None, samples: int | None = None, off: int = 0) -> Chain:
        """Upload, with a computation time that is off by so many nanoseconds."""
        count = SAMPLES[device] if samples is None else samples
        miner = miner or ("n" if device == "c" else "m")
        self.send(device, "upload", f"update of {device}", count, count * SAMPLE_NS + off, miner)
        return self

    def verify(self, device: str, miner: str | None = None, value: int | None = None) -> Chain:
        paid = SAMPLES[device] * DATA if value is None else value
        self.send(miner or ("n" if device == "c" else "m"), "verify", device, value=paid)
        return self

    def nonce(self, miner: str) -> int:
        return mining.proof_of_work(self.call("headerOf", miner), self.bits)

    def pack(self, miner: str = "m", nonce: int | None = None) -> Any:
        return self.send(miner, "pack", self.nonce(miner) if nonce is None else nonce)

    def collectable(self, parties: str) -> list[int]:
        return [self.call("collectable", party) for party in parties]

    def held(self) -> int:
        """Wei in the contract: those gone from all accounts."""
        everybody = ("founder", STRANGER, *self.devices, *self.miners)
        return sum(ENDOWMENT_WEI - self.ledger.balance(name) for name in everybody)


def uploaded() -> Chain:
    return Chain().upload("a").upload("b").upload("c")


def full() -> Chain:
    return uploaded().verify("a").verify("b").verify("c")


def mined() -> Chain:
    chain = full()
    chain.pack("m")
    return chain


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
    chain.send("a", "upload", "more than it has", 100, 10 * SAMPLE_NS, "m")
    with pytest.raises(Reverted, match="time does not fit samples"):
        chain.verify("a", value=100 * DATA)
    chain.send("b", "upload", "less than it has", 1, 10 * SAMPLE_NS, "m")
    with pytest.raises(Reverted, match="time does not fit samples"):
        chain.verify("b", value=DATA)


def test_a_block_is_packed_when_it_is_full_or_the_waiting_time_is_over() -> None:
    chain = uploaded().verify("a").verify("b")
    nonce = chain.nonce("m")
    with pytest.raises(Reverted, match="waiting for updates"):
        chain.pack("m", nonce)
    chain.late().pack("m", nonce)
    assert chain.call("epoch") == 2
    assert chain.call("deadline") == chain.now + WAIT + 5  # counted from the block after
    full().pack("m")


@pytest.mark.parametrize(("at", "accepted"), [(59.9, False), (60.0, True)])
def test_the_waiting_time_is_over_in_the_block_of_its_last_second(at: float, accepted: bool) -> None:
    chain = uploaded().verify("a")
    assert chain.call("deadline") == 65  # deployed in the block of 5 s
    chain.now = at
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


Attempt = Callable[[], Any]


def after(stage: Callable[[], Chain], sender: str, function: str, *arguments: Any, value: int = 0) -> Attempt:
    return lambda: stage().send(sender, function, *arguments, value=value)


def uploads(sender: str = "a", content: str = "cid", samples: int = 1, miner: str = "m") -> Attempt:
    return after(Chain, sender, "upload", content, samples, samples * SAMPLE_NS, miner)


def off(nanoseconds: int) -> Attempt:
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


REFUSALS: list[tuple[str, Attempt]] = [
    ("no device", lambda: Chain(devices=())),
    ("no miner", lambda: Chain(miners=())),
    ("device listed twice", lambda: Chain(devices=("a", "b", "a"))),
    ("miner listed twice", lambda: Chain(miners=("m", "m"))),
    ("not a device", uploads(STRANGER)),
    ("not a device", uploads("m")),
    ("no such miner", uploads(miner=STRANGER)),
    ("no such miner", uploads(miner="b")),
    ("already in the block", lambda: full().upload("a")),
    ("already in the block", lambda: full().upload("a", miner="n")),
    ("no content id", uploads(content="")),
    ("no samples", uploads(samples=0)),
    ("not the device's miner", lambda: uploaded().verify("a", miner="n")),
    ("not the device's miner", lambda: uploaded().verify("a", miner="a")),
    ("not the device's miner", lambda: Chain().verify("a")),
    ("already verified", lambda: full().verify("a")),
    ("time does not fit samples", off(70 * SAMPLE_NS // 100 + 1)),
    ("time does not fit samples", off(-70 * SAMPLE_NS // 100 - 1)),
    ("not the data reward", lambda: uploaded().verify("a", value=29)),
    ("not the data reward", lambda: uploaded().verify("a", value=31)),
    ("not a miner", after(full, "a", "pack", 0)),
    ("nothing to pack", after(lambda: uploaded().late(), "m", "pack", 0)),
    ("nothing to pack", after(lambda: mined().late(), "n", "pack", 0)),
    ("waiting for updates", lambda: uploaded().verify("a").pack("m")),
    ("no proof of work", bad_nonce),
    ("no proof of work", anothers_nonce),
    ("not mined", after(full, "a", "confirm", 1, bytes(32))),
    ("not mined", after(mined, "a", "confirm", 2, bytes(32))),
    ("not in the block", after(mined, STRANGER, "confirm", 1, bytes(32))),
    ("not in the block", after(without_c, "c", "confirm", 1, bytes(32))),
    ("already confirmed", after(confirmed, "a", "confirm", 1, bytes(32))),
    ("nothing to collect", after(full, "m", "collect")),
    ("nothing to collect", after(full, STRANGER, "collect")),
]


@pytest.mark.parametrize(("reason", "attempt"), REFUSALS, ids=lambda value: value if isinstance(value, str) else "")
def test_refusals(reason: str, attempt: Attempt) -> None:
    with pytest.raises(Reverted) as refused:
        attempt()
    assert refused.value.reason == reason


def test_every_require_has_a_twin() -> None:
    reasons = set(re.findall(r'require\([^;]*, "(.*?)"\);', SOURCE.read_text(encoding="utf-8")))
    assert reasons == {reason for reason, _ in REFUSALS} | {"payment refused"}
    assert all(len(reason) <= 31 for reason in reasons)


# PUSH the call data behind `forward(address,bytes)` on to that address with the value; refuse plain payments.
PURSE = "366007575f5ffd5b6064360360645f375f5f606436035f346004355af13d5f5f3e6027573d5ffd5b00"


def test_who_refuses_payment_keeps_the_claim(tmp_path: Path) -> None:
    code = f"60{len(PURSE) // 2:02x}8060095f395ff3{PURSE}"
    abi = '[{"type":"function","name":"forward","inputs":[{"name":"","type":"address"},{"name":"","type":"bytes"}],'
    abi += '"outputs":[]}]'
    purse_json = f'{{"contract":"Purse","abi":{abi},"bytecode":"{code}"}}'
    (tmp_path / "Purse.json").write_text(purse_json, encoding="utf-8")
    purse = EvmLedger(Periodic(), (tmp_path,)).deploy("Purse", [], "owner", 0, 0.0).address
    chain = Chain(devices=(purse,), folders=(tmp_path,))
    assert chain.ledger.deploy("Purse", [], "owner", 0, 0.0).address == purse

    def through(function: str, *arguments: Any) -> None:
        artifact = sys.modules["chainward.ledgers.artifacts"].find("BlockFL")
        data = artifact.functions[function].encode(list(arguments))
        chain.ledger.send(purse, "forward", [chain.address, data], "owner", 0, chain.now)

    through("upload", "cid", 5, 5 * SAMPLE_NS, chain.ledger.account("m"))
    chain.send("m", "verify", purse, value=5 * DATA)
    with pytest.raises(Reverted) as refused:
        through("collect")
    assert refused.value.reason == "payment refused"
    assert chain.call("collectable", purse) == 5 * DATA


class Money(RuleBasedStateMachine):
    """Random calls by anybody, right and wrong: what the contract holds is the pot and what it owes."""

    parties = ("a", "b", "m", "n", STRANGER)

    def __init__(self) -> None:
        super().__init__()
        self.chain = Chain(devices=("a", "b"), pot=90, bits=0)
        self.total = 90
        self.owed = dict.fromkeys(self.parties, 0)

    def attempt(self, sender: str, function: str, *arguments: Any, value: int = 0) -> bool:
        try:
            self.chain.send(sender, function, *arguments, value=value)
        except Reverted:
            return False
        self.total += value
        return True

    @rule(
        sender=st.sampled_from(parties), miner=st.sampled_from(parties), samples=st.integers(0, 9), fits=st.booleans()
    )
    def upload(self, sender: str, miner: str, samples: int, fits: bool) -> None:
        self.attempt(sender, "upload", "cid", samples, samples * SAMPLE_NS if fits else 1, miner)

    @rule(sender=st.sampled_from("mn"), device=st.sampled_from("ab"), more=st.sampled_from([0, 0, 0, 1]))
    def verify(self, sender: str, device: str, more: int) -> None:
        samples = self.chain.call("updateOf", self.chain.call("epoch"), device)[1]
        if self.attempt(sender, "verify", device, value=samples * DATA + more):
            assert not more
            self.owed[device] += samples * DATA

    @rule(sender=st.sampled_from(parties), late=st.booleans())
    def pack(self, sender: str, late: bool) -> None:
        if late:
            self.chain.late()
        number, pot = self.chain.call("epoch"), self.chain.call("pot")
        if self.attempt(sender, "pack", 0):
            account = self.chain.ledger.account(sender).lower()
            devices, _, samples = self.chain.call("updatesIn", number)
            own = [
                count
                for device, count in zip(devices, samples, strict=True)
                if self.chain.call("updateOf", number, device)[0].lower() == account
            ]
            self.owed[sender] += min(pot, sum(own) * MINING)

    @rule(sender=st.sampled_from(parties), value=st.sampled_from([0, 0, 1]))
    def collect(self, sender: str, value: int) -> None:
        before = self.chain.ledger.balance(sender)
        if self.attempt(sender, "collect", value=value):
            assert value == 0
            assert self.chain.ledger.balance(sender) - before == self.owed[sender] > 0
            self.total -= self.owed[sender]
            self.owed[sender] = 0

    @rule(sender=st.sampled_from(parties), number=st.integers(0, 3))
    def confirm(self, sender: str, number: int) -> None:
        self.attempt(sender, "confirm", number, bytes(32))

    @invariant()
    def nothing_is_made_lost_or_locked(self) -> None:
        owed = {party: self.chain.call("collectable", party) for party in self.parties}
        assert owed == self.owed
        assert self.chain.held() == self.chain.call("pot") + sum(owed.values()) == self.total


TestMoney = Money.TestCase
TestMoney.settings = settings(max_examples=12, stateful_step_count=30, deadline=None)


# --- the strategy ------------------------------------------------------------------------------------------------


def prepared(hospitals: int = 4, rounds: int = 3, key: str = "blockfl", strategy: Any = None, **others: Any) -> Any:
    params = {"hospitals": hospitals, "patients": 60, "size_skew": 0.7}
    specification = Specification(strategy=key, task="synthetic", task_params=params, seed=0, rounds=rounds, **others)
    ready = prepare(specification, tasks.load("synthetic", **params).dataset(0))
    return ready if strategy is None else replace(ready, strategy=strategy)


def blockfl(**params: Any) -> Any:
    return discovery.build("blockfl", params)


def varied(**replaced: Any) -> Any:
    """The strategy with some of its methods replaced."""
    return type("Varied", (discovery.load("blockfl"),), replaced)()


def lying(how: Callable[[str, int, int], tuple[str, int, int]], who: Sequence[str] = ("hospital 1",)) -> Any:
    """The strategy with hospitals that report something else than content id, samples and time."""
    kind: Any = discovery.load("blockfl")

    def upload(self: Any, site: Site, memory: Memory, update: Update) -> Any:
        report, memory = kind.upload(self, site, memory, update)
        return (how(*report) if site.name in who else report), memory

    return varied(upload=upload)


def latency(ready: Any, state: Any) -> Mapping[str, float]:
    told: Mapping[str, float] = ready.strategy.outcomes(state)["latency_s"]
    return told


FAULTS: dict[str, dict[str, Any]] = {
    "nobody away": {},
    "first away in round 2": {"absent": {"hospital 1": [2]}},
    "last away in rounds 1 and 2": {"absent": {"hospital 4": [1, 2]}},
    "one away throughout": {"absent": {"hospital 2": []}},
    "one too late": {"delay": {"hospital 3": 10_000.0}},
    "all away in round 2": {"absent": {f"hospital {number}": [2] for number in range(1, 5)}},
}


@pytest.mark.parametrize("case", FAULTS)
def test_weights_are_fedavgs_to_the_bit(case: str) -> None:
    ready, plain = prepared(faults=FAULTS[case]), prepared(key="fedavg", faults=FAULTS[case])
    for ours, theirs in zip(states(ready), states(plain), strict=True):
        np.testing.assert_array_equal(ours.weights, theirs.weights)
        assert ours.weights.dtype == theirs.weights.dtype


def test_every_device_computes_them_itself() -> None:
    ready = prepared()
    *_, last = states(ready)
    for hospital in ready.world.hospitals:
        np.testing.assert_array_equal(ready.world.engine.held(hospital, "model"), last.weights)
    _, _, model = ready.world.at(last.contract).call("blockOf", 3)
    assert model == hashlib.sha256(last.weights.tobytes()).digest()
    senders = [receipt.sender for receipt in ready.world.ledger.receipts if receipt.function == "confirm"]
    assert senders == list(ready.world.hospitals) * 3


@pytest.mark.parametrize("attack", [{}, {"kind": "sign_flip", "share": 0.3, "strength": 4.0}])
def test_predictions_are_fedavgs_to_the_bit(attack: dict[str, Any]) -> None:
    """Attacked or not: it has no defence of its own."""
    params = {"hospitals": 6, "patients": 40}
    ours, theirs = (
        completed(run(Specification(key, "synthetic", 0, 2, task_params=params, attack=attack)))
        for key in ("blockfl", "fedavg")
    )
    assert ours["predictions"] == theirs["predictions"]


@pytest.mark.parametrize("hospitals", [1, 2, 3, 20])
def test_any_number_of_hospitals_learns_as_fedavg(hospitals: int) -> None:
    ready = prepared(hospitals, rounds=2)
    (*_, ours), (*_, theirs) = states(ready), states(prepared(hospitals, rounds=2, key="fedavg"))
    np.testing.assert_array_equal(ours.weights, theirs.weights)
    assert ready.strategy.numbers(hospitals) == {"devices": hospitals, "miners": 10}


def merge(samples: Sequence[int], weights: Any, memory: Mapping[str, Any], fetched: list[str] | None = None) -> Any:
    """What one device makes of a block that lists the devices backwards."""
    names = tuple(f"h{number}" for number in range(len(samples)))
    contents = dict(zip(names, weights, strict=True))

    def fetch(content: str) -> Any:
        (fetched if fetched is not None else []).append(content)
        return contents[content]

    site = SimpleNamespace(hospitals=names, fetch=fetch, work=lambda _: None)
    block = {name: (name, count) for name, count in zip(reversed(names), reversed(samples), strict=True)}
    return sys.modules[discovery.load("blockfl").__module__]._merge(site, memory, block)


def test_the_global_update_is_the_papers() -> None:
    """w + sum N_i / N_S (w_i - w), whatever w is; of equal N_i the plain mean."""
    own, uneven = np.array([[2.0, 1.0], [6.0, -1.0]], np.float32), (1, 3)
    before = np.array([100.0, 7.0], np.float32)
    (digest, step), memory = merge(uneven, own, {"model": before})
    by_paper = before + sum(n / 4 * (one - before) for n, one in zip(uneven, own, strict=True))
    np.testing.assert_allclose(memory["model"], by_paper, rtol=1e-6)
    np.testing.assert_array_equal(memory["model"], [5.0, -0.5])
    assert digest == hashlib.sha256(memory["model"].tobytes()).digest()
    assert step == pytest.approx(math.hypot(95, 7.5))
    (_, first), memory = merge((7, 7), own, {})
    np.testing.assert_array_equal(memory["model"], mean(own))
    assert first == math.inf


@pytest.mark.parametrize("how", [lambda cid, n, t: (cid, 10 * n, t), lambda cid, n, t: (cid, n, t // 2)])
def test_who_lies_about_its_samples_or_its_time_is_left_out_and_not_paid(how: Any) -> None:
    ready = prepared(rounds=2, strategy=lying(how))
    *_, last = states(ready)
    others = ready.world.hospitals[1:]
    assert set(last.block) == set(others)
    away = prepared(rounds=2, key="fedavg", faults={"absent": {"hospital 1": []}})
    np.testing.assert_array_equal(last.weights, states(away)[-1].weights)
    assert last.reward["hospital 1"] == 0
    assert all(last.reward[other] == 2 * 10**9 * ready.world.sizes[other] for other in others)
    refused = [receipt for receipt in ready.world.ledger.receipts if not receipt.succeeded]
    assert [receipt.function for receipt in refused] == ["verify", "verify"]
    assert "hospital 1" in last.merged  # it still gets the block
    assert ready.world.clock.now > 2 * 60  # blocks that are not full wait for T_wait


def test_samples_count_as_they_were_verified() -> None:
    """Who scales both samples and time is believed, as the card says."""
    ready = prepared(rounds=1, strategy=lying(lambda cid, n, t: (cid, 10 * n, 10 * t)))
    *_, last = states(ready)
    (*_, honest) = states(prepared(rounds=1))
    assert last.reward["hospital 1"] == 10 * honest.reward["hospital 1"]
    assert np.abs(last.weights - honest.weights).max() > 1e-4


def test_if_everybody_lies_there_is_no_block_and_the_model_stays() -> None:
    everybody = [f"hospital {number}" for number in range(1, 5)]
    ready = prepared(rounds=2, strategy=lying(lambda cid, n, t: (cid, n, t + 10**9), everybody))
    opened, _, last = states(ready)
    assert (last.epochs, last.block) == (0, {})
    np.testing.assert_array_equal(last.weights, opened.weights)
    assert ready.strategy.outcomes(last) == {}
    assert ready.world.at(last.contract).call("epoch") == 1


def test_updates_of_no_numbers_break_the_model_and_not_the_trial() -> None:
    kind: Any = discovery.load("blockfl")

    def upload(self: Any, site: Site, memory: Memory, update: Update) -> Any:
        return kind.upload(self, site, memory, update._replace(weights=np.full_like(update.weights, np.nan)))

    *_, last = states(prepared(rounds=2, strategy=varied(upload=upload)))
    assert last.epochs == 2
    assert np.isnan(last.weights).all()


def test_rewards_are_by_samples_and_the_winners_are_paid_from_the_pot() -> None:
    ready = prepared(rounds=3)
    opened, *_, last = states(ready)
    sizes, chain = ready.world.sizes, ready.world.at(opened.contract)
    for hospital in ready.world.hospitals:
        assert last.reward[hospital] == 3 * 10**9 * sizes[hospital]
    spent = {miner: 10**24 - ready.world.chain.balance(miner) for miner in opened.miners}
    assert sum(spent.values()) == 3 * 10**9 * sum(sizes.values())
    earned = {miner: last.reward[miner] for miner in opened.miners}
    assert 10**18 - chain.call("pot") == sum(earned.values()) > 0
    for number in range(1, 4):
        winner = chain.call("blockOf", number)[0]
        assert winner in opened.miners
    assert ready.strategy.outcomes(last)["reward"] == last.reward


def test_a_hospitals_miner_is_drawn_every_epoch() -> None:
    ready = prepared(hospitals=8, rounds=6)
    states(ready)
    senders = [receipt.sender for receipt in ready.world.ledger.receipts if receipt.function == "verify"]
    epochs = [tuple(senders[start : start + 8]) for start in range(0, 48, 8)]
    assert len(set(epochs)) == 6
    assert set(senders) == {f"miner {number}" for number in range(1, 11)}


def test_who_was_away_merges_the_last_block_before_it_trains() -> None:
    ready, asked = prepared(faults={"absent": {"hospital 3": [2]}}), []
    ask = ready.world.ask

    def noted(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        asked.append((ready.world.round, what.name, tuple(who)))
        return ask(who, what, *arguments, **others)

    ready.world.ask = noted
    states(ready)
    everybody = ready.world.hospitals
    others = tuple(name for name in everybody if name != "hospital 3")
    trained = [(number, who) for number, what, who in asked if what == "fit"]
    assert trained == [(1, everybody), (2, everybody), (3, everybody)]
    merged = [(number, who) for number, what, who in asked if what == "merge"]
    assert merged == [(1, everybody), (2, others), (3, ("hospital 3",)), (3, everybody)]


def test_learning_ends_where_the_weights_no_longer_move() -> None:
    (_, first, *rest) = states(prepared(rounds=4))
    steps = [state.step for state in rest]
    assert first.step == math.inf
    moved = np.linalg.norm(rest[0].weights - first.weights)
    assert steps[0] == pytest.approx(float(moved))
    assert not any(blockfl().finished(state) for state in (first, *rest))
    assert blockfl(epsilon=steps[0]).finished(rest[0])
    assert not blockfl(epsilon=steps[0] * 0.99).finished(rest[0])
    record = completed(run(Specification("blockfl", "heart", 0, 9, params={"epsilon": 100.0})))
    assert record.facts.rounds_used == 2
    assert record.facts.ended_by_itself


# --- latency -----------------------------------------------------------------------------------------------------


def test_the_outcomes_add_up_and_are_on_the_clock() -> None:
    ready = prepared(rounds=4)
    *_, last = states(ready)
    told = ready.strategy.outcomes(last)
    parts = dict(told["latency_s"])
    expected, total = parts.pop("expected"), parts.pop("total")
    assert set(parts) == {"local", "upload", "cross_verification", "mining", "propagation", "download"}
    assert total == pytest.approx(sum(parts.values()))
    assert expected > 0
    assert told["forks"]["races"] == told["forks"]["forks"] + 4
    assert set(told["rate"]) == {"used", "optimal", "recalled"}
    assert told["rate"]["used"] == told["rate"]["optimal"] < told["rate"]["recalled"]
    assert "simulated" not in told
    assert ready.world.clock.now > 4 * total
    assert sum(ready.world.clock.parts.values()) == pytest.approx(ready.world.clock.now)


def test_the_parts_are_the_papers_by_hand() -> None:
    """One miner's link: W log2(1 + 10) bits a second. Nothing forks at a rate this low."""
    ready = prepared(rounds=1, strategy=blockfl(block_rate=1e-6))
    before = dict(ready.world.clock.parts)
    opened, last = states(ready)
    told = ready.strategy.outcomes(last)
    link, update = 300e3 * math.log2(11), 32 * ready.world.network.parameters
    spread = (200e3 + 4 * update) / link
    assert told["forks"] == {"forks": 0, "races": 1}
    assert told["latency_s"]["propagation"] == pytest.approx(spread)
    uploads = [receipt for receipt in ready.world.ledger.receipts if receipt.function == "verify"]
    most = max([receipt.sender for receipt in uploads].count(miner) for miner in opened.miners)
    assert told["latency_s"]["cross_verification"] == pytest.approx(most * update / link)
    overhead = sum(told["latency_s"][part] for part in ("local", "upload", "cross_verification", "propagation"))
    terms = mining.Terms(10, overhead, 9 * spread)
    assert told["rate"]["optimal"] == pytest.approx(mining.optimal_rate(terms))
    assert told["rate"]["recalled"] == pytest.approx(mining.recalled_rate(10, spread, overhead - spread))
    assert told["latency_s"]["expected"] == pytest.approx(mining.expected_latency(1e-6, terms))
    consensus = ready.world.clock.parts["consensus"] - before["consensus"]
    assert consensus > told["latency_s"]["mining"] + spread
    assert told["latency_s"]["mining"] > 1_000  # a tenth of a million seconds on average


def test_a_fork_repeats_the_time_of_the_epoch_and_not_the_training() -> None:
    """At a rate far above the best, several tries; every part but the download is repeated."""
    calm, wild = (prepared(rounds=1, strategy=blockfl(block_rate=rate)) for rate in (1e-6, 3.0))
    (_, once), (_, often) = states(calm), states(wild)
    one, many = latency(calm, once), latency(wild, often)
    tries = wild.strategy.outcomes(often)["forks"]["races"]
    assert tries > 1
    for part in ("local", "upload", "cross_verification", "propagation"):
        assert many[part] == pytest.approx(tries * one[part])
    for part, name in (("compute", "local"), ("network", "upload")):
        repeated = wild.world.clock.parts[part] - calm.world.clock.parts[part]
        assert repeated == pytest.approx((tries - 1) * one[name])
    np.testing.assert_array_equal(once.weights, often.weights)
    trained = [len([r for r in ready.world.ledger.receipts if r.function == "upload"]) for ready in (calm, wild)]
    assert trained == [4, 4]


@pytest.mark.parametrize("factor", [0.25, 2.0])
def test_the_rate_is_a_multiple_of_the_best_or_as_given(factor: float) -> None:
    ready = prepared(rounds=1, strategy=blockfl(rate_factor=factor))
    *_, last = states(ready)
    rate = ready.strategy.outcomes(last)["rate"]
    assert rate["used"] == pytest.approx(factor * rate["optimal"])
    given = prepared(rounds=1, strategy=blockfl(block_rate=0.03, rate_factor=factor))
    *_, last = states(given)
    assert given.strategy.outcomes(last)["rate"] == {**rate, "used": 0.03}


def test_more_races_estimate_the_latency_and_change_nothing() -> None:
    """With the same draws at every rate, so that the estimates can be compared."""
    plain = prepared(rounds=2)
    *_, without = states(plain)
    found = {}
    for factor in (0.3, 1.0, 3.0):
        ready = prepared(rounds=2, strategy=blockfl(rate_factor=factor, races=400))
        *_, last = states(ready)
        told = ready.strategy.outcomes(last)
        assert told["simulated"]["races"] == 800
        assert told["simulated"]["latency_s"] == pytest.approx(told["latency_s"]["expected"], rel=0.15)
        found[factor] = told["simulated"]["latency_s"]
        if factor == 1.0:
            assert latency(ready, last) == latency(plain, without)
            assert ready.world.clock.now == plain.world.clock.now
    assert found[1.0] < min(found[0.3], found[3.0])


def test_more_races_have_the_same_draws_at_every_rate_however_often_the_epoch_forks() -> None:
    """Mining in them takes as many times longer as the rate is lower."""
    mined, tries = {}, {}
    for factor in (0.3, 9.0):
        *_, last = states(prepared(rounds=1, strategy=blockfl(rate_factor=factor, races=50)))
        overhead = sum(last.sums[part] for part in ("local", "upload", "cross_verification", "propagation"))
        tries[factor] = last.sums["races"]
        mined[factor] = last.sums["simulated seconds"] - 50 * overhead / tries[factor]
    assert tries[0.3] != tries[9.0]
    assert 0.3 * mined[0.3] == pytest.approx(9.0 * mined[9.0])


def test_one_miner_never_forks_and_needs_a_rate() -> None:
    ready = prepared(rounds=2, strategy=blockfl(miners=1, block_rate=50.0))
    *_, last = states(ready)
    told = ready.strategy.outcomes(last)
    assert told["forks"] == {"forks": 0, "races": 2}
    assert told["rate"] == {"used": 50.0}
    assert told["latency_s"]["propagation"] == told["latency_s"]["cross_verification"] == 0
    assert last.reward["miner 1"] == 2 * 10**9 * sum(ready.world.sizes.values())
    with pytest.raises(ValueError, match="give a block_rate"):
        states(prepared(rounds=1, strategy=blockfl(miners=1)))


def test_a_block_that_is_not_full_waits_for_t_wait() -> None:
    """A hospital beyond the patience is waited for anyway; one that is refused costs the rest of T_wait."""
    lie = lying(lambda cid, n, t: (cid, n, t + 10**9))
    short, long = (prepared(rounds=1, strategy=replace(lie, wait_s=seconds)) for seconds in (30.0, 300.0))
    for ready, seconds in ((short, 30), (long, 300)):
        *_, last = states(ready)
        assert 0.5 * seconds < ready.world.clock.parts["waiting"] <= seconds
        assert latency(ready, last)["cross_verification"] > 0.5 * seconds
    ready = prepared(rounds=1)
    states(ready)
    assert ready.world.clock.parts["waiting"] == 0


@pytest.mark.parametrize("rate", [1e-6, 3.0])
def test_what_the_outcomes_tell_has_passed_on_the_clock(rate: float) -> None:
    ready = prepared(rounds=1, strategy=blockfl(block_rate=rate))
    ask, elapse, passed = ready.world.ask, ready.world.elapse, dict.fromkeys(("compute", "network", "consensus"), 0.0)
    asked: dict[str, float] = {}

    def timed(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        ready.world.chain.settle()
        before = ready.world.clock.now
        replies = ask(who, what, *arguments, **others)
        asked[what.name] = ready.world.clock.now - before
        return replies

    def noted(part: str, seconds: float) -> None:
        passed[part] = passed.get(part, 0.0) + seconds
        elapse(part, seconds)

    ready.world.ask, ready.world.elapse = timed, noted
    *_, last = states(ready)
    told, tries = latency(ready, last), ready.strategy.outcomes(last)["forks"]["races"]
    assert asked["merge"] == pytest.approx(told["download"])
    assert asked["fit"] == pytest.approx((told["local"] + told["upload"]) / tries)
    assert passed["compute"] == pytest.approx(told["local"] * (tries - 1) / tries)
    assert passed["network"] == pytest.approx(told["upload"] * (tries - 1) / tries)
    mined = told["cross_verification"] + told["mining"] + told["propagation"]
    assert passed["consensus"] == pytest.approx(mined)
    assert passed.get("waiting", 0.0) == 0


def test_what_depends_on_others_comes_in_a_later_block() -> None:
    ready = prepared(rounds=1)
    states(ready)
    blocks: dict[str, set[int]] = {}
    for receipt in ready.world.ledger.receipts:
        blocks.setdefault(receipt.function, set()).add(receipt.block)
    order = ["constructor", "upload", "verify", "pack", "confirm"]
    assert list(blocks) == order
    assert all(max(blocks[one]) < min(blocks[other]) for one, other in pairwise(order))


def test_devices_merge_in_the_order_of_hospitals_whatever_the_blocks() -> None:
    """The contract lists updates as verified; FedAvg sums in the order of hospitals."""
    own = np.random.default_rng(0).standard_normal((3, 50)).astype(np.float32)
    fetched: list[str] = []
    _, memory = merge((5, 7, 9), own, {}, fetched)
    np.testing.assert_array_equal(memory["model"], weighted_mean(own, (5, 7, 9)))
    assert fetched == ["h0", "h1", "h2"]
