"""Attacks on 2CP: what a copy, a stalled round and a lying evaluator get."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from exploits import exploit
from papers import module, preparing
from two_cp_runs import ALICE, COMMITTING, ONE, REVEALING, SALT, A, B, Protocol, consortium

from chainward.methods.commitment import sealed
from chainward.methods.contribution import squared_error
from chainward.strategy import discovery
from chainward.testing import states, varied
from chainward.trials.prepare import Trial
from chainward.world import FIT, Kind, Memory, Query, Reverted, Site, Update

prepared = preparing("two_cp", hospitals=4, rounds=3, patients=60)
CONSORTIUM = {"setting": "consortium"}
BUDGET = {**CONSORTIUM, "budget": 0.1}
BOTH = pytest.mark.parametrize("params", [{}, CONSORTIUM], ids=["crowdsource", "consortium"])
FRIEND = "hospital 2"


def shares(ready: Trial) -> dict[str, float]:
    return dict(ready.strategy.outcomes(states(ready)[-1], ready.world)["share"])


def attacked(kind: str, share: float = 0.25, **others: Any) -> Trial:
    return prepared(attack={"kind": kind, "share": share}, **others)


def of_honest(ready: Trial) -> tuple[list[float], list[float]]:
    """The shares of who attacks, and of all others."""
    found = shares(ready)
    return tuple(  # type: ignore[return-value]
        [share for name, share in found.items() if (name in ready.attackers) == attacks] for attacks in (True, False)
    )


def favouring(params: dict[str, Any], liar: str, **others: Any) -> Trial:
    """A trial where one evaluator gives a friend all that it can, and the others nothing."""
    kind = discovery.load("two_cp")

    class Lying:
        def __init__(self, site: Site) -> None:
            self.site = site

        def __getattr__(self, name: str) -> Any:
            return getattr(self.site, name)

        def scores(self, scores: dict[str, int], lowest: int, highest: int) -> dict[str, int]:
            return {name: highest if name == FRIEND else lowest for name in scores}

    def score(self: Any, site: Site, memory: Memory, task: Any) -> Any:
        return kind.score(self, Lying(site) if site.name == liar else site, memory, task)  # type: ignore[attr-defined]

    return prepared(strategy=varied("two_cp", params, score=score), **others)


@exploit("two_cp", "an evaluator of a run gives a friend all that it can, and the others nothing", outcome="succeeds")
@pytest.mark.parametrize(("params", "liar"), [({}, "evaluator 1"), (CONSORTIUM, "hospital 1")])
def test_a_lying_evaluator_makes_its_friend_the_owner(params: dict[str, Any], liar: str) -> None:
    """A quarter of the model is nearly all of it: an update that took off 0.01 is worth 1."""
    honest = shares(prepared(params=params))[FRIEND]
    favoured = shares(favouring(params, liar))[FRIEND]
    assert honest < 0.4
    assert favoured > 0.8


@exploit("two_cp", "with a budget a run, one evaluator of four gives all of it to a friend", outcome="held")
def test_with_a_budget_a_liar_moves_no_more_than_that_a_round() -> None:
    """All train as before and the other runs pay as before, so all that differs is what the liar's run hands out."""
    honest, favoured = ([s.tokens for s in states(r)] for r in (prepared(rounds=6, params=BUDGET), lying(6)))
    budget, moved = round(BUDGET["budget"] * ONE), []
    for (before, after), (before_honest, after_honest) in zip(pairwise(favoured), pairwise(honest), strict=True):
        more = {name: after[name] - before[name] - after_honest[name] + before_honest[name] for name in after}
        moved.append(more[FRIEND])
        assert all(-budget <= tokens <= 0 for name, tokens in more.items() if name != FRIEND)
        assert sum(after.values()) - sum(before.values()) <= 4 * budget
    assert budget / 3 < max(moved) <= budget


def lying(rounds: int) -> Trial:
    return favouring(BUDGET, "hospital 1", rounds=rounds)


@exploit("two_cp", "two evaluators of four credit each other and nobody else", outcome="succeeds")
@pytest.mark.parametrize(("params", "least"), [(CONSORTIUM, 0.95), (BUDGET, 0.75)], ids=["as published", "budget"])
def test_half_of_the_evaluators_own_the_model(params: dict[str, Any], least: float) -> None:
    liars, honest = of_honest(attacked("false_score", 0.5, params=params))
    assert sum(liars) > least
    assert max(honest) < min(liars)


