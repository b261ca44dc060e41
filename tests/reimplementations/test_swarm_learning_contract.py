"""Swarm Learning's contract by hand, and all that it refuses."""

from __future__ import annotations

import pytest
from papers import accepted, solidity

from chainward.testing import ContractConformance, OnChain, refused
from chainward.world import Reverted

DIGEST = bytes(31) + b"\x01"
CHECK_IN, DRAW, MERGE = range(3)
PHASE, LEADER = 20, 4


class Swarm(OnChain):
    """The contract with nodes a, b, c, at least two peers; each transaction has a block of its own."""

    def __init__(self, peers=2, awaited=3, phase=PHASE, leader=LEADER, nodes=("a", "b", "c")):
        super().__init__()
        self.deploy("SwarmLearning", [list(nodes), peers, awaited, phase, leader], "a")

    def transact(self, sender, function, *arguments):
        """Send in a block of its own."""
        return self.wait(1).send(sender, function, *arguments)

    def play(self, *steps):
        """Each step is a function, its arguments and its sender, perhaps "leader" or "follower"; or blocks to wait."""
        for step in steps:
            if isinstance(step, int):
                self.wait(step)
            else:
                function, *arguments, sender = step
                self.transact(self.named(sender), function, *arguments)
        return self

    def named(self, sender):
        leader = self.call("leader")
        followers = (node for node in self.call("participants")[0] if node != leader)
        return {"leader": leader, "follower": next(followers, None)}.get(sender, sender)


def ready_in(round_, *nodes):
    return tuple(("checkIn", round_, DIGEST, node) for node in nodes)


ENROLLED = tuple(("enrol", 1, node) for node in "abc")
TWO_READY = (*ENROLLED, *ready_in(1, "a", "b"))
READY = (*ENROLLED, *ready_in(1, "a", "b", "c"))
MERGING = (*READY, ("elect", "a"))
MERGED = (*MERGING, ("deliver", 1, DIGEST, "cid", "leader"))


def playing(*steps):
    """How to provoke the refusal of the last of these steps, of which no other is refused."""

    def act():
        *allowed, last = steps
        swarm = accepted(lambda: Swarm().play(*allowed))
        swarm.play(last)

    return act


def settled(steps):
    """A swarm whose ready are settled in the newest block, and one of them."""
    swarm = Swarm().play(*steps)
    settling = ("replaceLeader",) if swarm.call("leader") in "abc" else READY[-1][:-1]
    swarm.transact("c", *settling)
    (someone, *_) = swarm.call("participants")[0]
    return swarm, someone


def drawn_at_once(steps):
    swarm, someone = accepted(lambda: settled(steps))
    swarm.send(someone, "elect")


