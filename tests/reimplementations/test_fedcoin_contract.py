"""FedCoin's contract against hand vectors and oracles."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak
from fedcoin_market import (
    COMMITTING,
    ETHER,
    EXACT,
    FIRST,
    IDLE,
    ONE,
    REQUESTER,
    REVEALING,
    SALT,
    SECOND,
    SERVER,
    TRAINING,
    WINDOW,
    Market,
    Vectors,
    decided,
    fixed,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from papers import NOBODY, STRANGER

from chainward.methods.commitment import sealed, words
from chainward.world import Reverted


def test_hand_vector_is_farther_than_d_from_the_average() -> None:
    """Each of .6, .2 and .3, .5 is .2121 from .45, .35."""
    market = Market(solvers="xy").play({"x": FIRST, "y": SECOND})
    assert market.winner == NOBODY
    assert market.call("credit", REQUESTER) == ETHER
    assert set(market.gained().values()) == {0, -ETHER}


def test_hand_vector_to_the_wei() -> None:
    market = Market(solvers="xy", distance=0.213).play({"x": FIRST, "y": SECOND})
    assert market.winner == "x"
    a, b = (7 * ETHER // 10 * value // sum(FIRST) for value in FIRST)
    left = 7 * ETHER // 10 - a - b
    assert a / (a + b) == pytest.approx(0.75, abs=1e-5)
    assert left == market.call("credit", REQUESTER)
    assert market.gained() == {
        REQUESTER: -ETHER,
        SERVER: ETHER // 10,
        STRANGER: 0,
        "a": a,
        "b": b,
        "x": ETHER // 5,
        "y": 0,
    }
    assert market.call("pay") == (("a", "b"), (a, b))


def test_the_nearest_to_the_average_wins_and_not_the_first() -> None:
    market = Market().play({"x": FIRST, "y": SECOND, "z": EXACT})
    assert market.winner == "z"
    assert market.call("centre") == (tuple(map(sum, zip(FIRST, SECOND, EXACT, strict=True))), 3)
    assert market.gained()["z"] == ETHER // 5


@pytest.mark.parametrize(("apart", "winner"), [(100, "x"), (101, NOBODY)])
def test_a_vector_at_distance_d_is_accepted_and_beyond_it_is_not(apart: int, winner: str) -> None:
    """Verify rule: the distance of 3-4-5 triangles to the average of two, D = 500 units."""
    vectors = {"x": [0, 0], "y": [6 * apart, 8 * apart]}
    assert Market(solvers="xy", distance=500 / ONE).play(vectors).winner == winner


def test_equals_go_by_registration_whoever_reveals_first() -> None:
    market = Market(distance=1.0).post().commit({"z": FIRST, "y": FIRST, "x": SECOND})
    assert market.reveal({"z": FIRST, "y": FIRST, "x": SECOND}).close().winner == "y"


def test_of_two_solvers_the_first_registered_always_wins() -> None:
    for vectors in ({"x": FIRST, "y": SECOND}, {"x": SECOND, "y": FIRST}):
        assert Market(solvers="xy", distance=1.5).play(vectors).winner == "x"


def test_one_solver_wins_whatever_d() -> None:
    assert Market(solvers="x", distance=0).play({"x": FIRST}).winner == "x"


def test_an_infinite_d_accepts_everything() -> None:
    """Both are sqrt 2 from their average."""
    far = {"x": [ONE, -ONE], "y": [-ONE, ONE]}
    assert Market(solvers="xy", distance=1.41).play(far).winner == NOBODY
    assert Market(solvers="xy", distance=(2**32 - 1) / ONE).play(far).winner == "x"


LIAR = {"w": [ONE, -ONE], "x": fixed(0.45, 0.35), "y": fixed(0.46, 0.34), "z": fixed(0.44, 0.36)}


@pytest.mark.parametrize(("by_median", "winner"), [(False, NOBODY), (True, "x")])
def test_one_liar_pulls_the_average_and_not_the_median(by_median: bool, winner: str) -> None:
    assert Market(solvers="wxyz", median=by_median).play(LIAR).winner == winner


def test_the_readmes_d_never_binds_where_no_value_is_negative() -> None:
    """Non-negative vectors that sum to one accuracy of at most 1 are at most sqrt 2 apart."""
    market = Market(solvers="xy", distance=1.5).play({"x": [ONE, 0], "y": [0, ONE]})
    assert market.winner == "x"


@pytest.mark.parametrize("price", [0, 1, 7, 101, 999])
def test_the_split_leaves_no_wei_behind(price: int) -> None:
    """What flooring leaves of the server's part is the winner's, of the trainers' the requester's."""
    market = Market(solvers="x", price=price, clients="abc").play({"x": [3, 2, 2]})
    train, server = price * 70 // 100, price * 10 // 100
    paid = [train * value // 7 for value in (3, 2, 2)]
    gained = market.gained()
    assert [gained[name] for name in "abc"] == paid
    assert (gained[SERVER], gained["x"]) == (server, price - train - server)
    assert market.call("credit", REQUESTER) == train - sum(paid)
    market.check_money()


@pytest.mark.parametrize(("train", "commission"), [(100, 0), (0, 100), (0, 0), (33, 34)])
def test_other_splits(train: int, commission: int) -> None:
    gained = Market(solvers="x", train=train, commission=commission, price=100).play({"x": [1, 0]}).gained()
    assert (gained["a"], gained[SERVER], gained["x"]) == (train, commission, 100 - train - commission)


def test_negative_values_earn_nothing_and_take_nothing() -> None:
    gained = Market(solvers="x", clients="abc").play({"x": fixed(0.4, -0.3, 0.1)}).gained()
    assert gained["b"] == 0
    assert gained["a"] == pytest.approx(0.8 * 0.7 * ETHER, rel=1e-4)


def test_where_no_value_is_positive_the_trainers_part_goes_back() -> None:
    market = Market(solvers="x").play({"x": fixed(0, -0.3)})
    assert market.winner == "x"
    assert market.call("credit", REQUESTER) == 7 * ETHER // 10
    assert market.gained()["x"] == ETHER // 5
    assert market.call("pay")[1] == (0, 0)


def test_a_price_given_back_pays_for_the_next_task() -> None:
    market = Market(solvers="xy").play({"x": FIRST, "y": SECOND})
    market.send(REQUESTER, "announce")
    assert market.call("credit", REQUESTER) == 0
    market.send(SERVER, "post", ["a", "b"], ["one", "two"])
    market.commit({"x": EXACT, "y": EXACT}).reveal({"x": EXACT, "y": EXACT}).close()
    assert (market.winner, market.call("round")) == ("x", 2)
    market.check_money()


def test_the_requester_takes_home_what_is_not_locked() -> None:
    market = Market()
    market.send(REQUESTER, "announce", value=3 * ETHER)
    market.send(REQUESTER, "collect")
    assert market.gained()[REQUESTER] == -ETHER
    market.check_money()


def test_who_did_not_train_is_not_paid() -> None:
    market = Market(clients="abc", solvers="x").post("ac").commit({"x": EXACT}).reveal({"x": EXACT}).close()
    assert market.gained()["b"] == 0
    assert market.call("pay")[0] == ("a", "c")


def test_the_task_names_models_and_trainers() -> None:
    market = Market().announce()
    assert market.ledger.receipts[-1].events == (("Announced", {"round": 1}),)
    (event,) = market.send(SERVER, "post", ["b"], ["content"]).events
    assert event == ("Posted", {"round": 1, "trainers": ("b",), "contentIds": ("content",)})
    assert market.call("phase") == COMMITTING


def test_an_open_task_has_no_winner() -> None:
    market = Market(solvers="xy").play({"x": EXACT, "y": EXACT}).post()
    assert market.winner == NOBODY
    market.commit({"x": EXACT, "y": EXACT}).reveal({"x": EXACT})
    assert market.call("pay") == (("a", "b"), (0, 0))


def test_the_price_is_locked_before_anybody_trains() -> None:
    """No server posts what nobody has the money for, and once it is locked the requester cannot have it back."""
    with pytest.raises(Reverted, match="not the phase"):
        Market().send(SERVER, "post", ["a"], ["model"])
    market = Market().announce()
    assert (market.call("phase"), market.gained()[REQUESTER]) == (TRAINING, -ETHER)
    with pytest.raises(Reverted, match="nothing to collect"):
        market.send(REQUESTER, "collect")
    with pytest.raises(Reverted, match="before the deadline"):
        market.close()


def test_a_task_whose_server_is_silent_gives_the_price_back() -> None:
    market = Market().announce().late().close()
    assert (market.call("phase"), market.winner, market.call("credit", REQUESTER)) == (IDLE, NOBODY, ETHER)
    market.play({"x": EXACT, "y": EXACT, "z": EXACT})
    assert market.winner == "x"


def test_each_phase_lasts_so_many_blocks() -> None:
    market = Market(solvers="x").announce()
    assert market.call("deadline") == market.ledger.receipts[-1].block + WINDOW
    market = Market(solvers="x").post()
    assert market.call("deadline") == market.ledger.receipts[-1].block + WINDOW
    market.late(4).commit({"x": EXACT})
    assert market.call("deadline") == market.ledger.receipts[-1].block + WINDOW


def test_events_tell_who_was_paid_what() -> None:
    market = Market(solvers="x").post().commit({"x": EXACT}).reveal({"x": EXACT})
    events = market.send(STRANGER, "close").events
    assert [name for name, _ in events] == ["Accepted", "Paid", "Paid", "Paid", "Paid"]
    assert {event["payee"]: event["amount"] for name, event in events if name == "Paid"} == {
        name: amount for name, amount in market.gained().items() if amount > 0
    }


def test_nobody_can_reveal_before_all_have_committed_or_had_the_time() -> None:
    market = Market().post().commit({"x": FIRST, "y": SECOND})
    with pytest.raises(Reverted, match="not the phase"):
        market.reveal({"x": FIRST})
    assert market.commit({"z": EXACT}).call("phase") == REVEALING


def test_a_copied_commitment_cannot_be_opened_by_who_copied_it() -> None:
    """y sees x's commitment, and later its salt and vector; with its own address in front they do not open it."""
    market = Market(solvers="xy").post()
    copied = sealed(market.call("domain", "x"), SALT, words(EXACT))
    market.send("x", "commit", copied)
    market.send("y", "commit", copied)
    market.reveal({"x": EXACT})
    with pytest.raises(Reverted, match="commitment not opened"):
        market.reveal({"y": EXACT})
    assert market.late().close().winner == "x"


