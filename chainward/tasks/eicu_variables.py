"""What eICU-CRD holds under which name: APACHE's variables, laboratory results and vital signs, with plausible ranges.

Of `apachePredVar` only what is known when a day has passed is here: it also says who died (diedinhospital), where to
(dischargelocation) and who came back (readmit). `apachePatientResult` holds APACHE's own predictions: never a feature.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chainward.tasks.cohort import Column
from chainward.tasks.laboratory import LABORATORY_VALUES

_NOT = "not recorded; -1 in the file"
PHYSIOLOGY: Mapping[str, Column] = {
    "intubated": Column("intubated", "flag", missing=_NOT),
    "vent": Column("ventilated", "flag", missing=_NOT),
    "dialysis": Column("dialysis", "flag", missing=_NOT),
    "meds": Column("coma scale unobtainable", "flag", missing=_NOT),
    "eyes": Column("coma scale, eyes", unit="{score}", missing=_NOT, least=1, most=4),
    "motor": Column("coma scale, motor", unit="{score}", missing=_NOT, least=1, most=6),
    "verbal": Column("coma scale, verbal", unit="{score}", missing=_NOT, least=1, most=5),
    "urine": Column("urine", unit="mL", missing=_NOT, least=0, most=20_000, clipped=True),
    "wbc": Column("white cells", unit="10*3/uL", missing=_NOT, least=0, most=1000, clipped=True),
    "temperature": Column("temperature", unit="Cel", missing=_NOT, least=20, most=45),
    "respiratoryrate": Column("respiratory rate", unit="/min", missing=_NOT, least=0, most=300),
    "sodium": Column("sodium", unit="mmol/L", missing=_NOT, least=50, most=225),
    "heartrate": Column("heart rate", unit="/min", missing=_NOT, least=0, most=350),
    "meanbp": Column("mean pressure", unit="mm[Hg]", missing=_NOT, least=0, most=375),
    "ph": Column("pH", unit="[pH]", missing=_NOT, least=6.3, most=8.4),
    "hematocrit": Column("haematocrit", unit="%", missing=_NOT, least=1, most=80),
    "creatinine": Column("creatinine", unit="mg/dL", missing=_NOT, least=0, most=60, clipped=True),
    "albumin": Column("albumin", unit="g/dL", missing=_NOT, least=0.1, most=10),
    "pao2": Column("oxygen pressure", unit="mm[Hg]", missing=_NOT, least=1, most=800),
    "pco2": Column("carbon dioxide pressure", unit="mm[Hg]", missing=_NOT, least=1, most=250),
    "bun": Column("urea nitrogen", unit="mg/dL", missing=_NOT, least=0, most=300, clipped=True),
    "glucose": Column("glucose", unit="mg/dL", missing=_NOT, least=1, most=2000, clipped=True),
    "bilirubin": Column("bilirubin", unit="mg/dL", missing=_NOT, least=0, most=100, clipped=True),
    "fio2": Column("inspired oxygen", unit="%", missing=_NOT, least=21, most=100),
}
"""Of `apacheApsVar`, the worst value of the first day."""

HISTORY: Mapping[str, Column] = {
    "aids": Column("AIDS", "flag", missing=_NOT),
    "hepaticfailure": Column("hepatic failure", "flag", missing=_NOT),
    "lymphoma": Column("lymphoma", "flag", missing=_NOT),
    "metastaticcancer": Column("metastatic cancer", "flag", missing=_NOT),
    "leukemia": Column("leukaemia", "flag", missing=_NOT),
    "immunosuppression": Column("immunosuppression", "flag", missing=_NOT),
    "cirrhosis": Column("cirrhosis", "flag", missing=_NOT),
    "diabetes": Column("diabetes", "flag", missing=_NOT),
    "electivesurgery": Column("elective surgery", "flag", missing=_NOT),
    "midur": Column("infarction within six months", "flag", missing=_NOT),
}
"""Of `apachePredVar`."""

VITALS: tuple[Column, ...] = (
    Column("heart rate", unit="/min", least=1, most=350),
    Column("systolic pressure", unit="mm[Hg]", least=1, most=375),
    Column("diastolic pressure", unit="mm[Hg]", least=1, most=375),
    Column("mean pressure", unit="mm[Hg]", least=1, most=375),
    Column("respiratory rate", unit="/min", least=1, most=300),
    Column("oxygen saturation", unit="%", least=1, most=100),
    Column("temperature", unit="Cel", least=20, most=45),
)
PERIODIC: Mapping[str, str] = {
    "heartrate": "heart rate",
    "systemicsystolic": "systolic pressure",
    "systemicdiastolic": "diastolic pressure",
    "systemicmean": "mean pressure",
    "respiration": "respiratory rate",
    "sao2": "oxygen saturation",
    "temperature": "temperature",
}
"""Columns of `vitalPeriodic`: medians over five minutes of what monitors and arterial lines give."""
APERIODIC: Mapping[str, str] = {
    "noninvasivesystolic": "systolic pressure",
    "noninvasivediastolic": "diastolic pressure",
    "noninvasivemean": "mean pressure",
}
"""Columns of `vitalAperiodic`: pressures by the cuff, which count like those of an arterial line."""

RESULTS: tuple[Column, ...] = (
    Column("glucose", unit="mg/dL", least=1, most=2000),
    *LABORATORY_VALUES,
    Column("albumin", unit="g/dL", least=0.1, most=10),
    Column("lactate", unit="mmol/L", least=0.1, most=50),
    Column("pH", unit="[pH]", least=6.3, most=8.4),
    Column("oxygen pressure", unit="mm[Hg]", least=1, most=800),
    Column("carbon dioxide pressure", unit="mm[Hg]", least=1, most=250),
)
LABORATORY: Mapping[str, str] = {
    "glucose": "glucose",
    "bedside glucose": "glucose",
    "BUN": "urea nitrogen",
    "creatinine": "creatinine",
    "sodium": "sodium",
    "potassium": "potassium",
    "bicarbonate": "bicarbonate",
    "HCO3": "bicarbonate",
    "WBC x 1000": "white cells",
    "platelets x 1000": "platelets",
    "Hgb": "haemoglobin",
    "total bilirubin": "bilirubin",
    "albumin": "albumin",
    "lactate": "lactate",
    "pH": "pH",
    "paO2": "oxygen pressure",
    "paCO2": "carbon dioxide pressure",
}
"""Names of `lab`; both of glucose and of bicarbonate are one variable."""

ADMISSION: tuple[Column, ...] = (
    Column("age", unit="a", missing="not recorded; 90 where above 89", least=18, most=90),
    Column("male", "flag", missing="neither Male nor Female"),
    Column("height", unit="cm", missing="not recorded, or implausible", least=100, most=240),
    Column("weight", unit="kg", missing="not recorded, or implausible", least=20, most=400),
    Column("unit type", "category"),
    Column("admitted from", "category"),
)
"""Of `patient`, known when the stay begins."""

HOTTEST = 50.0


def celsius(values: np.typing.NDArray[np.float64]) -> np.typing.NDArray[np.float64]:
    """Temperatures, of which some hospitals send degrees Fahrenheit: nobody is warmer than 50 degrees Celsius."""
    return np.where(values > HOTTEST, (values - 32) / 1.8, values)
