"""Biscotti: the contract against the lottery and the curve, the strategy against identities, poisoners and absences."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eth_utils.crypto import keccak
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from rounds import states

from chainward import tasks
from chainward.ledgers.consensus import Periodic
from chainward.ledgers.evm import EvmLedger
from chainward.methods.lottery import committees
from chainward.methods.privacy import epsilon_spent
from chainward.methods.secure_sum import Scheme
from chainward.methods.sharing import FIELD, from_bytes, to_bytes
from chainward.methods.vector_commitment import combined, commit
from chainward.plans.specification import Specification
from chainward.strategy import Strategy, discovery
from chainward.trials.prepare import Trial, prepare
from chainward.world import FIT, Kind, Memory, Query, Reverted, Site, Update

SOURCE = Path(__file__).parents[2] / "contracts" / "src" / "Biscotti.sol"
WINDOW, STAKE, UNIT = 10, 10, 5
REGISTERING, COLLECTING, VERIFYING, AGGREGATING = range(4)
STRANGER = "stranger"
MODEL, OTHER = b"\x01" * 32, b"\x02" * 32


def module() -> Any:
    return sys.modules[discovery.load("biscotti").__module__]


# --- the contract ------------------------------------------------------------------------------------------------


def points_of(trainer: str, terms: int) -> list[bytes]:
    """Some commitment of a trainer's."""
    return [commit([ord(trainer[0]), power + 1]) for power in range(terms)]


@dataclass
class Federation:
    """A contract for peers a, b, ..., and whatever a test has them do."""

    peers: Sequence[str] = "abcdef"
    verifiers: int = 2
    aggregators: int = 3
    wanted: int = 3
    terms: int = 2
    stake: int = STAKE
    now: float = 0.0
    ledger: EvmLedger = field(init=False)
    address: str = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = EvmLedger(Periodic())
        terms = [self.verifiers, self.aggregators, self.wanted, self.terms, self.stake, UNIT, WINDOW]
        self.address = self.ledger.deploy("Biscotti", [list(self.peers), *terms], "a", 0, self.now).address

    def send(self, sender: str, function: str, *arguments: Any) -> Any:
        return self.ledger.send(self.address, function, arguments, sender, 0, self.now)

    def call(self, function: str, *arguments: Any) -> Any:
        return self.ledger.call(self.address, function, arguments, None, self.now)

    def late(self, windows: int = 1) -> Federation:
        self.now = self.ledger.wait(windows * (WINDOW + 1), self.now)
        return self

    @property
    def judges(self) -> tuple[str, ...]:
        return tuple(self.call("roles")[0])

    @property
    def adders(self) -> tuple[str, ...]:
        return tuple(self.call("roles")[1])

    @property
    def trainers(self) -> list[str]:
        return [peer for peer in self.peers if peer not in self.judges]

    @property
    def stakes(self) -> dict[str, int]:
        return dict(zip(self.peers, self.call("standing")[0], strict=True))

    @property
    def followers(self) -> list[str]:
        return [adder for adder in self.adders if adder != self.call("leader")]

    def register(self, names: Iterable[str] | None = None) -> Federation:
        for name in names or self.peers:
            self.send(name, "register", keccak(text=name), bytes(32))
        return self

    def submit(self, names: Iterable[str] | None = None) -> Federation:
        for name in names or self.trainers[: self.wanted]:
            self.send(name, "submit", keccak(b"".join(points_of(name, self.terms))))
        return self

    def vote(self, *ballots: int) -> Federation:
        for judge, ballot in zip(self.judges, ballots, strict=False):
            self.send(judge, "vote", ballot)
        return self

    def coordinates(self, included: int) -> list[int]:
        names = [name for at, name in enumerate(self.call("submissions")[0]) if included >> at & 1]
        return [number for name in names for number in from_bytes(b"".join(points_of(name, self.terms)))]

    def propose(self, included: int, sender: str | None = None, points: Sequence[int] | None = None) -> Federation:
        told = self.coordinates(included) if points is None else list(points)
        self.send(sender or self.call("leader"), "propose", MODEL, included, told)
        return self

    def endorse(self, included: int, model: bytes = MODEL, names: Iterable[str] | None = None) -> Federation:
        for name in names or self.followers[:1]:
            self.send(name, "endorse", model, included)
        return self

    def close(self) -> Federation:
        self.send(STRANGER, "close")
        return self

    def drawn(self) -> list[tuple[str, ...]]:
        """The roles that the lottery gives for the contract's seed and stakes."""
        seats = committees(self.call("standing")[0], self.call("seed"), (self.verifiers, self.aggregators))
        return [tuple(self.peers[peer] for peer in members) for members in seats]


