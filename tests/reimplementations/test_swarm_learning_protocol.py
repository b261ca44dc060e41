"""Swarm Learning's strategy against identities, absences, silent leaders and false hashes."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from eth_abi import encode
from eth_utils.crypto import keccak

from chainward.strategy import discovery
from chainward.testing import prepared as small_trial
from chainward.world import Faults, Held, HospitalAbsent, Kind, Query, World

KEY = "swarm_learning"
SMALL = {"hospitals": 4, "patients": 40, "size_skew": 0.5}
FIRST, SECOND, THIRD, FOURTH = (f"hospital {number}" for number in range(1, 5))


def prepared(key=KEY, params=None, faults=None, **task):
    """A trial on small synthetic hospitals of fewer than 100 patients each."""
    settings = {**SMALL, **task}
    return small_trial(key, rounds=3, params=params or {}, task_params=settings, faults=faults or {})


def run(ready, rounds=3):
    """The state after so many rounds, with the meter's disclosures of each."""
    state, seen = ready.strategy.open(ready.world), []
    for number in range(1, rounds + 1):
        ready.world.begin(number)
        state = ready.strategy.round(state, ready.world)
        seen.append(ready.world.meter.disclosures())
    return state, seen


def weights_of(ready, state):
    model = ready.strategy.model(state)
    if not isinstance(model, dict):
        return model
    (held,) = set(model.values())
    return ready.world.engine.held(held.owner, held.name)


def final_weights(key=KEY, params=None, faults=None, rounds=3, **task):
    ready = prepared(key, params, faults, **task)
    return weights_of(ready, run(ready, rounds)[0])


def events(ready, name):
    return [values for receipt in ready.world.ledger.receipts for event, values in receipt.events if event == name]


def before(monkeypatch, name, act):
    """Have `act(world, who)` happen once, just before the query `name` is asked."""
    asked, done = World.ask, []

    def ask(world, who, what, payload=None, **options):
        if what.name == name and not done:
            done.append(name)
            act(world, who)
        return asked(world, who, what, payload, **options)

    monkeypatch.setattr(World, "ask", ask)


def silence(world, who):
    """From now on `who` answers long after everybody's patience has ended."""
    world.faults = Faults(delay={who: 10_000.0})


# ------------------------------------------------------------------------------------------- merges


@pytest.mark.parametrize(
    ("merge", "weights", "merged"),
    [
        ("mean", (1, 1, 1), 4),
        ("coordmedian", (1, 1, 1), 2),
        ("geomedian", (1, 1, 1), 2),
        ("mean", (1, 1, 3), 6),
        ("coordmedian", (1, 1, 3), 9),
    ],
)
def test_merges_of_the_digest(merge, weights, merged):
    merges = discovery.load(KEY).round.__globals__["MERGES"]
    assert merges[merge]([[1.0], [2.0], [9.0]], weights) == pytest.approx(merged, abs=1e-9)


def test_the_merge_is_the_one_asked_for():
    found = [final_weights(params={"merge": merge}, rounds=1) for merge in ("mean", "coordmedian", "geomedian")]
    assert len({weights.tobytes() for weights in found}) == 3


# ---------------------------------------------------------------------------- degenerate identities


def test_equal_weights_and_everybody_is_unweighted_averaging():
    swarm = final_weights(params={"min_peers": 4})
    np.testing.assert_array_equal(swarm, final_weights("fedavg", {"weighted": False}))


def test_weights_by_patients_are_federated_averaging():
    """With no hospital above 100 patients W_k is n_k itself."""
    swarm, averaged = final_weights(params={"node_weights": "patients"}), final_weights("fedavg")
    np.testing.assert_array_equal(swarm, averaged)
    assert not np.array_equal(swarm, final_weights())


def test_weights_can_be_given_one_by_one():
    sizes = tuple(prepared().world.sizes.values())
    np.testing.assert_array_equal(final_weights(params={"node_weights": sizes}), final_weights("fedavg"))


def test_weights_of_large_hospitals_are_scaled_to_100():
    ready = prepared(params={"node_weights": "patients"}, patients=150, size_skew=2.0)
    run(ready, 0)
    sizes = ready.world.sizes
    enrolled = {event["node"]: event["weight"] for event in events(ready, "Enrolled")}
    assert enrolled == {node: max(1, round(100 * size / max(sizes.values()))) for node, size in sizes.items()}
    assert max(enrolled.values()) == 100


@pytest.mark.parametrize("merge", ["mean", "coordmedian", "geomedian"])
def test_one_node_is_plain_training(merge):
    alone = prepared("local_only", hospitals=1)
    run(alone)
    (name,) = alone.world.hospitals
    swarm = final_weights(params={"merge": merge}, hospitals=1)
    np.testing.assert_array_equal(swarm, alone.world.engine.held(name, "weights"))


