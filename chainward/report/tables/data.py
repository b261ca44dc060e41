"""A cohort -> what a page about it says: aggregates alone, and none of a few patients."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import numpy as np

from chainward.tasks.base import Task
from chainward.tasks.cohort import Cohort, Column
from chainward.tasks.describe import FEWEST, Counts, Description, describe, hidden, total_tells
from chainward.tasks.leaks import suspects

Row = dict[str, Any]
FEW, HIDDEN = f"< {FEWEST}", "hidden"
"""What stands for a count from 1 to four, and for one that would tell such a count by subtraction."""


def described(task: Task, cohort: Cohort) -> Row:
    """What there is to say about the patients of a task, as JSON holds it.

    A count that is not told is `FEW` or `HIDDEN`, and so is a share of which it is a part.

    Raises:
        ValueError: a category holds a text that is none of its declared levels.
    """
    found = describe(cohort)
    kept = HIDDEN if total_tells(found.rows) else _told(len(cohort))
    patients = _told(len(np.unique(cohort.identities)))
    return {
        **{name: getattr(task, name) for name in ("key", "title", "outcome", "sites", "licence", "citation")},
        "parameters": {field.name: getattr(task, field.name) for field in fields(task)},
        "patients": HIDDEN if total_tells(found.patients) else patients,
        "rows": {"read": _read(cohort, kept), "kept": kept, "positive": _positive(found)},
        "prevalence": _total_share(found.positives, found.rows),
        "excluded": {reason: _told(count) for reason, count in cohort.excluded.items()},
        "repaired": {reason: _told(count) for reason, count in cohort.repaired.items()},
        "suspects": [f"{one.column}, its {one.of}: AUROC {one.auroc:.3f} alone" for one in suspects(cohort)],
        "notes": list(cohort.notes),
        "columns": [_column(found, cohort, place) for place in range(len(found.columns))],
        "hospitals": _hospitals(found),
    }


def _read(cohort: Cohort, kept: int | str) -> int | str:
    """How many rows were read, unless that less the rows kept would tell how many a reason left out."""
    few = any(0 < count < FEWEST for count in cohort.excluded.values())
    return HIDDEN if few or isinstance(kept, str) else cohort.rows


def _positive(found: Description) -> int | str:
    share = _total_share(found.positives, found.rows)
    return share if isinstance(share, str) else int(found.positives.sum())


def _hospitals(found: Description) -> list[Row]:
    """A row a hospital, the largest first: counts, prevalence, and by column what share is missing and the drift."""
    names = [column.name for column in found.columns]
    sizes, patients, positives = (_cells(counts) for counts in (found.rows, found.patients, found.positives))
    prevalence = _shares(found.positives, found.rows)
    missing = [_shares(counts, found.rows) for counts in found.missing.T]
    order = sorted(range(len(found.hospitals)), key=lambda one: (-int(found.rows[one]), one))
    return [
        {
            "name": found.hospitals[one],
            "rows": sizes[one],
            "patients": patients[one],
            "positives": prevalence[one] if isinstance(prevalence[one], str) else positives[one],
            "prevalence": prevalence[one],
            "missing": {name: missing[place][one] for place, name in enumerate(names)},
            "drift": dict(zip(names, map(_figure, found.drift[one]), strict=True)),
            "drift_by_chance": dict(zip(names, map(_figure, found.chance[one]), strict=True)),
        }
        for one in order
    ]


def _column(found: Description, cohort: Cohort, place: int) -> Row:
    """What a column is, what share of all rows lacks it, and the hospital that is furthest from the rest."""
    column, drift = found.columns[place], found.drift[:, place]
    furthest = None if np.isnan(drift).all() else int(np.nanargmax(drift))
    return {
        **{name: getattr(column, name) for name in ("name", "kind", "unit", "clipped")},
        "in_series": place >= len(cohort.features),
        "empty_means": column.missing,
        "levels": list(column.levels),
        "plausible": _plausible(column),
        "missing": _total_share(found.missing[:, place], found.rows),
        "furthest": None if furthest is None else found.hospitals[furthest],
        "drift": None if furthest is None else _figure(drift[furthest]),
    }


def _plausible(column: Column) -> list[float | None]:
    return [limit if math.isfinite(limit) else None for limit in (column.least, column.most)]


def _cells(counts: Counts) -> list[int | str]:
    return [_word(int(count), unseen) for count, unseen in zip(counts, hidden(counts), strict=True)]


def _word(count: int, unseen: Any) -> int | str:
    return _told(count) if not unseen or count < FEWEST else HIDDEN


def _shares(parts: Counts, wholes: Counts) -> list[float | str | None]:
    """Each part's share, unless it, the rest or the whole is not told."""
    unseen = hidden(parts) | hidden(wholes - parts) | hidden(wholes)
    return [
        (FEW if 0 < part < FEWEST else HIDDEN) if not_told else _share(int(part), int(whole))
        for part, whole, not_told in zip(parts, wholes, unseen, strict=True)
    ]


def _total_share(parts: Counts, wholes: Counts) -> float | str | None:
    """The share of all, unless hospitals' parts, or what is left of them, could be worked out from it."""
    share = _share(int(parts.sum()), int(wholes.sum()))
    tells = any(total_tells(counts) for counts in (parts, wholes - parts, wholes))
    return HIDDEN if tells and not isinstance(share, str) else share


def _told(count: int) -> int | str:
    return FEW if 0 < count < FEWEST else count


def _share(part: int, whole: int) -> float | str | None:
    if 0 < part < FEWEST or 0 < whole - part < FEWEST:
        return FEW if part < FEWEST else HIDDEN
    return round(part / whole, 4) if whole else None


def _figure(value: Any) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)
