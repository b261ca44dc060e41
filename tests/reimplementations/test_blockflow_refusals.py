"""All that BlockFLow's contracts refuse, and random callers who fall silent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pytest
from blockflow_experiment import (
    ETHER,
    FIXED,
    RESERVE,
    Experiment,
    Published,
    Stage,
    over,
    ranking,
    refunding,
    retrieving,
    revealing,
    scoring,
    tallying,
    training,
)
from eth_utils.crypto import keccak
from hypothesis import strategies as st
from papers import STRANGER, solidity
from payee import join, payee, through

from chainward.methods.commitment import commitment
from chainward.methods.contribution import ONE
from chainward.testing import ContractConformance, OnChain, refused
from chainward.testing.contracts import Act, Refusals
from chainward.testing.liveness import Draw, Liveness

Make = Callable[[], Experiment]
ROW = dict(zip("abc", FIXED[0], strict=True))


def deployed(**terms: Any) -> Act:
    return lambda: Experiment(**terms)


def after(stage: Make, sender: str, function: str, *arguments: Any, value: int = 0) -> Act:
    return lambda: stage().send(sender, function, *arguments, value=value)


def published(stage: Callable[..., Experiment], **terms: Any) -> Make:
    return lambda: stage(Published, **terms)


def opens(salt: bytes | None = None, vector: list[int] | None = None, made: list[int] | None = None) -> Act:
    """What a reveals after it committed to the vector that is `made`."""

    def act() -> None:
        experiment = scoring()
        right = experiment.vector("a", ROW)
        bound = int.from_bytes(experiment.call("bindingOf", "a"))
        hidden = commitment(experiment.salt("a"), bound, *(right if made is None else made))
        experiment.send("a", "commitScores", hidden)
        experiment.commit(FIXED[1:], "bc")
        experiment.send("a", "revealScores", salt or experiment.salt("a"), right if vector is None else vector)

    return act


def opens_alone(salt: bytes | None = None, score: int = 5, made: int = 5, under: bytes | None = None) -> Act:
    """What a reveals of b's model on the published chain after it committed to the score that is `made`."""

    def act() -> None:
        experiment = scoring(Published)
        own = experiment.call("bindingOf", "a") + b"\1" * 12
        experiment.send("a", "submitEncryptedScore", "b", keccak((under or own) + made.to_bytes(32, "big")))
        for agent, row in experiment.rows(FIXED, None):
            experiment.commit_one(agent, {k: s for k, s in row.items() if (agent, k) != ("a", "b")})
        experiment.send("a", "submitDecryptedScore", "b", salt or own, score)

    return act


def c_is_late() -> Experiment:
    return training().submit("ab").late()


def short_of_c(stage: Callable[..., Experiment]) -> Make:
    """c was booted at the end of training."""

    def made() -> Experiment:
        experiment = stage(Published).submit("ab").late()
        experiment.send("a", "advance")
        return experiment

    return made


def unassigned(kind: type[Experiment] = Experiment) -> None:
    """Read the model before one's own in the circle of five, of which each agent audits its own and the next two."""
    experiment = retrieving(kind, agents="abcde", auditors=3)
    agents, *_ = experiment.call("circle")
    if kind is Published:
        experiment.send(agents[0], "markDataRetrieved", agents[-1])
    experiment.send(agents[0], "markRetrieved", 1 << 3)


def one_ranked() -> Experiment:
    """On the published chain, with a's median."""
    experiment = ranking(Published)
    for auditor in "abc":
        experiment.send("a", "tallyModelScore", "a", FIXED[0][0], auditor)
    experiment.send("a", "commitModelMedianScore", "a", FIXED[0][0])
    return experiment


def counted(median: int, auditors: str = "abc") -> Make:
    """On the published chain, scores of a's model against a median."""

    def made() -> Experiment:
        experiment = ranking(Published)
        for auditor in auditors:
            experiment.send("a", "tallyModelScore", "a", median, auditor)
        return experiment

    return made


def unread() -> Experiment:
    """On the published chain a could not read c's model."""
    experiment = retrieving(Published).retrieve("bc").retrieve("a", "ab").late()
    experiment.send("b", "advance")
    return experiment


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
    through(experiment, purse, "BlockFlow", "advance")
    return experiment, purse


def refusing() -> None:
    experiment, purse = unpayable()
    experiment.send("b", "collectFor", purse)


def after_one(stage: Callable[..., Experiment], function: str, *arguments: Any) -> Make:
    """On the published chain, a did this already."""

    def made() -> Experiment:
        experiment = stage(Published)
        experiment.send("a", function, *arguments)
        return experiment

    return made


def asked() -> Experiment:
    return after_one(retrieving, "requestDecryptionKey", "b")()


def given() -> Experiment:
    experiment = asked()
    experiment.send("b", "provideDecryptionKey", "a", b"key")
    return experiment


