"""The tables of eICU-CRD: what of them a stay's row is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainward.errors import Revealing
from chainward.tasks.cohort import Column
from chainward.tasks.eicu_variables import (
    ADMISSION,
    APERIODIC,
    HISTORY,
    LABORATORY,
    PERIODIC,
    PHYSIOLOGY,
    RESULTS,
    VITALS,
    celsius,
)
from chainward.tasks.event_files import Layout, chunks, places, table
from chainward.tasks.hours import Hours, hours
from chainward.tasks.series import plausible

if TYPE_CHECKING:
    import pandas as pd

HOURS = 24
ELDEST = 90.0
"""How old all patients are of whom the source says "> 89"."""


def patients(path: Path) -> pd.DataFrame:
    """All stays in the file's order, `stay` to `minutes` float64 and the others text, with `age` in years.

    Raises:
        ChainwardError: an age or an outcome is a word that the source does not use.
    """
    numbers = {
        "patientunitstayid": "stay",
        "patienthealthsystemstayid": "hospital stay",
        "hospitalid": "hospital",
        "unitvisitnumber": "visit",
        "hospitaladmitoffset": "since",
        "unitdischargeoffset": "minutes",
        "admissionheight": "height",
        "admissionweight": "weight",
    }
    texts = {
        "uniquepid": "patient",
        "age": "age",
        "gender": "gender",
        "hospitaldischargestatus": "status",
        "unittype": "unit type",
        "unitadmitsource": "admitted from",
    }
    frame = table(path, Layout(numbers=tuple(numbers), texts=tuple(texts))).rename(columns=numbers | texts)
    wrong = frame["status"].dropna()[lambda status: ~status.isin(("Alive", "Expired"))]
    if len(wrong):
        raise Revealing(
            f"{path}: column 'hospitaldischargestatus': {wrong.iloc[0]!r} is neither Alive nor Expired nor empty"
        )
    return frame.assign(age=_ages(path, frame["age"]))


def _ages(path: Path, texts: pd.Series[Any]) -> pd.Series[float]:
    import pandas as pd

    years = pd.to_numeric(texts.mask(texts.str.replace(" ", "") == ">89", "90"), errors="coerce")
    wrong = texts[years.isna() & texts.notna()]
    if len(wrong):
        raise Revealing(f"{path}: column 'age': {wrong.iloc[0]!r} is neither a number nor '> 89'")
    return years.astype(np.float64).clip(upper=ELDEST)


@dataclass(frozen=True, eq=False)
class Told:
    """What the tables of a view tell of n stays: which are there at all [n], and either columns and a frame [n], or
    sums by the hour; cells put right, by reason, and what a reader must know."""

    present: NDArray[np.bool_]
    columns: tuple[Column, ...] = ()
    frame: pd.DataFrame | None = None
    hours: Hours | None = None
    repaired: Counter[str] = field(default_factory=Counter)
    notes: tuple[str, ...] = ()


def admitted(frame: pd.DataFrame) -> tuple[pd.DataFrame, Counter[str]]:
    """The columns ADMISSION of some of `patients`, and what was put right."""
    male = frame["gender"].map({"Male": 1.0, "Female": 0.0}).astype(np.float64)
    whole = frame.assign(male=male)[[column.name for column in ADMISSION]]
    return _within(whole, ADMISSION)


def apache(paths: Mapping[str, Path], stays: NDArray[np.float64]) -> Told:
    """APACHE's variables of each stay, missing where it has none."""
    columns = (*PHYSIOLOGY.values(), *HISTORY.values())
    physiology, first = _scored(paths["apacheApsVar"], PHYSIOLOGY, stays)
    history, second = _scored(paths["apachePredVar"], HISTORY, stays)
    frame, repaired = _within(physiology.drop(columns="there").join(history.drop(columns="there")), columns)
    return Told(physiology["there"].to_numpy(dtype=bool), columns, frame, repaired=first + second + repaired)


def _scored(path: Path, names: Mapping[str, Column], stays: NDArray[np.float64]) -> tuple[pd.DataFrame, Counter[str]]:
    """A table's columns for each stay, and whether it is `there`; of two rows of a stay the first counts."""
    read = table(path, Layout(numbers=("patientunitstayid", *names))).set_index("patientunitstayid")
    ours = read[read.index.isin(stays)]
    doubled = ours.index.duplicated()
    ours = ours[~doubled].rename(columns={name: column.name for name, column in names.items()})
    nothing = ours == -1
    repaired = Counter({f"{path.name}: -1 is missing": int(nothing.to_numpy().sum())})
    repaired[f"{path.name}: the second row of a stay is left out"] = int(doubled.sum())
    return ours.mask(nothing).assign(there=1.0).reindex(stays).fillna({"there": 0.0}).reset_index(drop=True), +repaired


