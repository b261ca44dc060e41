"""Solvers race to value what each hospital contributed, and the winner's values pay all. Liu et al. 2020, FedCoin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Interval

from chainward.methods.aggregation import mean
from chainward.methods.commitment import SALT_BYTES, sealed, words
from chainward.methods.contribution import ONE, accuracy, positive_shares
from chainward.methods.shapley import drawn_orders, estimated, worths_of_means
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import FIT, PUBLISH, Contract, Digest, Each, Kind, Memory, Query, Site, Update, World

FARTHEST = 2**32 - 1  # the largest D the contract can hold, beyond any distance that there is
COMMITTING = 2  # its phase in which not all solvers have committed
MOST_WHOLE = 20  # trainers up to whom every order is taken to its end
Values = tuple[Annotated[int, Interval(ge=-ONE, le=ONE)], ...]


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
    `truncation` of everybody's, and who comes later gets 0 from it; 0 takes all orders to their end. `distance` is D;
    about 170 orders or more mostly keep within 0.05. `baseline` is v(empty): 0 as published, or the accuracy of the
    global model. `median` measures distances from the vectors' median, which a minority of liars cannot move beyond
    what the others say, in place of the published average. A phase lasts `phase_blocks` at most.
    """

    permutations: int = 200
    truncation: float = 0.002
    solvers: int = 5
    distance: float = 0.05
    baseline: Literal["empty", "global"] = "empty"
    median: bool = True
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
        chain = world.found("FedCoin", server, world.hospitals, solvers, *terms, sender=requester)
        nothing = dict.fromkeys(world.hospitals, 0)
        return State(world.initial_weights(), chain.address, solvers, nothing, nothing)

    def round(self, state: State, world: World) -> State:
        """A task: train, have the models valued, pay by the values, merge."""
        chain = world.at(state.contract)
        requester, server = chain.call("requester"), chain.call("server")
        # The requester locks the price; only then do the clients train, and the server names those who did.
        lacking = max(0, self.price_wei - chain.call("credit", requester))
        chain.send("announce", sender=requester, value=lacking)
        cids = world.ask(world.hospitals, FIT.then(PUBLISH), state.weights, within=chain.left()).open()
        if not cids:
            chain.end_late(server)
            return state
        chain.send("post", tuple(cids), tuple(cids.values()), sender=server)
        # Every solver estimates the Shapley values; whose are nearest to the centre of all makes the block, and pays.
        self._race(state, cids, chain, world)
        # The server merges what can be read, unweighted.
        models = [update.weights for update in world.read(cids, Update).values()]
        return _accounted(replace(state, weights=mean(models) if models else state.weights), chain)

    def model(self, state: State) -> Vector:
        return state.weights

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        """Solvers, the orders each takes when all hospitals train, and where it ends one."""
        orders = min(self.permutations, math.factorial(hospitals))
        return {"solvers": self.solvers, "orders": orders, "truncation": self._truncation(hospitals)}

    def outcomes(self, state: State, world: World) -> Mapping[str, Mapping[str, float]]:
        """Each hospital's share of all wei paid for training, and of the positive values at the vectors' centre.

        "tasks" counts those that were paid and those that no vector came near enough for.
        """
        return {
            "paid": positive_shares(state.earned),
            "shapley": {name: share / max(1, state.tasks) for name, share in state.valued.items()},
            "tasks": {"paid": state.paid, "unpaid": state.tasks - state.paid},
        }

    def solve(self, site: Site, memory: Memory, task: tuple[Mapping[str, str], Vector, bytes]) -> tuple[bytes, Memory]:
        """At a solver: value the models under these content ids, and commit to the values; 0 is what it cannot read."""
        cids, weights, domain = task
        updates = site.read(cids, Update)
        values = self.values(site, np.array([update.weights for update in updates.values()]), weights)
        said = site.scores(dict.fromkeys(cids, 0.0) | dict(zip(updates, values, strict=True)), -1.0, 1.0)
        vector = tuple(int(value) for value in np.rint(ONE * np.array(list(said.values()))))
        salt = site.rng.bytes(SALT_BYTES)
        return sealed(domain, salt, words(vector)), {"salt": salt, "vector": vector}

    def values(self, site: Site, models: Vector, weights: Vector) -> npt.NDArray[np.float64]:
        """s: mean over random orders of acc(mean of a prefix) - acc(mean of the prefix before) for models [n, P]: [n].

        The accuracy of an empty prefix is the baseline.
        """
        players = len(models)

        def accuracies(means: Vector) -> npt.NDArray[np.float64]:
            site.work(2.0 * players * means.size)
            return accuracy(site.train.labels, site.predict(means, site.train.features) >= 0.5)

        (nobody,) = accuracies(weights[None]) if self.baseline == "global" else (0.0,)
        few = self.permutations >= math.factorial(players)
        orders = [] if few else drawn_orders(players, self.permutations, site.rng)
        return estimated(worths_of_means(accuracies, models, nobody), players, orders, self._truncation(players))

    def _truncation(self, players: int) -> float:
        """How near to everybody's an accuracy ends an order: of few trainers every one adds something to be told."""
        return self.truncation if players > MOST_WHOLE else 0.0

    def _race(self, state: State, cids: Mapping[str, str], chain: Contract, world: World) -> None:
        """Have the solvers commit, then reveal, and let the winner close the task; the server ends what is overdue."""
        server = chain.call("server")
        tasks = Each({solver: (cids, state.weights, chain.call("domain", solver)) for solver in state.solvers})
        solve = Query("solve", Kind.CONTROL, self.solve, reply=Digest)
        committed = chain.send_each("commit", world.ask(tasks, solve, tasks, within=chain.left()).open())
        if chain.call("phase") == COMMITTING:
            chain.end_late(server)
        if not committed:
            return
        revealed = world.ask(committed, REVEAL, within=chain.left()).open()
        chain.send_each("reveal", revealed, unless="commitment not opened")
        if chain.call("reveals") < chain.call("commits"):
            chain.pass_deadline()
        nearest = chain.call("nearest")
        chain.send("close", sender=nearest if nearest in state.solvers else server)


def _accounted(state: State, chain: Contract) -> State:
    """Note what the contract decided."""
    point, _ = chain.call("centre")
    paid = dict(zip(*chain.call("pay"), strict=True))
    shares = positive_shares(dict(zip(paid, point, strict=True)))
    earned = {name: wei + paid.get(name, 0) for name, wei in state.earned.items()}
    valued = {name: value + shares.get(name, 0.0) for name, value in state.valued.items()}
    accepted = chain.call("winner") in state.solvers
    return replace(state, earned=earned, valued=valued, tasks=state.tasks + 1, paid=state.paid + accepted)


def _reveal(_: Site, memory: Memory, __: None) -> tuple[tuple[bytes, tuple[int, ...]], Memory]:
    return (memory["salt"], memory["vector"]), memory


REVEAL = Query("reveal", Kind.SCORES, _reveal, reply=tuple[Digest, Values])
