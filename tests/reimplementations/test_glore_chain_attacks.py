"""What a dishonest site tries on GloreChain, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from exploits import exploit
from papers import module, once
from test_glore_chain_contract import (
    AGREED,
    CONSENSUS,
    LATE,
    NEXT,
    POSTED,
    TAKEN,
    TRANSFER,
    UPDATE,
    Board,
    checks,
    sums,
)
from test_glore_chain_contract import A as FIRST
from test_glore_chain_contract import B as SECOND
from test_glore_chain_protocol import KEY, A, B, D, events, prepared, servers, without

from chainward.methods import newton
from chainward.methods.content import content_id
from chainward.strategy import discovery
from chainward.testing import refused, states
from chainward.world import Kind, Site

usual = once(prepared)


@pytest.fixture(autouse=True)
def _honest_first() -> None:
    """The trial to compare with, before anybody is made to lie."""
    usual()


def serving(monkeypatch: pytest.MonkeyPatch, villain: str, make: Callable[[Any, Site], Any]) -> None:
    """The villain's step, when it is server, is what `make` makes of the honest one and its convergence."""

    def transfer(self: Any, site: Site, memory: Any, task: Any) -> tuple[Any, Any]:
        found = self._step(site, task)
        return (make(found, site) if site.name == villain else _published(site, found)), memory

    monkeypatch.setattr(discovery.load(KEY), "_transfer", transfer)


def _published(site: Site, found: tuple[Any, bool]) -> tuple[str, bool]:
    return site.publish(found[0], Kind.AGGREGATE), found[1]


def posting(monkeypatch: pytest.MonkeyPatch, villain: str, make: Callable[[Any], Any]) -> None:
    """The villain posts in place of its sums what `make` makes of them; None is an id nobody serves."""
    honest = discovery.load(KEY)._update

    def update(self: Any, site: Site, memory: Any, newest: Any) -> tuple[Any, Any]:
        if site.name != villain:
            return honest(self, site, memory, newest)
        size = site.train.features.shape[1] + 1
        before = next(iter(site.read(newest, newton.form_of_coefficients(size)).values()), np.zeros(size))
        made = make(newton.statistics(site.train.features, site.train.labels, before))
        return (content_id(bytes(32)) if made is None else site.publish(made, Kind.UPDATE)), memory

    monkeypatch.setattr(discovery.load(KEY), "_update", update)


def same(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, atol=1e-9, rtol=0)


@exploit(KEY, "a site posts sums that its patients do not have", "succeeds")
def test_one_lying_site_moves_the_model_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    posting(monkeypatch, D, lambda found: found._replace(gradient=-9 * found.gradient)._asdict())
    ready = prepared()
    (*_, last) = states(ready)
    honest = usual()[1][-1].model
    assert events(ready, "PassedOver") == []
    assert np.abs(last.model - honest).max() > 0.5


@exploit(KEY, "a site reads the sums of all others before it posts its own", "succeeds")
def test_who_posts_last_chooses_the_model_and_has_it_converge() -> None:
    """Its curvature may be true: the gradient alone does it, in one step, and in the next nothing moves any more."""
    sites = [site.train for site in usual()[0].dataset.hospitals]
    size = sites[0].features.shape[1] + 1
    chosen, beta = np.linspace(-5.0, 5.0, size), np.zeros(size)
    for step in range(2):
        *others, own = (newton.statistics(rows.features, rows.labels, beta) for rows in sites)
        curvature, gradient = newton.total([*others, own]).curvature, newton.total(others).gradient
        lie = own._replace(gradient=(curvature + 1e-7 * np.eye(size)) @ (chosen - beta) - gradient)
        after = newton.step(beta, newton.total([*others, newton.checked(lie._asdict(), size)]))
        same(after, chosen)
        assert newton.settled(beta, after) == (step == 1)
        beta = after


@exploit(KEY, "a site posts the sums of another one once more", "succeeds")
def test_who_copies_the_sums_of_another_counts_its_patients_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    honest, published = discovery.load(KEY)._update, {}

    def update(self: Any, site: Site, memory: Any, newest: Any) -> tuple[Any, Any]:
        cid, kept = honest(self, site, memory, newest)
        published[site.name] = cid
        return (published[A] if site.name == D else cid), kept

    monkeypatch.setattr(discovery.load(KEY), "_update", update)
    ready = prepared()
    (*_, last) = states(ready)
    rows = [ready.dataset.hospitals[place].train for place in (0, 1, 2, 0)]
    x, y = (np.concatenate([getattr(one, part) for one in rows]) for part in ("features", "labels"))
    same(last.model, newton.maximum_likelihood(x, y).coefficients)