@exploit("two_cp", "an evaluator hands out more than its budget", outcome="held")
def test_the_contract_keeps_to_the_budget() -> None:
    protocol = Protocol(budget=ONE // 2).play({"a": A, "b": B})
    with pytest.raises(Reverted, match="more than the budget"):
        protocol.score(ALICE, {A: ONE // 2, B: 1})
    assert protocol.call("countTokens", "a") == 0


@exploit("two_cp", "an update with bytes that were revealed before stops its sender's other updates", outcome="held")
def test_bytes_that_were_revealed_before_hold_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hospitals publish one model in each round and run; the others earn as if they had not come."""

    def same(site: Site, memory: Memory, update: Update) -> tuple[Update, Memory]:
        copied = Update(np.zeros_like(update.weights), 1, 0.0)
        return (copied if site.name in ("hospital 1", "hospital 3") else update), memory

    monkeypatch.setattr(module("two_cp"), "FIT", FIT.then(Query("same", Kind.UPDATE, same, reply=Update)))
    ready = prepared(params=CONSORTIUM)
    *_, last = states(ready)
    contract = ready.world.at(last.contract)
    assert set(contract.call("rounds")) == {4}
    assert contract.call("updates", 0, 3)[0] == ("hospital 2", "hospital 4")
    assert min(last.tokens["hospital 2"], last.tokens["hospital 4"]) > 0


@exploit("two_cp", "a trainer reveals what another revealed before it in this round", outcome="held")
def test_a_copied_update_earns_nothing() -> None:
    protocol = Protocol().commit("a", A).commit("b", A).reveal("a", A).reveal("b", A).score(ALICE, {A: 7})
    assert [protocol.call("countTokens", name) for name in "ab"] == [7, 0]
    assert protocol.call("rounds") == (2,)


@exploit("two_cp", "a trainer copies another's commitment, and later its salt and content id", outcome="held")
def test_a_copied_commitment_cannot_be_opened() -> None:
    protocol = Protocol()
    seal = sealed(protocol.call("domains", "a")[0], SALT, A)
    protocol.send("b", "commit", [0], [seal])
    protocol.send("a", "commit", [0], [seal])
    with pytest.raises(Reverted, match="commitment not opened"):
        protocol.reveal("b", A)
    assert protocol.reveal("a", A).late().late().close().call("updates", 0, 1) == (("a",), (A,))


@exploit("two_cp", "a trainer begins a round of every run it trains and falls silent", outcome="held")
def test_no_round_waits_for_who_is_silent() -> None:
    protocol = consortium("abc")
    for run in (0, 2, 3):
        protocol.commit("a", A, run)
    for _ in (COMMITTING, REVEALING):
        protocol.late().close()
    assert protocol.call("rounds") == (2, 1, 2, 2)
    assert protocol.play({"b": B}).call("updates", 0, 2) == (("b",), (B,))


@exploit("two_cp", "a hospital returns the global model that it received", outcome="held")
@BOTH
def test_a_free_rider_earns_nothing(params: dict[str, str]) -> None:
    ((idle,), others) = of_honest(attacked("free_rider", params=params))
    assert idle < 1e-6 < min(others)


@exploit("two_cp", "a hospital of a consortium publishes what it read as an evaluator before", outcome="succeeds")
def test_what_an_evaluator_read_earns_it_tokens_in_other_runs() -> None:
    (copier,), others = of_honest(attacked("copy", params=CONSORTIUM))
    assert 0.3 * min(others) < copier < max(others)


def copying(params: dict[str, str], copier: str, monkeypatch: pytest.MonkeyPatch, **others: Any) -> Trial:
    """A hospital trains nothing from the second round on: in each run it names the best update of the last round.

    It finds them all by the content ids on chain, tries them on its own patients, and changes one number by one ulp.
    """
    kind, revealed = discovery.load("two_cp"), list[dict[str, str]]()

    def copy(site: Site, memory: Memory, update: Update) -> tuple[Update, Memory]:
        if site.name != copier or not revealed:
            return update, memory
        models = np.stack([read.weights for read in site.read(revealed.pop(0), Update).values()])
        errors = squared_error(site.train.labels, site.predict(models, site.train.features))
        weights = models[int(np.argmin(errors))].copy()
        weights[0] = np.nextafter(weights[0], np.float32(np.inf))
        return update._replace(weights=weights), memory

    def score(self: Any, state: Any, updates: Any, chain: Any, world: Any) -> None:
        own = [named for named, evaluator in zip(updates, state.evaluators, strict=True) if evaluator != copier]
        revealed[:] = [{name: cid for name, cid in named.items() if name != copier} for named in own]
        kind._score(self, state, updates, chain, world)  # type: ignore[attr-defined]

    monkeypatch.setattr(module("two_cp"), "FIT", FIT.then(Query("copy", Kind.UPDATE, copy, reply=Update)))
    return prepared(strategy=varied("two_cp", params, _score=score), **others)


@exploit(
    "two_cp",
    "a trainer publishes another's update of the last round, one number changed by one ulp",
    outcome="succeeds",
)
@BOTH
def test_a_copy_of_the_last_round_is_paid(params: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what the rounds after the first paid, a fair part of which is a quarter."""
    copier = "hospital 1"
    _, first, *_, last = states(copying(params, copier, monkeypatch))
    earned = {name: last.tokens[name] - first.tokens[name] for name in last.tokens}
    assert min(earned.values()) > 0
    assert earned[copier] > sum(earned.values()) / 4 / 4


@exploit("two_cp", "a hospital of six sends what cannot be read, on any occasion", outcome="held")
@BOTH
@pytest.mark.parametrize("form", ["", "short", "unserved", "mismatched", "nan", "huge"])
def test_what_cannot_be_read_earns_nothing_and_ends_no_trial(params: dict[str, str], form: str) -> None:
    attack = {"kind": "malformed", "share": 0.17, "form": form, "strength": 0.7 if form else 1.0}
    ready = prepared(hospitals=6, params=params, attack=attack)
    (odd,), others = of_honest(ready)
    assert odd < min(others)
    assert ready.world.meter.unreadable <= set(ready.attackers)


@exploit("two_cp", "a hospital of six is silent", outcome="held")
@BOTH
@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_who_is_silent_earns_less_and_ends_no_trial(params: dict[str, str], strength: float) -> None:
    attack = {"kind": "silent", "share": 0.17, "strength": strength}
    ready = prepared(hospitals=6, params=params, attack=attack)
    (silent,), others = of_honest(ready)
    assert silent < min(others)
    assert ready.world.meter.missing <= set(ready.attackers)
