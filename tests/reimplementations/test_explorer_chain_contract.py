"""EXPLORERChain's contract by hand, and all that it refuses."""

from __future__ import annotations

import pytest
from papers import accepted, solidity

from chainward.testing import ContractConformance, OnChain
from chainward.world import Reverted

A, B, C, D = (f"hospital {number}" for number in range(1, 5))
CLEAR, INITIALIZE, TRANSFER, UPDATE, EVALUATE, CONSENSUS = range(6)
M, N = b"m" * 32, b"n" * 32


class Board(OnChain):
    """The contract of A, B and C, Omega = 3, six blocks to train and two to evaluate; a step: (sender, what, *with)."""

    def __init__(self, sites=(A, B, C), omega=3, phase=6, waiting=2):
        super().__init__()
        self.deploy("ExplorerChain", (sites, omega, phase, waiting), A)

    def do(self, *steps):
        for sender, function, *arguments in steps:
            if function == "wait":
                self.wait(*arguments)
            else:
                self.send(sender, function, *arguments)
        return self


def clear(*sites):
    return [(site, "clear") for site in sites]


NEXT = (A, "advance")
CLEARED = [*clear(A, B, C), NEXT]
FIRST = [(A, "initialize", 200, M), (B, "initialize", 100, N), (C, "initialize", 300, M)]
STARTED = [*CLEARED, *FIRST, NEXT]  # B holds N with error 100
UPDATED = [*STARTED, (B, "update", 1, 100, N)]
PASSED = [*UPDATED, (A, "evaluate", 1, 400), (C, "evaluate", 1, 500), NEXT]  # C holds N as iteration 2
WITHOUT_C = [*clear(A, B), (A, "wait", 6), NEXT, *FIRST[:2], NEXT, UPDATED[-1]]
AGREED = [*UPDATED, (A, "evaluate", 1, 100), (C, "evaluate", 1, 99), NEXT]


def refused_after(steps, refused):
    """How to provoke a refusal after steps of which there is none."""

    def act():
        board = accepted(lambda: Board().do(*steps))
        board.do(refused)

    return act


def without_iterations(refused):
    def act():
        board = accepted(lambda: Board(omega=0).do(*STARTED))
        assert board.call("phase") == CONSENSUS
        board.do(refused)

    return act


