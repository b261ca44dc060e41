"""A model goes to the hospital it errs most on, until nobody errs more. Kuo et al. 2020, 10.1093/jamia/ocaa023."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from chainward.methods import expectation_propagation as explorer
from chainward.methods.content import content_id, digest
from chainward.methods.expectation_propagation import Gaussian
from chainward.strategy import Audience, Card, Strategy
from chainward.world import Contract, HospitalAbsent, Kind, Memory, Network, Query, Site, World

Posterior = Mapping[str, npt.NDArray[np.float64]]  # mean [D] and covariance [D, D], the bias first


class Flag(IntEnum):
    """What is to be posted next, as in the contract."""

    CLEAR, INITIALIZE, TRANSFER, UPDATE, EVALUATE, CONSENSUS = range(6)


def _clear(site: Site, _: Memory, __: Any) -> tuple[bool, Memory]:
    return len(np.unique(site.train.labels)) == 2, {}


CLEAR = Query("clear", Kind.STATISTICS, _clear)
"""Be there, with nothing left from before; reply whether both outcomes are, without which there is no AUC."""


@dataclass(frozen=True)
class State:
    """The contract, the newest model (with Omega = 0 one a hospital), and whether it is the consensus."""

    contract: str
    model: Mapping[str, Any]
    agreed: bool


@dataclass(frozen=True)
class ExplorerChain(Strategy[State]):
    """EXPLORER, a logistic regression by expectation propagation, in the order of proof of information.

    A round is one iteration t: the holder learns, the others tell their errors, the contract decides who is next.
    `exponent` is that of the prediction; `decimals` are those a model is published with. Who is missing is waited for
    `waiting_blocks` where sites evaluate, the paper's 5 s, and `training_blocks` (600 s) where they train.
    """

    prior_variance: float = 5.0
    tolerance: float = 1e-8
    max_passes: int = 200
    max_iterations: int = 10
    training_blocks: int = 120
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
    )

    def open(self, world: World) -> State:
        replies = world.ask(world.hospitals, CLEAR)
        sites = tuple(site for site, measurable in replies.open().items() if measurable)
        if not sites:
            raise HospitalAbsent("nobody with patients of both outcomes is there to train a first model")
        settings = (world.hospitals, self.max_iterations, self.training_blocks, self.waiting_blocks)
        contract = world.deploy("ExplorerChain", *settings, sender=next(iter(replies)))
        world.chain.settle()
        chain = world.at(contract)
        for site in sites:  # step 1: CLEAR
            chain.send("clear", sender=site)
        self._advance(world, chain, sites, late=len(sites) < len(world.hospitals))
        trained = world.ask(sites, Query("initialize", Kind.SCORES, self._initialize))
        if not trained:
            world.need(trained)
        first = trained.open()
        for site, (error, model) in first.items():  # step 2: INITIALIZE
            chain.send("initialize", error, digest(model), sender=site)
        self._advance(world, chain, first, late=len(first) < len(sites))  # step 3: TRANSFER to the lowest error
        if self.max_iterations:
            return self._state(world, contract)
        own = {site: world.fetch(model) for site, (_, model) in first.items()}  # Omega = 0: everybody for himself
        nothing = explorer.prior(len(own[next(iter(own))]["mean"]) - 1, self.prior_variance)._asdict()
        return State(contract, dict.fromkeys(world.hospitals, nothing) | own, agreed=True)

    def round(self, state: State, world: World) -> State:
        chain = world.at(state.contract)
        holder, iteration = chain.call("holder"), chain.call("iteration")
        others = tuple(site for site in chain.call("members") if site != holder)
        arriving = (content_id(chain.call("model")), chain.call("ready"))
        updated = world.ask(holder, Query("update", Kind.SCORES, self._update), arriving).open()
        for site, (error, model) in updated.items():  # step 4: UPDATE; step 7: the last one is the consensus
            chain.send("update", iteration, error, digest(model), sender=site)
        if not updated:
            self._advance(world, chain, world.ask(others, CLEAR), late=True)
        if chain.call("phase") == Flag.EVALUATE:
            errors = self._errors(world, chain, others)
            for site, error in errors.items():  # step 5: EVALUATE
                chain.send("evaluate", iteration, error, sender=site)
            there = (*updated, *errors)  # step 6: TRANSFER to the largest error above the holder's, else CONSENSUS
            self._advance(world, chain, there, late=len(errors) < len(others))
        if chain.call("phase") == Flag.CONSENSUS:
            self._welcome(world, chain)
        return self._state(world, state.contract)

    def model(self, state: State) -> Mapping[str, Any]:
        return state.model

    def predict(self, model: Posterior, features: npt.NDArray[Any], network: Network) -> npt.NDArray[np.float64]:
        return explorer.predict(Gaussian(**model), features, self.exponent)

    def finished(self, state: State) -> bool:
        return state.agreed

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        return {
            "sites": hospitals,
            "max_iterations": self.max_iterations,
            "training_blocks": self.training_blocks,
            "waiting_blocks": self.waiting_blocks,
        }

    def _initialize(self, site: Site, memory: Memory, _: Any) -> tuple[tuple[int | None, str], Memory]:
        """Learn from the prior; publish the model and reply its error here and its content id."""
        return self._learn(site, explorer.prior(site.train.features.shape[1], self.prior_variance)), memory

    def _update(self, site: Site, memory: Memory, arriving: tuple[str, bool]) -> tuple[tuple[int | None, str], Memory]:
        """Learn with the arriving model as the prior, unless these patients already made it."""
        cid, ready = arriving
        model = site.fetch(cid)
        return ((self._error(site, model), cid) if ready else self._learn(site, Gaussian(**model))), memory

    def _evaluate(self, site: Site, memory: Memory, cid: str) -> tuple[int | None, Memory]:
        return self._error(site, site.fetch(cid)), memory

    def _learn(self, site: Site, before: Gaussian) -> tuple[int | None, str]:
        features, labels = site.train.features, site.train.labels
        (mean, covariance), passes = explorer.fit(features, labels, before, self.tolerance, self.max_passes)
        site.work(explorer.flops(features, passes))
        model = {"mean": mean.round(self.decimals), "covariance": covariance.round(self.decimals)}
        return self._error(site, model), site.publish(model, Kind.UPDATE)

    def _error(self, site: Site, model: Posterior) -> int | None:
        """1 - AUC on the site's training patients in millionths, None without both outcomes; 2 D^2 FLOPs a patient."""
        site.work(2.0 * len(site.train) * len(model["mean"]) ** 2)
        probability = explorer.predict(Gaussian(**model), site.train.features, self.exponent)
        auc = explorer.auc(site.train.labels, probability)
        return None if np.isnan(auc) else round(1e6 * (1 - auc))

    def _errors(self, world: World, chain: Contract, sites: Iterable[str]) -> dict[str, int]:
        """Errors of the newest model at `sites`, without those who are missing or cannot measure it."""
        replies = world.ask(sites, Query("evaluate", Kind.SCORES, self._evaluate), content_id(chain.call("model")))
        return {site: error for site, error in replies.open().items() if error is not None}

    def _advance(self, world: World, chain: Contract, there: Iterable[str], late: bool) -> None:
        """Have the first who is there end the phase, after its deadline if somebody is missing from it."""
        sender = next(iter(there), None)
        if sender is None:
            return
        world.chain.settle()  # what was posted is there to be read
        if late:
            world.chain.wait(max(0, chain.call("deadline") - world.chain.block))
        chain.send("advance", sender=sender)

    def _welcome(self, world: World, chain: Contract) -> None:
        """Let a site from outside that errs on the consensus at least as much as its maker take it up again."""
        members, stored = chain.call("members"), chain.call("errorE6")
        errors = self._errors(world, chain, tuple(site for site in world.hospitals if site not in members))
        taker = next((site for site, error in errors.items() if error >= stored), None)
        if taker is not None:
            chain.send("rejoin", errors[taker], sender=taker)

    def _state(self, world: World, contract: str) -> State:
        chain = world.at(contract)
        return State(contract, world.fetch(content_id(chain.call("model"))), chain.call("phase") == Flag.CONSENSUS)
