"""BlockFLow's contract with agents that train, read, score and reveal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from eth_utils.crypto import keccak
from papers import STRANGER, module

from chainward.ledgers.evm import ENDOWMENT_WEI
from chainward.methods.aggregation import lower_median
from chainward.methods.commitment import commitment
from chainward.methods.contribution import ONE, fixed_point
from chainward.testing import OnChain

ETHER, RESERVE, WINDOW, GRACE = 10**18, 10**18 // 4, 10, 5
SCORES = [[0.8, 0.6, 0.4], [0.8, 0.7, 0.4], [0.9, 0.6, 0.5]]
FIXED = [[fixed_point(score) for score in row] for row in SCORES]
Matrix = Sequence[Sequence[int]]
Stage = module("blockflow").Stage


def salt(auditor: str, number: int = 1) -> bytes:
    """An auditor's salt in a round."""
    return keccak(text=f"{auditor} in round {number}")


@dataclass
class Experiment(OnChain):
    """One contract with agents a, b, c, ... and whatever a test has them do."""

    agents: Sequence[str] = ("a", "b", "c")
    rounds: int = 2
    bond: int = ETHER
    reserve: int = RESERVE
    fraction: int = ONE // 2
    two_thirds: bool = False
    auditors: int = 0
    contract: ClassVar[str] = "BlockFlow"

    def __post_init__(self) -> None:
        terms = [self.rounds, self.bond, self.reserve, self.fraction, WINDOW, GRACE, self.two_thirds, self.auditors]
        self.deploy(self.contract, [*terms, self.agents], "founder")

    @property
    def members(self) -> tuple[str, ...]:
        return tuple(self.call("members"))

    @property
    def stage(self) -> Any:
        return Stage(self.call("stage"))

    def late(self, graces: int = 0) -> Self:
        """Let the stage's deadline pass, and so many times the grace after it."""
        behind = self.call("deadline") - self.ledger.block(self.now)
        return self.wait(max(0, behind) + graces * GRACE)

    def enrol(self, agents: Sequence[str] | None = None) -> Self:
        for agent in agents or self.agents:
            self.send(agent, "enrol", value=self.bond)
        return self

    def submit(self, agents: Sequence[str] | None = None) -> Self:
        for agent in agents or self.members:
            self.send(agent, "submitData", f"model of {agent}")
        return self

    def audited(self) -> dict[str, tuple[str, ...]]:
        """Whose models each agent audits in this round, its own first."""
        agents, _, audits = self.call("circle")
        return {agent: (*agents, *agents)[place : place + audits] for place, agent in enumerate(agents)}

    def audits_of(self, agent: str) -> tuple[str, ...]:
        """The models that one audits, or everybody's as somebody might say who audits none."""
        return self.audited().get(agent) or tuple(self.agents)

    def retrieve(self, agents: Sequence[str] | None = None, models: Sequence[str] | None = None) -> Self:
        for agent in agents or self.members:
            own = self.audits_of(agent)
            self.send(agent, "markRetrieved", sum(1 << own.index(model) for model in models or own))
        return self

    def salt(self, auditor: str) -> bytes:
        return salt(auditor, self.call("round"))

    def vector(self, auditor: str, scores: Mapping[str, int]) -> list[int]:
        """What an auditor says of its models, as the contract takes it."""
        return [scores[model] + 1 if model in scores else 0 for model in self.audits_of(auditor)]

    def hidden(self, auditor: str, scores: Mapping[str, int]) -> bytes:
        bound = int.from_bytes(self.call("bindingOf", auditor))
        return commitment(self.salt(auditor), bound, *self.vector(auditor, scores))

    def commit_one(self, auditor: str, scores: Mapping[str, int]) -> Self:
        self.send(auditor, "commitScores", self.hidden(auditor, scores))
        return self

    def reveal_one(self, auditor: str, scores: Mapping[str, int]) -> Self:
        self.send(auditor, "revealScores", self.salt(auditor), self.vector(auditor, scores))
        return self

    def rows(self, scores: Matrix, agents: Sequence[str] | None) -> list[tuple[str, dict[str, int]]]:
        """Scores by auditor and model; rows are auditors, the members if none are named, columns are members."""
        models = self.members
        pairs = zip(agents or models, scores, strict=True)
        return [(agent, dict(zip(models, row, strict=True))) for agent, row in pairs]

    def commit(self, scores: Matrix = FIXED, agents: Sequence[str] | None = None) -> Self:
        for agent, row in self.rows(scores, agents):
            self.commit_one(agent, row)
        return self

    def reveal(self, scores: Matrix = FIXED, agents: Sequence[str] | None = None) -> Self:
        for agent, row in self.rows(scores, agents):
            self.reveal_one(agent, row)
        return self

    def revealed(self) -> dict[str, dict[str, int]]:
        """By model and auditor, the scores on the chain."""
        members = self.members
        found: dict[str, dict[str, int]] = {member: {} for member in members}
        for (auditor, models), row in zip(self.audited().items(), self.call("scoresBy"), strict=True):
            for model, score in zip(models, row, strict=False):
                if model in found and auditor in members and score:
                    found[model][auditor] = score - 1
        return found

    def medians(self, sender: str | None = None) -> Self:
        """Propose the right ones, all at once."""
        found = [lower_median(list(scores.values())) for scores in self.revealed().values()]
        self.send(sender or self.members[0], "commitMedians", found)
        return self

    def datasets(self, sender: str | None = None) -> Self:
        self.send(sender or self.members[0], "tallyDatasets", len(self.agents))
        return self

    def audit(self, score: Callable[[str, str], int]) -> Self:
        """Retrieve, commit and reveal, each agent what it is to audit; `score` is of auditor and model."""
        self.retrieve()
        rows = {agent: {model: score(agent, model) for model in own} for agent, own in self.audited().items()}
        for agent, row in rows.items():
            self.commit_one(agent, row)
        for agent, row in rows.items():
            self.reveal_one(agent, row)
        return self

    def close(self, sender: str | None = None) -> dict[str, tuple[int, int]]:
        """Close the round; contribution and refund of each agent."""
        events = self.send(sender or self.agents[0], "closeRound", len(self.agents)).events
        found = [event for name, event in events if name == "AgentRefunded"]
        return {event["agent"]: (event["contribution"], event["refund"]) for event in found}

    def play(self, scores: Matrix = FIXED) -> dict[str, tuple[int, int]]:
        """One round in which everybody does everything."""
        return self.submit().retrieve().commit(scores).reveal(scores).medians().datasets().close()

    def money(self) -> int:
        """Wei in the contract, gone from all accounts: they must be the pool and what may be collected."""
        everybody = (*self.agents, STRANGER)
        held = sum(ENDOWMENT_WEI - self.ledger.balance(name) for name in everybody)
        owed = sum(self.call("collectable", name) for name in everybody)
        assert held == self.call("pool") + owed
        return held


