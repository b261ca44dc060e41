import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from eth_abi import encode
from eth_utils.crypto import keccak

from chainward import tasks
from chainward.ledgers.consensus import Periodic
from chainward.ledgers.evm import EvmLedger, randao
from chainward.plans.specification import Specification
from chainward.strategy import discovery
from chainward.trials.prepare import prepare
from chainward.world import Faults, Held, HospitalAbsent, Kind, Query, Reverted, World

KEY = "swarm_learning"
SMALL = {"hospitals": 4, "patients": 40, "size_skew": 0.5}
FIRST, SECOND, THIRD, FOURTH = (f"hospital {number}" for number in range(1, 5))


def prepared(key=KEY, params=None, faults=None, **task):
    """A trial on small synthetic hospitals of fewer than 100 patients each."""
    settings = {**SMALL, **task}
    specification = Specification(
        strategy=key, task="synthetic", seed=0, rounds=3, params=params or {}, task_params=settings, faults=faults or {}
    )
    return prepare(specification, tasks.load("synthetic", **settings).dataset(0), "cpu")


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
    assert discovery.build(KEY, {"min_peers": 3}).numbers(20) == {"min_peers": 3}


# ------------------------------------------------------------------------------------------- leader


def test_the_leader_is_drawn_by_the_block_from_those_ready():
    ready = prepared(faults={"absent": {SECOND: ()}})
    run(ready, 8)
    present, leaders = (FIRST, THIRD, FOURTH), []
    for event in events(ready, "LeaderElected"):
        block = event["deadline"] - ready.strategy.leader_blocks
        drawn = keccak(encode(["bytes32", "uint64"], [randao(block), event["round"]]))
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
    ready = prepared(params={"check_in_blocks": 700}, faults={"absent": {SECOND: [1, 2]}})
    run(ready, 2)
    opened = [ready.world.ledger.receipts[0].block, sent(ready, "deliver")[0][1]]
    assert [block - start for (_, block), start in zip(sent(ready, "close"), opened, strict=True)] == [701, 701]


def test_with_everybody_in_nobody_waits():
    ready = prepared(params={"check_in_blocks": 700})
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


def test_a_file_that_is_not_served_may_leave_too_few(monkeypatch):
    before(monkeypatch, "serve", lambda world, who: silence(world, who[0]))
    with pytest.raises(HospitalAbsent, match="round 1 cannot go on without hospital"):
        run(prepared(params={"min_peers": 4}), 1)


def test_a_file_that_is_not_served_is_left_out_while_enough_remain(monkeypatch):
    gone = []
    before(monkeypatch, "serve", lambda world, who: (gone.append(who[0]), silence(world, who[0])))
    ready = prepared(params={"min_peers": 3})
    state, _ = run(ready, 1)
    others = final_weights("fedavg", {"weighted": False}, {"absent": {gone[0]: (1,)}}, rounds=1)
    np.testing.assert_allclose(weights_of(ready, state), others, atol=1e-7)


# ------------------------------------------------------------------------------------------- hashes


def test_the_leader_refuses_a_file_that_was_not_checked_in(monkeypatch):
    def another(_, memory, __):
        return None, {**memory, "trained": memory["trained"] + 1}

    before(monkeypatch, "serve", lambda world, who: world.ask(who[0], Query("swap", Kind.CONTROL, another)))
    with pytest.raises(ValueError, match="are not those whose hash stands on chain"):
        run(prepared(), 1)


def test_a_peer_refuses_a_model_that_was_not_announced():
    ready = prepared()
    state, _ = run(ready, 1)
    pull = discovery.load(KEY).round.__globals__["PULL"]
    leader, digest, uri = ready.world.at(state.contract).call("latest")
    peer = next(node for node in ready.world.hospitals if node != leader)
    ready.world.ask(peer, pull, (leader, digest, uri))
    np.testing.assert_array_equal(ready.world.engine.held(peer, "model"), weights_of(ready, state))
    with pytest.raises(ValueError, match=f"parameters of {leader} are not those"):
        ready.world.ask(peer, pull, (leader, bytes(32), uri))