HIDDEN = b"\1" * 32
ACTS: dict[str, tuple[Make, tuple[Any, ...]]] = {
    "enrol": (Experiment, ()),
    "submitData": (training, ("cid",)),
    "markRetrieved": (retrieving, (1,)),
    "commitScores": (scoring, (HIDDEN,)),
    "revealScores": (revealing, (HIDDEN, [1, 1, 1])),
    "commitMedians": (ranking, ([FIXED[0][0]],)),
    "tallyDatasets": (tallying, (1,)),
    "closeRound": (refunding, (1,)),
    "BlockFlowPublished.requestDecryptionKey": (published(retrieving), ("b",)),
    "BlockFlowPublished.provideDecryptionKey": (asked, ("a", b"key")),
    "BlockFlowPublished.markDataRetrieved": (published(retrieving), ("b",)),
    "BlockFlowPublished.submitEncryptedScore": (published(scoring), ("b", HIDDEN)),
    "BlockFlowPublished.submitDecryptedScore": (published(revealing), ("b", HIDDEN, 5)),
    "BlockFlowPublished.tallyModelScore": (published(ranking), ("a", 5, "a")),
    "BlockFlowPublished.commitModelMedianScore": (counted(FIXED[0][0]), ("a", FIXED[0][0])),
    "BlockFlowPublished.tallyDatasetScore": (published(tallying), ("a", "a")),
}
UNTIMED = ("commitMedians", "tallyDatasets", "closeRound", "tallyModelScore", "MedianScore", "tallyDatasetScore")
TIMED = [act for act in ACTS if not act.endswith(UNTIMED)]


def acting(act: str, stage: Make, sender: str = "a") -> Act:
    """What is accepted in its place, at another or from somebody else."""
    return after(stage, sender, act.rpartition(".")[2], *ACTS[act][1], value=ETHER if act == "enrol" else 0)


def guarded(act: str) -> list[tuple[str, Act]]:
    """What the modifiers of an act refuse: strangers, other stages, and what comes after the deadline."""
    mine, kind = ACTS[act][0], Published if "." in act else Experiment
    elsewhere = retrieving if act in ("enrol", "submitData") else training
    return [
        *[("not a member", acting(act, mine, STRANGER)) for _ in [act] if act in TIMED and act != "enrol"],
        ("not the stage", acting(act, lambda: elsewhere(kind))),
        ("not the stage", acting(act, lambda: over(kind))),
        *[("too late", acting(act, lambda: mine().late())) for _ in [act] if act in TIMED],
    ]


