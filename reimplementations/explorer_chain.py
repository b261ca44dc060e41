"""A model goes to the hospital it errs most on, until nobody errs more. Kuo et al. 2020, 10.1093/jamia/ocaa023."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Interval

from chainward.methods import expectation_propagation as explorer
from chainward.methods.content import content_id, digest
from chainward.methods.expectation_propagation import Gaussian
from chainward.strategy import Audience, Card, Strategy
from chainward.world import PRESENT, ContentId, Contract, HospitalAbsent, Kind, Memory, Network, Query, Site, World

ONE = 1_000_000  # errors are 1 - AUC in millionths
Error = Annotated[int, Interval(ge=0, le=ONE)]
Flag = IntEnum("Flag", "CLEAR INITIALIZE TRANSFER UPDATE EVALUATE CONSENSUS", start=0)  # what the contract waits for


@dataclass(frozen=True)
class State:
    """The contract, newest model (mean [D], covariance [D, D], bias first; one a site if Omega = 0), is it final?"""

    contract: str
    model: Mapping[str, Any]
    agreed: bool


@dataclass(frozen=True)
class ExplorerChain(Strategy[State]):
    """EXPLORER, a logistic regression by expectation propagation, in the order of proof of information.

    A round is one iteration t; `max_iterations` is Omega. `exponent` is that of the prediction: 0.5 in the authors'
    code, -0.5 in textbooks. `decimals` are those a model is published with. Who is missing is waited for
    `waiting_blocks` where sites evaluate, the paper's 5 s, and `phase_blocks` (600 s) where they train.
    """

    prior_variance: float = 5.0
    tolerance: float = 1e-8
    max_passes: int = 200
    max_iterations: int = 10
    phase_blocks: int = 120
    waiting_blocks: int = 1
    exponent: float = 0.5
    decimals: int = 6

    card: ClassVar[Card] = Card.beside(
        __file__,
        contracts=("ExplorerChain",),
        sees_individual_updates=Audience.EVERYONE,
        raw_records_shared="none",
        spends_gas=True,
        tolerates_absence=True,
        ends_by_itself=True,
        needs=("features <= 1000",),
    )

    def open(self, world: World) -> State:
        """Steps 1 to 3; with Omega = 0 nothing follows, and every site keeps its own model."""
        replies = world.ask(world.hospitals, CLEAR)
        sites = {site: size for site, size in replies.open().items() if size}
        if not sites:
            raise HospitalAbsent("nobody with patients of both outcomes is there to train a first model")
        terms = (world.hospitals, self.max_iterations, self.phase_blocks, self.waiting_blocks)
        chain = world.found("ExplorerChain", *terms, sender=next(iter(replies)))
        first = self._begin(world, chain, tuple(sites))
        nothing = explorer.prior(world.network.features, self.prior_variance)
        if self.max_iterations:
            return _state(world, chain, nothing._asdict())
        own = world.read(first, explorer.form(len(nothing.mean)))
        return State(chain.address, {site: own.get(site, nothing)._asdict() for site in world.hospitals}, agreed=True)

    def round(self, state: State, world: World) -> State:
        """Steps 4 to 7 of one iteration. Who is missing or unreadable is passed over."""
        chain, there = world.at(state.contract), tuple[str, ...]()
        holder, iteration = chain.call("holder"), chain.call("iteration")
        others = tuple(site for site in chain.call("members") if site != holder)
        if chain.call("phase") == Flag.UPDATE:  # step 4
            arriving = {} if chain.call("ready") else _newest(chain)
            learned = world.ask(holder, self._learn("update"), arriving, within=chain.left() or math.inf).open()
            posts = {site: (iteration, error, digest(model)) for site, (error, model) in learned.items()}
            there = chain.send_each("update", posts, unless="own model stays as it is")
            if not there:
                _advance(chain, world.ask(others, PRESENT, first=1))
        if chain.call("phase") == Flag.EVALUATE:  # step 5
            errors = self._errors(world, chain, others)
            read = {site: (iteration, error) for site, error in errors.items() if error is not None}
            chain.send_each("evaluate", read)
            chain.send_each("unreadable", {site: iteration for site in errors if site not in read})
            _advance(chain, (*there, *errors))  # step 6: TRANSFER to the largest error; step 7: CONSENSUS
        if chain.call("phase") == Flag.CLEAR:  # that consensus would be worthless: anew, without its maker
            self._begin(world, chain, [site for site, size in world.ask(world.hospitals, CLEAR).open().items() if size])
        if chain.call("phase") == Flag.CONSENSUS:  # who was missing and errs at least as much takes it up again
            errors = self._errors(world, chain, chain.call("outsiders"))
            takers = [site for site, error in errors.items() if error is not None and error >= chain.call("errorE6")]
            chain.send_each("rejoin", {site: errors[site] for site in takers[:1]})
        return _state(world, chain, state.model)

    def model(self, state: State) -> Mapping[str, Any]:
        return state.model

    def predict(self, model: Mapping[str, Any], features: Any, network: Network) -> npt.NDArray[np.float64]:
        return explorer.predict(Gaussian(**model), features, self.exponent)

    def finished(self, state: State) -> bool:
        return state.agreed

    def _begin(self, world: World, chain: Contract, sites: Iterable[str]) -> dict[str, str]:
        """Steps 1 to 3: CLEAR, INITIALIZE, TRANSFER to the lowest error; return the content ids of first models."""
        cleared = chain.send_each("clear", sites, unless="not a site")
        _advance(chain, cleared)
        first = world.need_some(world.ask(cleared, self._learn("initialize"), within=chain.left())).open()
        chain.send_each("initialize", {site: (error, digest(model)) for site, (error, model) in first.items()})
        _advance(chain, first)
        return {site: model for site, (_, model) in first.items()}

    def _errors(self, world: World, chain: Contract, sites: Iterable[str]) -> dict[str, int | None]:
        """What these sites say the newest model errs; a phase that is overdue stays open until somebody ends it."""
        evaluate = Query("evaluate", Kind.SCORES, self._evaluate, reply=Error | None)
        return world.ask(sites, evaluate, _newest(chain), within=chain.left() or math.inf).open()

    def _learn(self, step: str) -> Query:
        return Query(step, Kind.SCORES, self._train, reply=tuple[Error, ContentId])

    def _train(self, site: Site, memory: Memory, arriving: Mapping[str, str] | None) -> tuple[Any, Memory]:
        """Learn from what arrives, from the prior (None) at first; {} is for the model that these patients made.

        Reply the error here and the model. Who wants to start says that it errs least, who holds, that it errs most.
        """
        if arriving == {}:
            return memory["own"], memory
        features, labels = site.train.features, site.train.labels
        before = _read(site, arriving or {}) or explorer.prior(features.shape[1], self.prior_variance)
        learned, passes = explorer.fit(features, labels, before, self.tolerance, self.max_passes)
        site.work(explorer.flops(features, passes))
        model = learned.rounded(self.decimals)
        best = (ONE, 0) if arriving is None else (0, ONE)
        told = site.says(self._error(site, model) or 0, *best)
        posted = (told, site.publish(model._asdict(), Kind.UPDATE))
        return posted, {"own": posted} if arriving is None else memory

    def _evaluate(self, site: Site, memory: Memory, newest: Mapping[str, str]) -> tuple[int | None, Memory]:
        """Reply the error here, None if there is none. Who wants the model says that it errs most."""
        model = _read(site, newest)
        error = self._error(site, model) if model else None
        return None if error is None else site.says(error, 0, ONE), memory

    def _error(self, site: Site, model: Gaussian) -> int | None:
        site.work(2.0 * len(site.train) * len(model.mean) ** 2)
        return explorer.error(model, site.train.features, site.train.labels, self.exponent)


def _clear(site: Site, _: Memory, __: Any) -> tuple[int, Memory]:
    """Forget all from before; reply how many coefficients D a model has, 0 without both outcomes: there is no AUC."""
    return (site.train.features.shape[1] + 1) * (len(np.unique(site.train.labels)) == 2), {}


def _read(site: Site, published: Mapping[str, str]) -> Gaussian | None:
    return next(iter(site.read(published, explorer.form(site.train.features.shape[1] + 1)).values()), None)


def _newest(chain: Contract) -> dict[str, str]:
    """The content id of the newest model, by its maker."""
    return {chain.call("maker"): content_id(chain.call("model"))}


def _advance(chain: Contract, there: Iterable[str]) -> None:
    """Have the first who is there end the phase, after its deadline if somebody is missing from it."""
    for sender in tuple(there)[:1]:
        if chain.call("posted") < chain.call("expected"):
            chain.pass_deadline()
        chain.send("advance", sender=sender)


def _state(world: World, chain: Contract, model: Mapping[str, Any]) -> State:
    """With the newest model, or with this one if that cannot be read."""
    for newest in world.read(_newest(chain), explorer.form(len(model["mean"]))).values():
        model = newest._asdict()
    return State(chain.address, model, chain.call("phase") == Flag.CONSENSUS)


CLEAR = Query("clear", Kind.STATISTICS, _clear, reply=Annotated[int, Interval(ge=0)])
