"""Biscotti's contract against the lottery and the curve, all that it refuses, and random callers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest
from anybody import Anybody
from biscotti_federation import (
    AGGREGATING,
    CHECKING,
    COLLECTING,
    MODEL,
    OTHER,
    STAKE,
    UNIT,
    VERIFYING,
    Federation,
    aggregating,
    checking,
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
from chainward.testing.liveness import Act, Draw, Liveness


def test_roles_are_those_of_the_lottery() -> None:
    federation = collecting(peers="abcdefghijk", verifiers=4, aggregators=5, wanted=4)
    for turn in range(6):
        assert [federation.judges, federation.adders, tuple(federation.trainers)] == federation.drawn()
        ballots = [0b0111 if turn % 2 else 0b1011] * 4
        federation.submit().vote(*ballots)
        federation.propose(ballots[0]).endorse(ballots[0], names=federation.followers[:2]).check()
    assert len(set(federation.stakes.values())) > 2
    assert federation.call("iteration") == 7


def test_roles_without_any_stake_go_by_equal_tickets() -> None:
    federation = collecting(stake=0)
    assert [federation.judges, federation.adders, tuple(federation.trainers)] == federation.drawn()
    assert len(federation.judges) == 2


def test_more_draws_than_a_seed_has_bytes_for() -> None:
    """23 of 24 peers are drawn as aggregators: more than the 16 draws of one hash."""
    federation = collecting(peers=[f"p{number}" for number in range(24)], aggregators=23)
    assert [federation.judges, federation.adders, tuple(federation.trainers)] == federation.drawn()
    assert len(set(federation.adders)) == 23


def test_trainers_of_a_consortium_of_more_than_a_word() -> None:
    """Numbers of peers beyond 256 are bits of a second word."""
    federation = Federation(peers=[f"p{number}" for number in range(300)], stake=3, wanted=200)
    federation.register()
    assert tuple(federation.trainers) == federation.drawn()[2]
    assert any(int(name[1:]) >= 256 for name in federation.trainers)


def test_who_has_no_stake_is_not_drawn() -> None:
    federation = collecting(peers="abcd", verifiers=1, aggregators=3, wanted=3, stake=UNIT)
    rejected = federation.trainers[1]
    federation.submit().vote(0b101).seal(0b101)
    assert federation.stakes[rejected] == 0
    assert rejected not in (*federation.judges, *federation.adders)
    assert len(federation.adders) == 3


def test_the_leader_is_the_first_aggregator_that_is_drawn() -> None:
    leaders = set()
    federation = collecting()
    for _ in range(12):
        assert federation.call("leader") == federation.adders[0]
        leaders.add(federation.call("leader"))
        federation.late().close()
    assert len(leaders) > 2


def test_answering_first_is_no_advantage() -> None:
    """Who trains is drawn by the seed, with equal chances, before anybody has trained."""
    federation = collecting(peers="abcdefghij", wanted=4)
    drawn = []
    for _ in range(20):
        drawn += federation.trainers
        federation.late().close()
    assert set(drawn) == set("abcdefghij")
    assert max(map(drawn.count, "abcdefghij")) <= 16


def test_only_a_majority_of_all_verifiers_accepts() -> None:
    federation = aggregating(0b110, 0b011, 0b010, verifiers=3)
    assert (federation.call("accepted"), federation.call("rejected")) == (0b010, 0b101)
    halved = aggregating(0b011, 0b001)
    assert (halved.call("accepted"), halved.call("rejected")) == (0b001, 0b100)


def test_what_no_verifier_was_shown_is_neither_accepted_nor_rejected() -> None:
    federation = verifying().vote(0b011, 0b011, refused=[0, 0])
    third = federation.call("submissions")[0][2]
    federation.seal(0b011)
    assert federation.stakes[third] == STAKE


def test_a_silent_verifier_approves_nothing() -> None:
    federation = verifying(verifiers=3).vote(0b011, 0b110).late().close()
    assert (federation.call("phase"), federation.call("accepted")) == (AGGREGATING, 0b010)
    lost = verifying(verifiers=3).vote(0b111).late().close()
    assert (lost.call("phase"), lost.call("iteration")) == (COLLECTING, 2)


def test_stakes_follow_the_votes() -> None:
    federation = aggregating(0b011, 0b011, peers="abcdefg", wanted=4)
    first, second, third, fourth = federation.call("submissions")[0]
    federation.seal(0b011)
    expected = dict.fromkeys(federation.peers, STAKE) | dict.fromkeys((first, second), STAKE + UNIT)
    assert federation.stakes == expected | dict.fromkeys((third, fourth), STAKE - UNIT)


def test_what_is_accepted_but_not_in_the_block_moves_no_stake() -> None:
    federation = aggregating()
    second = federation.call("submissions")[0][1]
    assert federation.seal(0b101).stakes[second] == STAKE


def test_no_more_tickets_are_given_out_than_two_bytes_name() -> None:
    """With more, whoever holds the last ones is drawn never."""
    federation = aggregating(0b01, 0b01, stake=2**14, peers="abcd", wanted=2)
    accepted, *rejected = federation.call("submissions")[0]
    federation.seal(0b01)
    expected = dict.fromkeys("abcd", 2**14) | dict.fromkeys(rejected, 2**14 - UNIT)
    gained = federation.stakes[accepted] - 2**14
    assert federation.stakes == expected | {accepted: 2**14 + gained}
    assert gained in (0, UNIT)
    assert federation.call("tickets") == sum(federation.stakes.values()) <= 2**16


def test_the_block_holds_the_sum_of_the_included_commitments() -> None:
    federation = aggregating()
    first, _, third = federation.call("submissions")[0]
    federation.propose(0b101)
    sums = [combined(pair, [1, 1]) for pair in zip(points_of(first, 2), points_of(third, 2), strict=True)]
    model, commitment = MODEL, tuple(from_bytes(b"".join(sums)))
    assert federation.call("proposed") == (model, 0b101, commitment)
    assert federation.endorse(0b101).check().call("tip") == (model, commitment)


def test_a_neutral_point_can_be_added() -> None:
    federation = collecting(wanted=1, terms=1)
    federation.send(federation.trainers[0], "submit", keccak(bytes(64)))
    federation.vote(1, 1).propose(1, points=[0, 0]).endorse(1).check()
    assert federation.call("tip")[1] == (0, 0)


def test_without_commitments_nothing_is_added_up_or_checked() -> None:
    federation = aggregating(terms=0).propose(0b111).endorse(0b111)
    assert (federation.call("iteration"), federation.call("tip")) == (2, (MODEL, ()))


def test_a_block_is_chained_to_the_one_before_and_draws_the_next_roles() -> None:
    federation = aggregating()
    assert federation.call("head") == bytes(32)
    federation.seal(0b111)
    head = federation.call("head")
    assert head == federation.call("seed") != bytes(32)
    federation.submit().vote(0b111, 0b111).seal(0b111)
    assert federation.call("head") not in (head, bytes(32))


def test_a_block_needs_more_than_half_of_the_aggregators() -> None:
    federation = proposed()
    assert (federation.call("agreed"), federation.call("phase")) == (1, AGGREGATING)
    assert federation.endorse(0b111).call("phase") == CHECKING


def test_one_aggregator_is_its_own_majority() -> None:
    assert aggregating(aggregators=1).propose(0b111).call("phase") == CHECKING


def test_without_verifiers_everything_is_accepted() -> None:
    federation = collecting(verifiers=0).submit()
    assert (federation.call("phase"), federation.call("accepted")) == (AGGREGATING, 0b111)


def test_a_silent_leader_is_followed_by_the_next_without_loss_of_stake() -> None:
    federation = aggregating().late().close()
    leader = federation.adders[1]
    assert federation.call("leader") == leader
    federation.propose(0b111)
    others = [adder for adder in federation.adders if adder != leader]
    assert federation.endorse(0b111, names=others[:1]).check().call("iteration") == 2


def test_a_leader_that_proposes_junk_loses_stake_and_the_next_leads() -> None:
    federation = proposed()
    junk, honest = federation.adders[:2]
    federation.refuse()
    assert (federation.stakes[junk], federation.call("leader")) == (STAKE - UNIT, honest)
    assert federation.call("tickets") == sum(federation.stakes.values())
    third = federation.adders[2]
    federation.propose(0b111).endorse(0b111, names=[third]).check()
    assert federation.call("iteration") == 2


def test_one_refusal_of_three_fails_no_block() -> None:
    federation = proposed()
    one, other = federation.followers
    federation.refuse([one]).endorse(0b111, names=[other])
    assert (federation.call("phase"), set(federation.stakes.values())) == (CHECKING, {STAKE})


def test_a_model_that_does_not_open_is_lost_and_costs_stake() -> None:
    federation = checking()
    backers = {federation.call("leader"), federation.followers[0]}
    head = federation.call("head")
    federation.check(opens=False)
    assert (federation.call("iteration"), federation.call("head")) == (2, head)
    assert federation.stakes == {peer: STAKE - UNIT * (peer in backers) for peer in federation.peers}
    assert federation.call("tickets") == sum(federation.stakes.values())


@pytest.mark.parametrize(
    ("opens", "objects", "sealed", "burns"), [(1, 0, True, 0), (2, 1, True, 0), (1, 1, False, 0), (1, 2, False, 2)]
)
def test_after_the_deadline_those_decide_who_checked(opens: int, objects: int, sealed: bool, burns: int) -> None:
    federation = checking()
    head = federation.call("head")
    for name, found in zip("abcdef", [True] * opens + [False] * objects, strict=False):
        federation.check(found, names=[name])
    federation.late().close()
    assert (federation.call("iteration"), federation.call("head") != head) == (2, sealed)
    assert sum(federation.stakes.values()) == 6 * STAKE + 3 * UNIT * sealed - UNIT * burns


@pytest.mark.parametrize("start", [collecting, verifying, checking])
def test_an_iteration_is_lost_without_loss_of_stake(start: Callable[[], Federation]) -> None:
    federation = start().late()
    seed, head = federation.call("seed"), federation.call("head")
    federation.close()
    assert (federation.call("iteration"), federation.call("phase")) == (2, COLLECTING)
    assert federation.stakes == dict.fromkeys(federation.peers, STAKE)
    assert (federation.call("head"), federation.call("seed") != seed) == (head, True)


def test_without_a_leader_that_finds_a_majority_the_iteration_is_lost_after_the_last() -> None:
    federation = proposed()
    for _ in range(2):
        assert federation.late().close().call("phase") == AGGREGATING
    assert federation.late().close().call("iteration") == 2
    assert federation.stakes == dict.fromkeys(federation.peers, STAKE)


def test_a_late_peer_starts_with_the_same_stake() -> None:
    federation = Federation().register("abcde").late().close()
    assert federation.stakes["f"] == 0
    assert "f" not in (*federation.judges, *federation.adders, *federation.trainers)
    assert federation.register("f").stakes["f"] == STAKE


def test_a_late_peer_trains_at_once_where_a_seat_is_empty() -> None:
    federation = Federation(wanted=4).register("abcde").late().close()
    assert len(federation.trainers) == 3
    federation.register("f")
    assert federation.trainers[-1] == "f"
    federation.submit().vote(0b1111, 0b1111).seal(0b1111)
    assert federation.stakes["f"] == STAKE + UNIT


def test_few_may_begin_and_others_come_later() -> None:
    """Whoever stays away for ever holds up nobody."""
    federation = Federation(peers="abcd").register("a").late().close()
    assert (federation.judges, federation.trainers) == (("a",), [])
    federation.late().close().register("bc").submit("bc").vote(0b11)
    assert (federation.call("iteration"), federation.call("accepted")) == (2, 0b11)


def test_noise_is_fixed_an_iteration_ahead() -> None:
    federation = collecting()
    before = federation.call("standing")[2]
    federation.send("a", "commitNoise", MODEL)
    assert federation.call("standing")[2] == before
    federation.late().close()
    assert federation.call("standing")[2][0] == MODEL
    federation.send("a", "commitNoise", OTHER)
    assert federation.call("standing")[2][0] == MODEL


def test_who_fixed_no_noise_for_an_iteration_has_none() -> None:
    federation = collecting()
    federation.send("a", "commitNoise", MODEL)
    for _ in range(3):  # back to the slot of even iterations
        federation.late().close()
    assert federation.call("standing")[2] == (bytes(32),) * 6


def last(federation: Federation) -> str:
    return next(peer for peer in reversed(federation.peers) if peer not in federation.judges)


def no_adder(federation: Federation) -> str:
    return next(peer for peer in federation.peers if peer not in federation.adders)


def strange_points() -> Federation:
    federation = collecting(wanted=1, terms=1)
    numbers = [1, 3]  # not on the curve
    federation.send(federation.trainers[0], "submit", keccak(b"".join(n.to_bytes(32, "big") for n in numbers)))
    return federation.vote(1, 1).propose(1, points=numbers)


def with_points(change: Callable[[list[int]], list[int]], terms: int = 2) -> Federation:
    federation = aggregating(terms=terms)
    return federation.propose(0b111, points=change(federation.coordinates(0b111)))


REFUSALS: Refusals = {
    "constructor": [
        ("nobody left to train", lambda: Federation(peers="ab", verifiers=2)),
        ("no aggregators", lambda: Federation(aggregators=0)),
        ("as many aggregators as peers", lambda: Federation(aggregators=6)),
        ("wanted is not 1 to 256", lambda: Federation(wanted=0)),
        ("wanted is not 1 to 256", lambda: Federation(wanted=257)),
        ("too many tickets", lambda: Federation(peers="abcd", stake=2**14 + 1)),
        ("listed twice", lambda: Federation(peers="abca")),
    ],
    "close": [
        ("before the deadline", lambda: Federation().close()),
        ("before the deadline", lambda: collecting().close()),
        ("before the deadline", lambda: verifying().close()),
        ("before the deadline", lambda: aggregating().close()),
        ("before the deadline", lambda: proposed().close()),
        ("before the deadline", lambda: checking().close()),
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
        ("not drawn to train", lambda: (it := collecting()).submit(it.judges)),
        ("not drawn to train", lambda: (it := collecting(wanted=1)).submit(sorted(set("abcdef") - {*it.trainers}))),
        ("already submitted", lambda: (it := collecting()).submit([it.trainers[0]] * 2)),
    ],
    "vote": [
        ("not the phase", lambda: collecting().vote(0)),
        ("not the phase", lambda: aggregating().vote(0)),
        ("not a verifier", lambda: (it := verifying()).send(last(it), "vote", 0b111, 0)),
        ("not a verifier", lambda: verifying().send(STRANGER, "vote", 0b111, 0)),
        ("already voted", lambda: verifying().vote(0).vote(0)),
        ("no such update", lambda: verifying().vote(0b1000)),
        ("no such update", lambda: verifying().vote(0, refused=[0b1000])),
        ("approved and refused", lambda: verifying().vote(0b11, refused=[0b10])),
    ],
    "propose": [
        ("not the phase", lambda: (it := verifying()).send(it.call("leader"), "propose", MODEL, 1, [])),
        ("the leader proposes", lambda: (it := aggregating()).propose(0b111, sender=no_adder(it))),
        ("the leader proposes", lambda: (it := aggregating()).propose(0b111, sender=it.followers[0])),
        ("the leader proposes", lambda: (it := aggregating().late()).propose(0b111, sender=it.followers[0])),
        ("already proposed", lambda: proposed().propose(0b111)),
        ("not accepted", lambda: aggregating(0b011, 0b011).propose(0b111)),
        ("not most of the accepted", lambda: aggregating().propose(0)),
        ("not most of the accepted", lambda: aggregating().propose(0b001)),
        ("not most of the accepted", lambda: aggregating(0b011, 0b011).propose(0b010)),
        ("points are missing", lambda: with_points(lambda numbers: numbers[:-1])),
        ("points too many", lambda: with_points(lambda numbers: [*numbers, 0])),
        ("points too many", lambda: with_points(lambda numbers: [0], terms=0)),
        ("not the commitment", lambda: with_points(lambda numbers: [numbers[0] + 1, *numbers[1:]])),
        ("not the commitment", lambda: with_points(lambda numbers: [*numbers[4:], *numbers[:4]])),
        ("not a point of the curve", strange_points),
    ],
    "endorse": [
        ("not the phase", lambda: (it := verifying()).send(it.call("leader"), "endorse", MODEL, 0b111)),
        ("not an aggregator", lambda: (it := proposed()).endorse(0b111, names=[no_adder(it)])),
        ("nothing proposed", lambda: aggregating().endorse(0b111)),
        ("nothing proposed", lambda: proposed().late().close().endorse(0b111)),
        ("already judged", lambda: (it := proposed()).endorse(0b111, names=[it.call("leader")])),
        ("already judged", lambda: (it := proposed()).refuse(it.followers[:1]).endorse(0b111)),
        ("another block", lambda: proposed().endorse(0b111, model=OTHER)),
        ("another block", lambda: proposed().endorse(0b011)),
    ],
    "refuse": [
        ("not the phase", lambda: verifying().refuse("a")),
        ("not the phase", lambda: (it := checking()).refuse(it.followers[1:])),
        ("not an aggregator", lambda: (it := proposed()).refuse([no_adder(it)])),
        ("nothing proposed", lambda: aggregating().refuse()),
        ("already judged", lambda: (it := proposed()).refuse([it.call("leader")])),
        ("already judged", lambda: (it := proposed()).refuse(it.followers[:1] * 2)),
    ],
    "check": [
        ("not the phase", lambda: proposed().check()),
        ("not registered", lambda: checking().check(names=[STRANGER])),
        ("already checked", lambda: checking().check(names="aa")),
    ],
}


class TestRefusals(ContractConformance):
    source = solidity("Biscotti")
    refusals = REFUSALS


class Mining(Anybody):
    """Anybody calls anything at any time: no stake is made, lost or locked but by the rules of decided updates."""

    @initialize(verifiers=st.sampled_from([0, 1, 2]), stake=st.sampled_from([0, 3, STAKE]), terms=st.integers(0, 1))
    def begin(self, verifiers: int, stake: int, terms: int) -> None:
        self.it = Federation("abcd", verifiers, 3, 2, terms, stake)
        self.it.register("abc")
        self.stakes = dict.fromkeys("abc", stake) | {"d": 0}
        self.away = stake  # what the tickets count of who has not come

    def try_to(self, sender: str, function: str, *arguments: Any, value: int = 0) -> bool:
        it = self.it
        before, accepted, rejected = it.call("head"), it.call("accepted"), it.call("rejected")
        trainers, stakes = it.call("submissions")[0], it.stakes
        done = super().try_to(sender, function, *arguments, value=value)
        if it.call("head") != before:  # a block was sealed: its terms move the stakes, and nothing else does
            included = self.included
            for at, trainer in enumerate(trainers):
                stakes[trainer] += UNIT * (included >> at & 1) - min(UNIT, stakes[trainer]) * (rejected >> at & 1)
            assert included & ~accepted == included & rejected == 0
            assert it.stakes == stakes
        elif done and function == "register":
            assert it.stakes == stakes | {sender: it.stake}
            self.away = 0
        else:  # only who proposed or backed what was refused loses
            lost = {name: stakes[name] - left for name, left in it.stakes.items() if left != stakes[name]}
            assert not lost or function in ("refuse", "check", "close")
            assert all(0 < burnt <= UNIT for burnt in lost.values())
            assert len(lost) <= (1 if function == "refuse" else 3)
        if done and function == "propose":
            self.included = arguments[1]
        return done

    anybody = st.sampled_from(["a", "b", "c", "d", STRANGER])
    bits = st.integers(0, 4)

    @rule(bits=st.integers(1, 3), steps=st.integers(1, 10), opens=st.booleans())
    def go_on(self, bits: int, steps: int, opens: bool) -> None:
        """What honest participants do next."""
        for _ in range(steps):
            self.honest(bits, opens)

    def honest(self, bits: int, opens: bool) -> None:
        phase, it = self.it.call("phase"), self.it
        if phase == COLLECTING:
            for trainer in it.trainers:
                self.try_to(trainer, "submit", keccak(b"".join(points_of(trainer, it.terms))))
        elif phase == VERIFYING:
            for judge in it.judges:
                self.try_to(judge, "vote", bits, 3 - bits)
        elif phase == CHECKING:
            for peer in it.peers:
                self.try_to(peer, "check", opens)
        elif phase == AGGREGATING and it.call("agreed"):
            for adder in it.adders:
                self.try_to(adder, "endorse", MODEL, it.call("accepted"))
        elif phase == AGGREGATING:
            accepted = it.call("accepted")
            self.try_to(it.call("leader"), "propose", MODEL, accepted, it.coordinates(accepted))

    @rule(sender=anybody)
    def submit(self, sender: str) -> None:
        self.try_to(sender, "submit", keccak(b"".join(points_of(sender, self.it.terms))))

    @rule(sender=anybody, approved=bits, refused=bits)
    def vote(self, sender: str, approved: int, refused: int) -> None:
        self.try_to(sender, "vote", approved, refused)

    @rule(sender=anybody, included=bits)
    def propose(self, sender: str, included: int) -> None:
        self.try_to(sender, "propose", MODEL, included, self.it.coordinates(included))

    @rule(sender=anybody, included=bits)
    def endorse(self, sender: str, included: int) -> None:
        self.try_to(sender, "endorse", MODEL, included)

    @rule(sender=anybody)
    def refuse(self, sender: str) -> None:
        self.try_to(sender, "refuse")

    @rule(sender=anybody, opens=st.booleans())
    def check(self, sender: str, opens: bool) -> None:
        self.try_to(sender, "check", opens)

    @rule(windows=st.sampled_from([1, 2]), sender=anybody)
    def close(self, windows: int, sender: str) -> None:
        self.it.late(windows)
        self.try_to(sender, "close")

    @rule(sender=anybody)
    def register(self, sender: str) -> None:
        self.try_to(sender, "register", MODEL, MODEL)

    @invariant()
    def conserved(self) -> None:
        assert self.it.call("tickets") == sum(self.it.stakes.values()) + self.away
        assert len(set(self.it.adders)) == len(self.it.adders)

    def end(self) -> None:
        """Whoever is silent from now on, a stranger alone gets the next iteration to begin."""
        number = self.it.call("iteration")
        for _ in range(2 + len(self.it.adders)):
            self.it.late()
            assert self.try_to(STRANGER, "close")
            if self.it.call("iteration") > number:
                return
        pytest.fail("an iteration does not end")


TestMining = Mining.TestCase


class Waiting(Liveness):
    """Whoever falls silent for ever, every phase ends after its deadline; there is no money in it."""

    parties = ("a", "b", "c", "d")
    forward, repeatable = ("iteration", "phase"), frozenset({"commitNoise"})
    acts: ClassVar[Mapping[str, Act]] = {
        "register": lambda it, sender, draw: it.send(sender, "register", MODEL, MODEL),
        "commitNoise": lambda it, sender, draw: it.send(sender, "commitNoise", MODEL),
        "submit": lambda it, sender, draw: it.submit([sender]),
        "vote": lambda it, sender, draw: it.send(sender, "vote", *draw(st.sampled_from([(3, 0), (1, 2), (0, 3)]))),
        "propose": lambda it, sender, draw: it.propose(draw(st.integers(1, 3)), sender),
        "endorse": lambda it, sender, draw: it.endorse(it.call("accepted"), names=[sender]),
        "refuse": lambda it, sender, draw: it.refuse([sender]),
        "check": lambda it, sender, draw: it.check(draw(st.booleans()), [sender]),
    }

    def make(self, draw: Draw) -> Federation:
        return Federation(
            "abcd", draw(st.integers(0, 2)), 3, draw(st.integers(1, 3)), 1, draw(st.sampled_from([0, 10]))
        )


TestWaiting = Waiting.TestCase
