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
    Stage,
    retrieving,
    revealing,
    salt,
    scoring,
    training,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from chainward.methods.aggregation import lower_median
from chainward.methods.commitment import commitment
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
    turns = [dict(zip(FIELDS, experiment.call("turnOf", 1, agent), strict=True)) for agent in "abc"]
    assert [turn["median"] - 1 for turn in turns] == [838_860, 629_145, 419_430]
    assert [turn["agreement"] - 1 for turn in turns] == [ONE, 699_049, 699_049]
    assert [turn["contribution"] for turn in turns] == [ONE, 699_049, 524_288]
    assert turns[1]["contentId"] == "model of b"
    assert {(turn["reads"], turn["readers"], turn["duty"], turn["commitments"], turn["reveals"]) for turn in turns} == {
        (3, 3, 3, 3, 3)
    }
    expected = commitment(salt("b", "c"), FIXED[1][2])
    assert experiment.call("pairOf", 1, "b", "c") == (expected, True, FIXED[1][2] + 1)


FIELDS = ("contentId", "reads", "readers", "duty", "commitments", "reveals", "median", "agreement", "contribution")


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
    score = st.one_of(st.integers(0, ONE), st.sampled_from([0, ONE // 2, ONE]))
    four = st.tuples(*4 * [st.tuples(*4 * [score])])  # always as many, so that no example outgrows the others
    terms = {"bond": data.draw(st.integers(1, 2 * ETHER)), "fraction": data.draw(st.integers(0, ONE))}
    experiment = training(agents=agents, reserve=data.draw(st.integers(0, terms["bond"])), **terms)
    for last in (False, True):
        scores, pool = [row[: len(agents)] for row in data.draw(four)[: len(agents)]], experiment.call("pool")
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
            experiment.send("a", "commitMedian", "a", proposal)
    experiment.send("a", "commitMedian", "a", right)


def test_an_agent_with_one_score_more_than_a_half_off_gets_nothing() -> None:
    scores = [[ONE, ONE, ONE], [ONE, ONE, ONE], [ONE // 2 - 1, ONE, ONE]]
    paid = training().play(scores)
    assert paid["c"] == (0, 0)
    assert paid["a"] == paid["b"] == (ONE, (3 * ETHER - 3 * RESERVE) // 4)


def test_reading_is_weighed_before_scoring() -> None:
    """Scores of a model that an auditor could not read are neither owed nor counted."""
    experiment = retrieving().retrieve("ab").retrieve("c", "ac").late()
    experiment.send("b", "advance")
    experiment.send("a", "commitScores", *experiment.committed("a", [9, 5, 5], "abc"))
    experiment.send("b", "commitScores", *experiment.committed("b", [9, 6, 5], "abc"))
    experiment.send("c", "commitScores", *experiment.committed("c", [9, 5], "ac"))
    assert experiment.stage == Stage.REVEALING
    experiment.send("a", "revealScores", *experiment.opened("a", [9, 5, 5], "abc"))
    experiment.send("b", "revealScores", *experiment.opened("b", [9, 6, 5], "abc"))
    experiment.send("c", "revealScores", *experiment.opened("c", [9, 5], "ac"))
    for model, median in zip("abc", (9, 5, 5), strict=True):
        experiment.send("a", "commitMedian", model, median)
    paid = experiment.datasets().close()
    assert paid["a"][0] == ONE


@pytest.mark.parametrize(
    ("agents", "majority", "needed"), [(3, False, 2), (3, True, 2), (4, False, 2), (4, True, 3), (5, False, 3)]
)
def test_the_cut_off(agents: int, majority: bool, needed: int) -> None:
    names = "abcde"[:agents]
    experiment = retrieving(agents=names, majority=majority)
    assert experiment.call("cutoff") == needed
    for name in names:
        others = [other for other in names if other != name]
        experiment.retrieve(name, [name, *others[: needed - 1]] if name == "a" else names)
    experiment.late()
    assert experiment.call("stragglers") == ()


@pytest.mark.parametrize("auditors", [3, 4, 6])
def test_each_model_has_so_many_auditors_and_its_own_agent_is_one(auditors: int) -> None:
    experiment = retrieving(agents="abcdefg", auditors=auditors)
    audited = experiment.audited()
    assert sorted(audited) == list("abcdefg")
    assert all(len(set(models)) == auditors and agent in models for agent, models in audited.items())
    by = {model: {agent for agent, models in audited.items() if model in models} for model in audited}
    assert {len(agents) for agents in by.values()} == {auditors}
    told = {(a, m) for a, m in itertools.product("abcdefg", repeat=2) if experiment.call("isAuditor", a, m)}
    assert told == {(agent, model) for agent, models in audited.items() for model in models}


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
        for model in "abcdefg":
            experiment.send("a", "commitMedian", model, 5)
        experiment.datasets().close()
    assert sorted(drawn[0]) == sorted(drawn[1]) == list("abcdefg")


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
        for model in "abcd":
            experiment.send("a", "commitMedian", model, 5)
        experiment.datasets().close()
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
    for model, median in medians.items():
        experiment.send("a", "commitMedian", model, median)
    experiment.datasets()
    for auditor in agents:
        apart = max(abs(scores[auditor, model] - medians[model]) for model in audited[auditor])
        near = (ONE // 2 - apart) * ONE // (ONE // 2 + apart) if apart < ONE // 2 else 0
        assert experiment.call("turnOf", 1, auditor)[7] == near + 1
    assert experiment.close().keys() == set(agents)


@pytest.mark.parametrize("auditors", [0, 3, 4, 20])
def test_as_many_auditors_as_agents_are_everybody(auditors: int) -> None:
    experiment, published = training(auditors=auditors), training()
    assert experiment.play() == published.play()
    assert experiment.call("circle") == ((), 3)
    for ours, theirs in zip(experiment.ledger.receipts[1:], published.ledger.receipts[1:], strict=True):
        assert (ours.function, ours.gas) == (theirs.function, pytest.approx(theirs.gas, abs=20))  # a comparison more


def test_the_cut_off_is_a_share_of_the_auditors() -> None:
    assert retrieving(agents="abcdefg", auditors=3).call("cutoff") == 2
    assert retrieving(agents="abcdefg", auditors=6).call("cutoff") == 4
    assert retrieving(agents="abcdefg", auditors=6, majority=True).call("cutoff") == 4
    assert retrieving(agents="abcdefg", auditors=5, majority=True).call("cutoff") == 3


def test_a_booted_auditor_is_not_counted_and_has_no_successor() -> None:
    experiment = retrieving(agents="abcde", auditors=3)
    first, *others = experiment.call("circle")[0]  # the others' models are audited by two at least without it
    audited = experiment.audited()
    for agent in others:
        experiment.send(agent, "markRetrieved", audited[agent])
    experiment.late().send(others[0], "boot", first)
    experiment.send(others[0], "advance")
    assert experiment.call("circle")[0] == (first, *others)
    kept = {agent: [model for model in audited[agent] if model != first] for agent in others}
    for agent in others:
        experiment.send(agent, "commitScores", *experiment.committed(agent, [5] * len(kept[agent]), kept[agent]))
    for agent in others:
        experiment.send(agent, "revealScores", *experiment.opened(agent, [5] * len(kept[agent]), kept[agent]))
    for model in others:
        experiment.send(others[0], "commitMedian", model, 5)
    assert set(experiment.datasets().close()) == set(others)


def test_members_as_few_as_auditors_all_audit_all_again() -> None:
    """A circle of an earlier round is no more once booting has left fewer."""
    experiment = training(agents="abcd", auditors=3)
    experiment.submit().audit(lambda *_: 5)
    for model in "abcd":
        experiment.send("a", "commitMedian", model, 5)
    experiment.datasets().close()
    experiment.submit("abc").late().send("a", "boot", "d")
    experiment.send("a", "advance")
    assert experiment.call("circle") == ((), 3)
    experiment.retrieve("a", "abc")


@pytest.mark.parametrize(("majority", "late"), [(False, ()), (True, ("c",))])
def test_who_reads_too_few_is_eliminated(majority: bool, late: tuple[str, ...]) -> None:
    experiment = retrieving(agents="abcd", majority=majority).retrieve("abd").retrieve("c", "cd").late()
    assert experiment.call("stragglers") == late


@pytest.mark.parametrize(("readers", "late"), [("a", ("a",)), ("ab", ())])
def test_whose_model_is_read_by_too_few_is_eliminated(readers: str, late: tuple[str, ...]) -> None:
    experiment = retrieving(agents="abcd").retrieve(readers)
    experiment.retrieve([other for other in "abcd" if other not in readers], "bcd").late()
    assert experiment.call("stragglers") == late


def test_who_could_not_read_its_own_model_is_eliminated() -> None:
    experiment = retrieving().retrieve("ab").retrieve("c", "ab").late()
    assert experiment.call("stragglers") == ("c",)


def test_a_straggler_is_booted_for_good_and_its_reserve_goes_to_the_booter() -> None:
    experiment = training().submit("ab").late()
    before = experiment.money()
    experiment.send("b", "boot", "c")
    assert experiment.members == ("a", "b")
    assert experiment.call("collectable", "b") == RESERVE
    assert experiment.call("pool") == 3 * ETHER - RESERVE
    experiment.send("a", "advance")
    experiment.retrieve().commit([[5, 5], [5, 5]]).reveal([[5, 5], [5, 5]])
    paid = experiment.medians([[5, 5], [5, 5]]).datasets().close()
    spend = (3 * ETHER - RESERVE - 2 * RESERVE) // 2  # the rest of the bond is shared by those who stayed
    assert paid == {"a": (ONE, spend // 2), "b": (ONE, spend // 2)}
    with pytest.raises(Reverted, match="not a member"):
        experiment.send("c", "submitData", "again")
    assert experiment.money() == before


def test_who_does_not_reveal_is_booted_and_its_score_does_not_count() -> None:
    experiment = revealing().reveal(FIXED[:2], "ab").late()
    experiment.send("a", "boot", "c")
    experiment.send("a", "advance")
    paid = experiment.medians([row[:2] for row in FIXED[:2]]).datasets().close()
    shares = fixed_contributions([row[:2] for row in FIXED[:2]]).shares
    assert tuple(share for share, _ in paid.values()) == shares


def test_pairs_with_a_booted_model_are_no_longer_owed() -> None:
    experiment = scoring()
    experiment.send("a", "commitScores", *experiment.committed("a", FIXED[0], "abc"))
    experiment.send("b", "commitScores", *experiment.committed("b", FIXED[1][:2], "ab"))  # owes c a score
    experiment.late()
    assert experiment.call("stragglers") == ("b", "c")
    experiment.send("a", "boot", "c")
    assert experiment.call("stragglers") == ()
    experiment.send("a", "advance")
    experiment.send("a", "revealScores", *experiment.opened("a", FIXED[0][:2], "ab"))
    experiment.send("b", "revealScores", *experiment.opened("b", FIXED[1][:2], "ab"))
    assert experiment.stage == Stage.TALLYING


def test_revealed_scores_of_a_booted_agent_are_forgotten() -> None:
    experiment = revealing().reveal(FIXED[:2], "ab")
    experiment.send("c", "revealScores", *experiment.opened("c", FIXED[2][:1], "a"))
    experiment.late().send("a", "boot", "c")
    assert [experiment.call("turnOf", 1, agent)[3:6] for agent in "ab"] == [(2, 2, 2), (2, 2, 2)]


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
    experiment.send("b", "boot", "c")
    experiment.send("b", "advance")
    experiment.late().send("a", "advance")
    assert [experiment.call("collectable", agent) for agent in "abc"] == [
        (3 * ETHER - RESERVE) // 2,
        (3 * ETHER - RESERVE) // 2 + RESERVE,
        0,
    ]


def test_an_experiment_that_was_wound_up_is_over() -> None:
    experiment = training().late()
    experiment.send("a", "advance")
    with pytest.raises(Reverted, match="deadline not passed"):
        experiment.late().send("a", "advance")
    with pytest.raises(Reverted, match="not the stage"):
        experiment.send("a", "submitData", "again")


@pytest.mark.parametrize(("unreadable", "late"), [(7, 7), (8, 20)])
def test_two_thirds_bear_a_third_of_twenty_and_more_lock_nothing(unreadable: int, late: int) -> None:
    names = [f"agent {number}" for number in range(20)]
    experiment = retrieving(agents=names).retrieve(names[unreadable:], names[unreadable:])
    for name in names[:unreadable]:
        experiment.retrieve([name], names)
    stragglers = experiment.late().call("stragglers")
    assert len(stragglers) == late
    for name in stragglers[: late % 20]:
        experiment.send(names[-1], "boot", name)
    experiment.send(names[-1], "advance")
    assert experiment.stage == (Stage.OVER if late == 20 else Stage.SCORING)
    if late == 20:
        assert {experiment.call("collectable", name) for name in names} == {ETHER}
    assert experiment.call("pool") + sum(experiment.call("collectable", name) for name in names) == 20 * ETHER


def test_enrolment_ends_at_its_deadline_with_those_who_came() -> None:
    experiment = Experiment().enrol("ab").late()
    experiment.send("a", "advance")
    assert (experiment.stage, experiment.members) == (Stage.TRAINING, ("a", "b"))


def test_an_own_commitment_is_refused_again_even_a_round_later() -> None:
    experiment = training()
    experiment.play()
    experiment.submit().retrieve()
    with pytest.raises(Reverted, match="commitment reused"):
        experiment.send("a", "commitScores", ["a"], [commitment(salt("a", "a"), FIXED[0][0])])


@pytest.mark.parametrize("copier_first", [True, False])
def test_a_copied_commitment_neither_hinders_its_author_nor_can_be_opened(copier_first: bool) -> None:
    experiment = scoring().commit(FIXED[1:2], "b")
    senders = "ca" if copier_first else "ac"
    for sender in senders:
        experiment.send(sender, "commitScores", *experiment.committed("a", FIXED[0], "abc"))
    assert experiment.stage == Stage.REVEALING
    if not copier_first:
        experiment.reveal(FIXED[:1], "a")
    with pytest.raises(Reverted, match="not the sender's salt"):
        experiment.send("c", "revealScores", *experiment.opened("a", FIXED[0], "abc"))
    experiment.reveal(FIXED[:2] if copier_first else FIXED[1:2], "ab" if copier_first else "b")
    assert experiment.late().call("stragglers") == ("c",)


def test_a_salt_begins_with_the_auditors_address() -> None:
    experiment = Experiment()
    assert "0x" + experiment.call("saltPrefix", "a").hex() == experiment.ledger.account("a").lower()


def test_pairs_may_come_one_a_transaction() -> None:
    one, whole = scoring(), scoring()
    for agent, row in zip("abc", FIXED, strict=True):
        for model, score in zip("abc", row, strict=True):
            one.send(agent, "commitScores", *one.committed(agent, [score], model))
    for agent, row in zip("abc", FIXED, strict=True):
        for model, score in zip("abc", row, strict=True):
            one.send(agent, "revealScores", *one.opened(agent, [score], model))
    assert one.medians().datasets().close() == whole.commit().reveal().medians().datasets().close()


def test_an_empty_batch_does_not_count_as_another_agent() -> None:
    experiment = scoring()
    experiment.send("a", "commitScores", *experiment.committed("a", FIXED[0], "abc"))
    for _ in range(3):
        experiment.send("a", "commitScores", [], [])
    assert experiment.stage == Stage.SCORING


def test_the_deadlines_block_is_still_in_time() -> None:
    experiment = training()
    experiment.now = experiment.ledger.wait(
        experiment.call("deadline") - 1 - experiment.ledger.block(0), experiment.now
    )
    assert experiment.ledger.block(experiment.now) == experiment.call("deadline") - 1
    experiment.submit()
