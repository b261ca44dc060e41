"""GloreChain's contract by hand, all that it refuses, and whoever falls silent for ever."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from papers import accepted, solidity

from chainward.testing import ContractConformance, OnChain
from chainward.testing.liveness import Act, Draw, Liveness
from chainward.world import Receipt

A, B, C, STRANGER = "a", "b", "c", "stranger"
INITIALIZE, UPDATE, TRANSFER, CHECK, CONSENSUS = range(5)
SUMS = {A: b"1" * 32, B: b"2" * 32, C: b"3" * 32}
M, N = b"m" * 32, b"n" * 32
WAIT = 4
Step = tuple[Any, ...]


class Board(OnChain):
    """The contract of A, B and C, T_max = 2, four blocks a phase; a step is sender, what, with what."""

    def __init__(self, sites: tuple[str, ...] = (A, B, C), most: int = 2) -> None:
        super().__init__()
        self.deploy("GloreChain", (sites, most, WAIT), A)

    def do(self, *steps: Step) -> Board:
        for sender, function, *arguments in steps:
            if function == "wait":
                self.wait(*arguments)
            else:
                self.send(sender, function, *arguments)
        return self

    def of(self, *views: str) -> tuple[Any, ...]:
        return tuple(self.call(view) for view in views)


NEXT, LATE = (STRANGER, "advance"), (STRANGER, "wait", WAIT)
THERE = [*((site, "initialize") for site in SUMS), NEXT]


def sums(iteration: int, *sites: str) -> list[Step]:
    return [(site, "update", iteration, SUMS[site]) for site in sites or SUMS]


def checks(turn: int, **found: bool) -> list[Step]:
    return [(site, "check", turn, right) for site, right in found.items()]


POSTED = [*THERE, *sums(0), NEXT]
TAKEN = [*POSTED, (A, "transfer", 0, M, False)]
AGREED = [*TAKEN, *checks(0, b=True, c=True), NEXT]
FOUND = [*TAKEN[:-1], (A, "transfer", 0, M, True), *checks(0, b=True, c=True), NEXT]


def refused_after(steps: list[Step], refused: Step) -> Callable[[], Any]:
    """How to provoke a refusal after steps of which there is none."""

    def act() -> Board:
        return accepted(lambda: Board().do(*steps)).do(refused)

    return act


REFUSALS = {
    "constructor": [
        ("no sites", lambda: Board(())),
        ("site named twice", lambda: Board((A, B, A))),
    ],
    "initialize": [
        ("not a site", refused_after([], (STRANGER, "initialize"))),
        ("wrong phase", refused_after(THERE, (A, "initialize"))),
        ("already posted", refused_after([(A, "initialize")], (A, "initialize"))),
    ],
    "update": [
        ("not a site", refused_after(THERE, (STRANGER, "update", 0, M))),
        ("wrong phase", refused_after([], (A, "update", 0, M))),
        ("wrong phase", refused_after(POSTED, (A, "update", 0, M))),
        ("wrong iteration", refused_after(THERE, (A, "update", 1, M))),
        ("wrong iteration", refused_after(AGREED, (A, "update", 0, M))),
        ("already posted", refused_after([*THERE, *sums(0, A)], (A, "update", 0, N))),
        ("already posted", refused_after([*AGREED, *sums(1, A)], (A, "update", 1, N))),
    ],
    "transfer": [
        ("wrong phase", refused_after(THERE, (A, "transfer", 0, M, False))),
        ("wrong phase", refused_after(TAKEN, (A, "transfer", 0, N, False))),
        ("not the server", refused_after(POSTED, (B, "transfer", 0, M, False))),
        ("not the server", refused_after(POSTED, (STRANGER, "transfer", 0, M, False))),
        ("not the server", refused_after([*AGREED, *sums(1), NEXT], (A, "transfer", 1, M, False))),
        ("wrong turn", refused_after(POSTED, (A, "transfer", 1, M, False))),
    ],
    "check": [
        ("wrong phase", refused_after(POSTED, (B, "check", 0, True))),
        ("wrong turn", refused_after(TAKEN, (B, "check", 1, True))),
        ("no sums in this step", refused_after(TAKEN, (STRANGER, "check", 0, True))),
        ("no sums in this step", refused_after(
            [*THERE, *sums(0, A, B), LATE, NEXT, TAKEN[-1]], (C, "check", 0, True)
        )),
        ("the server took the step", refused_after(TAKEN, (A, "check", 0, True))),
        ("already posted", refused_after([*TAKEN, *checks(0, b=True)], (B, "check", 0, False))),
    ],
    "advance": [
        ("consensus stands", refused_after(FOUND, NEXT)),
        ("still waiting", refused_after([(A, "initialize"), (A, "wait", WAIT - 1)], NEXT)),
        ("still waiting", refused_after([*THERE, *sums(0, A, B), (A, "wait", WAIT - 2)], NEXT)),
        ("still waiting", refused_after(POSTED, NEXT)),
        ("still waiting", refused_after([*TAKEN, *checks(0, b=True)], NEXT)),
        ("nobody posted", refused_after([LATE], NEXT)),
        ("nobody posted", refused_after([*THERE, LATE], NEXT)),
    ],
}  # fmt: skip


class TestRefusals(ContractConformance):
    source = solidity("GloreChain")
    refusals = REFUSALS


def test_sums_stand_in_the_order_of_servers_whoever_posts_first() -> None:
    board = Board().do(*THERE, *sums(0, C, A, B), NEXT)
    assert board.call("updates") == ((A, B, C), (SUMS[A], SUMS[B], SUMS[C]))
    assert board.of("phase", "server", "iteration") == (TRANSFER, A, 0)


def test_each_site_is_server_in_turn() -> None:
    board, servers = Board(most=9).do(*THERE), []
    for turn in range(5):
        board.do(*sums(turn), NEXT)
        server = board.call("server")
        servers.append(server)
        others = {site: True for site in SUMS if site != server}
        board.do((server, "transfer", turn, bytes([turn + 1]) * 32, False), *checks(turn, **others), NEXT)
        assert board.of("maker", "model", "iteration") == (server, bytes([turn + 1]) * 32, turn + 1)
    assert servers == [A, B, C, A, B]


def test_what_converged_is_the_consensus() -> None:
    board = Board().do(*FOUND)
    assert board.of("phase", "maker", "model", "converged") == (CONSENSUS, A, M, True)
    assert board.ledger.receipts[-1].events == (("Agreed", {"iteration": 0, "model": M}),)


def test_the_step_of_iteration_t_max_is_the_last() -> None:
    board = Board(most=1).do(*AGREED, *sums(1), NEXT, (B, "transfer", 1, N, False), *checks(1, a=True, c=True), NEXT)
    assert board.of("phase", "model", "converged") == (CONSENSUS, N, False)


def test_a_silent_server_is_passed_over_and_sums_are_not_posted_again() -> None:
    board = Board().do(*POSTED, LATE, NEXT)
    assert board.of("phase", "server", "iteration", "turn") == (TRANSFER, B, 0, 1)
    board.do((B, "transfer", 1, M, False), *checks(1, a=True, c=True), NEXT)
    assert board.of("phase", "server", "iteration", "model") == (UPDATE, C, 1, M)


@pytest.mark.parametrize(("found", "stands"), [({"b": False, "c": False}, False), ({"b": False, "c": True}, True)])
def test_more_than_half_of_those_who_checked_undo_a_step(found: Mapping[str, bool], stands: bool) -> None:
    board = Board().do(*TAKEN, *checks(0, **found), NEXT)
    assert board.of("phase", "server", "model") == ((UPDATE, B, M) if stands else (TRANSFER, B, bytes(32)))


def test_who_is_silent_says_nothing_against_a_step() -> None:
    assert Board().do(*TAKEN, LATE, NEXT).call("model") == M
    assert Board().do(*TAKEN, *checks(0, b=False), LATE, NEXT).call("model") == bytes(32)


def test_once_all_were_passed_over_learning_ends_with_what_stands() -> None:
    board = Board().do(*AGREED, *sums(1), NEXT)
    for turn, server in ((1, B), (2, C), (3, A)):
        others = {site: False for site in SUMS if site != server}
        board.do((server, "transfer", turn, N, True), *checks(turn, **others), NEXT)
    assert board.of("phase", "maker", "model", "iteration") == (CONSENSUS, A, M, 1)


def test_a_passed_over_server_counts_for_its_iteration_alone() -> None:
    board = Board().do(*POSTED, LATE, NEXT, (B, "transfer", 1, M, False), *checks(1, a=True, c=True), NEXT)
    board.do(*sums(1), NEXT, LATE, NEXT, LATE, NEXT)
    assert board.of("phase", "server", "passed") == (TRANSFER, B, 2)


def test_a_silent_site_is_left_out_of_the_step_and_not_waited_for_again() -> None:
    board = Board().do(*THERE, *sums(0, A, B), LATE, NEXT)
    assert board.call("updates") == ((A, B), (SUMS[A], SUMS[B]))
    board.do((A, "transfer", 0, M, False), *checks(0, b=True), NEXT)  # nobody waits for C
    assert board.call("expected") == 2
    board.do(*sums(1, A, B), NEXT)
    assert board.of("phase", "updated") == (TRANSFER, 2)


def test_a_site_that_comes_back_takes_part_and_is_waited_for_again() -> None:
    board = Board().do(*THERE, *sums(0, A, B), LATE, NEXT, (A, "transfer", 0, M, False), *checks(0, b=True), NEXT)
    board.do(*sums(1, C, A))  # two have posted, and B is still waited for
    assert board.of("posted", "heard", "expected") == (2, 1, 2)
    board.do(*sums(1, B), NEXT)
    assert board.call("updates")[0] == (A, B, C)
    board.do((B, "transfer", 1, N, False), *checks(1, a=True, c=True), NEXT)
    assert board.call("expected") == 3


def test_a_site_that_was_not_there_at_first_can_take_part() -> None:
    board = Board().do((A, "initialize"), LATE, NEXT, *sums(0, B, A), NEXT)
    assert board.call("updates")[0] == (A, B)


def test_one_site_alone_needs_nobody_s_check() -> None:
    board = Board((A,)).do((A, "initialize"), NEXT, *sums(0, A), NEXT, (A, "transfer", 0, M, True), NEXT)
    assert board.of("phase", "model") == (CONSENSUS, M)


def test_a_phase_stays_open_to_the_late_until_somebody_ends_it() -> None:
    board = Board().do(*THERE, *sums(0, A), LATE, *sums(0, B), NEXT)
    assert board.call("updates")[0] == (A, B)
    board.do(LATE, (A, "transfer", 0, M, False))


class Rotating(Liveness):
    """It rests at the consensus, and while nobody at all has posted what it waits for."""

    parties = (A, B, C)
    forward = ("turn", "phase")
    ends = ("advance",)

    @staticmethod
    def initialize(it: Any, sender: str, _: Draw) -> Receipt:
        return it.send(sender, "initialize")

    @staticmethod
    def update(it: Any, sender: str, draw: Draw) -> Receipt:
        return it.send(sender, "update", it.call("iteration"), draw(st.binary(min_size=32, max_size=32)))

    @staticmethod
    def transfer(it: Any, sender: str, draw: Draw) -> Receipt:
        return it.send(sender, "transfer", it.call("turn"), draw(st.sampled_from([M, N])), draw(st.booleans()))

    @staticmethod
    def check(it: Any, sender: str, draw: Draw) -> Receipt:
        return it.send(sender, "check", it.call("turn"), draw(st.booleans()))

    acts: ClassVar[Mapping[str, Act]] = {
        "initialize": initialize,
        "update": update,
        "transfer": transfer,
        "check": check,
    }

    def make(self, draw: Draw) -> Board:
        return Board(most=draw(st.integers(0, 3)))

    def resting(self) -> bool:
        phase = self.it.call("phase")
        return bool(phase == CONSENSUS or (phase <= UPDATE and not self.it.call("posted")))


TestRotating = Rotating.TestCase