REFUSALS = {
    "constructor": [
        ("no sites", lambda: Board(())),
        ("site named twice", lambda: Board((A, B, A))),
    ],
    "clear": [
        ("not a site", refused_after([], (D, "clear"))),
        ("wrong phase", refused_after(CLEARED, (A, "clear"))),
        ("already posted", refused_after(clear(A), (A, "clear"))),
    ],
    "initialize": [
        ("wrong phase", refused_after([], (A, "initialize", 1, M))),
        ("error above one", refused_after(CLEARED, (A, "initialize", 1_000_001, M))),
        ("already posted", refused_after([*CLEARED, FIRST[0]], FIRST[0])),
        ("not cleared", refused_after([*clear(A), (A, "wait", 6), NEXT], (B, "initialize", 1, M))),
        ("not cleared", refused_after(CLEARED, (D, "initialize", 1, M))),
    ],
    "update": [
        ("wrong phase", refused_after(CLEARED, (A, "update", 1, 1, M))),
        ("error above one", refused_after(PASSED, (C, "update", 2, 1_000_001, M))),
        ("not the holder", refused_after(PASSED, (A, "update", 2, 1, M))),
        ("wrong iteration", refused_after(PASSED, (C, "update", 1, 1, M))),
        ("own model stays as it is", refused_after(STARTED, (B, "update", 1, 100, M))),
        ("own model stays as it is", refused_after(STARTED, (B, "update", 1, 99, N))),
    ],
    "evaluate": [
        ("wrong phase", refused_after(STARTED, (A, "evaluate", 1, 1))),
        ("error above one", refused_after(UPDATED, (A, "evaluate", 1, 1_000_001))),
        ("already posted", refused_after([*UPDATED, (A, "evaluate", 1, 1)], (A, "evaluate", 1, 2))),
        ("already posted", refused_after([*UPDATED, (A, "unreadable", 1)], (A, "evaluate", 1, 2))),
        ("not a member", refused_after(UPDATED, (D, "evaluate", 1, 1))),
        ("not a member", refused_after(WITHOUT_C, (C, "evaluate", 1, 1))),
        ("the holder made the model", refused_after(UPDATED, (B, "evaluate", 1, 1))),
        ("wrong iteration", refused_after(UPDATED, (A, "evaluate", 2, 1))),
    ],
    "rejoin": [
        ("not a site", refused_after(AGREED, (D, "rejoin", 200))),
        ("wrong phase", refused_after(UPDATED, (A, "rejoin", 200))),
        ("error above one", refused_after(AGREED, (A, "rejoin", 1_000_001))),
        ("the consensus is good enough", refused_after(AGREED, (C, "rejoin", 99))),
        ("sites keep their own models", without_iterations((A, "rejoin", 200))),
    ],
    "unreadable": [
        ("wrong phase", refused_after(STARTED, (A, "unreadable", 1))),
        ("not a member", refused_after(WITHOUT_C, (C, "unreadable", 1))),
        ("the holder made the model", refused_after(UPDATED, (B, "unreadable", 1))),
        ("wrong iteration", refused_after(UPDATED, (A, "unreadable", 2))),
        ("already posted", refused_after([*UPDATED, (A, "evaluate", 1, 1)], (A, "unreadable", 1))),
    ],
    "advance": [
        ("consensus stands", refused_after(AGREED, NEXT)),
        ("still waiting", refused_after([], NEXT)),
        ("still waiting", refused_after(clear(A, B), NEXT)),
        ("still waiting", refused_after([*CLEARED, *FIRST[:2]], NEXT)),
        ("still waiting", refused_after(STARTED, NEXT)),
        ("still waiting", refused_after([*UPDATED, (A, "evaluate", 1, 1)], NEXT)),
        ("still waiting", refused_after([*UPDATED, (A, "evaluate", 1, 1), (A, "wait", 1)], NEXT)),
        ("still waiting", refused_after([*clear(A, B), (A, "wait", 5)], NEXT)),
        ("still waiting", refused_after([*CLEARED, *FIRST[:2], (A, "wait", 5)], NEXT)),
        ("still waiting", refused_after([*STARTED, (A, "wait", 5)], NEXT)),
        ("still waiting", refused_after([*PASSED, (A, "wait", 5)], NEXT)),
        ("nobody posted", refused_after([(A, "wait", 6)], NEXT)),
    ],
}


class TestRefusals(ContractConformance):
    source = solidity("ExplorerChain")
    refusals = REFUSALS


def test_the_lowest_first_error_holds_first_and_the_model_stands_on_chain():
    board = Board().do(*CLEARED, *FIRST)
    assert board.call("next") == B
    board.do(NEXT)
    assert (board.call("holder"), board.call("iteration"), board.call("model"), board.call("errorE6")) == (B, 1, N, 100)
    assert board.call("ready") is True


def test_the_first_named_site_wins_ties_whoever_posts_first():
    ties = [(C, "initialize", 100, M), (B, "initialize", 100, M), (A, "initialize", 100, N)]
    board = Board().do(*CLEARED, *ties)
    assert board.call("next") == A
    board.do(NEXT, (A, "update", 1, 100, N), (C, "evaluate", 1, 400), (B, "evaluate", 1, 400))
    assert board.call("next") == B


def test_the_largest_error_is_next_if_it_is_strictly_greater():
    board = Board().do(*PASSED)
    assert (board.call("holder"), board.call("iteration"), board.call("ready")) == (C, 2, False)
    board = Board().do(*AGREED)
    assert (board.call("phase"), board.call("model"), board.call("errorE6")) == (CONSENSUS, N, 100)


def test_an_error_of_an_earlier_iteration_does_not_count_again():
    board = Board().do(*PASSED, (C, "update", 2, 150, M), (B, "evaluate", 2, 150), (A, "wait", 2), NEXT)
    assert board.call("phase") == CONSENSUS


def test_the_holder_s_own_error_does_not_count_against_it():
    board = Board().do(*PASSED, (C, "update", 2, 90, M), (A, "evaluate", 2, 90), (B, "evaluate", 2, 90), NEXT)
    assert board.call("phase") == CONSENSUS


def test_the_update_of_iteration_omega_is_the_consensus_whoever_errs_more():
    board = Board(omega=2).do(*PASSED, (C, "update", 2, 300, M), *evaluated(2, a=400, b=1), NEXT)
    assert (board.call("phase"), board.call("model"), board.call("errorE6")) == (CONSENSUS, M, 300)