def test_a_commitment_of_an_earlier_round_cannot_be_opened() -> None:
    market = Market(solvers="x").play({"x": EXACT})
    old = sealed(domain_of(market, 1, "x"), SALT, words(EXACT))
    market.post().send("x", "commit", old)
    with pytest.raises(Reverted, match="commitment not opened"):
        market.reveal({"x": EXACT})


def domain_of(market: Market, number: int, solver: str) -> bytes:
    account = bytes.fromhex(market.ledger.account(solver)[2:])
    return keccak(
        bytes.fromhex(market.address[2:]).rjust(32, b"\0") + number.to_bytes(32, "big") + account.rjust(32, b"\0")
    )


def test_a_commitment_is_bound_to_contract_round_and_solver() -> None:
    market = Market(solvers="xy").post()
    assert market.call("domain", "x") == domain_of(market, 1, "x") != market.call("domain", "y")


def test_a_vector_is_hashed_as_the_contract_does_negative_values_too() -> None:
    vector = [-1, -ONE, ONE, 0, 12_345]
    market = Market(clients="abcde", solvers="x").post().commit({"x": vector}).reveal({"x": vector})
    assert market.call("vectorOf", "x") == tuple(vector)


def test_who_does_not_commit_in_time_is_left_out() -> None:
    market = Market().post().commit({"y": EXACT}).late().close()
    assert market.call("phase") == REVEALING
    with pytest.raises(Reverted, match="nothing committed"):
        market.reveal({"x": EXACT})
    assert market.reveal({"y": EXACT}).close().winner == "y"