def test_the_model_is_the_last_leaders():
    ready = prepared()
    state, _ = run(ready, 2)
    assert ready.strategy.model(state) == dict.fromkeys(ready.world.hospitals, Held("model", state.leader))
    before_any = replace(state, leader=FIRST)
    assert ready.strategy.model(before_any)[SECOND].owner == FIRST


# ----------------------------------------------------------------------------------------- contract

DIGEST = bytes(31) + b"\x01"
CHECK_IN, DRAW, MERGE = range(3)
WINDOW, PATIENCE = 20, 4


class Swarm:
    """The contract with nodes a, b, c, at least two peers; each transaction has a block of its own."""

    def __init__(self, peers=2, patience=PATIENCE, window=WINDOW, nodes=("a", "b", "c"), ledger=None):
        self.ledger = ledger or EvmLedger(Periodic())
        self.at = 0.0
        settings = [list(nodes), peers, window, patience]
        self.address = self.ledger.deploy("SwarmLearning", settings, "a", 0, 0.0).address

    def send(self, function, *arguments, sender):
        self.wait(1)
        return self.ledger.send(self.address, function, arguments, sender, 0, self.at)

    def call(self, function, *arguments):
        return self.ledger.call(self.address, function, arguments, None, self.at)

    def wait(self, blocks):
        self.at = self.ledger.wait(blocks, self.at)

    def play(self, *steps):
        """Each step is a function, its arguments and its sender, perhaps "leader" or "follower"; or blocks to wait."""
        for step in steps:
            if isinstance(step, int):
                self.wait(step)
            else:
                function, *arguments, sender = step
                self.send(function, *arguments, sender=self.named(sender))
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


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([("enrol", 1, "stranger")], "not certified"),
        ([("enrol", 1, "a"), ("enrol", 1, "a")], "already enrolled"),
        ([("enrol", 0, "a")], "weight not within 1 to 100"),
        ([("enrol", 101, "a")], "weight not within 1 to 100"),
        ([("checkIn", 1, DIGEST, "a")], "not enrolled"),
        ([*ENROLLED, ("checkIn", 2, DIGEST, "a")], "not the current round"),
        ([*MERGED, ("checkIn", 1, DIGEST, "a")], "not the current round"),
        ([*TWO_READY, WINDOW, ("close", "a"), *ready_in(1, "c")], "check-in is closed"),
        ([*TWO_READY, WINDOW, ("close", "a"), ("elect", "a"), *ready_in(1, "c")], "check-in is closed"),
        ([*ENROLLED, *ready_in(1, "a", "a")], "already checked in"),
        ([*READY, ("close", "a")], "check-in is closed"),
        ([*MERGING, ("close", "a")], "check-in is closed"),
        ([*ENROLLED, *ready_in(1, "a"), WINDOW, ("close", "a")], "too few peers"),
        ([*TWO_READY, WINDOW - 12, ("close", "a")], "check-in open"),
        ([*TWO_READY, ("elect", "a")], "check-in open"),
        ([*TWO_READY, WINDOW, ("elect", "a")], "check-in open"),
        ([*TWO_READY, WINDOW, ("close", "a"), ("elect", "c")], "not checked in"),
        ([*READY, ("elect", "stranger")], "not checked in"),
        ([*MERGED, ("elect", "a")], "not checked in"),
        ([*MERGING, ("elect", "b")], "leader already elected"),
        ([*READY, ("replaceLeader", "a")], "no leader to replace"),
        ([*MERGED, PATIENCE, ("replaceLeader", "a")], "no leader to replace"),
        ([*MERGING, PATIENCE - 2, ("replaceLeader", "a")], "the leader still has time"),
        ([*MERGING, ("deliver", 1, DIGEST, "cid", "follower")], "not the leader"),
        ([*READY, ("deliver", 1, DIGEST, "cid", "a")], "not the leader"),
        ([*MERGING, ("deliver", 2, DIGEST, "cid", "leader")], "not the current round"),
        ([*MERGING, ("deliver", 1, DIGEST, "", "leader")], "no model"),
    ],
)
def test_the_contract_refuses(steps, reason):
    *allowed, refused = steps
    swarm = Swarm().play(*allowed)
    with pytest.raises(Reverted) as refusal:
        swarm.play(refused)
    assert refusal.value.reason == reason


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"peers": 0}, "minimum of peers out of range"),
        ({"peers": 4}, "minimum of peers out of range"),
        ({"patience": 0}, "a leader needs time"),
        ({"window": 0}, "training needs time"),
        ({"nodes": ("a", "b", "a")}, "certified twice"),
    ],
)
def test_a_swarm_that_could_never_merge_is_refused(settings, reason):
    with pytest.raises(Reverted) as refusal:
        Swarm(**settings)
    assert refusal.value.reason == reason


