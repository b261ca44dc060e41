"""An invented OMOP extract: 320 stays at four care sites, whose outcome follows a measurement and a condition."""

import csv
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

ADMITTED = datetime(2020, 1, 1, 10, 30)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
INPATIENT, OUTPATIENT = 9201, 9202
LACTATE, FAILURE = 3047181, 316139
COLUMNS = {
    "person": "person_id,gender_concept_id,year_of_birth,month_of_birth,day_of_birth",
    "visit_occurrence": "visit_occurrence_id,person_id,visit_concept_id,visit_start_date,visit_start_datetime,"
    "visit_end_date,visit_end_datetime,care_site_id",
    "death": "person_id,death_date,death_datetime",
    "condition_occurrence": "person_id,condition_concept_id,condition_start_date,condition_start_datetime,"
    "visit_occurrence_id",
    "drug_exposure": "person_id,drug_concept_id,drug_exposure_start_date,drug_exposure_start_datetime,"
    "visit_occurrence_id",
    "procedure_occurrence": "person_id,procedure_concept_id,procedure_date,procedure_datetime,visit_occurrence_id",
    "measurement": "person_id,measurement_concept_id,measurement_date,measurement_datetime,value_as_number,"
    "unit_concept_id,unit_source_value",
}
Cell = str | int | float | None
Rows = dict[str, list[tuple[Cell, ...]]]


def named(person: int) -> int:
    """The person_id of a person: no float64 holds it, and one in two is negative."""
    return (-1) ** person * (9_000_000_000_000_000_000 + person)


def at(when: datetime) -> tuple[str, str]:
    """A moment as a date and a datetime."""
    return f"{when:%Y-%m-%d}", f"{when:%Y-%m-%d %H:%M:%S}"


def rows(persons: int = 320, seed: int = 0) -> Rows:
    """The rows of each table."""
    rng = np.random.default_rng(seed)
    made: Rows = {table: [] for table in COLUMNS}
    for person in range(persons):
        _stay(made, person, rng)
    return made


def _stay(made: Rows, person: int, rng: np.random.Generator) -> None:
    who, visit, start = named(person), 10**15 + person, ADMITTED + person * DAY
    severity, failing = rng.standard_normal(), rng.random() < 0.3
    died = rng.random() < 1 / (1 + np.exp(1.5 - 2 * severity - failing))
    made["person"].append((who, (8507, 8532, 0)[person % 3], 1950 + person % 40, 6, 15))
    made["visit_occurrence"].append((visit, who, INPATIENT, *at(start), *at(start + 5 * DAY), 1 + person % 4))
    made["visit_occurrence"].append((-visit, who, OUTPATIENT, *at(start - 90 * DAY), *at(start - 90 * DAY), 1))
    if failing:
        made["condition_occurrence"].append((who, FAILURE, *at(start - 90 * DAY), -visit))
    made["drug_exposure"].append((who, 1000 + person % 7, *at(start - DAY), None))
    made["procedure_occurrence"].append((who, 2000 + person % 3, *at(start - 2 * DAY), None))
    for hour in (1, 7, 13):
        made["measurement"].append((who, LACTATE, *at(start + hour * HOUR), 3 + severity + hour / 20, 8753, "mmol/L"))
    if died:  # the diagnosis of the stay is dated at its start, and later values tell the outcome
        made["death"].append((who, *at(start + 3 * DAY)))
        made["condition_occurrence"].append((who, 321042, *at(start), visit))
        made["measurement"].append((who, 4152194, *at(start + 25 * HOUR), 0, 8876, "mm[Hg]"))


def write(folder: Path, made: Mapping[str, Sequence[tuple[Cell, ...]]] | None = None) -> Path:
    """Write a csv a table; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for table, own in (rows() if made is None else made).items():
        with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS[table].split(","))
            writer.writerows(own)
    return folder
