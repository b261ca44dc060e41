"""Tables of a report as pandas frames, with columns and types that do not depend on what is in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from chainward.codec import fields
from chainward.errors import ChainwardError
from chainward.report.tables.groups import Group, Row
from chainward.results.collection import Opener
from chainward.results.predictions import Predictions
from chainward.results.record import Completed

Columns = Mapping[str, Any]
"""The pandas dtype of each column, in order."""

_GROUP: Columns = dict.fromkeys(("task", "setting", "attack", "strategy", "label", "track"), "string")
_ACCURACIES = ("within_hospital_auroc", "auprc", "balanced_accuracy", "brier")
_DIFFERENCES = ("auroc_minus_baseline", "auroc_minus_best")
_PARTS = ("compute", "network", "waiting", "consensus", "aggregation")
_PLACES = ("parties", "chain", "store")

LEADERBOARD: Columns = {
    **_GROUP,
    **dict.fromkeys(("title", "family", "scenario"), "string"),
    "rank": "Int64",
    **dict.fromkeys(("tied_with_best", "on_front", "reference", "interpretation", "own_learner"), "boolean"),
    **dict.fromkeys(("trials", "failed", "hospitals"), "Int64"),
    "error": "string",
    "rounds": "float64",
    **dict.fromkeys(("auroc_mean", "auroc_low", "auroc_high"), "float64"),
    **dict.fromkeys((f"{name}{end}" for name in _DIFFERENCES for end in ("", "_low", "_high", "_p")), "float64"),
    **dict.fromkeys((f"{name}{end}" for name in _ACCURACIES for end in ("", "_low", "_high")), "float64"),
    **dict.fromkeys(("accuracy", "f1", "sensitivity", "specificity", "ppv"), "float64"),
    **dict.fromkeys(("calibration_slope", "ece", "ece_floor", "auroc_worst_hospital"), "float64"),
    "worst_hospital": "string",
    **dict.fromkeys(
        ("latency_per_round_s", "latency_per_round_p95_s", "latency_setup_s", "latency_total_s"), "float64"
    ),
    **dict.fromkeys((f"latency_{part}_s" for part in _PARTS), "float64"),
    "compute_measured_s": "float64",
    "compute_apportioned": "boolean",
    **dict.fromkeys(("gas_total", "gas_deploy", "gas_per_round", "gas_per_hospital", "gas_eip7623_total"), "float64"),
    "usd": "float64",
    "bytes_per_round": "float64",
    **dict.fromkeys((f"bytes_{place}_per_round" for place in _PLACES), "float64"),
    **dict.fromkeys(("sees_individual_updates", "card_sees"), "string"),
    "exceeds_card": "boolean",
    "raw_records_shared": "float64",
    "ended_by_itself": "boolean",
}

GAS: Columns = {
    **_GROUP,
    **dict.fromkeys(("contract", "function", "phase"), "string"),
    **dict.fromkeys(("calls", "median", "total", "total_eip7623", "reverted"), "float64"),
    **dict.fromkeys(("min", "max"), "Int64"),
}

CLAIMS: Columns = {
    **dict.fromkeys(("strategy", "key", "claim", "tier", "quoted", "verdict", "found", "why"), "string"),
    **dict.fromkeys(("reproduced", "partly", "first_rule", "identity", "rule_digest"), "string"),
    "trials": "Int64",
}

ATTACKS: Columns = {
    **_GROUP,
    "attackers": "string",
    **dict.fromkeys(("rank", "trials", "asked"), "Int64"),
    **dict.fromkeys(
        (f"auroc_{side}{end}" for side in ("without", "under") for end in ("", "_low", "_high")), "float64"
    ),
    **dict.fromkeys(("drop", "drop_low", "drop_high"), "float64"),
    "note": "string",
}

ROUNDS: Columns = {
    **_GROUP,
    "record": "string",
    **dict.fromkeys(("seed", "round"), "Int64"),
    "validation_auroc": "float64",
    **dict.fromkeys(("latency_s", *(f"latency_{part}_s" for part in _PARTS)), "float64"),
    **dict.fromkeys(("gas", "gas_eip7623", *(f"bytes_{place}" for place in _PLACES)), "Int64"),
    **dict.fromkeys(("missing", "unreadable", "spoiled"), "Int64"),
    "audience": "string",
}

PREDICTIONS: Columns = {
    **dict.fromkeys((*_GROUP, "record"), "category"),
    "seed": "int64",
    "hospital": "category",
    "patient": "int64",
    "outcome": "int8",
    "probability": "float64",
}

FAILED: Columns = {**_GROUP, "record": "string", "seed": "Int64", **dict.fromkeys(("type", "message"), "string")}


def frame(rows: Iterable[Row], columns: Columns) -> pd.DataFrame:
    """Return rows as a frame of these columns; what a row has beside them is left out, what it lacks is missing."""
    told = list(rows)
    return pd.DataFrame(
        {name: pd.array([_known(row.get(name), dtype) for row in told], dtype=dtype) for name, dtype in columns.items()}
    )


def _known(value: object, dtype: str) -> object:
    return np.nan if value is None and dtype == "float64" else value


def claim_rows(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield claims with both sides of their rule and how many trials decide them."""
    return ({**row, **row["rule"], "trials": len(row["records"])} for row in rows)