@pytest.mark.parametrize("steps", [READY[:-1], (*MERGING, PATIENCE)], ids=["check-in", "replacement"])
def test_the_leader_is_drawn_in_a_later_block_than_the_ready_are_settled(steps):
    """Else who settles them, being the last to check in or the one to replace, would know the draw beforehand."""
    swarm = Swarm().play(*steps)
    settling = ("replaceLeader",) if swarm.call("leader") in "abc" else READY[-1][:-1]
    swarm.send(*settling, sender="c")
    (someone, *_) = swarm.call("participants")[0]
    with pytest.raises(Reverted) as refusal:
        swarm.ledger.send(swarm.address, "elect", (), someone, 0, swarm.at)
    assert refusal.value.reason == "drawn in a later block"
    assert swarm.play(("elect", someone)).call("leader") in "abc"


# forward(address target, bytes data): call the target with the data, and revert with its words if it does
FORWARDER = "60443580606 45f375f5f825f5f6004355af13d5f5f3e601c573d5ffd5b00".replace(" ", "")


@pytest.fixture
def forwarding(tmp_path):
    """A ledger with a contract that does at the swarm's what it is told to."""
    abi = [{"type": "function", "name": "forward", "outputs": [], "inputs": [{"type": "address"}, {"type": "bytes"}]}]
    code = f"60{len(FORWARDER) // 2:02x}8060095f395ff3{FORWARDER}"  # returns what follows
    (tmp_path / "Forwarder.json").write_text(json.dumps({"contract": "Forwarder", "abi": abi, "bytecode": f"0x{code}"}))
    return EvmLedger(Periodic(), (tmp_path,))


def forwarded(swarm, forwarder, signature, kinds=(), arguments=()):
    swarm.wait(1)
    data = keccak(text=signature)[:4] + encode(kinds, arguments)
    swarm.ledger.send(forwarder, "forward", (swarm.address, data), "attacker", 0, swarm.at)


def test_a_contract_cannot_try_draws_until_it_likes_one(forwarding):
    """It could elect, look who leads and revert, block after block. It may be a node in all else."""
    forwarder = forwarding.deploy("Forwarder", (), "attacker", 0, 0.0).address
    swarm = Swarm(nodes=("a", "b", forwarder), ledger=forwarding)
    swarm.play(("enrol", 1, "a"), ("enrol", 1, "b"), *ready_in(1, "a", "b"))
    forwarded(swarm, forwarder, "enrol(uint8)", ["uint8"], [1])
    forwarded(swarm, forwarder, "checkIn(uint64,bytes32)", ["uint64", "bytes32"], [1, DIGEST])
    assert swarm.call("readyCount") == 3
    with pytest.raises(Reverted) as refusal:
        forwarded(swarm, forwarder, "elect()")
    assert refusal.value.reason == "no contract may draw"
    assert swarm.play(("elect", "b")).call("leader") in ("a", "b", forwarder)


