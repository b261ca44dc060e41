"""BlockFLow: the contract against hand vectors and oracles, the strategy against identities, cheats and absences."""

from __future__ import annotations

import itertools
import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from rounds import states

from chainward import codec, tasks
from chainward.ledgers import artifacts
from chainward.ledgers.consensus import Periodic
from chainward.ledgers.evm import ENDOWMENT_WEI, EvmLedger, account_address
from chainward.methods.aggregation import lower_median, mean, weighted_mean
from chainward.methods.commitment import commitment
from chainward.methods.contribution import ONE, fixed_contributions, fixed_point, refunds
from chainward.plans.specification import Specification
from chainward.strategy import Strategy, discovery
from chainward.trials.prepare import Trial, prepare
from chainward.world import Memory, Reverted, Site, Update

SOURCE = Path(__file__).parents[2] / "contracts" / "src" / "BlockFlow.sol"
ETHER, RESERVE, WINDOW = 10**18, 10**18 // 4, 10
STRANGER = "stranger"
SCORES = [[0.8, 0.6, 0.4], [0.8, 0.7, 0.4], [0.9, 0.6, 0.5]]
FIXED = [[fixed_point(score) for score in row] for row in SCORES]
Matrix = Sequence[Sequence[int]]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small only lose by sharing their work among threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def salt(auditor: str, model: str, number: int = 1) -> bytes:
    """An auditor's salt for a model in a round: its address, then what only it knows."""
    return bytes.fromhex(account_address(auditor)[2:]) + keccak(text=f"{auditor} on {model} in round {number}")[:12]


def module() -> Any:
    return sys.modules[discovery.load("blockflow").__module__]


# --- the contract ------------------------------------------------------------------------------------------------


@dataclass
class Experiment:
    """One contract with agents a, b, c, ... and whatever a test has them do."""

    agents: Sequence[str] = ("a", "b", "c")
    rounds: int = 2
    bond: int = ETHER
    reserve: int = RESERVE
    fraction: int = ONE // 2
    majority: bool = False
    folders: tuple[Path, ...] = ()
    now: float = 0.0
    ledger: EvmLedger = field(init=False)
    address: str = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = EvmLedger(Periodic(), self.folders)
        terms = [self.rounds, self.bond, self.reserve, self.fraction, WINDOW, self.majority, self.agents]
        self.address = self.ledger.deploy("BlockFlow", terms, "founder", 0, self.now).address

    def send(self, sender: str, function: str, *arguments: Any, value: int = 0) -> Any:
        return self.ledger.send(self.address, function, arguments, sender, value, self.now)

    def call(self, function: str, *arguments: Any) -> Any:
        return self.ledger.call(self.address, function, arguments, None, self.now)

    @property
    def members(self) -> tuple[str, ...]:
        return tuple(self.call("members"))

    @property
    def stage(self) -> Any:
        return module().Stage(self.call("stage"))

    def late(self) -> Experiment:
        """Let the stage's deadline pass."""
        self.now = self.ledger.wait(WINDOW + 1, self.now)
        return self

    def enrol(self, agents: Sequence[str] | None = None) -> Experiment:
        for agent in agents or self.agents:
            self.send(agent, "enrol", value=self.bond)
        return self

    def submit(self, agents: Sequence[str] | None = None) -> Experiment:
        for agent in agents or self.members:
            self.send(agent, "submitData", f"model of {agent}")
        return self

    def retrieve(self, agents: Sequence[str] | None = None, models: Sequence[str] | None = None) -> Experiment:
        everybody = self.members
        for agent in agents or everybody:
            self.send(agent, "markRetrieved", models or everybody)
        return self

    def salt(self, auditor: str, model: str) -> bytes:
        return salt(auditor, model, self.call("round"))

    def committed(self, auditor: str, scores: Sequence[int], models: Sequence[str]) -> tuple[Any, Any]:
        pairs = zip(models, scores, strict=True)
        return models, [commitment(self.salt(auditor, model), score) for model, score in pairs]

    def opened(self, auditor: str, scores: Sequence[int], models: Sequence[str]) -> tuple[Any, Any, Any]:
        return models, [self.salt(auditor, model) for model in models], scores

    def commit(self, scores: Matrix = FIXED, agents: Sequence[str] | None = None) -> Experiment:
        models = self.members
        for agent, row in zip(agents or models, scores, strict=True):
            self.send(agent, "commitScores", *self.committed(agent, row, models))
        return self

    def reveal(self, scores: Matrix = FIXED, agents: Sequence[str] | None = None) -> Experiment:
        models = self.members
        for agent, row in zip(agents or models, scores, strict=True):
            self.send(agent, "revealScores", *self.opened(agent, row, models))
        return self

    def medians(self, scores: Matrix = FIXED) -> Experiment:
        members = self.members
        for model, column in zip(members, zip(*scores, strict=True), strict=True):
            self.send(members[0], "commitMedian", model, lower_median(column))
        return self

    def datasets(self) -> Experiment:
        for auditor in self.members:
            self.send(auditor, "tallyDataset", auditor)
        return self

    def close(self) -> dict[str, tuple[int, int]]:
        """Close the round; contribution and refund of each agent."""
        events = self.send(self.members[0], "closeRound").events
        found = [event for name, event in events if name == "AgentRefunded"]
        return {event["agent"]: (event["contribution"], event["refund"]) for event in found}

    def play(self, scores: Matrix = FIXED) -> dict[str, tuple[int, int]]:
        """One round in which everybody does everything."""
        self.submit().retrieve().commit(scores).reveal(scores)
        return self.medians(scores).datasets().close()

    def money(self) -> int:
        """Wei in the contract, gone from all accounts: they must be the pool and what may be collected."""
        everybody = (*self.agents, STRANGER)
        held = sum(ENDOWMENT_WEI - self.ledger.balance(name) for name in everybody)
        owed = sum(self.call("collectable", name) for name in everybody)
        assert held == self.call("pool") + owed
        return held


