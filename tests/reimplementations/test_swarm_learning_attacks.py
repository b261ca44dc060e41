"""What a dishonest node tries on Swarm Learning, and what comes of it."""

from __future__ import annotations

import numpy as np
import pytest
from exploits import exploit
from test_swarm_learning_contract import READY, Swarm
from test_swarm_learning_protocol import (
    KEY,
    SECOND,
    before,
    events,
    prepared,
    run,
    sent,
    silence,
    swap,
    weights_of,
)

from chainward.methods.content import content_id, fingerprint
from chainward.strategy import discovery
from chainward.world import Faults, Kind, Site

BLOCK_S = 5.0


def leading(monkeypatch, deliver):
    """Whoever leads first delivers what `deliver(site, model)` returns, in later rounds what it should."""
    honest, villains = discovery.load(KEY)._merge, []

    def merge(self, site, memory, served):
        told, kept = honest(self, site, memory, served)
        if villains:
            return told, kept
        villains.append(site.name)
        return deliver(site, memory["trained"]), kept

    monkeypatch.setattr(discovery.load(KEY), "_merge", merge)
    return villains


def published(site, model, readers):
    return site.publish(model, Kind.AGGREGATE, readers=readers)


@exploit(KEY, "a node serves another file than the one whose hash it checked in", "held")
@pytest.mark.parametrize("starts_with", ["all", "min_peers"])
def test_another_file_is_left_out_and_the_round_goes_on(starts_with, monkeypatch):
    swapped, rest = [], []

    def act(world, who):
        swapped.append(who[0])
        rest.extend({*who, *(event["leader"] for event in events(ready, "LeaderElected"))} - {who[0]})
        world.ask(who[0], swap("trained", lambda weights: -weights))

    before(monkeypatch, "serve", act)
    ready = prepared(params={"starts_with": starts_with})
    state, _ = run(ready, 1)
    assert len(rest) == (3 if starts_with == "all" else 2)
    merged = np.mean([ready.world.engine.held(node, "trained") for node in rest], axis=0)
    np.testing.assert_allclose(weights_of(ready, state), merged, atol=1e-6)
    ready.world.begin(2)
    ready.strategy.round(state, ready.world)
    assert len(events(ready, "Merged")) == 2


TOO_FEW = {
    "another file": lambda world, who: world.ask(who[0], swap("trained", lambda weights: -weights)),
    "no file": lambda world, who: silence(world, who[0]),
}


@exploit(KEY, "so many nodes serve another file, or none, that fewer than min_peers fit", "held")
@pytest.mark.parametrize("rounds", [0, 1])
@pytest.mark.parametrize("case", TOO_FEW)
@pytest.mark.parametrize("starts_with", ["all", "min_peers"])
def test_with_too_few_files_the_model_stays_and_the_swarm_goes_on(case, starts_with, rounds, monkeypatch):
    ready = prepared(params={"starts_with": starts_with, "min_peers": 4})
    state, _ = run(ready, rounds)
    stood = weights_of(ready, state)
    before(monkeypatch, "serve", TOO_FEW[case])
    ready.world.begin(rounds + 1)
    state = ready.strategy.round(state, ready.world)
    np.testing.assert_array_equal(weights_of(ready, state), stood)
    ready.world.faults = Faults()
    ready.world.begin(rounds + 2)
    state = ready.strategy.round(state, ready.world)
    assert not np.array_equal(weights_of(ready, state), stood)
    assert len(events(ready, "Merged")) == rounds + 2


@exploit(KEY, "the leader is silent", "held")
def test_a_silent_leader_costs_its_blocks_and_no_more(monkeypatch):
    before(monkeypatch, "merge", silence)
    ready = prepared()
    run(ready, 1)
    (elected, *_), ((_, replaced),) = events(ready, "LeaderElected"), sent(ready, "replaceLeader")
    assert replaced == elected["deadline"] + 1
    closed = max(block for _, block in sent(ready, "checkIn"))
    assert replaced - closed <= 2 + 24


