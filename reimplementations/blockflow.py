"""Hospitals audit one another's models blindly, merged by contribution. Mugunthan et al. 2020, arXiv 2007.03856."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from chainward.methods.aggregation import lower_median, weighted_mean
from chainward.methods.commitment import SALT_BYTES, commitment
from chainward.methods.contribution import fixed_point, macro_f1
from chainward.methods.privacy import laplace_scale
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import FIT, Contract, HospitalAbsent, Kind, Memory, Query, Site, Update, World

WEI = 10**18


class Stage(IntEnum):
    """Where the contract stands."""

    ENROLLING, TRAINING, RETRIEVING, SCORING, REVEALING, TALLYING, OVER = range(7)


@dataclass(frozen=True)
class State:
    """The merged weights [P], the experiment's contract, and each agent's p of the last round in units of 2**-20."""

    weights: Vector
    contract: str
    contributions: Mapping[str, int]


@dataclass(frozen=True)
class BlockFLow(Strategy[State]):
    """Algorithms 1 and 2; every agent trains and audits.

    `experiment_rounds` is R, after which a new experiment is opened; `bond` and `reserve` are in ether; a stage ends
    `stage_blocks` after it began at the latest, which must exceed the patience with hospitals that do not answer.
    `majority` cuts off at more than half of the agents (the paper's text) in place of two thirds (its code). `epsilon`
    is spent anew in each round, None adds no noise; `regularisation` is the alpha its scale assumes.
    """

    experiment_rounds: int = 30
    bond: float = 1.0
    reserve: float = 0.25
    refund_fraction: float = 0.5
    stage_blocks: int = 150
    majority: bool = False
    epsilon: float | None = None
    regularisation: float = 1.0
    pairs_a_transaction: int | None = None

    card: ClassVar[Card] = Card(
        key="blockflow",
        title="BlockFLow: An Accountable and Privacy-Preserving Solution for Federated Learning",
        authors="Mugunthan, Rahman, Kagal",
        where="2020, arXiv 2007.03856",
        year=2020,
        family="federated, contribution",
        tier="T1",
        summary="Every hospital scores every model blindly; a contract weighs them and refunds bonds by contribution.",
        consensus="public Ethereum, proof of work",
        sees_individual_updates=Audience.EVERY_HOSPITAL,
        raw_records_shared="none",
        spends_gas=True,
        tolerates_absence=True,
        contracts=("BlockFlow",),
        deviations=(
            "Solidity in place of Vyper; a list of admitted hospitals in place of the authoriser contract.",
            "All pairs of an auditor go in one transaction; pairs_a_transaction = 1 sends each alone, as published.",
            "Models are encrypted for all other hospitals at once; no decryption keys are asked for on chain.",
            "Agents publish no validation data, which would be raw records.",
            "All stages have the same length, and one also ends once every agent has acted.",
            "A median's scores are counted in one call, not by a call an auditor.",
            "Refunds follow the authors' simulator (by p over the sum of p), not their contract (by head-count).",
            "What flooring leaves at the end goes to the first agent.",
            "Where every p is 0 all count as 1, which the paper leaves undefined.",
            "Booting is for the rest of the experiment, and the booter is that round's keeper, a part that rotates.",
            "R is fixed at deployment (experiment_rounds): a trial that stops earlier leaves the pool locked.",
            "A trial that goes on after R rounds opens a new experiment for all; its gas counts as the round's.",
            "The common track has no noise, the task's network and the last local weights, not the best snapshot's.",
            "With noise, R rounds spend R x epsilon in all.",
            "That epsilon is nominal: proved for the exact minimiser of a logistic model on rows of norm 1.",
            "Laplace noise on each weight is weaker than the mechanism the paper cites; an MLP has no guarantee.",
        ),
        published={
            "params": {"epsilon": 1.0, "experiment_rounds": 3, "pairs_a_transaction": 1},
            "training": {"network": "logistic"},
        },
    )

    def open(self, world: World) -> State:
        """Step 0: deploy the experiment and enrol."""
        return State(world.initial_weights(), self._experiment(world), {})

    def round(self, state: State, world: World) -> State:
        """Algorithm 2; who may do what anybody may, the keeper, rotates."""
        contract = world.at(state.contract)
        if contract.call("stage") == Stage.OVER or not contract.call("members"):
            contract = world.at(self._experiment(world))
        train = FIT.then(Query("encrypt", Kind.REFERENCE, self.encrypt))
        models = world.ask(contract.call("members"), train, state.weights).open()
        if not models:
            return State(state.weights, contract.address, {})
        order = tuple(models)[world.round % len(models) :] + tuple(models)[: world.round % len(models)]
        if world.chain.block >= contract.call("deadline"):  # nobody came in time: the stage starts again
            contract.send("advance", sender=order[0])
        for agent, content in models.items():  # step 1
            contract.send("submitData", content, sender=agent)
        members = self._close(Stage.TRAINING, contract, world, order)
        present = {agent: models[agent] for agent in members}
        for agent, read in world.ask(members, RETRIEVE, present).open().items():  # step 2
            self._send(contract, "markRetrieved", agent, read)
        members = self._close(Stage.RETRIEVING, contract, world, order)
        members, scores = self._audit(contract, world, members, order)
        shares = self._tally(contract, members, scores, _keeper(order, members))
        merged = world.ask(_keeper(order, members), MERGE, shares).open()  # step 7: all compute the same, one is asked
        (weights,) = merged.values()
        return State(weights, contract.address, shares)

    def model(self, state: State) -> Vector:
        return state.weights

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        cutoff = hospitals // 2 + 1 if self.majority else 2 * hospitals // 3
        return {"agents": hospitals, "cutoff": cutoff, "experiment_rounds": self.experiment_rounds}

    def encrypt(self, site: Site, memory: Memory, update: Update) -> tuple[str, Memory]:
        """Step 1 at an agent: add Lap(0, 2 / (d alpha epsilon)) to every weight, publish it for the other agents."""
        weights, kind = update.weights, Kind.UPDATE
        if self.epsilon is not None:
            scale = laplace_scale(update.samples, self.regularisation, self.epsilon)
            noise = site.rng.laplace(0, scale, weights.shape)
            weights, kind = (weights + noise).astype(np.float32), Kind.NOISED_UPDATE
        others = tuple(hospital for hospital in site.hospitals if hospital != site.name)
        return site.publish(weights, kind, readers=others), {"models": {site.name: weights}}

    def score(self, site: Site, models: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """s_{a,k}: macro-F1 of models [M, P] on all of the auditor's own patients, [M]."""
        return macro_f1(site.train.labels, site.predict(models, site.train.features) >= 0.5)

    def commit(self, site: Site, memory: Memory, members: tuple[str, ...]) -> tuple[dict[str, bytes], Memory]:
        """Step 3 at an auditor: score what it read and commit to each score under a salt of its own."""
        models = {agent: weights for agent, weights in memory["models"].items() if agent in members}
        scores = self.score(site, np.stack(list(models.values())))
        secrets = {agent: (site.rng.bytes(SALT_BYTES), fixed_point(s)) for agent, s in zip(models, scores, strict=True)}
        return {agent: commitment(*secret) for agent, secret in secrets.items()}, {**memory, "secrets": secrets}

    def _experiment(self, world: World) -> str:
        wei, reserve = round(self.bond * WEI), round(self.reserve * WEI)
        terms = (self.experiment_rounds, wei, reserve, fixed_point(self.refund_fraction), self.stage_blocks)
        founder = world.hospitals[0]
        address = world.deploy("BlockFlow", *terms, self.majority, world.hospitals, sender=founder)
        contract = world.at(address)
        for hospital in world.hospitals:
            with suppress(HospitalAbsent):  # who is not there does not take part
                contract.send("enrol", sender=hospital, value=wei)
        enrolled = contract.call("members")
        if enrolled:
            self._close(Stage.ENROLLING, contract, world, enrolled)
        return address

    def _send(self, contract: Contract, function: str, agent: str, *columns: tuple[Any, ...]) -> None:
        size = self.pairs_a_transaction or max(1, len(columns[0]))
        for start in range(0, len(columns[0]), size):
            contract.send(function, *(column[start : start + size] for column in columns), sender=agent)

    def _close(self, stage: Stage, contract: Contract, world: World, order: tuple[str, ...]) -> tuple[str, ...]:
        """Let a stage that did not end by itself end at its deadline without the stragglers; return the members."""
        if contract.call("stage") == stage:
            world.chain.wait(max(0, contract.call("deadline") - world.chain.block))
            late = contract.call("stragglers")
            keeper = _keeper(order, set(contract.call("members")) - set(late))
            for agent in late:
                contract.send("boot", agent, sender=keeper)
            contract.send("advance", sender=keeper)
        members: tuple[str, ...] = contract.call("members")
        return members

    def _audit(
        self, contract: Contract, world: World, members: tuple[str, ...], order: tuple[str, ...]
    ) -> tuple[tuple[str, ...], dict[str, dict[str, int]]]:
        """Steps 3 and 4: commit, then reveal; return who is left and s_{a,k} by auditor and model."""
        score = Query("score", Kind.REFERENCE, self.commit)
        for agent, committed in world.ask(members, score, members).open().items():
            self._send(contract, "commitScores", agent, tuple(committed), tuple(committed.values()))
        members = self._close(Stage.SCORING, contract, world, order)
        revealed = world.ask(members, REVEAL, members).open()
        for agent, opened in revealed.items():
            self._send(contract, "revealScores", agent, tuple(opened), *zip(*opened.values(), strict=True))
        members = self._close(Stage.REVEALING, contract, world, order)
        return members, {a: {k: score for k, (_, score) in revealed[a].items() if k in members} for a in members}

    def _tally(
        self, contract: Contract, members: tuple[str, ...], scores: Mapping[str, Mapping[str, int]], keeper: str
    ) -> dict[str, int]:
        """Steps 5 and 6: each agent proposes its model's median and tallies its own scores; return every p_k."""
        for model in members:
            median = lower_median([own[model] for own in scores.values() if model in own])
            contract.send("commitMedian", model, median, sender=model)
        for auditor in members:
            contract.send("tallyDataset", auditor, sender=auditor)
        events = contract.send("closeRound", sender=keeper).events
        if contract.call("stage") == Stage.OVER:
            for agent in [agent for agent in members if contract.call("collectable", agent)]:
                contract.send("collect", sender=agent)
        return {event["agent"]: event["contribution"] for name, event in events if name == "AgentRefunded"}


def _keeper(order: tuple[str, ...], fit: Any) -> str:
    """Return the agent that does what anybody may: the first in the round's order that is fit for it."""
    return next((agent for agent in order if agent in fit), order[0])


def _retrieve(site: Site, memory: Memory, models: Mapping[str, str]) -> tuple[tuple[str, ...], Memory]:
    """Step 2 at an agent: decrypt the models of the others; those with anything but numbers count as not readable."""
    fetched = {agent: site.fetch(cid, agent) for agent, cid in models.items() if agent != site.name}
    everything = {agent: {**memory["models"], **fetched}[agent] for agent in models}
    readable = {agent: weights for agent, weights in everything.items() if np.isfinite(weights).all()}
    return tuple(readable), {"models": readable}


def _reveal(_: Site, memory: Memory, members: tuple[str, ...]) -> tuple[dict[str, tuple[bytes, int]], Memory]:
    return {agent: secret for agent, secret in memory["secrets"].items() if agent in members}, memory


def _merge(_: Site, memory: Memory, shares: Mapping[str, int]) -> tuple[Vector, Memory]:
    """Step 7 at an agent: w = sum_k p_k w_k / sum_k p_k over the models it read."""
    read = [agent for agent in shares if agent in memory["models"]]
    return weighted_mean([memory["models"][agent] for agent in read], [shares[agent] for agent in read]), memory


RETRIEVE = Query("retrieve", Kind.REFERENCE, _retrieve)
REVEAL = Query("reveal", Kind.SCORES, _reveal)
MERGE = Query("merge", Kind.AGGREGATE, _merge)
