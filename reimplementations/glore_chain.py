"""Every site is client and each in turn server of Newton's method, as exact as if pooled. Kuo et al. 2019, ocy180."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from chainward.methods import newton
from chainward.methods.content import content_id, digest
from chainward.strategy import Audience, Card, Strategy
from chainward.world import PRESENT, ContentId, Contract, HospitalAbsent, Kind, Memory, Network, Query, Site, World

Floats = npt.NDArray[np.float64]
Phase = IntEnum("Phase", "INITIALIZE UPDATE TRANSFER CHECK CONSENSUS", start=0)  # what the contract waits for
Published = Mapping[str, str]  # content ids by who published them
Task = tuple[Published, Published]  # the coefficients that stand, by their maker (nobody's are 0), and the sums there


@dataclass(frozen=True)
class State:
    """The contract; coefficients [D], bias first; are they final, did they move no more; how often who did what."""

    contract: str
    model: Floats
    agreed: bool
    converged: bool
    updates: Mapping[str, int]
    served: Mapping[str, int]


@dataclass(frozen=True)
class GloreChain(Strategy[State]):
    """Distributed Newton-Raphson with a rotating server; a round is one server's turn.

    `max_iterations` is T_max, which counts from 0. Coefficients that another site computes again may differ by `slack`
    of their size: rounding on another machine. Who is missing from a phase is waited for `phase_blocks`.
    """

    tolerance: float = 1e-6
    ridge: float = 1e-7
    max_iterations: int = 20
    slack: float = 1e-8
    phase_blocks: int = 120

    card: ClassVar[Card] = Card.beside(
        __file__,
        contracts=("GloreChain",),
        sees_individual_updates=Audience.EVERYONE,
        raw_records_shared="none",
        spends_gas=True,
        tolerates_absence=True,
        ends_by_itself=True,
        needs=("features <= 1000",),
    )

    def open(self, world: World) -> State:
        """Steps 1 and 2: all are there, in the order of their names, and begin with coefficients of zero."""
        there = world.ask(world.hospitals, INITIALIZE).open()
        if not there:
            raise HospitalAbsent("nobody is there to begin with")
        newton.need_few(world.network.features)
        terms = (tuple(sorted(world.hospitals)), self.max_iterations, self.phase_blocks)
        chain = world.found("GloreChain", *terms, sender=next(iter(there)))
        _advance(chain, chain.send_each("initialize", there.keys()))
        never = dict.fromkeys(world.hospitals, 0)
        return State(chain.address, np.zeros(world.network.features + 1), False, False, never, never)

    def round(self, state: State, world: World) -> State:
        """Steps 3 to 5: all post their sums, the server takes the step, and the others take it again."""
        chain, there = world.at(state.contract), tuple[str, ...]()
        if chain.call("phase") == Phase.UPDATE:  # step 3
            iteration, sums = chain.call("iteration"), self._updates(world, chain)
            there = chain.send_each("update", {site: (iteration, digest(cid)) for site, cid in sums.items()})
            _advance(chain, there)
        server, made = chain.call("server"), tuple[str, ...]()
        if chain.call("phase") == Phase.TRANSFER:  # step 4
            transfer = Query("transfer", Kind.CONTROL, self._transfer, reply=tuple[ContentId, bool])
            taken = world.ask(server, transfer, _task(chain), within=chain.left() or math.inf).open()
            turn = chain.call("turn")
            made = chain.send_each("transfer", {one: (turn, digest(cid), last) for one, (cid, last) in taken.items()})
            if not made:  # its time passes, and it is the next one's turn
                others = [site for site in there if site != server]
                _advance(chain, others or world.ask(world.hospitals, PRESENT, first=1))
        if made:
            self._have_checked(world, chain, server)
        return _state(world, chain, state, there, made)

    def _updates(self, world: World, chain: Contract) -> Published:
        """Ask all for their sums; who missed the last iteration has ten times what the others took, and no phase."""
        update, newest = Query("update", Kind.CONTROL, self._update, reply=ContentId), _newest(chain)
        awaited, started = chain.call("awaited"), world.clock.now
        sums = world.ask(awaited, update, newest, within=chain.left() or math.inf).open()
        others = [site for site in world.hospitals if site not in awaited]
        grace = 10 * (world.clock.now - started)
        return sums | (world.ask(others, update, newest, within=grace).open() if others else {})

    def _have_checked(self, world: World, chain: Contract, server: str) -> None:
        """The others take the step again: if more than half find another, it is the next one's turn."""
        proposed = ({server: content_id(chain.call("proposal"))}, chain.call("converged"))
        model, sums = _task(chain)
        check = Query("check", Kind.SCORES, self._check, reply=bool)
        others = [site for site in sums if site != server]
        found = world.ask(others, check, ((model, sums), *proposed), within=chain.left()).open()
        turn = chain.call("turn")
        chain.send_each("check", {site: (turn, right) for site, right in found.items()})
        _advance(chain, (*found, server))

    def model(self, state: State) -> Floats:
        return state.model

    def predict(self, model: Floats, features: Any, network: Network) -> Floats:
        return newton.predict(model, features)

    def finished(self, state: State) -> bool:
        return state.agreed

    def outcomes(self, state: State, world: World) -> Mapping[str, Mapping[str, float]]:
        """The coefficients, whether they converged, and how often each site's sums counted and it was server."""
        return {
            "coefficients": newton.named(state.model),
            "learning": {"converged": int(state.converged), "steps": sum(state.served.values())},
            "updates": state.updates,
            "served": state.served,
        }

    def _update(self, site: Site, memory: Memory, newest: Published) -> tuple[str, Memory]:
        """Step 3 at a site: p = sigmoid(X beta), D_k = X' diag(p (1 - p)) X and E_k = X' (y - p), for all to read."""
        sums = newton.statistics(site.train.features, site.train.labels, _read(site, newest))
        site.work(newton.flops(len(site.train), len(sums.gradient)))
        return site.publish(sums._asdict(), Kind.UPDATE), memory

    def _transfer(self, site: Site, memory: Memory, task: Task) -> tuple[tuple[str, bool], Memory]:
        """Step 4 at the server: the step, and whether it is the last: TRANSFER or CONSENSUS."""
        after, last = self._step(site, task)
        return (site.publish(after, Kind.AGGREGATE), last), memory

    def _check(self, site: Site, memory: Memory, payload: tuple[Task, Published, bool]) -> tuple[bool, Memory]:
        """The same step at another site: is the server's the same?"""
        task, proposed, last = payload
        own, over = self._step(site, task)
        found = list(site.read(proposed, newton.form_of_coefficients(len(own))).values())
        right = bool(found) and last == over and newton.settled(found[0], own, self.slack * max(1.0, np.abs(own).max()))
        return site.scores(dict.fromkeys(proposed, bool(right)), False, True).popitem()[1], memory

    def _step(self, site: Site, task: Task) -> tuple[Floats, bool]:
        """beta + (sum D_k + ridge I)^-1 sum E_k of all that can be read, added up in the order of names."""
        before = _read(site, task[0])
        parts = sorted(site.read(task[1], newton.form(len(before))).items())
        site.work(newton.step_flops(len(parts), len(before)))
        after = newton.step(before, newton.total(sums for _, sums in parts), self.ridge) if parts else before
        return after, after is not before and newton.settled(before, after, self.tolerance)


