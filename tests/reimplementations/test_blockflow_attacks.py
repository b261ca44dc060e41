"""What was tried against BlockFLow, and what came of it."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean
from typing import Any

import numpy as np
import pytest
from blockflow_experiment import (
    ETHER,
    FIXED,
    Experiment,
    Stage,
    lower_median,
    ranking,
    retrieving,
    revealing,
    scoring,
    training,
)
from exploits import exploit
from papers import STRANGER, preparing

from chainward.methods.attack import MALFORMED
from chainward.methods.contribution import ONE
from chainward.strategy import discovery
from chainward.testing import states, varied
from chainward.world import Kind, Memory, Reverted, Site, Update, Weights

prepared = preparing("blockflow", hospitals=6, rounds=2, patients=60)
unequal = preparing("blockflow", hospitals=6, rounds=2, patients=60, size_skew=1.0)
TWENTY = [f"agent {number}" for number in range(20)]


@exploit("blockflow", "one of six submits its model and sleeps for ever, the others were late", "held")
@pytest.mark.parametrize(("waker", "graces"), [("b", 1), (STRANGER, 2)])
def test_who_was_late_or_an_outsider_goes_on_without_the_one_who_sleeps(waker: str, graces: int) -> None:
    experiment = training(agents="abcdef").submit("a")
    with pytest.raises(Reverted, match=r"sender failed too|not a member"):
        experiment.late().send(waker, "advance")
    experiment.late(graces).send(waker, "advance")
    experiment.late(graces=2).send(STRANGER, "advance")  # a sleeps on: all who are left failed
    experiment.close(STRANGER)
    for party in ("a", waker):
        experiment.send(STRANGER, "collectFor", party)
    assert (experiment.stage, experiment.money()) == (Stage.OVER, 0)


@exploit("blockflow", "any set of agents falls silent for ever in any stage", "held")
@pytest.mark.parametrize("stage", [training, retrieving, scoring, revealing, ranking])
@pytest.mark.parametrize("asleep", ["a", "ab", "abc", "c"])
def test_the_others_go_on_and_no_wei_is_kept(stage: Any, asleep: str) -> None:
    experiment = stage()
    awake = [agent for agent in "abc" if agent not in asleep]
    for _ in range(20):
        if experiment.stage < Stage.RANKING:
            able = awake and awake[0] in experiment.members
            experiment.late(graces=1 if able else 2).send(awake[0] if able else STRANGER, "advance")
        elif experiment.stage == Stage.RANKING:
            experiment.medians(STRANGER).datasets(STRANGER)
        elif experiment.stage == Stage.REFUNDING:
            experiment.close(STRANGER)
    assert experiment.stage == Stage.OVER
    for party in [party for party in ("a", "b", "c", STRANGER) if experiment.call("collectable", party)]:
        experiment.send(STRANGER, "collectFor", party)
    assert experiment.money() == 0


@exploit("blockflow", "whoever boots chooses the order in which stragglers are judged", "held")
def test_there_is_no_order_of_boots() -> None:
    """a, b, c and d read one another, e and f nothing; whoever calls, the same are booted, at once."""
    found = set()
    for booter in "abcd":
        experiment = retrieving(agents="abcdef")
        experiment.retrieve("abcd").late()
        experiment.send(booter, "advance")
        found.add((experiment.members, experiment.stage, experiment.call("pool")))
    assert found == {(tuple("abcd"), Stage.SCORING, 6 * ETHER - 2 * experiment.reserve)}


@exploit("blockflow", "eight of twenty say that they cannot read an honest agent's model", "held")
def test_fewer_than_half_expel_nobody() -> None:
    assert TWENTY[0] in unread_by(8).members
    assert TWENTY[0] in unread_by(9).members
    assert TWENTY[0] not in unread_by(10).members


@exploit("blockflow", "eight of twenty say that they cannot read an honest agent's model, with two_thirds", "succeeds")
def test_eight_of_twenty_expel_an_honest_agent() -> None:
    assert TWENTY[0] in unread_by(7, two_thirds=True).members
    assert TWENTY[0] not in unread_by(8, two_thirds=True).members


def unread_by(colluders: int, **terms: Any) -> Experiment:
    """So many of twenty mark all models but the first agent's."""
    experiment = retrieving(agents=TWENTY, **terms)
    experiment.retrieve(TWENTY[:-colluders]).retrieve(TWENTY[-colluders:], TWENTY[1:]).late()
    experiment.send(TWENTY[-1], "advance")
    return experiment