REFUSALS: Refusals = {
    "constructor": [
        ("no rounds", deployed(rounds=0)),
        ("reserve above bond", deployed(reserve=ETHER + 1)),
        ("bond above all there is", deployed(bond=2**96)),
        ("fraction above one", deployed(fraction=ONE + 1)),
        ("admitted twice", deployed(agents="aba")),
        ("fewer than two others audit", deployed(auditors=1)),
        ("fewer than two others audit", deployed(auditors=2)),
        ("too many to judge in a block", deployed(agents=[f"agent {number}" for number in range(257)])),
        ("too many to judge in a block", deployed(agents=[f"agent {number}" for number in range(513)], auditors=3)),
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
        ("nothing read", after(retrieving, "a", "markRetrieved", 0)),
        ("not its auditor", unassigned),
        ("not its auditor", after(retrieving, "a", "markRetrieved", 1 << 255)),
        ("already marked", after(lambda: retrieving().retrieve("a"), "a", "markRetrieved", 1)),
    ],
    "commitScores": [
        ("empty commitment", after(scoring, "a", "commitScores", bytes(32))),
        ("already committed", after(lambda: scoring().commit(FIXED[:1], "a"), "a", "commitScores", HIDDEN)),
    ],
    "revealScores": [
        ("already revealed", after(lambda: revealing().reveal(FIXED[:1], "a"), "a", "revealScores", HIDDEN, [1] * 3)),
        ("not a score a model", opens(vector=[1, 1])),
        ("not a score a model", opens(vector=[1] * 4)),
        ("commitment not opened", opens(salt=HIDDEN)),
        ("commitment not opened", opens(vector=[1] * 3)),
        ("score above one", opens(vector=[ONE + 2, 1, 1], made=[ONE + 2, 1, 1])),
        ("not of what it read", opens(vector=[1, 0, 1], made=[1, 0, 1])),
    ],
    "commitMedians": [
        ("median too high", after(ranking, "a", "commitMedians", [FIXED[2][0]])),
        ("median too low", after(ranking, "a", "commitMedians", [FIXED[0][0] - 1])),
        ("more than members", after(ranking, "a", "commitMedians", [FIXED[0][0], FIXED[0][1], FIXED[0][2], 5])),
    ],
    "contributions": [
        ("not tallied", lambda: tallying().call("contributions")),
    ],
    "advance": [
        ("before the deadline", after(lambda: training().submit("ab"), "a", "advance")),
        ("before the deadline", after(lambda: ranking().wait(1_000), "a", "advance")),
        ("not a member", after(c_is_late, STRANGER, "advance")),
        ("sender failed too", after(c_is_late, "c", "advance")),
    ],
    "collect": [
        ("nothing to collect", after(training, "a", "collect")),
        ("nothing to collect", after(over, STRANGER, "collect")),
        ("payment refused", lambda: through(*unpayable(), "BlockFlow", "collect")),
    ],
    "collectFor": [
        ("nothing to collect", after(over, STRANGER, "collectFor", STRANGER)),
        ("payment refused", refusing),
    ],
    "BlockFlowPublished.requestDecryptionKey": [
        ("no such model", after(short_of_c(training), "a", "requestDecryptionKey", "c")),
        ("already requested", after(asked, "a", "requestDecryptionKey", "b")),
    ],
    "BlockFlowPublished.provideDecryptionKey": [
        ("not requested", after(asked, "c", "provideDecryptionKey", "a", b"key")),
        ("already provided", after(given, "b", "provideDecryptionKey", "a", b"key")),
        ("no key", after(asked, "b", "provideDecryptionKey", "a", b"")),
    ],
    "BlockFlowPublished.markDataRetrieved": [
        ("not its auditor", lambda: unassigned(Published)),
        ("no such model", after(short_of_c(training), "a", "markDataRetrieved", "c")),
        ("already marked", after(lambda: retrieving(Published).retrieve("a"), "a", "markDataRetrieved", "b")),
    ],
    "BlockFlowPublished.submitEncryptedScore": [
        ("model not read", after(unread, "a", "submitEncryptedScore", "c", HIDDEN)),
        (
            "already committed",
            after(lambda: scoring(Published).commit_one("a", {"b": 5}), "a", "submitEncryptedScore", "b", HIDDEN),
        ),
        ("empty commitment", after(published(scoring), "a", "submitEncryptedScore", "b", bytes(32))),
        (
            "commitment reused",
            after(after_one(scoring, "submitEncryptedScore", "b", HIDDEN), "a", "submitEncryptedScore", "a", HIDDEN),
        ),
    ],
    "BlockFlowPublished.submitDecryptedScore": [
        (
            "already revealed",
            after(
                lambda: revealing(Published).reveal_one("a", {"b": FIXED[0][1]}),
                "a",
                "submitDecryptedScore",
                "b",
                HIDDEN,
                5,
            ),
        ),
        ("not the sender's salt", opens_alone(salt=HIDDEN, under=HIDDEN)),
        ("score above one", opens_alone(score=ONE + 1, made=ONE + 1)),
        ("commitment not opened", opens_alone(score=6)),
    ],
    "BlockFlowPublished.tallyModelScore": [
        ("model not read", after(published(ranking), "a", "tallyModelScore", STRANGER, 5, "a")),
        ("already counted", after(counted(5), "b", "tallyModelScore", "a", 5, "c")),
    ],
    "BlockFlowPublished.commitModelMedianScore": [
        ("no such model", after(published(ranking), "a", "commitModelMedianScore", STRANGER, 5)),
        ("median already known", after(one_ranked, "b", "commitModelMedianScore", "a", FIXED[0][0])),
        ("scores missing", after(counted(FIXED[0][0], "ab"), "b", "commitModelMedianScore", "a", FIXED[0][0])),
        ("median too high", after(counted(FIXED[2][0]), "b", "commitModelMedianScore", "a", FIXED[2][0])),
        ("median too low", after(counted(5), "b", "commitModelMedianScore", "a", 5)),
    ],
    "BlockFlowPublished.tallyDatasetScore": [
        ("no such auditor", after(published(tallying), "a", "tallyDatasetScore", STRANGER, "a")),
        ("model not read", after(published(tallying), "a", "tallyDatasetScore", "a", STRANGER)),
        (
            "already tallied",
            after(after_one(tallying, "tallyDatasetScore", "a", "a"), "b", "tallyDatasetScore", "a", "a"),
        ),
    ],
}


class TestRefusals(ContractConformance):
    source = solidity("BlockFlow")
    refusals: ClassVar = {act: [*rows, *(guarded(act) if act in ACTS else ())] for act, rows in REFUSALS.items()} | {
        act: guarded(act) for act in ACTS if act not in REFUSALS
    }
    # From ranking on there is no deadline.
    unreachable = frozenset((act.rpartition(".")[2], "too late") for act in ACTS if act not in TIMED)


def test_who_refuses_payment_keeps_the_claim() -> None:
    experiment, purse = unpayable()
    with refused("payment refused"):
        through(experiment, purse, "BlockFlow", "collect")
    assert experiment.call("collectable", purse) == RESERVE


