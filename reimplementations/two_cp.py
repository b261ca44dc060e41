"""Tokens for what each update adds, by an evaluator or by one another. Cai et al. 2020, arXiv 2011.07516."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Interval

from chainward.methods.aggregation import mean
from chainward.methods.commitment import SALT_BYTES, sealed
from chainward.methods.content import content_id, digest
from chainward.methods.contribution import positive_shares, squared_error
from chainward.methods.shapley import drawn_orders, estimated, worths_of_means
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import FIT, PUBLISH, Contract, Digest, Each, Kind, Memory, Passes, Query, Site, Update, World

ONE = 10**18  # tokens of an update that takes a loss of 1 to 0
ENDLESS = 2**256 - 1  # the budget of a run that has none
NOBODY = "0x" + 40 * "0"
COMMITTING, REVEALING = 0, 1  # phases of a run
Tokens = tuple[Annotated[int, Interval(ge=0, le=ONE)], ...]


@dataclass(frozen=True)
class State:
    """The global model [P] of each run, the main one first, and the contract.

    `evaluators` score the runs ("" where nobody does), `tokens` are what each hospital has on chain.
    """

    weights: tuple[Vector, ...]
    contract: str
    evaluators: tuple[str, ...]
    tokens: Mapping[str, int]


@dataclass(frozen=True)
class TwoCP(Strategy[State]):
    """Crowdsource, where Alice brings patients to evaluate on, or consortium, where hospitals score one another.

    `method` "step" gives an update the loss it took off the global model of its round; "shapley" its Shapley value, of
    up to `exact_players` updates exactly, of more by so many `orders` drawn at random. `budget`, in losses of 1, is
    what a run's evaluator shares out by these a round where any is positive; at 0 there is none, and an update gets
    what it took off. A hospital trains for `local_passes` over its patients, or for the task's steps at 0. A phase
    lasts `phase_blocks` at most.
    """

    setting: Literal["crowdsource", "consortium"] = "crowdsource"
    method: Literal["step", "shapley"] = "step"
    exact_players: int = 8
    orders: int = 200
    budget: float = 0.0
    local_passes: int = 0
    phase_blocks: int = 150

    card: ClassVar[Card] = Card.beside(
        __file__,
        contracts=("TwoCP",),
        sees_individual_updates=Audience.EVERYONE,
        raw_records_shared="validation",
        spends_gas=True,
        tolerates_absence=True,
    )

    def open(self, world: World) -> State:
        """Step 1: Alice deploys; or the first hospital that answers does, and opens a run for each to score."""
        if self.setting == "crowdsource":
            evaluators = founder, *_ = world.parties("evaluator", 1, records="validation")
        else:
            founder, *_ = world.present()
            evaluators = ("", *world.hospitals) if len(world.hospitals) > 1 else ("",)
        terms = (evaluators[0] or NOBODY, world.hospitals, round(self.budget * ONE) or ENDLESS, self.phase_blocks)
        chain = world.found("TwoCP", *terms, sender=founder)
        for hospital in evaluators[1:]:
            chain.send("addAux", hospital, sender=founder)
        weights = (world.initial_weights(),) * len(evaluators)
        return State(weights, chain.address, evaluators, dict.fromkeys(world.hospitals, 0))

    def round(self, state: State, world: World) -> State:
        """Steps 2 to 5 in every run; a round nobody comes to is not begun."""
        chain = world.at(state.contract)
        rounds = chain.call("rounds")
        # Step 3: train the global models, publish the updates, and name them on chain.
        if not _named(self._train(state, world), chain, world):
            return state
        # Step 3 of the next round: its global model is the unweighted mean of a run's updates.
        named = [chain.call("updates", run, number) for run, number in enumerate(rounds)]
        updates = [dict(zip(who, map(content_id, digests), strict=True)) for who, digests in named]
        models = [[update.weights for update in world.read(own, Update).values()] for own in updates]
        merged = (mean(own) if own else before for own, before in zip(models, state.weights, strict=True))
        # Steps 4 and 5: whoever evaluates a run scores its updates and sets their tokens.
        self._score(state, updates, chain, world)
        # Step 6: a hospital's share of the model is that of its tokens.
        tokens = {hospital: chain.call("countTokens", hospital) for hospital in state.tokens}
        return replace(state, weights=tuple(merged), tokens=tokens)

    def model(self, state: State) -> Vector:
        """The main run's."""
        return state.weights[0]

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        """How many runs there are, how many hospitals train each of them that is scored, and Shapley's orders."""
        several = self.setting == "consortium"
        trainers = hospitals - several
        sample = 0 if self.method == "step" or trainers <= self.exact_players else self.orders
        return {"runs": 1 + several * (hospitals if hospitals > 1 else 0), "trainers": trainers, "orders": sample}

    def outcomes(self, state: State, world: World) -> Mapping[str, Mapping[str, float]]:
        """Each hospital's tokens on chain, in losses of 1, and its share of all."""
        return {
            "share": positive_shares(state.tokens),
            "tokens": {hospital: tokens / ONE for hospital, tokens in state.tokens.items()},
        }

    def score(self, site: Site, memory: Memory, task: tuple[Vector, Mapping[str, str]]) -> tuple[Any, Memory]:
        """At an evaluator: tokens_k = max(0, floor(1e18 s_k)) of a round's updates; 0 of one that cannot be read."""
        weights, cids = task
        tokens, updates = dict.fromkeys(cids, 0), site.read(cids, Update)
        if updates:
            values = self.values(site, weights, np.stack([update.weights for update in updates.values()]))
            tokens |= {name: max(0, math.floor(ONE * value)) for name, value in zip(updates, values, strict=True)}
        said, budget = tuple(site.scores(tokens, 0, ONE).values()), round(self.budget * ONE)
        whole = max(1, sum(said))
        return (tuple(min(ONE, budget * own // whole) for own in said) if budget else said), memory

    def values(self, site: Site, weights: Vector, models: Vector) -> npt.NDArray[np.float64]:
        """v(C) = L(global) - L(mean of C) for models [n, P]: s_k = v({k}), or its Shapley value with v(()) = 0: [n]."""

        def losses(models: Vector) -> npt.NDArray[np.float64]:
            return squared_error(site.train.labels, site.predict(models, site.train.features))

        def taken_off(means: Vector) -> npt.NDArray[np.float64]:
            site.work(2.0 * players * means.size)  # of taking them
            return before - losses(means)

        players, before = len(models), losses(weights[None])
        if self.method == "step":
            return before - losses(models)
        orders = [] if players <= self.exact_players else drawn_orders(players, self.orders, site.rng)
        return estimated(worths_of_means(taken_off, models), players, orders)

    def _train(self, state: State, world: World) -> Mapping[str, Mapping[int, Any]]:
        """Have everybody train each run but the one it scores; return their sealed content ids by run.

        Who does not answer about the main run is not asked about the others.
        """
        trained = defaultdict[str, dict[int, Any]](dict)
        for run, (weights, evaluator) in enumerate(zip(state.weights, state.evaluators, strict=True)):
            trainers = [hospital for hospital in (trained if run else world.hospitals) if hospital != evaluator]
            start = Passes(weights, self.local_passes) if self.local_passes else weights
            for hospital, reply in world.ask(trainers, FIT.then(PUBLISH), start).items():
                trained[hospital][run] = reply
        return trained

    def _score(self, state: State, updates: Sequence[Mapping[str, str]], chain: Contract, world: World) -> None:
        """Have each evaluator score the updates of its run, given as content ids by trainer, and set their tokens."""
        runs = {evaluator: run for run, evaluator in enumerate(state.evaluators) if evaluator and updates[run]}
        tasks = Each({evaluator: (state.weights[run], updates[run]) for evaluator, run in runs.items()})
        said = world.ask(tasks, Query("score", Kind.SCORES, self.score, reply=Tokens), tasks).open()
        digests = {evaluator: map(digest, updates[run].values()) for evaluator, run in runs.items()}
        columns = {evaluator: (runs[evaluator], *_columns(digests[evaluator], own)) for evaluator, own in said.items()}
        chain.send_each("setTokens", columns, unless="more than the budget")


def _named(trained: Mapping[str, Mapping[int, Any]], chain: Contract, world: World) -> bool:
    """Have the trainers commit to what they published, then name its content ids; return whether anybody committed.

    Nobody can know another's before all have committed. A phase also ends at its deadline, for whoever is late.
    """
    domains = {trainer: chain.call("domains", trainer) for trainer in trained}
    tasks = {name: tuple((domains[name][run], cid) for run, cid in own.items()) for name, own in trained.items()}
    seals = world.ask(trained, SEAL, Each(tasks)).open()
    sealed_by = {trainer: _columns(trained[trainer], own) for trainer, own in seals.items()}
    committed = chain.send_each("commit", sealed_by)
    while chain.call("waits", COMMITTING):
        chain.end_late(sender=next(iter(trained)))
    if not committed:
        return False
    secrets = world.ask(committed, REVEAL, within=chain.left()).open()
    salts, digests = ({name: [pair[place] for pair in own] for name, own in secrets.items()} for place in (0, 1))
    columns = {name: _columns(sealed_by[name][0], salts[name], digests[name]) for name in secrets}
    chain.send_each("reveal", columns, unless="commitment not opened")
    while chain.call("waits", REVEALING):
        chain.end_late(sender=committed[0])
    return True


def _columns(*columns: Iterable[Any]) -> tuple[tuple[Any, ...], ...]:
    """Return columns as long as the shortest of them: what is too much in a reply has no meaning."""
    return tuple(zip(*zip(*columns, strict=False), strict=True)) or tuple(() for _ in columns)


def _seal(site: Site, memory: Memory, tasks: Iterable[tuple[bytes, str]]) -> tuple[tuple[bytes, ...], Memory]:
    """At a trainer: commit to the content id of its update of each run, under a salt of its own."""
    secrets = tuple((site.rng.bytes(SALT_BYTES), digest(cid)) for _, cid in tasks)
    seals = tuple(sealed(domain, *secret) for (domain, _), secret in zip(tasks, secrets, strict=True))
    return seals, {"secrets": secrets}


def _open(_: Site, memory: Memory, __: None) -> tuple[tuple[tuple[bytes, bytes], ...], Memory]:
    return memory["secrets"], memory


SEAL = Query("seal", Kind.CONTROL, _seal, reply=tuple[Digest, ...])
REVEAL = Query("reveal", Kind.CONTROL, _open, reply=tuple[tuple[Digest, Digest], ...])
