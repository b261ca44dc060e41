"""Diabetes 130-US hospitals: readmission within 30 days of an admission of a patient with diabetes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from chainward.tasks import sources
from chainward.tasks.base import Expected, Task, Training
from chainward.tasks.cohort import Cohort, Column
from chainward.tasks.delimited import features, flag, number, texts
from chainward.tasks.prepared import prepared
from chainward.tasks.sources import Source

if TYPE_CHECKING:
    import pandas as pd

FILE = "dataset_diabetes/diabetic_data.csv"
DIABETES = Source(
    name="readmission",
    url="https://archive.ics.uci.edu/static/public/296/",
    folder="diabetes130",
    files={FILE: "0689e7ec031237dc63031b938805c48377748761a3b26acab621567afa24df97"},
    licence="CC BY 4.0",
    citation=(
        "Strack B, DeShazo JP, Gennings C, Olmo JL, Ventura S, Cios KJ, Clore JN. Impact of HbA1c measurement on "
        "hospital readmission rates: analysis of 70,000 clinical database patient records. BioMed Research "
        "International 2014:781670. doi:10.1155/2014/781670. Data: UCI Machine Learning Repository, "
        "doi:10.24432/C5230J"
    ),
    archives=("dataset_diabetes.zip", "diabetes+130-us+hospitals+for+years+1999-2008.zip"),
    aliases={FILE: ("diabetic_data.csv",)},
)

AGES = {f"[{decade}-{decade + 10})": str(decade + 5) for decade in range(0, 100, 10)}
ADMISSIONS = tuple("12345678")
DISCHARGES = tuple(str(code) for code in (*range(1, 11), 12, *range(15, 19), *range(22, 31)))
ORIGINS = tuple(str(code) for code in (*range(1, 16), *range(17, 27)))
GROUPS = (
    *("circulatory", "respiratory", "digestive", "diabetes", "injury"),
    *("musculoskeletal", "genitourinary", "neoplasms", "other"),
)
DOSES = ("No", "Steady", "Up", "Down")
DRUGS = (
    *("metformin", "repaglinide", "nateglinide", "chlorpropamide", "glimepiride", "acetohexamide", "glipizide"),
    *("glyburide", "tolbutamide", "pioglitazone", "rosiglitazone", "acarbose", "miglitol", "troglitazone"),
    *("tolazamide", "insulin", "glyburide-metformin", "glipizide-metformin", "glimepiride-pioglitazone"),
    *("metformin-rosiglitazone", "metformin-pioglitazone"),
)
COLUMNS = (
    Column("race", "category", levels=("Caucasian", "AfricanAmerican", "Hispanic", "Asian", "Other")),
    Column("gender", "category", levels=("Female", "Male")),
    Column("age", unit="a"),
    Column("admission_type_id", "category", levels=ADMISSIONS),
    Column("discharge_disposition_id", "category", levels=DISCHARGES),
    Column("admission_source_id", "category", levels=ORIGINS),
    Column("time_in_hospital", unit="d"),
    Column("payer_code", "category"),
    Column("medical_specialty", "category"),
    Column("num_lab_procedures", unit="{procedures}", clipped=True),
    Column("num_procedures", unit="{procedures}"),
    Column("num_medications", unit="{drugs}", clipped=True),
    Column("number_outpatient", unit="{visits}", clipped=True),
    Column("number_emergency", unit="{visits}", clipped=True),
    Column("number_inpatient", unit="{visits}", clipped=True),
    *(Column(f"diag_{place}", "category", levels=GROUPS) for place in (1, 2, 3)),
    Column("number_diagnoses", unit="{diagnoses}"),
    Column("max_glu_serum", "category", levels=("None", "Norm", ">200", ">300")),
    Column("A1Cresult", "category", levels=("None", "Norm", ">7", ">8")),
    *(Column(drug, "category", levels=DOSES) for drug in DRUGS),
    Column("change", "flag"),
    Column("diabetesMed", "flag"),
)
SITES = {"specialty": "medical_specialty", "admission_source": "admission_source_id", "payer": "payer_code"}
PLACES = {
    "specialty": "medical specialties (pseudo-sites)",
    "admission_source": "sources of admission (pseudo-sites)",
    "payer": "payers (pseudo-sites)",
}
READ = ("encounter_id", "patient_nbr", *(column.name for column in COLUMNS), "readmitted")
GONE = ("11", "13", "14", "19", "20", "21")
"""Codes of discharge to death or to hospice."""
FLAGS = {"No": 0, "Yes": 1, "Ch": 1}
LABELS = {"NO": 0, ">30": 0, "<30": 1}

NOTES = (
    "The source hides its 130 hospitals: sites are pseudo-sites, patients of one {site} each.",
    "A patient's first encounter is kept, so nobody is in two places; discharged to death or hospice is left out.",
    "? is missing; None of max_glu_serum and A1Cresult is a value: not measured.",
    "Diagnoses are the groups of Strack et al. 2014, Table 2: those they name by chapters of ICD-9, else other.",
    "weight (97 % missing), examide and citoglipton (No for everybody) are left out; age is the middle of its decade.",
    "Published AUROCs above 0.9 here come of leaks; 0.64 to 0.67 is what the records hold.",
)


@dataclass(frozen=True)
class Readmission(Task):
    """69,973 first encounters in 130 hospitals that the source does not tell apart.

    by: what makes a pseudo-site; it is no feature then. at_least: whoever shares it with fewer patients is at "other".
    """

    key = "readmission"
    title = "Diabetes 130-US hospitals"
    outcome = "readmitted within 30 days (9.0 % of patients)"
    citation = DIABETES.citation
    licence = DIABETES.licence
    training = Training(network="mlp", hidden=16, learning_rate=0.3, batch_size=32, local_steps=10)
    rounds = 30
    source = DIABETES
    sites = PLACES["specialty"]
    expected = Expected(patients=69_973, hospitals=26, prevalence=0.090, auroc=0.640)

    by: Literal["specialty", "admission_source", "payer"] = "specialty"
    at_least: Annotated[int, Field(ge=1, le=1_000_000)] = 100

    def __post_init__(self) -> None:
        object.__setattr__(self, "sites", PLACES[self.by])

    def requires(self) -> str | None:
        """None when the file or its archive is on this machine."""
        return sources.requires(DIABETES, (FILE,))

    def cohort(self) -> Cohort:
        """See `Task.cohort`; patients are in the order of the file."""
        modules = [f"chainward.tasks.{name}" for name in ("readmission", "delimited", "cohort")]
        return prepared(self.key, asdict(self), sources.paths(DIABETES, (FILE,)), modules, self._read)

    def _read(self) -> Cohort:
        return cohort_of(texts(sources.read(DIABETES, FILE), FILE, READ, ("", "?")), self)


def cohort_of(frame: pd.DataFrame, task: Readmission) -> Cohort:
    """The cohort of a table with the columns `READ` as text, None where it says "?".

    Raises:
        ChainwardError: a cell is not what its column holds.
    """
    encounters = number(frame, Column("encounter_id"), FILE)[0]
    order = frame.assign(encounter_id=encounters).sort_values("encounter_id", kind="stable")
    later = order["patient_nbr"].duplicated().sort_index().to_numpy()
    gone = frame["discharge_disposition_id"].isin(GONE).to_numpy()
    kept = frame[~later & ~gone]
    name = SITES[task.by]
    columns = tuple(column for column in COLUMNS if column.name != name)
    unsaid = (kept["gender"] == "Unknown/Invalid").to_numpy()
    built, repaired = features(_spelled(kept, unsaid), columns, FILE, FLAGS)
    if unsaid.any():
        repaired["gender Unknown/Invalid is missing"] = int(unsaid.sum())
    sites, names = _sites(kept[name], task.at_least)
    return Cohort(
        columns=columns,
        frame=built,
        labels=flag(kept, "readmitted", FILE, LABELS).astype(np.int64),
        hospitals=sites,
        names=names,
        rows=len(frame),
        excluded={
            "a later encounter of the same patient": int(later.sum()),
            "discharged to death or hospice": int((gone & ~later).sum()),
        },
        repaired=repaired,
        notes=tuple(note.format(site=task.by.replace("_", " of ")) for note in NOTES),
    )


def _spelled(frame: pd.DataFrame, unsaid: NDArray[np.bool_]) -> pd.DataFrame:
    """The table with ages as numbers, diagnoses as groups, and no gender where it is not said."""
    groups = {f"diag_{place}": frame[f"diag_{place}"].map(icd9_group, na_action="ignore") for place in (1, 2, 3)}
    return frame.assign(age=frame["age"].replace(AGES), gender=frame["gender"].mask(unsaid, None), **groups)


def _sites(cells: pd.Series[str], at_least: int) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The pseudo-site of each row [n] and their names: values with enough patients, the others, and no value at all."""
    stated = cells.fillna("not recorded").to_numpy(dtype=str)
    values, counts = np.unique(stated, return_counts=True)
    sites = np.where(np.isin(stated, values[counts >= at_least]), stated, "other")
    names, numbers = np.unique(sites, return_inverse=True)
    return numbers.astype(np.int64), tuple(map(str, names))


def icd9_group(code: str) -> str:
    """The group of a diagnosis in Strack et al. 2014, Table 2.

    Examples:
        >>> [icd9_group(code) for code in ("428", "786", "250.83", "V57", "197")]
        ['circulatory', 'respiratory', 'diabetes', 'other', 'neoplasms']
    """
    if not code[0].isdigit():  # E and V: causes and circumstances
        return "other"
    chapter = int(code.partition(".")[0])
    return next((group for group, chapters in _CHAPTERS.items() if any(chapter in some for some in chapters)), "other")


_CHAPTERS: Mapping[str, tuple[range, ...]] = {
    "circulatory": (range(390, 460), range(785, 786)),
    "respiratory": (range(460, 520), range(786, 787)),
    "digestive": (range(520, 580), range(787, 788)),
    "diabetes": (range(250, 251),),
    "injury": (range(800, 1000),),
    "musculoskeletal": (range(710, 740),),
    "genitourinary": (range(580, 630), range(788, 789)),
    "neoplasms": (range(140, 240),),
}
