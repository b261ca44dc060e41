"""Solvers race to value what each hospital contributed, and the winner's values pay all. Liu et al. 2020, FedCoin."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from eth_utils.crypto import keccak

from chainward.methods.aggregation import mean
from chainward.methods.shapley import Mask, drawn_orders, exact_of, members, prefix_masks, sampled_of, truncated_of
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import FIT, PUBLISH, Contract, Each, Kind, Memory, Query, Site, Update, World

ONE = 2**20  # 1 in the contract's fixed point
FARTHEST = 2**32 - 1  # the largest D it can hold, beyond any distance that there is
BATCH = 128  # models evaluated at a time
MOST_WHOLE = 20  # trainers up to whom every order is taken to its end

Floats = npt.NDArray[np.float64]
Task = tuple[tuple[str, ...], Vector, bytes]


class Phase(IntEnum):
    """What the contract waits for."""

    IDLE, COMMITTING, REVEALING = range(3)


@dataclass(frozen=True)
class State:
    """The global model [P], the contract and its solvers, and what came of the tasks so far.

    `earned` is wei by hospital, `valued` the sum over tasks of its share of the positive values, `tasks` and `paid`
    count.
    """

    weights: Vector
    contract: str
    solvers: tuple[str, ...]
    earned: Mapping[str, int]
    valued: Mapping[str, float]
    tasks: int = 0
    paid: int = 0


@dataclass(frozen=True)
class FedCoin(Strategy[State]):
    """Proof of Shapley; a task a round, and `solvers` of them who race on the validation patients.

    Each solver draws `permutations` orders of the hospitals; where there are no more orders than that, it takes every
    one once and its values are exact. Where more than 20 hospitals train, an order ends once the accuracy is within
    `truncation` of that with everybody's model, and who comes later gets 0 from it; 0 takes all orders to their end.
    `distance` is D; about 170 orders or more mostly keep within 0.05. `baseline` is v(empty), the accuracy with
    nobody's model: 0 as published, or that of the global model they began from. `median` measures distances from the
    median of the vectors in place of their average, so that one liar cannot move it far. A phase lasts `phase_blocks`
    at most, which must exceed the patience with solvers that do not answer.
    """

    permutations: int = 200
    truncation: float = 0.002
    solvers: int = 5
    distance: float = 0.05
    baseline: Literal["empty", "global"] = "empty"
    median: bool = False
    price_wei: int = 10**18
    train_percent: int = 70
    server_percent: int = 10
    phase_blocks: int = 150

    card: ClassVar[Card] = Card.beside(
        __file__,
        contracts=("FedCoin",),
        sees_individual_updates=Audience.EVERYONE,
        raw_records_shared="validation",
        spends_gas=True,
        tolerates_absence=True,
    )

    def open(self, world: World) -> State:
        """The requester deploys the contract with its terms."""
        (requester,), (server,) = world.parties("requester", 1), world.parties("server", 1)
        solvers = world.parties("solver", self.solvers, records="validation")
        farthest = int(min(self.distance * ONE, FARTHEST))
        terms = (self.price_wei, self.train_percent, self.server_percent, farthest, self.median, self.phase_blocks)
        address = world.deploy("FedCoin", server, world.hospitals, solvers, *terms, sender=requester)
        earned, valued = dict.fromkeys(world.hospitals, 0), dict.fromkeys(world.hospitals, 0.0)
        return State(world.initial_weights(), address, solvers, earned, valued)

    def round(self, state: State, world: World) -> State:
        """Train, have the models valued, pay by the values, merge."""
        answers = world.ask(world.hospitals, FIT.then(PUBLISH), state.weights).open()
        models = {trainer: Update(*world.fetch(cid)).weights for trainer, cid in answers.items()}
        models = {trainer: weights for trainer, weights in models.items() if np.isfinite(weights).all()}
        if not models:
            return state
        contract, cids = world.at(state.contract), tuple(answers[trainer] for trainer in models)
        self._post(contract, tuple(models), cids)
        self._race(contract, world, state, cids)
        return self._account(replace(state, weights=mean(list(models.values()))), contract)

    def model(self, state: State) -> Vector:
        return state.weights

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        """Solvers, the orders each takes when all hospitals train, and where it ends one."""
        orders = min(self.permutations, math.factorial(hospitals))
        return {"solvers": self.solvers, "orders": orders, "truncation": self._truncation(hospitals)}

    def outcomes(self, state: State) -> Mapping[str, Mapping[str, float]]:
        """Each hospital's share of all wei paid for training, and of the average vectors' positive values.

        "tasks" counts those that were paid and those that no vector came near enough for.
        """
        whole = sum(state.earned.values())
        return {
            "paid": {name: wei / whole if whole else 0.0 for name, wei in state.earned.items()},
            "shapley": {name: share / max(1, state.tasks) for name, share in state.valued.items()},
            "tasks": {"paid": state.paid, "unpaid": state.tasks - state.paid},
        }

    def solve(self, site: Site, memory: Memory, task: Task) -> tuple[bytes, Memory]:
        """At a solver: value the models under these content ids, and commit to the values."""
        cids, weights, domain = task
        models = np.stack([Update(*site.fetch(cid)).weights for cid in cids]).astype(np.float64)
        vector = tuple(int(value) for value in np.rint(ONE * self.values(site, models, weights)))
        salt = site.rng.bytes(32)
        return sealed(domain, salt, vector), {"salt": salt, "vector": vector}

    def values(self, site: Site, models: Floats, weights: Vector) -> Floats:
        """s: mean over random orders of acc(mean of a prefix) - acc(mean of the prefix before) for models [n, P]: [n].

        The accuracy of an empty prefix is the baseline.
        """
        players = len(models)
        empty = accuracies(site, weights[None])[0] if self.baseline == "global" else 0.0

        def worths(asked: Sequence[Mask]) -> list[float]:
            """Of coalitions, the first of which is nobody's or everybody's."""
            parts = members(asked, players)
            found = [empty] * (asked[0] == 0)
            for start in range(len(found), len(asked), BATCH):
                found += accuracies(site, means(site, models, parts[start : start + BATCH]))
            return found

        if self.permutations >= math.factorial(players):
            return exact_of(worths(range(2**players)), players)
        orders = drawn_orders(players, self.permutations, site.rng)
        if self._truncation(players) > 0:
            return truncated_of(worths, players, orders, self._truncation(players))
        asked = prefix_masks(orders)
        return sampled_of(dict(zip(asked, worths(asked), strict=True)), players, orders)

    def _truncation(self, players: int) -> float:
        """How near to everybody's an accuracy ends an order: of few trainers every one adds something to be told."""
        return self.truncation if players > MOST_WHOLE else 0.0

    def _post(self, contract: Contract, trainers: tuple[str, ...], cids: tuple[str, ...]) -> None:
        """Lock the price: the requester makes up what its funds lack, then the server posts the task."""
        requester = contract.call("requester")
        lacking = self.price_wei - contract.call("credit", requester)
        if lacking > 0:
            contract.send("fund", sender=requester, value=lacking)
        server = contract.call("server")  # reading waits until the funds are in a block
        contract.send("post", trainers, cids, sender=server)

    def _race(self, contract: Contract, world: World, state: State, cids: tuple[str, ...]) -> None:
        """Have the solvers commit, then reveal, and let the winner close the task: it makes the block."""
        server = contract.call("server")
        tasks = Each({solver: (cids, state.weights, contract.call("domain", solver)) for solver in state.solvers})
        solve = Query("solve", Kind.CONTROL, self.solve)
        committed = world.ask(state.solvers, solve, tasks).open()
        if world.chain.block < contract.call("deadline"):  # else it is too late for everybody
            for solver, commitment in committed.items():
                contract.send("commit", commitment, sender=solver)
        if contract.call("phase") == Phase.COMMITTING:
            _wait(contract, world)
            contract.send("close", sender=server)
        if contract.call("phase") == Phase.REVEALING:
            revealed = world.ask(tuple(committed), REVEAL).open()
            if world.chain.block < contract.call("deadline"):
                for solver, opened in revealed.items():
                    contract.send("reveal", *opened, sender=solver)
            if contract.call("reveals") < contract.call("commits"):
                _wait(contract, world)
            nearest = contract.call("nearest")
            contract.send("close", sender=nearest if nearest in state.solvers else server)

    def _account(self, state: State, contract: Contract) -> State:
        """Note what the contract decided."""
        trainers, amounts = contract.call("pay")
        point, _ = contract.call("centre")
        positive = [max(0, value) for value in point]
        shares = [value / max(1, sum(positive)) for value in positive]
        return replace(
            state,
            earned=_added(state.earned, dict(zip(trainers, amounts, strict=True))),
            valued=_added(state.valued, dict(zip(trainers, shares, strict=True))),
            tasks=state.tasks + 1,
            paid=state.paid + (contract.call("winner") in state.solvers),
        )


