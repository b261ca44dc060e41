"""OMOP: any extract of the common data model of OHDSI, version 5.3 or 5.4."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from chainward.errors import ChainwardError, DataMissing
from chainward.tasks.base import Task, Training
from chainward.tasks.cohort import Cohort, Column
from chainward.tasks.omop_files import ENDINGS, Integers, located, parts
from chainward.tasks.omop_records import CONDITIONS, DRUGS, MEASUREMENTS, PROCEDURES, UNITS, Visits, flags, measured
from chainward.tasks.omop_visits import OLDEST, OTHER, Criteria, Stays, stays, until
from chainward.tasks.places import absent, place
from chainward.tasks.prepared import prepared

MODULES = tuple(f"chainward.tasks.{name}" for name in ("omop", "omop_files", "omop_records", "omop_visits", "cohort"))

BEFORE = (CONDITIONS, DRUGS, PROCEDURES)
TABLES = ("person", "visit_occurrence", "death", *(kind.table for kind in (*BEFORE, MEASUREMENTS)))
INPATIENT = (262, 8717, 9201)
"""Emergency room and inpatient visit, inpatient hospital, inpatient visit."""
MIMIC_IV = (*INPATIENT, 2_000_001_802, 2_000_001_804, 2_000_001_806, 2_000_001_808, 2_000_001_809)
"""With the source concepts of MIMIC-IV's conversion for direct, elective, emergency, same-day surgical and urgent
admissions. Concepts above two billion are each site's own, so nobody else's extract is read by them unasked."""
NO_RECORD = "never empty: no record is a 0"
UNKNOWN = "unknown care site"
GENDERS = ("female", "male", OTHER)
Concept = Annotated[int, Field(gt=0, lt=2**63)]


@dataclass(frozen=True)
class Omop(Task):
    """Stays of adults, predicted after their first hours. Features: age and gender; which conditions, drugs and
    procedures were recorded before the visit; the last value of what was measured in its first hours.

    folder: a file a table, `person.csv` and so on (csv, csv.gz or Parquet), looked for here, then below
    $CHAINWARD_DATA.
    visits: the concepts of the visits that are taken, standard or the source's own; which: each person's first such
    stay, or all. hours: how long a stay is watched before it is predicted; shorter ones are left out. days: the outcome
    is death within so many of the first day, or in the stay.
    concepts: how many conditions, drugs, procedures and measurements each, the most frequent ones over all stays and
    without their outcomes. lookback_days: how far back from the visit, without end if None.
    """

    key = "omop"
    title = "An OMOP extract"
    outcome = "death within `days` of admission or in hospital"
    citation = (
        "Observational Health Data Sciences and Informatics (OHDSI). OMOP Common Data Model 5.4. "
        "https://ohdsi.github.io/CommonDataModel. Cite the data set too."
    )
    licence = "that of the extract"
    training = Training(network="mlp", hidden=16, learning_rate=0.1, batch_size=32, local_steps=10)
    rounds = 30
    private = True
    sites = "care sites of visits; one stands for all visits without"

    folder: str = "omop"
    visits: Annotated[tuple[Concept, ...], Field(min_length=1)] = INPATIENT
    which: Literal["first", "all"] = "first"
    hours: Annotated[float, Field(ge=0, le=720, allow_inf_nan=False)] = 24.0
    days: Annotated[int, Field(ge=1, le=3650)] = 30
    concepts: Annotated[int, Field(ge=1, le=10_000)] = 50
    lookback_days: Annotated[float, Field(gt=0, le=1e5, allow_inf_nan=False)] | None = None

    def requires(self) -> str | None:
        """None when every table is here."""
        found = place(self.folder)
        if found is None or not found.is_dir():
            return absent(self.folder, "OMOP extract (a folder with a file a table)")
        lacking = [table for table in TABLES if located(found, table) is None]
        return f"{found}: no {', '.join(lacking)} ({', '.join(ENDINGS)}); export it too" if lacking else None

    @property
    def has_times(self) -> bool:
        """True: when visits start."""
        return True

    def cohort(self) -> Cohort:
        """See `Task.cohort`; rows are in the order of persons, then visits."""
        if told := self.requires():
            raise DataMissing(told)
        folder = place(self.folder)
        assert folder is not None
        files = sorted(path for path in folder.iterdir() if path.is_file())
        return prepared(self.key, asdict(self), files, MODULES, lambda: self._read(folder))

    def _read(self, folder: Path) -> Cohort:
        import pandas as pd

        kept, rows, excluded = stays(folder, Criteria(self.visits, self.hours, self.which == "first"))
        if not len(kept):
            told = ", ".join(f"{many:,}: {reason}" for reason, many in excluded.items())
            raise ChainwardError(f"{folder}: none of {rows:,} visits can be used ({told}); see visits, hours")
        columns, repaired = self._features(folder, kept)
        sites, names = _sites(kept.sites)
        return Cohort(
            columns=tuple(columns),
            frame=pd.DataFrame({column.name: cells for column, cells in columns.items()}),
            labels=kept.died(self.days),
            hospitals=sites,
            names=names,
            rows=rows,
            excluded=excluded,
            repaired={reason: many for reason, many in repaired.items() if many},
            patients=np.unique(kept.persons, return_inverse=True)[1].astype(np.int64),
            times=kept.starts,
            notes=_notes(kept),
        )

    def _features(self, folder: Path, kept: Stays) -> tuple[dict[Column, NDArray[Any]], dict[str, int]]:
        """Each column with its cells [n], and cells put right by reason."""
        visits = Visits(kept.ids, kept.persons, kept.starts, until(kept, self.hours))
        columns: dict[Column, NDArray[Any]] = {
            Column("age", unit="a", least=0, most=OLDEST): kept.ages,
            Column("gender", "category", levels=GENDERS): kept.genders,
        }
        back = None if self.lookback_days is None else np.timedelta64(round(self.lookback_days * 86_400), "s")
        for kind in BEFORE:
            found = flags(visits, kind, parts(folder, kind.table, kind.needed, kind.optional), self.concepts, back)
            columns |= {Column(name, "flag", missing=NO_RECORD): cells for name, cells in found.items()}
        kind, needed = MEASUREMENTS, (*MEASUREMENTS.needed, "value_as_number")
        told = measured(visits, parts(folder, kind.table, needed, (*kind.optional, *UNITS)), self.concepts)
        for name, cells in told.values.items():
            columns[Column(name, unit=told.units[name], missing="not measured in time", clipped=True)] = cells
        return columns, told.repaired


def _notes(kept: Stays) -> tuple[str, ...]:
    notes = [
        "Concepts are the most frequent over all stays, taken without their outcomes, as a schema would name them.",
        "Deaths that the extract does not record, such as those after its end, count as survival.",
    ]
    if without := int((kept.sites == 0).sum()):
        notes.append(f"{without:,} of {len(kept):,} visits name no care site: {UNKNOWN!r} stands for all theirs.")
    return tuple(notes)


def _sites(numbers: Integers) -> tuple[Integers, tuple[str, ...]]:
    """The place of each visit's care site among the names, in the order of their numbers, the unknown one last."""
    found, place = np.unique(np.where(numbers == 0, np.iinfo(np.int64).max, numbers), return_inverse=True)
    last = np.iinfo(np.int64).max
    return place.astype(np.int64), tuple(UNKNOWN if one == last else f"care site {one}" for one in found.tolist())