@exploit(KEY, "anybody reads in a site's first sums how many of its patients have what", "succeeds")
def test_the_first_sums_are_counts_of_patients() -> None:
    """At beta = 0 D_k is X'X / 4 and E_k is X'y - X'1 / 2: tables of any two covariates, and of each with the label."""
    rng = np.random.default_rng(0)
    x, y = (rng.random((40, 3)) < 0.3).astype(float), (rng.random(40) < 0.5).astype(float)
    curvature, gradient = newton.statistics(x, y, np.zeros(4))
    both = np.array([[np.sum((x[:, i] == 1) & (x[:, j] == 1)) for j in range(3)] for i in range(3)])
    assert (4 * curvature)[1:, 1:].tolist() == both.tolist()
    assert (4 * curvature)[0].tolist() == [40, *x.sum(axis=0)]
    assert (gradient + 2 * curvature[0]).tolist() == [y.sum(), *(x * y[:, None]).sum(axis=0)]


@exploit(KEY, "anybody reads the record of a site's only patient in its first sums", "succeeds")
def test_the_sums_over_one_patient_are_its_record() -> None:
    x, y = np.array([[63.0, 1.0, -0.4]]), np.array([1.0])
    curvature, gradient = newton.statistics(x, y, np.zeros(4))
    assert (curvature[0] / curvature[0, 0]).tolist() == [1.0, *x[0]]
    assert gradient[0] + 0.5 == y[0]


@exploit(KEY, "a server publishes other coefficients than the step gives", "held")
@pytest.mark.parametrize("by", [1e-6, 1e-3, 1.0, 1e6])
def test_a_wrong_step_is_noticed_and_its_server_passed_over(by: float, monkeypatch: pytest.MonkeyPatch) -> None:
    serving(monkeypatch, B, lambda found, site: _published(site, (found[0] + by, found[1])))
    ready = prepared()
    found = states(ready)
    assert {event["server"] for event in events(ready, "PassedOver")} == {B}
    assert (found[-1].served[B], found[-1].converged) == (0, True)
    same(found[-1].model, usual()[1][-1].model)


@exploit(KEY, "a server says that learning has ended, or that it has not", "held")
def test_a_wrong_end_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    serving(monkeypatch, B, lambda found, site: _published(site, (found[0], not found[1])))
    ready = prepared()
    found = states(ready)
    assert {event["server"] for event in events(ready, "PassedOver")} == {B}
    same(found[-1].model, usual()[1][-1].model)


UNREADABLE = {
    "three coefficients": np.zeros(3),
    "numbers that are none": np.full(11, np.nan),
    "float32": np.zeros(11, np.float32),
    "numbers without measure": np.full(11, 1e12),
    "no coefficients": "?",
    "an id nobody serves": None,
}


