"""A contract holds the model in chunks; hospitals bid to write them. Ramanan and Nakayama 2020, arXiv 1909.07452."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Interval
from eth_utils.crypto import keccak

from chainward.methods.chunks import WEIGHTS_A_SLOT, Layout, batches, bits, commitment, moved, winners
from chainward.methods.packing import floating_point, from_slots, joined, packed, slots, to_slots, unpacked
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import FIT, PUBLISH, Digest, Each, Held, Kind, Memory, Query, Reverted, Site, Update, World

Scores = tuple[Annotated[int, Interval(ge=0, lt=2**64)], ...]  # of each chunk score + 1, or 0 for no bid
Bid = tuple[Scores, Digest]  # and the commitment to what would be uploaded
Upload = tuple[tuple[Digest, ...], tuple[bytes, ...]]  # a hash a chunk, as committed to; the chunks won, packed


@dataclass(frozen=True)
class State:
    """The model [P] that stands on chain, its contract, and how often each hospital wrote each chunk."""

    weights: Vector
    contract: str
    written: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Baffle(Strategy[State]):
    """Score and bid: `winners` b is a share of the hospitals, `budget` B a share of the chunks.

    With both at 1 every hospital writes its whole model: the direct adaptation that the paper compares with. A chunk
    has `chunk_weights` weights in full slots of eight, 0 makes it an eighth of the model; one that moved further than
    `cap` millionths is not bid for. Bids are taken `training_blocks` after a round began; a phase has `phase_blocks`.
    """

    winners: float = 0.5
    budget: float = 0.5
    chunk_weights: int = 0
    cap: int = 10_000_000
    training_blocks: int = 1
    phase_blocks: int = 120
    slots_a_transaction: int = 512

    card: ClassVar[Card] = Card.beside(
        __file__,
        contracts=("Baffle",),
        sees_individual_updates=Audience.EVERYONE,
        raw_records_shared="none",
        spends_gas=True,
        tolerates_absence=True,
    )

    def open(self, world: World) -> State:
        """The first hospital that answers deploys the contract and writes the first weights into it."""
        founder, first, step = world.present()[0], to_slots(world.initial_weights()), self.slots_a_transaction
        layout = self.layout(world.network.parameters)
        most = winners(self.winners, len(world.hospitals)), layout.most_bids(self.budget)
        terms = (*layout, *most, self.cap, self.training_blocks, self.phase_blocks)
        chain = world.found("Baffle", world.hospitals, *terms, sender=founder)
        for start in range(0, len(first), step):
            chain.send("fill", first[start : start + step], sender=founder)
        written = dict.fromkeys(world.hospitals, (0,) * layout.chunks)
        return State(from_slots(chain.call("model"), layout.weights), chain.address, written)

    def round(self, state: State, world: World) -> State:
        """Steps 1 to 8; a round to which nobody comes is not begun."""
        chain = world.at(state.contract)
        # Step 1: download the model. Bids are taken until somebody ends an overdue phase.
        model, half = joined(chain.call("model")), chain.left() / 2 or math.inf
        present = world.ask(world.hospitals, DOWNLOAD, model, within=half)
        # Steps 2 to 4: train, score every chunk and bid for the best B.
        train = FIT.then(Query("bid", Kind.SCORES, self.bid, reply=Bid))
        bids = world.ask(present, train, Held("model"), within=chain.left() or math.inf).open()
        if not bids:
            return state
        world.chain.wait(max(0, chain.call("biddingOpens") - 1 - world.chain.block))
        told = {name: (slots(packed(np.array(scores, np.uint64))), hashed) for name, (scores, hashed) in bids.items()}
        chain.offer_each("bid", told)  # what a hospital made up is refused: not a bid
        # Steps 5 and 6: the best bids are accepted, and who won uploads.
        keeper = next(iter(bids))
        self._accept(keeper, state, world)
        # Steps 7 and 8: chunks that were uploaded become their mean, and the next round begins.
        uploaded = zip(state.written.items(), chain.call("accepted")[2], strict=True)
        written = {name: tuple(np.add(times, bits(mask, len(times))).tolist()) for (name, times), mask in uploaded}
        chain.send("aggregate", sender=keeper)
        return State(from_slots(chain.call("model"), len(state.weights)), state.contract, written)

    def _accept(self, keeper: str, state: State, world: World) -> None:
        """Accept the best b bids for each chunk; from whoever does not upload in time the next best take over."""
        chain = world.at(state.contract)
        if chain.call("bids") < len(world.hospitals):
            chain.pass_deadline()
        chain.send("accept", sender=keeper)
        while won := {name: mask for name, mask in zip(*chain.call("accepted")[:2], strict=True) if mask}:
            cids = world.ask(won, UPLOAD, Each(won), within=chain.left()).open()
            for hospital, (hashes, chunks) in world.read(cids, Upload).items():
                for mask, data in batches(won[hospital], chunks, self.slots_a_transaction):
                    with suppress(Reverted):  # not what it bid for: still to be uploaded
                        chain.send("upload", mask, hashes, data, sender=hospital)
            if chain.call("outstanding"):
                chain.end_late(keeper, "accept")

    def model(self, state: State) -> Vector:
        return state.weights

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        return {"winners": winners(self.winners, hospitals), "budget_share": self.budget}

    def outcomes(self, state: State, world: World) -> Mapping[str, Mapping[str, float]]:
        """Chunks each hospital wrote; how often each chunk was written; K, B and the size of a chunk."""
        layout, times = self.layout(len(state.weights)), np.sum(list(state.written.values()), axis=0).tolist()
        sizes = {"slots": layout.slots, "chunks": layout.chunks, "budget": layout.most_bids(self.budget)}
        return {
            "chunks_written": {hospital: sum(counts) for hospital, counts in state.written.items()},
            "times_written": {f"chunk {number}": count for number, count in enumerate(times, 1)},
            "layout": {**sizes, "weights": WEIGHTS_A_SLOT * layout.slots},
        }

    def layout(self, weights: int) -> Layout:
        """Divide a model: an eighth of it a chunk unless told otherwise, no more than one transaction takes."""
        eighth = min(-(-weights // (8 * WEIGHTS_A_SLOT)), self.slots_a_transaction)
        return Layout(weights, -(-self.chunk_weights // WEIGHTS_A_SLOT) or eighth)

    def bid(self, site: Site, memory: Memory, update: Update) -> tuple[Bid, Memory]:
        """Steps 3 and 4 at a hospital: score_k = ||w_k - g_k||; bid for the best B, and commit to their hashes."""
        site.work(3.0 * len(update.weights))
        layout = self.layout(len(update.weights))
        chunks, scores, fit = moved(update.weights, memory["slots"], layout)
        sound = [k for k in range(layout.chunks) if fit[k] and scores[k] <= self.cap]
        best = sorted(sound, key=lambda k: -scores[k])[: layout.most_bids(self.budget)]
        told = {k: site.says(scores[k], 0, self.cap) + 1 for k in best}
        hashes = tuple(keccak(chunk) if k in best else bytes(32) for k, chunk in enumerate(chunks))
        committed = commitment(site.hospitals.index(site.name) + 1, hashes)
        scored = tuple(told.get(k, 0) for k in range(layout.chunks))
        return (scored, committed), {**memory, "hashes": hashes, "chunks": chunks}


def _download(site: Site, memory: Memory, model: bytes) -> tuple[bool, Memory]:
    """Step 1 at a hospital: keep the contract's model, to train from and to compare with."""
    return True, {**memory, "slots": model, "model": floating_point(unpacked(model, site.network.parameters))}


def _won(_: Site, memory: Memory, mask: int) -> tuple[Upload, Memory]:
    """Step 6 at a hospital: the chunks it won, which then go into blocks that everyone reads."""
    return (memory["hashes"], tuple(chunk for k, chunk in enumerate(memory["chunks"]) if mask >> k & 1)), memory


DOWNLOAD = Query("download", Kind.CONTROL, _download, reply=bool)
UPLOAD = Query("upload", Kind.CONTROL, _won).then(PUBLISH)
