"""BAFFLE's strategy against its identities, cheats and absences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from papers import preparing, successive_blocks

from chainward.methods.packing import fixed_point, floating_point, joined, unpacked
from chainward.strategy import discovery
from chainward.testing import states, varied
from chainward.world import FIT, HospitalAbsent, Memory, Site, Update

MILLION = 1_000_000
prepared = preparing("baffle", hospitals=5, rounds=2, patients=60)


def baffle(**params: Any) -> Any:
    return discovery.build("baffle", params)


def trained(weights: Any, number: int = 1, hospitals: int = 5) -> dict[str, Any]:
    """What each hospital's training gives from these weights in a round."""
    world = prepared(hospitals).world
    world.begin(number)
    return {name: update.weights for name, update in world.ask(world.hospitals, FIT, weights).open().items()}


def rounded(weights: Any) -> Any:
    return floating_point(fixed_point(weights).values)


def spoiled(name: str, spoil: Callable[[Any], Any], **params: Any) -> Any:
    """The strategy with one hospital that trained something else."""
    kind = discovery.load("baffle")

    def bid(self: Any, site: Site, memory: Memory, update: Update) -> Any:
        given = update._replace(weights=spoil(np.array(update.weights))) if site.name == name else update
        return kind.bid(self, site, memory, given)  # type: ignore[attr-defined]

    return varied("baffle", params, bid=bid)


ALL = {"winners": 1.0, "budget": 1.0}


def test_all_winning_all_chunks_is_fedavg_with_equal_weights() -> None:
    before, *after = states(prepared(rounds=3, strategy=baffle(**ALL)))
    for number, state in enumerate(after, 1):
        models = trained(before.weights, number)
        exact = np.mean([model.astype(np.float64) for model in models.values()], axis=0)
        assert np.abs(state.weights - exact).max() <= (len(models) - 1 + 1) / MILLION
        assert np.abs(state.weights - before.weights).max() > 1e-3
        before = state


def test_by_default_only_the_best_half_is_written() -> None:
    ready = prepared(rounds=1)
    opened, state = states(ready)
    layout = ready.strategy.layout(len(state.weights))  # type: ignore[attr-defined]
    budget, limit = layout.most_bids(0.5), layout.chunks * 2
    written = [sum(counts) for counts in state.written.values()]
    assert max(written) <= budget < layout.chunks
    assert 0 < sum(written) <= limit
    models = trained(opened.weights)
    size = 8 * layout.slots
    for k in range(layout.chunks):
        cut = slice(k * size, (k + 1) * size)
        writers = [name for name, counts in state.written.items() if counts[k]]
        assert len(writers) <= 2
        expected = np.mean([models[name][cut] for name in writers], axis=0) if writers else opened.weights[cut]
        np.testing.assert_allclose(state.weights[cut], expected, atol=3 / MILLION, rtol=0)


def test_bids_go_to_what_changed_most() -> None:
    """Each hospital's accepted chunks are among its own best B, and no better bid than an accepted one was refused."""
    ready = prepared(rounds=1)
    opened, state = states(ready)
    layout = ready.strategy.layout(len(state.weights))  # type: ignore[attr-defined]
    cuts = range(8 * layout.slots, len(state.weights), 8 * layout.slots)
    change = {name: np.split(model - opened.weights, cuts) for name, model in trained(opened.weights).items()}
    norms = {name: [float(np.linalg.norm(part)) for part in parts] for name, parts in change.items()}
    budget = layout.most_bids(0.5)
    bids = {name: sorted(range(len(own)), key=lambda k: -own[k])[:budget] for name, own in norms.items()}
    for k in range(layout.chunks):
        bidders = sorted((name for name in bids if k in bids[name]), key=lambda name: -norms[name][k])
        assert {name for name, counts in state.written.items() if counts[k]} == set(bidders[:2])


def test_one_chunk_and_one_winner_copies_the_most_changed_model() -> None:
    opened, state = states(prepared(rounds=1, strategy=baffle(winners=0.01, budget=1.0, chunk_weights=10_000)))
    models = trained(opened.weights)
    best = max(models, key=lambda name: float(np.linalg.norm(models[name] - opened.weights)))
    np.testing.assert_array_equal(state.weights, rounded(models[best]))
    assert state.written == {name: (int(name == best),) for name in models}


