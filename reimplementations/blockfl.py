"""Miners verify the devices' updates and race to pack them; devices merge the block. Kim et al. 2020, arXiv 1808.03949.

Steps of an epoch: 1 local update, 2 upload, 3 cross-verification and exchange, 4 proof of work, 5 propagation, where a
fork starts the epoch again, 6 download, 7 global update.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from chainward.methods import mining
from chainward.methods.aggregation import weighted_mean
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import FIT, Contract, Held, Kind, Memory, Query, Replies, Reverted, Site, Update, World

POT = 10**18  # wei for mining rewards
PARTS = ("local", "upload", "cross_verification", "mining", "propagation", "download")
Block = Mapping[str, tuple[str, int]]  # by device: content id of its update, N_i


def _merge(site: Site, memory: Memory, block: Block) -> tuple[tuple[bytes, float], Memory]:
    """Steps 6 and 7 at a device: fetch the block's w_i, w = w' + sum_i N_i / N_S (w_i - w'); SHA-256 of w, |w - w'|.

    The shares N_i / N_S sum to one, so w is the weighted mean of the w_i; taken as FedAvg takes it, to the bit.
    """
    devices = [device for device in site.hospitals if device in block]
    weights = weighted_mean([site.fetch(block[device][0]) for device in devices], [block[d][1] for d in devices])
    site.work(2.0 * len(devices) * len(weights))
    step = float(np.linalg.norm(weights - memory["model"])) if "model" in memory else math.inf
    return (hashlib.sha256(weights.tobytes()).digest(), step), {**memory, "model": weights}


def _tell(_: Site, memory: Memory, __: None) -> tuple[Vector, Memory]:
    return memory["model"], memory


MERGE = Query("merge", Kind.CONTROL, _merge)
TELL = Query("tell", Kind.AGGREGATE, _tell)


@dataclass(frozen=True)
class State:
    """The global weights [P], contract and miners; the last block and who has merged it.

    `step` is |w^(l) - w^(l-1)|. `sums` are totals over the `epochs` that made a block: seconds of each part, rates,
    races. `reward` is wei by party.
    """

    weights: Vector
    contract: str
    miners: tuple[str, ...]
    block: Block = field(default_factory=dict)
    merged: tuple[str, ...] = ()
    step: float = math.inf
    epochs: int = 0
    sums: Mapping[str, float] = field(default_factory=dict)
    reward: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class BlockFL(Strategy[State]):
    """One epoch a round; hospitals are the devices.

    `block_rate` is one miner's lambda in blocks a second; 0 takes `rate_factor` times the best rate by the closed form.
    `races` more races a round are run at that rate to estimate its latency; they take no time and decide nothing.
    `wait_s` is T_wait, `header_bits` is h, `bandwidth_hz` (W) and `snr_db` make the miners' links. `sample_bits`
    (delta_d) and `processor_hz` (f_c) give the computation time of a sample, off which a report may be by `tolerance`
    thousandths. Rewards are wei a sample. An `epsilon` above 0 ends learning once the weights move no further.
    """

    miners: int = 10
    block_rate: float = 0.0
    rate_factor: float = 1.0
    races: int = 0
    wait_s: float = 60.0
    header_bits: float = 200e3
    bandwidth_hz: float = 300e3
    snr_db: float = 10.0
    sample_bits: float = 100e3
    processor_hz: float = 1e9
    tolerance: int = 10
    data_reward: int = 10**9
    mining_reward: int = 10**9
    work_bits: int = 8
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
        """A founder sets up the chain for all devices and miners, with the pot for mining rewards."""
        (founder,) = world.parties("founder", 1)
        miners = world.parties("miner", self.miners)
        terms = (math.ceil(self.wait_s), self._sample_ns, self.tolerance, self.work_bits)
        rewards = (self.data_reward, self.mining_reward)
        contract = world.deploy("BlockFL", world.hospitals, miners, *terms, *rewards, sender=founder, value=POT)
        return State(world.initial_weights(), contract, miners)

    def round(self, state: State, world: World) -> State:
        """One epoch; it makes no block if nobody's update is verified."""
        chain = world.at(state.contract)
        drawn = world.rng.integers(len(state.miners), size=len(world.hospitals))
        miner_of = {hospital: state.miners[place] for hospital, place in zip(world.hospitals, drawn, strict=True)}
        train = FIT.then(Query("upload", Kind.CONTROL, self.upload))
        updates, local, upload = _timed(world, self._up_to_date(state, world), train, Held("model"))  # 1, 2
        verified = self._verified(updates, miner_of, chain)
        if not verified:
            return state
        cross = self._exchange(verified, miner_of, chain, world)  # 3
        winner, epoch = self._mine(local, upload, cross, len(verified), world)  # 4, 5
        number, miner = chain.call("epoch"), state.miners[winner]
        chain.send("pack", mining.proof_of_work(chain.call("headerOf", miner), self.work_bits), sender=miner)
        devices, contents, samples = chain.call("updatesIn", number)
        block = dict(zip(devices, zip(contents, samples, strict=True), strict=True))
        replies, merging, fetching = _timed(world, tuple(updates), MERGE, block)  # 6, 7
        merged = (replies or world.need(replies)).open()
        for device in [device for device in merged if device in block]:
            chain.send("confirm", number, merged[device][0], sender=device)
        epoch |= {"download": fetching + merging}
        teller, parties = next(iter(merged)), (*world.hospitals, *state.miners)
        return replace(
            state,
            weights=world.need(world.ask(teller, TELL)).open()[teller],
            block=block,
            merged=tuple(merged),
            step=merged[teller][1],
            epochs=state.epochs + 1,
            sums={name: state.sums.get(name, 0.0) + value for name, value in epoch.items()},
            reward=dict(zip(parties, chain.call("rewards", parties), strict=True)),
        )

    def model(self, state: State) -> Vector:
        """The weights that every device computed from the last block."""
        return state.weights

    def finished(self, state: State) -> bool:
        """|w^(l) - w^(l-1)| <= epsilon."""
        return self.epsilon > 0 and state.step <= self.epsilon

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        """Devices and miners."""
        return {"devices": hospitals, "miners": self.miners}

    def outcomes(self, state: State) -> Mapping[str, Mapping[str, float]]:
        """Means over the epochs of seconds and rates (of one miner, blocks a second); races; wei earned.

        `expected` is E[T], of all parts but the download. `simulated` is the same from `races` alone: seconds of all
        tries over those that did not fork.
        """
        if not state.epochs:
            return {}
        mean = {name: total / state.epochs for name, total in state.sums.items()}
        latency = {part: mean[part] for part in PARTS}
        rate = {name: mean[f"rate {name}"] for name in ("used", "optimal", "recalled") if f"rate {name}" in mean}
        found: dict[str, Mapping[str, float]] = {
            "latency_s": {**latency, "total": sum(latency.values()), "expected": mean["expected"]},
            "rate": rate,
            "forks": {"forks": state.sums["forks"], "races": state.sums["races"]},
            "reward": state.reward,
        }
        forks, races = state.sums["simulated forks"], state.sums["simulated races"]
        if races > forks:
            seconds = state.sums["simulated seconds"]
            found["simulated"] = {"latency_s": seconds / (races - forks), "forks": forks, "races": races}
        return found

    @property
    def _sample_ns(self) -> int:
        """Nanoseconds of computation a sample: delta_d / f_c."""
        return round(1e9 * self.sample_bits / self.processor_hz)

    @property
    def _link(self) -> float:
        """Bits a second between miners: W log2(1 + snr)."""
        return self.bandwidth_hz * math.log2(1 + 10 ** (self.snr_db / 10))

    def upload(self, site: Site, memory: Memory, update: Update) -> tuple[tuple[str, int, int], Memory]:
        """Step 2 at a device: publish w_i; report it with N_i and the computation time in nanoseconds."""
        return (site.publish(update.weights, Kind.UPDATE), update.samples, update.samples * self._sample_ns), memory

    def _up_to_date(self, state: State, world: World) -> tuple[str, ...]:
        """Who can train: all but those who missed the last block and do not answer when they are to merge it now."""
        behind = [hospital for hospital in world.hospitals if hospital not in state.merged]
        missing = world.ask(behind, MERGE, state.block).missing if state.block and behind else ()
        return tuple(hospital for hospital in world.hospitals if hospital not in missing)

    def _verified(self, updates: Replies, miner_of: Mapping[str, str], chain: Contract) -> tuple[str, ...]:
        """Devices upload on chain, their miners verify and pay; return whose updates are in the candidate block."""
        reports = updates.open()
        for device, report in reports.items():
            chain.send("upload", *report, miner_of[device], sender=device)
        chain.chain.settle()
        due = {device: samples * self.data_reward for device, (_, samples, _) in reports.items()}
        return tuple(device for device in reports if _accepted(chain, device, miner_of[device], due[device]))

    def _exchange(self, verified: tuple[str, ...], miner_of: Mapping[str, str], chain: Contract, world: World) -> float:
        """Step 3: every miner sends its devices' updates to all others; a block that is not full waits for T_wait."""
        most = max(Counter(miner_of[device] for device in verified).values())
        exchange = most * self._update_bits(world) / self._link if self.miners > 1 else 0.0
        world.elapse("consensus", exchange)
        full = len(verified) == len(world.hospitals)
        wait = 0.0 if full else max(0.0, chain.call("deadline") - world.clock.now)
        world.elapse("waiting", wait)
        return exchange + wait

    def _mine(
        self, local: float, upload: float, cross: float, updates: int, world: World
    ) -> tuple[int, dict[str, float]]:
        """Steps 4 and 5, again from step 1 after each fork; return the winner and what the epoch adds to the sums."""
        bits = self.header_bits + updates * self._update_bits(world)
        spread = bits / self._link if self.miners > 1 else 0.0  # T_bp, the same for all
        terms = mining.Terms(self.miners, local + upload + cross + spread, (self.miners - 1) * spread)
        rates = self._rates(terms, spread)
        rate, delays = rates["rate used"], [spread] * self.miners
        contest, extra = world.rng.spawn(2)
        tries = mining.races_until_one_wins(rate, delays, contest)
        sampled = mining.races(rate, delays, self.races, extra)
        again, mined = len(tries) - 1, sum(one.mining for one in tries)
        world.elapse("compute", again * local)
        world.elapse("network", again * upload)
        world.elapse("consensus", again * cross + mined + len(tries) * spread)
        return tries[-1].winner, rates | {
            "local": len(tries) * local,
            "upload": len(tries) * upload,
            "cross_verification": len(tries) * cross,
            "mining": mined,
            "propagation": len(tries) * spread,
            "expected": mining.expected_latency(rate, terms),
            "races": len(tries),
            "forks": again,
            "simulated races": self.races,
            "simulated forks": int(sampled.forked.sum()),
            "simulated seconds": self.races * terms.overhead + float(sampled.mining.sum()),
        }

    def _rates(self, terms: mining.Terms, spread: float) -> dict[str, float]:
        """The rate used, and where forks are possible the best one and the one of the recalled formula."""
        best = mining.optimal_rate(terms)
        if math.isinf(best):
            if not self.block_rate:
                raise ValueError("a single miner never forks, so no rate is best: give a block_rate")
            return {"rate used": self.block_rate}
        recalled = mining.recalled_rate(self.miners, spread, terms.overhead - spread)
        used = self.block_rate or self.rate_factor * best
        return {"rate used": used, "rate optimal": best, "rate recalled": recalled}

    def _update_bits(self, world: World) -> float:
        """delta_m: 32 bits a weight."""
        return 32.0 * world.network.parameters


def _timed(world: World, who: tuple[str, ...], what: Query, payload: Any) -> tuple[Replies, float, float]:
    """Ask, and return the seconds of computing and on the wire besides."""
    before = dict(world.clock.parts)
    replies = world.ask(who, what, payload)
    compute, network = (world.clock.parts[part] - before[part] for part in ("compute", "network"))
    return replies, compute, network


def _accepted(chain: Contract, device: str, miner: str, reward: int) -> bool:
    """The miner verifies and pays; the contract refuses an update whose time does not fit its samples."""
    try:
        chain.send("verify", device, sender=miner, value=reward)
    except Reverted as refusal:
        if refusal.reason != "time does not fit samples":
            raise
        return False
    return True