def training(**terms: Any) -> Experiment:
    return Experiment(**terms).enrol()


def retrieving(**terms: Any) -> Experiment:
    return training(**terms).submit()


def scoring(**terms: Any) -> Experiment:
    return retrieving(**terms).retrieve()


def revealing(**terms: Any) -> Experiment:
    return scoring(**terms).commit()


def tallying(**terms: Any) -> Experiment:
    return revealing(**terms).reveal()


def over() -> Experiment:
    experiment = training(rounds=1)
    experiment.play()
    return experiment


def without_c(stage: Callable[[], Experiment]) -> Experiment:
    """c was booted at the end of the retrieval although the others had read its model."""
    experiment = stage().retrieve("ab").late()
    experiment.send("a", "boot", "c")
    experiment.send("a", "advance")
    return experiment


def test_hand_vector_to_the_wei() -> None:
    experiment = training()
    assert experiment.play() == {
        "a": (ONE, 519_231_150_136_470_894),
        "b": (699_049, 346_153_274_795_293_657),
        "c": (524_288, 259_615_575_068_235_447),
    }
    assert experiment.call("pool") == 3 * ETHER - 1_124_999_999_999_999_998
    assert experiment.call("round") == 2
    assert experiment.stage == module().Stage.TRAINING


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
    assert experiment.stage == module().Stage.OVER
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
    assert experiment.stage == module().Stage.REVEALING
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
    assert experiment.stage == module().Stage.TALLYING


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
    assert experiment.stage == module().Stage.OVER
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
    assert experiment.stage == (module().Stage.OVER if late == 20 else module().Stage.SCORING)
    if late == 20:
        assert {experiment.call("collectable", name) for name in names} == {ETHER}
    assert experiment.call("pool") + sum(experiment.call("collectable", name) for name in names) == 20 * ETHER


def test_enrolment_ends_at_its_deadline_with_those_who_came() -> None:
    experiment = Experiment().enrol("ab").late()
    experiment.send("a", "advance")
    assert (experiment.stage, experiment.members) == (module().Stage.TRAINING, ("a", "b"))


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
    assert experiment.stage == module().Stage.REVEALING
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
    assert experiment.stage == module().Stage.SCORING


Attempt = Callable[[], Any]


def deployed(**terms: Any) -> Attempt:
    return lambda: Experiment(**terms)


def after(stage: Callable[[], Experiment], sender: str, function: str, *arguments: Any, value: int = 0) -> Attempt:
    return lambda: stage().send(sender, function, *arguments, value=value)


def commits(models: str, commitments: Sequence[bytes], stage: Callable[[], Experiment] = scoring) -> Attempt:
    return after(stage, "a", "commitScores", list(models), list(commitments))


def reveals(
    models: str, salts: Sequence[bytes], scores: Sequence[int], stage: Callable[[], Experiment] = revealing
) -> Attempt:
    return after(stage, "a", "revealScores", list(models), list(salts), list(scores))


def secret(model: str) -> bytes:
    return salt("a", model)


def partly_committed() -> Experiment:
    experiment = scoring()
    experiment.send("a", "commitScores", *experiment.committed("a", FIXED[0][:1], "a"))
    return experiment


def partly_revealed() -> Experiment:
    experiment = revealing()
    experiment.send("a", "revealScores", *experiment.opened("a", FIXED[0][:1], "a"))
    return experiment


def with_commitment(score: int, under: bytes) -> Callable[[], Experiment]:
    """Everybody committed, a to `score` of its own model under this salt."""

    def stage() -> Experiment:
        experiment = scoring()
        models, commitments = experiment.committed("a", FIXED[0], "abc")
        hidden = keccak(under + score.to_bytes(32, "big"))
        experiment.send("a", "commitScores", models, [hidden, *commitments[1:]])
        return experiment.commit(FIXED[1:], "bc")

    return stage


def unread() -> Experiment:
    experiment = retrieving().retrieve("bc").retrieve("a", "ab").late()
    experiment.send("b", "advance")
    return experiment


def booted_while_scoring() -> Experiment:
    experiment = scoring().commit(FIXED[:2], "ab").late()
    experiment.send("a", "boot", "c")
    experiment.send("a", "advance")
    return experiment


def one_median() -> Experiment:
    experiment = tallying()
    experiment.send("a", "commitMedian", "a", FIXED[0][0])
    return experiment


def one_dataset() -> Experiment:
    experiment = tallying().medians()
    experiment.send("a", "tallyDataset", "a")
    return experiment


def nobody_submitted() -> Experiment:
    return training().late()


def c_is_late() -> Experiment:
    return training().submit("ab").late()


