"""BlockFLow's contract with agents that train, read, score and reveal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak
from papers import STRANGER, module

from chainward.ledgers.evm import ENDOWMENT_WEI, account_address
from chainward.methods.aggregation import lower_median
from chainward.methods.commitment import commitment
from chainward.methods.contribution import ONE, fixed_point
from chainward.testing import OnChain

ETHER, RESERVE, WINDOW = 10**18, 10**18 // 4, 10
SCORES = [[0.8, 0.6, 0.4], [0.8, 0.7, 0.4], [0.9, 0.6, 0.5]]
FIXED = [[fixed_point(score) for score in row] for row in SCORES]
Matrix = Sequence[Sequence[int]]
Stage = module("blockflow").Stage


def salt(auditor: str, model: str, number: int = 1) -> bytes:
    """An auditor's salt for a model in a round: its address, then what only it knows."""
    return bytes.fromhex(account_address(auditor)[2:]) + keccak(text=f"{auditor} on {model} in round {number}")[:12]


@dataclass
class Experiment(OnChain):
    """One contract with agents a, b, c, ... and whatever a test has them do."""

    agents: Sequence[str] = ("a", "b", "c")
    rounds: int = 2
    bond: int = ETHER
    reserve: int = RESERVE
    fraction: int = ONE // 2
    majority: bool = False
    auditors: int = 0

    def __post_init__(self) -> None:
        terms = [self.rounds, self.bond, self.reserve, self.fraction, WINDOW, self.majority, self.auditors, self.agents]
        self.deploy("BlockFlow", terms, "founder")

    @property
    def members(self) -> tuple[str, ...]:
        return tuple(self.call("members"))

    @property
    def stage(self) -> Any:
        return Stage(self.call("stage"))

    def late(self) -> Experiment:
        """Let the stage's deadline pass."""
        return self.wait(WINDOW + 1)

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

    def audited(self) -> dict[str, tuple[str, ...]]:
        """Whose models each agent audits in this round."""
        agents, audits = self.call("circle")
        return {agent: (*agents, *agents)[place : place + audits] for place, agent in enumerate(agents)}

    def audit(self, score: Callable[[str, str], int]) -> Experiment:
        """Retrieve, commit and reveal, each agent what it is to audit; `score` is of auditor and model."""
        for agent, models in self.audited().items():
            self.send(agent, "markRetrieved", models)
        rows = {agent: (models, [score(agent, model) for model in models]) for agent, models in self.audited().items()}
        for agent, (models, row) in rows.items():
            self.send(agent, "commitScores", *self.committed(agent, row, models))
        for agent, (models, row) in rows.items():
            self.send(agent, "revealScores", *self.opened(agent, row, models))
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
