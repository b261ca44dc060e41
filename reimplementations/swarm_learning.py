"""No coordinator: the chain draws who merges each round. Warnat-Herresthal et al. 2021, Nature 594:265-270."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Interval

from chainward.methods.aggregation import coordinate_median, geometric_median, weighted_mean
from chainward.methods.content import fingerprint
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import FIT, ContentId, Digest, Held, Kind, Memory, Query, Site, Weights, World
from chainward.world.forms import hashed

MERGES: Mapping[str, Callable[[Any, list[float]], Any]] = {
    "mean": weighted_mean,  # sum_k W_k X_k / sum_k W_k
    "coordmedian": coordinate_median,  # weighted 0.5-quantile of each coordinate
    "geomedian": partial(geometric_median, tolerance=1e-6, iterations=1_000),  # argmin_x sum_k W_k |x - X_k|
}
Merged = tuple[Digest, ContentId]  # hash of a model and where it lies
Phase = IntEnum("Phase", "CHECK_IN DRAW MERGE", start=0)  # what a round waits for, as in the contract


@dataclass(frozen=True)
class State:
    """The contract, the hospitals and who of them enrolled, and who holds the latest merged model."""

    contract: str
    hospitals: tuple[str, ...]
    enrolled: tuple[str, ...]
    leader: str


@dataclass(frozen=True)
class SwarmLearning(Strategy[State]):
    """Steps 1 to 6 of the authors' documentation: one merge a round, of `min_peers` hospitals or more that trained.

    `min_peers=0` is half of the hospitals, rounded up. `node_weights` are the W_k, 1 to 100, each a hospital's own
    word: all 1, in proportion to the patients (themselves where no hospital has more than 100), or one each in order.
    A round starts with all hospitals, or with those that are ready after `phase_blocks` (600 s at 5 s a block), or with
    `starts_with="min_peers"` as soon as one more is than so many: then one may fail. A silent leader is replaced after
    `leader_blocks`, half of which the others have to serve their files. With too few files the model stays.
    """

    merge: Literal["mean", "coordmedian", "geomedian"] = "mean"
    min_peers: int = 0
    starts_with: Literal["all", "min_peers"] = "all"
    node_weights: Literal["equal", "patients"] | tuple[int, ...] = "equal"
    phase_blocks: int = 120
    leader_blocks: int = 24

    card: ClassVar[Card] = Card.beside(
        __file__,
        contracts=("SwarmLearning",),
        sees_individual_updates=Audience.ONE_HOSPITAL,
        raw_records_shared="none",
        spends_gas=True,
        tolerates_absence=True,
        needs=("1 <= min_peers", "min_peers <= hospitals"),
    )

    def open(self, world: World) -> State:
        """The first node there (Sentinel) deploys the contract for the certified hospitals; those present enrol."""
        sentinel, *_ = present = world.present()
        terms = (*self.numbers(len(world.hospitals)).values(), self.phase_blocks, self.leader_blocks)
        chain = world.found("SwarmLearning", world.hospitals, *terms, sender=sentinel)
        return self._enrol(State(chain.address, world.hospitals, (), sentinel), world, present)

    def round(self, state: State, world: World) -> State:
        """Steps 2 to 6; whoever was away first takes the latest merged model (step 6), and enrols if need be."""
        chain, (peers, awaited) = world.at(state.contract), self.numbers(len(world.hospitals)).values()
        pulled = world.ask(world.hospitals, PULL, chain.call("latest"), first=awaited, within=chain.left() / 2)
        state = self._enrol(state, world, world.need_some(pulled, peers))
        nodes = [node for node in pulled if node in state.enrolled]
        trained = world.need_some(world.ask(nodes, TRAIN, Held("model"), within=chain.left()), peers)  # step 2
        ready = {node: (chain.call("round"), digest) for node, digest in trained.open().items()}
        first, *_ = chain.send_each("checkIn", ready)  # step 3
        if chain.call("phase") == Phase.CHECK_IN:
            chain.end_late(sender=first)
        return replace(state, leader=self._merged_by(state, world, first))

    def model(self, state: State) -> Mapping[str, Held]:
        """The merged model, as the last leader holds it."""
        return dict.fromkeys(state.hospitals, Held("model", owner=state.leader))

    def numbers(self, hospitals: int) -> Mapping[str, int]:
        """How many may merge at least, and how many a round awaits."""
        peers, early = self.min_peers or (hospitals + 1) // 2, self.starts_with == "min_peers"
        return {"min_peers": peers, "awaited": min(peers + 1, hospitals) if early else hospitals}

    def _merged_by(self, state: State, world: World, asking: str) -> str:
        """Steps 4 and 5: the leader, drawn once `asking` asks, merges and all pull; return who holds the model."""
        chain = world.at(state.contract)
        world.chain.settle()  # the draw is for a later block than the one that closed the check-in
        chain.send("elect", sender=asking)
        leader, (nodes, *columns) = chain.call("leader"), chain.call("participants")
        others = [node for node in nodes if node != leader]
        files = world.ask(others, SERVE, within=chain.left() / 2)
        served = {"ready": dict(zip(nodes, zip(*columns, strict=True), strict=True)), "files": files}
        merge = Query("merge", Kind.CONTROL, self._merge, reply=Merged | None)
        merged = world.ask(leader, merge, served, within=chain.left())
        if None in merged.open().values():  # too few files fit: the model stays, and nobody ends the swarm by a file
            merged = world.ask(leader, KEEP, world.initial_weights(), within=chain.left())
        for told in merged.open().values():
            chain.send("deliver", chain.call("round"), *told, sender=leader)
            pulled = world.ask((leader, *files), PULL, chain.call("latest"), within=chain.left() / 2).open()
            holders = [node for node, able in pulled.items() if able]  # what no other can pull is nobody's model
            return holders[0] if len(holders) > 1 or not others else state.leader
        asking = next(iter(files), "") or world.present()[0]
        chain.end_late(sender=asking, function="replaceLeader")  # it was silent until its deadline
        if chain.call("phase") == Phase.CHECK_IN:
            world.need(merged)
        return self._merged_by(state, world, asking)

    def _merge(self, site: Site, memory: Memory, served: Mapping[str, Any]) -> tuple[tuple[bytes, str] | None, Memory]:
        """What the leader does: check every file against its hash, merge by W_k, publish to the hospitals."""
        files, kept = {**served["files"], site.name: memory["trained"]}, dict[str, Vector]()
        for node in (node for node in site.hospitals if node in files):
            kept |= site.checked({node: files[node]}, hashed(served["ready"][node][1]))
        if len(kept) < self.numbers(len(site.hospitals))["min_peers"]:
            return None, memory
        shares = [served["ready"][node][0] for node in kept]
        model = MERGES[self.merge](list(kept.values()), shares).astype(np.float32)
        site.work(2.0 * len(kept) * len(model))
        return _announced(site, model), memory

    def _enrol(self, state: State, world: World, present: Iterable[str]) -> State:
        """Step 1: every hospital that is there and not yet a member joins with its weight."""
        newcomers = [node for node in present if node not in state.enrolled]
        weigh = Query("weigh", Kind.STATISTICS, self._weigh, reply=Annotated[int, Interval(ge=1, le=100)])
        weights = world.ask(newcomers, weigh, max(world.sizes.values())).open()
        return replace(state, enrolled=state.enrolled + world.at(state.contract).send_each("enrol", weights))

    def _weigh(self, site: Site, memory: Memory, largest: int) -> tuple[int, Memory]:
        """W_k of one hospital, by its own word; `largest` is the most patients that one has."""
        weight = 1
        if self.node_weights == "patients":
            weight = max(1, round(len(site.train) * min(1.0, 100 / largest)))
        elif self.node_weights != "equal":
            weight = dict(zip(site.hospitals, self.node_weights, strict=True))[site.name]
        return site.says(weight, 1, 100), memory


def _pull(site: Site, memory: Memory, latest: tuple[str, bytes, str]) -> tuple[bool, Memory]:
    """Get the latest model unless it is here; reply whether it is. One that is not what was announced is not served."""
    leader, digest, uri = latest
    if uri and memory.get("digest") != digest:
        for model in site.read({leader: uri}, hashed(digest), sealed=True).values():
            memory = {**memory, "model": model, "digest": digest}
    return not uri or memory.get("digest") == digest, memory


def _keep(site: Site, memory: Memory, first: Vector) -> tuple[tuple[bytes, str], Memory]:
    """What the leader does where it cannot merge: publish the model as it was."""
    return _announced(site, memory.get("model", first)), memory


def _announced(site: Site, model: Vector) -> tuple[bytes, str]:
    return fingerprint(model), site.publish(model, Kind.AGGREGATE, readers=site.hospitals)


def _save(_: Site, memory: Memory, update: Any) -> tuple[bytes, Memory]:
    return fingerprint(update.weights), {**memory, "trained": update.weights}


def _serve(_: Site, memory: Memory, __: None) -> tuple[Vector, Memory]:
    return memory["trained"], memory


KEEP = Query("keep", Kind.CONTROL, _keep, reply=Merged)
PULL = Query("pull", Kind.CONTROL, _pull, reply=bool)
TRAIN = FIT.then(Query("save", Kind.CONTROL, _save, reply=Digest))
SERVE = Query("serve", Kind.UPDATE, _serve, reply=Weights)