REFUSALS: list[tuple[str, Attempt]] = [
    ("no rounds", deployed(rounds=0)),
    ("reserve above bond", deployed(reserve=ETHER + 1)),
    ("fraction above one", deployed(fraction=ONE + 1)),
    ("admitted twice", deployed(agents="aba")),
    ("not admitted", after(Experiment, STRANGER, "enrol", value=ETHER)),
    ("already enrolled", after(lambda: Experiment().enrol("a"), "a", "enrol", value=ETHER)),
    ("not the bond", after(Experiment, "a", "enrol", value=ETHER - 1)),
    ("not the bond", after(Experiment, "a", "enrol", value=ETHER + 1)),
    ("not the bond", after(Experiment, "a", "enrol")),
    ("no content id", after(training, "a", "submitData", "")),
    ("already submitted", after(lambda: training().submit("a"), "a", "submitData", "another")),
    ("no such model", after(retrieving, "a", "markRetrieved", [STRANGER])),
    ("already marked", after(lambda: retrieving().retrieve("a"), "a", "markRetrieved", ["b"])),
    ("already marked", after(retrieving, "a", "markRetrieved", ["b", "b"])),
    ("lengths differ", commits("ab", [secret("a")])),
    ("no such model", commits("c", [secret("c")], lambda: without_c(retrieving))),
    ("model not read", commits("c", [secret("c")], unread)),
    ("already committed", commits("a", [secret("b")], partly_committed)),
    ("empty commitment", commits("a", [bytes(32)])),
    ("commitment reused", commits("ab", [secret("a"), secret("a")])),
    ("lengths differ", reveals("ab", [secret("a")], FIXED[0][:2])),
    ("lengths differ", reveals("ab", [secret("a"), secret("b")], FIXED[0][:1])),
    ("no such model", reveals("c", [secret("c")], FIXED[0][2:], booted_while_scoring)),
    ("already revealed", reveals("a", [secret("a")], FIXED[0][:1], partly_revealed)),
    ("not the sender's salt", reveals("a", [bytes(32)], [5], with_commitment(5, bytes(32)))),
    ("not the sender's salt", reveals("a", [salt("b", "a")], [5], with_commitment(5, salt("b", "a")))),
    ("score above one", reveals("a", [secret("a")], [ONE + 1], with_commitment(ONE + 1, secret("a")))),
    ("commitment not opened", reveals("a", [secret("b")], FIXED[0][:1])),
    ("commitment not opened", reveals("a", [secret("a")], [FIXED[0][0] + 1])),
    ("commitment not opened", reveals("b", [secret("a")], FIXED[0][:1])),
    ("no such model", after(tallying, "a", "commitMedian", STRANGER, 0)),
    ("median already known", after(one_median, "b", "commitMedian", "a", FIXED[0][0])),
    ("median too high", after(tallying, "a", "commitMedian", "a", FIXED[2][0])),
    ("median too low", after(tallying, "a", "commitMedian", "a", FIXED[0][0] - 1)),
    ("medians missing", after(one_median, "a", "tallyDataset", "a")),
    ("no such auditor", after(lambda: tallying().medians(), "a", "tallyDataset", STRANGER)),
    ("already tallied", after(one_dataset, "b", "tallyDataset", "a")),
    ("datasets missing", after(one_dataset, "a", "closeRound")),
    ("datasets missing", lambda: one_dataset().call("contributions")),
    ("deadline not passed", after(lambda: training().submit("ab"), "a", "advance")),
    ("deadline not passed", after(lambda: tallying().late(), "a", "advance")),
    ("deadline not passed", after(lambda: training().submit("ab"), "a", "boot", "c")),
    ("boot the stragglers first", after(c_is_late, "a", "advance")),
    ("no such agent", after(c_is_late, "a", "boot", STRANGER)),
    ("agent is on time", after(c_is_late, "a", "boot", "b")),
    ("booter failed too", after(nobody_submitted, "a", "boot", "b")),
    ("nothing to collect", after(training, "a", "collect")),
    ("nothing to collect", after(over, STRANGER, "collect")),
]


@pytest.mark.parametrize(("reason", "attempt"), REFUSALS, ids=lambda value: value if isinstance(value, str) else "")
def test_refusals(reason: str, attempt: Attempt) -> None:
    with pytest.raises(Reverted) as refused:
        attempt()
    assert refused.value.reason == reason


ACTS: dict[str, tuple[Callable[[], Experiment], tuple[Any, ...]]] = {
    "enrol": (Experiment, ()),
    "submitData": (training, ("cid",)),
    "markRetrieved": (retrieving, (["a"],)),
    "commitScores": (scoring, (["a"], [b"\x01" * 32])),
    "revealScores": (revealing, (["a"], [secret("a")], FIXED[0][:1])),
    "commitMedian": (tallying, ("a", FIXED[0][0])),
    "tallyDataset": (lambda: tallying().medians(), ("a",)),
    "closeRound": (lambda: tallying().medians().datasets(), ()),
    "advance": (lambda: Experiment().enrol("a").late(), ()),
    "boot": (c_is_late, ("c",)),
    "collect": (over, ()),
}
STAGED = [act for act in ACTS if act not in ("advance", "boot", "collect")]
TIMED = [act for act in STAGED if act not in ("commitMedian", "tallyDataset", "closeRound")]


@pytest.mark.parametrize("act", ACTS)
def test_every_act_is_accepted_in_its_place(act: str) -> None:
    stage, arguments = ACTS[act]
    stage().send("a", act, *arguments, value=ETHER if act == "enrol" else 0)