@exploit("blockflow", "eight of twenty read nothing", "held")
def test_fewer_than_half_end_no_experiment() -> None:
    experiment = retrieving(agents=TWENTY).retrieve(TWENTY[8:]).late()
    experiment.send(TWENTY[-1], "advance")
    assert (experiment.stage, experiment.members) == (Stage.SCORING, tuple(TWENTY[8:]))


@exploit("blockflow", "eight of twenty read nothing, with two_thirds", "succeeds")
def test_eight_of_twenty_end_the_experiment_for_all_and_keep_their_bonds() -> None:
    experiment = retrieving(agents=TWENTY, two_thirds=True).retrieve(TWENTY[8:]).late()
    experiment.send(TWENTY[-1], "advance")
    experiment.close()
    assert experiment.stage == Stage.OVER
    assert {experiment.call("collectable", name) for name in TWENTY} == {ETHER}


def peeking(self: Any, site: Site, memory: Memory, update: Update) -> Any:
    """The last hospital reads what the others have published by now, and names what scores best on its patients."""
    kind, found = discovery.load("blockflow"), []
    for content in list(site.store.snapshot()) if site.name == site.hospitals[-1] else ():  # type: ignore[attr-defined]
        for owner in site.hospitals[:-1]:
            found += site.read({owner: content}, Weights, sealed=True).values()
    if found:
        best = int(np.argmax(kind.score(self, site, np.stack(found))))  # type: ignore[attr-defined]
        update = update._replace(weights=found[best])
    return kind.encrypt(self, site, memory, update)  # type: ignore[attr-defined]


def earned(seed: int, encrypt: Any = None, **how: Any) -> float:
    """What the last and smallest of six hospitals has gained in ether when an experiment of two rounds is over."""
    strategy = varied("blockflow", {"experiment_rounds": 2, **how}, **({"encrypt": encrypt} if encrypt else {}))
    ready = replace(unequal(seed=seed), strategy=strategy)
    name = ready.world.hospitals[-1]
    before = ready.world.chain.balance(name)
    states(ready)
    return (ready.world.chain.balance(name) - before) / ETHER


@exploit("blockflow", "a hospital waits for the others' models and names the best as its own", "held")
@pytest.mark.parametrize("pairwise", [False, True])
def test_a_copier_finds_nothing_to_read_before_submission_closes(pairwise: bool) -> None:
    assert earned(2, peeking, pairwise=pairwise) == earned(2, pairwise=pairwise)


def republishing() -> Any:
    """The last hospital names the first one's ciphertext, takes off only what is for itself, and has its key later."""
    kind, known = discovery.load("blockflow"), dict[str, Any]()

    def encrypt(self: Any, site: Site, memory: Memory, update: Update) -> Any:
        victim, *_, copier = site.hospitals
        if site.name != copier:
            cid, own = kind.encrypt(self, site, memory, update)  # type: ignore[attr-defined]
            known[site.name] = (cid, own)
            return cid, own
        cid, own = known[victim]
        (locked,) = site.read({victim: cid}, bytes, sealed=True).values()
        copy = site.publish(locked, Kind.UPDATE, readers=site.hospitals[:-1])
        return copy, {"models": {copier: own["models"][victim]}, "key": own["key"]}

    return encrypt


@exploit(
    "blockflow",
    "a hospital publishes another's ciphertext as its own, and gives the other's key once that is out",
    "held",
)
@pytest.mark.parametrize("params", [{}, {"pairwise": True}, {"auditors": 4}])
def test_a_republished_ciphertext_opens_for_nobody(params: Any) -> None:
    """The copier is expelled as one whose model cannot be read, and its bond is the others'."""
    strategy = varied("blockflow", params, encrypt=republishing())
    ready = replace(unequal(seed=2), strategy=strategy)
    *_, last = states(ready)
    assert set(last.contributions) == set(ready.world.hospitals[:-1])
    assert earned(2, republishing(), **params) == -1 < earned(2, **params)