def sealed(domain: bytes, salt: bytes, vector: Sequence[int]) -> bytes:
    """Return keccak256(domain || salt || vector), each value as 32 bytes, as the contract computes it."""
    return keccak(domain + salt + b"".join(value.to_bytes(32, "big", signed=True) for value in vector))


def means(site: Site, models: Floats, coalitions: npt.NDArray[np.bool_]) -> Vector:
    """Return the unweighted mean of the weights of each of M coalitions [M, n], from models [n, P]: [M, P]."""
    parts: Floats = coalitions / coalitions.sum(axis=1, keepdims=True)
    site.work(2.0 * parts.size * models.shape[1])
    return (parts @ models).astype(np.float32)


def accuracies(site: Site, models: Vector) -> list[float]:
    """Return the accuracy of each of models [M, P] on the solver's patients."""
    right = (site.predict(models, site.train.features) >= 0.5) == (site.train.labels > 0.5)
    found: list[float] = (np.count_nonzero(right, axis=1) / right.shape[1]).tolist()
    return found


def _reveal(_: Site, memory: Memory, __: None) -> tuple[tuple[bytes, tuple[int, ...]], Memory]:
    return (memory["salt"], memory["vector"]), memory


def _wait(contract: Contract, world: World) -> None:
    """Let the phase's deadline pass."""
    world.chain.wait(max(0, contract.call("deadline") - world.chain.block))


def _added(whole: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value + part.get(name, 0) for name, value in whole.items()}


REVEAL = Query("reveal", Kind.SCORES, _reveal)
