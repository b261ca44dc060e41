"""SUPPORT: death in hospital of seriously ill adults, by what was known on their third day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chainward.errors import ChainwardError
from chainward.tasks import sources
from chainward.tasks.base import Expected, Task, Training
from chainward.tasks.cohort import Cohort, Column
from chainward.tasks.delimited import category, features, flag, texts
from chainward.tasks.sources import Source

if TYPE_CHECKING:
    import pandas as pd

FILE = "support2.csv"
SUPPORT2 = Source(
    name="support",
    url="https://archive.ics.uci.edu/static/public/880/",
    folder="support2",
    files={FILE: "6b98415131113a989aa44d7ada503bd1b5e279320ebb5bf20d2c133606c617c9"},
    licence="CC BY 4.0",
    citation=(
        "Knaus WA, Harrell FE, Lynn J, et al. The SUPPORT prognostic model: objective estimates of survival for "
        "seriously ill hospitalized adults. Ann Intern Med 1995;122(3):191-203. Data: Harrell F, SUPPORT2, UCI "
        "Machine Learning Repository, id 880; ICPSR, doi:10.3886/ICPSR02957.v2"
    ),
    archives=("support2.zip",),
)

GROUPS = (
    *("ARF/MOSF w/Sepsis", "CHF", "COPD", "Cirrhosis"),
    *("Colon Cancer", "Coma", "Lung Cancer", "MOSF w/Malig"),
)
COLUMNS = (
    Column("age", unit="a", least=18, most=120),
    Column("sex", "category", levels=("female", "male")),
    Column("num.co", unit="{comorbidities}"),
    Column("edu", unit="a"),
    Column("income", "category", levels=("under $11k", "$11-$25k", "$25-$50k", ">$50k")),
    Column("scoma"),
    Column("race", "category", levels=("white", "black", "hispanic", "asian", "other")),
    Column("hday", unit="d", clipped=True),
    Column("diabetes", "flag"),
    Column("dementia", "flag"),
    Column("ca", "category", levels=("no", "yes", "metastatic")),
    Column("meanbp", unit="mm[Hg]", least=0, most=300),
    Column("wblc", unit="10*3/uL", clipped=True),
    Column("hrt", unit="/min", least=0, most=350),
    Column("resp", unit="/min", least=0, most=120),
    Column("temp", unit="Cel", least=25, most=45),
    Column("pafi", unit="mm[Hg]", least=0, most=900),
    Column("alb", unit="g/dL", least=0, most=10),
    Column("bili", unit="mg/dL", clipped=True),
    Column("crea", unit="mg/dL", clipped=True),
    Column("sod", unit="mmol/L", least=90, most=200),
    Column("ph", least=6.5, most=8),
    Column("glucose", unit="mg/dL", clipped=True),
    Column("bun", unit="mg/dL", clipped=True),
    Column("urine", unit="mL/d", clipped=True),
)
SITE, OUTCOME = "dzgroup", "hospdead"
READ = (*(column.name for column in COLUMNS), SITE, OUTCOME)
LEAKS = (
    *("surv2m", "surv6m", "prg2m", "prg6m", "dnr", "dnrday", "sfdm2", "charges", "totcst", "totmcst", "avtisst"),
    *("sps", "aps", "slos", "d.time", "adlp", "adls", "adlsc", "death"),
)
"""What was recorded, asked or computed later, or is another model's verdict: never read."""

NOTES = (
    "The source names no hospital: sites are pseudo-sites, patients of one disease group each.",
    "dzgroup is the site and dzclass follows from it: neither is a feature.",
    "Columns that leak are not read: survival and its estimates, orders not to resuscitate, costs, stays, scores.",
    "A blood pressure, heart rate or respiration of 0 (51, 83 and 65 patients) stands as recorded; 62 % of them died.",
    "Physiology is that of the third day in the study; whoever died before that is not in the source.",
)


@dataclass(frozen=True)
class Support(Task):
    """9,105 patients of eight disease groups, 25 columns known on the third day."""

    key = "support"
    title = "SUPPORT2"
    outcome = "death in hospital (25.9 % of patients)"
    citation = SUPPORT2.citation
    licence = SUPPORT2.licence
    training = Training(network="mlp", hidden=16, learning_rate=1.0, batch_size=32, local_steps=10)
    rounds = 30
    source = SUPPORT2
    sites = "pseudo-sites: disease groups"
    expected = Expected(patients=9_105, hospitals=8, prevalence=0.259, auroc=0.764)

    def requires(self) -> str | None:
        """None when the file is on this machine."""
        return sources.requires(SUPPORT2, (FILE,))

    def cohort(self) -> Cohort:
        """See `Task.cohort`; patients are in the order of the file."""
        return cohort_of(texts(sources.read(SUPPORT2, FILE), FILE, READ))


def cohort_of(frame: pd.DataFrame) -> Cohort:
    """The cohort of a table with the columns `READ` as text.

    Raises:
        ChainwardError: a cell is not what its column holds.
    """
    groups = category(frame, Column(SITE, "category", levels=GROUPS), FILE)
    labels = flag(frame, OUTCOME, FILE, {"0": 0, "1": 1})
    if groups.isna().any() or np.isnan(labels).any():
        raise ChainwardError(f"{FILE}: column {SITE!r} or {OUTCOME!r} has an empty cell; get the file again")
    built, repaired = features(frame, COLUMNS, FILE, {"0": 0, "1": 1})
    return Cohort(
        columns=COLUMNS,
        frame=built,
        labels=labels.astype(np.int64),
        hospitals=np.array([GROUPS.index(group) for group in groups], dtype=np.int64),
        names=GROUPS,
        rows=len(frame),
        repaired=repaired,
        notes=NOTES,
    )
