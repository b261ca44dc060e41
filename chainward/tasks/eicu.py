"""eICU Collaborative Research Database: death in hospital from the first day in intensive care, at 208 hospitals.

A row is the first unit stay of each hospital stay: later ones share its outcome. A patient (uniquepid) may have several
hospital stays, at several hospitals, and is never split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from chainward.errors import ChainwardError
from chainward.tasks import eicu_files, eicu_tables
from chainward.tasks.base import Task, Training
from chainward.tasks.cohort import Cohort, Column, Series
from chainward.tasks.eicu_files import SOURCE, By, View
from chainward.tasks.eicu_tables import HOURS, Told
from chainward.tasks.eicu_variables import ADMISSION
from chainward.tasks.event_files import places
from chainward.tasks.prepared import prepared
from chainward.tasks.series import summaries
from chainward.tasks.sieve import Rule, sieved

if TYPE_CHECKING:
    import pandas as pd

_NUMBERS = ("stay", "hospital stay", "patient", "hospital")
HOURLY = Training(network="tcn", hidden=16, learning_rate=0.1, batch_size=32, local_steps=10)
_CODE = (
    "eicu",
    "eicu_files",
    "eicu_tables",
    "eicu_variables",
    "laboratory",
    "event_files",
    "hours",
    "series",
    "sieve",
    "cohort",
)
NOTES = (
    "A row is the first unit stay of a hospital stay; a patient with several is never split.",
    "Ages above 89 are hidden by the source and are 90 here.",
    "Of dates only the year of discharge is published, so there is no split by time.",
)
GROUPS = "Sites are groups of hospitals of one region and number of beds: pseudo-sites, not hospitals."


@dataclass(frozen=True)
class Eicu(Task):
    """Adults' first unit stay of each hospital stay, of all, the demo, or any subset in the published layout.

    view: "apache" has the worst values of the first day and the history that APACHE scores; "summary" the first, last,
    least, greatest and mean value of each laboratory result and vital sign in the first 24 hours, and how many hours
    have one, of stays of a day at least; "hourly" these as a series.
    by: sites are hospitals, or groups of them by region and number of beds. at_least: stays that a site must have.
    """

    key = "eicu"
    title = "eICU Collaborative Research Database"
    outcome = "death in hospital (8.6 % of the demo's stays)"
    citation = SOURCE.citation
    licence = SOURCE.licence
    training = Training(network="mlp", hidden=16, learning_rate=0.1, batch_size=32, local_steps=10)
    rounds = 30
    private = True
    source = SOURCE

    view: View = "apache"
    by: By = "hospital"
    at_least: Annotated[int, Field(ge=1, le=1_000_000)] = 1

    def __post_init__(self) -> None:
        if self.view == "hourly":
            object.__setattr__(self, "training", HOURLY)
        if self.by == "region_and_beds":
            object.__setattr__(self, "sites", "groups of hospitals (pseudo-sites)")

    def requires(self) -> str | None:
        """None when one folder has the tables that the view is made of."""
        return eicu_files.lacking(self.view, self.by)

    def read_from(self) -> str | None:
        """See `Task.read_from`: a demo or a subset has a folder of its own."""
        return eicu_files.elsewhere()

    def cohort(self) -> Cohort:
        """See `Task.cohort`; it is kept on this disk, see `chainward.tasks.prepared`."""
        paths = eicu_files.files(self.view, self.by)
        modules = [f"chainward.tasks.{name}" for name in _CODE]
        return prepared(self.key, asdict(self), paths.values(), modules, lambda: _cohort(self, paths))


def _cohort(task: Eicu, paths: Mapping[str, Path]) -> Cohort:
    read = eicu_tables.patients(paths["patient"])
    frame, excluded = sieved(read, _before(task.view))
    stays = frame["stay"].to_numpy()
    told = (eicu_tables.apache if task.view == "apache" else eicu_tables.measured)(paths, stays)
    admitted, repaired = eicu_tables.admitted(frame)
    marked = frame.assign(there=told.present, site=_sites(task.by, frame, paths), row=np.arange(len(frame)))
    kept, late = sieved(marked, _after(task))
    if not len(kept):
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in (excluded | late).items())
        raise ChainwardError(f"{paths['patient']}: none of {len(read):,} stays is left: {reasons}")
    columns, values, series = _columns(task.view, told, admitted, kept["row"].to_numpy())
    names = _ordered(kept["site"], task.by)
    return Cohort(
        columns=columns,
        frame=values,
        labels=(kept["status"] == "Expired").to_numpy(dtype=np.int64),
        hospitals=places(kept["site"].to_numpy(dtype=object), names),
        names=names,
        rows=len(read),
        excluded=excluded | late,
        repaired=dict(Counter(repaired) + told.repaired),
        patients=kept["patient"].factorize()[0].astype(np.int64),
        series=series,
        notes=(*NOTES, *((GROUPS,) if task.by == "region_and_beds" else ()), *told.notes),
    )


def _before(view: View) -> tuple[Rule, ...]:
    """Why a stay is left out by what is known of it in `patient`."""
    rules: tuple[Rule, ...] = (
        ("the stay, the patient or the hospital has no number", lambda f: f[[*_NUMBERS]].isna().any(axis=1)),
        ("a second row of the stay", lambda f: f.duplicated("stay")),
        ("not the first unit stay of the hospital stay", _later),
        ("the outcome is not recorded", lambda f: f["status"].isna()),
        ("younger than 18 years", lambda f: f["age"] < 18),
    )
    short: Rule = (f"shorter than {HOURS} hours", lambda f: ~(f["minutes"] >= 60 * HOURS))
    return rules if view == "apache" else (*rules, short)


def _after(task: Eicu) -> tuple[Rule, ...]:
    """Why a stay is left out by what else is known of it."""
    apache = task.view == "apache"
    absent = "no APACHE variables" if apache else f"nothing measured in the first {HOURS} hours"
    few: Rule = (
        f"at a site of fewer than {task.at_least} stays",
        lambda f: f.groupby("site")["stay"].transform("size") < task.at_least,
    )
    return ((absent, lambda f: ~f["there"]), few)


def _later(frame: pd.DataFrame) -> pd.Series[bool]:
    """Every unit stay but the first of each hospital stay; of equal visit numbers the one soonest after admission."""
    order = frame.assign(since=-frame["since"]).sort_values(["visit", "since", "stay"], kind="stable")
    return order.duplicated("hospital stay").reindex(frame.index)


def _sites(by: By, frame: pd.DataFrame, paths: Mapping[str, Path]) -> pd.Series[str]:
    if by == "hospital":
        return "hospital " + frame["hospital"].astype(np.int64).astype(str)
    return frame["hospital"].map(eicu_tables.groups(paths["hospital"])).fillna("region unknown, beds unknown")


def _ordered(sites: pd.Series[str], by: By) -> tuple[str, ...]:
    """Hospitals by their numbers, groups by their names."""
    present = set(sites)
    return tuple(sorted(present, key=lambda name: int(name.split()[1])) if by == "hospital" else sorted(present))


def _columns(
    view: View, told: Told, admitted: pd.DataFrame, rows: np.typing.NDArray[np.int64]
) -> tuple[tuple[Column, ...], pd.DataFrame, Series | None]:
    """The columns, frame and series of some rows."""
    own = admitted.iloc[rows].reset_index(drop=True)
    if told.hours is None:
        assert told.frame is not None, "APACHE's variables are columns"
        return (*ADMISSION, *told.columns), own.join(told.frame.iloc[rows].reset_index(drop=True)), None
    series = told.hours.take(rows)
    if view == "hourly":
        return ADMISSION, own, series
    columns, values = summaries(series)
    return (*ADMISSION, *columns), own.join(values), None