def round_rows(groups: Iterable[Group]) -> Iterator[Row]:
    """Yield what the meters saw in each round of each trial; round 0 is the set-up."""
    for one, trial in _trials(groups):
        for each in trial.entries:
            yield {
                **one.identity,
                "record": trial.id,
                "seed": trial.specification.seed,
                **{
                    name: getattr(each, name) for name in ("round", "validation_auroc", "gas", "gas_eip7623", "spoiled")
                },
                "latency_s": each.latency_s.total,
                **{f"latency_{part}_s": seconds for part, seconds in fields(each.latency_s).items()},
                **{f"bytes_{place}": size for place, size in fields(each.bytes).items()},
                "missing": len(each.missing),
                "unreadable": len(each.unreadable),
                "audience": str(each.audience),
            }


def failed_rows(groups: Iterable[Group]) -> Iterator[Row]:
    """Yield each trial that failed, and why."""
    for one in groups:
        for trial in one.failed:
            error = {"type": trial.error.type, "message": trial.error.message}
            yield {**one.identity, "record": trial.id, "seed": trial.specification.seed, **error}


def predictions(groups: Sequence[Group], opener: Opener) -> pd.DataFrame:
    """Return what each trial predicted for each patient it was tested on, hospital by hospital.

    Raises:
        ChainwardError: a file of predictions is not the one that its record names, or cannot be judged.
    """
    found = [(one, trial, _opened(opener, trial)) for one, trial in _trials(groups)]
    lengths = [len(each.patient) for _, _, each in found]
    told = {
        **{name: [one.identity[name] for one, _, _ in found] for name in _GROUP},
        "record": [trial.id for _, trial, _ in found],
        "seed": [trial.specification.seed for _, trial, _ in found],
    }
    columns = {
        **{name: np.repeat(np.array(values, dtype=object), lengths) for name, values in told.items()},
        "hospital": np.concatenate([[], *(each.hospital for *_, each in found)]),
        "patient": np.concatenate([np.zeros(0), *(each.patient for *_, each in found)]),
        "outcome": np.concatenate([np.zeros(0), *(each.label for *_, each in found)]),
        "probability": np.concatenate([np.zeros(0), *(each.probability for *_, each in found)]),
    }
    return pd.DataFrame({name: pd.Series(columns[name]).astype(dtype) for name, dtype in PREDICTIONS.items()})


def _opened(opener: Opener, trial: Completed) -> Predictions:
    try:
        return opener.predictions(trial)
    except ValueError as error:
        raise ChainwardError(f"predictions of {trial.id}: {error}; run its plan again") from None


def _trials(groups: Iterable[Group]) -> Iterator[tuple[Group, Completed]]:
    return ((one, trial) for one in groups for trial in one.completed)
