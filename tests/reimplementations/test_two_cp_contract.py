"""2CP's contracts by hand, all that they refuse, and random callers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from anybody import Anybody
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from papers import NOBODY, STRANGER, solidity
from two_cp_runs import (
    ALICE,
    COMMITTING,
    ENDLESS,
    NEVER,
    ONE,
    REVEALING,
    SALT,
    WINDOW,
    A,
    B,
    C,
    Protocol,
    consortium,
    named,
)

from chainward.ledgers.consensus import Periodic
from chainward.ledgers.evm import EvmLedger
from chainward.methods import commitment
from chainward.testing import ContractConformance
from chainward.testing.contracts import Act, Refusals, accepted
from chainward.testing.liveness import Act as Deed
from chainward.testing.liveness import Draw, Liveness
from chainward.world import Reverted


def test_a_round_by_hand() -> None:
    protocol = Protocol().play({"a": A, "b": B}).score(ALICE, {A: 3, B: 0})
    assert protocol.call("updates", 0, 1) == (("a", "b"), (A, B))
    assert [protocol.call("countTokens", name) for name in ("a", "b", STRANGER)] == [3, 0, 0]
    assert protocol.call("rounds") == (2,)
    protocol.play({"a": C}).score(ALICE, {C: ONE})
    assert protocol.call("countTokens", "a") == ONE + 3
    assert protocol.call("rounds") == (3,)


def test_events_tell_it_all() -> None:
    protocol = Protocol("a").play({"a": A}).score(ALICE, {A: 5})
    told = [list(receipt.events) for receipt in protocol.ledger.receipts]
    assert [[name for name, _ in events] for events in told] == [
        ["RunOpened"],
        ["Committed"],
        ["Revealed", "RoundEnded"],
        ["TokensSet"],
    ]
    assert told[1][0][1] == {"run": 0, "round": 1, "trainer": "a"}
    assert told[3][0][1] == {"run": 0, "trainer": "a", "digest": A, "amount": 5}


def test_a_consortium_counts_tokens_over_all_its_runs() -> None:
    """Everybody earns from the runs of the others; the main run earns nobody anything."""
    protocol = consortium()
    protocol.play({"b": B, "c": C}, 1).score("a", {B: 1, C: 10}, 1)
    protocol.play({"a": A, "c": C}, 2).score("b", {A: 100, C: 1000}, 2)
    protocol.play({"a": A, "b": B, "c": C})
    assert [protocol.call("countTokens", name) for name in "abc"] == [100, 1, 1010]
    assert [protocol.call("auxiliaryOf", name) for name in "abc"] == [1, 2, 3]
    assert protocol.call("rounds") == (2, 2, 2, 1)


def test_a_round_ends_early_once_all_updates_are_in_and_else_by_deadline() -> None:
    protocol = Protocol()
    assert (protocol.call("deadline"), protocol.call("waits", COMMITTING)) == (NEVER, False)
    protocol.commit("a", A)
    assert protocol.call("waits", COMMITTING)
    assert protocol.call("deadline") == protocol.ledger.receipts[-1].block + WINDOW
    protocol.late().close()
    assert protocol.call("waits", REVEALING)
    assert protocol.reveal("a", A).call("rounds") == (2,)
    protocol.commit("a", B).commit("b", C)
    assert protocol.call("waits", REVEALING)
    assert protocol.reveal("a", B).late().late().close().call("rounds") == (3,)
    assert protocol.call("updates", 0, 2) == (("a",), (B,))


def test_runs_begun_together_have_one_time_to_reveal_whether_complete_or_not() -> None:
    """Run 2 is complete; a deadline closes run 0 alone, and both then wait until the same block."""
    protocol = consortium("ab").commit("a", A, 0).commit("a", A, 2)
    begun = protocol.call("deadline")
    assert protocol.call("waits", COMMITTING)
    protocol.late().close()
    assert not protocol.call("waits", COMMITTING)
    assert protocol.call("deadline") == begun + WINDOW
    protocol.reveal("a", A, 0).reveal("a", A, 2)
    assert protocol.call("rounds") == (2, 1, 2)


def test_the_deadlines_block_is_still_in_time() -> None:
    protocol = Protocol("abc").commit("a", A)
    deadline = protocol.call("deadline")
    protocol.late(deadline - 1 - protocol.ledger.block(protocol.now)).commit("b", B)
    assert protocol.ledger.receipts[-1].block == deadline


def test_a_copied_commitment_cannot_be_opened() -> None:
    protocol = Protocol().commit("a", A).commit("a", A, by="b").reveal("a", A)
    with pytest.raises(Reverted, match="commitment not opened"):
        protocol.reveal("b", A)
    protocol.late().late().close().score(ALICE, {A: 7})
    assert [protocol.call("countTokens", name) for name in "ab"] == [7, 0]


def test_a_copy_counts_for_nothing_and_holds_up_nobody() -> None:
    """Bytes that were revealed before, in this round or an earlier one, by oneself or another."""
    protocol = Protocol().commit("a", A).commit("b", A).reveal("a", A).reveal("b", A)
    assert protocol.ledger.receipts[-1].events[0] == ("Copied", {"run": 0, "trainer": "b", "digest": A})
    protocol.score(ALICE, {A: 7}).play({"a": A, "b": B})
    assert protocol.call("rounds") == (3,)
    assert [protocol.call("updates", 0, number) for number in (1, 2)] == [(("a",), (A,)), (("b",), (B,))]
    protocol.score(ALICE, {B: 5})
    assert [protocol.call("countTokens", name) for name in "ab"] == [7, 5]


def test_a_copy_in_one_run_leaves_its_senders_other_updates() -> None:
    protocol = consortium("ab").play({"a": A, "b": B})
    seals = [commitment.sealed(domain, SALT, A) for domain in protocol.call("domains", "a")]
    protocol.send("a", "commit", [0, 2], [seals[0], seals[2]])
    protocol.late().close().send("a", "reveal", [0, 2], [SALT, SALT], [A, A])
    assert [protocol.call("updates", run, number)[0] for run, number in ((0, 2), (2, 1))] == [(), ("a",)]
    assert protocol.call("rounds") == (3, 1, 2)


def test_an_evaluator_hands_out_its_budget_once_a_round() -> None:
    protocol = Protocol(budget=10).play({"a": A, "b": B}).score(ALICE, {A: 7})
    with pytest.raises(Reverted, match="more than the budget"):
        protocol.score(ALICE, {B: 4})
    protocol.score(ALICE, {B: 3}).play({"a": C}).score(ALICE, {C: 10})
    assert [protocol.call("countTokens", name) for name in "ab"] == [17, 3]


def test_a_deadline_closes_the_runs_that_are_overdue_and_no_others() -> None:
    protocol = consortium("ab").commit("a", A, 0)
    protocol.wait(WINDOW - 2).commit("b", B, 1).wait(3).close()
    assert [protocol.call("waits", phase) for phase in (COMMITTING, REVEALING)] == [False, True]
    protocol = consortium("abc").commit("a", A, 0)
    protocol.wait(WINDOW - 2).commit("b", B, 1).wait(3).close()
    assert [protocol.call("waits", phase) for phase in (COMMITTING, REVEALING)] == [True, True]
    with pytest.raises(Reverted, match="before the deadline"):
        protocol.close()


def revealing() -> Protocol:
    return Protocol().commit("a", A).commit("b", B)


def over() -> Protocol:
    return revealing().reveal("a", A).reveal("b", B)


PAST = {"commit": ("a", A), "reveal": ("a", SALT, A), "close": (), "setTokens": (ALICE, A, 1)}


def past_the_protocol(function: str) -> Act:
    """Call a run itself."""

    def act() -> None:
        ledger = EvmLedger(Periodic())
        address = ledger.deploy("Crowdsource", [ALICE, 2, ENDLESS, WINDOW], "maker", 0, 0.0).address
        ledger.send(address, function, PAST[function], ALICE, 0, 0.0)

    return act


def uneven(function: str, *arguments: Any) -> Act:
    return lambda: Protocol().send("a", function, *arguments)


REFUSALS: Refusals = {
    **{f"Crowdsource.{function}": [("not the protocol", past_the_protocol(function))] for function in PAST},
    "constructor": [
        ("trainer listed twice", lambda: Protocol("aba")),
        ("evaluators do not train", lambda: Protocol("ab", "a")),
    ],
    "commit": [
        ("evaluators do not train", lambda: consortium().commit("a", A, 1)),
        ("not the phase", lambda: revealing().commit("a", C)),
        ("too late", lambda: Protocol().commit("a", A).late().commit("b", B)),
        ("already committed", lambda: Protocol().commit("a", A).commit("a", B)),
        ("not a trainer", lambda: Protocol().commit(STRANGER, A)),
        ("lengths differ", uneven("commit", [0], [])),
    ],
    "reveal": [
        ("not the phase", lambda: Protocol().commit("a", A).reveal("a", A)),
        ("too late", lambda: revealing().late().late().reveal("a", A)),
        ("nothing committed", lambda: Protocol().commit("a", A).late().close().reveal("b", B)),
        ("nothing committed", lambda: revealing().reveal(STRANGER, C)),
        ("already revealed", lambda: revealing().reveal("a", A).reveal("a", C)),
        ("commitment not opened", lambda: revealing().reveal("a", C)),
        ("commitment not opened", lambda: Protocol().commit("a", A).commit("a", A, by="b").reveal("b", A)),
        ("lengths differ", uneven("reveal", [0], [], [A])),
        ("lengths differ", uneven("reveal", [0], [SALT], [])),
    ],
    "close": [
        ("before the deadline", lambda: Protocol().late().close()),
        ("before the deadline", lambda: over().late().close()),
        ("before the deadline", lambda: Protocol().commit("a", A).close()),
        ("before the deadline", lambda: revealing().close()),
    ],
    "setTokens": [
        ("not the evaluator", lambda: over().score("a", {A: 1})),
        ("not the evaluator", lambda: consortium().play({"b": B, "c": C}, 1).score("b", {C: 1}, 1)),
        ("not the evaluator", lambda: consortium().play({"a": A, "b": B, "c": C}).score("a", {B: 1})),
        ("nobody's update", lambda: over().score(ALICE, {C: 1})),
        ("round not over", lambda: revealing().reveal("a", A).score(ALICE, {A: 1})),
        ("already scored", lambda: over().score(ALICE, {A: 0}).score(ALICE, {A: 1})),
        ("more than all of a loss", lambda: over().score(ALICE, {A: ONE + 1})),
        ("more than the budget", lambda: Protocol("a", budget=9).play({"a": A}).score(ALICE, {A: 10})),
        ("lengths differ", lambda: over().send(ALICE, "setTokens", 0, [A], [])),
    ],
    "addAux": [
        ("not the founder", lambda: Protocol("ab", NOBODY).send("a", "addAux", "a")),
        ("not a consortium", lambda: Protocol().send("founder", "addAux", "a")),
        ("not a trainer", lambda: Protocol("ab", NOBODY).send("founder", "addAux", STRANGER)),
        ("already has a run", lambda: consortium().send("founder", "addAux", "a")),
        ("nobody else would train", lambda: Protocol("a", NOBODY).send("founder", "addAux", "a")),
    ],
}


class TestRefusals(ContractConformance):
    source = solidity("TwoCP")
    refusals = REFUSALS


class Earning(Anybody):
    """Anybody calls anything: tokens are those set by the evaluator of an ended round, once an update, in all runs."""

    steps = 25

    @initialize(several=st.booleans())
    def begin(self, several: bool) -> None:
        self.it = consortium() if several else Protocol("abc")
        self.scorers = [NOBODY, *"abc"] if several else [ALICE]
        self.secrets: dict[tuple[str, int], bytes] = {}
        self.due: dict[tuple[int, bytes], tuple[str, int]] = {}
        self.made = 0

    anybody = st.sampled_from([*"abc", ALICE, STRANGER])
    run = st.integers(0, 3)

    @rule(sender=st.sampled_from("abc"), run=run, old=st.sampled_from([False, False, True]))
    def commit(self, sender: str, run: int, old: bool) -> None:
        run %= len(self.scorers)
        self.made += not old
        digest = named(f"{run} {self.made}")  # an old one is a copy of another's or one's own
        if accepted(lambda: self.it.commit(sender, digest, run)):
            self.secrets[sender, run] = digest

    @rule(sender=st.sampled_from("abc"), run=run)
    def reveal(self, sender: str, run: int) -> None:
        run %= len(self.scorers)
        accepted(lambda: self.it.reveal(sender, self.secrets.get((sender, run), C), run))

    @rule(blocks=st.sampled_from([1, WINDOW + 1]))
    def close(self, blocks: int) -> None:
        overdue = self.it.late(blocks).ledger.block(self.it.now) + 1 > self.it.call("deadline")
        assert accepted(self.it.close) == overdue

    @rule(sender=anybody, run=run, honest=st.booleans(), amount=st.integers(0, ONE + 1))
    def score(self, sender: str, run: int, honest: bool, amount: int) -> None:
        run %= len(self.scorers)
        sender = self.scorers[run] if honest and self.scorers[run] != NOBODY else sender
        open_round = self.it.call("rounds")[run]
        for number in range(1, open_round + 1):
            for trainer, digest in zip(*self.it.call("updates", run, number), strict=True):
                right = sender == self.scorers[run] and number < open_round and amount <= ONE
                expected = right and (run, digest) not in self.due
                assert accepted(lambda d=digest: self.it.score(sender, {d: amount}, run)) == expected
                if expected:
                    self.due[run, digest] = (trainer, amount)

    @invariant()
    def tokens_are_what_was_set(self) -> None:
        for name in (*"abc", ALICE, STRANGER):
            owed = sum(amount for trainer, amount in self.due.values() if trainer == name)
            assert self.it.call("countTokens", name) == owed


TestEarning = Earning.TestCase


def names(run: int) -> Mapping[str, Deed]:
    """What one does in a run: its update is new in each round, and a copy of what everybody else reveals in run 0."""

    def digest(it: Any, sender: str) -> bytes:
        return named(f"{run} {it.call('rounds')[run]} {sender if run else ''}")

    return {
        f"commit {run}": lambda it, sender, draw: it.commit(sender, digest(it, sender), run),
        f"reveal {run}": lambda it, sender, draw: it.reveal(sender, digest(it, sender), run),
    }


class Waiting(Liveness):
    """No run waits for ever for whoever committed, or did not, or scores."""

    parties = ("founder", *"abc")
    acts: ClassVar = {**names(0), **names(1), **names(2), "close": lambda it, sender, draw: it.send(sender, "close")}

    def make(self, draw: Draw) -> Protocol:
        return consortium()

    def stand(self) -> tuple[int, ...]:
        return tuple(self.it.call("rounds"))

    def resting(self) -> bool:
        return bool(self.it.call("deadline") == NEVER)


TestWaiting = Waiting.TestCase
