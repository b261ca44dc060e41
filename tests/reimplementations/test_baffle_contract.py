"""BAFFLE's contract against hand vectors and an oracle, and all that it refuses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
from baffle_federation import MILLION, PHASE, Federation, Numbers, padded, score
from eth_utils.crypto import keccak
from hypothesis import strategies as st
from papers import STRANGER, solidity

from chainward.methods.packing import packed, slots
from chainward.testing import ContractConformance, refused
from chainward.testing.contracts import Refusals, accepted
from chainward.testing.liveness import Liveness


def running_mean(values: Sequence[Numbers]) -> list[int]:
    """g_k := g_k + (w_k - g_k) / j in whole numbers, the division towards zero, by the paper's formula."""
    mean = list(values[0])
    for j, model in enumerate(values[1:], 2):
        mean = [g + int(math.copysign(abs(w - g) // j, w - g)) for g, w in zip(mean, model, strict=True)]
    return mean


@pytest.mark.parametrize(("winners", "expected"), [(1, (3.0, 4.0)), (2, (1.5, 2.5))])
def test_hand_vector(winners: int, expected: tuple[float, float]) -> None:
    """Global 0; (3, 4) and (0, 1) have scores 5 and 1: b = 1 keeps (3, 4), b = 2 the mean."""
    federation = Federation(("a", "b"), 2, winners=winners, budget=1).fill()
    far, near = (3 * MILLION, 4 * MILLION), (0, MILLION)
    assert (score(far, (0, 0)), score(near, (0, 0))) == (5 * MILLION, MILLION)
    federation.round({"a": near, "b": far})
    assert tuple(value / MILLION for value in federation.model) == expected


def test_eight_weights_a_slot_and_its_ends() -> None:
    extremes = [2**31 - 1, -(2**31), -1, 0, 1, 7, -7, 2**30, 5]
    federation = Federation(("a",), 9, budget=2).fill(extremes)
    assert federation.model == extremes
    turned = [-1 - value for value in extremes]
    assert federation.round({"a": turned}).model == turned


def test_of_equal_bids_the_earlier_registered_wins_whoever_bid_first() -> None:
    federation = Federation().fill()
    for name, sign in (("c", 1), ("b", -1)):
        federation.bid(name, padded(sign * 5))
    federation.bid("a", padded(4)).accept()
    assert [federation.won(name) for name in "abc"] == [0b10, 0b01, 0]  # nobody changed the second chunk


def test_best_bids_of_each_chunk_win() -> None:
    federation = Federation().fill()
    federation.bid("a", padded(9, 0, 0, 0, 0, 0, 0, 0, 1)).bid("b", padded(1, 0, 0, 0, 0, 0, 0, 0, 9))
    federation.bid("c", padded(5, 0, 0, 0, 0, 0, 0, 0, 5), only=[0]).accept()
    assert [federation.won(name) for name in "abc"] == [0b01, 0b10, 0]


@pytest.mark.parametrize("seed", range(4))
def test_rank_and_mean_against_an_oracle_round_after_round(seed: int) -> None:
    """Random models and few distinct scores, some silent: b best by score then place among those who upload."""
    rng = np.random.default_rng(seed)
    names = [f"h{number}" for number in range(6)]
    federation = Federation(names, 29, chunk_slots=2, winners=2, budget=2)
    expected = rng.integers(-MILLION, MILLION, 29).tolist()
    federation.fill(expected)
    for _ in range(4):
        before = federation.chunks(expected)
        models = {name: (np.array(expected) + rng.integers(-2, 3, 29)).tolist() for name in names if rng.random() < 0.8}
        for name, values in models.items():
            federation.bid(name, values)
        federation.late().accept()
        bidders, silent = dict(models), {name for name in names if rng.random() < 0.3}
        uploaded: list[list[str]] = [[] for _ in before]
        for _ in names:
            winners = [_winners(federation, bidders, k, chunk) for k, chunk in enumerate(before)]
            for name in names:
                won = [k for k in range(len(before)) if name in winners[k] and name not in uploaded[k]]
                assert federation.won(name) == sum(1 << k for k in won)
                if won and name not in silent:
                    federation.upload(name)
                    for k in won:
                        uploaded[k].append(name)
            if not federation.call("outstanding"):
                break
            bidders = {n: bid for n, bid in bidders.items() if n not in silent or not any(n in won for won in winners)}
            federation.late().accept()
        federation.aggregate()
        written = [[federation.chunks(models[name])[k] for name in who] for k, who in enumerate(uploaded)]
        merged = [running_mean(new) if new else old for new, old in zip(written, before, strict=True)]
        expected = [value for chunk in merged for value in chunk]
        assert federation.model == expected


def _winners(federation: Federation, models: Mapping[str, Numbers], k: int, standing: Numbers) -> list[str]:
    """The best bidders for a chunk, in the order of registration."""
    order = sorted(models, key=lambda name: -score(federation.chunks(models[name])[k], standing))
    return [name for name in federation.hospitals if name in order[: federation.winners]]


def test_mean_is_off_by_less_than_a_unit_an_upload_whatever_the_order() -> None:
    rng = np.random.default_rng(0)
    names = [f"h{number}" for number in range(7)]
    models = {name: rng.integers(-(2**31), 2**31, 8).tolist() for name in names}
    exact = np.mean(list(models.values()), axis=0)
    found = []
    for order in (names, names[::-1]):
        federation = Federation(names, 8, winners=7, budget=1).fill()
        found.append(federation.round(models, order).model)
        assert found[-1] == running_mean([models[name] for name in order])
        assert np.abs(np.array(found[-1]) - exact).max() <= len(names) - 1
    assert found[0] != found[1]
    assert np.abs(np.array(found[0]) - found[1]).max() <= len(names) - 1


def test_whole_number_vector_of_the_running_mean() -> None:
    """10, 13, 20 give 14 (not 14.33), and 20, 13, 10 give 15."""
    assert running_mean([[10], [13], [20]]) == [14]
    assert running_mean([[20], [13], [10]]) == [15]
    models = {"a": padded(10), "b": padded(13), "c": padded(20)}
    for order, expected in (("abc", 14), ("cba", 15)):
        federation = Federation(winners=3).fill().round(models, order)
        assert federation.model[0] == expected


def test_chunks_nobody_bids_for_are_unchanged() -> None:
    federation = Federation().fill([7] * 16)
    for name in "abc":
        federation.bid(name, [9] * 16, only=[1])
    federation.accept().upload("a")
    assert federation.aggregate().model == [7] * 8 + [9] * 8


def test_without_a_budget_the_model_is_frozen() -> None:
    federation = Federation(budget=0).fill([7] * 16)
    for name in "abc":
        federation.bid(name, [9] * 16, only=[])
    assert federation.accept().aggregate().model == [7] * 16


def test_unchanged_chunk_bid_for_counts_in_the_mean() -> None:
    """A score of 0 is a bid, and not the same as none."""
    federation = Federation(winners=3).fill()
    federation.round({"a": padded(8), "b": padded(0), "c": padded(4)})
    assert federation.model == padded(4)


def test_model_does_not_change_before_the_round_is_closed() -> None:
    """Else the scores of later uploads would be held against another model than they were bid on."""
    federation = Federation(winners=3).fill([1] * 16)
    for name, value in zip("abc", (50, 60, 70), strict=True):
        federation.bid(name, [value] * 16)
    federation.accept()
    for name in "abc":
        federation.upload(name)
        assert federation.model == [1] * 16
    assert federation.aggregate().model == [60] * 16


def test_chunks_can_come_in_several_transactions() -> None:
    federation = Federation(("a",)).fill().bid("a", [3] * 16).accept()
    federation.upload("a", 0b10)
    assert (federation.won("a"), federation.call("outstanding")) == (0b01, 1)
    federation.upload("a", 0b01)
    assert federation.aggregate().model == [3] * 16


def test_who_does_not_bid_or_upload_is_passed_over_after_the_deadline() -> None:
    federation = Federation().fill()
    federation.bid("a", [9] * 16).late().accept().next().aggregate()
    assert federation.model == [0] * 16  # a won and was silent, and nobody else had bid
    assert (federation.won("a"), federation.call("outstanding")) == (0, 0)
    for name in "bc":
        federation.bid(name, [5] * 16)
    federation.late().accept()
    assert federation.won("a") == 0  # what it won a round ago is void
    federation.upload("b")
    assert federation.aggregate().model == [5] * 16


def test_phases_follow_one_another() -> None:
    federation = Federation(("a",), training=3)
    phases = [federation.call("phase")]
    federation.send("founder", "fill", (0, 0))
    phases.append(federation.call("phase"))
    phases.append(federation.wait(3).call("phase"))
    phases.append(federation.bid("a", [1] * 16).accept().call("phase"))
    federation.upload("a")
    phases.append(federation.aggregate().call("phase"))
    assert phases == [0, 1, 2, 3, 2]
    assert federation.call("round") == 2


def test_events_tell_the_round() -> None:
    federation = Federation(("a", "b")).fill()
    federation.bid("a", [2] * 16).bid("b", [1] * 16)
    accepted = federation.send("anybody", "accept").events
    uploaded = federation.upload("a").events
    closed = federation.send("anybody", "aggregate").events
    assert accepted == (("BidsAccepted", {"round": 1, "hospital": "a", "which": 0b11}),)
    assert uploaded == (("ChunksUploaded", {"round": 1, "hospital": "a", "which": 0b11}),)
    assert [name for name, _ in closed] == ["RoundClosed", "RoundStarted"]
    assert closed[0][1] == {"round": 1, "uploads": 0x0101}


def test_gas_of_uploads_is_proportional_to_accepted_chunks() -> None:
    """Of N = 8 hospitals b = 2 write: a quarter of what all writing costs; in a third round, so that no slot is new."""
    names = [f"h{number}" for number in range(8)]
    gas = {}
    for winners in (2, 8):
        federation = Federation(names, 2048, chunk_slots=64, winners=winners, budget=4).fill()
        for number in range(1, 4):
            federation.round({name: [number * (place + 2)] * 2048 for place, name in enumerate(names)})
        uploads = [receipt.gas for receipt in federation.ledger.receipts if receipt.function == "upload"]
        assert len(uploads) == 3 * winners
        gas[winners] = sum(uploads[-winners:])
    assert gas[2] / gas[8] == pytest.approx(2 / 8, rel=0.1)


@pytest.mark.parametrize(("hospitals", "chunks", "winners"), [(562, 8, 255), (140, 32, 70)])
def test_all_bids_that_are_allowed_are_ranked_within_a_block_even_in_the_worst_order(
    hospitals: int, chunks: int, winners: int
) -> None:
    names = [f"h{number}" for number in range(hospitals)]
    federation = Federation(names, 8 * chunks, winners=winners, budget=chunks).fill()
    for place, name in enumerate(names):
        federation.bid(name, [place + 1] * 8 * chunks)
    assert federation.send("anybody", "accept").gas < 28 * MILLION
    accepted, waiting, _ = federation.call("accepted")
    assert [name for name, won in zip(accepted, waiting, strict=True) if won] == names[-winners:]


@pytest.mark.parametrize("order", ["rising", "falling", "random", "equal"])
@pytest.mark.parametrize("hospitals", [2, 3, 7, 12])
def test_the_best_are_the_same_in_whatever_order_they_registered(hospitals: int, order: str) -> None:
    names = [f"h{number}" for number in range(hospitals)]
    drawn = {
        "equal": [7] * hospitals,
        "rising": [*range(1, hospitals + 1)],
        "falling": [*range(hospitals, 0, -1)],
        "random": np.random.default_rng(0).integers(1, 5, hospitals).tolist(),
    }[order]
    ranked = sorted(range(hospitals), key=lambda place: (-drawn[place], place))
    for winners in range(1, hospitals + 1):
        federation = Federation(names, 8, winners=winners, budget=1).fill()
        for name, value in zip(names, drawn, strict=True):
            federation.bid(name, [value] * 8)
        federation.accept()
        won = [place for place, name in enumerate(names) if federation.won(name)]
        assert won == sorted(ranked[:winners])


def test_whoever_is_far_away_wins() -> None:
    """The check keeps scores honest, not models good: on the card."""
    federation = Federation(("honest", "also honest", "poisoner"), winners=1).fill()
    federation.round({"honest": [5] * 16, "also honest": [6] * 16, "poisoner": [-60] * 16})
    assert federation.model == [-60] * 16


# --- refusals ----------------------------------------------------------------------------------------------------


def bidding(**sizes: Any) -> Federation:
    return Federation(**sizes).fill()


def uploading(lie: int = 0, **sizes: Any) -> Federation:
    """a has won both chunks, with scores off by `lie`."""
    federation = bidding(**sizes)
    size = federation.weights
    federation.bid("a", padded(9, 3, *[0] * 6, 9, 3, size=size)[:size], lie=lie)
    return federation.bid("b", [1] * size).bid("c", [1] * size).accept()


def raw_upload(federation: Federation, sender: str = "a", hashes: Any = None, values: Any = None) -> None:
    model = federation.models["a"]
    data = slots(packed(np.array(model if values is None else values, dtype=np.int32)))
    federation.send(sender, "upload", 0b11, federation.hashes(model) if hashes is None else hashes, data)


def with_padding(values: Numbers) -> Federation:
    """Nine weights in two slots; what is in the seven places after the last was bid for as well."""
    federation = bidding(hospitals=("a",), weights=9)
    whole = np.array(values, dtype=np.int32)
    hashes = [keccak(packed(part)) for part in (whole[:8], whole[8:])]
    scores = [score(part.tolist(), [0] * 8) + 1 for part in (whole[:8], whole[8:])]
    committed = keccak((1).to_bytes(2, "big") + b"".join(hashes))
    federation.send("a", "bid", slots(packed(np.array(scores, dtype=np.uint64))), committed)
    federation.accept().send("a", "upload", 0b11, hashes, slots(packed(whole)))
    return federation.aggregate()


def scores(*values: int) -> tuple[int, ...]:
    return slots(packed(np.array(values, dtype=np.uint64)))


def training() -> Federation:
    """The first model is complete, and it is two blocks too early to bid."""
    federation = Federation(training=3)
    federation.send("founder", "fill", (0, 0))
    return federation


def twice(federation: Federation) -> None:
    federation.upload("a", 0b01)
    federation.upload("a", 0b01)


def copied() -> None:
    """b bids the scores and the commitment it saw a bid, and uploads what it saw a upload."""
    federation = bidding(winners=2).bid("a", [5] * 16)
    federation.send("b", "bid", scores(*[score([5] * 8, [0] * 8) + 1] * 2), federation.commitment("a", [5] * 16))
    federation.bid("c", [1] * 16).accept().upload("a")
    raw_upload(federation, "b")


def all_uploaded() -> Federation:
    federation = uploading()
    federation.upload("a")
    return federation


def won_before() -> None:
    federation = uploading().next().aggregate()
    for name in "bc":
        federation.bid(name, [1] * 16)
    federation.late().accept()
    raw_upload(federation)


REFUSALS: Refusals = {
    "constructor": [
        ("no weights or empty chunks", lambda: Federation(weights=0)),
        ("no weights or empty chunks", lambda: Federation(chunk_slots=0)),
        ("more than 32 chunks", lambda: Federation(weights=257)),
        ("not a number of winners", lambda: Federation(winners=0)),
        ("not a number of winners", lambda: Federation(winners=4)),
        ("more than 255 winners", lambda: Federation([f"h{n}" for n in range(256)], 8, winners=256, budget=1)),
        ("too many bids to rank", lambda: Federation([f"h{n}" for n in range(563)], 64, winners=56)),
        ("budget above all chunks", lambda: Federation(budget=3)),
        ("listed twice", lambda: Federation(("a", "b", "a"))),
    ],
    "fill": [
        ("not the founder", lambda: Federation().send("a", "fill", (0, 0))),
        ("not the founder", lambda: Federation().wait(PHASE - 1).send("a", "fill", (0, 0))),
        ("not the founder", lambda: Federation().late().send(STRANGER, "fill", (0, 0))),
        ("nothing to fill", lambda: Federation().send("founder", "fill", ())),
        ("not filling", lambda: bidding().send("founder", "fill", (0,))),
        ("more than the model", lambda: Federation().send("founder", "fill", (0, 0, 0))),
        ("padding is not zero", lambda: Federation(weights=9).send("founder", "fill", (0, 1))),
    ],
    "bid": [
        ("not bidding", lambda: Federation().send("a", "bid", scores(1, 1), bytes(32))),
        ("not bidding", lambda: training().send("a", "bid", scores(1, 1), bytes(32))),
        ("not bidding", lambda: uploading().send("b", "bid", scores(1, 1), bytes(32))),
        ("not a hospital", lambda: bidding().bid(STRANGER, [1] * 16)),
        ("already bid", lambda: bidding().bid("a", [1] * 16).bid("a", [2] * 16)),
        ("a score a chunk", lambda: bidding().send("a", "bid", (0, 0), bytes(32))),
        ("a score a chunk", lambda: bidding().send("a", "bid", (), bytes(32))),
        ("over the cap", lambda: bidding(cap=9).bid("a", padded(10))),
        ("over the cap", lambda: bidding(cap=9).bid("a", padded(9), lie=1)),
        ("over the budget", lambda: bidding(budget=1).bid("a", [1] * 16)),
        ("over the budget", lambda: bidding(budget=1).bid("a", padded(1))),  # a bid with a score of 0 is one too
    ],
    "accept": [
        ("not bidding", lambda: training().accept()),
        ("all uploaded", lambda: all_uploaded().late().accept()),
        ("uploads may still come", lambda: uploading().accept()),
        ("uploads may still come", lambda: uploading().wait(PHASE - 1).accept()),
        ("bids may still come", lambda: bidding().bid("a", [1] * 16).bid("b", [1] * 16).accept()),
    ],
    "upload": [
        ("not uploading", lambda: bidding().bid("a", [1] * 16).upload("a", 0b11)),
        ("nothing to upload", lambda: uploading().upload("a", 0)),
        ("no accepted bid", lambda: uploading().upload("b", 0b01)),
        ("no accepted bid", lambda: raw_upload(uploading(), STRANGER)),
        ("no accepted bid", lambda: twice(uploading())),
        ("no accepted bid", lambda: uploading().upload("a", 0b111)),
        ("no accepted bid", won_before),
        ("a hash a chunk", lambda: raw_upload(uploading(), hashes=[bytes(32)])),
        ("not what was committed", lambda: raw_upload(uploading(), hashes=[bytes(32)] * 2)),
        ("not what was committed", copied),
        ("chunk too short", lambda: raw_upload(uploading(), values=padded(9, 3, size=8))),
        ("chunk too long", lambda: raw_upload(uploading(), values=padded(9, 3, *[0] * 6, 9, 3, size=24))),
        ("not the chunk bid for", lambda: uploading().upload("a", values=[9] * 16)),
        ("padding is not zero", lambda: with_padding([1] * 8 + [1, 9999, 0, 0, 0, 0, 0, 0])),
        ("score is not the distance", lambda: uploading(lie=1).upload("a")),
        ("score is not the distance", lambda: uploading(lie=-1).upload("a")),
        ("score is not the distance", lambda: uploading(lie=2**62).upload("a")),
    ],
    "aggregate": [
        ("not uploading", lambda: bidding().aggregate()),
        ("uploads may still come", lambda: uploading().aggregate()),
        ("uploads may still come", lambda: uploading().late().aggregate()),
    ],
}


class TestRefusals(ContractConformance):
    source = solidity("Baffle")
    refusals = REFUSALS


def test_padding_of_zeros_is_taken() -> None:
    assert with_padding([1] * 9 + [0] * 7).model == [1] * 9


def test_copying_a_commitment_gains_nothing_but_ones_own_is_taken() -> None:
    federation = bidding(winners=2).bid("a", [5] * 16).bid("b", [5] * 16).bid("c", [1] * 16).accept()
    raw_upload(federation, "b")


# --- silence and phantoms ----------------------------------------------------------------------------------------


def phantom(federation: Federation, name: str = "b") -> Federation:
    """Bid as high as is taken for both chunks, with nothing behind it."""
    federation.send(name, "bid", scores(*[federation.cap + 1] * 2), keccak(text="nothing"))
    federation.models[name] = [0] * 16
    return federation


def test_the_next_best_bid_takes_the_chunk_of_a_phantom() -> None:
    federation = phantom(bidding().bid("a", [5] * 16)).bid("c", [1] * 16).accept()
    assert [federation.won(name) for name in "abc"] == [0, 0b11, 0]
    federation.late().accept()
    assert [federation.won(name) for name in "abc"] == [0b11, 0, 0]
    federation.upload("a")
    assert federation.aggregate().model == [5] * 16


def test_a_phantom_among_several_winners_takes_nothing_from_those_who_uploaded() -> None:
    federation = phantom(bidding(winners=2).bid("a", [8] * 16)).bid("c", [4] * 16).accept()
    federation.upload("a")
    federation.late().accept()
    assert [federation.won(name) for name in "abc"] == [0, 0, 0b11]
    assert federation.call("accepted")[2] == (0b11, 0, 0)
    federation.upload("c")
    assert federation.aggregate().model == [6] * 16


def test_who_owes_one_chunk_is_passed_over_and_keeps_what_it_uploaded() -> None:
    federation = uploading()
    federation.upload("a", 0b01)
    federation.late().accept()
    assert [federation.won(name) for name in "abc"] == [0, 0b10, 0]
    federation.upload("b")
    assert federation.aggregate().model == padded(9, 3, *[0] * 6, *[1] * 8)


def test_many_phantoms_cost_a_wait_each_at_most() -> None:
    names = [f"h{number}" for number in range(9)]
    federation = bidding(hospitals=names)
    for name in names[1:]:
        phantom(federation, name)
    federation.bid("h0", [3] * 16).accept()
    for name in names[1:]:
        assert [other for other in names if federation.won(other)] == [name]
        federation.late().accept()
    federation.upload("h0")
    assert federation.aggregate().model == [3] * 16


def test_void_bids_of_all_that_are_allowed_are_ranked_again_within_a_block() -> None:
    names = [f"h{number}" for number in range(562)]
    federation = Federation(names, 64, winners=255, budget=8).fill()
    for place, name in enumerate(names):
        federation.bid(name, [place + 1] * 64)
    federation.accept().late()
    assert federation.send("anybody", "accept").gas < 28 * MILLION
    accepted, waiting, _ = federation.call("accepted")
    assert [name for name, won in zip(accepted, waiting, strict=True) if won] == names[-510:-255]


def test_a_score_up_to_the_cap_is_taken_and_bounds_how_far_a_chunk_moves() -> None:
    federation = bidding(cap=60)
    federation.round({"a": padded(60), "b": padded(-5), "c": padded(4)})
    assert federation.model == padded(60)


def test_any_hospital_fills_in_for_a_founder_that_is_silent() -> None:
    federation = Federation()
    federation.send("founder", "fill", (7 << 224,))
    with refused("not the founder"):
        federation.wait(PHASE - 1).send("b", "fill", (0,))
    federation.late().send("b", "fill", (0,))
    assert federation.model == padded(7)
    assert federation.call("round") == 1


def uploads_any(federation: Federation, name: str, mask: int) -> None:
    """Upload what was bid for, or nothing of the kind."""
    if name in federation.models:
        federation.upload(name, mask)
    else:
        federation.send(name, "upload", mask, [bytes(32)] * 2, (0,))


class Silence(Liveness):
    """Somebody must be left to write the first model; from then on an outsider can end every phase."""

    hospitals = ("a", "b", "c")
    parties = (*hospitals, "founder")
    acts: ClassVar[Mapping[str, Any]] = {
        "fill": lambda it, sender, draw: it.send(sender, "fill", (5,) * draw(st.integers(0, 2))),
        "bid": lambda it, sender, draw: it.bid(sender, [draw(st.integers(-3, 3))] * 16),
        "phantom": lambda it, sender, _: phantom(it, sender),
        "accept": lambda it, sender, _: it.send(sender, "accept"),
        "upload": lambda it, sender, draw: uploads_any(it, sender, draw(st.integers(1, 3))),
        "aggregate": lambda it, sender, _: it.send(sender, "aggregate"),
    }
    repeatable = frozenset({"fill", "upload"})  # in pieces
    ends = ("accept", "aggregate")
    windows = 8

    def make(self, draw: Any) -> Federation:
        return Federation(winners=draw(st.integers(1, 3)), training=draw(st.integers(0, 2)))

    def resting(self) -> bool:
        return bool(self.it.call("phase") == 0 and self._sleepers.issuperset(self.hospitals))

    def end_phase(self, sender: str) -> bool:
        return super().end_phase(sender) or accepted(lambda: self.it.send(sender, "fill", (0,)))


TestSilence = Silence.TestCase
