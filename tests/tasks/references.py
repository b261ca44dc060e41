"""Pooled logistic regression on a cohort, as the reference figures of `docs/tasks.md` are made."""

import numpy as np
import reference_auroc


def pooled_auroc(cohort):
    """The mean AUROC over five folds."""
    folds = reference_auroc.folds(cohort)
    return float(np.mean(reference_auroc.aurocs(cohort, "logistic regression", folds)))


def holds(task):
    """A task's data hold what it declares beforehand."""
    cohort, expected = task.cohort(), task.expected
    assert len(cohort) == expected.patients
    assert len(cohort.names) == expected.hospitals == len(np.unique(cohort.hospitals))
    assert abs(np.mean(cohort.labels) - expected.prevalence) < 0.0005
    assert cohort.rows == len(cohort) + sum(cohort.excluded.values())
    assert task.dataset(1).digest == task.dataset(1).digest
    assert abs(pooled_auroc(cohort) - expected.auroc) <= expected.within