def bring_on(it: Any, sender: str, _: Draw) -> None:
    """What anybody may do: propose the right medians, tally, refund."""
    acts = {Stage.RANKING: it.medians, Stage.TALLYING: it.datasets}
    acts.get(it.stage, it.close)(sender)


def some(it: Any, sender: str, draw: Draw) -> list[str]:
    """Models that a party says it can read, mostly all."""
    models = it.audits_of(sender)
    return draw(st.just(list(models)) | st.lists(st.sampled_from(models), unique=True, min_size=1))


def read(it: Any, sender: str) -> dict[str, int]:
    """A party's scores of what it read, which hang on nothing else, so that what it reveals is what it committed to."""
    number, seed = it.call("round"), keccak(text=sender)
    marked = [m for j, m in enumerate(it.audits_of(sender)) if it.has_read(number, sender, m, j)]
    return {model: seed[j] * ONE // 255 for j, model in enumerate(marked or [sender])}


class Compact(Experiment):
    def has_read(self, number: int, auditor: str, _: str, j: int) -> bool:
        return bool(self.call("auditOf", number, auditor)[0] >> j & 1)


class Pairwise(Published):
    def has_read(self, number: int, auditor: str, model: str, _: int) -> bool:
        return bool(self.call("pairOf", number, auditor, model)[3])


class Sleeping(Liveness):
    """Anybody does anything at any time, and any of them fall silent: the others, or outsiders, end it and all is paid.

    No one is needed in any stage: after the deadline and twice the grace anybody boots who is late, from ranking on
    anybody brings the round on.
    """

    parties = ("a", "b", "c", "founder")
    forward = ("round", "stage")
    owes, keeps = "collectable", ("pool",)
    repeatable = frozenset({"bring on", "collect", "collect for"})
    acts: ClassVar = {
        "enrol": lambda it, sender, _: it.send(sender, "enrol", value=it.bond),
        "submit": lambda it, sender, _: it.send(sender, "submitData", "cid"),
        "retrieve": lambda it, sender, draw: it.retrieve([sender], some(it, sender, draw)),
        "commit": lambda it, sender, _: it.commit_one(sender, read(it, sender)),
        "reveal": lambda it, sender, _: it.reveal_one(sender, read(it, sender)),
        "bring on": bring_on,
        "collect": lambda it, sender, _: it.send(sender, "collect"),
        "collect for": lambda it, sender, draw: it.send(sender, "collectFor", draw(st.sampled_from("abc"))),
    }
    kind: ClassVar[type[Experiment]] = Compact

    def make(self, draw: Draw) -> OnChain:
        bond = draw(st.integers(1, 10**6))
        reserve = bond * draw(st.integers(0, 100)) // 100
        it = self.kind(
            "abc", bond=bond, reserve=reserve, fraction=draw(st.integers(0, ONE)), two_thirds=draw(st.booleans())
        )
        return it.enrol(draw(st.sampled_from(["abc", "abc", "ab", "a"])))

    def resting(self) -> bool:
        return self.it.call("stage") == Stage.OVER

    def pass_deadline(self) -> None:
        if self.it.call("stage") < Stage.RANKING:
            self.it.late(graces=2)

    def end_phase(self, sender: str) -> bool:
        if Stage.RANKING <= self.it.call("stage") < Stage.OVER:
            return self._does(sender, "bring on", None)
        return super().end_phase(sender)

    ends = ("advance",)


class SleepingPublished(Sleeping):
    kind = Pairwise
    steps = 12


TestSleeping = Sleeping.TestCase
TestSleepingPublished = SleepingPublished.TestCase


@pytest.mark.parametrize("kind", [Experiment, Published])
@pytest.mark.parametrize("stage", [training, retrieving, scoring, revealing, ranking, tallying, refunding])
@pytest.mark.parametrize("awake", ["", "a", "b", "ab", "bc", "abc"])
def test_whoever_sleeps_from_a_stage_on_it_ends_and_all_is_paid(kind: Any, stage: Any, awake: str) -> None:
    """Those awake act no more than to end stages; where they may not, an outsider comes after twice the grace."""
    experiment = stage(kind)
    for _ in range(20):
        if experiment.stage == Stage.OVER:
            break
        keeper = awake[0] if awake else STRANGER
        if experiment.stage >= Stage.RANKING:
            bring_on(experiment, keeper, lambda _: None)
        else:
            experiment.late(graces=1 if awake else 2).send(
                keeper if keeper in experiment.members else STRANGER, "advance"
            )
    assert experiment.stage == Stage.OVER
    for party in ("a", "b", "c", STRANGER):
        if experiment.call("collectable", party):
            experiment.send(STRANGER, "collectFor", party)
    assert experiment.money() == 0