def test_the_median_of_two_nodes_is_their_mean():
    mean, median = (final_weights(params={"merge": merge}, hospitals=2) for merge in ("mean", "coordmedian"))
    np.testing.assert_allclose(median, mean, atol=1e-7)


# ------------------------------------------------------------------------- absence, and the late node


@pytest.mark.parametrize("rounds", [(2,), (0, 1), (1, 2)])
def test_a_late_node_takes_the_latest_model_first(rounds):
    """Else it would train from the model it left with. Averaging hands the latest model out by itself."""
    faults = {"absent": {SECOND: rounds}}
    averaged = final_weights("fedavg", {"weighted": False}, faults)
    np.testing.assert_array_equal(final_weights(faults=faults), averaged)


def test_who_was_away_at_the_start_enrols_later():
    ready = prepared(faults={"absent": {SECOND: (0, 1)}})
    state, _ = run(ready)
    assert state.enrolled == (FIRST, THIRD, FOURTH, SECOND)
    assert [event["node"] for event in events(ready, "Enrolled")] == [FIRST, THIRD, FOURTH, SECOND]


def test_below_the_minimum_the_round_is_refused_by_name():
    faults = {"absent": {SECOND: (2,), FOURTH: (2,)}}
    run(prepared(params={"min_peers": 2}, faults=faults))
    with pytest.raises(HospitalAbsent, match="round 2 cannot go on without hospital 2, hospital 4"):
        run(prepared(params={"min_peers": 3}, faults=faults))


def test_half_of_the_hospitals_are_the_minimum():
    strategy = discovery.build(KEY, {})
    assert [strategy.numbers(count)["min_peers"] for count in (1, 2, 3, 4, 20)] == [1, 1, 2, 2, 10]
    assert discovery.build(KEY, {"min_peers": 3}).numbers(20) == {"min_peers": 3, "awaited": 20}


@pytest.mark.parametrize(("hospitals", "awaited"), [(3, 3), (4, 4), (20, 4)])
def test_one_more_than_may_merge_is_awaited(hospitals, awaited):
    strategy = discovery.build(KEY, {"min_peers": 3, "starts_with": "min_peers"})
    assert strategy.numbers(hospitals) == {"min_peers": 3, "awaited": awaited}


# ------------------------------------------------------------------------------------------- leader


def test_the_leader_is_drawn_by_the_block_from_those_ready():
    ready = prepared(faults={"absent": {SECOND: ()}})
    state, _ = run(ready, 8)
    present, leaders = (FIRST, THIRD, FOURTH), []
    closed = [block for _, block in sent(ready, "close")]
    for event, block in zip(events(ready, "LeaderElected"), closed, strict=True):
        of_block = keccak(text=str(block))  # revm's, without a chain behind it
        drawn = keccak(encode(["bytes32", "address", "uint64"], [of_block, state.contract, event["round"]]))
        assert event["leader"] == present[int.from_bytes(drawn, "big") % 3]
        leaders.append(event["leader"])
    assert len(leaders) == 8
    assert len(set(leaders)) > 1
    assert [event["leader"] for event in events(ready, "Merged")] == leaders


def sent(ready, *functions):
    """Function and block of the transactions that call one of `functions`."""
    return [(one.function, one.block) for one in ready.world.ledger.receipts if one.function in functions]


def test_who_acts_on_transactions_acts_in_a_later_block():
    ready = prepared()
    run(ready)
    blocks = itertools.groupby(sent(ready, "constructor", "enrol", "checkIn", "elect", "deliver"), lambda one: one[0])
    spans = [[block for _, block in group] for _, group in blocks]
    assert len(spans) == 2 + 3 * 3
    for before, after in itertools.pairwise(spans):
        assert min(after) > max(before)


def test_nobody_is_shut_out_while_check_in_is_open():
    """Hospital 2 is away, so the round waits for it until its time is over, and only then does without it."""
    ready = prepared(params={"phase_blocks": 700}, faults={"absent": {SECOND: [1, 2]}})
    run(ready, 2)
    opened = [ready.world.ledger.receipts[0].block, sent(ready, "deliver")[0][1]]
    assert [block - start for (_, block), start in zip(sent(ready, "close"), opened, strict=True)] == [701, 701]


def test_with_everybody_in_nobody_waits():
    ready = prepared(params={"phase_blocks": 700})
    run(ready)
    assert sent(ready, "close") == []
    assert ready.world.clock.now < 700 * 5.0


def test_the_first_hospital_there_founds_the_swarm():
    ready = prepared(faults={"absent": {FIRST: (0,)}})
    state = ready.strategy.open(ready.world)
    assert ready.world.ledger.receipts[0].sender == state.leader == SECOND