def _within(frame: pd.DataFrame, columns: tuple[Column, ...]) -> tuple[pd.DataFrame, Counter[str]]:
    """A frame with what is implausible made missing: numbers beyond their range, flags that are neither 0 nor 1."""
    repaired: Counter[str] = Counter()
    for column in columns:
        values = frame[column.name]
        if column.kind == "number":
            kept, reasons = plausible(np.zeros(len(frame), dtype=np.int64), values.to_numpy(), (column,))
            repaired.update(reasons)
            frame = frame.assign(**{column.name: kept})
        elif column.kind == "flag":
            wrong = ~(values.isin((0, 1)) | values.isna())
            repaired[f"{column.name} neither 0 nor 1 is missing"] = int(wrong.sum())
            frame = frame.assign(**{column.name: values.mask(wrong)})
    return frame, +repaired


def measured(paths: Mapping[str, Path], stays: NDArray[np.float64]) -> Told:
    """What was measured in the first 24 hours of each stay, of the tables that are there."""
    wide = {
        name: columns for name, columns in (("vitalPeriodic", PERIODIC), ("vitalAperiodic", APERIODIC)) if name in paths
    }
    vital = {variable for columns in wide.values() for variable in columns.values()}
    variables = (*(one for one in VITALS if one.name in vital), *(RESULTS if "lab" in paths else ()))
    told = hours(variables, len(stays), HOURS)
    for name, columns in wide.items():
        _add_wide(told, paths[name], columns, stays)
    if "lab" in paths:
        _add_results(told, paths["lab"], stays)
    absent = [name for name in ("lab", "vitalPeriodic", "vitalAperiodic") if name not in paths]
    notes = (f"Not in the folder, and so without their variables: {', '.join(absent)}.",) if absent else ()
    return Told(told.measured, hours=told, repaired=told.repaired, notes=notes)


def _add_wide(told: Hours, path: Path, columns: Mapping[str, str], stays: NDArray[np.float64]) -> None:
    """A table with a column a variable."""
    names = [column.name for column in told.variables]
    for chunk in chunks(path, Layout(numbers=("patientunitstayid", "observationoffset", *columns))):
        stay = places(chunk["patientunitstayid"].to_numpy(), stays)
        ours, stay = chunk[stay >= 0], stay[stay >= 0]
        hour = _hour(ours["observationoffset"].to_numpy())
        for column, name in columns.items():
            values = ours[column].to_numpy()
            values = celsius(values) if name == "temperature" else values
            told.add(stay, hour, np.full(len(ours), names.index(name), dtype=np.int64), values)


def _add_results(told: Hours, path: Path, stays: NDArray[np.float64]) -> None:
    """The table with a row a result."""
    names = [column.name for column in told.variables]
    known = {name: names.index(variable) for name, variable in LABORATORY.items()}
    layout = Layout(numbers=("patientunitstayid", "labresultoffset", "labresult"), texts=("labname",))
    for chunk in chunks(path, layout):
        variable = chunk["labname"].map(known).astype(np.float64).fillna(-1).to_numpy().astype(np.int64)
        stay = places(chunk["patientunitstayid"].to_numpy(), stays)
        ours = (stay >= 0) & (variable >= 0)
        hour = _hour(chunk["labresultoffset"].to_numpy()[ours])
        told.add(stay[ours], hour, variable[ours], chunk["labresult"].to_numpy()[ours])


def _hour(minutes: NDArray[np.float64]) -> NDArray[np.int64]:
    """Of the stay, from 0; -1 where it is not told."""
    return np.floor(np.where(np.isfinite(minutes), minutes, -1) / 60).astype(np.int64)


def groups(path: Path) -> pd.Series[str]:
    """The region and the number of beds of each hospital, by its number."""
    read = table(path, Layout(numbers=("hospitalid",), texts=("region", "numbedscategory"))).drop_duplicates(
        "hospitalid"
    )
    region, beds = read["region"].fillna("region unknown"), (read["numbedscategory"] + " beds").fillna("beds unknown")
    return (region + ", " + beds).set_axis(read["hospitalid"])
