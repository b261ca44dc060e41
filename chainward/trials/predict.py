"""What the model of a trial predicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from chainward import codec
from chainward.errors import ChainwardError
from chainward.results.predictions import Predicted
from chainward.strategy import Model
from chainward.tasks.base import Patients
from chainward.tasks.metrics import auroc
from chainward.trials.prepare import Trial
from chainward.world import Held


def model_of(trial: Trial, state: Any) -> Model:
    """Return the model to judge, for all or each hospital's own, with those brought here that hospitals hold."""
    model = trial.strategy.model(state)
    if not each_has_its_own(trial, model):
        return model
    return {name: _brought(trial, name, model[name]) for name in trial.world.hospitals}


def each_has_its_own(trial: Trial, model: Model) -> bool:
    """Whether a model is one of each hospital by name."""
    return isinstance(model, Mapping) and set(trial.world.hospitals) <= set(model)


def probabilities(trial: Trial, model: Model, parts: Mapping[str, Patients]) -> dict[str, npt.NDArray[np.float64]]:
    """Return the probability of each row [n] of each hospital's part, under the one model or the hospital's own."""
    predict, network = trial.strategy.predict, trial.network
    if each_has_its_own(trial, model):
        nobody = np.empty(0)
        return {
            name: predict(_own(trial, model, name), rows.features, network) if len(rows) else nobody
            for name, rows in parts.items()
        }
    joined = np.concatenate([rows.features for rows in parts.values()])
    cuts = np.cumsum([len(rows) for rows in parts.values()])[:-1]
    return dict(zip(parts, np.split(predict(model, joined, network), cuts), strict=True))


def validation(trial: Trial) -> dict[str, Patients]:
    """Return the validation patients of each hospital."""
    return {hospital.name: hospital.validation for hospital in trial.dataset.hospitals}


def validation_auroc(trial: Trial, model: Model) -> float | None:
    """Return the AUROC on all validation patients, None where they are all of one class or the model has diverged."""
    parts = validation(trial)
    predicted = np.concatenate(list(probabilities(trial, model, parts).values()))
    if np.isnan(predicted).any():
        return None  # a trial that ends so fails; one whose model is chosen among rounds may not
    return auroc(np.concatenate([rows.labels for rows in parts.values()]), predicted)


def predicted(trial: Trial, model: Model) -> Predicted:
    """Return what is predicted for every test patient, hospital by hospital, those outside last.

    Raises:
        ChainwardError: a hospital outside has test patients and no model predicts them.
    """
    parts = {hospital.name: hospital.test for hospital in trial.dataset.everyone}
    return Predicted(
        hospital=np.repeat(np.array(list(parts), dtype=np.str_), [len(rows) for rows in parts.values()]),
        patient=np.concatenate([rows.patients for rows in parts.values()]).astype(np.int64),
        label=np.concatenate([rows.labels for rows in parts.values()]).astype(np.uint8),
        probability=np.concatenate(list(probabilities(trial, model, parts).values())).astype(np.float64),
        own_models=_own_models(trial, model, parts),
    )


def _own_models(trial: Trial, model: Model, parts: Mapping[str, Patients]) -> dict[str, npt.NDArray[np.float64]]:
    """Where every hospital has a model of its own: what each predicts for all test patients, in their order."""
    if not each_has_its_own(trial, model):
        return {}
    everybody = np.concatenate([rows.features for rows in parts.values()])
    return {name: trial.strategy.predict(model[name], everybody, trial.network) for name in trial.world.hospitals}


def _own(trial: Trial, models: Mapping[str, Any], hospital: str) -> Any:
    """The hospital's own model; for one that took no part, the model of all others where they ended with one."""
    if hospital in models:
        return models[hospital]
    if len({codec.encode(model) for model in models.values()}) > 1:
        strategy = trial.specification.strategy
        raise ChainwardError(f"{strategy} has no model for {hospital}, which took no part in training")
    return next(iter(models.values()))


def _brought(trial: Trial, hospital: str, model: Any) -> Any:
    return trial.world.engine.held(model.owner or hospital, model.name) if isinstance(model, Held) else model