def test_a_phase_stays_open_to_late_posts_until_it_is_closed():
    board = Board().do(*UPDATED, (A, "evaluate", 1, 1), (A, "wait", 5), (C, "evaluate", 1, 500), NEXT)
    assert board.call("holder") == C


@pytest.mark.parametrize("steps", [clear(A), [*CLEARED, FIRST[0]], STARTED, PASSED], ids=["1", "2", "4", "4 again"])
def test_nobody_is_shut_out_who_trains_longer_than_the_waiting_time(steps):
    """Steps 1 and 2 wait for all S, and step 4 for the holder, which retrains: far longer than step 6's 5 s."""
    board = Board().do(*steps, (A, "wait", 3))  # beyond the waiting time, which is two blocks
    with pytest.raises(Reverted, match="still waiting"):
        board.do(NEXT)
    board.do((A, "wait", 3), NEXT)


def test_a_missing_maker_s_first_model_goes_on_and_a_missing_holder_is_passed_over():
    board = Board().do(*STARTED, (A, "wait", 6), NEXT)
    assert (board.call("phase"), board.call("model")) == (EVALUATE, N)
    board = Board().do(*PASSED, (A, "wait", 6), NEXT)
    assert (board.call("holder"), board.call("iteration")) == (A, 2)
    board.do((A, "wait", 6), (B, "advance"))
    assert (board.call("phase"), board.call("model")) == (CONSENSUS, N)


def test_sites_that_clear_and_vanish_leave_the_beginning_to_the_others():
    board = Board().do(*clear(A, B), (A, "wait", 6), NEXT, (A, "wait", 6), NEXT)
    assert board.call("phase") == CLEAR
    board.do(*clear(C, A), (A, "wait", 6), NEXT, FIRST[2], (A, "wait", 6), NEXT)
    assert (board.call("holder"), board.call("members")) == (C, (C,))


def test_an_update_that_a_majority_cannot_read_is_that_of_a_missing_holder():
    board = Board().do(*PASSED, (C, "update", 2, 1, b"?" * 32), (A, "unreadable", 2), (B, "unreadable", 2), NEXT)
    missing = Board().do(*PASSED, (A, "wait", 6), NEXT)
    state = ("phase", "holder", "iteration", "model", "errorE6")
    assert [board.call(name) for name in state] == [missing.call(name) for name in state] == [UPDATE, A, 2, N, 100]
    board.do((A, "update", 2, 50, M), (B, "evaluate", 2, 60), (C, "evaluate", 2, 40), NEXT)
    assert (board.call("holder"), board.call("iteration")) == (B, 3)


def test_half_that_cannot_read_are_no_majority():
    board = Board().do(*PASSED, (C, "update", 2, 90, M), (A, "unreadable", 2), (B, "evaluate", 2, 95), NEXT)
    assert (board.call("holder"), board.call("iteration")) == (B, 3)


def test_of_first_models_that_nobody_can_read_the_next_lowest_starts():
    unread = ((A, "unreadable", 1), (C, "unreadable", 1), NEXT)
    board = Board().do(*UPDATED, *unread)
    assert (board.call("holder"), board.call("iteration"), board.call("model"), board.call("errorE6")) == (A, 1, M, 200)
    assert board.call("ready") is True
    board.do((A, "update", 1, 200, M), (B, "unreadable", 1), (C, "unreadable", 1), NEXT)
    assert board.call("holder") == C
    board.do((C, "update", 1, 300, M), (A, "unreadable", 1), (B, "unreadable", 1), NEXT)
    assert board.call("phase") == CLEAR  # nobody's is left
    board.do(*CLEARED, FIRST[1], (A, "wait", 6), NEXT)
    assert board.call("holder") == B


def test_two_unreadable_updates_in_a_row_leave_the_model_before_them():
    unread = lambda t, *sites: [(site, "unreadable", t) for site in sites]  # noqa: E731
    board = Board().do(*PASSED, (C, "update", 2, 1, M), *unread(2, A, B), NEXT, (A, "update", 2, 1, M))
    board.do(*unread(2, B, C), NEXT)
    assert (board.call("phase"), board.call("model"), board.call("errorE6")) == (CONSENSUS, N, 100)


WORTHLESS = 500_000


def evaluated(iteration, **errors):
    return [({"a": A, "b": B, "c": C}[site], "evaluate", iteration, error) for site, error in errors.items()]