def test_the_last_certified_node_closes_the_check_in():
    swarm = Swarm().play(*TWO_READY)
    assert swarm.call("phase") == CHECK_IN
    assert swarm.play(*ready_in(1, "c")).call("phase") == DRAW
    assert swarm.play(("elect", "c")).call("phase") == MERGE


def test_a_node_that_has_not_enrolled_is_not_shut_out_either():
    """Else the first to enrol could begin the first round before the others have come."""
    swarm = Swarm().play(("enrol", 1, "a"), ("enrol", 1, "b"), *ready_in(1, "a", "b"))
    with pytest.raises(Reverted, match="check-in open"):
        swarm.play(("close", "a"))
    swarm.play(("enrol", 1, "c"), *ready_in(1, "c"), ("elect", "a"))
    assert swarm.call("participants")[0] == ("a", "b", "c")


def test_anyone_may_close_the_check_in_when_its_time_is_over():
    swarm = Swarm().play(*TWO_READY, WINDOW - 11, ("close", "stranger"), ("elect", "b"))
    assert swarm.call("leader") in ("a", "b")


def test_who_is_late_may_still_check_in_until_it_is_closed():
    assert Swarm().play(*TWO_READY, 10 * WINDOW, *ready_in(1, "c")).call("readyCount") == 3


def test_a_round_on_chain():
    swarm = Swarm().play(*MERGING)
    leader = swarm.call("leader")
    assert swarm.call("participants") == (("a", "b", "c"), (1, 1, 1), (DIGEST,) * 3)
    swarm.play(("deliver", 1, DIGEST, "cid", "leader"))
    assert swarm.call("latest") == (leader, DIGEST, "cid")
    assert (swarm.call("round"), swarm.call("readyCount"), swarm.call("phase")) == (2, 0, CHECK_IN)
    assert swarm.call("deadline") == swarm.ledger.receipts[-1].block + WINDOW
    assert swarm.call("participants") == ((), (), ())
    swarm.play(*ready_in(2, "c", "a"), WINDOW, ("close", "c"), ("elect", "c"))
    assert swarm.call("leader") in ("a", "c")
    assert swarm.call("participants")[0] == ("c", "a")


def test_anyone_may_have_a_silent_leader_replaced():
    swarm = Swarm().play(*MERGING)
    silent = swarm.call("leader")
    swarm.play(PATIENCE - 1, ("replaceLeader", "stranger"))
    assert sorted([silent, *swarm.call("participants")[0]]) == ["a", "b", "c"]
    swarm.play(("elect", "follower"))
    assert swarm.call("leader") in swarm.call("participants")[0]
    with pytest.raises(Reverted, match="not the leader"):
        swarm.send("deliver", 1, DIGEST, "late", sender=silent)
    swarm.play(("deliver", 1, DIGEST, "cid", "leader"))
    assert swarm.call("latest")[2] == "cid"


def test_a_late_leader_may_still_deliver_until_it_is_replaced():
    assert Swarm().play(*MERGING, 10 * PATIENCE, ("deliver", 1, DIGEST, "cid", "leader")).call("round") == 2


def test_too_few_after_a_silent_leader_open_the_check_in_again():
    swarm = Swarm(peers=3).play(*MERGING)
    silent = swarm.call("leader")
    swarm.play(PATIENCE, ("replaceLeader", "d"))
    assert (swarm.call("readyCount"), swarm.call("phase")) == (2, CHECK_IN)
    present = swarm.call("participants")[0]
    with pytest.raises(Reverted, match="check-in open"):
        swarm.send("elect", sender=present[0])
    swarm.play(*ready_in(1, silent), ("elect", silent))
    assert swarm.call("participants")[0] == (*present, silent)


def test_every_node_is_leader_sooner_or_later():
    swarm, leaders = Swarm().play(*MERGED), []
    for number in range(2, 22):
        swarm.play(*ready_in(number, "a", "b", "c"), ("elect", "b"))
        leaders.append(swarm.call("leader"))
        swarm.play(("deliver", number, DIGEST, "cid", "leader"))
    assert set(leaders) == {"a", "b", "c"}
