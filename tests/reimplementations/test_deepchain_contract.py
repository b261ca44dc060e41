"""DeepChain's contract: who may do what and when, whose deposit goes to whom, and proofs that it checks itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pytest
from deepchain_trading import (
    AGGREGATING,
    DECRYPTING,
    DEPOSIT,
    DISPUTING,
    FEE,
    NEVER,
    UPLOADING,
    WINDOW,
    Trading,
)
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from papers import STRANGER, solidity
from payee import join, payee, through

from chainward.methods.paillier_proofs import parts_of
from chainward.testing import ContractConformance, OnChain, refused
from chainward.testing.liveness import Act, Draw, Liveness
from chainward.world import Receipt

Step = Callable[[], Trading]


def joined() -> Trading:
    return Trading().join()


def uploaded() -> Trading:
    return joined().upload()


def aggregated() -> Trading:
    return uploaded().claim()


def submitted() -> Trading:
    return aggregated().submit(wrong="d")


def after(step: Step, sender: str, function: str, *arguments: Any, value: int = 0) -> Callable[[], Receipt]:
    return lambda: step().send(sender, function, *arguments, value=value)


def late(step: Step, sender: str, function: str, *arguments: Any, value: int = 0) -> Callable[[], Receipt]:
    return lambda: step().wait(WINDOW + 1).send(sender, function, *arguments, value=value)


def made(**other: Any) -> None:
    """A contract with other terms than the usual."""
    told = {"parties": ["a", "b"], "keys": [bytes(32)] * 2, "workers": ["u"], "threshold": 2, **other}
    OnChain().deploy("DeepChain", [*told.values(), DEPOSIT, FEE, 100, WINDOW], "founder")


def unpayable() -> tuple[Trading, str]:
    """A party that takes no plain payment is owed its deposit."""
    with TemporaryDirectory() as folder:
        purse = payee(Path(folder))
        chain = Trading(parties=("a", "b", "c", purse), folders=(Path(folder),))
        join(chain, purse)
        through(chain, purse, "DeepChain", "join", value=DEPOSIT)
        through(chain, purse, "DeepChain", "leave")
        return chain, purse


def too_costly() -> Receipt:
    """Powers of numbers of 8,192 bits, for which a block has no gas: a check that fails so must not count as wrong."""
    width, chain = 1024, OnChain()
    key, total, message = bytes(3 * width - 1) + b"\3", bytes(width), bytes(6 * width)
    terms = [["a"], [keccak(key)], ["u"], 1, DEPOSIT, FEE, len(message), WINDOW]
    chain.deploy("DeepChain", terms, "founder")
    chain.send("a", "join", value=DEPOSIT)
    chain.send("a", "upload", bytes(32), value=FEE)
    chain.send("u", "claim", keccak(total), 1)
    chain.send("a", "submit", message)
    return chain.send("u", "dispute", "a", key, total, message)


ANY = bytes(32)
DISPUTED = ("dispute", "d", b"", b"", b"")
REFUSALS: Mapping[str, Sequence[tuple[str, Callable[[], Any]]]] = {
    "constructor": [
        ("more than 256", partial(made, parties=["a"] * 257)),
        ("a key a party", partial(made, keys=[])),
        ("not a threshold", partial(made, threshold=0)),
        ("not a threshold", partial(made, threshold=3)),
        ("no workers", partial(made, workers=[])),
        ("party listed twice", partial(made, parties=["a", "a"])),
        ("worker listed twice", partial(made, workers=["u", "u"])),
    ],
    "join": [
        ("not the phase", after(uploaded, "a", "join", value=DEPOSIT)),
        ("too late", late(lambda: Trading().join("a"), "b", "join", value=DEPOSIT)),
        ("not a party", after(Trading, "u", "join", value=DEPOSIT)),
        ("already joined", after(joined, "a", "join", value=DEPOSIT)),
        ("not the deposit", after(Trading, "a", "join", value=DEPOSIT - 1)),
    ],
    "leave": [
        ("not the phase", after(uploaded, "a", "leave")),
        ("too late", late(joined, "a", "leave")),
        ("no deposit", after(Trading, "a", "leave")),
        ("already uploaded", after(lambda: joined().upload("a"), "a", "leave")),
    ],
    "upload": [
        ("not the phase", after(uploaded, "a", "upload", ANY, value=FEE)),
        ("too late", late(joined, "a", "upload", ANY, value=FEE)),
        ("no deposit", after(Trading, "a", "upload", ANY, value=FEE)),
        ("already uploaded", after(lambda: joined().upload("a"), "a", "upload", ANY, value=FEE)),
        ("not the fee", after(joined, "a", "upload", ANY, value=FEE + 1)),
    ],
    "claim": [
        ("not the phase", after(joined, "u", "claim", ANY, 0)),
        ("too late", late(uploaded, "u", "claim", ANY, 0)),
        ("not a worker", after(uploaded, "a", "claim", ANY, 0)),
        ("already claimed", after(lambda: uploaded().claim("u"), "u", "claim", ANY, 0)),
        ("not an upload", after(uploaded, "u", "claim", ANY, 1 << 4)),
    ],
    "submit": [
        ("not the phase", after(uploaded, "a", "submit", b"")),
        ("too late", late(aggregated, "a", "submit", b"")),
        ("not in the sum", after(lambda: uploaded().claim(parties="abc"), "d", "submit", b"")),
        ("already submitted", after(lambda: aggregated().submit("a"), "a", "submit", b"")),
        ("not of the length", after(aggregated, "a", "submit", b"")),
    ],
    "dispute": [
        ("not the phase", after(aggregated, "w", *DISPUTED)),
        ("too late", late(submitted, "w", *DISPUTED)),
        ("nothing submitted", after(submitted, "w", "dispute", STRANGER, b"", b"", b"")),
        ("not its key", lambda: (it := submitted()).dispute("d", key=it.key_of("a"))),
        ("not the sum", lambda: submitted().dispute("d", total=b"")),
        ("not what it submitted", lambda: (it := submitted()).dispute("d", message=it.messages["a"])),
        ("the proof holds", lambda: submitted().dispute("a")),
        ("no modular power", too_costly),
    ],
    "approve": [
        ("not the phase", after(aggregated, "u", "approve")),
        ("too late", late(submitted, "u", "approve")),
        ("not a worker", after(submitted, "a", "approve")),
        ("already approved", after(lambda: submitted().approve("u"), "u", "approve")),
    ],
    "close": [("before the deadline", after(step, "a", "close")) for step in (Trading, joined, uploaded, submitted)],
    "collect": [
        ("nothing to collect", after(joined, "a", "collect")),
        ("payment refused", lambda: through(*unpayable(), "DeepChain", "collect")),
    ],
}


class TestRefusals(ContractConformance):
    source = solidity("DeepChain")
    refusals = REFUSALS
    unreachable = frozenset({("dispute", "no modular power")})  # one test for the many powers that one function takes


# --- a round ---------------------------------------------------------------------------------------


def test_a_round_without_misbehaviour_returns_every_deposit() -> None:
    trading = Trading().play().approve()
    assert (trading.call("opened"), trading.call("round"), trading.call("phase")) == (1, 2, UPLOADING)
    for party in trading.parties:
        trading.send(party, "leave")
        trading.send(party, "collect")
    assert trading.holds(trading.parties) == 4 * FEE
    assert (trading.owed(), trading.call("deadline")) == ({"u": 4 * FEE}, NEVER)
    trading.check_money()


def test_the_first_worker_of_the_majority_earns_the_fees() -> None:
    trading = uploaded()
    trading.send("w", "claim", keccak(b"another sum"), 0b1111)
    assert trading.call("phase") == AGGREGATING
    trading.claim("vu")
    assert trading.owed() == {"v": 4 * FEE}
    assert trading.call("aggregate") == keccak(trading.total)
    assert trading.call("phase") == DECRYPTING


def test_half_of_the_workers_decide_nothing() -> None:
    trading = Trading(workers="uvwx").join().upload().claim("uv")
    assert trading.call("phase") == AGGREGATING
    assert trading.close().call("round") == 2
    assert trading.owed() == dict.fromkeys("abcd", FEE)
    trading.check_money()


def test_an_upload_left_out_by_most_workers_loses_its_deposit_to_the_others() -> None:
    trading = uploaded().claim(parties="abc")
    assert trading.named("locked") == trading.named("included") == "abc"
    assert trading.owed() == {"a": DEPOSIT // 3 + 1, "b": DEPOSIT // 3, "c": DEPOSIT // 3, "u": 4 * FEE}
    trading.check_money()


def test_who_does_not_upload_in_time_loses_its_deposit_to_the_others() -> None:
    trading = joined().upload("abc")
    assert trading.call("phase") == UPLOADING
    trading.close()
    assert (trading.call("phase"), trading.named("locked")) == (AGGREGATING, "abc")
    assert trading.owed() == {"a": 334, "b": 333, "c": 333}
    trading.check_money()


def test_who_withholds_its_parts_loses_its_deposit_to_the_others_in_real_balances() -> None:
    trading = aggregated().submit("abc").close()
    assert (trading.call("phase"), trading.named("submitted")) == (DISPUTING, "abc")
    for party in "abc":
        trading.send(party, "collect")
    assert [trading.holds([party]) - FEE for party in "abcd"] == [DEPOSIT - 334, DEPOSIT - 333, DEPOSIT - 333, DEPOSIT]
    assert trading.approve().call("opened") == 1
    trading.check_money()


def test_who_lost_its_deposit_goes_on_with_another() -> None:
    trading = joined().upload("abc").close().claim().submit("abc").approve()
    with refused("no deposit"):
        trading.upload("d")
    assert trading.play().approve().call("opened") == 2


def test_too_few_uploads_make_no_sum_and_cost_no_fee() -> None:
    trading = joined().upload("ab").close()
    assert (trading.call("opened"), trading.call("round")) == (0, 2)
    assert trading.owed() == {"a": DEPOSIT + FEE, "b": DEPOSIT + FEE}


def test_a_sum_of_fewer_than_the_threshold_is_not_opened() -> None:
    trading = uploaded().claim(parties="ab")
    assert (trading.call("phase"), trading.call("round"), trading.call("opened")) == (UPLOADING, 2, 0)
    assert trading.named("locked") == "ab"


def test_a_sum_of_nobody_is_not_opened() -> None:
    trading = uploaded().claim(parties="")
    assert (trading.call("phase"), trading.call("round"), trading.call("opened")) == (UPLOADING, 2, 0)
    assert trading.owed() == dict.fromkeys("abcd", DEPOSIT) | {"u": 4 * FEE}
    trading.check_money()


def test_too_few_parts_open_nothing() -> None:
    trading = aggregated().submit("ab").close()
    assert (trading.call("round"), trading.call("opened"), trading.named("locked")) == (2, 0, "ab")
    trading.check_money()


def test_where_all_are_late_each_has_its_own_deposit_back() -> None:
    trading = joined().close()
    assert trading.owed() == dict.fromkeys("abcd", DEPOSIT)
    assert (trading.call("locked"), trading.call("deadline")) == (0, NEVER)


def test_nobody_waits_for_the_deadline_once_all_workers_have_approved() -> None:
    trading = submitted().approve("uv")
    assert trading.call("phase") == DISPUTING
    trading.dispute("d")
    assert trading.approve("w").call("opened") == 1


def test_silent_workers_end_with_the_deadline() -> None:
    assert submitted().close().call("opened") == 1


def test_leaving_lets_the_others_go_on() -> None:
    trading = joined().upload("abc")
    trading.send("d", "leave")
    assert trading.call("phase") == AGGREGATING


# --- proofs that the contract checks itself -----------------------------------------------------------


@pytest.mark.parametrize("bits", [128, 256, 512])
@pytest.mark.parametrize("count", [1, 3])
def test_a_wrong_part_is_struck_out_and_a_right_one_is_not(bits: int, count: int) -> None:
    trading = Trading(bits=bits, count=count).join().upload().claim().submit(wrong="b")
    with refused("the proof holds"):
        trading.dispute("a")
    trading.dispute("b", by=STRANGER)
    assert (trading.named("submitted"), trading.named("locked")) == ("acd", "acd")
    assert trading.owed() == {"a": 334, "c": 333, "d": 333, "u": 4 * FEE}
    with refused("nothing submitted"):
        trading.dispute("b")
    trading.check_money()


def changed(message: bytes, place: int, bit: int) -> bytes:
    return message[:place] + bytes([message[place] ^ 1 << bit]) + message[place + 1 :]


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_contract_and_parties_agree_on_every_change_of_a_message(data: st.DataObject) -> None:
    trading = aggregated()
    message = trading.message("a")
    message = changed(message, data.draw(st.integers(0, len(message) - 1)), data.draw(st.integers(0, 7)))
    trading.send("a", "submit", message)
    trading.messages["a"] = message
    trading.submit("bcd")
    assert parts_of(trading.key, 1, trading.sums, message, trading.call("domain", "a")) is None
    trading.dispute("a")
    assert trading.named("submitted") == "bcd"


def test_parts_of_another_party_or_round_or_contract_are_wrong() -> None:
    trading = aggregated()
    own = trading.message("a")
    trading.messages["b"] = own
    trading.send("b", "submit", own)
    trading.submit("acd").dispute("b")
    trading.approve()
    trading.join("b").upload().claim()
    trading.messages["a"] = own
    trading.send("a", "submit", own)
    trading.submit("bcd").dispute("a")
    assert trading.named("submitted") == "bcd"


def test_parts_that_are_zero_are_wrong() -> None:
    trading = aggregated()
    trading.messages["a"] = bytes(trading.size)
    trading.send("a", "submit", trading.messages["a"])
    trading.submit("bcd").dispute("a")


@pytest.mark.slow
def test_a_dispute_at_2048_bits_fits_a_block() -> None:
    """13.9 million gas with one ciphertext, 0.9 a further one: 18 fit into 30 million."""
    gas = {}
    for count in (1, 3):
        trading = Trading(bits=2048, count=count).join().upload().claim().submit(wrong="b")
        gas[count] = trading.dispute("b").gas
    assert 13e6 < gas[1] < 15e6
    assert gas[1] + 17 * (gas[3] - gas[1]) / 2 < 30e6


# --- random runs ---------------------------------------------------------------------------------------


class Sleeping(Liveness):
    """It rests where nobody has a deposit. Whoever sleeps for ever, the others go on and every wei comes home."""

    parties = ("a", "b", "c", "u", "v")
    repeatable = frozenset({"collect", "leave", "join"})
    owes, keeps = "collectable", ("held",)
    windows = 6

    @staticmethod
    def join(it: Any, sender: str, _: Draw) -> Receipt:
        return it.send(sender, "join", value=DEPOSIT)

    @staticmethod
    def leave(it: Any, sender: str, _: Draw) -> Receipt:
        return it.send(sender, "leave")

    @staticmethod
    def upload(it: Any, sender: str, _: Draw) -> Receipt:
        return it.send(sender, "upload", ANY, value=FEE)

    @staticmethod
    def claim(it: Any, sender: str, draw: Draw) -> Receipt:
        return it.send(sender, "claim", keccak(it.total), it.call("uploaded") & draw(st.sampled_from([7, 7, 7, 3])))

    @staticmethod
    def submit(it: Any, sender: str, draw: Draw) -> Receipt:
        it.messages[sender] = it.message(sender, draw(st.integers(0, 1))) if sender in it.parties else b""
        return it.send(sender, "submit", it.messages[sender])

    @staticmethod
    def dispute(it: Any, sender: str, draw: Draw) -> Receipt:
        return it.dispute(draw(st.sampled_from("abc")), by=sender)

    @staticmethod
    def approve(it: Any, sender: str, _: Draw) -> Receipt:
        return it.send(sender, "approve")

    @staticmethod
    def collect(it: Any, sender: str, _: Draw) -> Receipt:
        return it.send(sender, "collect")

    acts: ClassVar[Mapping[str, Act]] = {
        "join": join,
        "leave": leave,
        "upload": upload,
        "claim": claim,
        "submit": submit,
        "dispute": dispute,
        "approve": approve,
        "collect": collect,
    }

    def make(self, draw: Draw) -> Trading:
        return Trading(parties="abc", workers="uv", threshold=draw(st.integers(1, 3)))

    def resting(self) -> bool:
        return bool(self.it.call("deadline") == NEVER)


TestSleeping = Sleeping.TestCase


def test_named_keeps_the_order_of_parties() -> None:
    trading = Trading()
    assert [trading.call("named", bits) for bits in (0, 0b1000, 0b1010)] == [(), ("d",), ("b", "d")]


def test_a_domain_is_that_of_contract_round_and_party() -> None:
    trading = joined()
    first = {trading.call("domain", party) for party in "abcd"}
    trading.close()
    assert len(first | {trading.call("domain", "a")}) == 5
