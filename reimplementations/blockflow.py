"""Hospitals audit one another's models blindly, merged by contribution. Mugunthan et al. 2020, arXiv 2007.03856."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from annotated_types import Interval, Len

from chainward.methods.aggregation import weighted_mean
from chainward.methods.auditing import Circle
from chainward.methods.commitment import SALT_BYTES, commitment
from chainward.methods.contribution import ONE, fixed_point, macro_f1
from chainward.methods.encryption import locked, locked_between, unlocked, unlocked_between
from chainward.methods.packing import bits
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
PART = 0.9  # of the seconds that a stage has left, for answers; the rest is for transactions
Stage = IntEnum("Stage", "ENROLLING TRAINING RETRIEVING SCORING REVEALING RANKING TALLYING REFUNDING OVER", start=0)
Names = tuple[str, ...]
Calls = Iterable[tuple[Any, ...]]  # the arguments of each
Digests = Annotated[tuple[Digest, ...], Len(1)]
Score = Annotated[int, Interval(ge=0, le=ONE + 1)]  # 1 more than s in 2**-20; 0 of what one could not read


@dataclass(frozen=True)
class State:
    """The merged weights [P], the experiment's contract ("" before anybody came), each agent's last p in 2**-20."""

    weights: Vector
    contract: str
    contributions: Mapping[str, int]


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
        models = world.ask(members, FIT.then(encrypt), state.weights, within=PART * chain.left()).open()
        there = tuple(models) or world.present(members, atleast=0)
        if not there:
            return State(state.weights, address, {})
        order = there[world.round % len(there) :] + there[: world.round % len(there)]  # whose turn it is to end stages
        _send(chain, "submitData", {agent: [(content,)] for agent, content in models.items()})
        agents = _end(Stage.TRAINING, chain, order)
        circle = Circle(*chain.call("circle"))
        agents, keys = self._audit(world, chain, agents, circle)
        # Steps 5 and 6: the median m_k of each model's scores, how far each auditor is off, and so every p_k.
        shares = self._shares(world, chain, circle, agents[0]) if agents else {}
        # Step 7: all compute the same, so one is asked, and another if it does not answer. No stage waits meanwhile.
        merge = Query("merge", Kind.AGGREGATE, self.merge, reply=Weights)
        answers = (world.ask(agent, merge, (shares, tuple(circle), keys.get(agent))).open() for agent in agents)
        weights = next((merged for answer in answers for merged in answer.values()), state.weights)
        _refund(chain, order)
        return State(weights, address, shares)

    def model(self, state: State) -> Vector:
        return state.weights

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        """Agents, the auditors of each model, how many of them must have read it, R."""
        audits = self._auditors(hospitals)
        cutoff = 2 * audits // 3 if self.two_thirds else audits // 2 + 1
        return {"agents": hospitals, "auditors": audits, "cutoff": cutoff, "experiment_rounds": self.experiment_rounds}

    def outcomes(self, state: State, world: World) -> Mapping[str, Mapping[str, float]]:
        """The last p of each agent, 0 to 1."""
        return {"score": {agent: share / ONE for agent, share in state.contributions.items()}}

    @property
    def _form(self) -> Form:
        return PAIRWISE if self.pairwise else WHOLE._replace(keys=None) if self.keys_at_once else WHOLE

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
        chain = world.found(self._form.contract, *money, *rules, world.hospitals, sender=present[0])
        chain.send_each("enrol", present, value=bond)
        _end(Stage.ENROLLING, chain, present)
        return chain.address

    def _audit(self, world: World, chain: Contract, agents: Names, circle: Circle) -> tuple[Names, Mapping[str, Any]]:
        """Retrieve, commit, reveal (steps 2 to 4); return who is left, and the keys that each was given."""
        form = self._form  # one transaction an agent and stage, or as published one a pair
        # Step 2: retrieve what the others submitted, as the chain names it, with keys that they give only now.
        keys = form.keys(world, chain, agents, circle) if form.keys else Each()
        tasks = Each({agent: (tuple(circle), keys.get(agent)) for agent in agents})
        retrieve = Query("retrieve", Kind.CONTROL, self.retrieve, reply=tuple[bool, ...])
        able = world.ask(agents, retrieve, tasks, within=PART * chain.left()).open()
        read = {agent: tuple(circle.held(agent, own)) for agent, own in able.items()}
        marks = {agent: self._calls((bits(own, circle.audited(agent)),), own) for agent, own in read.items()}
        _send(chain, form.mark, marks)
        agents = _end(Stage.RETRIEVING, chain, agents)
        # Step 3: score every model and commit to the scores.
        bindings = Each({agent: chain.call("bindingOf", agent) for agent in agents})
        score = Query("score", Kind.CONTROL, self.commit, reply=Digests)
        hidden = world.ask(agents, score, bindings, within=PART * chain.left()).open()
        _send(chain, form.commit, {agent: self._calls(own[:1], read[agent], own) for agent, own in hidden.items()})
        agents = _end(Stage.SCORING, chain, agents)
        # Step 4: reveal them.
        opened = world.ask(agents, REVEAL, within=PART * chain.left()).open()
        scores = {agent: [score - 1 for score in vector if score] for agent, (_, vector) in opened.items()}
        calls = {a: self._calls((salts[0], vector), read[a], salts, scores[a]) for a, (salts, vector) in opened.items()}
        _send(chain, form.reveal, calls)
        return _end(Stage.REVEALING, chain, agents), keys

    def _calls(self, whole: tuple[Any, ...], *columns: Sequence[Any]) -> Calls:
        """An agent's calls in a stage: one of all that it audits, or as published one of each model that it read."""
        return zip(*columns, strict=False) if self.pairwise else [whole]

    def _shares(self, world: World, chain: Contract, circle: Circle, keeper: str) -> dict[str, int]:
        """Every p_k, from the scores on the chain."""
        members = chain.call("members")
        self._form.tally(chain, circle, circle.medians(chain.call("scoresBy"), members), keeper)
        shares = dict(zip(members, chain.call("contributions"), strict=True))
        return {agent: shares[agent] for agent in world.hospitals if agent in shares}

    def encrypt(self, site: Site, memory: Memory, update: Update) -> tuple[str, Memory]:
        """Step 1 at an agent: add Lap(0, 2 / (d alpha epsilon)) to every weight, publish it for the other agents."""
        weights, kind = update.weights, Kind.UPDATE
        if self.epsilon is not None:
            scale = laplace_scale(update.samples, self.regularisation, self.epsilon)
            weights, kind = laplace_noised(weights, scale, site.rng), Kind.NOISED_UPDATE
        key = site.rng.bytes(KEY_BYTES)
        others = tuple(hospital for hospital in site.hospitals if hospital != site.name)
        content = weights if self._form.keys is None else locked(weights.tobytes(), key, site.name.encode(), site.rng)
        return site.publish(content, kind, readers=others), {"models": {site.name: weights}, "key": key}

    def retrieve(self, site: Site, memory: Memory, task: Any) -> tuple[tuple[bool, ...], Memory]:
        """Step 2 at an agent: decrypt the models it audits; tell which it could read, its own first."""
        circle, keys = Circle(*task[0]), task[1]
        audited = circle.audited(site.name)
        models = self._read(site, memory, circle, audited, keys)
        return tuple(agent in models for agent in audited), {**memory, "models": models, "audited": audited}

    def score(self, site: Site, models: Vector) -> Any:
        """s_{a,k}: macro-F1 of models [M, P] on all of the auditor's own patients, [M]."""
        return macro_f1(site.train.labels, site.predict(models, site.train.features) >= 0.5)

    def commit(self, site: Site, memory: Memory, binding: bytes) -> tuple[tuple[bytes, ...], Memory]:
        """Step 3 at an auditor: score what it read, and commit to the scores under salts of its own."""
        models = memory["models"]
        found = self.score(site, np.stack(list(models.values())))
        scores = site.scores(dict(zip(models, found, strict=True)), 0.0, 1.0)
        vector = tuple(fixed_point(scores[agent]) + 1 if agent in scores else 0 for agent in memory["audited"])
        prefix, rows = b"", [(int.from_bytes(binding), *vector)]
        if self.pairwise:
            prefix, rows = binding, [(score - 1,) for score in vector if score]
        salts = tuple(prefix + site.rng.bytes(SALT_BYTES - len(prefix)) for _ in rows)
        hidden = tuple(commitment(salt, *row) for salt, row in zip(salts, rows, strict=True))
        return hidden, {**memory, "opening": (salts, vector)}

    def merge(self, site: Site, memory: Memory, task: Any) -> tuple[Vector, Memory]:
        """Step 7 at an agent: w = sum_k p_k w_k / sum_k p_k over the models it can read."""
        shares, circle, keys = task[0], Circle(*task[1]), task[2]
        models = self._read(site, memory, circle, shares, keys)
        own = {agent: share for agent, share in shares.items() if agent in models}
        weights = list(own.values()) if any(own.values()) else [1] * len(own)
        return weighted_mean([models[agent] for agent in own], weights), memory

    def _read(self, site: Site, memory: Memory, circle: Circle, wanted: Iterable[str], keys: Any) -> dict[str, Vector]:
        """Models [P] that an agent has, and of those wanted the ones that it can read, with the keys it was given."""
        contents = dict(zip(circle.agents, circle.contents, strict=True))
        others = {agent: contents[agent] for agent in wanted if agent not in memory["models"]}
        if keys is None:
            return {**memory["models"], **site.read(others, Weights, sealed=True)}
        closed = site.read({agent: content for agent, content in others.items() if agent in keys}, bytes, sealed=True)
        opened = {agent: self._opened(site, agent, data, keys[agent]) for agent, data in closed.items()}
        return {**memory["models"], **site.checked(opened, Weights)}

    def _opened(self, site: Site, agent: str, data: bytes, key: bytes) -> Vector | None:
        """What an agent locked under its key and name; nothing if any is made up or another's."""
        with suppress(ValueError):
            own = unlocked_between(key, site.key, site.keys[agent]) if self.pairwise else key
            return np.frombuffer(unlocked(data, own, agent.encode()), np.float32)
        return None