def test_a_consensus_that_a_majority_finds_worthless_begins_anew_without_its_maker():
    poisoned = [*PASSED, (C, "update", 2, 1_000_000, M)]  # nobody can err more than its maker says it does
    board = Board().do(*poisoned, *evaluated(2, a=WORTHLESS, b=WORTHLESS), NEXT)
    assert (board.call("phase"), board.call("members"), board.call("expected")) == (CLEAR, (), 2)
    with pytest.raises(Reverted, match="not a site"):
        board.do((C, "clear"))
    board.do(*clear(A, B), NEXT, *FIRST[:2], NEXT, (B, "update", 1, 100, N), (A, "evaluate", 1, 90), NEXT)
    assert (board.call("phase"), board.call("model"), board.call("members")) == (CONSENSUS, N, (A, B))


@pytest.mark.parametrize("errors", [{"a": WORTHLESS - 1, "b": WORTHLESS}, {"a": WORTHLESS - 1, "b": WORTHLESS - 1}])
def test_half_is_no_majority_and_better_than_a_coin_is_not_worthless(errors):
    board = Board().do(*PASSED, (C, "update", 2, 1_000_000, M), *evaluated(2, **errors), NEXT)
    assert (board.call("phase"), board.call("model")) == (CONSENSUS, M)


def test_whose_own_first_model_is_worthless_says_nothing_against_another():
    first = [(site, "initialize", WORTHLESS, M) for site in (A, B, C)]
    board = Board().do(*CLEARED, *first, NEXT, (A, "update", 1, WORTHLESS, M))
    board.do(*evaluated(1, b=WORTHLESS, c=WORTHLESS), NEXT)
    assert board.call("phase") == CONSENSUS


def test_who_learns_from_a_worthless_model_is_not_to_blame_for_it():
    poisoned = [*PASSED, (C, "update", 2, 0, M), *evaluated(2, a=900_000, b=WORTHLESS), NEXT]
    board = Board().do(*poisoned, (A, "update", 3, 900_000, N), *evaluated(3, b=WORTHLESS, c=900_000), NEXT)
    assert board.call("phase") == CLEAR
    with pytest.raises(Reverted, match="not a site"):
        board.do((C, "clear"))
    board.do(*clear(A, B))


def test_who_mends_a_worthless_model_clears_its_maker():
    poisoned = [*PASSED, (C, "update", 2, 0, M), *evaluated(2, a=900_000, b=WORTHLESS), NEXT]
    board = Board().do(*poisoned, (A, "update", 3, 100, N), *evaluated(3, b=90, c=90), NEXT)
    assert (board.call("phase"), board.call("model")) == (CONSENSUS, N)


def test_who_errs_as_much_on_the_consensus_rejoins_and_learns():
    board = Board().do(*clear(A, B), (A, "wait", 6), NEXT, *FIRST[:2], NEXT)
    board.do((B, "update", 1, 100, N), (A, "evaluate", 1, 1), NEXT)
    assert board.call("members") == (A, B)
    board.do((C, "rejoin", 100))
    assert board.call("members") == (A, B, C)
    assert (board.call("holder"), board.call("iteration"), board.call("ready")) == (C, 1, False)
    board.do((C, "update", 1, 50, M), (A, "evaluate", 1, 60), (B, "evaluate", 1, 70), NEXT)
    assert (board.call("holder"), board.call("iteration")) == (B, 2)


def test_a_member_with_new_patients_rejoins_and_is_counted_once():
    board = Board().do(*AGREED, (C, "rejoin", 100))
    assert (board.call("memberCount"), board.call("holder"), board.call("ready")) == (3, C, False)


def test_who_rejoins_and_vanishes_leaves_the_consensus_as_it_was():
    board = Board(omega=2).do(*PASSED, (C, "update", 2, 90, M), (A, "wait", 2), NEXT)
    board.do((A, "rejoin", 95), (A, "wait", 6), (D, "advance"))
    assert (board.call("phase"), board.call("model"), board.call("errorE6")) == (CONSENSUS, M, 90)


def test_every_message_is_posted():
    board = Board().do(*AGREED)
    last = board.ledger.receipts[-1].events
    assert last == (
        ("Posted", {"flag": CONSENSUS, "from": A, "to": last[0][1]["to"], "iteration": 1, "errorE6": 100, "model": N}),
    )
    flags = [event["flag"] for receipt in board.ledger.receipts for _, event in receipt.events]
    assert flags == [CLEAR] * 3 + [INITIALIZE] * 3 + [TRANSFER, UPDATE, EVALUATE, EVALUATE, CONSENSUS]