def test_without_a_budget_nothing_is_learned() -> None:
    opened, *_, last = states(prepared(strategy=baffle(budget=0.0)))
    np.testing.assert_array_equal(opened.weights, last.weights)
    np.testing.assert_array_equal(opened.weights, rounded(prepared().world.initial_weights()))


def test_one_hospital_trains_alone() -> None:
    _, *after = states(prepared(hospitals=1, rounds=2, strategy=baffle(**ALL)))
    (alone,) = trained(after[0].weights, 2, hospitals=1).values()
    np.testing.assert_array_equal(after[1].weights, rounded(alone))


def test_model_is_what_stands_on_chain() -> None:
    ready = prepared()
    *_, last = states(ready)
    standing = unpacked(joined(ready.world.at(last.contract).call("model")), len(last.weights))
    np.testing.assert_array_equal(ready.strategy.model(last), floating_point(standing))


def test_less_gas_than_everybody_writing_everything() -> None:
    spent = []
    for params in ({}, ALL):
        ready = prepared(hospitals=10, rounds=3, strategy=baffle(**params))
        states(ready)
        spent.append(sum(r.gas for r in ready.world.ledger.receipts if r.function not in ("constructor", "fill")))
    assert spent[0] < 0.8 * spent[1]


POISONS: Mapping[str, Callable[[Any], Any]] = {
    "not a number": lambda weights: np.full_like(weights, np.nan),
    "infinite": lambda weights: np.full_like(weights, np.inf),
    "too large": lambda weights: np.full_like(weights, 1e9),
}


@pytest.mark.parametrize("poison", POISONS)
def test_weights_that_do_not_fit_are_not_bid_for(poison: str) -> None:
    ready = prepared(strategy=spoiled("hospital 2", POISONS[poison]))
    *_, last = states(ready)
    assert sum(last.written["hospital 2"]) == 0
    assert all(receipt.succeeded for receipt in ready.world.ledger.receipts)
    assert ready.world.clock.now < 100  # nobody waited for its upload
    assert np.abs(last.weights).max() < 100


def test_only_the_chunk_that_does_not_fit_is_left_out() -> None:
    def first_is_nan(weights: Any) -> Any:
        weights[0] = np.nan
        return weights

    *_, last = states(prepared(strategy=spoiled("hospital 2", first_is_nan, **ALL)))
    assert last.written["hospital 2"] == (0, *[2] * (len(last.written["hospital 2"]) - 1))
    assert last.written["hospital 1"] == (2,) * len(last.written["hospital 1"])


def test_only_the_chunk_beyond_the_cap_is_left_out() -> None:
    def first_is_far(weights: Any) -> Any:
        weights[0] += 11.0
        return weights

    *_, last = states(prepared(strategy=spoiled("hospital 2", first_is_far, **ALL)))
    assert last.written["hospital 2"] == (0, *[2] * (len(last.written["hospital 2"]) - 1))


def test_a_scaled_update_wins_all_it_bids_for() -> None:
    *_, last = states(prepared(rounds=1, strategy=spoiled("hospital 2", lambda weights: 10 * weights)))
    assert sum(last.written["hospital 2"]) == 4


def test_uploads_are_split_into_as_many_transactions_as_it_takes() -> None:
    ready = prepared(strategy=baffle(slots_a_transaction=5, chunk_weights=24, **ALL))
    (*_, split), (*_, single) = states(ready), states(prepared(strategy=baffle(chunk_weights=24, **ALL)))
    np.testing.assert_array_equal(split.weights, single.weights)
    calls = [receipt.function for receipt in ready.world.ledger.receipts]
    assert calls.count("fill") == 5
    assert calls.count("upload") == 2 * 5 * 8  # nine chunks of three slots but the last, which has one


def test_chunks_are_shown_to_everyone() -> None:
    ready = prepared(rounds=1)
    states(ready)
    rows = [row for row in ready.world.meter.disclosures() if "individual" in row["kind"]]
    assert [(row["audience"], row["count"]) for row in rows] == [
        ("everyone", sum(r.function == "upload" for r in ready.world.ledger.receipts))
    ]


def test_who_is_absent_is_passed_over_and_comes_back() -> None:
    ready = prepared(rounds=3, faults={"absent": {"hospital 1": [1]}})
    opened, first, _, third = states(ready)
    assert sum(first.written["hospital 1"]) == 0
    assert not np.array_equal(opened.weights, first.weights)
    assert sum(third.written["hospital 1"]) > 0
    assert all(receipt.succeeded for receipt in ready.world.ledger.receipts)