class Published(Experiment):
    """The same in a transaction a pair."""

    contract: ClassVar[str] = "BlockFlowPublished"

    def pair_salt(self, auditor: str, model: str) -> bytes:
        """The auditor's address, then what only it knows."""
        secret = keccak(text=f"{auditor} on {model} in round {self.call('round')}")
        return bytes(self.call("bindingOf", auditor)) + secret[:12]

    def retrieve(self, agents: Sequence[str] | None = None, models: Sequence[str] | None = None) -> Self:
        for agent in agents or self.members:
            for model in models or self.audits_of(agent):
                if model != agent:
                    self.send(agent, "requestDecryptionKey", model)
                    self.send(model, "provideDecryptionKey", agent, b"key")
                self.send(agent, "markDataRetrieved", model)
        return self

    def commit_one(self, auditor: str, scores: Mapping[str, int]) -> Self:
        for model, score in scores.items():
            hidden = commitment(self.pair_salt(auditor, model), score)
            self.send(auditor, "submitEncryptedScore", model, hidden)
        return self

    def reveal_one(self, auditor: str, scores: Mapping[str, int]) -> Self:
        for model, score in scores.items():
            self.send(auditor, "submitDecryptedScore", model, self.pair_salt(auditor, model), score)
        return self

    def read(self) -> list[tuple[str, str]]:
        """Pairs of an auditor, booted or not, and a model that it marked."""
        number, pairs = self.call("round"), [(a, m) for a, models in self.audited().items() for m in models]
        return [pair for pair in pairs if self.call("pairOf", number, *pair)[3]]

    def medians(self, sender: str | None = None) -> Self:
        for model, scores in self.revealed().items():
            median = lower_median(list(scores.values()))
            for auditor in [auditor for auditor, read in self.read() if read == model]:
                self.send(sender or model, "tallyModelScore", model, median, auditor)
            self.send(sender or model, "commitModelMedianScore", model, median)
        return self

    def datasets(self, sender: str | None = None) -> Self:
        members = self.members
        for auditor, model in self.read():
            if auditor in members:
                self.send(sender or auditor, "tallyDatasetScore", auditor, model)
        return self


def training(kind: type[Experiment] = Experiment, **terms: Any) -> Experiment:
    return kind(**terms).enrol()


def retrieving(kind: type[Experiment] = Experiment, **terms: Any) -> Experiment:
    return training(kind, **terms).submit()


def scoring(kind: type[Experiment] = Experiment, **terms: Any) -> Experiment:
    return retrieving(kind, **terms).retrieve()


def revealing(kind: type[Experiment] = Experiment, **terms: Any) -> Experiment:
    return scoring(kind, **terms).commit()


def ranking(kind: type[Experiment] = Experiment, **terms: Any) -> Experiment:
    return revealing(kind, **terms).reveal()


def tallying(kind: type[Experiment] = Experiment, **terms: Any) -> Experiment:
    return ranking(kind, **terms).medians()


def refunding(kind: type[Experiment] = Experiment, **terms: Any) -> Experiment:
    return tallying(kind, **terms).datasets()


def over(kind: type[Experiment] = Experiment) -> Experiment:
    experiment = training(kind, rounds=1)
    experiment.play()
    return experiment
