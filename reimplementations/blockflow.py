"""Hospitals audit one another's models blindly, merged by contribution. Mugunthan et al. 2020, arXiv 2007.03856."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from annotated_types import Interval, Len

from chainward.methods.aggregation import lower_median, weighted_mean
from chainward.methods.commitment import SALT_BYTES, commitment
from chainward.methods.contribution import ONE, fixed_point, macro_f1
from chainward.methods.encryption import locked, locked_between, unlocked, unlocked_between
from chainward.methods.privacy import laplace_noised, laplace_scale
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import (
    FIT,
    PRESENT,
    ContentId,
    Contract,
    Digest,
    Each,
    Kind,
    Memory,
    Query,
    Reverted,
    Site,
    Update,
    Weights,
    World,
)

WEI = 10**18
MOST_PAIRS = 2**16  # of an auditor and a model, that the contract can judge in one block
PAIRS_A_CALL, REFUNDS_A_CALL = 4_000, 500  # pairs that it ranks or tallies in one, agents that it refunds
KEY_BYTES = 32
Stage = IntEnum("Stage", "ENROLLING TRAINING RETRIEVING SCORING REVEALING RANKING TALLYING REFUNDING OVER", start=0)
Calls = Sequence[tuple[Any, ...]]
Digests = Annotated[tuple[Digest, ...], Len(1)]
Score = Annotated[int, Interval(ge=0, le=ONE + 1)]  # 1 more than s in 2**-20; 0 of what one could not read


@dataclass(frozen=True)
class State:
    """The merged weights [P], the experiment's contract ("" before anybody came), each agent's last p in 2**-20."""

    weights: Vector
    contract: str
    contributions: Mapping[str, int]


class Circle(NamedTuple):
    """The agents as they stand on the chain, what they published, and how many models each audits from its own on."""

    agents: tuple[str, ...]
    contents: tuple[str, ...]
    audits: int

    def models(self, auditor: str) -> tuple[str, ...]:
        """Those whose models it audits."""
        place = self.agents.index(auditor)
        return (*self.agents, *self.agents)[place : place + self.audits]


@dataclass(frozen=True)
class BlockFlow(Strategy[State]):
    """Algorithms 1 and 2; every agent trains and audits.

    `experiment_rounds` is R, after which a new experiment is opened; `bond` and `reserve` are in ether; a stage ends
    `phase_blocks` after it began at the latest; `grace_blocks` later any member may end it, and as many later anybody.
    `two_thirds` cuts off there (the authors' code) in place of at more than half of the agents (their text). `epsilon`
    sets the scale of each round's noise and promises nothing here, None adds none; `regularisation` is the alpha that
    scale assumes. A model has at most so many `auditors`, its own agent among them; 0 has everybody audit everybody.
    `pairwise` sends the published transactions, one a pair. With `keys_at_once` whoever named its model late can read
    the others' before.
    """

    experiment_rounds: int = 30
    bond: float = 1.0
    reserve: float = 0.25
    refund_fraction: float = 0.5
    phase_blocks: int = 150
    grace_blocks: int = 150
    two_thirds: bool = False
    epsilon: float | None = None
    regularisation: float = 1.0
    auditors: int = 20
    pairwise: bool = False
    keys_at_once: bool = False

    card: ClassVar[Card] = Card.beside(
        __file__,
        contracts=("BlockFlow", "BlockFlowPublished"),
        sees_individual_updates=Audience.EVERY_HOSPITAL,
        raw_records_shared="none",
        spends_gas=True,
        tolerates_absence=True,
    )

    def open(self, world: World) -> State:
        """Step 0: deploy the experiment and enrol."""
        return State(world.initial_weights(), self._running("", world), {})

    def round(self, state: State, world: World) -> State:
        """Algorithm 2. A stage that is left open ends at its deadline, without those who were late."""
        if not (address := self._running(state.contract, world)):
            return State(state.weights, "", {})
        chain = world.at(address)
        # Step 1: train, add noise, encrypt, submit.
        members, encrypt = chain.call("members"), Query("encrypt", Kind.CONTROL, self.encrypt, reply=ContentId)
        models = world.ask(members, FIT.then(encrypt), state.weights, within=_part(chain)).open()
        there = tuple(models) or world.present(members, atleast=0)
        if not there:
            return State(state.weights, address, {})
        order = there[world.round % len(there) :] + there[: world.round % len(there)]  # whose turn it is to end stages
        _send(chain, "submitData", {agent: [(content,)] for agent, content in models.items()})
        agents = _end(Stage.TRAINING, chain, order)
        circle = Circle(*chain.call("circle"))
        agents, keys = self._audit(world, chain, agents, circle)
        # Steps 5 and 6: the median m_k of each model's scores, how far each auditor is off, and so every p_k.
        shares = self._shares(chain, circle, agents[0]) if agents else {}
        # Step 7: all compute the same, so one is asked, and another if it does not answer. No stage waits meanwhile.
        task = {agent: shares[agent] for agent in world.hospitals if agent in shares}, tuple(circle)
        merge = Query("merge", Kind.AGGREGATE, self.merge, reply=Weights)
        answers = (world.ask(agent, merge, (*task, keys.get(agent))).open() for agent in agents)
        weights = next((merged for answer in answers for merged in answer.values()), state.weights)
        _refund(chain, order)
        return State(weights, address, task[0])

    def model(self, state: State) -> Vector:
        return state.weights

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        """Agents, the auditors of each model, how many of them must have read it, R."""
        auditors = self._auditors(hospitals)
        cutoff = 2 * auditors // 3 if self.two_thirds else auditors // 2 + 1
        counts = {"agents": hospitals, "auditors": auditors, "cutoff": cutoff}
        return {**counts, "experiment_rounds": self.experiment_rounds}

    def outcomes(self, state: State) -> Mapping[str, Mapping[str, float]]:
        """The last p of each agent, 0 to 1."""
        return {"score": {agent: share / ONE for agent, share in state.contributions.items()}}

    @property
    def _ways(self) -> Whole:
        return Pairwise() if self.pairwise else Whole()

    @property
    def _keys_at_once(self) -> bool:
        return self.keys_at_once and not self.pairwise  # as published they are asked for

    def _auditors(self, hospitals: int) -> int:
        """Everybody, fewer if so many are named, and no more than the contract can judge in one block."""
        return min(self.auditors or hospitals, hospitals, max(3, MOST_PAIRS // hospitals))

    def _running(self, address: str, world: World) -> str:
        """Step 0, unless an experiment runs: who answers first deploys, all who do pay the bond; "" if nobody does."""
        if address and world.at(address).call("stage") < Stage.OVER:
            return address
        if not (present := world.present(atleast=0)):
            return ""
        bond, reserve = round(self.bond * WEI), round(self.reserve * WEI)
        money = (self.experiment_rounds, bond, reserve, fixed_point(self.refund_fraction))
        auditors = self._auditors(len(world.hospitals))
        rules = (self.phase_blocks, self.grace_blocks, self.two_thirds, auditors if auditors > 2 else 0)
        chain = world.found(self._ways.contract, *money, *rules, world.hospitals, sender=present[0])
        chain.send_each("enrol", present, value=bond)
        _end(Stage.ENROLLING, chain, present)
        return chain.address

    def _audit(
        self, world: World, chain: Contract, agents: tuple[str, ...], circle: Circle
    ) -> tuple[tuple[str, ...], Mapping[str, Any]]:
        """Retrieve, commit, reveal (steps 2 to 4); return who is left, and the keys that each was given."""
        ways = self._ways
        # Step 2: retrieve what the others submitted, as the chain names it, with keys that they give only now.
        keys = Each() if self._keys_at_once else ways.keys(world, chain, agents, circle)
        tasks = Each({agent: (tuple(circle), keys.get(agent)) for agent in agents})
        retrieve = Query("retrieve", Kind.CONTROL, self.retrieve, reply=tuple[bool, ...])
        read = world.ask(agents, retrieve, tasks, within=_part(chain)).open()
        _send(chain, ways.mark, {agent: ways.marks(circle, agent, able) for agent, able in read.items()})
        agents = _end(Stage.RETRIEVING, chain, agents)
        # Step 3: score every model and commit to the scores.
        bindings = Each({agent: chain.call("bindingOf", agent) for agent in agents})
        score = Query("score", Kind.CONTROL, self.commit, reply=Digests)
        hidden = world.ask(agents, score, bindings, within=_part(chain)).open()
        _send(chain, ways.submit, {agent: ways.commitments(circle, agent, read, own) for agent, own in hidden.items()})
        agents = _end(Stage.SCORING, chain, agents)
        # Step 4: reveal them.
        opened = world.ask(agents, REVEAL, within=_part(chain)).open()
        _send(chain, ways.reveal, {agent: ways.scores(circle, agent, *own) for agent, own in opened.items()})
        return _end(Stage.REVEALING, chain, agents), keys

    def _shares(self, chain: Contract, circle: Circle, keeper: str) -> dict[str, int]:
        """Every p_k, from the scores on the chain."""
        members = chain.call("members")
        self._ways.tally(chain, circle, _medians(circle, chain.call("scoresBy"), members), keeper)
        return dict(zip(members, chain.call("contributions"), strict=True))

    def encrypt(self, site: Site, memory: Memory, update: Update) -> tuple[str, Memory]:
        """Step 1 at an agent: add Lap(0, 2 / (d alpha epsilon)) to every weight, publish it for the other agents."""
        weights, kind = update.weights, Kind.UPDATE
        if self.epsilon is not None:
            scale = laplace_scale(update.samples, self.regularisation, self.epsilon)
            weights, kind = laplace_noised(weights, scale, site.rng), Kind.NOISED_UPDATE
        key = site.rng.bytes(KEY_BYTES)
        others = tuple(hospital for hospital in site.hospitals if hospital != site.name)
        content = weights if self._keys_at_once else locked(weights.tobytes(), key, site.rng)
        return site.publish(content, kind, readers=others), {"models": {site.name: weights}, "key": key}

    def retrieve(self, site: Site, memory: Memory, task: Any) -> tuple[tuple[bool, ...], Memory]:
        """Step 2 at an agent: decrypt the models it audits; tell which it could read, its own first."""
        circle, keys = Circle(*task[0]), task[1]
        audited = circle.models(site.name)
        models = {**memory["models"], **_read(site, circle, audited, self._ways.unwrapped(site, keys))}
        return tuple(agent in models for agent in audited), {**memory, "models": models, "audited": audited}

    def score(self, site: Site, models: Vector) -> Any:
        """s_{a,k}: macro-F1 of models [M, P] on all of the auditor's own patients, [M]."""
        return macro_f1(site.train.labels, site.predict(models, site.train.features) >= 0.5)

    def commit(self, site: Site, memory: Memory, binding: bytes) -> tuple[tuple[bytes, ...], Memory]:
        """Step 3 at an auditor: score what it read, and commit to the scores under salts of its own."""
        models = {agent: memory["models"][agent] for agent in memory["audited"] if agent in memory["models"]}
        found = self.score(site, np.stack(list(models.values())))
        scores = site.scores(dict(zip(models, found, strict=True)), 0.0, 1.0)
        vector = tuple(fixed_point(scores[agent]) + 1 if agent in models else 0 for agent in memory["audited"])
        salts, hidden = self._ways.hidden(site, binding, vector)
        return hidden, {**memory, "opening": (salts, vector)}

    def merge(self, site: Site, memory: Memory, task: Any) -> tuple[Vector, Memory]:
        """Step 7 at an agent: w = sum_k p_k w_k / sum_k p_k over the models it can read."""
        shares, circle, keys = task[0], Circle(*task[1]), task[2]
        unread = [agent for agent in shares if agent not in memory["models"]]
        models = {**memory["models"], **_read(site, circle, unread, self._ways.unwrapped(site, keys))}
        own = {agent: share for agent, share in shares.items() if agent in models}
        weights = list(own.values()) if any(own.values()) else [1] * len(own)
        return weighted_mean([models[agent] for agent in own], weights), memory


class Whole:
    """One transaction an agent and stage: bits of what it read, a commitment to all scores, all scores."""

    contract, mark, submit, reveal = "BlockFlow", "markRetrieved", "commitScores", "revealScores"

    def keys(self, world: World, chain: Contract, agents: tuple[str, ...], circle: Circle) -> Each:
        """Agents send one another their models' keys, off the chain and unread by whoever forwards them."""
        given = dict(world.ask(agents, GIVE, within=_part(chain) / 2))
        return Each(dict.fromkeys(agents, given))

    def unwrapped(self, site: Site, keys: Any) -> Any:
        return keys

    def marks(self, circle: Circle, agent: str, able: Sequence[bool]) -> Calls:
        return [(sum(one << j for j, one in enumerate(able[: circle.audits])),)]

    def hidden(self, site: Site, binding: bytes, vector: Sequence[int]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        salt = site.rng.bytes(SALT_BYTES)
        return (salt,), (commitment(salt, int.from_bytes(binding), *vector),)

    def commitments(self, circle: Circle, agent: str, read: Any, hidden: Sequence[bytes]) -> Calls:
        return [(hidden[0],)]

    def scores(self, circle: Circle, agent: str, salts: Sequence[bytes], vector: Sequence[int]) -> Calls:
        return [(salts[0], vector)]

    def tally(self, chain: Contract, circle: Circle, medians: Mapping[str, int], keeper: str) -> None:
        """One agent has the contract count and compute, for as many models or auditors as fit into a block."""
        proposed, step = tuple(medians.values()), max(1, PAIRS_A_CALL // circle.audits)
        for start in range(0, len(proposed), step):
            chain.send("commitMedians", proposed[start : start + step], sender=keeper)
        for _ in range(0, len(circle.agents), step):
            chain.send("tallyDatasets", step, sender=keeper)


class Pairwise(Whole):
    """The published transactions, each of one auditor and one model."""

    contract, mark = "BlockFlowPublished", "markDataRetrieved"
    submit, reveal = "submitEncryptedScore", "submitDecryptedScore"

    def keys(self, world: World, chain: Contract, agents: tuple[str, ...], circle: Circle) -> Each:
        """Auditors ask for the keys of models on the chain, where their agents give them, encrypted for each."""
        asking = {agent: circle.models(agent)[1:] for agent in world.ask(agents, PRESENT, within=_part(chain) / 3)}
        _send(chain, "requestDecryptionKey", {agent: [(model,) for model in own] for agent, own in asking.items()})
        asked = Each({model: tuple(agent for agent, own in asking.items() if model in own) for model in agents})
        given = world.ask(agents, WRAP, asked, within=_part(chain) / 2).open()
        _send(
            chain,
            "provideDecryptionKey",
            {model: zip(asked[model], keys, strict=False) for model, keys in given.items()},
        )
        found = {agent: zip(circle.models(agent), chain.call("keysFor", agent), strict=True) for agent in agents}
        return Each({agent: {model: key for model, key in own if key} for agent, own in found.items()})

    def unwrapped(self, site: Site, keys: Any) -> Any:
        return {model: _opened(unlocked_between, key, site.key, site.keys[model]) for model, key in keys.items()}

    def marks(self, circle: Circle, agent: str, able: Sequence[bool]) -> Calls:
        return [(model,) for model, one in zip(circle.models(agent), able, strict=False) if one]

    def hidden(self, site: Site, binding: bytes, vector: Sequence[int]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        own = [score - 1 for score in vector if score]
        salts = tuple(binding + site.rng.bytes(SALT_BYTES - len(binding)) for _ in own)
        return salts, tuple(map(commitment, salts, own))

    def commitments(self, circle: Circle, agent: str, read: Any, hidden: Sequence[bytes]) -> Calls:
        marked = self.marks(circle, agent, read[agent])
        return [(*model, one) for model, one in zip(marked, hidden, strict=False)]

    def scores(self, circle: Circle, agent: str, salts: Sequence[bytes], vector: Sequence[int]) -> Calls:
        own = [(model, score - 1) for model, score in zip(circle.models(agent), vector, strict=False) if score]
        return [(model, salt, score) for (model, score), salt in zip(own, salts, strict=False)]

    def tally(self, chain: Contract, circle: Circle, medians: Mapping[str, int], keeper: str) -> None:
        """Each agent has the scores of its own model counted one by one, then its own scores."""
        rows = zip(circle.agents, chain.call("readBy"), strict=True)
        pairs = [(auditor, model) for auditor, able in rows for (model,) in self.marks(circle, auditor, able)]
        for model, median in medians.items():
            for auditor in [auditor for auditor, one in pairs if one == model]:
                chain.send("tallyModelScore", model, median, auditor, sender=model)
            chain.send("commitModelMedianScore", model, median, sender=model)
        chain.chain.settle()  # who tallies must see every median
        for auditor, model in pairs:
            if auditor in medians:
                chain.send("tallyDatasetScore", auditor, model, sender=auditor)


def _part(chain: Contract) -> float:
    """Seconds for answers: most of what the stage has left; the rest is for transactions."""
    return 0.9 * chain.left()


def _send(chain: Contract, function: str, calls: Mapping[str, Iterable[tuple[Any, ...]]]) -> None:
    """Have each agent send its calls. One that the contract refuses is as if it had not been sent."""
    for agent, own in calls.items():
        for arguments in own:
            with suppress(Reverted):
                chain.send(function, *arguments, sender=agent)


def _end(stage: Stage, chain: Contract, order: tuple[str, ...]) -> tuple[str, ...]:
    """End a stage that waits for stragglers, without them unless all are; return the members, in this order.

    There are none once all members have failed a stage. The first of `order` who was on time does what anybody may.
    """
    if chain.call("stage") == stage:
        members, late = chain.call("members"), chain.call("stragglers")
        fit = set(members) - set(late) or set(members)
        chain.end_late(next(agent for agent in order if agent in fit), "advance")
    members = chain.call("members") if chain.call("stage") == stage + 1 else ()
    return tuple(agent for agent in order if agent in members)


def _refund(chain: Contract, order: Sequence[str]) -> None:
    """Close the round, and once the experiment is over take home what it owes."""
    while chain.call("stage") == Stage.REFUNDING:
        chain.send("closeRound", REFUNDS_A_CALL, sender=order[0])
    if chain.call("stage") == Stage.OVER:
        chain.send_each("collect", [agent for agent in order if chain.call("collectable", agent)])


def _medians(circle: Circle, rows: Sequence[Sequence[int]], members: Sequence[str]) -> dict[str, int]:
    """m_k of the members' models: lower medians of what the members revealed, by place in the circle."""
    found: dict[str, list[int]] = {agent: [] for agent in circle.agents if agent in members}
    for auditor, row in zip(circle.agents, rows, strict=True):
        for model, score in zip(circle.models(auditor), row, strict=False):
            if score and auditor in found and model in found:
                found[model].append(score - 1)
    return {model: lower_median(scores) for model, scores in found.items()}


def _read(site: Site, circle: Circle, wanted: Sequence[str], keys: Mapping[str, Any] | None) -> dict[str, Vector]:
    """Models [P] of others that can be read, with the keys that were given since if there are any."""
    contents = dict(zip(circle.agents, circle.contents, strict=True))
    others = {agent: contents[agent] for agent in wanted if agent != site.name}
    if keys is None:
        return site.read(others, Weights, sealed=True)
    closed = site.read({agent: content for agent, content in others.items() if agent in keys}, bytes, sealed=True)
    opened = {agent: _opened(unlocked, data, keys[agent]) for agent, data in closed.items()}
    return site.checked({agent: _opened(np.frombuffer, data, np.float32) for agent, data in opened.items()}, Weights)


def _opened(how: Callable[..., Any], *what: Any) -> Any:
    """What comes of opening something that may have been made up; then nothing."""
    try:
        return how(*what)
    except (TypeError, ValueError):
        return None


def _give(_: Site, memory: Memory, __: None) -> tuple[bytes, Memory]:
    """Step 2 at an agent: its model's key."""
    return memory["key"], memory


def _wrap(site: Site, memory: Memory, auditors: tuple[str, ...]) -> tuple[tuple[bytes, ...], Memory]:
    """Step 2 at an agent: its model's key, encrypted for each who asked for it."""
    return tuple(locked_between(memory["key"], site.key, site.keys[one], site.rng) for one in auditors), memory


def _reveal(_: Site, memory: Memory, __: None) -> tuple[Any, Memory]:
    """Step 4 at an auditor: its salts and scores."""
    return memory["opening"], memory


GIVE = Query("give_key", Kind.CONTROL, _give, reply=Digest)
WRAP = Query("wrap_key", Kind.CONTROL, _wrap, reply=tuple[Annotated[bytes, Len(1, 100)], ...])
REVEAL = Query("reveal", Kind.SCORES, _reveal, reply=tuple[Digests, tuple[Score, ...]])
