"""Miners verify the devices' updates and race to pack them; devices merge the block. Kim et al. 2020, arXiv 1808.03949.

Steps of an epoch: 1 local update, 2 upload, 3 cross-verification and exchange, 4 proof of work, 5 propagation, where a
fork starts the epoch again, 6 download, 7 global update.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from annotated_types import Interval

from chainward.methods import epochs
from chainward.methods.aggregation import weighted_mean
from chainward.methods.content import fingerprint
from chainward.methods.mining import proof_of_work
from chainward.methods.variance_reduction import local_update
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import FIT, ContentId, Digest, Each, Held, Kind, Memory, Query, Reverted, Site, Update, World
from chainward.world.forms import array

POT = 10**18  # wei for mining rewards
MANY = 10**5  # times its samples is what a device claims that lies
Whole = Annotated[int, Interval(ge=1, lt=2**64)]
Names = tuple[str, ...]
Block = Mapping[str, tuple[str, int]]  # by device: content id of its update, N_i


class Report(NamedTuple):
    """What a device uploads: content id of its update, N_i, nanoseconds of its local update."""

    content: ContentId
    samples: Whole
    computation: Whole


@dataclass(frozen=True)
class State:
    """The global weights [P], contract and miners; the last block and who has merged it.

    `step` is |w^(l) - w^(l-1)|. `sums` are totals over the `epochs` that made a block: seconds of each part, rates,
    races. `reward` is wei by party.
    """

    weights: Vector
    contract: str
    miners: Names
    block: Block = field(default_factory=dict)
    merged: Names = ()
    step: float = math.inf
    epochs: int = 0
    sums: Mapping[str, float] = field(default_factory=dict)
    reward: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class BlockFL(Strategy[State]):
    """One epoch a round; hospitals are the devices.

    `block_rate` is one miner's lambda in blocks a second; 0 takes `rate_factor` times the best rate by the closed form.
    `races` more races a round are run at that rate to estimate its latency; they take no time and decide nothing.
    `phase_blocks` is T_wait, `header_bits` is h, `bandwidth_hz` (W) and `snr_db` make the miners' links. `sample_bits`
    (delta_d) and `processor_hz` (f_c) give the computation time of a sample, off which a report may be by `tolerance`
    thousandths. Rewards are wei a sample. `svrg_step` is beta, with which devices of a network without hidden units
    train by SVRG; 0 trains as the task does. An `epsilon` above 0 ends learning once the weights move no further.
    """

    miners: int = 10
    block_rate: float = 0.0
    rate_factor: float = 1.0
    races: int = 0
    phase_blocks: int = 12
    grace_blocks: int = 17_280
    header_bits: float = 200e3
    bandwidth_hz: float = 300e3
    snr_db: float = 10.0
    sample_bits: float = 100e3
    processor_hz: float = 1e9
    tolerance: int = 10
    data_reward: int = 10**9
    mining_reward: int = 10**9
    work_bits: int = 8
    svrg_step: float = 0.0
    epsilon: float = 0.0

    card: ClassVar[Card] = Card.beside(
        __file__,
        contracts=("BlockFL",),
        sees_individual_updates=Audience.EVERYONE,
        raw_records_shared="none",
        spends_gas=True,
        tolerates_absence=True,
    )

    def open(self, world: World) -> State:
        """A founder enrols all devices with their samples, and miners; it gives the pot for mining rewards."""
        (founder,) = world.parties("founder", 1)
        miners = world.parties("miner", self.miners)
        enrolled = tuple(world.sizes[hospital] for hospital in world.hospitals)
        terms = ((self.phase_blocks, self.grace_blocks), self._sample_ns, self.tolerance, self.work_bits)
        rewards = (self.data_reward, self.mining_reward)
        chain = world.found("BlockFL", world.hospitals, enrolled, miners, *terms, rewards, sender=founder, value=POT)
        return State(world.initial_weights(), chain.address, miners)

    def round(self, state: State, world: World) -> State:
        """One epoch; it makes no block if nobody's update is verified."""
        chain, drawn = world.at(state.contract), world.rng.choice(state.miners, len(world.hospitals)).tolist()
        miner_of = dict(zip(world.hospitals, drawn, strict=True))
        # Steps 1 and 2: devices train and upload, each to the miner it drew.
        reports, local, upload = self._train(state, world)
        own = {device: (*report, miner_of[device]) for device, report in reports.items()}
        uploaded = chain.send_each("upload", own, unless="more samples than enrolled")
        # Step 3: miners verify what they can read and pay for it, exchange it, and wait for the others.
        brought = {device: (reports[device], miner_of[device]) for device in uploaded}
        number, block, cross = self._verify(state, brought, world)
        if not block:
            return state
        # Steps 4 and 5: they race, from step 1 again after each fork; the winner packs the block.
        spread = self._seconds(world, len(block), self.header_bits)
        figures = self._mine(state, epochs.Try(local, upload, cross, spread), world)
        # Steps 6 and 7: every device downloads the block, computes the global weights and confirms their hash.
        return self._update(state, tuple(reports), number, block, figures, world)

    def model(self, state: State) -> Vector:
        """The weights that every device computed from the last block."""
        return state.weights

    def finished(self, state: State) -> bool:
        """|w^(l) - w^(l-1)| <= epsilon."""
        return self.epsilon > 0 and state.step <= self.epsilon

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        """Devices and miners."""
        return {"devices": hospitals, "miners": self.miners}

    def outcomes(self, state: State, world: World) -> Mapping[str, Mapping[str, float]]:
        """Means over the epochs of seconds and rates, races, wei earned; see `epochs.means`."""
        return {**epochs.means(state.sums, state.epochs), "reward": state.reward} if state.epochs else {}

    def descend(self, site: Site, memory: Memory, first: Vector | None) -> tuple[Update, Memory]:
        """Step 1 by SVRG: N_i steps from w, with grad f(w') of the last block, else with the device's own grad f(w)."""
        start, rows = memory.get("model", first), site.train
        weights, own = local_update(start, memory.get("anchored"), rows.features, rows.labels, self.svrg_step, site.rng)
        site.work(12.0 * rows.features.size)
        return Update(weights, len(rows), math.nan), {**memory, "start": start, "own": own}

    def upload(self, site: Site, memory: Memory, update: Update) -> tuple[Report, Memory]:
        """Step 2 at a device: publish w_i (and its gradient); report N_i and the computation time in nanoseconds."""
        content = site.publish(np.concatenate([update.weights, memory.get("own", update.weights[:0])]), Kind.UPDATE)
        samples = site.says(update.samples, 1, MANY * update.samples)
        return Report(content, samples, samples * self._sample_ns), memory

    def check(self, site: Site, memory: Memory, contents: Mapping[str, str]) -> tuple[Names, Memory]:
        """Step 3 at a miner: which of its devices' updates it can read."""
        return tuple(site.read(contents, self._form(site))), memory

    def merge(self, site: Site, memory: Memory, block: Block) -> tuple[bytes, Memory]:
        """Steps 6 and 7 at a device: w = w' + sum_i N_i / N_S (w_i - w'), and SHA-256 of w.

        The shares sum to one, so w is the weighted mean of the w_i; taken as FedAvg takes it, to the bit. So is
        grad f(w') that of the gradients which came with them, of use to who trained from w' itself.
        """
        mean = self._mean(site, block)
        site.work(2.0 * len(block) * len(mean))
        weights, slope = np.split(mean, [site.network.parameters])
        anchored = (memory["start"], slope) if site.name in block and len(slope) else None
        return fingerprint(weights), {**memory, "model": weights, "anchored": anchored}

    def _train(self, state: State, world: World) -> tuple[Mapping[str, Report], float, float]:
        """Steps 1 and 2, once who missed the last block has merged it: the reports, and the seconds of both."""
        chain, first = world.at(state.contract), None if state.block else state.weights
        behind = [hospital for hospital in world.hospitals if state.block and hospital not in state.merged]
        half = chain.left() / 2 or math.inf
        away = world.ask(behind, self._merging, state.block, within=half).missing if behind else ()
        ready = [hospital for hospital in world.hospitals if hospital not in away]
        descend = Query("descend", Kind.UPDATE, self.descend)
        train, start = (descend, first) if self.svrg_step else (FIT, Held("model"))
        train = train.then(Query("upload", Kind.CONTROL, self.upload, reply=Report))
        return _timed(world, ready, train, start, chain.left() or math.inf)

    def _verify(
        self, state: State, brought: Mapping[str, tuple[Report, str]], world: World
    ) -> tuple[int, Block, float]:
        """Step 3, of what each device brought to which miner: the epoch, the verified updates, the seconds."""
        chain = world.at(state.contract)
        own = {m: {d: report.content for d, (report, miner) in brought.items() if miner == m} for m in state.miners}
        tasks = Each({miner: contents for miner, contents in own.items() if contents})
        checks, checking, reading = _timed(world, tasks, Query("check", Kind.CONTROL, self.check, reply=Names), tasks)
        readable = {device for devices in checks.values() for device in devices}
        for device, (report, miner) in brought.items():
            with suppress(Reverted):  # its time does not fit its samples
                if device in readable:
                    chain.send("verify", device, *report, sender=miner, value=report.samples * self.data_reward)
        number = chain.call("epoch")
        block = {device: (content, n) for device, content, n in zip(*chain.call("updatesIn", number), strict=True)}
        if not block:
            return number, block, 0.0
        # Every miner sends what it verified to all others; a block that is not full waits for T_wait.
        exchange = self._seconds(world, max(Counter(brought[device][1] for device in block).values()))
        world.elapse("consensus", exchange)
        wait = 0.0 if len(block) == len(world.hospitals) else chain.left()
        world.elapse("waiting", wait)
        return number, block, checking + reading + (exchange + wait)

    def _mine(self, state: State, once: epochs.Try, world: World) -> Mapping[str, float]:
        """Steps 4 and 5, again from step 1 after each fork; what the epoch adds to the sums."""
        rates = epochs.rates(once, self.miners, self.block_rate, self.rate_factor)
        place, forks, figures = epochs.mined(once, self.miners, rates["rate used"], self.races, world.rng)
        world.elapse("compute", forks * once.local)
        world.elapse("network", forks * once.upload)
        world.elapse("consensus", forks * once.cross_verification + figures["mining"] + figures["propagation"])
        chain, winner = world.at(state.contract), state.miners[place]
        chain.send("pack", proof_of_work(chain.call("headerOf", winner), self.work_bits), sender=winner)
        return {**rates, **figures}

    def _update(
        self, state: State, devices: Names, number: int, block: Block, figures: Mapping[str, float], world: World
    ) -> State:
        """Steps 6 and 7; the weights are computed here too, so that they can be judged."""
        chain, parties = world.at(state.contract), (*world.hospitals, *state.miners)
        digests, merging, fetching = _timed(world, devices, self._merging, block, chain.left() / 2)
        chain.send_each("confirm", {device: (number, own) for device, own in digests.items() if device in block})
        weights, added = self._mean(world, block)[: len(state.weights)], {**figures, "download": fetching + merging}
        return replace(
            state,
            weights=weights,
            block=block,
            merged=tuple(device for device, own in digests.items() if own == fingerprint(weights)),
            step=float(np.linalg.norm(weights - state.weights)),
            epochs=state.epochs + 1,
            sums={name: state.sums.get(name, 0.0) + value for name, value in added.items()},
            reward=dict(zip(parties, chain.call("rewards", parties), strict=True)),
        )

    @property
    def _merging(self) -> Query:
        return Query("merge", Kind.CONTROL, self.merge, reply=Digest)

    @property
    def _sample_ns(self) -> int:
        """Nanoseconds of computation a sample: delta_d / f_c."""
        return round(1e9 * self.sample_bits / self.processor_hz)

    def _seconds(self, world: World, updates: int, header_bits: float = 0.0) -> float:
        """Of updates, 32 bits a weight, on a link between miners; none where there is one miner."""
        bits = header_bits + 32.0 * world.network.parameters * updates
        return epochs.transfer(bits, self.bandwidth_hz, self.snr_db) if self.miners > 1 else 0.0

    def _form(self, reader: Site | World) -> Any:
        """Of what a device publishes: w_i, with SVRG followed by its gradient."""
        return array((reader.network.parameters * (2 if self.svrg_step else 1),))

    def _mean(self, reader: Site | World, block: Block) -> Vector:
        """sum_i N_i / N_S of what the devices of a block published, in the order of hospitals."""
        read = reader.read({device: content for device, (content, _) in block.items()}, self._form(reader))
        devices = [hospital for hospital in reader.hospitals if hospital in read]
        return weighted_mean([read[device] for device in devices], [block[device][1] for device in devices])


def _timed(
    world: World, who: Iterable[str], what: Query, payload: Any, within: float = math.inf
) -> tuple[dict[str, Any], float, float]:
    """Ask, and return what is replied, and the seconds of computing and on the wire."""
    world.chain.settle()  # what was sent before takes time of its own
    before = dict(world.clock.parts)
    replies = world.ask(who, what, payload, within=within)
    compute, network = (world.clock.parts[part] - before[part] for part in ("compute", "network"))
    return replies.open(), compute, network
