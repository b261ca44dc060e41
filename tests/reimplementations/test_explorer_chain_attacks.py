"""What a dishonest site tries on ExplorerChain, and what comes of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exploits import exploit
from papers import module, once
from test_explorer_chain_contract import NEXT, PASSED, WORTHLESS, Board, evaluated
from test_explorer_chain_contract import A as FIRST_SITE
from test_explorer_chain_contract import B as SECOND_SITE
from test_explorer_chain_contract import C as THIRD_SITE
from test_explorer_chain_protocol import (
    CONSENSUS,
    EVALUATE,
    INITIALIZE,
    KEY,
    D,
    posts,
    prepared,
    route_of,
    story,
)

from chainward.methods.content import content_id
from chainward.strategy import discovery
from chainward.testing import states
from chainward.world import Kind, Reverted, Site

ONE = 1_000_000
usual = once(prepared)


def lying(monkeypatch, villain):
    """The villain says of itself what it likes best: to err least at first, most thereafter."""
    honest = Site.scores

    def scores(site, own, lowest, highest):
        return dict.fromkeys(own, highest) if site.name == villain else honest(site, own, lowest, highest)

    monkeypatch.setattr(Site, "scores", scores)


def training(monkeypatch, villain, first=None, later=None):
    """The villain's first model and later updates are posted as `first` and `later` make them: error and content id."""
    honest = discovery.load(KEY)._train

    def train(self, site, memory, arriving):
        posted, kept = honest(self, site, memory, arriving)
        if site.name != villain:
            return posted, kept
        if arriving is None:
            posted = first(posted) if first else posted
            return posted, {"own": posted}
        return (later(site) if later and arriving else posted), kept

    monkeypatch.setattr(discovery.load(KEY), "_train", train)


def bad_first(posted):
    """A first error with which nobody starts, whatever lie was told."""
    return 499_000, posted[1]


def sure_and_wrong(site):
    """A model so sure of the opposite that no other site's patients move it."""
    size = site.train.features.shape[1] + 1
    direction = np.append(0.0, (site.train.labels - 0.5) @ site.train.features)
    model = {"mean": -direction / np.linalg.norm(direction), "covariance": np.eye(size) * 1e-12}
    return site.publish(model, Kind.UPDATE)


def without(villain):
    """What the others agree on where the villain never was."""
    return states(prepared(faults={"absent": {villain: []}}))[-1].model


def same(found, expected):
    for name in ("mean", "covariance"):
        np.testing.assert_array_equal(found[name], expected[name])


def expelled(board):
    """Who had to leave, by the events on the chain of a trial or a board."""
    ledger = board.ledger if isinstance(board, Board) else board.world.ledger
    return [values["site"] for one in ledger.receipts for name, values in one.events if name == "Expelled"]


def outsider_of(ready):
    """A site that the model does not start at."""
    return next(site.name for site in ready.dataset.hospitals if site.name != route_of(ready)[0])


@exploit(KEY, "a site claims the largest error, gets the model, poisons it and says that nobody can err more", "held")
def test_a_poisoned_consensus_begins_anew_without_its_maker(monkeypatch):
    villain = outsider_of(usual()[0])
    lying(monkeypatch, villain)
    training(monkeypatch, villain, bad_first, lambda site: (ONE, sure_and_wrong(site)))
    ready = prepared()
    found = states(ready)
    assert expelled(ready) == [villain]
    assert found[-1].agreed
    same(found[-1].model, without(villain))


@exploit(KEY, "a poisoner says that it errs little, and an honest site learns from the poison", "held")
def test_who_learned_from_poison_is_not_blamed(monkeypatch):
    villain = outsider_of(usual()[0])
    lying(monkeypatch, villain)
    training(monkeypatch, villain, bad_first, lambda site: (0, sure_and_wrong(site)))
    ready = prepared()
    found = states(ready)
    assert expelled(ready) == [villain]
    same(found[-1].model, without(villain))