@exploit(
    "blockflow", "a hospital waits for the others' models and names the best as its own, with keys_at_once", "succeeds"
)
def test_copying_pays_where_models_can_be_read_before() -> None:
    """Against itself honest: about 0.4 ether a bond."""
    copied = mean(earned(seed, peeking, keys_at_once=True) for seed in range(3))
    honest = mean(earned(seed, keys_at_once=True) for seed in range(3))
    assert copied > honest + 0.1


@exploit("blockflow", "a hospital names a model that it read a round before", "succeeds")
def test_who_names_what_it_read_a_round_before_is_paid_as_a_trainer() -> None:
    ready = prepared(10, rounds=3, attack={"kind": "copy", "share": 0.3, "strength": 1.0})
    attackers, honest = sides(ready, states(ready)[-1])
    assert 0.8 < mean(attackers) / mean(honest) < 1.2


def sides(ready: Any, state: Any) -> tuple[list[float], list[float]]:
    """The last contributions of those who attack, and of the others."""
    those = ready.world.engine.sites.attackers
    shares = {name: state.contributions.get(name, 0) / ONE for name in ready.world.hospitals}
    return [shares[name] for name in those], [shares[name] for name in shares if name not in those]


@exploit("blockflow", "an auditor copies another's commitment", "held")
def test_a_copied_commitment_cannot_be_opened() -> None:
    experiment = scoring()
    row = dict(zip("abc", FIXED[0], strict=True))
    for sender in "ca":
        experiment.send(sender, "commitScores", experiment.hidden("a", row))
    experiment.commit(FIXED[1:2], "b").reveal(FIXED[:2], "ab")
    with pytest.raises(Reverted, match="commitment not opened"):
        experiment.send("c", "revealScores", experiment.salt("a"), experiment.vector("a", row))
    experiment.late().send("a", "advance")
    assert experiment.members == ("a", "b")


@exploit("blockflow", "an auditor reveals nothing once it knows the others' scores", "held")
def test_the_last_to_reveal_loses_its_bond_by_silence() -> None:
    experiment = revealing().reveal(FIXED[:2], "ab").late()
    experiment.send("b", "advance")
    experiment.medians().datasets().close()
    assert experiment.call("collectable", "c") == 0
    assert experiment.call("collectable", "a") > 0


@exploit("blockflow", "three of ten score themselves and each other highest and all others lowest", "held")
def test_fewer_than_half_who_score_dishonestly_earn_nothing() -> None:
    ready = prepared(10, rounds=2, attack={"kind": "false_score", "share": 0.3, "strength": 1.0})
    attackers, honest = sides(ready, states(ready)[-1])
    assert max(attackers) == 0
    assert min(honest) > 0.3


@exploit("blockflow", "a hospital publishes another thing than a model", "held")
@pytest.mark.parametrize("params", [{}, {"keys_at_once": True}, {"pairwise": True}, {"auditors": 4}])
@pytest.mark.parametrize("form", MALFORMED)
def test_what_cannot_be_read_costs_its_agent_the_bond_and_ends_no_round(form: str, params: Any) -> None:
    strategy = discovery.build("blockflow", params)
    attack = {"kind": "malformed", "form": form, "share": 0.17, "strength": 1.0}
    ready = prepared(strategy=strategy, attack=attack)
    *_, last = states(ready)
    (attacker,) = ready.world.engine.sites.attackers  # type: ignore[attr-defined]
    assert set(last.contributions) >= set(ready.world.hospitals) - {attacker}
    assert np.isfinite(last.weights).all()
    if form in ("short", "long", "wrong_type", "unserved", "mismatched"):
        assert attacker not in last.contributions


@exploit("blockflow", "somebody proposes wrong medians", "held")
def test_only_the_lower_median_is_accepted() -> None:
    experiment = ranking()
    right = [lower_median(column) for column in zip(*FIXED, strict=True)]
    for place in range(3):
        for wrong in {*FIXED[0], *FIXED[1], *FIXED[2], 0, ONE} - {right[place]}:
            with pytest.raises(Reverted, match=r"median too (high|low)"):
                experiment.send(STRANGER, "commitMedians", [*right[:place], wrong])
    experiment.send(STRANGER, "commitMedians", right)
    assert experiment.stage == Stage.TALLYING
