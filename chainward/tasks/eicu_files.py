"""Where the tables of eICU-CRD lie: all of it, its demo, or any subset in the published layout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from chainward.errors import DataMissing
from chainward.tasks.sources import Source, located, requires

View = Literal["apache", "summary", "hourly"]
By = Literal["hospital", "region_and_beds"]
_APACHE = ("apacheApsVar.csv", "apachePredVar.csv")
_EVENTS = ("lab.csv", "vitalPeriodic.csv", "vitalAperiodic.csv")
_FOLDERS = ("eicu", "eicu_demo", "eicu_subset")
SOURCE = Source(
    name="eicu",
    url="https://physionet.org/files/eicu-crd/2.0/",
    folder="eicu",
    files=dict.fromkeys(("patient.csv", "hospital.csv", *_APACHE, *_EVENTS), ""),
    licence="PhysioNet Credentialed Health Data License 1.5.0 (the demo: ODbL 1.0)",
    citation=(
        "Pollard TJ, Johnson AEW, Raffa JD, Celi LA, Mark RG, Badawi O. The eICU Collaborative Research Database. "
        "Sci Data 2018;5:180178. doi:10.1038/sdata.2018.178. Demo: doi:10.13026/4mxk-na84"
    ),
    aliases={name: (name.lower(),) for name in (*_APACHE, *_EVENTS[1:])},
    credentialed=(
        "PhysioNet gives eICU-CRD to credentialed users: make an account at https://physionet.org, have it "
        "credentialed (CITI's training 'Data or Specimens Only Research' is part of it), sign the agreement at "
        "https://physionet.org/content/eicu-crd/2.0/ and download the files; a demo of 2,520 stays is open to all at "
        "https://physionet.org/content/eicu-crd-demo/2.0.1/"
    ),
)


def lacking(view: View, by: By) -> str | None:
    """None when one folder has the tables that are needed, else one line that says what to get."""
    source = _source()
    needed = ("patient.csv", *(("hospital.csv",) if by == "region_and_beds" else ()))
    if view == "apache":
        return requires(source, (*needed, *_APACHE))
    some = any(located(source, name) for name in _EVENTS)
    return requires(source, needed if some else (*needed, *_EVENTS))


def files(view: View, by: By) -> dict[str, Path]:
    """The file of each table that is there and that the view is made of, by the table's name. Raises DataMissing."""
    if lacks := lacking(view, by):
        raise DataMissing(lacks)
    wanted = ("patient.csv", *(_APACHE if view == "apache" else _EVENTS))
    wanted += ("hospital.csv",) if by == "region_and_beds" else ()
    source = _source()
    found = {name.removesuffix(".csv"): located(source, name) for name in wanted}
    return {name: at.path for name, at in found.items() if at is not None}


def elsewhere() -> str | None:
    """The folder that tables are read from, where it is not that of all of eICU-CRD."""
    folder = _source().folder
    return None if folder == SOURCE.folder else f"{folder}/"


def _source() -> Source:
    """The source in the first folder that has patients: files of two releases never mix."""
    choices = [replace(SOURCE, folder=folder) for folder in _FOLDERS]
    return next((one for one in choices if located(one, "patient.csv")), SOURCE)