@exploit(KEY, "a poisoner among three or four sites says afterwards that the model is fine", "held")
@pytest.mark.parametrize("hospitals", [3, 4])
def test_a_poisoner_does_not_acquit_itself(hospitals, monkeypatch):
    honest = prepared(hospitals=hospitals)
    honest.strategy.open(honest.world)
    villain, poisoned = outsider_of(honest), []
    largest = Site.scores

    def scores(site, own, lowest, highest):
        wished = 0 if poisoned else highest
        return dict.fromkeys(own, wished) if site.name == villain else largest(site, own, lowest, highest)

    monkeypatch.setattr(Site, "scores", scores)
    training(monkeypatch, villain, bad_first, lambda site: poisoned.append(site) or (0, sure_and_wrong(site)))
    ready = prepared(hospitals=hospitals)
    found = states(ready)
    assert expelled(ready) == [villain]
    same(found[-1].model, states(prepared(hospitals=hospitals, faults={"absent": {villain: []}}))[-1].model)


POISONED = [*PASSED, (THIRD_SITE, "update", 2, 0, b"!" * 32)]
SUSPECTED = [*POISONED, *evaluated(2, a=900_000, b=950_000), NEXT]
TAUGHT = [*SUSPECTED, (SECOND_SITE, "update", 3, 850_000, b"2" * 32)]


@exploit(KEY, "a poisoner among three or four sites says afterwards that the model is fine", "held")
@pytest.mark.parametrize("plea", [(THIRD_SITE, "evaluate", 3, 0), (THIRD_SITE, "unreadable", 3)])
def test_nobody_who_learned_from_poison_is_suspected_in_its_maker_s_place(plea):
    board = Board(omega=6).do(*TAUGHT, (FIRST_SITE, "evaluate", 3, 890_000), plea, NEXT)
    assert board.call("suspect") == THIRD_SITE
    board.do((FIRST_SITE, "update", 4, 880_000, b"3" * 32), (SECOND_SITE, "evaluate", 4, 850_000))
    board.do((THIRD_SITE, "evaluate", 4, 880_000), NEXT)
    assert expelled(board) == [THIRD_SITE]


@exploit(KEY, "a suspect hopes that those who would find the model worthless are late", "held")
@pytest.mark.parametrize("plea", [(THIRD_SITE, "evaluate", 3, 0), (THIRD_SITE, "unreadable", 3), None])
def test_silence_does_not_clear_a_suspect(plea):
    board = Board().do(*TAUGHT, *([plea] if plea else []), (THIRD_SITE, "wait", 2), NEXT)
    assert expelled(board) == [THIRD_SITE]


@exploit(KEY, "a poisoner strikes while one of the two other sites is late", "succeeds")
def test_of_three_sites_with_one_late_there_is_no_majority():
    board = Board(omega=3).do(*POISONED, *evaluated(2, a=900_000), (FIRST_SITE, "wait", 2), NEXT)
    board.do((FIRST_SITE, "update", 3, 900_000, b"3" * 32), *evaluated(3, b=900_000, c=0), NEXT)
    assert (board.call("phase"), board.call("model"), expelled(board)) == (CONSENSUS, b"3" * 32, [])


@exploit(KEY, "a poison that no majority found worthless at once is blamed on who learned from it", "succeeds")
@pytest.mark.parametrize("lukewarm", [evaluated(2, b=WORTHLESS - 1), [(FIRST_SITE, "wait", 2)]], ids=["half", "late"])
def test_who_learns_before_there_is_a_majority_takes_the_blame(lukewarm):
    board = Board().do(*POISONED, *evaluated(2, a=900_000), *lukewarm, NEXT)
    board.do((FIRST_SITE, "update", 3, 900_000, b"3" * 32), *evaluated(3, b=900_000, c=900_000), NEXT)
    assert expelled(board) == [FIRST_SITE]


TWO = [(FIRST_SITE, "clear"), (SECOND_SITE, "clear"), NEXT]
TWO += [(FIRST_SITE, "initialize", 100, b"m" * 32), (SECOND_SITE, "initialize", 200, b"n" * 32), NEXT]
TWO += [(FIRST_SITE, "update", 1, 100, b"m" * 32)]


@exploit(KEY, "one of two sites poisons the model", "succeeds")
def test_of_two_sites_neither_undoes_a_poison():
    board = Board((FIRST_SITE, SECOND_SITE), omega=2).do(*TWO, (SECOND_SITE, "evaluate", 1, ONE), NEXT)
    board.do((SECOND_SITE, "update", 2, 0, b"!" * 32), (FIRST_SITE, "evaluate", 2, ONE), NEXT)
    assert (board.call("phase"), board.call("model")) == (CONSENSUS, b"!" * 32)


