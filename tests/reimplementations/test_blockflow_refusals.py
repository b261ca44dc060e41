"""All that BlockFLow's contract refuses, and random callers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pytest
from anybody import Anybody
from blockflow_experiment import (
    ETHER,
    FIXED,
    RESERVE,
    Experiment,
    Stage,
    over,
    retrieving,
    revealing,
    salt,
    scoring,
    tallying,
    training,
    without_c,
)
from eth_utils.crypto import keccak
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from papers import STRANGER, solidity
from payee import join, payee, through

from chainward.methods.commitment import commitment
from chainward.methods.contribution import ONE
from chainward.testing import ContractConformance, refused
from chainward.testing.contracts import Act, Refusals


def deployed(**terms: Any) -> Act:
    return lambda: Experiment(**terms)


def after(stage: Callable[[], Experiment], sender: str, function: str, *arguments: Any, value: int = 0) -> Act:
    return lambda: stage().send(sender, function, *arguments, value=value)


def commits(models: str, commitments: Sequence[bytes], stage: Callable[[], Experiment] = scoring) -> Act:
    return after(stage, "a", "commitScores", list(models), list(commitments))


def reveals(
    models: str, salts: Sequence[bytes], scores: Sequence[int], stage: Callable[[], Experiment] = revealing
) -> Act:
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


def unassigned(*places: int) -> None:
    """Read models of five of which each agent audits its own and the next two: the one before it, or at `places`."""
    experiment = retrieving(agents="abcde", auditors=3)
    circle, _ = experiment.call("circle")
    experiment.send(circle[0], "markRetrieved", [circle[place] for place in places or (-1,)])


def unpayable() -> tuple[Experiment, str]:
    """An agent that is a contract and takes no payment, with the reserve of one it booted to collect."""
    with TemporaryDirectory() as folder:
        purse = payee(Path(folder))
        experiment = Experiment(agents=(purse, "b"), folders=(Path(folder),))
        join(experiment, purse)
    through(experiment, purse, "BlockFlow", "enrol", value=ETHER)
    experiment.enrol("b")
    through(experiment, purse, "BlockFlow", "submitData", "cid")
    experiment.late()
    through(experiment, purse, "BlockFlow", "boot", experiment.ledger.account("b"))
    return experiment, purse


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


def acting(act: str, stage: Callable[[], Experiment], sender: str = "a") -> Act:
    """What is accepted in its place, at another or from somebody else."""
    return after(stage, sender, act, *ACTS[act][1], value=ETHER if act == "enrol" else 0)


def guarded(act: str) -> list[tuple[str, Act]]:
    """What the modifiers of an act refuse: strangers, other stages, and what comes after the deadline."""
    mine = ACTS[act][0]
    stages = [stage for stage in (training, retrieving, over) if act in STAGED and stage is not mine]
    return [
        *[("not a member", acting(act, mine, STRANGER)) for _ in [act] if act not in ("enrol", "collect")],
        *[("not the stage", acting(act, stage)) for stage in stages],
        *[("too late", acting(act, lambda: mine().late())) for _ in [act] if act in TIMED],
    ]


REFUSALS: Refusals = {
    "constructor": [
        ("no rounds", deployed(rounds=0)),
        ("reserve above bond", deployed(reserve=ETHER + 1)),
        ("fraction above one", deployed(fraction=ONE + 1)),
        ("admitted twice", deployed(agents="aba")),
        ("fewer than two others audit", deployed(auditors=1)),
        ("fewer than two others audit", deployed(auditors=2)),
    ],
    "enrol": [
        ("not admitted", after(Experiment, STRANGER, "enrol", value=ETHER)),
        ("already enrolled", after(lambda: Experiment().enrol("a"), "a", "enrol", value=ETHER)),
        ("not the bond", after(Experiment, "a", "enrol", value=ETHER - 1)),
        ("not the bond", after(Experiment, "a", "enrol", value=ETHER + 1)),
        ("not the bond", after(Experiment, "a", "enrol")),
    ],
    "submitData": [
        ("no content id", after(training, "a", "submitData", "")),
        ("already submitted", after(lambda: training().submit("a"), "a", "submitData", "another")),
    ],
    "markRetrieved": [
        ("no such model", after(retrieving, "a", "markRetrieved", [STRANGER])),
        ("not its auditor", unassigned),
        ("not its auditor", lambda: unassigned(0, 2, 3)),
        ("already marked", after(lambda: retrieving().retrieve("a"), "a", "markRetrieved", ["b"])),
        ("already marked", after(retrieving, "a", "markRetrieved", ["b", "b"])),
    ],
    "commitScores": [
        ("lengths differ", commits("ab", [secret("a")])),
        ("no such model", commits("c", [secret("c")], lambda: without_c(retrieving))),
        ("model not read", commits("c", [secret("c")], unread)),
        ("already committed", commits("a", [secret("b")], partly_committed)),
        ("empty commitment", commits("a", [bytes(32)])),
        ("commitment reused", commits("ab", [secret("a"), secret("a")])),
    ],
    "revealScores": [
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
    ],
    "commitMedian": [
        ("no such model", after(tallying, "a", "commitMedian", STRANGER, 0)),
        ("median already known", after(one_median, "b", "commitMedian", "a", FIXED[0][0])),
        ("median too high", after(tallying, "a", "commitMedian", "a", FIXED[2][0])),
        ("median too low", after(tallying, "a", "commitMedian", "a", FIXED[0][0] - 1)),
    ],
    "tallyDataset": [
        ("medians missing", after(one_median, "a", "tallyDataset", "a")),
        ("no such auditor", after(lambda: tallying().medians(), "a", "tallyDataset", STRANGER)),
        ("already tallied", after(one_dataset, "b", "tallyDataset", "a")),
    ],
    "closeRound": [
        ("datasets missing", after(one_dataset, "a", "closeRound")),
    ],
    "contributions": [
        ("datasets missing", lambda: one_dataset().call("contributions")),
    ],
    "advance": [
        ("deadline not passed", after(lambda: training().submit("ab"), "a", "advance")),
        ("deadline not passed", after(lambda: tallying().late(), "a", "advance")),
        ("boot the stragglers first", after(c_is_late, "a", "advance")),
    ],
    "boot": [
        ("deadline not passed", after(lambda: training().submit("ab"), "a", "boot", "c")),
        ("no such agent", after(c_is_late, "a", "boot", STRANGER)),
        ("agent is on time", after(c_is_late, "a", "boot", "b")),
        ("booter failed too", after(nobody_submitted, "a", "boot", "b")),
    ],
    "collect": [
        ("nothing to collect", after(training, "a", "collect")),
        ("nothing to collect", after(over, STRANGER, "collect")),
        ("payment refused", lambda: through(*unpayable(), "BlockFlow", "collect")),
    ],
}


class TestRefusals(ContractConformance):
    source = solidity("BlockFlow")
    refusals: ClassVar = {act: [*rows, *(guarded(act) if act in ACTS else ())] for act, rows in REFUSALS.items()}
    unreachable = frozenset((act, "too late") for act in STAGED if act not in TIMED)  # tallying has no deadline


@pytest.mark.parametrize("act", ACTS)
def test_every_act_is_accepted_in_its_place(act: str) -> None:
    stage, arguments = ACTS[act]
    stage().send("a", act, *arguments, value=ETHER if act == "enrol" else 0)


def test_who_refuses_payment_keeps_the_claim() -> None:
    experiment, purse = unpayable()
    with refused("payment refused"):
        through(experiment, purse, "BlockFlow", "collect")
    assert experiment.call("collectable", purse) == RESERVE


class Dealing(Anybody):
    """Anybody calls anything at any time: not a wei is made, lost or locked for good."""

    examples = 40
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
        self.it = Experiment(self.agents, bond=bond, reserve=reserve, fraction=fraction, majority=majority)
        self.it.enrol(who)
        self.within = len(who) * bond
        self.scores: dict[tuple[int, str, str], int] = {}
        self.booted: dict[str, int] = {}

    def try_to(self, sender: str, function: str, *arguments: Any, value: int = 0) -> bool:
        accepted = super().try_to(sender, function, *arguments, value=value)
        self.within += value * accepted
        return accepted

    def owed(self, name: str) -> int:
        return int(self.it.call("collectable", name))

    anybody = st.sampled_from([*agents, STRANGER])
    score = st.integers(0, ONE) | st.sampled_from([0, ONE // 2, ONE, ONE + 1])

    @rule(who=st.sampled_from(["abc", "abc", "ab", "bc", "c"]), stages=st.integers(1, 6), score=score)
    def go_on(self, who: str, stages: int, score: int) -> None:
        """What these do next if honest; a model is worth `score` to the first of them, and less to others."""
        for _ in range(stages):
            stage = self.it.stage
            for place, agent in enumerate(who):
                self.act(agent, stage, score >> place)

    def act(self, agent: str, stage: Any, score: int) -> None:
        if stage == Stage.ENROLLING:
            self.try_to(agent, "enrol", value=self.it.bond)
        elif stage == Stage.TRAINING:
            self.try_to(agent, "submitData", "cid")
        elif stage == Stage.RETRIEVING:
            self.try_to(agent, "markRetrieved", self.it.members)
        elif stage == Stage.TALLYING:
            self.tally(agent)
        for model in self.it.members if stage in (Stage.SCORING, Stage.REVEALING) else ():
            (self.commit if stage == Stage.SCORING else self.reveal)(agent, model, score)

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
        number = self.it.call("round")
        if self.try_to(agent, "commitScores", [model], [commitment(salt(agent, model, number), score)]):
            self.scores[number, agent, model] = score

    def reveal(self, agent: str, model: str, otherwise: int) -> None:
        number = self.it.call("round")
        score = self.scores.get((number, agent, model), otherwise)
        self.try_to(agent, "revealScores", [model], [salt(agent, model, number)], [score])

    def tally(self, sender: str) -> None:
        """Propose every score as a median: each model takes one of them."""
        number, members = self.it.call("round"), self.it.members
        for model in members:
            for score in sorted({self.scores.get((number, auditor, model), 0) for auditor in members}):
                self.try_to(sender, "commitMedian", model, score)
        for auditor in members:
            self.try_to(sender, "tallyDataset", auditor)
        self.try_to(sender, "closeRound")

    @rule(sender=anybody, agent=anybody)
    def boot(self, sender: str, agent: str) -> None:
        """Its reserve goes from the pool to the booter, and nothing to itself any more."""
        pool, owed, its = self.it.call("pool"), self.owed(sender), self.owed(agent)
        if self.try_to(sender, "boot", agent):
            assert self.owed(sender) - owed == pool - self.it.call("pool") == self.it.reserve
            self.booted[agent] = its

    @rule(sender=anybody)
    def collect(self, sender: str) -> None:
        owed, before = self.owed(sender), self.it.ledger.balance(sender)
        assert self.try_to(sender, "collect") == (owed > 0)
        assert self.it.ledger.balance(sender) == before + owed
        self.within -= owed
        if sender in self.booted:
            self.booted[sender] = 0

    @rule(who=st.sampled_from(["a", "ab", "bc", "ac", ""]), without=st.booleans())
    def wait(self, who: str, without: bool) -> None:
        """Let these act and the deadline pass. Without the stragglers, or if all failed, nobody can hold it up."""
        self.go_on(who, 1, ONE // 3)
        late = self.it.late().call("stragglers")
        prompt = [agent for agent in self.it.members if agent not in late] or self.it.members
        for agent in late if without else ():
            self.boot(prompt[0], agent)
        assert self.try_to(prompt[0], "advance") or not without or self.it.stage >= Stage.TALLYING

    @invariant()
    def conserved(self) -> None:
        assert self.it.money() == self.within
        assert self.owed(STRANGER) == 0
        assert all(self.owed(agent) == wei for agent, wei in self.booted.items())

    def finish(self) -> None:
        """Go on, stage by stage, without the stragglers."""
        while self.it.stage != Stage.OVER:
            if self.it.stage == Stage.TALLYING:
                self.tally(self.it.members[0])
                continue
            self.wait("", without=True)

    def end(self) -> None:
        """What is left can bring it to its end, and every wei can be taken home."""
        self.finish()
        for name in self.agents:
            self.try_to(name, "collect")
        assert self.it.money() == 0


TestDealing = Dealing.TestCase
