"""What a table came to, before anybody trains on it: rows kept and left out, outcomes, gaps, suspected columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chainward.tasks.cohort import Cohort
from chainward.tasks.encoding import encode
from chainward.tasks.leaks import Suspect, suspects


@dataclass(frozen=True)
class HospitalOverview:
    """rows of a hospital, how many have the outcome, and the share [0, 1] of its cells that are empty."""

    name: str
    rows: int
    positives: int
    missing: float


@dataclass(frozen=True)
class ColumnOverview:
    """A column or a variable of a series, and the share [0, 1] of rows that lack it."""

    name: str
    kind: str
    missing: float


@dataclass(frozen=True)
class Overview:
    """Counts of a cohort, and no value of any patient."""

    rows: int
    kept: int
    patients: int
    positives: int
    excluded: Mapping[str, int]
    repaired: Mapping[str, int]
    hospitals: tuple[HospitalOverview, ...]
    columns: tuple[ColumnOverview, ...]
    suspects: tuple[Suspect, ...]
    notes: tuple[str, ...]


def overview(cohort: Cohort) -> Overview:
    """The overview of a cohort: a variable of a series is missing where it was measured at no time."""
    encoded = encode(cohort)
    missing = encoded.missing
    if encoded.series is not None:
        missing = np.hstack([missing, np.isnan(encoded.series).all(axis=1)])
    labels, sites = np.asarray(cohort.labels, dtype=np.int64), cohort.hospitals
    many = len(cohort.names)
    sizes, positives = np.bincount(sites, minlength=many), np.bincount(sites, weights=labels, minlength=many)
    gaps = np.bincount(sites, weights=missing.mean(axis=1), minlength=many) / np.maximum(sizes, 1)
    columns = (*encoded.columns, *encoded.variables)
    return Overview(
        rows=cohort.rows,
        kept=len(cohort),
        patients=len(np.unique(cohort.identities)),
        positives=int(labels.sum()),
        excluded=dict(cohort.excluded),
        repaired=dict(cohort.repaired),
        hospitals=tuple(
            HospitalOverview(name, int(sizes[at]), int(positives[at]), float(gaps[at]))
            for at, name in enumerate(cohort.names)
        ),
        columns=tuple(
            ColumnOverview(column.name, column.kind, float(missing[:, at].mean())) for at, column in enumerate(columns)
        ),
        suspects=suspects(cohort),
        notes=cohort.notes,
    )
