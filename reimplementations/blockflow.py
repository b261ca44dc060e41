"""Hospitals audit one another's models blindly, merged by contribution. Mugunthan et al. 2020, arXiv 2007.03856."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from chainward.methods.aggregation import lower_median, weighted_mean
from chainward.methods.commitment import SALT_BYTES, commitment
from chainward.methods.contribution import ONE, fixed_point, macro_f1
from chainward.methods.privacy import laplace_scale
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import FIT, Contract, Each, Kind, Memory, Query, Site, Update, World

WEI = 10**18


class Stage(IntEnum):
    """Where the contract stands."""

    ENROLLING, TRAINING, RETRIEVING, SCORING, REVEALING, TALLYING, OVER = range(7)


@dataclass(frozen=True)
class State:
    """The merged weights [P], the experiment's contract ("" before anybody came), each agent's last p in 2**-20."""

    weights: Vector
    contract: str
    contributions: Mapping[str, int]


@dataclass(frozen=True)
class BlockFLow(Strategy[State]):
    """Algorithms 1 and 2; every agent trains and audits.

    `experiment_rounds` is R, after which a new experiment is opened; `bond` and `reserve` are in ether; a stage ends
    `phase_blocks` after it began at the latest, which must exceed the patience with hospitals that do not answer.
    `majority` cuts off at more than half of the agents (the paper's text) in place of two thirds (its code). `epsilon`
    sets the scale of each round's noise and promises nothing here, None adds none; `regularisation` is the alpha that
    scale assumes. A model has at most so many `auditors`, its own agent among them; 0 has everybody audit everybody, as
    published, and so have as many agents or fewer.
    """

    experiment_rounds: int = 30
    bond: float = 1.0
    reserve: float = 0.25
    refund_fraction: float = 0.5
    phase_blocks: int = 150
    majority: bool = False
    epsilon: float | None = None
    regularisation: float = 1.0
    pairs_a_transaction: int | None = None
    auditors: int = 20

    card: ClassVar[Card] = Card.beside(
        __file__,
        contracts=("BlockFlow",),
        sees_individual_updates=Audience.EVERY_HOSPITAL,
        raw_records_shared="none",
        spends_gas=True,
        tolerates_absence=True,
    )

    def open(self, world: World) -> State:
        """Step 0: deploy the experiment and enrol."""
        return State(world.initial_weights(), self._experiment(world), {})

    def round(self, state: State, world: World) -> State:
        """Algorithm 2; who may do what anybody may, the keeper, rotates."""
        address = state.contract
        if not address or world.at(address).call("stage") == Stage.OVER:
            address = self._experiment(world)
        unchanged = State(state.weights, address, {})
        if not address:
            return unchanged
        contract = world.at(address)
        train = FIT.then(Query("encrypt", Kind.CONTROL, self.encrypt))
        models = world.ask(contract.call("members"), train, state.weights).open()
        if not models:
            return unchanged
        order = tuple(models)[world.round % len(models) :] + tuple(models)[: world.round % len(models)]
        if world.chain.block < contract.call("deadline"):  # else it is too late for everybody
            for agent, content in models.items():  # step 1
                contract.send("submitData", content, sender=agent)
        members = self._close(Stage.TRAINING, contract, world, order)
        members, scores = self._audit(contract, world, members, order, models)
        shares = self._tally(contract, members, scores)
        keepers = [agent for agent in order if agent in members]  # none where all failed: the model stays
        # Step 7: all compute the same, so one is asked, and another if it does not answer. No stage waits meanwhile.
        unread = {agent: models[agent] for agent in members} if contract.call("circle")[0] else {}
        answers = (world.ask(agent, MERGE, (shares, unread)).open() for agent in keepers)
        weights = next((merged for answer in answers for merged in answer.values()), state.weights)
        self._conclude(contract, keepers, order)
        return State(weights, address, shares)

    def outcomes(self, state: State) -> Mapping[str, Mapping[str, float]]:
        """The last p of each agent, 0 to 1."""
        return {"score": {agent: share / ONE for agent, share in state.contributions.items()}}

    def model(self, state: State) -> Vector:
        return state.weights

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        """Agents, the auditors of each model, how many of them must have read it, R."""
        auditors = min(self.auditors or hospitals, hospitals)
        cutoff = auditors // 2 + 1 if self.majority else 2 * auditors // 3
        counts = {"agents": hospitals, "auditors": auditors, "cutoff": cutoff}
        return {**counts, "experiment_rounds": self.experiment_rounds}

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

    def commit(
        self, site: Site, memory: Memory, task: tuple[tuple[str, ...], bytes]
    ) -> tuple[dict[str, bytes], Memory]:
        """Step 3 at an auditor: score what it read and commit to each score under a salt of its own."""
        members, prefix = task
        models = {agent: weights for agent, weights in memory["models"].items() if agent in members}
        scores = self.score(site, np.stack(list(models.values())))
        salts = (prefix + site.rng.bytes(SALT_BYTES - len(prefix)) for _ in models)
        secrets = {agent: (next(salts), fixed_point(s)) for agent, s in zip(models, scores, strict=True)}
        return {agent: commitment(*secret) for agent, secret in secrets.items()}, {**memory, "secrets": secrets}

    def _experiment(self, world: World) -> str:
        """Step 0: the first hospital that answers deploys, and all that answer enrol; "" if nobody does."""
        present = tuple(world.ask(world.hospitals, JOIN))
        if not present:
            return ""
        wei, reserve = round(self.bond * WEI), round(self.reserve * WEI)
        terms = (self.experiment_rounds, wei, reserve, fixed_point(self.refund_fraction), self.phase_blocks)
        address = world.deploy("BlockFlow", *terms, self.majority, self.auditors, world.hospitals, sender=present[0])
        world.chain.settle()
        contract = world.at(address)
        for hospital in present:
            contract.send("enrol", sender=hospital, value=wei)
        self._close(Stage.ENROLLING, contract, world, present)
        return address

    def _send(self, contract: Contract, function: str, agent: str, *columns: tuple[Any, ...]) -> None:
        size = self.pairs_a_transaction or max(1, len(columns[0]))
        for start in range(0, len(columns[0]), size):
            contract.send(function, *(column[start : start + size] for column in columns), sender=agent)

    def _close(self, stage: Stage, contract: Contract, world: World, order: tuple[str, ...]) -> tuple[str, ...]:
        """Let a stage that did not end by itself end at its deadline without the stragglers, if any was on time.

        Returns the members, none once the experiment is over.
        """
        if contract.call("stage") == stage:
            world.chain.wait(max(0, contract.call("deadline") - world.chain.block))
            members, late = contract.call("members"), contract.call("stragglers")
            fit = set(members) - set(late) or set(members)
            keeper = next(agent for agent in order if agent in fit)
            for agent in late:
                if agent not in fit:
                    contract.send("boot", agent, sender=keeper)
            contract.send("advance", sender=keeper)
        return () if contract.call("stage") == Stage.OVER else tuple(contract.call("members"))

    def _audit(
        self,
        contract: Contract,
        world: World,
        members: tuple[str, ...],
        order: tuple[str, ...],
        models: Mapping[str, str],
    ) -> tuple[tuple[str, ...], dict[str, dict[str, int]]]:
        """Retrieve, commit, reveal (steps 2 to 4); return who is left and s_{a,k} by auditor and model."""
        audited = _audited(contract, members)
        present = Each({agent: {model: models[model] for model in audited[agent]} for agent in members})
        for agent, read in world.ask(members, RETRIEVE, present).open().items():
            self._send(contract, "markRetrieved", agent, read)
        members = self._close(Stage.RETRIEVING, contract, world, order)
        score = Query("score", Kind.CONTROL, self.commit)
        tasks = Each({agent: (members, contract.call("saltPrefix", agent)) for agent in members})
        for agent, committed in world.ask(members, score, tasks).open().items():
            self._send(contract, "commitScores", agent, tuple(committed), tuple(committed.values()))
        members = self._close(Stage.SCORING, contract, world, order)
        revealed = world.ask(members, REVEAL, members).open()
        for agent, opened in revealed.items():
            self._send(contract, "revealScores", agent, tuple(opened), *zip(*opened.values(), strict=True))
        members = self._close(Stage.REVEALING, contract, world, order)
        return members, {a: {k: score for k, (_, score) in revealed[a].items() if k in members} for a in members}

    def _tally(
        self, contract: Contract, members: tuple[str, ...], scores: Mapping[str, Mapping[str, int]]
    ) -> dict[str, int]:
        """Let each agent propose its model's median and tally its own scores (steps 5 and 6); return every p_k."""
        if not members:
            return {}
        for model in members:
            median = lower_median([own[model] for own in scores.values() if model in own])
            contract.send("commitMedian", model, median, sender=model)
        contract.chain.settle()  # who tallies must see every median
        for auditor in members:
            contract.send("tallyDataset", auditor, sender=auditor)
        contributions, _ = contract.call("contributions")
        return dict(zip(members, contributions, strict=True))

    def _conclude(self, contract: Contract, keepers: Sequence[str], order: tuple[str, ...]) -> None:
        """Close the round, unless all failed it, and take home what an experiment that is over owes."""
        if keepers:
            contract.send("closeRound", sender=keepers[0])
        if contract.call("stage") == Stage.OVER:
            for agent in [agent for agent in order if contract.call("collectable", agent)]:
                contract.send("collect", sender=agent)


def _join(_: Site, memory: Memory, __: None) -> tuple[bool, Memory]:
    return True, memory


def _retrieve(site: Site, memory: Memory, models: Mapping[str, str]) -> tuple[tuple[str, ...], Memory]:
    """Step 2 at an agent: decrypt the models of the others; those with anything but numbers count as not readable."""
    fetched = {agent: site.fetch(cid, agent) for agent, cid in models.items() if agent != site.name}
    everything = {agent: {**memory["models"], **fetched}[agent] for agent in models}
    readable = {agent: weights for agent, weights in everything.items() if np.isfinite(weights).all()}
    return tuple(readable), {"models": readable}


def _reveal(_: Site, memory: Memory, members: tuple[str, ...]) -> tuple[dict[str, tuple[bytes, int]], Memory]:
    return {agent: secret for agent, secret in memory["secrets"].items() if agent in members}, memory


def _merge(site: Site, memory: Memory, task: tuple[Mapping[str, int], Mapping[str, str]]) -> tuple[Vector, Memory]:
    """Step 7 at an agent: w = sum_k p_k w_k / sum_k p_k over the models it read; it now reads those still `unread`."""
    shares, unread = task
    fetched = {agent: site.fetch(cid, agent) for agent, cid in unread.items() if agent not in memory["models"]}
    sound = {agent: weights for agent, weights in fetched.items() if np.isfinite(weights).all()}
    models = {**memory["models"], **sound}
    read = [agent for agent in shares if agent in models]
    return weighted_mean([models[agent] for agent in read], [shares[agent] for agent in read]), memory


def _audited(contract: Contract, members: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Whose models each member audits: its own and those of the next ones in the circle, or everybody's."""
    circle, audits = contract.call("circle")
    if not circle:
        return dict.fromkeys(members, members)
    around = (*circle, *circle)
    return {agent: around[place : place + audits] for place, agent in enumerate(circle)}


JOIN = Query("join", Kind.CONTROL, _join)
RETRIEVE = Query("retrieve", Kind.CONTROL, _retrieve)
REVEAL = Query("reveal", Kind.SCORES, _reveal)
MERGE = Query("merge", Kind.AGGREGATE, _merge)
