"""What the model of a trial predicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainward import codec
from chainward.errors import ChainwardError
from chainward.results.predictions import Predicted
from chainward.tasks.base import Patients
from chainward.tasks.metrics import auroc
from chainward.trials.prepare import Trial
from chainward.world import Held


def own_models(trial: Trial, state: Any) -> dict[str, Any]:
    """Return the model of each hospital that takes part, brought here; empty where there is one for all."""
    model, names = trial.strategy.model(state), [hospital.name for hospital in trial.dataset.hospitals]
    if not isinstance(model, Mapping) or not set(names) <= set(model):
        return {}
    return {name: _brought(trial, name, model[name]) for name in names}


def _brought(trial: Trial, hospital: str, model: Any) -> Any:
    return trial.world.engine.held(model.owner or hospital, model.name) if isinstance(model, Held) else model


def _probabilities(trial: Trial, state: Any, own: Mapping[str, Any], parts: Mapping[str, Patients]) -> dict[str, Any]:
    """Probability of each row of each hospital's part, under the one model or the hospital's `own`."""
    predict, network = trial.strategy.predict, trial.network
    if own:
        return {name: predict(_own(trial, own, name), rows.features, network) for name, rows in parts.items()}
    joined = np.concatenate([rows.features for rows in parts.values()])
    cuts = np.cumsum([len(rows) for rows in parts.values()])[:-1]
    return dict(zip(parts, np.split(predict(trial.strategy.model(state), joined, network), cuts), strict=True))


def _own(trial: Trial, own: Mapping[str, Any], hospital: str) -> Any:
    """The hospital's own model; for one that took no part, the model of all others where they ended with one."""
    if hospital in own:
        return own[hospital]
    if len({codec.encode(model) for model in own.values()}) > 1:
        strategy = trial.specification.strategy
        raise ChainwardError(f"{strategy} has no model for {hospital}, which took no part in training")
    return next(iter(own.values()))


def validation_auroc(trial: Trial, state: Any) -> float | None:
    """Return the AUROC on all validation patients, None where they are all of one class."""
    parts = {hospital.name: hospital.validation for hospital in trial.dataset.hospitals}
    probabilities = _probabilities(trial, state, own_models(trial, state), parts)
    return auroc(np.concatenate([rows.labels for rows in parts.values()]), np.concatenate([*probabilities.values()]))


def predicted(trial: Trial, state: Any) -> Predicted:
    """Return what is predicted for every test patient, hospital by hospital, those outside last.

    Where every hospital has a model of its own: also what each predicts for all test patients, in their order.

    Raises:
        ChainwardError: a hospital outside has test patients and no model predicts them.
    """
    parts = {hospital.name: hospital.test for hospital in trial.dataset.everyone}
    own = own_models(trial, state)
    probabilities = _probabilities(trial, state, own, parts)
    everybody = np.concatenate([rows.features for rows in parts.values()])
    return Predicted(
        hospital=np.repeat(np.array(list(parts), dtype=np.str_), [len(rows) for rows in parts.values()]),
        patient=np.concatenate([rows.patients for rows in parts.values()]).astype(np.int64),
        label=np.concatenate([rows.labels for rows in parts.values()]).astype(np.uint8),
        probability=np.concatenate(list(probabilities.values())).astype(np.float64),
        own_models={name: trial.strategy.predict(model, everybody, trial.network) for name, model in own.items()},
    )
