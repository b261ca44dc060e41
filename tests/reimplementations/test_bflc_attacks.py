"""What a dishonest minority tries on BFLC, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from exploits import exploit
from papers import module
from test_bflc_contract import DRAWING, SCORING, WINNERS, Federation, decided
from test_bflc_protocol import FOUNDER, TRAINERS, prepared, run

from chainward.methods.content import content_id
from chainward.testing import refused
from chainward.world import FIT, PUBLISH, Kind, Memory, Query, Site, Update

COLLUDERS = frozenset({"h1", "h2", "h5", "h6", "h7", "h8"})  # six of twenty; the first four found the committee
VILLAIN = min(TRAINERS, key=prepared().world.ledger.account)  # first among equals: only its score keeps it out


def silent_epoch(federation: Federation, members: Iterable[str]) -> None:
    """Colluders propose before all others, something bad, and never score; all others keep to the rules."""
    trainers = [name for name in federation.names if name not in members]
    first = sorted(trainers, key=lambda name: name not in COLLUDERS)[: federation.wanted]
    federation.propose(first)
    scores = [0.4 if name in COLLUDERS else 0.6 for name in first]
    federation.score([(name, scores) for name in members if name not in COLLUDERS])
    if federation.call("phase") == SCORING:
        federation.late().close()
    if federation.call("phase") == DRAWING:
        federation.redraw()


@exploit("bflc", "six of twenty collude: two sit on the committee and stay silent", outcome="held")
@pytest.mark.parametrize("seed", range(40))
def test_silence_gains_no_majority(seed: int) -> None:
    """Two of four are silent in each epoch that they can abandon so. Who scored stays, so they never are three."""
    federation = Federation(hospitals=20, committee=4, wanted=10, merged=6).wait(seed).register()
    for epoch in range(1, 6):
        members = federation.call("committee", epoch)
        honest = set(members) - COLLUDERS
        assert len(honest) >= 2
        silent_epoch(federation, members)
        if not federation.call("best", epoch)[0]:
            assert honest <= set(federation.call("committee", epoch + 1))


@exploit("bflc", "all trainers are silent for ever", outcome="held")
def test_a_committee_without_trainers_makes_room() -> None:
    federation = Federation().register()
    for _ in range(20):
        federation.late().close().redraw()
        if not {"h1", "h2"} & {*federation.call("committee", federation.call("epoch"))}:
            break
    federation.propose(["h1", "h2"]).late().close()
    assert federation.call("updates", federation.call("epoch"))[0] == ("h1", "h2")


@exploit("bflc", "two of four members score an accomplice's update 1 and all others 0", outcome="succeeds")
def test_half_of_an_even_committee_decides_alone() -> None:
    honest, poisoned, lower, _, _ = WINNERS["mean of four, both ways"]
    federation = decided({"honest": honest, "poisoned": poisoned, "c": [0] * 4, "d": [0] * 4}, lower=lower)
    assert federation.call("best", 1)[0] == (federation.trainers[1],)


@exploit("bflc", "two of four members lift an accomplice's update where the lower median counts", outcome="held")
def test_half_of_a_committee_lifts_nothing_under_the_lower_median() -> None:
    honest, poisoned, lower, _, _ = WINNERS["lower of four, one way"]
    federation = decided({"honest": honest, "poisoned": poisoned, "c": [0] * 4, "d": [0] * 4}, lower=lower)
    assert federation.call("best", 1)[0] == (federation.trainers[0],)


@exploit("bflc", "the only member of a small federation's committee lies", outcome="succeeds")
def test_one_of_one_decides_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below ten hospitals the committee is one member."""

    def scores(site: Site, own: dict[str, int], lowest: int, highest: int) -> dict[str, int]:
        return {party: highest if party == VILLAIN else lowest for party in own} if site.name == FOUNDER else own

    monkeypatch.setattr(Site, "scores", scores)
    assert run(1).call("best", 1)[0][0] == VILLAIN


def publishing(value: Any) -> Query:
    """Training after which the villain publishes what `value` makes of its update, or names the id that it makes."""

    def publish(site: Site, memory: Memory, update: Update) -> tuple[str, Memory]:
        if site.name != VILLAIN:
            return site.publish(update, Kind.UPDATE), memory
        made = value(update)
        return made if isinstance(made, str) else site.publish(made, Kind.UPDATE), memory

    return FIT.then(Query("publish", Kind.CONTROL, publish, reply=PUBLISH.form))


UNREADABLE = {
    "a short vector": lambda update: update._replace(weights=update.weights[:-1]),
    "no update at all": lambda update: {"weights": update.weights},
    "of no patients": lambda update: update._replace(samples=0),
    "not a number": lambda update: update._replace(weights=update.weights * np.float32(np.nan)),
    "an id nobody serves": lambda update: content_id(bytes(32)),
}