@exploit(KEY, "a server publishes no coefficients of the right form, or names an id nobody serves", "held")
@pytest.mark.parametrize("form", UNREADABLE)
def test_a_step_that_nobody_can_read_is_a_wrong_one(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value = UNREADABLE[form]
    unserved = content_id(bytes(32))
    serving(
        monkeypatch, A, lambda found, site: (unserved if value is None else site.publish(value, Kind.AGGREGATE), False)
    )
    ready = prepared()
    found = states(ready)
    assert events(ready, "PassedOver")[0]["server"] == A
    assert servers(ready)[1] == B
    same(found[-1].model, usual()[1][-1].model)


SPOILED: dict[str, Callable[[Any], Any]] = {
    "of another size": lambda found: {"curvature": found.curvature[1:, 1:], "gradient": found.gradient[1:]},
    "not numbers": lambda found: {"curvature": found.curvature * np.nan, "gradient": found.gradient},
    "not symmetric": lambda found: {"curvature": np.triu(found.curvature), "gradient": found.gradient},
    "negative": lambda found: {"curvature": -found.curvature, "gradient": found.gradient},
    "negative beside much": lambda found: {**found._asdict(), "curvature": np.diag([-1.0, 1e15, *[1.0] * 9])},
    "infinite": lambda found: {"curvature": found.curvature, "gradient": found.gradient / 0.0},
    "a text": lambda _: "?",
    "served by nobody": lambda _: None,
}


@exploit(KEY, "a site posts sums of another form, which no patients have or which nobody serves", "held")
@pytest.mark.filterwarnings("ignore:.*divide by zero:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("form", SPOILED)
def test_sums_that_cannot_be_read_are_left_out_by_all(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    posting(monkeypatch, D, SPOILED[form])
    ready = prepared()
    found = states(ready)
    assert events(ready, "PassedOver") == []
    assert found[-1].converged
    same(found[-1].model, without(ready, D))


@exploit(KEY, "a site posts sums of another form, which no patients have or which nobody serves", "held")
@pytest.mark.parametrize("told", [10**9, 5])
def test_no_site_of_two_says_how_many_coefficients_there_are(told: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The task does: the first of two who is asked could end every trial with a number of its own."""
    honest, owner = module(KEY)._initialize, module(KEY)

    def initialize(site: Site, memory: Any, payload: Any) -> tuple[Any, Any]:
        return (told, {}) if site.name == A else honest(site, memory, payload)

    monkeypatch.setattr(owner, "INITIALIZE", replace(owner.INITIALIZE, local=initialize))
    ready = prepared(params={}, task_params={"hospitals": 2, "patients": 40})
    (*_, last) = states(ready)
    assert last.converged
    assert len(last.model) == ready.world.network.features + 1


@exploit(KEY, "a site posts a curvature of nothing and an endless gradient", "held")
@pytest.mark.parametrize("gradient", [1e3, 1e14])
def test_a_model_driven_out_of_bounds_stays_finite_and_the_trial_ends(
    gradient: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    posting(monkeypatch, D, lambda found: {"curvature": 0 * found.curvature, "gradient": 0 * found.gradient + gradient})
    (*_, last) = states(prepared())
    assert last.agreed
    assert np.abs(last.model).max() <= newton.FARTHEST


@exploit(KEY, "one of several who check says that right steps are wrong", "held")
def test_one_who_finds_every_step_wrong_is_outvoted(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Site.scores
    lie = lambda site, own, low, high: dict.fromkeys(own, low) if site.name == D else honest(site, own, low, high)  # noqa: E731
    monkeypatch.setattr(Site, "scores", lie)
    ready = prepared()
    (*_, last) = states(ready)
    assert {event["site"] for event in events(ready, "Checked") if not event["right"]} == {D}
    assert events(ready, "PassedOver") == []
    np.testing.assert_array_equal(last.model, usual()[1][-1].model)


@exploit(KEY, "more than half of those who check say that right steps are wrong", "succeeds")
def test_a_majority_of_liars_ends_learning_with_what_stands() -> None:
    board = Board().do(*AGREED, *sums(1), NEXT)
    for turn, server in ((1, "b"), (2, "c"), (3, "a")):
        lies = dict.fromkeys([site for site in "abc" if site != server], False)
        board.do((server, "transfer", turn, b"!" * 32, False), *checks(turn, **lies), NEXT)
    assert board.of("phase", "model") == (CONSENSUS, b"m" * 32)


@exploit(KEY, "a server's accomplices, half of those who check, say that its wrong step is right", "succeeds")
def test_half_is_no_majority_against_a_wrong_step() -> None:
    board = Board().do(*TAKEN, *checks(0, b=True, c=False), NEXT)
    assert board.of("phase", "model") == (UPDATE, b"m" * 32)


@exploit(KEY, "of two sites one finds every step of the other wrong", "succeeds")
def test_of_two_sites_either_ends_learning_and_neither_moves_the_model_alone() -> None:
    board = Board((FIRST, SECOND)).do(
        (FIRST, "initialize"), (SECOND, "initialize"), NEXT, *sums(0, FIRST, SECOND), NEXT
    )
    board.do((FIRST, "transfer", 0, b"m" * 32, False), *checks(0, b=False), NEXT)
    board.do((SECOND, "transfer", 1, b"!" * 32, False), *checks(1, a=False), NEXT)
    assert board.of("phase", "model") == (CONSENSUS, bytes(32))


@exploit(KEY, "a server is silent for ever", "held")
def test_a_server_that_never_comes_is_passed_over_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ready = prepared(attack={"kind": "silent", "share": 0.25, "strength": 1.0})
    (*_, last) = states(ready)
    (villain,) = ready.world.engine.sites.attackers
    assert last.served[villain] == 0
    assert villain in {event["server"] for event in events(ready, "PassedOver")}
    same(last.model, without(ready, villain))


@exploit(KEY, "a wrong step is taken while all who would check it are late", "succeeds")
def test_what_nobody_checks_in_time_stands() -> None:
    assert Board().do(*TAKEN, LATE, NEXT).of("phase", "model") == (UPDATE, b"m" * 32)


@exploit(KEY, "a site posts its sums and never checks a step", "succeeds")
def test_who_never_checks_is_waited_for_in_each_turn() -> None:
    board = Board().do(*POSTED)
    for turn, (server, other) in enumerate((("a", "b"), ("b", "a"))):
        board.do((server, "transfer", turn, b"m" * 32, False), *checks(turn, **{other: True}))
        with refused("still waiting"):
            board.do(NEXT)
        board.do(LATE, NEXT, *sums(turn + 1), NEXT)
    assert board.call("iteration") == 2


@exploit(KEY, "somebody serves, posts or checks out of turn, twice or in another's place", "held")
def test_a_site_speaks_once_and_in_its_turn() -> None:
    with refused("not the server"):
        Board().do(*POSTED, (SECOND, "transfer", 0, b"!" * 32, False))
    with refused("already posted"):
        Board().do(*POSTED[:-1], *sums(0, FIRST))
    with refused("the server took the step"):
        Board().do(*TAKEN, (FIRST, "check", 0, True))
    board = Board().do(*TAKEN)
    with refused("wrong phase"):
        board.do((FIRST, "transfer", 0, b"!" * 32, False))


@exploit(KEY, "somebody has a server passed over that is not late", "held")
def test_a_server_has_its_time() -> None:
    board = Board().do(*POSTED)
    with refused("still waiting"):
        board.do(NEXT)
    assert board.do(LATE, NEXT).of("phase", "server") == (TRANSFER, SECOND)


@exploit(KEY, "whoever answers first", "held")
def test_the_order_of_answers_decides_nothing() -> None:
    ready = prepared(attack={"kind": "first_to_answer", "share": 0.25, "strength": 1.0})
    (*_, last) = states(ready)
    np.testing.assert_array_equal(last.model, usual()[1][-1].model)