@exploit(KEY, "one of two sites says that the other's good model is worthless", "held")
def test_of_two_sites_neither_expels_the_other():
    board = Board((FIRST_SITE, SECOND_SITE), omega=1).do(*TWO, (SECOND_SITE, "evaluate", 1, ONE), NEXT)
    assert (board.call("phase"), board.call("siteCount"), expelled(board)) == (CONSENSUS, 2, [])


@exploit(KEY, "the only evaluator in time says that a good model is unreadable", "succeeds")
def test_one_alone_has_an_update_passed_over_but_nobody_expelled():
    board = Board((FIRST_SITE, SECOND_SITE)).do(*TWO, (SECOND_SITE, "unreadable", 1), NEXT)
    assert (board.call("holder"), board.call("model"), board.call("siteCount")) == (SECOND_SITE, b"n" * 32, 2)


@exploit(KEY, "the holder publishes an unreadable model while all but one evaluator are late", "held")
def test_what_the_only_evaluator_cannot_read_is_no_consensus():
    board = Board().do(*POISONED, (FIRST_SITE, "unreadable", 2), (FIRST_SITE, "wait", 2), NEXT)
    missing = Board().do(*PASSED, (FIRST_SITE, "wait", 6), NEXT)
    state = ("phase", "holder", "iteration", "model", "errorE6")
    assert [board.call(name) for name in state] == [missing.call(name) for name in state]


@exploit(KEY, "the holder of iteration Omega, which nobody would look at, poisons the model", "held")
def test_the_last_update_is_looked_at_too():
    board = Board(omega=2).do(*POISONED, *evaluated(2, a=WORTHLESS, b=WORTHLESS), NEXT)
    assert board.call("phase") == 0
    board.do((FIRST_SITE, "clear"), (SECOND_SITE, "clear"))


@exploit(KEY, "a poisoner stays better than a coin at half of the sites", "succeeds")
def test_what_is_better_than_a_coin_stands():
    poisoned = [*PASSED, (THIRD_SITE, "update", 2, ONE, b"!" * 32)]
    board = Board().do(*poisoned, *evaluated(2, a=WORTHLESS - 1, b=ONE), NEXT)
    assert (board.call("phase"), board.call("model")) == (CONSENSUS, b"!" * 32)


@exploit(KEY, "half of the others say that a good model is unreadable, or worthless", "held")
@pytest.mark.parametrize("lie", [(SECOND_SITE, "unreadable", 2), (SECOND_SITE, "evaluate", 2, ONE)])
def test_half_do_not_undo_an_update(lie):
    board = Board().do(*PASSED, (THIRD_SITE, "update", 2, 50, b"!" * 32), (FIRST_SITE, "evaluate", 2, 40), lie, NEXT)
    assert board.call("model") == b"!" * 32
    assert board.call("siteCount") == 3


@exploit(KEY, "a site claims the least error and starts with its model", "succeeds")
def test_who_claims_to_err_least_starts(monkeypatch):
    honest = prepared(hospitals=5, patients=40)
    honest.strategy.open(honest.world)
    villain = max(posts(honest, INITIALIZE), key=lambda post: post["errorE6"])["from"]
    lying(monkeypatch, villain)
    ready = prepared(hospitals=5, patients=40)
    ready.strategy.open(ready.world)
    assert route_of(ready) == [villain] != route_of(honest)


@exploit(KEY, "a site claims the largest error and gets the model", "succeeds")
def test_who_claims_to_err_most_is_next(monkeypatch):
    villain = outsider_of(usual()[0])
    training(monkeypatch, villain, bad_first)
    lying(monkeypatch, villain)
    ready = prepared()
    found = states(ready)
    assert route_of(ready)[1] == villain
    told = [post["errorE6"] for post in posts(ready, EVALUATE) if post["from"] == villain]
    assert told == [ONE]
    assert found[-1].agreed  # as it says to err most as a holder, too, nobody goes on
    assert story(ready)[-1][1] == CONSENSUS
    assert len(route_of(ready)) == 2


