"""The track "tuned": a reference's learning rate and rounds, chosen by the validation patients of its own seed.

A strategy runs with each rate of a grid around the task's own, for up to twice the plan's rounds, and is judged on the
validation patients after every round. The rate and the round of the least log loss are chosen; where every hospital has
a model of its own, each chooses by its own patients. Then the trial is run as chosen, which is what its record tells.

The choice is nested in the seed: only its training and validation patients take part, so no patient it tests does.
(One choice for all seeds could not be: in five folds, who is tested under one seed trains under the next.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from chainward.errors import ChainwardError
from chainward.plans.resolve import Resolved
from chainward.results.predictions import Predicted
from chainward.results.record import Result
from chainward.strategy import Model
from chainward.tasks.base import Patients
from chainward.tasks.metrics import log_loss
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.predict import each_has_its_own, model_of, predicted, probabilities, validation
from chainward.trials.prepare import Make, Trial
from chainward.trials.run import run_trial

RATES = (1 / 10, 1 / 3, 1.0, 3.0, 10.0)
"""What is tried, in learning rates of the task."""

ROUNDS = 2
"""How long it is tried, in rounds of the plan."""


@dataclass(frozen=True, order=True)
class Candidate:
    """A model and where it was met. The least is the best: of equal losses the one of fewer rounds, a smaller rate."""

    loss: float
    rounds: int
    rate: float
    model: Model = field(compare=False)


@dataclass(frozen=True)
class Choice:
    """The best for all hospitals together and, where each has a model of its own, for each of them by name.

    `chose` are those that did choose: who answered, and had validation patients.
    """

    together: Candidate
    own: Mapping[str, Candidate]
    chose: tuple[str, ...] = ()

    @property
    def model(self) -> Model:
        """What is judged: one model, or each hospital's own."""
        return {name: one.model for name, one in self.own.items()} if self.own else self.together.model

    @property
    def rounds(self) -> int:
        """How many rounds this takes: as many as the last hospital wants."""
        return max((one.rounds for one in self.own.values()), default=self.together.rounds)

    @property
    def numbers(self) -> dict[str, float]:
        """What was chosen, for the record: where each hospital chose, the median, the least and the most."""
        if not self.chose:
            return {"learning_rate": self.together.rate, "rounds": self.together.rounds}
        rates, rounds = zip(*((self.own[name].rate, self.own[name].rounds) for name in self.chose), strict=True)
        return {
            f"{name}_{which}": float(of(values))
            for name, values in (("learning_rate", rates), ("rounds", rounds))
            for which, of in (("median", np.median), ("least", np.min), ("most", np.max))
        }


def run_tuned(resolved: Resolved, make: Make, checkpoint: Checkpoint) -> tuple[Result, Predicted]:
    """Choose, run the trial as chosen, and return the result part of its record and its predictions.

    Where each hospital chose for itself, the rounds of the record are those of a run with the rate that is best for all
    together, up to the last round that any hospital chose: a rate changes no cost. Only the run as chosen is saved: a
    trial that is resumed chooses again.
    """
    choice = choose(resolved, make)
    with closing(make(_with(resolved, choice.together.rate, choice.rounds))) as trial:
        result, _ = run_trial(trial, checkpoint)
        return replace(result, numbers={**result.numbers, **choice.numbers}), predicted(trial, choice.model)


def choose(resolved: Resolved, make: Make) -> Choice:
    """Return what is best on the validation patients; a hospital without any takes what is best for all together.

    Raises:
        ChainwardError: nobody has validation patients that are none of the training patients, or all models diverged.
    """
    best: dict[str | None, Candidate] = {}
    for rate in _rates(resolved.training.learning_rate):
        with closing(make(_with(resolved, rate, ROUNDS * resolved.specification.rounds))) as trial:
            _need_validation_patients(trial)
            for rounds, model in _models(trial):
                for whose, loss in _losses(trial, model).items():
                    candidate = Candidate(loss, rounds, rate, model if whose is None else model[whose])
                    best[whose] = min(best.get(whose, candidate), candidate)
    together = best[None]
    if math.isinf(together.loss):
        raise ChainwardError("all models diverged on the validation patients: nothing to choose")
    if not each_has_its_own(trial, together.model):
        return Choice(together, {})
    shared = {name: replace(together, model=together.model[name]) for name in trial.world.hospitals}
    chose = tuple(name for name in shared if name in best and name in trial.world.answered)
    return Choice(together, {name: best.get(name, shared[name]) for name in shared}, chose)


def _need_validation_patients(trial: Trial) -> None:
    hospitals, task = trial.dataset.hospitals, trial.specification.task
    validated = np.concatenate([hospital.validation.patients for hospital in hospitals])
    if not len(validated):
        raise ChainwardError(f"task {task}: no hospital has validation patients to choose by; use the common track")
    if np.isin(validated, np.concatenate([hospital.train.patients for hospital in hospitals])).any():
        raise ChainwardError(f"task {task}: validation patients train too, so they cannot choose; use the common track")


def _rates(own: float) -> Iterator[float]:
    """The rates to try, in twelve digits: three times 0.1 is 0.3."""
    return (float(f"{factor * own:.12g}") if factor != 1 else own for factor in RATES)


def _with(resolved: Resolved, rate: float, rounds: int) -> Resolved:
    training = replace(resolved.training, learning_rate=rate)
    return replace(resolved, training=training, specification=replace(resolved.specification, rounds=rounds))


def _models(trial: Trial) -> Iterator[tuple[int, Model]]:
    """The model after each round, with the number of the round."""
    strategy, world = trial.strategy, trial.world
    state = strategy.open(world)
    for number in range(1, trial.specification.rounds + 1):
        if strategy.finished(state):
            return
        world.chain.settle()
        world.begin(number)
        state = strategy.round(state, world)
        yield number, model_of(trial, state)


def _losses(trial: Trial, model: Model) -> dict[str | None, float]:
    """The log loss on all validation patients under None, and where each hospital has a model of its own on its own."""
    parts = validation(trial)
    found = probabilities(trial, model, parts)
    losses: dict[str | None, float] = {None: _loss(tuple(parts.values()), tuple(found.values()))}
    if each_has_its_own(trial, model):
        losses |= {name: _loss((rows,), (found[name],)) for name, rows in parts.items() if len(rows)}
    return losses


def _loss(rows: tuple[Patients, ...], found: tuple[npt.NDArray[np.float64], ...]) -> float:
    """What diverged, or has no validation patients to show otherwise, is as bad as can be."""
    probability = np.concatenate(found)
    loss = (
        None if np.isnan(probability).any() else log_loss(np.concatenate([part.labels for part in rows]), probability)
    )
    return math.inf if loss is None else loss
