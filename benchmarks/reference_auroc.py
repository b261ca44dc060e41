"""What pooled models reach on a task's cohort, without anything federated: the figures of `docs/tasks.md`.

Run as `python benchmarks/reference_auroc.py stroke heart`, or with parameters as TOML has them,
`python benchmarks/reference_auroc.py 'stroke hospitals=466 by="country"'`. Logistic regression (L2, C = 1) and
histogram gradient boosting, each in a pipeline fitted on training patients: numbers imputed by the median and
standardised, categories one-hot, an indicator for whatever is missing. AUROC as mean over five folds (stratified by
label, shuffled with seed 0, all rows of a patient in one), and leaving one site out: the mean over the `MOST` largest
sites that have at least `FEWEST` of each class.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from chainward import tasks
from chainward.tasks.cohort import Cohort

FEWEST, MOST = 5, 40
MODELS = {
    "logistic regression": lambda: LogisticRegression(max_iter=2000),
    "gradient boosting": lambda: HistGradientBoostingClassifier(random_state=0),
}
Splits = Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]


def loaded(words: str) -> tasks.Task:
    """Return the task that `KEY name=value ...` names, values as in TOML."""
    key, *given = words.split()
    return tasks.load(key, **tomllib.loads("\n".join(given)))


def pipeline(cohort: Cohort, model: Any) -> Pipeline:
    """Return how a model sees the cohort's frame, nothing of it fitted yet."""
    kinds = {
        kind: [column.name for column in cohort.features if (column.kind == "category") == kind]
        for kind in (False, True)
    }
    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()
    )
    categories = OneHotEncoder(handle_unknown="ignore", min_frequency=10, sparse_output=False)
    columns = [("numbers", numbers, kinds[False]), ("categories", categories, kinds[True])]
    return make_pipeline(ColumnTransformer(columns), model)


def folds(cohort: Cohort) -> Splits:
    """Yield five folds, and no patient in two of them."""
    if cohort.patients is None:
        return StratifiedKFold(5, shuffle=True, random_state=0).split(cohort.frame, cohort.labels)
    return StratifiedGroupKFold(5, shuffle=True, random_state=0).split(cohort.frame, cohort.labels, cohort.patients)


def left_out(cohort: Cohort) -> Splits:
    """Yield one split for each of the largest sites, of those that can be judged."""
    sizes = np.bincount(cohort.hospitals, minlength=len(cohort.names))
    positives = np.bincount(cohort.hospitals, weights=cohort.labels, minlength=len(cohort.names))
    judged = np.flatnonzero(np.minimum(positives, sizes - positives) >= FEWEST)
    for site in judged[np.argsort(-sizes[judged], kind="stable")][:MOST]:
        tested = cohort.hospitals == site
        yield np.flatnonzero(~tested), np.flatnonzero(tested)


def aurocs(cohort: Cohort, model: str, splits: Splits) -> list[float]:
    """Return the AUROC of a model on each split's tested rows."""
    frame = cohort.frame.astype({c.name: object for c in cohort.features if c.kind == "category"})
    frame = frame.where(frame.notna(), np.nan)
    found = []
    for train, test in splits:
        fitted = pipeline(cohort, MODELS[model]()).fit(frame.iloc[train], cohort.labels[train])
        found.append(float(roc_auc_score(cohort.labels[test], fitted.predict_proba(frame.iloc[test])[:, 1])))
    return found


def main(arguments: list[str]) -> None:
    """Print a line a model for each task."""
    for words in arguments:
        cohort = loaded(words).cohort()
        sizes = f"{len(cohort):,} rows, {len(cohort.names):,} sites, prevalence {np.mean(cohort.labels):.3f}"
        print(f"{words}: {sizes}")
        for model in MODELS:
            cross = aurocs(cohort, model, folds(cohort))
            alone = aurocs(cohort, model, left_out(cohort))
            print(f"  {model}: {np.mean(cross):.3f}; {len(alone)} sites left out {np.mean(alone):.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
