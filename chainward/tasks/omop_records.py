"""From OMOP records to one row a visit: concepts recorded before it, measurements of its first hours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chainward.tasks.omop_files import Integers, Part, Times

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
NO_VALUE = -1.0
"""What some sources write where nothing was measured."""


@dataclass(frozen=True, eq=False)
class Visits:
    """The visits of a cohort [n] in the order of persons: their ids, whose they are, when they start, and until when
    they are watched before an outcome is predicted."""

    ids: Integers
    persons: Integers
    starts: Times
    until: Times

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class Kind:
    """A table of records with the stems of its columns: CONCEPT_concept_id, and WHEN_date with WHEN_datetime."""

    table: str
    concept: str
    when: str

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns it must have."""
        return "person_id", f"{self.concept}_concept_id", f"{self.when}_date"

    @property
    def optional(self) -> tuple[str, ...]:
        """Columns that tell more where they are there."""
        return f"{self.when}_datetime", "visit_occurrence_id"


CONDITIONS = Kind("condition_occurrence", "condition", "condition_start")
DRUGS = Kind("drug_exposure", "drug", "drug_exposure_start")
PROCEDURES = Kind("procedure_occurrence", "procedure", "procedure")
MEASUREMENTS = Kind("measurement", "measurement", "measurement")
UNITS = ("unit_concept_id", "unit_source_value")


def flags(
    visits: Visits, kind: Kind, table: Iterable[Part], most: int, lookback: np.timedelta64 | None
) -> dict[str, Floats]:
    """Whether each of the `most` frequent concepts was recorded before a visit [n] 0 or 1, by the column's name.

    Before means strictly, and not as part of the visit: sources date diagnoses at the start of a visit that they code
    after it. Concepts are counted over visits; of equally frequent ones the smaller number is taken.
    """
    found = [np.empty((0, 2), dtype=np.int64)]
    for part in table:
        record, row = _pairs(visits, part)
        concepts, times = part.whole(f"{kind.concept}_concept_id"), part.times(kind.when, late=True)
        before = (times[record] < visits.starts[row]) & (concepts[record] != 0)
        before &= part.whole_or_none("visit_occurrence_id")[record] != visits.ids[row]
        if lookback is not None:
            before &= times[record] >= visits.starts[row] - lookback
        found.append(np.unique(np.column_stack([row[before], concepts[record[before]]]), axis=0))
    recorded = np.unique(np.concatenate(found), axis=0)
    columns = {}
    for concept in _frequent(recorded[:, 1], most):
        columns[f"{kind.concept} {concept}"] = np.zeros(len(visits))
        columns[f"{kind.concept} {concept}"][recorded[recorded[:, 1] == concept, 0]] = 1
    return columns


@dataclass(frozen=True, eq=False)
class Measured:
    """Last values [n] by column, NaN where there is none, the unit of each column, and cells put right by reason."""

    values: dict[str, Floats]
    units: dict[str, str]
    repaired: dict[str, int]


def measured(visits: Visits, table: Iterable[Part], most: int) -> Measured:
    """The last value of each of the `most` frequent concepts between a visit's start and the end of its first hours.

    A value of -1 is one only where the concept has other negative values (a base excess); else it means missing. A
    concept is taken in the unit that most visits have; values in others are missing.
    """
    import pandas as pd

    found, negative, names = [_candidates(visits, None)], set[int](), dict[str, str]()
    for part in table:
        own = _candidates(visits, part)
        below = own["concept"][(own["value"] < 0) & (own["value"] != NO_VALUE)]
        negative.update(below.unique().tolist())
        names.update({unit: name for unit, name in _unit_names(part).items() if unit not in names})
        found.append(_last(own))
    cells = _last(pd.concat(found, ignore_index=True))
    none = (cells["value"] == NO_VALUE) & ~cells["concept"].isin(negative)
    infinite = np.isinf(cells["value"])
    cells = _last_of(cells[~none & ~infinite], ["row", "concept", "unit"])
    chosen = _frequent(cells.drop_duplicates(["row", "concept"])["concept"].to_numpy(), most)
    values, units, others = {}, {}, 0
    for concept in chosen:
        own = cells[cells["concept"] == concept]
        unit = min(own["unit"].value_counts().items(), key=lambda pair: (-pair[1], pair[0]))[0]
        kept = own[own["unit"] == unit]
        others += own["row"].nunique() - kept["row"].nunique()
        values[f"measurement {concept}"] = np.full(len(visits), np.nan)
        values[f"measurement {concept}"][kept["row"].to_numpy()] = kept["value"].to_numpy()
        units[f"measurement {concept}"] = names.get(str(unit), "")
    repaired = {
        "measured value is -1, of a concept that is else never negative": int(none.sum()),
        "measured value is infinite": int(infinite.sum()),
        "measured in another unit than the concept's most frequent one": others,
    }
    return Measured(values, units, repaired)