@exploit(KEY, "a node that checked in does not serve its file, to make leaders miss their deadlines", "held")
def test_a_file_that_is_awaited_drops_no_leader(monkeypatch):
    before(monkeypatch, "serve", lambda world, who: silence(world, who[0]))
    ready = prepared()
    run(ready, 1)
    assert events(ready, "LeaderDropped") == []
    assert sent(ready, "deliver")[0][1] <= events(ready, "LeaderElected")[0]["deadline"]


WITHHELD = {
    "another model than announced": lambda site, model: (bytes(32), published(site, model, site.hospitals)),
    "an id nobody serves": lambda site, model: (fingerprint(model), content_id(bytes(32))),
    "for nobody else": lambda site, model: (fingerprint(model), published(site, model, (site.name,))),
    "in the clear": lambda site, model: (fingerprint(model), published(site, model, None)),
    "a short vector": lambda site, model: (fingerprint(model[:3]), published(site, model[:3], site.hospitals)),
}


@exploit(KEY, "the leader announces a model that nobody else can pull", "held")
@pytest.mark.parametrize("case", WITHHELD)
def test_a_model_that_nobody_can_pull_is_none_and_the_next_round_goes_on(case, monkeypatch):
    villains = leading(monkeypatch, WITHHELD[case])
    ready = prepared()
    state = ready.strategy.open(ready.world)
    for number in (1, 2):
        ready.world.begin(number)
        after = ready.strategy.round(state, ready.world)
        if number == 1:
            assert after.leader == state.leader
            assert ready.world.meter.unreadable == set(villains)
            np.testing.assert_array_equal(weights_of(ready, after), ready.world.initial_weights())
        state = after
    assert not np.array_equal(weights_of(ready, state), ready.world.initial_weights())


@exploit(KEY, "the leader merges nothing and hands its own model out", "succeeds")
def test_the_leader_s_merge_is_taken_on_trust(monkeypatch):
    villains = leading(
        monkeypatch, lambda site, model: (fingerprint(-9 * model), published(site, -9 * model, site.hospitals))
    )
    ready = prepared()
    state, _ = run(ready, 1)
    np.testing.assert_array_equal(weights_of(ready, state), -9 * ready.world.engine.held(villains[0], "trained"))


@exploit(KEY, "a node says that it counts for a hundred", "succeeds")
def test_a_weight_is_a_node_s_own_word(monkeypatch):
    honest = Site.scores

    def scores(site, own, lowest, highest):
        return dict.fromkeys(own, highest) if site.name == SECOND else honest(site, own, lowest, highest)

    monkeypatch.setattr(Site, "scores", scores)
    ready = prepared()
    state, _ = run(ready, 1)
    assert {event["node"]: event["weight"] for event in events(ready, "Enrolled")}[SECOND] == 100
    trained = {node: ready.world.engine.held(node, "trained") for node in ready.world.hospitals}
    own, others = trained.pop(SECOND), np.mean([*trained.values()], axis=0)
    np.testing.assert_allclose(weights_of(ready, state), (100 * own + 3 * others) / 103, atol=1e-6)
    distance = [float(np.linalg.norm(weights_of(ready, state) - weights)) for weights in (own, others)]
    assert 30 * distance[0] < distance[1]


@exploit(KEY, "a node asks for the draw in the block, or by the contract, that suits it", "held")
def test_the_draw_is_of_the_block_that_closed_the_check_in():
    found = [Swarm().play(*READY, blocks, ("elect", who)) for blocks in range(0, 250, 50) for who in ("a", "stranger")]
    assert len({swarm.call("leader") for swarm in found}) == 1
    others = [Swarm().play(blocks, *READY, ("elect", "a")) for blocks in range(1, 13)]
    assert len({swarm.call("leader") for swarm in others}) == 3


@pytest.mark.parametrize("late", ["absent", "delay"])
def test_a_round_may_start_with_one_more_than_may_merge(late):
    faults = {"absent": {SECOND: []}} if late == "absent" else {"delay": {SECOND: 100.0}}
    ready = prepared(params={"starts_with": "min_peers", "min_peers": 2}, faults=faults)
    state = ready.strategy.open(ready.world)
    ready.world.begin(1)
    started = ready.world.clock.now
    ready.strategy.round(state, ready.world)
    assert sent(ready, "close") == []
    assert len(events(ready, "CheckedIn")) == 3
    assert ready.world.clock.now - started < 10 * BLOCK_S
