"""Where MIMIC-III and MIMIC-IV say the same thing: files, and the stays, patients and admissions in one form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from chainward.errors import DataMissing
from chainward.tasks.event_files import Layout, moments, table
from chainward.tasks.sources import Source, located, requires

if TYPE_CHECKING:
    import pandas as pd

Version = Literal["III", "IV"]
ELDEST = 90.0
"""Both versions hide how old a patient above 89 is: all of them are this old."""
_YEAR_S = 365.2425 * 86_400

_LICENCE = "PhysioNet Credentialed Health Data License 1.5.0 (the demos: ODbL 1.0)"
_HOW = (
    "PhysioNet gives {what} to credentialed users: make an account at https://physionet.org, have it credentialed "
    "(CITI's training 'Data or Specimens Only Research' is part of it), sign the agreement at {page} and download the "
    "files; a demo of 100 patients is open to all at {demo}"
)


@dataclass(frozen=True)
class Published:
    """One version: its source, the folders that it is looked for in, and its file of each table."""

    source: Source
    folders: tuple[str, ...]
    tables: Mapping[str, str]
    stay: str


def _published(version: str, name: str, page: str, demo: str, citation: str, tables: Mapping[str, str]) -> Source:
    """The source of a version. III has been published with names in capitals and in small letters."""
    files = tuple(tables.values())
    return Source(
        name=name,
        url=f"https://physionet.org/files/{page}/",
        folder=name,
        files=dict.fromkeys(files, ""),
        licence=_LICENCE,
        citation=citation,
        aliases={file: (file.upper().replace(".CSV", ".csv"),) for file in files if "/" not in file},
        credentialed=_HOW.format(
            what=f"MIMIC-{version}",
            page=f"https://physionet.org/content/{page}/",
            demo=f"https://physionet.org/content/{demo}/",
        ),
    )


_TABLES_III = {name: f"{name}.csv" for name in ("icustays", "patients", "admissions", "chartevents", "labevents")}
_TABLES_IV = {
    "icustays": "icu/icustays.csv",
    "patients": "hosp/patients.csv",
    "admissions": "hosp/admissions.csv",
    "chartevents": "icu/chartevents.csv",
    "labevents": "hosp/labevents.csv",
}
CITATION_III = "Johnson AEW, Pollard TJ, Shen L, et al. MIMIC-III. Sci Data 2016;3:160035. doi:10.1038/sdata.2016.35"
CITATION_IV = "Johnson AEW, Bulgarelli L, Shen L, et al. MIMIC-IV. Sci Data 2023;10:1. doi:10.1038/s41597-022-01899-x"
MIMIC_III = _published("III", "mimic3", "mimiciii/1.4", "mimiciii-demo/1.4", CITATION_III, _TABLES_III)
MIMIC_IV = _published("IV", "mimic4", "mimiciv/3.1", "mimic-iv-demo/2.2", CITATION_IV, _TABLES_IV)
PUBLISHED: Mapping[Version, Published] = {
    "III": Published(MIMIC_III, ("mimic3", "mimic3_demo"), _TABLES_III, "icustay_id"),
    "IV": Published(MIMIC_IV, ("mimic4", "mimic4_demo"), _TABLES_IV, "stay_id"),
}


def lacking(version: Version) -> str | None:
    """None when all files of a version are in one folder, else one line that says what to get."""
    return requires(_source(version), tuple(PUBLISHED[version].tables.values()))


def files(version: Version) -> dict[str, Path]:
    """The file of each table, all of one folder. Raises DataMissing when there is none."""
    if lacks := lacking(version):
        raise DataMissing(lacks)
    source = _source(version)
    found = {name: located(source, file) for name, file in PUBLISHED[version].tables.items()}
    return {name: at.path for name, at in found.items() if at is not None}


def elsewhere(version: Version) -> str | None:
    """The folder that files are read from, where it is not that of the whole version."""
    folder = _source(version).folder
    return None if folder == PUBLISHED[version].source.folder else f"{folder}/"


def _source(version: Version) -> Source:
    """The source in the first folder that has the table of stays: files of two releases never mix."""
    published = PUBLISHED[version]
    choices = [replace(published.source, folder=folder) for folder in published.folders]
    return next((one for one in choices if located(one, published.tables["icustays"])), published.source)


def stays(version: Version, paths: Mapping[str, Path]) -> pd.DataFrame:
    """All ICU stays in the file's order: stay, subject, admission (float64), unit and admission type (text), age (a,
    float64), male (0 or 1), arrived, left and died (datetime64[s], NaT where unknown), expired (0, 1 or NaN)."""
    read = table(
        paths["icustays"],
        Layout(
            numbers=("subject_id", "hadm_id", PUBLISHED[version].stay), texts=("first_careunit", "intime", "outtime")
        ),
    )
    frame = read.rename(
        columns={
            "subject_id": "subject",
            "hadm_id": "admission",
            PUBLISHED[version].stay: "stay",
            "first_careunit": "unit",
        }
    )
    frame = frame.assign(
        arrived=moments(paths["icustays"], "intime", frame["intime"]),
        left=moments(paths["icustays"], "outtime", frame["outtime"]),
    )
    frame = frame.join(_admissions(paths["admissions"]), on="admission").join(
        _patients(version, paths["patients"]), on="subject"
    )
    return frame.assign(age=_age(version, frame))


def _admissions(path: Path) -> pd.DataFrame:
    layout = Layout(
        numbers=("hadm_id", "hospital_expire_flag"), texts=("admission_type", "deathtime"), optional=("deathtime",)
    )
    read = table(path, layout).drop_duplicates("hadm_id").set_index("hadm_id")
    died = moments(path, "deathtime", read["deathtime"])
    names = {"admission_type": "admission type", "hospital_expire_flag": "expired"}
    return read.rename(columns=names)[[*names.values()]].assign(died=died)


def _patients(version: Version, path: Path) -> pd.DataFrame:
    if version == "III":
        read = table(path, Layout(numbers=("subject_id",), texts=("gender", "dob")))
        born: dict[str, Any] = {"born": moments(path, "dob", read["dob"])}
    else:
        layout = Layout(numbers=("subject_id", "anchor_age", "anchor_year"), texts=("gender",))
        read = table(path, layout)
        born = {"anchor_age": read["anchor_age"], "anchor_year": read["anchor_year"]}
    male = read["gender"].map({"M": 1.0, "F": 0.0}).astype(np.float64)
    return read[["subject_id"]].assign(male=male, **born).drop_duplicates("subject_id").set_index("subject_id")


def _age(version: Version, frame: pd.DataFrame) -> NDArray[np.float64]:
    """In whole years at arrival. Those above 89 are born 300 years before in III, and 91 at their anchor in IV."""
    arrived = frame["arrived"]
    if version == "III":
        seconds = arrived.to_numpy().astype("datetime64[s]") - frame["born"].to_numpy().astype("datetime64[s]")
        years = np.where(np.isnat(seconds), np.nan, seconds.astype(np.int64) / _YEAR_S)
    else:
        years = (frame["anchor_age"] + arrived.dt.year - frame["anchor_year"]).to_numpy(dtype=np.float64)
    floored = np.floor(years)
    return np.minimum(floored, ELDEST)
