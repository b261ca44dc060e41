"""MIMIC-III and MIMIC-IV: death in hospital from the first hours in intensive care, care units as sites.

The cohort follows the in-hospital mortality benchmark of Harutyunyan et al. (Sci Data 2019;6:96): adults who stay in
the unit as long as they are watched. It differs in that a patient's first stay counts and no other, that of its 17
variables capillary refill (a text, hardly ever written) and the sum of the coma scale's parts are not here, and that
ten laboratory values are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from chainward.tasks import mimic_layouts
from chainward.tasks.base import Task, Training
from chainward.tasks.cohort import Cohort, Column
from chainward.tasks.event_files import Layout, chunks, moments, places
from chainward.tasks.hours import Hours, hours
from chainward.tasks.mimic_items import CHART, LAB, VARIABLES, Items
from chainward.tasks.prepared import prepared
from chainward.tasks.series import summaries
from chainward.tasks.sieve import Rule, sieved

if TYPE_CHECKING:
    import pandas as pd

_CODE = ("mimic", "mimic_layouts", "mimic_items", "laboratory", "event_files", "hours", "series", "sieve", "cohort")
HOURLY = Training(network="tcn", hidden=16, learning_rate=0.1, batch_size=32, local_steps=10)
_HOUR = np.timedelta64(3600, "s")
OWN = (
    Column("age", unit="a", missing="not recorded; 90 where above 89", least=18, most=90),
    Column("male", "flag"),
    Column("admission type", "category"),
)
NOTES = (
    "Sites are care units of one hospital (the first of the stay): pseudo-sites, not hospitals.",
    "One stay a patient: the first in intensive care. Ages above 89 are hidden by the source and are 90 here.",
    "Dates are shifted for every patient apart, so there is no split by time.",
    "An hour's value is the mean of its readings; one beyond its plausible range is missing.",
)


@dataclass(frozen=True)
class Mimic(Task):
    """Adults' first stay in intensive care, of `hours` at least; what was measured in these hours.

    version: III (icustay_id, date of birth) or IV (folders hosp and icu, anchor age), as published. view: "summary"
    is a table of the first, last, least, greatest and mean value and how many hours have one; "hourly" a series.
    """

    key = "mimic"
    title = "MIMIC intensive care"
    outcome = "death in hospital (13 % in the MIMIC-III benchmark's cohort)"
    citation = f"{mimic_layouts.CITATION_III}. {mimic_layouts.CITATION_IV}"
    licence = mimic_layouts.MIMIC_III.licence
    training = Training(network="mlp", hidden=16, learning_rate=0.1, batch_size=32, local_steps=10)
    rounds = 30
    private = True
    source = mimic_layouts.MIMIC_III
    sites = "care units (pseudo-sites)"

    version: mimic_layouts.Version = "III"
    hours: Literal[24, 48] = 48
    view: Literal["summary", "hourly"] = "summary"

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", mimic_layouts.PUBLISHED[self.version].source)
        if self.view == "hourly":
            object.__setattr__(self, "training", HOURLY)

    def requires(self) -> str | None:
        """None when the five files of the version are in one folder."""
        return mimic_layouts.lacking(self.version)

    def read_from(self) -> str | None:
        """See `Task.read_from`: a demo has a folder of its own."""
        return mimic_layouts.elsewhere(self.version)

    def cohort(self) -> Cohort:
        """See `Task.cohort`; it is kept on this disk, see `chainward.tasks.prepared`."""
        paths = mimic_layouts.files(self.version)
        modules = [f"chainward.tasks.{name}" for name in _CODE]
        return prepared(self.key, asdict(self), paths.values(), modules, lambda: _cohort(self, paths))


def _cohort(task: Mimic, paths: Mapping[str, Path]) -> Cohort:
    read = mimic_layouts.stays(task.version, paths)
    frame, excluded = sieved(read, _rules(task.hours))
    told = hours(VARIABLES, len(frame), task.hours)
    _add(told, frame, paths["chartevents"], CHART)
    _add(told, frame, paths["labevents"], LAB)
    measured = told.measured
    if not measured.all():
        excluded[f"nothing measured in the first {task.hours} hours"] = int((~measured).sum())
    frame = frame[measured].reset_index(drop=True)
    series = told.take(np.flatnonzero(measured))
    columns, values = (OWN, frame) if task.view == "hourly" else _summary(frame, series)
    sites = sorted(set(frame["unit"]))
    return Cohort(
        columns=columns,
        frame=values[[column.name for column in columns]],
        labels=frame["expired"].to_numpy(dtype=np.int64),
        hospitals=places(frame["unit"].to_numpy(dtype=object), sites),
        names=tuple(sites),
        rows=len(read),
        excluded=excluded,
        repaired=dict(told.repaired),
        series=series if task.view == "hourly" else None,
        notes=NOTES,
    )


def _rules(watched: int) -> tuple[Rule, ...]:
    """Why a stay is left out, in this order."""
    span = watched * _HOUR
    return (
        ("the time of arrival or of leaving is not recorded", lambda f: f["arrived"].isna() | f["left"].isna()),
        ("not the patient's first stay", _later),
        ("the outcome is not recorded", lambda f: ~f["expired"].isin((0, 1))),
        ("the care unit is not recorded", lambda f: f["unit"].isna()),
        ("younger than 18 years, or of unknown age", lambda f: ~(f["age"] >= 18)),
        (f"shorter than {watched} hours", lambda f: f["left"] - f["arrived"] < span),
        (f"died within {watched} hours", lambda f: f["died"] < f["arrived"] + span),
    )


def _later(frame: pd.DataFrame) -> pd.Series[bool]:
    """Every stay but the earliest of each subject; of equal times the first row."""
    return frame.sort_values("arrived", kind="stable").duplicated("subject").reindex(frame.index)


def _add(told: Hours, frame: pd.DataFrame, path: Path, items: Items) -> None:
    """Stream a table of events past, keeping those of our subjects, items and hours."""
    known, variable, convert = _dictionary(items)
    subjects = frame["subject"].to_numpy()
    arrived = frame["arrived"].to_numpy().astype("datetime64[s]")
    layout = Layout(numbers=("subject_id", "itemid", "valuenum", "error"), texts=("charttime",), optional=("error",))
    for chunk in chunks(path, layout):
        # A reading that the nurse marked as an error is none (MIMIC-III alone says so).
        usable = chunk["valuenum"].notna() & ~(chunk["error"] == 1)
        item = np.where(usable, places(chunk["itemid"].to_numpy(), known), -1)
        ours = chunk[item >= 0].assign(item=item[item >= 0])
        stay = places(ours["subject_id"].to_numpy(), subjects)
        ours, stay = ours[stay >= 0], stay[stay >= 0]
        at = moments(path, "charttime", ours["charttime"])
        hour = np.where(np.isnat(at), -1, (at - arrived[stay]) // _HOUR)
        place = ours["item"].to_numpy()
        told.add(stay, hour.astype(np.int64), variable[place], _converted(ours["valuenum"].to_numpy(), convert, place))


def _dictionary(items: Items) -> tuple[list[int], NDArray[np.int64], list[Callable[[Any], Any]]]:
    """Item numbers [i], the variable [i] and the conversion [i] of each."""
    names = [column.name for column in VARIABLES]
    rows = [(one, names.index(name), how) for name, ways in items.items() for how, ids in ways for one in ids]
    return [row[0] for row in rows], np.array([row[1] for row in rows]), [row[2] for row in rows]


def _converted(values: NDArray[Any], convert: list[Callable[[Any], Any]], place: NDArray[np.int64]) -> NDArray[Any]:
    """Each value in its variable's unit."""
    result = values.copy()
    for how in dict.fromkeys(convert):
        own = np.isin(place, [number for number, other in enumerate(convert) if other is how])
        result[own] = how(values[own])
    return result


def _summary(frame: pd.DataFrame, series: Any) -> tuple[tuple[Column, ...], pd.DataFrame]:
    columns, values = summaries(series)
    return (*OWN, *columns), frame[[column.name for column in OWN]].join(values)
