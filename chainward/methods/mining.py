"""Proof of work among miners whose blocks take time to spread: its laws, its best rate, a simulated race.

BlockFL (Kim et al. 2020, arXiv 1808.03949). A rate is that of one miner, in blocks a second; times are seconds.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import simpy
from eth_utils.crypto import keccak

_HOPELESS = 40
"""Blocks behind at which an attacker gives up."""


class Terms(NamedTuple):
    """What the latency of an epoch depends on besides the rate."""

    miners: int
    """N_M."""
    overhead: float
    """A: seconds that every try takes besides mining: local work, upload, exchange, spreading the block."""
    exposure: float
    """c: sum of the seconds until the winner's block has reached each of the others, in which they may find one."""


def fork_probability(rate: float, exposure: float) -> float:
    """Return p_fork = 1 - exp(-lambda c): another miner finds a block before the winner's has reached it.

    Examples:
        >>> round(fork_probability(rate=0.1, exposure=0.5), 4)
        0.0488
    """
    return -math.expm1(-rate * exposure)


def expected_latency(rate: float, terms: Terms) -> float:
    """Return E[T] = (A + 1 / (N_M lambda)) exp(lambda c): seconds until a try does not fork, 1 / (1 - p_fork) tries.

    Examples:
        Ten miners, a second of other work a try, half a second in which the others may find a block too.

        >>> round(expected_latency(0.4, Terms(miners=10, overhead=1.0, exposure=0.5)), 3)
        1.527
    """
    return (terms.overhead + 1 / (terms.miners * rate)) * math.exp(rate * terms.exposure)


def optimal_rate(terms: Terms) -> float:
    """Return lambda* = 2 / (c (1 + sqrt(1 + 4 N_M A / c))), where the derivative of E[T] is zero; infinite if c = 0.

    It solves N_M A c lambda^2 + c lambda - 1 = 0.

    Examples:
        >>> round(optimal_rate(Terms(miners=10, overhead=1.0, exposure=0.5)), 6)
        0.4
    """
    miners, overhead, exposure = terms
    if exposure == 0:
        return math.inf
    return 2 / (exposure + math.sqrt(exposure * (exposure + 4 * miners * overhead)))


def numeric_rate(terms: Terms) -> float:
    """Return the minimiser of E[T] found by search alone, right to about eight digits; needs c > 0."""
    from scipy.optimize import minimize_scalar

    def logarithm(exponent: float) -> float:
        rate = math.exp(exponent)
        return rate * terms.exposure + math.log(terms.overhead + 1 / (terms.miners * rate))

    highest = -math.log(terms.exposure)  # beyond 1 / c the latency only rises
    found = minimize_scalar(logarithm, bounds=(highest - 40, highest), method="bounded", options={"xatol": 1e-12})
    return math.exp(float(found.x))


def recalled_rate(miners: int, spread: float, wait: float) -> float:
    """Return what we recall of the paper's own formula (tier T3): what its claim is judged by, never mined at.

    2 / (T_bp (1 + sqrt(1 + 4 N_M (1 + T_wait / T_bp)))) minimises (T_wait + T_bp + 1 / (N_M lambda)) exp(lambda T_bp).
    Its exponent has one T_bp, where the law of forks has the sum over the other miners; so it is too high.
    """
    return 2 / (spread * (1 + math.sqrt(1 + 4 * miners * (1 + wait / spread))))


class Race(NamedTuple):
    """One try: which miner was first, after how long; until its block had spread; whether another found one too."""

    winner: int
    mining: float
    spread: float
    forked: bool


def race(rate: float, delays: Sequence[float], rng: np.random.Generator) -> Race:
    """Let N_M miners look for a block; a find is sent to all others, who stop when it reaches them.

    `delays` [N_M] are the seconds until another's block reaches each miner. One number is drawn for each miner.
    """
    environment = simpy.Environment()
    efforts = rng.exponential(1 / rate, len(delays))
    found: list[tuple[int, float]] = []

    def mine(miner: int) -> Generator[simpy.Event, Any, None]:
        try:
            yield environment.timeout(efforts[miner])
        except simpy.Interrupt:
            return
        found.append((miner, environment.now))
        for other in range(len(delays)):
            if other != miner:
                environment.process(send(other))

    def send(other: int) -> Generator[simpy.Event, Any, None]:
        yield environment.timeout(delays[other])
        if miners[other].is_alive:
            miners[other].interrupt()

    miners = [environment.process(mine(miner)) for miner in range(len(delays))]
    environment.run()
    winner, mining = found[0]
    spread = max((delay for miner, delay in enumerate(delays) if miner != winner), default=0.0)
    return Race(winner, float(mining), spread, len(found) > 1)


class Races(NamedTuple):
    """Many tries side by side, [count] each; see `Race`."""

    winner: npt.NDArray[np.int64]
    mining: npt.NDArray[np.float64]
    forked: npt.NDArray[np.bool_]


def races(rate: float, delays: Sequence[float], count: int, rng: np.random.Generator) -> Races:
    """Return what `race` gives with the same draws, `count` times over, in one pass.

    A find reaches another miner by its own delay, whoever sent it. So the first one is what stops every other, unless
    that has found a block by then: the race forks where effort_j < effort_winner + delay_j for another miner j.
    """
    efforts = rng.exponential(1 / rate, (count, len(delays)))
    winner, first = efforts.argmin(axis=1), efforts.min(axis=1)
    found = efforts < first[:, None] + np.asarray(delays)
    found[np.arange(count), winner] = False
    return Races(winner, first, found.any(axis=1))


def races_until_one_wins(
    rate: float, delays: Sequence[float], rng: np.random.Generator, most: int = 10_000
) -> list[Race]:
    """Return the tries of one epoch: all but the last forked, each of which starts the epoch again.

    Raises:
        ValueError: so many tries forked.
    """
    tries: list[Race] = []
    while not tries or tries[-1].forked:
        if len(tries) == most:
            raise ValueError(f"{most} races in a row forked: {rate:g} blocks a second are too many for these delays")
        tries.append(race(rate, delays, rng))
    return tries


def proof_of_work(header: bytes, bits: int) -> int:
    """Return the least nonce for which keccak256(header || nonce) begins with so many zero bits.

    Examples:
        >>> nonce = proof_of_work(b"block", bits=8)
        >>> nonce, keccak(b"block" + nonce.to_bytes(32, "big"))[0]
        (266, 0)
    """
    target, nonce = 1 << (256 - bits), 0
    while int.from_bytes(keccak(header + nonce.to_bytes(32, "big")), "big") >= target:
        nonce += 1
    return nonce


def catch_up_probability(share: float, behind: int) -> float:
    """Return (q / p)^z: an attacker with a `share` q < p of the work draws level from z blocks behind.

    Examples:
        >>> round(catch_up_probability(share=0.25, behind=2), 3)
        0.111
    """
    return 1.0 if share >= 0.5 else (share / (1 - share)) ** behind


def catches_up(share: float, behind: int, rng: np.random.Generator) -> bool:
    """Let an attacker and the honest miners extend two chains; tell whether the attacker's draws level."""
    if not behind:
        return True
    environment = simpy.Environment()
    gap, over = behind, environment.event()

    def extend(speed: float, step: int) -> Generator[simpy.Event, Any, None]:
        nonlocal gap
        while not over.triggered:
            yield environment.timeout(rng.exponential(1 / speed))
            gap += step
            if gap in (0, behind + _HOPELESS) and not over.triggered:
                over.succeed(gap == 0)

    for speed, step in ((share, -1), (1 - share, 1)):
        environment.process(extend(speed, step))
    return bool(environment.run(over))
