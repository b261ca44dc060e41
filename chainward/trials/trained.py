"""A trial whose model nobody trained has no figure: what it would predict is chance, or the seed's first weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainward.errors import ChainwardError
from chainward.trials.predict import own_models
from chainward.trials.prepare import Trial


class NobodyTrained(ChainwardError):
    """No hospital answered anything in the whole trial."""


class NothingLearned(ChainwardError):
    """Hospitals answered, and the model is still the first one."""


def check(trial: Trial, state: Any) -> None:
    """Refuse a trial that has ended without any training.

    Raises:
        NobodyTrained: no hospital ever answered in time.
        NothingLearned: the model, or each hospital's own, is to the bit the network's first weights.
    """
    if not trial.world.answered:
        raise NobodyTrained("no hospital answered in any round: nothing was trained")
    first = trial.world.initial_weights()
    models = [*own_models(trial, state).values()] or [trial.strategy.model(state)]
    if all(_equal(model, first) for model in models):
        raise NothingLearned(f"the model is still the first one after {trial.world.round} rounds: nothing was learned")


def _equal(model: Any, first: Any) -> bool:
    return isinstance(model, np.ndarray) and np.array_equal(model, first)