def collecting(**terms: Any) -> Federation:
    return Federation(**terms).register()


def verifying(**terms: Any) -> Federation:
    return collecting(**terms).submit()


def aggregating(*ballots: int, **terms: Any) -> Federation:
    return verifying(**terms).vote(*(ballots or (0b111, 0b111)))


def proposed(**terms: Any) -> Federation:
    return aggregating(**terms).propose(0b111)


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


# --- what is refused ---------------------------------------------------------------------------------------------


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


REFUSALS: list[tuple[str, Callable[[], Any]]] = [
    ("nobody left to train", lambda: Federation(peers="ab", verifiers=2)),
    ("nobody left to train", lambda: Federation().register("ab").late().close()),
    ("no aggregators", lambda: Federation(aggregators=0)),
    ("wanted is not 1 to 256", lambda: Federation(wanted=0)),
    ("wanted is not 1 to 256", lambda: Federation(wanted=257)),
    ("no points", lambda: Federation(terms=0)),
    ("too many tickets", lambda: Federation(peers="abcd", stake=2**14 + 1)),
    ("listed twice", lambda: Federation(peers="abca")),
    ("not in the consortium", lambda: Federation().register([STRANGER])),
    ("already registered", lambda: Federation().register("aa")),
    ("not registered", lambda: Federation().send("a", "commitNoise", MODEL)),
    ("not registered", lambda: collecting().send(STRANGER, "commitNoise", MODEL)),
    ("not registered", lambda: collecting().send(STRANGER, "submit", MODEL)),
    ("not the phase", lambda: Federation().submit("a")),
    ("not the phase", lambda: (it := verifying()).submit([last(it)])),
    ("verifiers do not train", lambda: (it := collecting()).submit(it.judges)),
    ("already submitted", lambda: (it := collecting()).submit([last(it), last(it)])),
    ("not the phase", lambda: collecting().vote(0)),
    ("not the phase", lambda: aggregating().vote(0)),
    ("not a verifier", lambda: (it := verifying()).send(last(it), "vote", 0b111)),
    ("not a verifier", lambda: verifying().send(STRANGER, "vote", 0b111)),
    ("already voted", lambda: verifying().vote(0).vote(0)),
    ("no such update", lambda: verifying().vote(0b1000)),
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
    ("not the phase", lambda: (it := verifying()).send(it.call("leader"), "endorse", MODEL, 0b111)),
    ("not an aggregator", lambda: (it := proposed()).endorse(0b111, names=[no_adder(it)])),
    ("nothing proposed", lambda: aggregating().endorse(0b111)),
    ("already agreed", lambda: (it := proposed()).endorse(0b111, names=[it.call("leader")])),
    ("another block", lambda: proposed().endorse(0b111, model=OTHER)),
    ("another block", lambda: proposed().endorse(0b011)),
    ("before the deadline", lambda: Federation().close()),
    ("before the deadline", lambda: collecting().close()),
    ("before the deadline", lambda: verifying().close()),
    ("before the deadline", lambda: proposed().close()),
    ("others may propose", lambda: aggregating().late().close()),
]


@pytest.mark.parametrize(("reason", "act"), REFUSALS, ids=lambda value: value if isinstance(value, str) else "")
def test_refusals(reason: str, act: Callable[[], Any]) -> None:
    with pytest.raises(Reverted) as refused:
        act()
    assert refused.value.reason == reason


def test_every_refusal_of_the_contract_is_tested() -> None:
    written = set(re.findall(r'require\([^;]*"([^"]*)"\);', SOURCE.read_text(encoding="utf-8")))
    assert written == {reason for reason, _ in REFUSALS}
    assert all(len(reason) <= 31 for reason in written)


