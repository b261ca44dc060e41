"""BlockFLow's contract against hand vectors and oracles."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from blockflow_experiment import (
    ETHER,
    FIXED,
    RESERVE,
    Experiment,
    Published,
    Stage,
    ranking,
    retrieving,
    salt,
    scoring,
    training,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from papers import STRANGER

from chainward.methods.aggregation import lower_median
from chainward.methods.contribution import ONE, fixed_contributions, refunds
from chainward.world import Reverted


def test_hand_vector_to_the_wei() -> None:
    experiment = training()
    assert experiment.play() == {
        "a": (ONE, 519_231_150_136_470_894),
        "b": (699_049, 346_153_274_795_293_657),
        "c": (524_288, 259_615_575_068_235_447),
    }
    assert experiment.call("pool") == 3 * ETHER - 1_124_999_999_999_999_998
    assert experiment.call("round") == 2
    assert experiment.stage == Stage.TRAINING


def test_medians_agreement_and_contribution_are_kept() -> None:
    experiment = training()
    experiment.play()
    turns = [experiment.call("turnOf", 1, agent) for agent in "abc"]
    assert [turn[:2] for turn in turns] == [
        ("model of a", 838_860 + 1),
        ("model of b", 629_145 + 1),
        ("model of c", 419_430 + 1),
    ]
    assert [agreement - 1 for *_, agreement, _ in turns] == [ONE, 699_049, 699_049]
    assert [contribution for *_, contribution in turns] == [ONE, 699_049, 524_288]
    read, _, scores = experiment.call("auditOf", 1, "b")
    own, after, before = FIXED[1][1], FIXED[1][2], FIXED[1][0]
    assert (read, scores) == (0b111, (own + 1, after + 1, before + 1))  # its own model first, then those after it


def test_last_round_pays_everything_out() -> None:
    experiment = training()
    experiment.play()
    pool = experiment.call("pool")
    last = experiment.play()
    assert experiment.stage == Stage.OVER
    assert tuple(refund for _, refund in last.values()) == refunds(
        fixed_contributions(FIXED).shares, pool, RESERVE, ONE // 2, last=True
    )
    assert experiment.call("pool") == 0
    before = {agent: experiment.ledger.balance(agent) for agent in "abc"}
    for agent in "abc":
        experiment.send(agent, "collect")
    gained = [experiment.ledger.balance(agent) - before[agent] for agent in "abc"]
    assert sum(gained) == 3 * ETHER
    assert experiment.money() == 0


def test_what_flooring_leaves_goes_to_the_first_agent() -> None:
    experiment = training(rounds=1, bond=7, reserve=1)
    paid = experiment.play()
    spare = 21 - sum(refund for _, refund in paid.values())
    assert spare > 0
    assert experiment.call("collectable", "a") == paid["a"][1] + spare


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_equals_the_oracle_and_conserves_every_wei(data: st.DataObject) -> None:
    agents = "abcd"[: data.draw(st.integers(1, 4))]
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    levels = [[0, ONE // 2, ONE], range(ONE + 1)]
    terms = {"bond": data.draw(st.integers(1, 2 * ETHER)), "fraction": data.draw(st.integers(0, ONE))}
    experiment = training(agents=agents, reserve=data.draw(st.integers(0, terms["bond"])), **terms)
    for last in (False, True):
        scores = rng.choice(data.draw(st.sampled_from(levels)), (len(agents), len(agents))).tolist()
        pool = experiment.call("pool")
        shares = fixed_contributions(scores).shares
        wanted = refunds(shares, pool, experiment.reserve, experiment.fraction, last)
        assert experiment.play(scores) == dict(zip(agents, zip(shares, wanted, strict=True), strict=True))
        assert experiment.money() == len(agents) * experiment.bond
    assert experiment.call("pool") == 0


@pytest.mark.parametrize("agents", [2, 3, 4, 5])
def test_only_the_lower_median_is_accepted(agents: int) -> None:
    """Every multiset of scores 0 to 2 up to order, every proposal 0 to 3."""
    for column in itertools.combinations_with_replacement(range(3), agents):
        below = [sum(score < median for score in column) for median in range(4)]
        equal = [column.count(median) for median in range(4)]
        accepted = [
            median
            for median in range(4)
            if agents - below[median] > below[median] and 2 * (below[median] + equal[median]) >= agents
        ]
        assert accepted == [lower_median(column)]


@pytest.mark.parametrize(
    "column", [(5,), (4, 9), (9, 4), (1, 5, 9), (5, 5, 1), (9, 1, 7, 3), (2, 2, 2, 9), (1, 9, 9, 9)]
)
def test_the_contract_accepts_only_the_lower_median(column: tuple[int, ...]) -> None:
    agents = "abcd"[: len(column)]
    scores = [[score] * len(column) for score in column]
    experiment = training(agents=agents).submit().retrieve().commit(scores).reveal(scores)
    right = lower_median(column)
    for proposal in sorted({0, 2**200, *column, *(score + 1 for score in column)} - {right}):
        with pytest.raises(Reverted, match=r"median too (high|low)"):
            experiment.send("a", "commitMedians", [proposal])
    experiment.send("a", "commitMedians", [right])


def test_an_agent_with_one_score_more_than_a_half_off_gets_nothing() -> None:
    scores = [[ONE, ONE, ONE], [ONE, ONE, ONE], [ONE // 2 - 1, ONE, ONE]]
    paid = training().play(scores)
    assert paid["c"] == (0, 0)
    assert paid["a"] == paid["b"] == (ONE, (3 * ETHER - 3 * RESERVE) // 4)


def test_scores_of_what_one_could_not_read_are_neither_owed_nor_counted() -> None:
    experiment = retrieving().retrieve("ab").retrieve("c", "ca").late()
    experiment.send("b", "advance")
    rows = {"a": {"a": 9, "b": 5, "c": 5}, "b": {"a": 9, "b": 6, "c": 5}, "c": {"a": 9, "c": 5}}
    for agent, row in rows.items():
        experiment.commit_one(agent, row)
    for agent, row in rows.items():
        experiment.reveal_one(agent, row)
    assert experiment.revealed()["b"] == {"a": 5, "b": 6}
    paid = experiment.medians().datasets().close()
    assert [experiment.call("turnOf", 1, agent)[1] - 1 for agent in "abc"] == [9, 5, 5]
    assert paid["a"][0] == ONE


@pytest.mark.parametrize(
    ("agents", "two_thirds", "needed"), [(3, True, 2), (3, False, 2), (4, True, 2), (4, False, 3), (5, True, 3)]
)
def test_the_cut_off(agents: int, two_thirds: bool, needed: int) -> None:
    names = "abcde"[:agents]
    experiment = retrieving(agents=names, two_thirds=two_thirds)
    assert experiment.call("cutoff") == needed
    for name in names:
        others = [other for other in names if other != name]
        experiment.retrieve(name, [name, *others[: needed - 1]] if name == "a" else names)
    assert experiment.call("stragglers") == ()


@pytest.mark.parametrize("auditors", [3, 4, 6])
def test_each_model_has_so_many_auditors_and_its_own_agent_is_one(auditors: int) -> None:
    experiment = retrieving(agents="abcdefg", auditors=auditors)
    audited = experiment.audited()
    assert sorted(audited) == list("abcdefg")
    assert all(len(set(models)) == auditors and agent in models for agent, models in audited.items())
    by = {model: {agent for agent, models in audited.items() if model in models} for model in audited}
    assert {len(agents) for agents in by.values()} == {auditors}


def test_the_circle_is_drawn_when_all_models_are_named_and_anew_each_round() -> None:
    experiment = training(agents="abcdefg", auditors=3)
    drawn = []
    for _ in range(2):
        experiment.submit("abcdef")
        before = experiment.call("circle")[0]
        experiment.submit("g")
        drawn.append(experiment.call("circle")[0])
        assert drawn[-1] != before
        experiment.audit(lambda *_: 5)
        experiment.medians().datasets().close()
    assert sorted(drawn[0]) == sorted(drawn[1]) == list("abcdefg") != drawn[0] != drawn[1]


def test_the_circle_hangs_on_the_chains_randomness_when_the_last_model_is_named() -> None:
    circles = []
    for blocks in (0, 1, 2):
        experiment = training(agents="abcdefg", auditors=3).submit("abcdef")
        experiment.wait(blocks)
        circles.append(tuple(experiment.submit("g").call("circle")[0]))
    assert len(set(circles)) == 3  # all else is the same: the address, the round, the agents and their models


def test_every_place_in_the_circle_is_as_likely() -> None:
    """How far b stands behind a over 45 draws of four: 15 times each is expected, 5 is 3 deviations off."""
    experiment = training(agents="abcd", auditors=3, rounds=45)
    behind = Counter[int]()
    for _ in range(45):
        circle = experiment.submit().call("circle")[0]
        behind[(circle.index("b") - circle.index("a")) % 4] += 1
        experiment.audit(lambda *_: 5)
        experiment.medians().datasets().close()
    assert sorted(behind) == [1, 2, 3]
    assert min(behind.values()) > 5


def test_medians_and_agreement_are_over_the_auditors_alone() -> None:
    """Against an oracle that knows no circle, only who scored what."""
    agents, rng = "abcdef", np.random.default_rng(3)
    experiment = retrieving(agents=agents, auditors=4)
    scores = {pair: int(rng.integers(0, ONE)) for pair in itertools.product(agents, repeat=2)}
    audited = experiment.audited()
    experiment.audit(lambda auditor, model: scores[auditor, model])
    medians = {m: lower_median([scores[a, m] for a in agents if m in audited[a]]) for m in agents}
    experiment.send("a", "commitMedians", [medians[model] for model in experiment.members])
    experiment.datasets()
    for auditor in agents:
        apart = max(abs(scores[auditor, model] - medians[model]) for model in audited[auditor])
        near = (ONE // 2 - apart) * ONE // (ONE // 2 + apart) if apart < ONE // 2 else 0
        assert experiment.call("turnOf", 1, auditor)[2] == near + 1
    assert experiment.close().keys() == set(agents)


@pytest.mark.parametrize("auditors", [0, 3, 4, 20])
def test_as_many_auditors_as_agents_are_everybody(auditors: int) -> None:
    experiment, published = training(auditors=auditors), training()
    assert experiment.play() == published.play()
    assert (experiment.members, experiment.call("audits")) == (("a", "b", "c"), 3)
    for ours, theirs in zip(experiment.ledger.receipts[1:], published.ledger.receipts[1:], strict=True):
        assert (ours.function, ours.gas) == (theirs.function, pytest.approx(theirs.gas, abs=20))  # a comparison more


def test_the_cut_off_is_a_share_of_the_auditors() -> None:
    assert retrieving(agents="abcdefg", auditors=3).call("cutoff") == 2
    assert retrieving(agents="abcdefg", auditors=6).call("cutoff") == 4
    assert retrieving(agents="abcdefg", auditors=5).call("cutoff") == 3
    assert retrieving(agents="abcdefg", auditors=6, two_thirds=True).call("cutoff") == 4
    assert retrieving(agents="abcdefg", auditors=5, two_thirds=True).call("cutoff") == 3


def test_a_booted_auditor_is_not_counted_and_has_no_successor() -> None:
    experiment = retrieving(agents="abcde", auditors=3)
    _, *others = experiment.call("circle")[0]  # the others' models are audited by two at least without it
    audited = experiment.audited()
    experiment.retrieve(others).late()
    experiment.send(others[0], "advance")
    assert experiment.audited() == audited
    assert experiment.members == tuple(others)
    rows = {agent: dict.fromkeys(audited[agent], 5) for agent in others}
    for agent, row in rows.items():
        experiment.commit_one(agent, row)
    for agent, row in rows.items():
        experiment.reveal_one(agent, row)
    assert set(experiment.medians().datasets().close()) == set(others)


def test_members_as_few_as_auditors_all_audit_all_again() -> None:
    """A circle of an earlier round is no more once booting has left fewer."""
    experiment = training(agents="abcd", auditors=3)
    experiment.submit().audit(lambda *_: 5).medians().datasets().close()
    experiment.submit("abc").late().send("a", "advance")
    assert sorted(experiment.members) == ["a", "b", "c"]
    assert experiment.call("audits") == 3
    assert {agent: set(models) for agent, models in experiment.audited().items()} == {
        agent: set("abc") for agent in "abc"
    }


@pytest.mark.parametrize(("two_thirds", "late"), [(True, ()), (False, ("c",))])
def test_who_reads_too_few_is_eliminated(two_thirds: bool, late: tuple[str, ...]) -> None:
    experiment = retrieving(agents="abcd", two_thirds=two_thirds).retrieve("abd").retrieve("c", "cd")
    assert experiment.stage == Stage.RETRIEVING
    assert experiment.call("stragglers") == late


@pytest.mark.parametrize(("readers", "late"), [("a", ("a",)), ("ab", ()), ("", ("a", "b", "c", "d"))])
def test_whose_model_is_read_by_too_few_is_eliminated(readers: str, late: tuple[str, ...]) -> None:
    experiment = retrieving(agents="abcd", two_thirds=True)
    for agent in readers:
        experiment.retrieve(agent)
    for agent in [other for other in "abcd" if other not in readers]:
        experiment.retrieve(agent, "bcd" if readers else agent)
    assert experiment.call("stragglers") == late


def test_who_could_not_read_its_own_model_is_eliminated() -> None:
    assert retrieving().retrieve("ab").retrieve("c", "ab").call("stragglers") == ("c",)


def test_the_retrieval_ends_when_all_have_said_what_they_could_read() -> None:
    """All that can be read is read, so nobody waits for the deadline; that of the stage is brought forward."""
    experiment = retrieving().retrieve("ab").retrieve("c", "ca")
    assert experiment.call("deadline") == experiment.ledger.block(experiment.now)
    experiment.wait(1).send("a", "advance")
    assert (experiment.stage, experiment.members) == (Stage.SCORING, ("a", "b", "c"))


def test_a_straggler_is_booted_for_good_and_its_reserve_goes_to_the_booter() -> None:
    experiment = training().submit("ab").late()
    before = experiment.money()
    receipt = experiment.send("b", "advance")
    assert ("AgentBooted", {"round": 1, "agent": "c", "booter": "b"}) in receipt.events
    assert experiment.members == ("a", "b")
    assert experiment.call("collectable", "b") == RESERVE
    assert experiment.call("pool") == 3 * ETHER - RESERVE
    paid = experiment.retrieve().commit(EQUAL).reveal(EQUAL).medians().datasets().close()
    spend = (3 * ETHER - RESERVE - 2 * RESERVE) // 2  # the rest of the bond is shared by those who stayed
    assert paid == {"a": (ONE, spend // 2), "b": (ONE, spend // 2)}
    with pytest.raises(Reverted, match="not a member"):
        experiment.send("c", "submitData", "again")
    assert experiment.money() == before


EQUAL = [[5, 5], [5, 5]]


@pytest.mark.parametrize("at", [Stage.SCORING, Stage.REVEALING])
def test_who_does_not_commit_or_reveal_is_booted_and_its_scores_do_not_count(at: Any) -> None:
    experiment = scoring().commit(FIXED[:2], "ab")
    if at == Stage.SCORING:
        experiment.late().send("a", "advance")
    else:
        experiment.commit(FIXED[2:], "c")
    for agent, row in zip("ab", FIXED, strict=False):  # of c's model, too: they had read it
        experiment.reveal_one(agent, dict(zip("abc", row, strict=True)))
    if at == Stage.REVEALING:
        experiment.late().send("a", "advance")
    assert experiment.members == ("a", "b")
    paid = experiment.medians().datasets().close()
    shares = fixed_contributions([row[:2] for row in FIXED[:2]]).shares
    assert tuple(share for share, _ in paid.values()) == shares


def test_stragglers_are_judged_together_before_any_is_removed() -> None:
    """One call removes both who said nothing, and judges nobody by what is left after one of them."""
    experiment = retrieving(agents="abcde").retrieve("ade").late()
    late = experiment.call("stragglers")
    assert late == ("b", "c")
    booted = [event["agent"] for name, event in experiment.send("a", "advance").events if name == "AgentBooted"]
    assert tuple(booted) == late
    assert experiment.call("collectable", "a") == 2 * RESERVE
    assert (experiment.members, experiment.stage) == (("a", "d", "e"), Stage.SCORING)


FAILING: dict[str, Callable[[Experiment], Any]] = {
    "nobody submits": lambda _: None,
    "nobody reads": lambda experiment: experiment.submit(),
    "nobody reads enough": lambda experiment: experiment.submit().retrieve("a", "ab").retrieve("b", "b"),
    "nobody commits": lambda experiment: experiment.submit().retrieve(),
    "nobody reveals": lambda experiment: experiment.submit().retrieve().commit(),
}


@pytest.mark.parametrize("how", FAILING)
def test_a_stage_everybody_failed_ends_the_experiment_and_the_pool_is_shared_equally(how: str) -> None:
    experiment = training(bond=7, reserve=1)
    paid = [refund for _, refund in experiment.play().values()]
    FAILING[how](experiment)
    pool = experiment.call("pool")
    assert pool % 3 > 0
    events = experiment.late().send("b", "advance").events
    assert ("ExperimentWoundUp", {"round": 2, "share": pool // 3}) in events
    assert experiment.call("contributions") == (ONE,) * 3
    experiment.close("b")
    assert experiment.stage == Stage.OVER
    shares = [pool // 3 + pool % 3, pool // 3, pool // 3]  # what flooring leaves goes to the first
    assert [experiment.call("collectable", agent) for agent in "abc"] == [
        refund + share for refund, share in zip(paid, shares, strict=True)
    ]
    assert experiment.call("pool") == 0
    assert experiment.money() == 21
    for agent in "abc":
        experiment.send(agent, "collect")
    assert experiment.money() == 0


def test_who_was_booted_before_has_no_part_in_the_pool_shared_equally() -> None:
    experiment = training().submit("ab").late()
    experiment.send("b", "advance")
    experiment.late().send("a", "advance")
    experiment.close()
    assert [experiment.call("collectable", agent) for agent in "abc"] == [
        (3 * ETHER - RESERVE) // 2,
        (3 * ETHER - RESERVE) // 2 + RESERVE,
        0,
    ]


def test_an_experiment_that_was_wound_up_is_over() -> None:
    experiment = training().late()
    experiment.send("a", "advance")
    experiment.close()
    with pytest.raises(Reverted, match="before the deadline"):
        experiment.wait(100).send("a", "advance")
    with pytest.raises(Reverted, match="not the stage"):
        experiment.send("a", "submitData", "again")


def test_an_experiment_nobody_enrolled_in_is_ended_by_anybody() -> None:
    experiment = Experiment().late(graces=2)
    experiment.send(STRANGER, "advance")
    assert experiment.stage == Stage.OVER


def test_enrolment_ends_at_its_deadline_with_those_who_came() -> None:
    experiment = Experiment().enrol("ab").late()
    experiment.send("a", "advance")
    assert (experiment.stage, experiment.members) == (Stage.TRAINING, ("a", "b"))


@pytest.mark.parametrize(
    ("graces", "booter", "reason"),
    [
        (0, "a", ""),
        (0, "b", "sender failed too"),
        (0, STRANGER, "not a member"),
        (1, "b", ""),
        (1, STRANGER, "not a member"),
        (2, STRANGER, ""),
    ],
)
def test_who_boots_when_the_only_one_on_time_sleeps(graces: int, booter: str, reason: str) -> None:
    """All enrol, a alone submits. Whoever may end the stage gets the reserves; a stays."""
    experiment = training().submit("a").late(graces)
    if reason:
        with pytest.raises(Reverted, match=reason):
            experiment.send(booter, "advance")
        return
    experiment.send(booter, "advance")
    assert (experiment.members, experiment.stage) == (("a",), Stage.RETRIEVING)
    assert experiment.call("collectable", booter) == 2 * RESERVE


def test_one_who_sleeps_after_submitting_locks_no_bond() -> None:
    """Outsiders bring it to its end and have everybody paid, the sleeper too."""
    experiment = training().submit("a").late(graces=2)
    experiment.send(STRANGER, "advance")
    experiment.late(graces=2).send(STRANGER, "advance")
    experiment.close(STRANGER)
    for party in ("a", STRANGER):
        experiment.send("b", "collectFor", party)
    assert (experiment.stage, experiment.money()) == (Stage.OVER, 0)


@pytest.mark.parametrize(("experiment", "page"), [(6, 1), (6, 4), (5, 2)])
def test_ranking_tallying_and_refunding_may_take_many_calls(experiment: int, page: int) -> None:
    agents = "abcdef"[:experiment]
    rng = np.random.default_rng(experiment)
    scores = rng.integers(0, ONE, (experiment, experiment)).tolist()
    whole, paged = (training(agents=agents).submit().retrieve().commit(scores).reveal(scores) for _ in range(2))
    paid, found = whole.medians().datasets().close(), {}
    columns = list(zip(*scores, strict=True))
    for first in range(0, len(agents), page):
        paged.send(STRANGER, "commitMedians", [lower_median(column) for column in columns[first : first + page]])
    for _ in range(0, len(agents), page):
        paged.send(STRANGER, "tallyDatasets", page)
    while paged.stage == Stage.REFUNDING:
        events = paged.send(STRANGER, "closeRound", page).events
        found.update({e["agent"]: (e["contribution"], e["refund"]) for name, e in events if name == "AgentRefunded"})
    assert found == paid
    assert (paged.stage, paged.call("round")) == (Stage.TRAINING, 2)
    assert paged.money() == whole.money()


@pytest.mark.parametrize("copier_first", [True, False])
def test_a_copied_commitment_neither_hinders_its_author_nor_can_be_opened(copier_first: bool) -> None:
    experiment = scoring().commit(FIXED[1:2], "b")
    row = dict(zip("abc", FIXED[0], strict=True))
    hidden, vector = experiment.hidden("a", row), experiment.vector("a", row)
    for sender in "ca" if copier_first else "ac":
        experiment.send(sender, "commitScores", hidden)
    assert experiment.stage == Stage.REVEALING
    with pytest.raises(Reverted, match="commitment not opened"):
        experiment.send("c", "revealScores", experiment.salt("a"), vector)
    experiment.reveal(FIXED[:2], "ab")
    assert experiment.late().call("stragglers") == ("c",)


def test_a_commitment_opens_in_its_own_round_alone() -> None:
    experiment = training()
    experiment.submit().retrieve()
    hidden = experiment.hidden("a", dict(zip("abc", FIXED[0], strict=True)))
    experiment.commit().reveal().medians().datasets().close()
    experiment.submit().retrieve().send("a", "commitScores", hidden)
    experiment.commit(FIXED[1:], "bc")
    with pytest.raises(Reverted, match="commitment not opened"):
        experiment.send("a", "revealScores", salt("a", 1), experiment.call("auditOf", 1, "a")[2])


def test_the_deadlines_block_is_still_in_time() -> None:
    experiment = training()
    experiment.now = experiment.ledger.wait(
        experiment.call("deadline") - 1 - experiment.ledger.block(0), experiment.now
    )
    assert experiment.ledger.block(experiment.now) == experiment.call("deadline") - 1
    experiment.submit()


@pytest.mark.parametrize(("agents", "auditors"), [(256, 0), (512, 128)])
@pytest.mark.slow
def test_whatever_is_judged_at_once_fits_a_block(agents: int, auditors: int) -> None:
    """The most agents and pairs there may be; half of them are booted, half share the pool."""
    names = [f"agent {number}" for number in range(agents)]
    experiment = retrieving(agents=names, auditors=auditors)
    for name in names[1:]:
        experiment.send(name, "markRetrieved", 2 ** experiment.call("audits") - 1)
    experiment.late().send(names[1], "advance")
    for name in names[agents // 2 :]:
        experiment.send(name, "commitScores", b"\1" * 32)
    experiment.late().send(names[-1], "advance")
    assert len(experiment.members) == agents // 2
    experiment.late().send(names[-1], "advance")
    while experiment.stage != Stage.OVER:
        experiment.send(STRANGER, "closeRound", 200)
    assert max(receipt.gas for receipt in experiment.ledger.receipts) < 30_000_000


@pytest.mark.parametrize(("two_thirds", "expelled"), [(True, True), (False, False)])
def test_what_eight_of_twenty_can_do_to_an_honest_agent(two_thirds: bool, expelled: bool) -> None:
    """They say that they could not read its model: 12 readers are fewer than 13, and more than half of 20."""
    names = [f"agent {number}" for number in range(20)]
    experiment = retrieving(agents=names, two_thirds=two_thirds)
    victim, honest, colluders = names[0], names[:12], names[12:]
    experiment.retrieve(honest).retrieve(colluders, [name for name in names if name != victim]).late()
    experiment.send(colluders[0], "advance")
    assert (victim not in experiment.members) == expelled
    assert len(experiment.members) == 20 - expelled


@pytest.mark.parametrize(("two_thirds", "left"), [(True, 0), (False, 12)])
def test_what_eight_of_twenty_can_do_to_the_experiment(two_thirds: bool, left: int) -> None:
    """They read nothing: with a cut-off at two thirds all fail, it ends for twenty and the pool is shared equally."""
    names = [f"agent {number}" for number in range(20)]
    experiment = retrieving(agents=names, two_thirds=two_thirds).retrieve(names[:12]).late()
    assert len(experiment.call("stragglers")) == (20 if not left else 8)
    experiment.send(names[0], "advance")
    if left:
        assert (experiment.stage, len(experiment.members)) == (Stage.SCORING, left)
        return
    experiment.close()
    assert {experiment.call("collectable", name) for name in names} == {ETHER}
    assert (experiment.stage, experiment.call("pool")) == (Stage.OVER, 0)


@pytest.mark.parametrize("auditors", [0, 3])
def test_a_transaction_a_pair_comes_to_the_same(auditors: int) -> None:
    """With boots and absences on the way, and to the wei."""
    paid: list[Any] = []
    for kind in (Experiment, Published):
        experiment, rng = training(kind, agents="abcdef", auditors=auditors, rounds=3), np.random.default_rng(2)
        scores = {pair: int(rng.integers(0, ONE)) for pair in itertools.product("abcdef", repeat=2)}
        first = experiment.submit().audit(lambda *pair, known=scores: known[pair]).medians().datasets().close()
        experiment.submit("abdef").late().send("f", "advance")
        experiment.retrieve()
        rows = {a: {m: scores[a, m] for m in own} for a, own in experiment.audited().items()}
        for agent in "abde":
            experiment.commit_one(agent, rows[agent])
        experiment.late().send("a", "advance")
        for agent in "abd":
            experiment.reveal_one(agent, rows[agent])
        experiment.late().send("b", "advance")
        second = experiment.medians(STRANGER).datasets(STRANGER).close(STRANGER)
        owed = {party: experiment.call("collectable", party) for party in "abcdef"}
        paid.append((first, second, owed, experiment.call("pool"), experiment.members))
        assert experiment.money() == 6 * ETHER
    assert paid[0] == paid[1]


def test_keys_are_asked_for_and_given_on_the_published_chain() -> None:
    experiment = scoring(Published)
    assert experiment.call("pairOf", 1, "a", "b")[1:4] == (b"key", True, True)
    assert experiment.call("pairOf", 1, "a", "a")[1:4] == (b"", False, True)


def test_counting_against_a_wrong_median_hinders_nobody() -> None:
    experiment = ranking(Published)
    for auditor in "abc":
        experiment.send(STRANGER, "tallyModelScore", "a", FIXED[2][0], auditor)
    with pytest.raises(Reverted, match="median too high"):
        experiment.send(STRANGER, "commitModelMedianScore", "a", FIXED[2][0])
    assert experiment.medians().stage == Stage.TALLYING
