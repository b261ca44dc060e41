"""Biscotti's contract against the lottery and the curve, all that it refuses, and random callers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from anybody import Anybody
from biscotti_federation import (
    AGGREGATING,
    COLLECTING,
    MODEL,
    OTHER,
    STAKE,
    UNIT,
    VERIFYING,
    Federation,
    aggregating,
    collecting,
    points_of,
    proposed,
    verifying,
)
from eth_utils.crypto import keccak
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from papers import STRANGER, solidity

from chainward.methods.sharing import from_bytes
from chainward.methods.vector_commitment import combined
from chainward.testing import ContractConformance
from chainward.testing.contracts import Refusals


def test_roles_are_those_of_the_lottery() -> None:
    federation = collecting(peers="abcdefghijk", verifiers=4, aggregators=5, wanted=4)
    for turn in range(6):
        assert [federation.judges, federation.adders] == federation.drawn()
        ballots = [0b0111 if turn % 2 else 0b1010] * 4
        federation.submit().vote(*ballots)
        federation.propose(ballots[0]).endorse(ballots[0], names=federation.followers[:2])
    assert len(set(federation.stakes.values())) > 2
    assert federation.call("iteration") == 7


def test_roles_without_any_stake_go_by_equal_tickets() -> None:
    federation = collecting(stake=0)
    assert [federation.judges, federation.adders] == federation.drawn()
    assert len(federation.judges) == 2


def test_more_draws_than_a_seed_has_bytes_for() -> None:
    """All of 24 peers are drawn as aggregators: more than the 16 draws of one hash."""
    federation = collecting(peers=[f"p{number}" for number in range(24)], aggregators=24)
    assert [federation.judges, federation.adders] == federation.drawn()
    assert len(set(federation.adders)) == 24


def test_who_has_no_stake_is_not_drawn() -> None:
    federation = collecting(peers="abc", verifiers=1, aggregators=3, wanted=2, stake=UNIT)
    rejected = federation.trainers[1]
    federation.submit().vote(0b01).propose(0b01).endorse(0b01)
    assert federation.stakes[rejected] == 0
    assert rejected not in (*federation.judges, *federation.adders)
    assert len(federation.adders) == 2


def test_the_leader_is_the_drawn_aggregator_with_the_highest_number() -> None:
    federation = collecting()
    assert federation.call("leader") == max(federation.adders)


def test_only_a_majority_of_all_verifiers_accepts() -> None:
    federation = aggregating(0b110, 0b011, 0b010, verifiers=3)
    assert federation.call("accepted") == 0b010
    assert aggregating(0b011, 0b001).call("accepted") == 0b001


def test_a_silent_verifier_counts_as_a_vote_against() -> None:
    federation = verifying(verifiers=3).vote(0b011, 0b110).late().close()
    assert (federation.call("phase"), federation.call("accepted")) == (AGGREGATING, 0b010)
    lost = verifying(verifiers=3).vote(0b111).late().close()
    assert (lost.call("phase"), lost.call("iteration")) == (COLLECTING, 2)


def test_stakes_follow_the_votes() -> None:
    federation = aggregating(0b011, 0b011)
    first, second, third = federation.call("submissions")[0]
    federation.propose(0b001).endorse(0b001)
    expected = dict.fromkeys(federation.peers, STAKE) | {first: STAKE + UNIT, third: STAKE - UNIT}
    assert federation.stakes == expected
    assert federation.stakes[second] == STAKE  # accepted, but not in the block


def test_no_more_tickets_are_given_out_than_two_bytes_name() -> None:
    """With more, whoever holds the last ones is drawn never, and a search for that peer ends never."""
    federation = aggregating(0b01, 0b01, stake=2**14, peers="abcd", wanted=2)
    accepted, *rejected = federation.call("submissions")[0]
    federation.propose(0b01).endorse(0b01)
    expected = dict.fromkeys("abcd", 2**14) | dict.fromkeys(rejected, 2**14 - UNIT)
    assert federation.stakes == expected
    assert accepted not in rejected
    assert federation.call("tickets") == sum(expected.values())


def test_the_block_holds_the_sum_of_the_included_commitments() -> None:
    federation = aggregating()
    first, _, third = federation.call("submissions")[0]
    federation.propose(0b101).endorse(0b101)
    model, commitment = federation.call("tip")
    sums = [combined(pair, [1, 1]) for pair in zip(points_of(first, 2), points_of(third, 2), strict=True)]
    assert (model, list(commitment)) == (MODEL, from_bytes(b"".join(sums)))


def test_a_neutral_point_can_be_added() -> None:
    federation = collecting(wanted=1, terms=1)
    federation.send(federation.trainers[0], "submit", keccak(bytes(64)))
    federation.vote(1, 1).propose(1, points=[0, 0]).endorse(1)
    assert federation.call("tip")[1] == (0, 0)


def test_a_block_is_chained_to_the_one_before_and_draws_the_next_roles() -> None:
    federation = aggregating()
    assert federation.call("head") == bytes(32)
    federation.propose(0b111).endorse(0b111)
    head = federation.call("head")
    assert head == federation.call("seed") != bytes(32)
    federation.submit().vote(0b111, 0b111).propose(0b111).endorse(0b111)
    assert federation.call("head") not in (head, bytes(32))


def test_a_block_needs_more_than_half_of_the_aggregators() -> None:
    federation = proposed()
    assert (federation.call("agreed"), federation.call("phase")) == (1, AGGREGATING)
    assert federation.endorse(0b111).call("iteration") == 2


def test_one_aggregator_is_its_own_majority() -> None:
    assert aggregating(aggregators=1).propose(0b111).call("iteration") == 2


def test_without_verifiers_everything_is_accepted() -> None:
    federation = collecting(verifiers=0).submit("abc")
    assert (federation.call("phase"), federation.call("accepted")) == (AGGREGATING, 0b111)


def test_another_aggregator_may_propose_late() -> None:
    federation = aggregating().late()
    follower = federation.followers[0]
    federation.propose(0b111, sender=follower)
    others = [adder for adder in federation.adders if adder != follower]
    assert federation.endorse(0b111, names=others[:1]).call("iteration") == 2


@pytest.mark.parametrize("start", [collecting, verifying, proposed])
def test_an_iteration_is_lost_without_loss_of_stake(start: Callable[[], Federation]) -> None:
    federation = start().late()
    seed, head = federation.call("seed"), federation.call("head")
    federation.close()
    assert (federation.call("iteration"), federation.call("phase")) == (2, COLLECTING)
    assert federation.stakes == dict.fromkeys(federation.peers, STAKE)
    assert (federation.call("head"), federation.call("seed") != seed) == (head, True)


def test_a_late_peer_starts_with_the_same_stake() -> None:
    federation = Federation().register("abcde").late().close()
    assert federation.stakes["f"] == 0
    assert "f" not in (*federation.judges, *federation.adders)
    assert federation.register("f").stakes["f"] == STAKE


def test_noise_is_fixed_an_iteration_ahead() -> None:
    federation = collecting()
    before = federation.call("standing")[2]
    federation.send("a", "commitNoise", MODEL)
    assert federation.call("standing")[2] == before
    federation.late().close()
    assert federation.call("standing")[2][0] == MODEL
    federation.send("a", "commitNoise", OTHER)
    assert federation.call("standing")[2][0] == MODEL


def last(federation: Federation) -> str:
    return federation.trainers[-1]


def no_adder(federation: Federation) -> str:
    return next(peer for peer in federation.peers if peer not in federation.adders)


def strange_points() -> Federation:
    federation = collecting(wanted=1, terms=1)
    numbers = [1, 3]  # not on the curve
    federation.send(federation.trainers[0], "submit", keccak(b"".join(n.to_bytes(32, "big") for n in numbers)))
    return federation.vote(1, 1).propose(1, points=numbers)


def with_points(change: Callable[[list[int]], list[int]]) -> Federation:
    federation = aggregating()
    return federation.propose(0b111, points=change(federation.coordinates(0b111)))


REFUSALS: Refusals = {
    "constructor": [
        ("nobody left to train", lambda: Federation(peers="ab", verifiers=2)),
        ("no aggregators", lambda: Federation(aggregators=0)),
        ("wanted is not 1 to 256", lambda: Federation(wanted=0)),
        ("wanted is not 1 to 256", lambda: Federation(wanted=257)),
        ("no points", lambda: Federation(terms=0)),
        ("too many tickets", lambda: Federation(peers="abcd", stake=2**14 + 1)),
        ("listed twice", lambda: Federation(peers="abca")),
    ],
    "close": [
        ("nobody left to train", lambda: Federation().register("ab").late().close()),
        ("before the deadline", lambda: Federation().close()),
        ("before the deadline", lambda: collecting().close()),
        ("before the deadline", lambda: verifying().close()),
        ("before the deadline", lambda: proposed().close()),
        ("others may propose", lambda: aggregating().late().close()),
    ],
    "register": [
        ("not in the consortium", lambda: Federation().register([STRANGER])),
        ("already registered", lambda: Federation().register("aa")),
    ],
    "commitNoise": [
        ("not registered", lambda: Federation().send("a", "commitNoise", MODEL)),
        ("not registered", lambda: collecting().send(STRANGER, "commitNoise", MODEL)),
    ],
    "submit": [
        ("not registered", lambda: collecting().send(STRANGER, "submit", MODEL)),
        ("not the phase", lambda: Federation().submit("a")),
        ("not the phase", lambda: (it := verifying()).submit([last(it)])),
        ("verifiers do not train", lambda: (it := collecting()).submit(it.judges)),
        ("already submitted", lambda: (it := collecting()).submit([last(it), last(it)])),
    ],
    "vote": [
        ("not the phase", lambda: collecting().vote(0)),
        ("not the phase", lambda: aggregating().vote(0)),
        ("not a verifier", lambda: (it := verifying()).send(last(it), "vote", 0b111)),
        ("not a verifier", lambda: verifying().send(STRANGER, "vote", 0b111)),
        ("already voted", lambda: verifying().vote(0).vote(0)),
        ("no such update", lambda: verifying().vote(0b1000)),
    ],
    "propose": [
        ("not the phase", lambda: (it := verifying()).send(it.call("leader"), "propose", MODEL, 1, [])),
        ("not an aggregator", lambda: (it := aggregating()).propose(0b111, sender=no_adder(it))),
        ("not an aggregator", lambda: (it := aggregating().late()).propose(0b111, sender=no_adder(it))),
        ("the leader proposes", lambda: (it := aggregating()).propose(0b111, sender=it.followers[0])),
        ("already proposed", lambda: proposed().propose(0b111)),
        ("not accepted", lambda: aggregating(0b011, 0b011).propose(0b111)),
        ("not accepted", lambda: aggregating().propose(0)),
        ("points are missing", lambda: with_points(lambda numbers: numbers[:-1])),
        ("points too many", lambda: with_points(lambda numbers: [*numbers, 0])),
        ("not the commitment", lambda: with_points(lambda numbers: [numbers[0] + 1, *numbers[1:]])),
        ("not the commitment", lambda: with_points(lambda numbers: [*numbers[4:], *numbers[:4]])),
        ("not a point of the curve", strange_points),
    ],
    "endorse": [
        ("not the phase", lambda: (it := verifying()).send(it.call("leader"), "endorse", MODEL, 0b111)),
        ("not an aggregator", lambda: (it := proposed()).endorse(0b111, names=[no_adder(it)])),
        ("nothing proposed", lambda: aggregating().endorse(0b111)),
        ("already agreed", lambda: (it := proposed()).endorse(0b111, names=[it.call("leader")])),
        ("another block", lambda: proposed().endorse(0b111, model=OTHER)),
        ("another block", lambda: proposed().endorse(0b011)),
    ],
}


class TestRefusals(ContractConformance):
    source = solidity("Biscotti")
    refusals = REFUSALS


class Mining(Anybody):
    """Anybody calls anything at any time: no stake is made, lost or locked but by the rule of decided updates."""

    @initialize(verifiers=st.sampled_from([0, 1, 2]), stake=st.sampled_from([0, 3, STAKE]))
    def begin(self, verifiers: int, stake: int) -> None:
        self.it = Federation("abcd", verifiers, 2, 2, 1, stake)
        self.it.register()
        self.expected = dict.fromkeys("abcd", stake)

    def try_to(self, sender: str, function: str, *arguments: Any, value: int = 0) -> bool:
        it = self.it
        before, accepted, trainers = it.call("head"), it.call("accepted"), it.call("submissions")[0]
        done = super().try_to(sender, function, *arguments, value=value)
        if it.call("head") != before:  # the latest block was sealed: its terms move the stakes, and nothing else does
            included = arguments[1]
            for at, trainer in enumerate(trainers):
                if included >> at & 1:
                    self.expected[trainer] += UNIT
                elif not accepted >> at & 1:
                    self.expected[trainer] -= min(UNIT, self.expected[trainer])
        return done

    anybody = st.sampled_from(["a", "b", "c", "d", STRANGER])
    bits = st.integers(0, 4)

    @rule(bits=st.integers(1, 3), steps=st.integers(1, 8))
    def go_on(self, bits: int, steps: int) -> None:
        """What honest participants do next."""
        for _ in range(steps):
            self.honest(bits)

    def honest(self, bits: int) -> None:
        phase, it = self.it.call("phase"), self.it
        if phase == COLLECTING:
            for trainer in it.trainers:
                self.try_to(trainer, "submit", keccak(points_of(trainer, 1)[0]))
        elif phase == VERIFYING:
            for judge in it.judges:
                self.try_to(judge, "vote", bits)
        elif it.call("agreed"):
            for adder in it.adders:
                self.try_to(adder, "endorse", MODEL, it.call("accepted"))
        else:
            accepted = it.call("accepted")
            self.try_to(it.call("leader"), "propose", MODEL, accepted, it.coordinates(accepted))

    @rule(sender=anybody)
    def submit(self, sender: str) -> None:
        self.try_to(sender, "submit", keccak(points_of(sender, 1)[0]))

    @rule(sender=anybody, ballot=bits)
    def vote(self, sender: str, ballot: int) -> None:
        self.try_to(sender, "vote", ballot)

    @rule(sender=anybody, included=bits)
    def propose(self, sender: str, included: int) -> None:
        self.try_to(sender, "propose", MODEL, included, self.it.coordinates(included))

    @rule(sender=anybody, included=bits)
    def endorse(self, sender: str, included: int) -> None:
        self.try_to(sender, "endorse", MODEL, included)

    @rule(windows=st.sampled_from([1, 2]), sender=anybody)
    def close(self, windows: int, sender: str) -> None:
        self.it.late(windows)
        self.try_to(sender, "close")

    @rule(sender=anybody)
    def register(self, sender: str) -> None:
        self.try_to(sender, "register", MODEL, MODEL)

    @invariant()
    def conserved(self) -> None:
        assert self.it.stakes == self.expected
        assert self.it.call("tickets") == sum(self.expected.values())
        assert len(set(self.it.adders)) == len(self.it.adders) > 0

    def end(self) -> None:
        """Two deadlines later the next iteration begins: nothing is locked."""
        number = self.it.call("iteration")
        for _ in range(3):
            self.it.late(2)
            self.try_to(STRANGER, "close")
        assert self.it.call("iteration") > number


TestMining = Mining.TestCase