class Mining(RuleBasedStateMachine):
    """Anybody calls anything at any time: no stake is made, lost or locked but by the rule of decided updates."""

    @initialize(verifiers=st.sampled_from([0, 1, 2]), stake=st.sampled_from([0, 3, STAKE]))
    def begin(self, verifiers: int, stake: int) -> None:
        self.it = Federation("abcd", verifiers, 2, 2, 1, stake)
        self.it.register()
        self.expected = dict.fromkeys("abcd", stake)

    def try_to(self, sender: str, function: str, *arguments: Any) -> None:
        it = self.it
        before, accepted, trainers = it.call("head"), it.call("accepted"), it.call("submissions")[0]
        try:
            it.send(sender, function, *arguments)
        except Reverted:
            return
        if it.call("head") != before:  # the latest block was sealed: its terms move the stakes, and nothing else does
            included = arguments[1]
            for at, trainer in enumerate(trainers):
                if included >> at & 1:
                    self.expected[trainer] += UNIT
                elif not accepted >> at & 1:
                    self.expected[trainer] -= min(UNIT, self.expected[trainer])

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
        if hasattr(self, "it"):
            assert self.it.stakes == self.expected
            assert self.it.call("tickets") == sum(self.expected.values())
            assert len(set(self.it.adders)) == len(self.it.adders) > 0

    def teardown(self) -> None:
        """Whatever happened, two deadlines later the next iteration begins: nothing is locked."""
        if hasattr(self, "it"):
            number = self.it.call("iteration")
            for _ in range(3):
                self.it.late(2)
                self.try_to(STRANGER, "close")
            assert self.it.call("iteration") > number


TestMining = Mining.TestCase
TestMining.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


# --- the strategy ------------------------------------------------------------------------------------------------

ALL_OFF = {"noising": False, "verification": False, "secure_aggregation": False}


def biscotti(**params: Any) -> Any:
    return discovery.build("biscotti", params)


def varied(params: Mapping[str, Any] | None = None, **replaced: Any) -> Any:
    """The strategy with some of its methods replaced."""
    return type("Varied", (discovery.load("biscotti"),), replaced)(**(params or {}))


def prepared(
    hospitals: int = 6, rounds: int = 1, key: str = "biscotti", strategy: Strategy[Any] | None = None, **others: Any
) -> Trial:
    sizes = {"hospitals": hospitals, "patients": 40, "features": 4}
    specification = Specification(strategy=key, task="synthetic", task_params=sizes, seed=0, rounds=rounds, **others)
    ready = prepare(specification, tasks.load("synthetic", **sizes).dataset(0))
    return ready if strategy is None else replace(ready, strategy=strategy)


def sent(ready: Trial) -> list[str]:
    return [receipt.function for receipt in ready.world.ledger.receipts]


def senders(ready: Trial, function: str) -> list[str]:
    return [receipt.sender for receipt in ready.world.ledger.receipts if receipt.function == function]


def shown(ready: Trial) -> dict[str, int]:
    """Disclosures of the last round by kind."""
    return {row["kind"]: row["count"] for row in ready.world.meter.disclosures() if row["audience"] != "coordinator"}


