"""A trial whose model nobody trained has no figure: what it would predict is chance, or the seed's first weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainward.errors import ChainwardError
from chainward.strategy import Model
from chainward.trials.predict import each_has_its_own
from chainward.trials.prepare import Trial

UNMOVED = 1e-6
"""Weights that a contract keeps are rounded to millionths, so the first model may come back a little off."""


class NobodyTrained(ChainwardError):
    """No hospital answered anything in the whole trial."""


class NothingLearned(ChainwardError):
    """Hospitals answered, and the model is still the first one."""


def check(trial: Trial, model: Model) -> None:
    """Refuse a trial that has ended without any training.

    Raises:
        NobodyTrained: no hospital ever answered in time.
        NothingLearned: no weight of the model, or of any hospital's own, is off the first one by more than `UNMOVED`.
    """
    if not trial.world.answered:
        raise NobodyTrained("no hospital answered in any round: nothing was trained")
    models = [*model.values()] if each_has_its_own(trial, model) else [model]
    if all(_is(one, trial.world.initial_weights()) for one in models):
        raise NothingLearned("the model is still the first one: nothing was learned")


def _is(model: Any, first: Any) -> bool:
    """Whether a model is the network's first weights [P]; one of another kind, as a paper's own learner has, is not."""
    same = isinstance(model, np.ndarray) and model.shape == first.shape
    return same and bool(np.all(np.abs(model - first) <= UNMOVED))