def test_who_wins_and_does_not_upload_is_passed_over() -> None:
    """It answers in time with its bid and not with its chunks."""
    ready = prepared(rounds=1, strategy=baffle(**ALL))
    ask = ready.world.ask

    def without_one(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        who = [name for name in who if name != "hospital 3"] if what.name == "upload" else who
        return ask(who, what, *arguments, **others)

    ready.world.ask = without_one  # type: ignore[method-assign]
    opened, state = states(ready)
    models = trained(opened.weights)
    others = np.mean([model for name, model in models.items() if name != "hospital 3"], axis=0)
    np.testing.assert_allclose(state.weights, others, atol=5 / MILLION, rtol=0)
    assert sum(state.written["hospital 3"]) == 0
    assert ready.world.at(state.contract).call("round") == 2


def test_a_round_nobody_comes_to_changes_nothing() -> None:
    ready = prepared(rounds=2, faults={"absent": {f"hospital {number}": [1] for number in range(1, 6)}})
    opened, nobody, last = states(ready)
    np.testing.assert_array_equal(opened.weights, nobody.weights)
    assert ready.world.at(last.contract).call("round") == 2
    assert sum(map(sum, last.written.values())) > 0


def test_first_that_answers_founds_it_and_nobody_is_a_refusal_by_name() -> None:
    ready = prepared(rounds=1, faults={"absent": {"hospital 1": [0]}})
    *_, last = states(ready)
    assert ready.world.ledger.receipts[0].sender == "hospital 2"
    assert set(last.written) == set(ready.world.hospitals)
    assert ready.world.at(last.contract).call("bids") == 0  # the round is closed: all five had bid
    assert sum(receipt.function == "bid" for receipt in ready.world.ledger.receipts) == 5
    with pytest.raises(HospitalAbsent, match="hospital 1, hospital 2"):
        states(prepared(faults={"absent": {f"hospital {number}": [0] for number in range(1, 6)}}))


def test_what_depends_on_others_comes_in_a_later_block() -> None:
    ready = prepared(rounds=1)
    states(ready)
    order = ["constructor", "fill", "bid", "accept", "upload", "aggregate"]
    assert list(successive_blocks(ready)) == order


def test_training_takes_its_blocks() -> None:
    ready = prepared(rounds=2, strategy=baffle(training_blocks=9))
    states(ready)
    bids = sorted({receipt.block for receipt in ready.world.ledger.receipts if receipt.function == "bid"})
    ends = [receipt.block for receipt in ready.world.ledger.receipts if receipt.function in ("fill", "aggregate")]
    assert [bid - end for bid, end in zip(bids, ends, strict=False)] == [9, 9]


@pytest.mark.parametrize(
    ("hospitals", "winners"), [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (20, 10), (100, 50), (600, 255)]
)
def test_winners_of_a_federation(hospitals: int, winners: int) -> None:
    assert dict(baffle().numbers(hospitals)) == {"winners": winners, "budget_share": 0.5}
    assert baffle(**ALL).numbers(hospitals)["winners"] == min(255, hospitals)


@pytest.mark.parametrize(
    ("weights", "params", "expected"),
    [
        (193, {}, (4, 7, 4)),
        (545, {}, (9, 8, 4)),
        (1, {}, (1, 1, 1)),
        (40_000, {}, (512, 10, 5)),
        (193, ALL, (4, 7, 7)),
        (193, {"chunk_weights": 100}, (13, 2, 1)),
        (193, {"budget": 0.0}, (4, 7, 0)),
    ],
)
def test_layout(weights: int, params: Any, expected: tuple[int, int, int]) -> None:
    layout = baffle(**params).layout(weights)
    assert (layout.slots, layout.chunks, layout.most_bids(baffle(**params).budget)) == expected


def test_outcomes_add_up() -> None:
    ready = prepared()
    *_, last = states(ready)
    outcomes = ready.strategy.outcomes(last, ready.world)
    assert sum(outcomes["chunks_written"].values()) == sum(outcomes["times_written"].values()) > 0
    assert list(outcomes["chunks_written"]) == list(ready.world.hospitals)
    assert outcomes["layout"] == {"slots": 4, "chunks": 7, "budget": 4, "weights": 32}
