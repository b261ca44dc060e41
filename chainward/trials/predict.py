"""What the model of a trial predicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from chainward.results.predictions import Predicted
from chainward.tasks.base import Patients
from chainward.tasks.metrics import auroc
from chainward.trials.prepare import Trial
from chainward.world import Held


def _probabilities(trial: Trial, state: Any, parts: Mapping[str, Patients]) -> dict[str, Any]:
    """Probability of each row of each hospital's part, under the one model or the hospital's own."""
    model = trial.strategy.model(state)
    if isinstance(model, Mapping) and set(parts) <= set(model):
        own = {name: _brought(trial, name, model[name]) for name in parts}
        return {name: trial.strategy.predict(own[name], rows.features, trial.network) for name, rows in parts.items()}
    joined = np.concatenate([rows.features for rows in parts.values()])
    cuts = np.cumsum([len(rows) for rows in parts.values()])[:-1]
    return dict(zip(parts, np.split(trial.strategy.predict(model, joined, trial.network), cuts), strict=True))


def _brought(trial: Trial, hospital: str, model: Any) -> Any:
    return trial.world.engine.held(model.owner or hospital, model.name) if isinstance(model, Held) else model


def validation_auroc(trial: Trial, state: Any) -> float | None:
    """Return the AUROC on all validation patients, None where they are all of one class."""
    parts = {hospital.name: hospital.validation for hospital in trial.dataset.hospitals}
    probabilities = np.concatenate(list(_probabilities(trial, state, parts).values()))
    return auroc(np.concatenate([rows.labels for rows in parts.values()]), probabilities)


def predicted(trial: Trial, state: Any) -> Predicted:
    """Return what is predicted for every test patient, hospital by hospital."""
    parts = {hospital.name: hospital.test for hospital in trial.dataset.hospitals}
    probabilities = _probabilities(trial, state, parts)
    return Predicted(
        hospital=np.repeat(np.array(list(parts), dtype=np.str_), [len(rows) for rows in parts.values()]),
        patient=np.concatenate([rows.patients for rows in parts.values()]).astype(np.int64),
        label=np.concatenate([rows.labels for rows in parts.values()]).astype(np.uint8),
        probability=np.concatenate(list(probabilities.values())).astype(np.float64),
        own_models=_own_models(trial, state),
    )


def _own_models(trial: Trial, state: Any) -> dict[str, npt.NDArray[np.float64]]:
    """Where every hospital has a model of its own: what each predicts for all test patients, in their order."""
    model = trial.strategy.model(state)
    names = [hospital.name for hospital in trial.dataset.hospitals]
    if not isinstance(model, Mapping) or not set(names) <= set(model):
        return {}
    everybody = np.concatenate([hospital.test.features for hospital in trial.dataset.hospitals])
    own = {name: _brought(trial, name, model[name]) for name in names}
    return {name: trial.strategy.predict(weights, everybody, trial.network) for name, weights in own.items()}