def test_nobody_there_to_found_the_swarm_is_refused_by_name():
    faults = {"absent": dict.fromkeys((FIRST, SECOND, THIRD, FOURTH), (0,))}
    with pytest.raises(HospitalAbsent, match="round 0 cannot go on without hospital 1, hospital 2"):
        run(prepared(faults=faults), 0)


def test_updates_go_to_the_leader_alone_and_the_merged_model_to_hospitals():
    ready = prepared()
    _, seen = run(ready)
    for rows in seen:
        counts = {(row["kind"], row["audience"]): row["count"] for row in rows}
        assert counts["individual update", "hospitals"] == 3
        assert counts["aggregate", "hospitals"] == 3
        assert {audience for kind, audience in counts if kind != "control message"} == {"hospitals"}
    assert ready.world.meter.audience() == ready.strategy.card.sees_individual_updates


def test_a_silent_leader_is_replaced_and_left_out(monkeypatch):
    before(monkeypatch, "merge", silence)
    ready = prepared()
    state, _ = run(ready, 1)
    (dropped,) = events(ready, "LeaderDropped")
    elected = [event["leader"] for event in events(ready, "LeaderElected")]
    assert elected == [dropped["leader"], state.leader]
    assert ready.world.at(state.contract).call("latest")[0] == state.leader != dropped["leader"]
    others = final_weights("fedavg", {"weighted": False}, {"absent": {dropped["leader"]: (1,)}}, rounds=1)
    np.testing.assert_allclose(weights_of(ready, state), others, atol=1e-7)


def test_a_leader_is_not_replaced_before_its_deadline(monkeypatch):
    """With more blocks than patience lasts, the swarm waits for the rest of them."""
    before(monkeypatch, "merge", silence)
    ready = prepared(params={"leader_blocks": 500})
    run(ready, 1)
    replaced = next(receipt for receipt in ready.world.ledger.receipts if receipt.function == "replaceLeader")
    assert replaced.block == events(ready, "LeaderElected")[0]["deadline"] + 1


def test_without_the_leader_too_few_may_remain(monkeypatch):
    before(monkeypatch, "merge", silence)
    ready = prepared(params={"min_peers": 4})
    with pytest.raises(HospitalAbsent, match="round 1 cannot go on without hospital"):
        run(ready, 1)


def test_a_file_that_is_not_served_is_left_out_while_enough_remain(monkeypatch):
    gone = []
    before(monkeypatch, "serve", lambda world, who: (gone.append(who[0]), silence(world, who[0])))
    ready = prepared(params={"min_peers": 3})
    state, _ = run(ready, 1)
    others = final_weights("fedavg", {"weighted": False}, {"absent": {gone[0]: (1,)}}, rounds=1)
    np.testing.assert_allclose(weights_of(ready, state), others, atol=1e-7)


# ------------------------------------------------------------------------------------------- hashes


def swap(name, value):
    """A query after which a node holds another file than the one it spoke of."""
    return Query("swap", Kind.CONTROL, lambda _, memory, __: (None, {**memory, name: value(memory[name])}))


def test_a_file_that_was_not_checked_in_is_not_served(monkeypatch):
    swapped = []

    def act(world, who):
        swapped.append(who[0])
        world.ask(who[0], swap("trained", lambda weights: weights + 1))

    before(monkeypatch, "serve", act)
    ready = prepared()
    state, _ = run(ready, 1)
    assert ready.world.meter.unreadable == set(swapped)
    others = final_weights("fedavg", {"weighted": False}, {"absent": {swapped[0]: (1,)}}, rounds=1)
    np.testing.assert_allclose(weights_of(ready, state), others, atol=1e-7)


def test_a_peer_keeps_its_model_where_another_was_announced():
    ready = prepared()
    state, _ = run(ready, 1)
    pull = discovery.load(KEY).round.__globals__["PULL"]
    leader, digest, uri = ready.world.at(state.contract).call("latest")
    peer = next(node for node in ready.world.hospitals if node != leader)
    np.testing.assert_array_equal(ready.world.engine.held(peer, "model"), weights_of(ready, state))
    assert ready.world.ask(peer, pull, (leader, digest, uri)).open() == {peer: True}
    assert ready.world.ask(peer, pull, (leader, bytes(32), uri)).open() == {peer: False}
    np.testing.assert_array_equal(ready.world.engine.held(peer, "model"), weights_of(ready, state))
    assert leader in ready.world.meter.unreadable


def test_the_model_is_the_last_leaders():
    ready = prepared()
    state, _ = run(ready, 2)
    assert ready.strategy.model(state) == dict.fromkeys(ready.world.hospitals, Held("model", state.leader))
    before_any = replace(state, leader=FIRST)
    assert ready.strategy.model(before_any)[SECOND].owner == FIRST