def _sent(world: World, chain: Contract, agents: Names, _: Circle) -> Each:
    """Step 2: agents send one another their models' keys, off the chain and unread by whoever forwards them."""
    given = dict(world.ask(agents, GIVE, within=PART * chain.left() / 2))
    return Each(dict.fromkeys(agents, given))


def _provided(world: World, chain: Contract, agents: Names, circle: Circle) -> Each:
    """Step 2 as published: auditors ask for keys on the chain, where agents give them, encrypted for each."""
    asking = {agent: circle.audited(agent)[1:] for agent in world.ask(agents, PRESENT, within=PART * chain.left() / 3)}
    _send(chain, "requestDecryptionKey", {agent: zip(own) for agent, own in asking.items()})
    asked = Each({model: tuple(agent for agent, own in asking.items() if model in own) for model in agents})
    given = world.ask(agents, WRAP, asked, within=PART * chain.left() / 2).open()
    _send(
        chain, "provideDecryptionKey", {model: zip(asked[model], keys, strict=False) for model, keys in given.items()}
    )
    return Each({agent: circle.held(agent, chain.call("keysFor", agent)) for agent in agents})


def _tally(chain: Contract, circle: Circle, medians: Mapping[str, int], keeper: str) -> None:
    """Step 5: one agent has the contract count and compute, for as many models or auditors as fit into a block."""
    proposed, step = tuple(medians.values()), max(1, PAIRS_A_CALL // circle.audits)
    for start in range(0, len(proposed), step):
        chain.send("commitMedians", proposed[start : start + step], sender=keeper)
    for _ in range(0, len(circle.agents), step):
        chain.send("tallyDatasets", step, sender=keeper)


def _tally_pairs(chain: Contract, circle: Circle, medians: Mapping[str, int], _: str) -> None:
    """Step 5 as published: each agent has the scores of its own model counted one by one, then its own scores."""
    read = circle.table(chain.call("readBy"))
    for model, median in medians.items():
        for auditor in (auditor for auditor, own in read.items() if model in own):
            chain.send("tallyModelScore", model, median, auditor, sender=model)
        chain.send("commitModelMedianScore", model, median, sender=model)
    chain.chain.settle()  # who tallies must see every median
    for auditor in medians:
        for model in read[auditor]:
            chain.send("tallyDatasetScore", auditor, model, sender=auditor)


class Form(NamedTuple):
    """What differs in what is sent; without `keys` everybody can read models at once."""

    contract: str
    keys: Callable[[World, Contract, Names, Circle], Each] | None
    mark: str
    commit: str
    reveal: str
    tally: Callable[[Contract, Circle, Mapping[str, int], str], None]


WHOLE = Form("BlockFlow", _sent, "markRetrieved", "commitScores", "revealScores", _tally)
PAIRWISE = Form(
    "BlockFlowPublished", _provided, "markDataRetrieved", "submitEncryptedScore", "submitDecryptedScore", _tally_pairs
)


def _send(chain: Contract, function: str, calls: Mapping[str, Calls]) -> None:
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


def _wrap(site: Site, memory: Memory, auditors: Names) -> tuple[tuple[bytes, ...], Memory]:
    """Step 2 at an agent: its model's key, encrypted for each who asked for it."""
    return tuple(locked_between(memory["key"], site.key, site.keys[one], site.rng) for one in auditors), memory


# At an agent in step 2: its model's key. At an auditor in step 4: its salts and scores.


def _give(_: Site, memory: Memory, __: None) -> tuple[bytes, Memory]:
    """Step 2 at an agent: its model's key."""
    return memory["key"], memory


def _reveal(_: Site, memory: Memory, __: None) -> tuple[Any, Memory]:
    """Step 4 at an auditor: its salts and scores."""
    return memory["opening"], memory


GIVE = Query("give_key", Kind.CONTROL, _give, reply=Digest)
WRAP = Query("wrap_key", Kind.CONTROL, _wrap, reply=tuple[Annotated[bytes, Len(1, 100)], ...])
OPENING = tuple[Digests, tuple[Score, ...]]
REVEAL = Query("reveal", Kind.SCORES, _reveal, reply=OPENING)