def test_who_does_not_reveal_in_time_does_not_count_in_the_average() -> None:
    vectors = {"x": FIRST, "y": EXACT, "z": EXACT}
    market = Market(distance=0.01).post().commit(vectors).reveal({"y": EXACT, "z": EXACT})
    with pytest.raises(Reverted, match="before the deadline"):
        market.close()
    assert market.late().close().winner == "y"
    assert market.call("centre") == (tuple(2 * value for value in EXACT), 2)
    assert market.call("vectorOf", "x") == ()


@pytest.mark.parametrize("vectors", [{}, {"x": FIRST}])
def test_without_a_vector_the_price_goes_back(vectors: Vectors) -> None:
    market = Market().post().commit(vectors).late().close()
    if vectors:
        assert market.call("phase") == REVEALING
        market.late().close()
    assert market.call("phase") == IDLE
    assert (market.winner, market.call("credit", REQUESTER)) == (NOBODY, ETHER)
    assert market.call("nearest") == NOBODY


def test_vectors_of_an_earlier_task_do_not_count() -> None:
    market = Market().play({"x": FIRST, "y": FIRST, "z": FIRST})
    market.post()
    assert [market.call("vectorOf", solver) for solver in "xyz"] == [(), (), ()]
    market.commit({"z": SECOND}).late().close().reveal({"z": SECOND})
    assert market.call("centre") == (tuple(SECOND), 1)
    assert market.close().winner == "z"