@pytest.mark.parametrize("act", [act for act in ACTS if act not in ("enrol", "collect")])
def test_only_members_act(act: str) -> None:
    stage, arguments = ACTS[act]
    with pytest.raises(Reverted, match="not a member"):
        stage().send(STRANGER, act, *arguments)


@pytest.mark.parametrize("act", STAGED)
def test_nothing_is_accepted_out_of_its_stage(act: str) -> None:
    for stage in (training, retrieving, over):
        if stage is not ACTS[act][0]:
            with pytest.raises(Reverted, match="not the stage"):
                stage().send("a", act, *ACTS[act][1], value=ETHER if act == "enrol" else 0)


@pytest.mark.parametrize("act", TIMED)
def test_nothing_is_accepted_after_the_deadline(act: str) -> None:
    stage, arguments = ACTS[act]
    with pytest.raises(Reverted, match="too late"):
        stage().late().send("a", act, *arguments, value=ETHER if act == "enrol" else 0)


def test_the_deadlines_block_is_still_in_time() -> None:
    experiment = training()
    experiment.now = experiment.ledger.wait(
        experiment.call("deadline") - 1 - experiment.ledger.block(0), experiment.now
    )
    assert experiment.ledger.block(experiment.now) == experiment.call("deadline") - 1
    experiment.submit()


# PUSH the call data behind `forward(address,bytes)` on to that address with the value; refuse plain payments.
PURSE = "366007575f5ffd5b6064360360645f375f5f606436035f346004355af13d5f5f3e6027573d5ffd5b00"


def test_who_refuses_payment_keeps_the_claim(tmp_path: Path) -> None:
    code = f"60{len(PURSE) // 2:02x}8060095f395ff3{PURSE}"
    inputs = [{"name": "", "type": "address"}, {"name": "", "type": "bytes"}]
    abi = [{"type": "function", "name": "forward", "inputs": inputs, "outputs": []}]
    (tmp_path / "Purse.json").write_text(
        json.dumps({"contract": "Purse", "abi": abi, "bytecode": code}), encoding="utf-8"
    )
    ledger = EvmLedger(Periodic(), (tmp_path,))
    purse = ledger.deploy("Purse", [], "owner", 0, 0.0).address
    experiment = Experiment(agents=(purse, "b"), folders=(tmp_path,))
    assert experiment.ledger.deploy("Purse", [], "owner", 0, 0.0).address == purse

    def through(function: str, *arguments: Any, value: int = 0) -> None:
        data = (
            artifacts.find("BlockFlow")
            .functions[function]
            .encode([experiment.ledger.account(argument) if argument == "b" else argument for argument in arguments])
        )
        experiment.ledger.send(purse, "forward", [experiment.address, data], "owner", value, experiment.now)

    through("enrol", value=ETHER)
    experiment.enrol("b")
    through("submitData", "cid")
    experiment.late()
    through("boot", "b")
    with pytest.raises(Reverted) as refused:
        through("collect")
    assert refused.value.reason == "payment refused"
    assert experiment.call("collectable", purse) == RESERVE