@exploit("bflc", "a trainer publishes no update of the right form, or names an id nobody serves", outcome="held")
@pytest.mark.parametrize("form", UNREADABLE)
def test_what_cannot_be_read_scores_nothing_and_ends_nothing(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module("bflc"), "TRAIN", publishing(UNREADABLE[form]))
    ours = run(3)
    for epoch in (1, 2, 3):
        trainers, _ = ours.call("updates", epoch)
        assert ours.call("doubledMedian", epoch, trainers.index(VILLAIN)) == 0
        assert VILLAIN not in ours.call("best", epoch)[0]
    assert ours.world.meter.unreadable == {VILLAIN}
    assert not np.array_equal(ours.states[0].weights, ours.states[3].weights)


@pytest.mark.parametrize("form", UNREADABLE)
def test_what_cannot_be_read_is_left_out_where_it_is_merged_all_the_same(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module("bflc"), "TRAIN", publishing(UNREADABLE[form]))
    ours = run(2, updates_merged=5)
    assert VILLAIN in ours.call("best", 1)[0]
    assert all(ours.call("modelOf", epoch) != bytes(32) for epoch in (1, 2))


@exploit("bflc", "a trainer copies an update bit for bit and proposes it first", outcome="succeeds")
def test_a_copy_that_is_proposed_first_robs_its_author() -> None:
    """A content id is taken once an epoch, whose ever it is: the thief is merged and seated, the author is not."""
    author, thief = "h3", "h5"
    federation = Federation().register()
    federation.send(thief, "propose", f"model of {author}")
    with refused("already proposed content"):
        federation.propose([author])
    federation.propose(["h4", "h6"]).score([(member, [0.9, 0.5, 0.4]) for member in federation.members])
    trainers, cids = federation.call("best", 1)
    assert (trainers[0], cids[0]) == (thief, f"model of {author}")
    assert author not in federation.call("updates", 1)[0]
    assert federation.call("committee", 2) == (thief, "h4")


@exploit(
    "bflc",
    "more colluders than wanted - merged answer first with models that every member scores 0",
    outcome="succeeds",
)
def test_what_everybody_scores_0_is_merged_where_too_little_else_came() -> None:
    federation = Federation(hospitals=20, committee=4, wanted=10, merged=6).register()
    honest, bad = federation.trainers[:4], federation.trainers[4:10]
    federation.propose([*bad, *honest]).score([(member, [0] * 6 + [0.9] * 4) for member in federation.members])
    best, _ = federation.call("best", 1)
    assert set(honest) < set(best)
    assert len(set(bad) & set(best)) == len(bad) - (10 - 6)


@exploit("bflc", "a trainer changes one bit of an update that it copies", outcome="succeeds")
def test_one_bit_makes_another_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both the update of another trainer and the villain's copy of it, one bit off, are among those to be scored."""
    victim = next(trainer for trainer in TRAINERS if trainer != VILLAIN)

    def one_bit_off(weights: Any) -> Any:
        bits = weights.view(np.uint32).copy()
        bits[0] ^= 1
        return bits.view(np.float32)

    original = trained_by(victim)
    monkeypatch.setattr(
        module("bflc"), "TRAIN", publishing(lambda _: original._replace(weights=one_bit_off(original.weights)))
    )
    ours = run(1)
    cids = dict(zip(*ours.call("updates", 1), strict=True))
    read = ours.world.read({name: cids[name] for name in (victim, VILLAIN)}, Update)
    differ = read[victim].weights.view(np.uint32) ^ read[VILLAIN].weights.view(np.uint32)
    assert cids[victim] != cids[VILLAIN]
    np.testing.assert_array_equal(read[victim].weights, original.weights)
    assert differ.tolist() == [1, *[0] * (len(differ) - 1)]


def trained_by(name: str) -> Update:
    """What a trainer proposes in the first epoch."""
    ours = run(1)
    cid = dict(zip(*ours.call("updates", 1), strict=True))[name]
    return ours.world.read({name: cid}, Update)[name]


@exploit("bflc", "a trainer claims a million times its patients", outcome="succeeds")
def test_claimed_patients_outweigh_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        module("bflc"), "TRAIN", publishing(lambda update: update._replace(samples=10**6 * update.samples))
    )
    ours = run(1, updates_merged=5)
    trainers, cids = ours.call("updates", 1)
    own = ours.world.read({VILLAIN: dict(zip(trainers, cids, strict=True))[VILLAIN]}, Update)[VILLAIN]
    np.testing.assert_allclose(ours.states[1].weights, own.weights, atol=1e-5)