REFUSALS = {
    "constructor": [
        ("minimum of peers out of range", lambda: Swarm(peers=0)),
        ("minimum of peers out of range", lambda: Swarm(peers=4)),
        ("minimum of peers out of range", lambda: Swarm(peers=3, awaited=2)),
        ("more awaited than certified", lambda: Swarm(awaited=4)),
        ("a leader needs time", lambda: Swarm(leader=0)),
        ("training needs time", lambda: Swarm(phase=0)),
        ("certified twice", lambda: Swarm(nodes=("a", "b", "a"))),
    ],
    "enrol": [
        ("not certified", playing(("enrol", 1, "stranger"))),
        ("already enrolled", playing(("enrol", 1, "a"), ("enrol", 1, "a"))),
        ("weight not within 1 to 100", playing(("enrol", 0, "a"))),
        ("weight not within 1 to 100", playing(("enrol", 101, "a"))),
    ],
    "checkIn": [
        ("not enrolled", playing(("checkIn", 1, DIGEST, "a"))),
        ("not the current round", playing(*ENROLLED, ("checkIn", 2, DIGEST, "a"))),
        ("not the current round", playing(*MERGED, ("checkIn", 1, DIGEST, "a"))),
        ("check-in is closed", playing(*TWO_READY, PHASE, ("close", "a"), *ready_in(1, "c"))),
        ("check-in is closed", playing(*TWO_READY, PHASE, ("close", "a"), ("elect", "a"), *ready_in(1, "c"))),
        ("already checked in", playing(*ENROLLED, *ready_in(1, "a", "a"))),
    ],
    "close": [
        ("check-in is closed", playing(*READY, ("close", "a"))),
        ("check-in is closed", playing(*MERGING, ("close", "a"))),
        ("too few peers", playing(*ENROLLED, *ready_in(1, "a"), PHASE, ("close", "a"))),
        ("before the deadline", playing(*TWO_READY, PHASE - 12, ("close", "a"))),
    ],
    "elect": [
        ("nothing to draw", playing(*TWO_READY, ("elect", "a"))),
        ("nothing to draw", playing(*TWO_READY, PHASE, ("elect", "a"))),
        ("nothing to draw", playing(*MERGED, ("elect", "a"))),
        ("nothing to draw", playing(*MERGING, ("elect", "b"))),
        ("before the deadline", lambda: drawn_at_once(READY[:-1])),
        ("before the deadline", lambda: drawn_at_once((*MERGING, LEADER))),
    ],
    "replaceLeader": [
        ("no leader to replace", playing(*READY, ("replaceLeader", "a"))),
        ("no leader to replace", playing(*MERGED, LEADER, ("replaceLeader", "a"))),
        ("before the deadline", playing(*MERGING, LEADER - 2, ("replaceLeader", "a"))),
    ],
    "deliver": [
        ("not the leader", playing(*MERGING, ("deliver", 1, DIGEST, "cid", "follower"))),
        ("not the leader", playing(*READY, ("deliver", 1, DIGEST, "cid", "a"))),
        ("not the current round", playing(*MERGING, ("deliver", 2, DIGEST, "cid", "leader"))),
        ("no model", playing(*MERGING, ("deliver", 1, DIGEST, "", "leader"))),
    ],
}


class TestRefusals(ContractConformance):
    source = solidity("SwarmLearning")
    refusals = REFUSALS


@pytest.mark.parametrize("steps", [READY[:-1], (*MERGING, LEADER)], ids=["check-in", "replacement"])
def test_the_leader_is_drawn_in_a_later_block_than_the_ready_are_settled(steps):
    """Else who settles them, being the last to check in or the one to replace, would know the draw beforehand."""
    swarm, someone = settled(steps)
    with refused("before the deadline"):
        swarm.send(someone, "elect")
    assert swarm.play(("elect", someone)).call("leader") in "abc"


def test_who_asks_for_the_draw_and_when_changes_nothing():
    """Who could ask in another block, or look at the draw and take it back, would lead when it liked."""
    found = [Swarm().play(*READY, blocks, ("elect", who)) for blocks, who in ((0, "a"), (9, "b"), (254, "stranger"))]
    assert len({swarm.call("leader") for swarm in found}) == 1


def test_a_draw_that_nobody_asks_for_in_256_blocks_waits_for_another_block():
    swarm = Swarm().play(*READY, 256, ("elect", "a"))
    assert swarm.call("phase") == DRAW
    assert swarm.play(("elect", "a")).call("phase") == MERGE


def test_a_round_may_start_with_as_few_as_may_merge():
    swarm = Swarm(awaited=2).play(*TWO_READY)
    assert swarm.call("phase") == DRAW
    with refused("check-in is closed"):
        swarm.play(*ready_in(1, "c"))
    swarm.play(("elect", "c"), ("deliver", 1, DIGEST, "cid", "leader"), *ready_in(2, "c", "b"))
    assert swarm.call("participants")[0] == ("c", "b")


def test_the_last_certified_node_closes_the_check_in():
    swarm = Swarm().play(*TWO_READY)
    assert swarm.call("phase") == CHECK_IN
    assert swarm.play(*ready_in(1, "c")).call("phase") == DRAW
    assert swarm.play(("elect", "c")).call("phase") == MERGE


