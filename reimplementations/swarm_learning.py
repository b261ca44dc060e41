"""No coordinator: each round the chain draws one hospital to merge what the others trained.

Warnat-Herresthal et al. 2021, Nature 594:265-270. Steps are those of the authors' documentation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, ClassVar, Literal

import numpy as np

from chainward.methods.aggregation import coordinate_median, geometric_median, weighted_mean
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import FIT, Contract, Held, Kind, Memory, Query, Replies, Site, Update, World

Merge = Literal["mean", "coordmedian", "geomedian"]
MERGES: Mapping[str, Callable[[Any, list[float]], Any]] = {
    "mean": weighted_mean,  # sum_k W_k X_k / sum_k W_k
    "coordmedian": coordinate_median,  # weighted 0.5-quantile of each coordinate
    "geomedian": geometric_median,  # argmin_x sum_k W_k |x - X_k|
}


class Phase(IntEnum):
    """What a round waits for, as in the contract."""

    CHECK_IN, DRAW, MERGE = range(3)


def digest_of(weights: Vector) -> bytes:
    """The SHA-256 of weights [P] that stands on chain."""
    return hashlib.sha256(np.ascontiguousarray(weights, dtype="<f4").tobytes()).digest()


def _checked(weights: Vector, digest: bytes, owner: str) -> Vector:
    if digest_of(weights) != digest:
        raise ValueError(f"the parameters of {owner} are not those whose hash stands on chain")
    return weights


def _pull(site: Site, memory: Memory, latest: tuple[str, bytes, str]) -> tuple[None, Memory]:
    leader, digest, uri = latest
    if not uri or leader == site.name:  # nothing is merged yet, or merged here
        return None, memory
    return None, {**memory, "model": _checked(site.fetch(uri, leader), digest, leader)}


def _save(_: Site, memory: Memory, update: Update) -> tuple[bytes, Memory]:
    return digest_of(update.weights), {**memory, "trained": update.weights}


def _serve(_: Site, memory: Memory, __: None) -> tuple[Vector, Memory]:
    return memory["trained"], memory


NOTHING = ("", b"", "")  # the latest model's leader, hash and place before there is one
PULL = Query("pull", Kind.CONTROL, _pull)
TRAIN = FIT.then(Query("save", Kind.CONTROL, _save))
SERVE = Query("serve", Kind.UPDATE, _serve)


@dataclass(frozen=True)
class State:
    """The contract, the hospitals and who of them enrolled, and who holds the latest merged model."""

    contract: str
    hospitals: tuple[str, ...]
    enrolled: tuple[str, ...]
    leader: str


@dataclass(frozen=True)
class SwarmLearning(Strategy[State]):
    """One merge a round at an elected hospital, of all hospitals that trained, `min_peers` or more.

    `min_peers=0` is half of the hospitals, rounded up. `node_weights` are the W_k, 1 to 100: all 1, in proportion to
    the patients (themselves where no hospital has more than 100), or one each in order of the hospitals. A round waits
    `check_in_blocks` from its start for those who are not ready, which are the 600 s of patience at 5 s a block.
    """

    merge: Merge = "mean"
    min_peers: int = 0
    node_weights: Literal["equal", "patients"] | tuple[int, ...] = "equal"
    check_in_blocks: int = 120
    leader_blocks: int = 24

    card: ClassVar[Card] = Card.beside(
        __file__,
        contracts=("SwarmLearning",),
        sees_individual_updates=Audience.ONE_HOSPITAL,
        raw_records_shared="none",
        spends_gas=True,
        tolerates_absence=True,
    )

    def open(self, world: World) -> State:
        """The first node there (Sentinel) deploys the contract for the certified hospitals; those present enrol."""
        present = world.ask(world.hospitals, PULL, NOTHING)
        if not present:
            world.need(present)
        sentinel = next(iter(present))
        peers = self._peers(len(world.hospitals))
        settings = (world.hospitals, peers, self.check_in_blocks, self.leader_blocks)
        contract = world.deploy("SwarmLearning", *settings, sender=sentinel)
        world.chain.settle()
        return self._enrol(State(contract, world.hospitals, (), sentinel), world, present)

    def round(self, state: State, world: World) -> State:
        """Steps 2 to 6; whoever was away first enrols, if need be, and takes the latest merged model (step 6)."""
        chain = world.at(state.contract)
        present = self._enough(world, world.ask(world.hospitals, PULL, chain.call("latest")))
        state = self._enrol(state, world, present)
        trained = self._enough(world, world.ask(present, TRAIN, Held("model")))  # step 2
        number = chain.call("round")
        for node, digest in trained.open().items():  # step 3
            chain.send("checkIn", number, digest, sender=node)
        first = next(iter(trained))
        if chain.call("phase") == Phase.CHECK_IN:
            _past_deadline(chain, world)
            chain.send("close", sender=first)
        return replace(state, leader=self._merged_by(chain, world, first))

    def model(self, state: State) -> Mapping[str, Held]:
        """The merged model, as the last leader holds it."""
        return dict.fromkeys(state.hospitals, Held("model", owner=state.leader))

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        """The fewest nodes that may merge."""
        return {"min_peers": self._peers(hospitals)}

    def _merged_by(self, chain: Contract, world: World, asking: str) -> str:
        """Steps 4 and 5: the leader, drawn once `asking` asks, pulls and merges; return who did.

        One that stays silent is replaced after its deadline.
        """
        world.chain.settle()  # the draw is for a later block than the one that closed the check-in
        chain.send("elect", sender=asking)
        leader = chain.call("leader")
        nodes, shares, digests = chain.call("participants")
        others = [node for node in nodes if node != leader]
        files = world.ask(others, SERVE)
        if len(files) + 1 < self._peers(len(world.hospitals)):
            world.need(files)
        ready = {node: (share, digest) for node, share, digest in zip(nodes, shares, digests, strict=True)}
        merge = Query("merge", Kind.CONTROL, self._merge)
        merged = world.ask(leader, merge, {"ready": ready, "files": files})
        if leader in merged:
            digest, uri = merged.open()[leader]
            chain.send("deliver", chain.call("round"), digest, uri, sender=leader)
            return str(leader)
        if len(files) < self._peers(len(world.hospitals)):
            world.need(merged)
        _past_deadline(chain, world)
        chain.send("replaceLeader", sender=next(iter(files)))
        return self._merged_by(chain, world, next(iter(files)))

    def _merge(self, site: Site, memory: Memory, pulled: Mapping[str, Any]) -> tuple[tuple[bytes, str], Memory]:
        """What the leader does: check every file against its hash, merge by W_k, publish to the hospitals."""
        files = {**pulled["files"], site.name: memory["trained"]}
        nodes = [node for node in site.hospitals if node in files]
        updates = [_checked(files[node], pulled["ready"][node][1], node) for node in nodes]
        model = MERGES[self.merge](updates, [pulled["ready"][node][0] for node in nodes]).astype(np.float32)
        site.work(2.0 * len(updates) * len(model))
        uri = site.publish(model, Kind.AGGREGATE, readers=site.hospitals)
        return (digest_of(model), uri), {**memory, "model": model}

    def _enrol(self, state: State, world: World, present: Iterable[str]) -> State:
        """Step 1: every hospital that is there and not yet a member joins with its weight."""
        newcomers = tuple(node for node in present if node not in state.enrolled)
        for node in newcomers:
            world.at(state.contract).send("enrol", self._weight(node, world), sender=node)
        return replace(state, enrolled=state.enrolled + newcomers)

    def _weight(self, node: str, world: World) -> int:
        """W_k of one hospital."""
        if self.node_weights == "equal":
            return 1
        if self.node_weights == "patients":
            return max(1, round(world.sizes[node] * min(1.0, 100 / max(world.sizes.values()))))
        return dict(zip(world.hospitals, self.node_weights, strict=True))[node]

    def _peers(self, hospitals: int) -> int:
        return self.min_peers or (hospitals + 1) // 2

    def _enough(self, world: World, replies: Replies) -> Replies:
        """Step 3: below the minimum the round blocks, so refuse by name."""
        return replies if len(replies) >= self._peers(len(world.hospitals)) else world.need(replies)


def _past_deadline(chain: Contract, world: World) -> None:
    """Wait until the contract's phase can be ended."""
    world.chain.wait(max(0, chain.call("deadline") - world.chain.block))