def _candidates(visits: Visits, part: Part | None) -> pd.DataFrame:
    """What was measured of each visit in time: row, concept, unit, time, value, and whether the value is -1."""
    import pandas as pd

    if part is None:
        empty = {"row": "int64", "concept": "int64", "unit": "object", "time": "datetime64[s]", "value": "float64"}
        return pd.DataFrame({name: np.empty(0, kind) for name, kind in (empty | {"none": "bool"}).items()})
    record, row = _pairs(visits, part)
    concepts, values = part.whole("measurement_concept_id"), part.values("value_as_number")
    times = part.times(MEASUREMENTS.when, late=True)
    inside = (times[record] >= visits.starts[row]) & (times[record] <= visits.until[row])
    record, row = record[inside], row[inside]
    told = (concepts[record] != 0) & ~np.isnan(values[record])
    record, row = record[told], row[told]
    value = values[record]
    columns = {"row": row, "concept": concepts[record], "unit": _units(part)[record], "time": times[record]}
    return pd.DataFrame(columns | {"value": value, "none": value == NO_VALUE})


def _last(cells: pd.DataFrame) -> pd.DataFrame:
    """The last value and the last -1 of each visit, concept and unit: which of them stands is known at the end."""
    return _last_of(cells, ["row", "concept", "unit", "none"])


def _last_of(cells: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    return cells.sort_values("time", kind="stable").drop_duplicates(names, keep="last")


def _units(part: Part) -> NDArray[np.object_]:
    """What tells units apart [n]: the concept, or the source's own word where there is none."""
    concepts = part.whole_or_none("unit_concept_id")
    if "unit_source_value" not in part.frame:
        return concepts.astype(str).astype(np.object_)
    words = part.frame["unit_source_value"].tolist()
    told = [str(concept) if concept else word.strip() for concept, word in zip(concepts.tolist(), words, strict=True)]
    return np.array(told, dtype=np.object_)


def _unit_names(part: Part) -> dict[str, str]:
    """The source's first word for each unit, by what tells it apart."""
    units = _units(part).tolist()
    words = part.frame["unit_source_value"].tolist() if "unit_source_value" in part.frame else units
    return {unit: word.strip() for unit, word in zip(reversed(units), reversed(words), strict=True)}


def _pairs(visits: Visits, part: Part) -> tuple[Integers, Integers]:
    """Every record with every visit of its person: its place in the part, the visit's row."""
    persons = part.whole("person_id")
    first = np.searchsorted(visits.persons, persons, "left")
    sizes = np.searchsorted(visits.persons, persons, "right") - first
    record = np.repeat(np.arange(len(persons)), sizes)
    return record, np.arange(len(record)) + np.repeat(first - (np.cumsum(sizes) - sizes), sizes)


def _frequent(concepts: Integers, most: int) -> list[int]:
    """The most frequent concepts, in the order of their numbers."""
    found, counts = np.unique(concepts, return_counts=True)
    return sorted(found[np.lexsort((found, -counts))][:most].tolist())