def test_a_node_that_has_not_enrolled_is_not_shut_out_either():
    """Else the first to enrol could begin the first round before the others have come."""
    swarm = Swarm().play(("enrol", 1, "a"), ("enrol", 1, "b"), *ready_in(1, "a", "b"))
    with pytest.raises(Reverted, match="before the deadline"):
        swarm.play(("close", "a"))
    swarm.play(("enrol", 1, "c"), *ready_in(1, "c"), ("elect", "a"))
    assert swarm.call("participants")[0] == ("a", "b", "c")


def test_anyone_may_close_the_check_in_when_its_time_is_over():
    swarm = Swarm().play(*TWO_READY, PHASE - 11, ("close", "stranger"), ("elect", "b"))
    assert swarm.call("leader") in ("a", "b")


def test_who_is_late_may_still_check_in_until_it_is_closed():
    assert Swarm().play(*TWO_READY, 10 * PHASE, *ready_in(1, "c")).call("readyCount") == 3


def test_a_round_on_chain():
    swarm = Swarm().play(*MERGING)
    leader = swarm.call("leader")
    assert swarm.call("participants") == (("a", "b", "c"), (1, 1, 1), (DIGEST,) * 3)
    swarm.play(("deliver", 1, DIGEST, "cid", "leader"))
    assert swarm.call("latest") == (leader, DIGEST, "cid")
    assert (swarm.call("round"), swarm.call("readyCount"), swarm.call("phase")) == (2, 0, CHECK_IN)
    assert swarm.call("deadline") == swarm.ledger.receipts[-1].block + PHASE
    assert swarm.call("participants") == ((), (), ())
    swarm.play(*ready_in(2, "c", "a"), PHASE, ("close", "c"), ("elect", "c"))
    assert swarm.call("leader") in ("a", "c")
    assert swarm.call("participants")[0] == ("c", "a")


def test_anyone_may_have_a_silent_leader_replaced():
    swarm = Swarm().play(*MERGING)
    silent = swarm.call("leader")
    swarm.play(LEADER - 1, ("replaceLeader", "stranger"))
    assert sorted([silent, *swarm.call("participants")[0]]) == ["a", "b", "c"]
    swarm.play(("elect", "follower"))
    assert swarm.call("leader") in swarm.call("participants")[0]
    with pytest.raises(Reverted, match="not the leader"):
        swarm.transact(silent, "deliver", 1, DIGEST, "late")
    swarm.play(("deliver", 1, DIGEST, "cid", "leader"))
    assert swarm.call("latest")[2] == "cid"


def test_a_late_leader_may_still_deliver_until_it_is_replaced():
    assert Swarm().play(*MERGING, 10 * LEADER, ("deliver", 1, DIGEST, "cid", "leader")).call("round") == 2


def test_too_few_after_a_silent_leader_open_the_check_in_again():
    swarm = Swarm(peers=3).play(*MERGING)
    silent = swarm.call("leader")
    swarm.play(LEADER, ("replaceLeader", "d"))
    assert (swarm.call("readyCount"), swarm.call("phase")) == (2, CHECK_IN)
    present = swarm.call("participants")[0]
    with pytest.raises(Reverted, match="nothing to draw"):
        swarm.transact(present[0], "elect")
    swarm.play(*ready_in(1, silent), ("elect", silent))
    assert swarm.call("participants")[0] == (*present, silent)


def test_every_node_is_leader_sooner_or_later():
    swarm, leaders = Swarm().play(*MERGED), []
    for number in range(2, 22):
        swarm.play(*ready_in(number, "a", "b", "c"), ("elect", "b"))
        leaders.append(swarm.call("leader"))
        swarm.play(("deliver", number, DIGEST, "cid", "leader"))
    assert set(leaders) == {"a", "b", "c"}
