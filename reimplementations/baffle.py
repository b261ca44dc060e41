"""A contract holds the model in chunks; hospitals bid to write them. Ramanan and Nakayama 2020, arXiv 1909.07452."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from eth_utils.crypto import keccak

from chainward.methods.packing import SLOT_BYTES, fixed_point, floating_point, joined, packed, slots, unpacked
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import FIT, Contract, Each, Held, Kind, Memory, Query, Site, Update, World

WEIGHTS_A_SLOT = 8
MOST_WINNERS = 255  # the contract counts a chunk's uploads in a byte


class Upload(NamedTuple):
    """What a hospital puts into transactions: a hash a chunk, and the chunks it won by number."""

    hashes: tuple[bytes, ...]
    chunks: Mapping[int, bytes]


class Layout(NamedTuple):
    """Slots of a chunk, K chunks of the model, B chunks a hospital may bid for."""

    slots: int
    chunks: int
    budget: int

    def of(self, data: bytes) -> list[bytes]:
        """Return the chunks of a packed model."""
        size = self.slots * SLOT_BYTES
        return [data[start : start + size] for start in range(0, len(data), size)]


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
    has `chunk_weights` weights in full slots of eight; 0 makes it an eighth of the model. Bids are taken
    `training_blocks` after a round began, and who is silent for `phase_blocks` is passed over.
    """

    winners: float = 0.5
    budget: float = 0.5
    chunk_weights: int = 0
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
        present = world.ask(world.hospitals, JOIN)
        founder = next(iter(present if present else world.need(present)))
        weights = world.initial_weights()
        layout = self.layout(len(weights))
        sizes = (len(weights), layout.slots, self._winners(len(world.hospitals)), layout.budget)
        waits = (self.training_blocks, self.phase_blocks)
        contract = world.deploy("Baffle", world.hospitals, *sizes, *waits, sender=founder)
        world.chain.settle()
        chain, first = world.at(contract), slots(packed(fixed_point(weights).values))
        for start in range(0, len(first), self.slots_a_transaction):
            chain.send("fill", first[start : start + self.slots_a_transaction], sender=founder)
        return State(_standing(chain, len(weights)), contract, dict.fromkeys(world.hospitals, (0,) * layout.chunks))

    def round(self, state: State, world: World) -> State:
        """Steps 1 to 8; who is silent is passed over, and a round nobody comes to is not begun."""
        chain = world.at(state.contract)
        present = world.ask(world.hospitals, DOWNLOAD, joined(chain.call("model")))  # step 1
        bids = world.ask(present, FIT.then(Query("bid", Kind.SCORES, self.bid)), Held("model")).open()  # steps 2 to 4
        if not bids:
            return state
        closer = next(iter(bids))
        _wait_until(chain.call("biddingOpens") - 1, world)
        for hospital, (scores, commitment) in bids.items():
            chain.send("bid", slots(scores), commitment, sender=hospital)
        if chain.call("bids") < len(world.hospitals):
            _wait_until(chain.call("deadline"), world)
        chain.send("accept", sender=closer)  # step 5
        won = {hospital: which for hospital, which in zip(*chain.call("accepted"), strict=True) if which}
        uploads = world.ask(won, Query("upload", Kind.CONTROL, self.upload), Each(won)).open()
        for hospital, content in uploads.items():  # step 6
            self._send(chain, hospital, Upload(*world.fetch(content)))
        if chain.call("outstanding"):
            _wait_until(chain.call("deadline"), world)
        chain.send("aggregate", sender=closer)  # steps 7 and 8
        written = {h: _counted(state.written[h], won[h] if h in uploads else 0) for h in state.written}
        return State(_standing(chain, len(state.weights)), state.contract, written)

    def model(self, state: State) -> Vector:
        return state.weights

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        return {"winners": self._winners(hospitals), "budget_share": self.budget}

    def outcomes(self, state: State) -> Mapping[str, Mapping[str, float]]:
        """Chunks each hospital wrote; how often each chunk was written; K, B and the weights of a chunk."""
        layout = self.layout(len(state.weights))
        times = np.sum(list(state.written.values()), axis=0).tolist()
        return {
            "chunks_written": {hospital: sum(counts) for hospital, counts in state.written.items()},
            "times_written": {f"chunk {number}": count for number, count in enumerate(times, 1)},
            "layout": {**layout._asdict(), "weights": WEIGHTS_A_SLOT * layout.slots},
        }

    def layout(self, weights: int) -> Layout:
        """Divide a model: an eighth of it a chunk unless told otherwise, no more than one transaction takes."""
        every = -(-weights // WEIGHTS_A_SLOT)
        eighth = min(-(-every // 8), self.slots_a_transaction)
        size = -(-self.chunk_weights // WEIGHTS_A_SLOT) or eighth
        chunks = -(-every // size)
        return Layout(size, chunks, math.ceil(self.budget * chunks))

    def bid(self, site: Site, memory: Memory, update: Update) -> tuple[tuple[bytes, bytes], Memory]:
        """Steps 3 and 4 at a hospital: score every chunk, bid for the best B and commit to what it would upload.

        The score of chunk k is floor(||w_k - g_k||) in millionths. A chunk with a weight that is not finite or does not
        fit 32 bits is not bid for.
        """
        site.work(3.0 * len(update.weights))
        layout = self.layout(len(update.weights))
        values, fits = fixed_point(update.weights)
        cuts = range(WEIGHTS_A_SLOT * layout.slots, len(values), WEIGHTS_A_SLOT * layout.slots)
        change = values.astype(object) - unpacked(memory["slots"], len(values))
        scores = [math.isqrt(part @ part) for part in np.split(change, cuts)]
        sound = [k for k, part in enumerate(np.split(fits, cuts)) if part.all()]
        best = sorted(sound, key=lambda k: -scores[k])[: layout.budget]
        chunks = layout.of(packed(values))
        hashes = tuple(keccak(chunk) if k in best else bytes(32) for k, chunk in enumerate(chunks))
        place = site.hospitals.index(site.name) + 1
        commitment = keccak(place.to_bytes(2, "big") + b"".join(hashes))
        told = packed(np.array([scores[k] + 1 if k in best else 0 for k in range(len(chunks))], dtype=np.uint64))
        return (told, commitment), {**memory, "hashes": hashes, "chunks": tuple(chunks)}

    def upload(self, site: Site, memory: Memory, which: int) -> tuple[str, Memory]:
        """Step 6 at a hospital: the chunks it won, on their way into blocks that everyone reads."""
        won = {k: chunk for k, chunk in enumerate(memory["chunks"]) if which >> k & 1}
        return site.publish(Upload(memory["hashes"], won), Kind.UPDATE), memory

    def _send(self, chain: Contract, hospital: str, upload: Upload) -> None:
        """Step 6: as many chunks a transaction as it takes."""
        for part in _parts(upload.chunks, self.slots_a_transaction):
            which = sum(1 << k for k in part)
            chain.send("upload", which, upload.hashes, slots(b"".join(part.values())), sender=hospital)

    def _winners(self, hospitals: int) -> int:
        """Return b: at least one, and at most what the contract counts."""
        return max(1, min(MOST_WINNERS, math.floor(self.winners * hospitals)))


def _join(_: Site, memory: Memory, __: None) -> tuple[bool, Memory]:
    return True, memory


def _download(site: Site, memory: Memory, data: bytes) -> tuple[bool, Memory]:
    """Step 1 at a hospital: keep the contract's model, to train from and to compare with."""
    weights = floating_point(unpacked(data, site.network.parameters))
    return True, {**memory, "slots": data, "model": weights}


JOIN = Query("join", Kind.CONTROL, _join)
DOWNLOAD = Query("download", Kind.CONTROL, _download)


def _standing(chain: Contract, weights: int) -> Vector:
    """The model [P] in the contract."""
    return floating_point(unpacked(joined(chain.call("model")), weights))


def _wait_until(block: int, world: World) -> None:
    world.chain.wait(max(0, block - world.chain.block))


def _parts(chunks: Mapping[int, bytes], limit: int) -> Iterator[dict[int, bytes]]:
    """Chunks of at most `limit` slots together, or one that has more."""
    part: dict[int, bytes] = {}
    for k, chunk in chunks.items():
        if part and sum(map(len, part.values())) + len(chunk) > limit * SLOT_BYTES:
            yield part
            part = {}
        part[k] = chunk
    yield part


def _counted(counts: tuple[int, ...], which: int) -> tuple[int, ...]:
    return tuple(count + (which >> k & 1) for k, count in enumerate(counts))