def _initialize(_: Site, __: Memory, ___: Any) -> tuple[bool, Memory]:
    """Forget all from before."""
    return True, {}


def _read(site: Site, newest: Published) -> Floats:
    """The coefficients that stand; zeros, to begin anew, where there are none or they cannot be read."""
    size = site.train.features.shape[1] + 1
    found = site.read(newest, newton.form_of_coefficients(size)) if newest else {}
    return next(iter(found.values()), np.zeros(size))


def _newest(chain: Contract) -> Published:
    """The content id of the coefficients that stand, by their maker."""
    model = chain.call("model")
    return {chain.call("maker"): content_id(model)} if any(model) else {}


def _task(chain: Contract) -> Task:
    who, statistics = chain.call("updates")
    return _newest(chain), {site: content_id(found) for site, found in zip(who, statistics, strict=True)}


def _advance(chain: Contract, there: Iterable[str]) -> None:
    """Have the first who is there end the phase, after its deadline if somebody is missing from it."""
    for sender in tuple(there)[:1]:
        if chain.call("heard") < chain.call("expected"):
            chain.pass_deadline()
        chain.send("advance", sender=sender)


def _state(world: World, chain: Contract, state: State, updated: Iterable[str], made: Iterable[str]) -> State:
    """With the coefficients that stand, as `_read` has them."""
    agreed, stands = chain.call("phase") == Phase.CONSENSUS, chain.call("model") == chain.call("proposal")
    found = world.read(_newest(chain), newton.form_of_coefficients(len(state.model)))
    return replace(
        state,
        model=next(iter(found.values()), np.zeros(len(state.model))),
        agreed=agreed,
        converged=agreed and stands and chain.call("converged"),
        updates={site: count + (site in updated) for site, count in state.updates.items()},
        served={site: count + (stands and site in made) for site, count in state.served.items()},
    )


INITIALIZE = Query("initialize", Kind.CONTROL, _initialize, reply=bool)