SIZE = 11
UNREADABLE = {
    "three coefficients": {"mean": np.zeros(3), "covariance": np.eye(3)},
    "numbers that are none": {"mean": np.full(SIZE, np.nan), "covariance": np.eye(SIZE)},
    "float32": {"mean": np.zeros(SIZE, np.float32), "covariance": np.eye(SIZE)},
    "numbers without measure": {"mean": np.full(SIZE, 1e12), "covariance": np.eye(SIZE)},
    "a negative variance": {"mean": np.zeros(SIZE), "covariance": -np.eye(SIZE)},
    "a covariance that is not symmetric": {"mean": np.zeros(SIZE), "covariance": np.triu(np.ones((SIZE, SIZE)))},
    "no mean": {"covariance": np.eye(SIZE)},
    "no model": "?",
    "an id nobody serves": None,
}


@exploit(KEY, "the holder publishes no model of the right form, or names an id nobody serves", "held")
@pytest.mark.parametrize("form", UNREADABLE)
def test_who_cannot_be_read_is_as_a_missing_holder(form, monkeypatch):
    villain = route_of(usual()[0])[1]
    value = UNREADABLE[form]

    def publish(site):
        return 0, content_id(bytes(32)) if value is None else site.publish(value, Kind.UPDATE)

    training(monkeypatch, villain, later=publish)
    ready = prepared()
    found = states(ready)
    missing = prepared(faults={"absent": {villain: [2]}})
    states(missing)
    assert route_of(ready)[:3] == route_of(missing)[:3]
    assert found[-1].agreed
    assert all(len(state.model["mean"]) == SIZE for state in found)


@exploit(KEY, "a site does not answer, or later than the five seconds in which others evaluate", "held")
@pytest.mark.parametrize("faults", [{"absent": {D: [1, 2, 3]}}, {"delay": {D: 30.0}}], ids=["absent", "late"])
def test_an_evaluator_that_is_missing_is_waited_for_five_seconds(faults):
    ready = prepared(faults=faults)
    state = ready.strategy.open(ready.world)
    assert route_of(ready)[0] != D
    ready.world.begin(1)
    started = ready.world.clock.now
    ready.strategy.round(state, ready.world)
    assert D not in [post["from"] for post in posts(ready, EVALUATE)]
    assert ready.world.clock.now - started < 30.0


@exploit(KEY, "all who cleared fall silent for ever", "held")
def test_the_others_begin_without_who_vanished():
    clear = [(site, "clear") for site in (FIRST_SITE, SECOND_SITE)]
    board = Board().do(*clear, (FIRST_SITE, "wait", 6), NEXT, (FIRST_SITE, "wait", 6), NEXT)
    board.do((THIRD_SITE, "clear"), (FIRST_SITE, "wait", 6), NEXT, (THIRD_SITE, "initialize", 1, b"!" * 32))
    board.do((FIRST_SITE, "wait", 6), NEXT)
    assert board.call("holder") == THIRD_SITE


@exploit(KEY, "a site votes twice, votes on its own model or posts the holder's update", "held")
@pytest.mark.parametrize(
    ("forged", "refusal"),
    [
        ((FIRST_SITE, "evaluate", 2, 0), "already posted"),
        ((FIRST_SITE, "unreadable", 2), "already posted"),
        ((THIRD_SITE, "evaluate", 2, 0), "the holder made the model"),
        ((THIRD_SITE, "unreadable", 2), "the holder made the model"),
    ],
)
def test_a_site_speaks_once_and_for_itself(forged, refusal):
    board = Board().do(*POISONED, *evaluated(2, a=WORTHLESS))
    with pytest.raises(Reverted, match=refusal):
        board.do(forged)


@exploit(KEY, "a site votes twice, votes on its own model or posts the holder's update", "held")
def test_nobody_posts_the_holder_s_update():
    with pytest.raises(Reverted, match="not the holder"):
        Board().do(*PASSED, (FIRST_SITE, "update", 2, 0, b"?" * 32))


@pytest.mark.parametrize("told", [10**9, 5])
def test_no_site_of_two_says_how_many_coefficients_there_are(told, monkeypatch):
    """The task does: the first of two who is asked could end every trial with a number of its own."""
    paper = module(KEY)
    honest = paper.CLEAR.local

    def clear(site, memory, payload):
        return (told, {}) if site.name == "hospital 1" else honest(site, memory, payload)

    monkeypatch.setattr(paper, "CLEAR", replace(paper.CLEAR, local=clear))
    ready = prepared(hospitals=2)
    (*_, last) = states(ready)
    assert len(last.model["mean"]) == ready.world.network.features + 1