class Dealing(RuleBasedStateMachine):
    """Anybody calls anything at any time: not a wei is made, lost or locked for good."""

    agents = "abc"

    @initialize(
        who=st.sampled_from(["abc", "abc", "ab", "a"]),
        bond=st.integers(0, 10**6),
        kept=st.integers(0, 100),
        fraction=st.integers(0, ONE),
        majority=st.booleans(),
    )
    def begin(self, who: str, bond: int, kept: int, fraction: int, majority: bool) -> None:
        reserve = bond * kept // 100
        self.deal = Experiment(self.agents, bond=bond, reserve=reserve, fraction=fraction, majority=majority)
        self.deal.enrol(who)
        self.within = len(who) * bond
        self.scores: dict[tuple[int, str, str], int] = {}
        self.booted: dict[str, int] = {}

    def try_to(self, sender: str, function: str, *arguments: Any, value: int = 0) -> bool:
        try:
            self.deal.send(sender, function, *arguments, value=value)
        except Reverted:
            return False
        self.within += value
        return True

    def owed(self, name: str) -> int:
        return int(self.deal.call("collectable", name))

    anybody = st.sampled_from([*agents, STRANGER])
    score = st.integers(0, ONE) | st.sampled_from([0, ONE // 2, ONE, ONE + 1])

    @rule(who=st.sampled_from(["abc", "abc", "ab", "bc", "c"]), stages=st.integers(1, 6), score=score)
    def go_on(self, who: str, stages: int, score: int) -> None:
        """What these do next if honest; a model is worth `score` to the first of them, and less to others."""
        for _ in range(stages):
            stage = self.deal.stage
            for place, agent in enumerate(who):
                self.act(agent, stage, score >> place)

    def act(self, agent: str, stage: Any, score: int) -> None:
        if stage == module().Stage.ENROLLING:
            self.try_to(agent, "enrol", value=self.deal.bond)
        elif stage == module().Stage.TRAINING:
            self.try_to(agent, "submitData", "cid")
        elif stage == module().Stage.RETRIEVING:
            self.try_to(agent, "markRetrieved", self.deal.members)
        elif stage == module().Stage.TALLYING:
            self.tally(agent)
        for model in self.deal.members if stage in (module().Stage.SCORING, module().Stage.REVEALING) else ():
            (self.commit if stage == module().Stage.SCORING else self.reveal)(agent, model, score)

    @rule(who=anybody, other=anybody, score=score, act=st.sampled_from(["enrol", "read", "commit", "reveal", "tally"]))
    def meddle(self, who: str, other: str, score: int, act: str) -> None:
        """Something out of place, or half of what is due."""
        if act == "enrol":
            self.try_to(who, "enrol", value=score)
        elif act == "read":
            self.try_to(who, "markRetrieved", [other])
        elif act == "commit":
            self.commit(who, other, score)
        elif act == "reveal":
            self.reveal(who, other, score + 1)
        else:
            self.try_to(who, "closeRound")
            self.tally(who)

    def commit(self, agent: str, model: str, score: int) -> None:
        number = self.deal.call("round")
        if self.try_to(agent, "commitScores", [model], [commitment(salt(agent, model, number), score)]):
            self.scores[number, agent, model] = score

    def reveal(self, agent: str, model: str, otherwise: int) -> None:
        number = self.deal.call("round")
        score = self.scores.get((number, agent, model), otherwise)
        self.try_to(agent, "revealScores", [model], [salt(agent, model, number)], [score])

    def tally(self, sender: str) -> None:
        """Propose every score as a median: each model takes one of them."""
        number, members = self.deal.call("round"), self.deal.members
        for model in members:
            for score in sorted({self.scores.get((number, auditor, model), 0) for auditor in members}):
                self.try_to(sender, "commitMedian", model, score)
        for auditor in members:
            self.try_to(sender, "tallyDataset", auditor)
        self.try_to(sender, "closeRound")

    @rule(sender=anybody, agent=anybody)
    def boot(self, sender: str, agent: str) -> None:
        """Its reserve goes from the pool to the booter, and nothing to itself any more."""
        pool, owed, its = self.deal.call("pool"), self.owed(sender), self.owed(agent)
        if self.try_to(sender, "boot", agent):
            assert self.owed(sender) - owed == pool - self.deal.call("pool") == self.deal.reserve
            self.booted[agent] = its

    @rule(sender=anybody)
    def collect(self, sender: str) -> None:
        owed, before = self.owed(sender), self.deal.ledger.balance(sender)
        assert self.try_to(sender, "collect") == (owed > 0)
        assert self.deal.ledger.balance(sender) == before + owed
        self.within -= owed
        if sender in self.booted:
            self.booted[sender] = 0

    @rule(who=st.sampled_from(["a", "ab", "bc", "ac", ""]), without=st.booleans())
    def wait(self, who: str, without: bool) -> None:
        """Let these act and the deadline pass. Without the stragglers, or if all failed, nobody can hold it up."""
        self.go_on(who, 1, ONE // 3)
        late = self.deal.late().call("stragglers")
        prompt = [agent for agent in self.deal.members if agent not in late] or self.deal.members
        for agent in late if without else ():
            self.boot(prompt[0], agent)
        assert self.try_to(prompt[0], "advance") or not without or self.deal.stage >= module().Stage.TALLYING

    @invariant()
    def conserved(self) -> None:
        if hasattr(self, "deal"):
            assert self.deal.money() == self.within
            assert self.owed(STRANGER) == 0
            assert all(self.owed(agent) == wei for agent, wei in self.booted.items())

    def end(self) -> None:
        """Go on, stage by stage, without the stragglers."""
        while self.deal.stage != module().Stage.OVER:
            if self.deal.stage == module().Stage.TALLYING:
                self.tally(self.deal.members[0])
                continue
            self.wait("", without=True)

    def teardown(self) -> None:
        """Whatever happened, what is left can bring it to its end, and every wei can be taken home."""
        if not hasattr(self, "deal"):
            return
        self.end()
        for name in self.agents:
            self.try_to(name, "collect")
        assert self.deal.money() == 0


TestDealing = Dealing.TestCase
TestDealing.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


def test_every_require_has_a_twin() -> None:
    reasons = set(re.findall(r'require\(.*?, "(.*?)"\);', SOURCE.read_text(encoding="utf-8")))
    elsewhere = {"not a member", "not the stage", "too late", "payment refused"}
    assert reasons == {reason for reason, _ in REFUSALS} | elsewhere
    assert all(len(reason) <= 31 for reason in reasons)


# --- the strategy ------------------------------------------------------------------------------------------------


def prepared(
    hospitals: int = 4, rounds: int = 3, key: str = "blockflow", strategy: Strategy[Any] | None = None, **others: Any
) -> Trial:
    params = {"hospitals": hospitals, "patients": 60}
    specification = Specification(strategy=key, task="synthetic", task_params=params, seed=0, rounds=rounds, **others)
    ready = prepare(specification, tasks.load("synthetic", **params).dataset(0))
    return ready if strategy is None else replace(ready, strategy=strategy)


def blockflow(**params: Any) -> Any:
    return discovery.build("blockflow", params)


def varied(**replaced: Any) -> Any:
    """The strategy with some of its methods replaced."""
    return type("Varied", (discovery.load("blockflow"),), replaced)()


def even(_: Any, site: Site, models: Any) -> Any:
    return np.full(len(models), 0.5)


def test_equal_scores_are_fedavg_without_weights() -> None:
    ready = prepared(strategy=varied(score=even))
    for ours, plain in zip(
        states(ready)[1:], states(prepared(key="fedavg", params={"weighted": False}))[1:], strict=True
    ):
        np.testing.assert_allclose(ours.weights, plain.weights, atol=1e-7)
        assert set(ours.contributions.values()) == {ONE}


def test_real_scores_are_not_fedavg() -> None:
    (*_, ours), (*_, plain) = states(prepared()), states(prepared(key="fedavg", params={"weighted": False}))
    assert np.abs(ours.weights - plain.weights).max() > 1e-4


def test_one_hospital_is_local_training_and_gets_its_bond_back() -> None:
    ready = prepared(hospitals=1, strategy=blockflow(experiment_rounds=3))
    before = ready.world.chain.balance("hospital 1")
    (*_, ours), (*_, plain) = states(ready), states(prepared(hospitals=1, key="fedavg"))
    np.testing.assert_array_equal(ours.weights, plain.weights)
    assert ours.contributions == {"hospital 1": ONE}
    assert ready.world.chain.balance("hospital 1") == before


def test_merges_by_what_the_contract_computed_from_what_hospitals_scored() -> None:
    kept: dict[str, Any] = {}
    kind = discovery.load("blockflow")

    def score(self: Any, site: Site, models: Any) -> Any:
        kept[site.name] = (kind.score(self, site, models), np.array(models))  # type: ignore[attr-defined]
        return kept[site.name][0]

    ready = prepared(rounds=1, strategy=varied(score=score))
    after_one = states(ready)[1]
    shares = fixed_contributions([[fixed_point(own) for own in kept[name][0]] for name in ready.world.hospitals]).shares
    assert after_one.contributions == dict(zip(ready.world.hospitals, shares, strict=True))
    models = kept["hospital 1"][1]
    np.testing.assert_array_equal(after_one.weights, weighted_mean(models, shares))
    assert not np.array_equal(after_one.weights, mean(models))


def test_an_infinite_epsilon_is_no_noise_and_a_small_one_is() -> None:
    (*_, silent), (*_, infinite), (*_, noisy) = (
        states(prepared(strategy=blockflow(epsilon=epsilon))) for epsilon in (None, math.inf, 1.0)
    )
    np.testing.assert_array_equal(silent.weights, infinite.weights)
    assert np.abs(silent.weights - noisy.weights).max() > 1e-3


def test_noise_is_laplace_of_the_papers_scale_and_disclosed_as_such() -> None:
    ready = prepared(rounds=1, strategy=blockflow(epsilon=0.5))
    states(ready)
    (row,) = (row for row in ready.world.meter.disclosures() if "individual" in row["kind"])
    assert (row["kind"], row["audience"], row["count"]) == ("noised individual update", "hospitals", 12)

    class Desk:
        hospitals, name, rng = ("x",), "x", np.random.default_rng(0)
        published: Any = None

        def publish(self, value: Any, *_: Any, **__: Any) -> str:
            self.published = value
            return "cid"

    desk = Desk()
    blockflow(epsilon=0.5).encrypt(desk, {}, Update(np.zeros(100_000, np.float32), 100, 0.0))
    scale = 2 / (100 * 1 * 0.5)
    assert np.abs(desk.published).mean() == pytest.approx(scale, rel=0.02)
    assert np.quantile(desk.published, 0.9) == pytest.approx(scale * math.log(5), rel=0.03)


@pytest.mark.parametrize("how", ["random", "inverted"])
def test_who_submits_a_random_or_inverted_model_scores_lower(how: str) -> None:
    kind = discovery.load("blockflow")

    def encrypt(self: Any, site: Site, memory: Memory, update: Update) -> Any:
        if site.name == "hospital 1":
            noise = site.rng.standard_normal(update.weights.shape).astype(np.float32)
            update = update._replace(weights=noise if how == "random" else -update.weights)
        return kind.encrypt(self, site, memory, update)  # type: ignore[attr-defined]

    *_, last = states(prepared(hospitals=5, rounds=3, strategy=varied(encrypt=encrypt)))
    assert min(last.contributions, key=lambda name: last.contributions[name]) == "hospital 1"


def test_who_scores_dishonestly_is_not_refunded() -> None:
    kind = discovery.load("blockflow")

    def score(self: Any, site: Site, models: Any) -> Any:
        honest = kind.score(self, site, models)  # type: ignore[attr-defined]
        return (honest < 0.5) * 1.0 if site.name == "hospital 2" else honest

    *_, last = states(prepared(hospitals=5, rounds=3, strategy=varied(score=score)))
    assert last.contributions["hospital 2"] == min(last.contributions.values()) < ONE / 2


def test_a_model_of_no_numbers_is_read_by_nobody_and_eliminated() -> None:
    kind = discovery.load("blockflow")

    def encrypt(self: Any, site: Site, memory: Memory, update: Update) -> Any:
        if site.name == "hospital 1":
            update = update._replace(weights=np.full_like(update.weights, np.nan))
        return kind.encrypt(self, site, memory, update)  # type: ignore[attr-defined]

    *_, last = states(prepared(rounds=2, strategy=varied(encrypt=encrypt)))
    assert set(last.contributions) == {"hospital 2", "hospital 3", "hospital 4"}
    assert np.isfinite(last.weights).all()


def test_models_are_published_for_the_other_hospitals_only() -> None:
    ready = prepared(rounds=1)
    states(ready)
    published = [codec.decode(data) for data in ready.world.store.snapshot().values()]
    assert [sorted(item["keys"]) for item in published] == [
        [other for other in ready.world.hospitals if other != name] for name in ready.world.hospitals
    ]


def test_scores_stay_hidden_until_everybody_has_committed() -> None:
    """Each salt is fresh, so equal scores have different commitments, and the reveal comes two stages later."""
    ready = prepared(rounds=1, strategy=varied(score=even))
    *_, last = states(ready)
    contract = ready.world.at(last.contract)
    pairs = itertools.product(ready.world.hospitals, repeat=2)
    assert len({contract.call("pairOf", 1, auditor, model)[0] for auditor, model in pairs}) == 16
    order = [receipt.function for receipt in ready.world.ledger.receipts]
    assert max(i for i, name in enumerate(order) if name == "commitScores") < order.index("revealScores")


def test_who_is_absent_for_a_round_is_booted_and_forfeits_its_bond() -> None:
    absent = {"absent": {"hospital 3": [2]}}
    ready = prepared(rounds=3, strategy=blockflow(experiment_rounds=3), faults=absent)
    before = {name: ready.world.chain.balance(name) for name in ready.world.hospitals}
    opened, first, second, third = states(ready)
    assert "hospital 3" in first.contributions
    assert "hospital 3" not in second.contributions
    assert "hospital 3" not in third.contributions
    gained = {name: ready.world.chain.balance(name) - before[name] for name in ready.world.hospitals}
    owed = ready.world.at(opened.contract).call("collectable", "hospital 3")
    assert gained["hospital 3"] == -ETHER
    assert 0 < owed < ETHER  # its refund of the first round is still there to be collected
    assert sum(gained.values()) == -owed


def test_who_does_not_come_to_the_opening_takes_no_part() -> None:
    ready = prepared(rounds=1, faults={"absent": {"hospital 1": [0]}})
    *_, last = states(ready)
    assert set(last.contributions) == {"hospital 2", "hospital 3", "hospital 4"}
    assert ready.world.ledger.receipts[0].sender == "hospital 2"  # the first that came deploys


def test_a_round_nobody_comes_to_changes_nothing_and_costs_nobody_its_bond() -> None:
    ready = prepared(rounds=3, faults={"absent": {f"hospital {number}": [1] for number in range(1, 5)}})
    opened, nobody, *_, last = states(ready)
    np.testing.assert_array_equal(nobody.weights, opened.weights)
    assert len(last.contributions) == 4


def test_after_rounds_nobody_came_to_the_bonds_come_back_and_a_new_experiment_opens() -> None:
    ready = prepared(rounds=4, faults={"absent": {f"hospital {number}": [1, 2] for number in range(1, 5)}})
    before = {name: ready.world.chain.balance(name) for name in ready.world.hospitals}
    opened, *_, found, last = states(ready)
    np.testing.assert_array_equal(found.weights, opened.weights)
    assert ready.world.at(found.contract).call("stage") == module().Stage.OVER
    assert opened.contract == found.contract != last.contract
    assert len(last.contributions) == 4
    chain = ready.world.at(last.contract)
    owed = chain.call("pool") + sum(chain.call("collectable", name) for name in before)
    assert sum(before.values()) - sum(map(ready.world.chain.balance, before)) == owed > 0


def test_an_experiment_nobody_came_to_is_opened_later() -> None:
    ready = prepared(rounds=2, faults={"absent": {f"hospital {number}": [0, 1] for number in range(1, 5)}})
    opened, first, second = states(ready)
    assert opened.contract == first.contract == ""
    np.testing.assert_array_equal(first.weights, opened.weights)
    assert len(second.contributions) == 4


@pytest.mark.parametrize(("hospitals", "unreadable"), [(4, 3), (20, 8)])
def test_too_many_models_of_no_numbers_end_the_experiment_not_the_trial(hospitals: int, unreadable: int) -> None:
    kind = discovery.load("blockflow")

    def encrypt(self: Any, site: Site, memory: Memory, update: Update) -> Any:
        if site.name in site.hospitals[:unreadable] and not memory:  # in the first round
            update = update._replace(weights=np.full_like(update.weights, np.nan))
        return kind.encrypt(self, site, memory, update)  # type: ignore[attr-defined]

    ready = prepared(hospitals, rounds=2, strategy=varied(encrypt=encrypt))
    before = {name: ready.world.chain.balance(name) for name in ready.world.hospitals}
    opened, first = states(replace(ready, specification=replace(ready.specification, rounds=1)))
    np.testing.assert_array_equal(first.weights, opened.weights)
    assert first.contributions == {}
    assert {name: ready.world.chain.balance(name) for name in before} == before
    ready.world.begin(2)
    second = ready.strategy.round(first, ready.world)
    assert second.contract != first.contract
    assert set(second.contributions) == set(ready.world.hospitals)
    assert np.abs(second.weights - first.weights).max() > 0


@pytest.mark.parametrize("hospitals", [4, 6])
def test_answers_too_late_from_everybody_end_the_experiment_not_the_trial(hospitals: int) -> None:
    """In time with a model, too late with what takes longer."""
    faults = {"delay": {f"hospital {number}": 599.9 for number in range(1, hospitals + 1)}}
    ready = prepared(hospitals, faults=faults)
    opened, *_, last = states(ready)
    np.testing.assert_array_equal(last.weights, opened.weights)
    assert {receipt.function for receipt in ready.world.ledger.receipts} >= {"submitData", "advance", "collect"}
    assert all(receipt.succeeded for receipt in ready.world.ledger.receipts)


def test_answers_within_the_patience_are_in_time_for_every_stage() -> None:
    ready = prepared(faults={"delay": {f"hospital {number}": 598.0 for number in range(1, 5)}})
    (*_, late), (*_, prompt) = states(ready), states(prepared())
    assert late.contributions == prompt.contributions
    assert not {"boot", "advance"} & {receipt.function for receipt in ready.world.ledger.receipts}


def test_the_merged_model_comes_from_another_if_the_first_asked_does_not_answer() -> None:
    ready, asked = prepared(rounds=1), []
    ask = ready.world.ask

    def without_the_first(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        if what.name == "merge":
            asked.append(who)
            who = () if len(asked) == 1 else who
        return ask(who, what, *arguments, **others)

    ready.world.ask = without_the_first  # type: ignore[method-assign]
    (*_, other), (*_, first) = states(ready), states(prepared(rounds=1))
    assert len(asked) == 2
    np.testing.assert_array_equal(other.weights, first.weights)


def test_what_depends_on_others_comes_in_a_later_block() -> None:
    ready = prepared(rounds=1)
    states(ready)
    blocks: dict[str, set[int]] = {}
    for receipt in ready.world.ledger.receipts:
        blocks.setdefault(receipt.function, set()).add(receipt.block)
    order = ["constructor", "enrol", "submitData", "markRetrieved", "commitScores", "revealScores"]
    order += ["commitMedian", "tallyDataset", "closeRound"]
    assert list(blocks) == order
    assert all(max(blocks[one]) < min(blocks[other]) for one, other in itertools.pairwise(order))
    assert len(set().union(*(blocks[function] for function in order[2:]))) == 7


def test_after_its_rounds_a_new_experiment_takes_everybody_in_again() -> None:
    ready = prepared(rounds=3, strategy=blockflow(experiment_rounds=2), faults={"absent": {"hospital 3": [1]}})
    opened, _, second, third = states(ready)
    assert opened.contract == second.contract != third.contract
    assert "hospital 3" in third.contributions
    assert ready.world.at(second.contract).call("stage") == module().Stage.OVER


def test_one_pair_a_transaction_learns_the_same() -> None:
    (*_, whole), (*_, single) = (states(prepared(strategy=blockflow(pairs_a_transaction=n))) for n in (None, 1))
    np.testing.assert_array_equal(whole.weights, single.weights)
    assert whole.contributions == single.contributions


def test_what_anybody_may_do_rotates() -> None:
    ready = prepared(rounds=4)
    states(ready)
    closers = [receipt.sender for receipt in ready.world.ledger.receipts if receipt.function == "closeRound"]
    assert sorted(closers) == list(ready.world.hospitals)


def test_the_record_holds_the_cut_off() -> None:
    assert blockflow().numbers(20) == {"agents": 20, "cutoff": 13, "experiment_rounds": 30}
    assert blockflow(majority=True).numbers(20)["cutoff"] == 11


def test_the_published_track_is_the_papers() -> None:
    """Noise, three rounds an experiment, a transaction a pair; bond 1, reserve 0.25, rho 0.5, cut-off 2/3, alpha 1."""
    strategy = blockflow(**discovery.load("blockflow").card.published["params"])
    published = (strategy.epsilon, strategy.experiment_rounds, strategy.pairs_a_transaction)
    assert published == (1.0, 3, 1)
    assert (strategy.bond, strategy.reserve, strategy.refund_fraction) == (1.0, 0.25, 0.5)
    assert (strategy.majority, strategy.regularisation) == (False, 1.0)
    ready = prepared(rounds=3, strategy=strategy)
    *_, last = states(ready)
    assert ready.world.at(last.contract).call("stage") == module().Stage.OVER
    commits = [receipt for receipt in ready.world.ledger.receipts if receipt.function == "commitScores"]
    assert len(commits) == 3 * 4 * 4


def test_no_epsilon_is_reported() -> None:
    assert "epsilon" not in blockflow(epsilon=1.0).numbers(20)
    assert any(line.startswith("No epsilon is claimed") for line in discovery.load("blockflow").card.deviations)


def test_the_world_is_not_needed_to_read_the_model() -> None:
    weights = np.ones(3, np.float32)
    assert blockflow().model(module().State(weights, "", {})) is weights


def test_gas_is_linear_in_agents_rounds_and_their_product() -> None:
    """What agents spend a head, without the deployment: the law's form, not its coefficients."""
    rows, spent = [], []
    for hospitals, rounds in itertools.product((2, 3, 5), (1, 2)):
        strategy = blockflow(experiment_rounds=rounds, pairs_a_transaction=1)
        ready = prepared(hospitals, rounds, strategy=strategy)
        states(ready)
        receipts = [receipt for receipt in ready.world.ledger.receipts if receipt.function != "constructor"]
        rows.append((hospitals, rounds, hospitals * rounds))
        spent.append(sum(receipt.gas for receipt in receipts) / hospitals)
    design, gas = np.array(rows, float), np.array(spent)
    residuals = gas - design @ np.linalg.lstsq(design, gas, rcond=None)[0]
    assert 1 - (residuals**2).sum() / ((gas - gas.mean()) ** 2).sum() > 0.99