def test_the_deadlines_block_is_still_in_time() -> None:
    market = Market().post()
    market.late(market.call("deadline") - 1 - market.ledger.block(market.now))
    assert market.ledger.block(market.now) == market.call("deadline") - 1
    market.commit({"x": FIRST})
    with pytest.raises(Reverted, match="before the deadline"):
        market.close()
    assert market.late(1).close().call("phase") == REVEALING


def test_before_the_first_task_there_is_nothing() -> None:
    market = Market()
    assert market.call("vectorOf", "x") == ()
    assert market.call("nearest") == NOBODY
    assert market.call("pay") == ((), ())
    assert [market.call("place", name) for name in ("a", "b", STRANGER)] == [1, 2, 0]


@given(st.data(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_equals_the_oracle_and_conserves_every_wei(data: st.DataObject, by_median: bool) -> None:
    solvers, clients = "wxyz"[: data.draw(st.integers(1, 4))], "abc"[: data.draw(st.integers(1, 3))]
    value = st.one_of(st.integers(-ONE, ONE), st.integers(-3, 3))
    four = data.draw(st.tuples(*4 * [st.tuples(*3 * [value])]))  # as many each time: no example outgrows others
    vectors = {solver: vector[: len(clients)] for solver, vector in zip(solvers, four, strict=False)}
    distance, price = data.draw(st.sampled_from([0, 1, 2, 4, ONE // 2, 2 * ONE])), data.draw(st.integers(0, 2 * ETHER))
    market = Market(clients, solvers, price, distance=distance / ONE, median=by_median).play(vectors)
    winner = decided(vectors, distance, by_median)
    assert market.winner == winner
    market.check_money()
    positive = [max(0, value) for value in vectors.get(winner, [])]
    paid = [price * 70 // 100 * value // max(1, sum(positive)) for value in positive] or [0] * len(clients)
    assert [market.gained()[name] for name in clients] == paid
