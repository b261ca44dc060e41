"""Attacks on BAFFLE: by hospitals in a trial, and on its contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from baffle_federation import MILLION, PHASE, Federation, padded
from eth_utils.crypto import keccak
from exploits import exploit
from papers import preparing

from chainward.methods.attack import MALFORMED
from chainward.methods.packing import packed, slots
from chainward.testing import refused, states

prepared = preparing("baffle", hospitals=6, rounds=3, patients=60)


def attacked(rounds: int = 3, **attack: Any) -> tuple[Any, Any, str]:
    """The first and the last state of a trial that one of six attacks, and who that is."""
    ready = prepared(rounds=rounds, attack={"share": 0.17, "strength": 1.0, **attack})
    first, *_, last = states(ready)
    (attacker,) = ready.world.engine.sites.attackers
    return first, last, attacker


def without(hospital: str, rounds: int = 3) -> Any:
    return states(prepared(rounds=rounds, faults={"absent": {hospital: list(range(1, rounds + 1))}}))[-1]


@exploit("baffle", "a phantom bid: it wins every chunk and nothing is behind it", outcome="held")
def test_who_bids_the_highest_score_and_has_nothing_to_show_is_as_good_as_absent() -> None:
    _, last, attacker = attacked(kind="false_score")
    assert sum(last.written[attacker]) == 0
    np.testing.assert_allclose(last.weights, without(attacker).weights, atol=5 / MILLION, rtol=0)


@exploit("baffle", "a phantom bid: it wins every chunk and nothing is behind it", outcome="held")
def test_as_many_phantoms_as_win_freeze_no_chunk() -> None:
    names = [f"h{number}" for number in range(5)]
    federation = Federation(names, winners=2).fill()
    for name in names[1:]:
        federation.send(name, "bid", slots(packed(np.array([999, 999], np.uint64))), keccak(text="nothing"))
    federation.bid("h0", [3] * 16).accept()
    federation.late().accept().late().accept()  # two phantoms at a time
    federation.upload("h0")
    assert federation.next().aggregate().model == [3] * 16


@exploit("baffle", "a score higher than the chunk behind it is far away", outcome="held")
@pytest.mark.parametrize("lie", [-1, 1, 2**40])
def test_a_score_is_worth_nothing_without_the_chunk_that_has_it(lie: int) -> None:
    federation = Federation().fill().bid("a", [9] * 16, lie=lie).bid("b", [7] * 16).bid("c", [1] * 16).accept()
    with refused("score is not the distance"):
        federation.upload("a")
    federation.late().accept().upload("b")
    assert federation.aggregate().model == [7] * 16


@exploit("baffle", "a chunk farther away than any training moves it", outcome="held")
def test_a_chunk_beyond_the_cap_is_not_taken() -> None:
    _, last, attacker = attacked(kind="sign_flip", strength=1e4)
    assert sum(last.written[attacker]) == 0
    np.testing.assert_allclose(last.weights, without(attacker).weights, atol=5 / MILLION, rtol=0)
    federation = Federation(cap=60).fill()
    with refused("over the cap"):
        federation.bid("a", padded(61))


@exploit("baffle", "a poisoned chunk that is farther away than the others, and within the cap", outcome="succeeds")
def test_a_poisoner_within_the_cap_wins_its_bids() -> None:
    """The check keeps scores honest, not models good: the mechanism selects what is far away."""
    first, last, attacker = attacked(rounds=1, kind="sign_flip", strength=4.0)
    honest = states(prepared(rounds=1))[-1]
    assert sum(last.written[attacker]) == max(map(sum, last.written.values())) > sum(honest.written[attacker])
    moved = float(np.linalg.norm(last.weights - honest.weights))
    assert moved > 0.5 * float(np.linalg.norm(honest.weights - first.weights))


@exploit("baffle", "scores and commitment of another hospital, copied from its bid", outcome="held")
def test_a_copied_commitment_cannot_be_opened() -> None:
    federation = Federation(winners=2).fill().bid("a", [5] * 16)
    bid = slots(packed(np.array([14 + 1, 14 + 1], np.uint64)))  # the distance of eight fives
    federation.send("b", "bid", bid, federation.commitment("a", [5] * 16))
    federation.models["b"] = federation.models["a"]
    federation.bid("c", [1] * 16).accept().upload("a")
    with refused("not what was committed"):
        federation.upload("b")
    federation.late().accept()
    assert federation.won("c") == 0b11


@exploit("baffle", "whoever bids first", outcome="held")
def test_the_order_of_bids_decides_nothing() -> None:
    models = {"a": padded(4, size=16), "b": padded(6, size=16), "c": padded(6, size=16)}
    found = []
    for order in ("abc", "cba", "bca"):
        federation = Federation(winners=1, budget=1).fill()
        for name in order:
            federation.bid(name, models[name], only=[0])
        federation.accept()
        found.append([federation.won(name) for name in "abc"])
    assert found == [[0, 1, 0]] * 3
    plain, first = states(prepared())[-1], attacked(kind="first_to_answer")[1]
    np.testing.assert_array_equal(plain.weights, first.weights)


@exploit(
    "baffle", "bids and uploads of another form, of content that nobody serves or of other numbers", outcome="held"
)
@pytest.mark.parametrize("form", [form for form in MALFORMED if form != "nan"])
def test_whatever_a_hospital_sends_the_others_learn(form: str) -> None:
    first, last, attacker = attacked(kind="malformed", form=form)
    assert sum(last.written[attacker]) == 0
    assert sum(sum(last.written[name]) for name in last.written if name != attacker) > 0
    assert np.isfinite(last.weights).all()
    assert np.abs(last.weights - first.weights).max() > 1e-3


def test_no_bid_and_no_upload_holds_a_number_that_could_be_none() -> None:
    """Both are whole numbers and bytes, so who would send what is not a number sends what it should."""
    _, last, _ = attacked(kind="malformed", form="nan")
    np.testing.assert_array_equal(last.weights, states(prepared())[-1].weights)


@exploit("baffle", "a founder that never writes the first model", outcome="held")
def test_another_hospital_writes_the_first_model() -> None:
    federation = Federation()
    with refused("not the founder"):
        federation.wait(PHASE - 1).send("c", "fill", (0, 0))
    federation.late().send("c", "fill", (0, 0))
    assert federation.wait(1).call("phase") == 2


@exploit("baffle", "a founder that never writes the first model", outcome="held")
def test_who_fills_in_for_the_founder_shuts_nobody_out() -> None:
    """One slot, junk or not, buys no other deadline: any hospital goes on at once."""
    federation = Federation().late()
    federation.send("c", "fill", (2**255 - 1,))
    federation.send("b", "fill", (0,))
    assert federation.wait(1).call("phase") == 2


@exploit("baffle", "hospitals that fall silent for ever, after bidding or before", outcome="held")
def test_a_round_goes_on_without_whoever_is_silent() -> None:
    _, last, attacker = attacked(kind="silent")
    np.testing.assert_array_equal(last.weights, without(attacker).weights)
    federation = Federation().fill().bid("a", [9] * 16).bid("b", [5] * 16)
    federation.late().accept().next().aggregate()
    assert federation.call("round") == 2