@cache
def first_roles(**others: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Verifiers and aggregators of round 1, which are the same whoever is absent then."""
    ready = prepared(**others)
    opened = ready.strategy.open(ready.world)
    verifiers, aggregators = ready.world.at(opened.contract).call("roles")
    return verifiers, aggregators


def at(party: str, function: str, change: Callable[[Any], Any]) -> Any:
    """The strategy in which one hospital's reply to a query is another."""
    kind = discovery.load("biscotti")

    def local(self: Any, site: Site, memory: Memory, payload: Any) -> tuple[Any, Memory]:
        reply, kept = getattr(kind, function)(self, site, memory, payload)
        return (change(reply) if site.name == party else reply), kept

    return varied(**{function: local})


def test_with_all_parts_off_it_is_the_plain_mean() -> None:
    """Federated averaging without weights, to the rounding of a unit."""
    (_, ours), (_, plain) = (
        states(prepared(params={**ALL_OFF, "sampled": 1.0})),
        states(prepared(key="fedavg", params={"weighted": False})),
    )
    np.testing.assert_allclose(ours.weights, plain.weights, rtol=0, atol=0.51e-4)
    assert not np.array_equal(ours.weights, plain.weights)  # they are in units of 10^-4


def test_nobody_rejected_it_is_the_mean_of_those_taken() -> None:
    (_, ours), (_, plain) = (
        states(prepared(params={**ALL_OFF, "sampled": 0.5, "precision": 10**8})),
        states(prepared(params={"sampled": 0.5, "verification": False, "precision": 10**8})),
    )
    np.testing.assert_array_equal(ours.weights, plain.weights)
    assert sum(ours.accepted.values()) == 3


@pytest.mark.parametrize("params", [{"packing": 3}, {"packing": 10}, {"secure_aggregation": False}])
def test_the_secure_sum_is_the_plain_sum(params: Mapping[str, Any]) -> None:
    """However an update is shared, the sum is that of whole numbers, so the model is the same to the bit."""
    found, plain = states(prepared(params=params))[-1], states(prepared())[-1]
    np.testing.assert_array_equal(found.weights, plain.weights)
    assert not np.array_equal(plain.weights, states(prepared())[0].weights)


def test_noise_is_not_in_the_model() -> None:
    """With hospitals too few for Krum to reject anybody, noise changes nothing but what verifiers see."""
    (*_, noised), (*_, plain) = (states(prepared(4, params={"noising": noising})) for noising in (True, False))
    np.testing.assert_array_equal(noised.weights, plain.weights)


@pytest.mark.parametrize(
    ("params", "kinds", "audience"),
    [
        ({}, {Kind.NOISED_UPDATE}, "some hospitals"),
        ({"noising": False}, {Kind.UPDATE}, "some hospitals"),
        ({"verification": False}, set(), "nobody"),
        ({"secure_aggregation": False, "verification": False}, {Kind.UPDATE}, "some hospitals"),
        ({"packing": 10, "verification": False}, {Kind.UPDATE}, "some hospitals"),
    ],
)
def test_who_sees_updates(params: Mapping[str, Any], kinds: set[Kind], audience: str) -> None:
    ready = prepared(params=params)
    states(ready)
    assert {kind for kind in (Kind.UPDATE, Kind.NOISED_UPDATE) if kind.value in shown(ready)} == kinds
    assert ready.world.meter.audience() == audience


@pytest.mark.parametrize(
    ("switch", "gone"), [("verification", "vote"), ("noising", "commitNoise"), ("secure_aggregation", None)]
)
def test_a_part_that_is_off_takes_no_time_and_no_transactions(switch: str, gone: str | None) -> None:
    whole, without = prepared(), prepared(params={switch: False})
    states(whole)
    states(without)
    assert gone is None or (gone in sent(whole) and gone not in sent(without))
    work = [ready.world.clock.parts["compute"] + ready.world.clock.parts["network"] for ready in (whole, without)]
    assert work[1] < work[0]


FLIP = {"kind": "sign_flip", "share": 0.3, "strength": 4.0}


def test_poisoners_are_rejected_and_lose_their_stakes() -> None:
    ready = prepared(20, 3, attack=FLIP)
    *_, last = states(ready)
    assert len(ready.attackers) == 6
    taken, refused = (sum(of[name] for name in ready.attackers) for of in (last.accepted, last.rejected))
    assert refused >= 6 * max(1, taken)
    assert sum(last.accepted.values()) - taken >= 4 * (sum(last.rejected.values()) - refused)
    stakes = ready.strategy.outcomes(last)["stake"]
    honest = [stake for name, stake in stakes.items() if name not in ready.attackers]
    assert np.mean([stakes[name] for name in ready.attackers]) < STAKE < np.mean(honest)


def test_without_verification_poisoners_are_taken() -> None:
    ready = prepared(20, 1, attack=FLIP, params={"verification": False})
    *_, last = states(ready)
    assert sum(last.accepted[name] for name in ready.attackers) >= 3
    assert sum(last.rejected.values()) == 0


@cache
def trainer_and_others(hospitals: int = 6) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    verifiers, aggregators = first_roles(hospitals=hospitals)
    names = prepared(hospitals).world.hospitals
    return next(name for name in names if name not in (*verifiers, *aggregators)), verifiers, aggregators


def committing_to(change: Callable[[list[int]], list[int]], points: Callable[[Any], Any] = tuple) -> Any:
    """The strategy in which a liar commits to other numbers, and shares them, than it shows."""
    kind, (liar, _, _) = discovery.load("biscotti"), trainer_and_others()

    def other(self: Any, site: Site, memory: Memory, update: Update) -> tuple[Any, Memory]:
        told, kept = kind.commit(self, site, memory, update)  # type: ignore[attr-defined]
        if site.name != liar:
            return told, kept
        rows = [change(from_bytes(kept["rows"][0])), *map(from_bytes, kept["rows"][1:])]
        return points(map(commit, rows)), {**kept, "liar": tuple(map(to_bytes, rows))}

    def shares(self: Any, site: Site, memory: Memory, at: Any) -> tuple[Any, Memory]:
        return kind.share(self, site, {**memory, "rows": memory.get("liar", memory["rows"])}, at)  # type: ignore[attr-defined]

    return {"commit": other, "share": shares}


def half(row: list[int]) -> list[int]:
    """Half a unit more in the first number: in the field it is one, but huge."""
    return [row[0], (row[1] + pow(2, -1, FIELD)) % FIELD, *row[2:]]


@pytest.mark.parametrize(
    "points",
    [lambda found: tuple(found)[:1], lambda found: (*found, bytes(64)), lambda found: (*list(found)[:1], b"\1" * 64)],
    ids=["too few", "too many", "not on the curve"],
)
@pytest.mark.parametrize("verification", [True, False])
def test_a_commitment_that_is_none_spoils_nothing(points: Callable[[Any], Any], verification: bool) -> None:
    liar, _, _ = trainer_and_others()
    params = {"sampled": 1.0, "verification": verification}
    *_, last = states(prepared(params=params, strategy=varied(params, **committing_to(list, points))))
    assert (last.blocks, last.stakes[liar]) == (1, STAKE - UNIT * verification)


def test_half_a_unit_is_rejected_since_in_the_field_it_is_a_huge_number() -> None:
    liar, _, _ = trainer_and_others()
    *_, last = states(prepared(params={"sampled": 1.0}, strategy=varied({"sampled": 1.0}, **committing_to(half))))
    assert (last.blocks, last.rejected[liar], last.stakes[liar]) == (1, 1, STAKE - UNIT)


def test_without_verifiers_a_huge_number_loses_the_iteration_and_no_more() -> None:
    params = {"verification": False, "sampled": 1.0}
    *_, last = states(prepared(params=params, strategy=varied(params, **committing_to(half))))
    assert (last.blocks, last.lost) == (0, 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told._replace(values=told.values // 2),  # another update than the committed one
        lambda told: told._replace(proof=bytes(64)),  # noisers that were not drawn
        lambda told: told._replace(noises=dict(list(told.noises.items())[:1])),  # less noise than there is
        lambda told: told._replace(noises={}),
        lambda told: told._replace(blindings=bytes(32)),
        lambda told: told._replace(blindings=b""),
        lambda told: told._replace(values=told.values[:-1]),
        lambda told: None,
    ],
    ids=["update", "proof", "a noise", "all noise", "blinding", "no blinding", "short", "nothing"],
)
def test_what_is_not_the_committed_update_under_drawn_noise_is_rejected(change: Callable[[Any], Any]) -> None:
    liar, _, _ = trainer_and_others()
    *_, last = states(prepared(params={"sampled": 1.0}, strategy=at(liar, "mask", change)))
    assert {name for name, count in last.rejected.items() if count} == {liar}
    assert last.stakes[liar] == STAKE - UNIT


def test_another_commitment_than_the_one_on_chain_is_rejected() -> None:
    liar, _, _ = trainer_and_others()
    ready = prepared()
    ask = ready.world.ask

    def swapped(who: Any, what: Any, payload: Any = None, **others: Any) -> Any:
        if what.name == "verify":
            digest, points = payload["committed"][liar]
            payload["committed"][liar] = digest, points[::-1]
        return ask(who, what, payload, **others)

    ready.world.ask = swapped  # type: ignore[method-assign]
    assert states(ready)[-1].rejected[liar] == 1


def tampered(rows: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return tuple(bytes([0]) * 31 + bytes([7]) + row[32:] for row in rows)


def test_an_update_with_tampered_shares_is_left_out_without_a_change_of_stake() -> None:
    liar, _, _ = trainer_and_others()
    ready = prepared(strategy=at(liar, "share", tampered))
    (_, last), (_, honest) = states(ready), states(prepared())
    assert (last.blocks, last.stakes[liar], honest.stakes[liar]) == (1, STAKE, STAKE + UNIT)
    assert not np.array_equal(last.weights, honest.weights)


LONGER_OR_FEWER = [lambda rows: tuple(row + bytes(32) for row in rows), lambda rows: ()]


@pytest.mark.parametrize("change", LONGER_OR_FEWER, ids=["longer", "none"])
def test_shares_of_another_shape_do_not_fit(change: Callable[[Any], Any]) -> None:
    liar, _, _ = trainer_and_others()
    *_, last = states(prepared(strategy=at(liar, "share", change)))
    assert (last.blocks, last.stakes[liar]) == (1, STAKE)


@pytest.mark.parametrize("change", [tampered, *LONGER_OR_FEWER], ids=["tampered", "longer", "none"])
def test_a_tampered_sum_is_caught_and_done_without(change: Callable[[Any], Any]) -> None:
    _, _, aggregators = trainer_and_others()
    (_, last), (_, honest) = states(prepared(strategy=at(aggregators[0], "add", change))), states(prepared())
    np.testing.assert_array_equal(last.weights, honest.weights)
    assert last.blocks == 1


def test_an_aggregator_with_another_model_finds_no_agreement() -> None:
    """It leads, so its block is proposed, nobody else agrees, and the iteration is lost."""
    _, _, aggregators = trainer_and_others()
    ready = prepared(strategy=at(max(aggregators), "recover", lambda model: model + 1))
    first, last = states(ready)
    assert (last.blocks, last.lost, sent(ready)[-2:]) == (0, 1, ["propose", "close"])
    np.testing.assert_array_equal(last.weights, first.weights)


def test_noise_that_was_not_committed_is_dropped() -> None:
    """A noiser that gives other noise spoils nobody's update: those who asked it use their other noiser's."""
    ready = prepared(4, strategy=at("hospital 1", "noise", lambda _: bytes(32)))
    ask, asked, used = ready.world.ask, [], []

    def watched(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        replies = ask(who, what, *arguments, **others)
        if what.name == "noise":
            asked.extend(who)
        if what.name == "mask":
            used.extend(replies.open().values())
        return replies

    ready.world.ask = watched  # type: ignore[method-assign]
    *_, last = states(ready)
    assert "hospital 1" in asked
    assert {len(reply.noises) for reply in used} == {1, 2}
    assert all("hospital 1" not in reply.noises for reply in used)
    assert (last.blocks, sum(last.rejected.values())) == (1, 0)


def test_who_gets_no_noise_at_all_shows_nothing_and_is_not_accepted() -> None:
    ready = prepared(strategy=varied(noise=lambda self, site, memory, payload: (bytes(32), memory)))
    *_, last = states(ready)
    assert (last.blocks, last.lost) == (0, 1)
    assert set(last.stakes.values()) == {STAKE}


def test_noise_has_the_deviation_that_the_accountant_asks_for() -> None:
    strategy = biscotti()
    sigma = strategy.numbers(20)["sigma"]
    assert epsilon_spent(sigma / strategy.sensitivity, 1, strategy.delta) == pytest.approx(2.0)
    mean, one_known = (epsilon_spent(sigma / less / strategy.sensitivity, 1, strategy.delta) for less in (2**0.5, 2))
    assert (mean, one_known) == (pytest.approx(2.88, abs=0.005), pytest.approx(4.16, abs=0.005))  # as the card says
    parts = [Scheme(1).values(strategy._noise(seed, 6, 4000), 4000) / strategy.precision for seed in (b"a", b"b")]
    assert parts[0].std() == pytest.approx(sigma / 2, rel=0.05)  # their sum is the mean of two whole noises
    assert sum(parts).std() == pytest.approx(sigma / 2**0.5, rel=0.05)
    noise = 2 * parts[0]
    assert (noise.std(), abs(noise.mean()) < 4 * sigma / 4000**0.5) == (pytest.approx(sigma, rel=0.05), True)
    assert biscotti(epsilon=float("inf")).numbers(20)["sigma"] == 0


def test_each_iteration_has_noise_of_its_own_fixed_before() -> None:
    ready = prepared(rounds=2)
    opened, first, _ = states(ready)
    order = sent(ready)
    assert order[1:7] == ["register"] * 6
    assert order.index("commitNoise") < order.index("propose")  # the next draw is not known yet
    memories = ready.world.engine.snapshot()["memories"]
    assert all(set(memory["noises"]) == {2, 3} for memory in memories.values())
    assert len({seed for memory in memories.values() for seed in memory["noises"].values()}) == 12
    assert opened.blocks < first.blocks


def test_an_absent_leader_is_passed_over() -> None:
    _, aggregators = first_roles()
    leader = max(aggregators)
    ready = prepared(faults={"absent": {leader: [1]}}, params={"phase_blocks": 400})  # longer than the patience
    *_, last = states(ready)
    assert last.blocks == 1
    assert senders(ready, "propose") == [max(set(aggregators) - {leader})]


@pytest.mark.parametrize("role", [0, 1])
def test_too_few_verifiers_or_aggregators_lose_the_iteration_and_no_more(role: int) -> None:
    members = first_roles()[role]
    ready = prepared(rounds=2, faults={"absent": {name: [1] for name in members[:2]}})
    opened, first, second = states(ready)
    assert (first.lost, second.blocks) == (1, 1)
    assert first.stakes == opened.stakes
    np.testing.assert_array_equal(first.weights, opened.weights)
    assert all(receipt.succeeded for receipt in ready.world.ledger.receipts)


def test_nobody_comes() -> None:
    absent = {f"hospital {number}": [1] for number in range(1, 7)}
    opened, first, second = states(prepared(rounds=2, faults={"absent": absent}))
    assert (first.lost, second.blocks) == (1, 1)
    np.testing.assert_array_equal(first.weights, opened.weights)


def test_who_was_away_at_the_genesis_registers_later() -> None:
    ready = prepared(rounds=2, faults={"absent": {"hospital 3": [0]}})
    opened, first, second = states(ready)
    assert (opened.stakes["hospital 3"], first.blocks, second.blocks) == (0, 1, 2)
    assert first.stakes["hospital 3"] >= STAKE - UNIT
    assert senders(ready, "register").count("hospital 3") == 1


def test_a_model_that_is_not_finite_is_not_committed_to(monkeypatch: pytest.MonkeyPatch) -> None:
    odd, _, _ = trainer_and_others()

    def spoil(site: Site, memory: Memory, update: Update) -> tuple[Update, Memory]:
        return update._replace(weights=update.weights * np.nan) if site.name == odd else update, memory

    monkeypatch.setattr(module(), "FIT", FIT.then(Query("spoil", Kind.UPDATE, spoil)))
    ready = prepared()
    *_, last = states(ready)
    assert np.isfinite(last.weights).all()
    assert odd not in senders(ready, "submit")
    assert last.blocks == 1


@pytest.mark.parametrize("hospitals", [2, 3, 4, 5])
def test_small_federations(hospitals: int) -> None:
    ready = prepared(hospitals, 2)
    *_, last = states(ready)
    assert last.blocks == 2
    assert sum(last.accepted.values()) >= 2


def test_one_hospital_alone_is_refused() -> None:
    with pytest.raises(Reverted, match="nobody left to train"):
        states(prepared(1))


def test_the_record_holds_the_counts() -> None:
    def told(hospitals: int) -> list[float]:
        names = ("noisers", "verifiers", "aggregators", "wanted", "tolerated", "terms")
        return [biscotti().numbers(hospitals)[name] for name in names]

    assert told(100) == [2, 3, 3, 70, 30, 2]
    assert told(20) == [2, 3, 3, 14, 5, 2]
    assert told(6) == [2, 2, 3, 4, 0, 2]
    assert told(4) == [2, 1, 3, 3, 0, 2]
    assert biscotti(packing=10).numbers(20)["terms"] == 10
    assert biscotti(**ALL_OFF).numbers(20)["terms"] == 1


def test_the_published_track_packs_as_the_code_does() -> None:
    assert biscotti(**discovery.load("biscotti").card.published["params"]).packing == 10


def test_the_contracts_block_is_the_model_and_opens_to_it() -> None:
    ready = prepared()
    _, last = states(ready)
    model, commitment = ready.world.at(last.contract).call("tip")
    assert model == hashlib.sha256(last.weights.tobytes()).digest()
    assert len(commitment) == 2 * 2
