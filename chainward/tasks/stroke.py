"""The International Stroke Trial: death or dependence after acute stroke, at hundreds of hospitals in 36 countries."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from chainward.errors import ChainwardError
from chainward.tasks import sources
from chainward.tasks.base import Expected, Task, Training
from chainward.tasks.cohort import Cohort, Column
from chainward.tasks.delimited import features, number, texts
from chainward.tasks.sources import Source

if TYPE_CHECKING:
    import pandas as pd

FILE = "IST_corrected.csv"
IST = Source(
    name="stroke",
    url="https://datashare.ed.ac.uk/bitstream/handle/10283/124/",
    folder="ist",
    files={FILE: ""},  # copies differ in quotes and in the encoding of one letter: CELLS pins what they say
    licence="ODC-By 1.0",
    citation=(
        "Sandercock PA, Niewada M, Członkowska A, the International Stroke Trial Collaborative Group. The "
        "International Stroke Trial database. Trials 2011;12:101. doi:10.1186/1745-6215-12-101. Data, version 2: "
        "doi:10.7488/ds/104"
    ),
    aliases={FILE: ("IST.csv",)},
)
CELLS = "1a93f3a05de0d48ff128ab0e24618962b6a8856749e63a80174f78cd7c4b77bb"
"""SHA-256 of what the file says in the columns `READ`, as `_digest` writes it: the same for every sound copy."""

ASSESSED = ("N", "Y", "C")
PILOT = "not asked in the pilot phase"
COLUMNS = (
    Column("RDELAY", unit="h", least=0, most=48),
    Column("RCONSC", "category", levels=("F", "D", "U")),
    Column("SEX", "category", levels=("F", "M")),
    Column("AGE", unit="a", least=16, most=120),
    Column("RSLEEP", "flag"),
    Column("RATRIAL", "flag", missing=PILOT),
    Column("RCT", "flag"),
    Column("RVISINF", "flag"),
    Column("RHEP24", "flag", missing=PILOT),
    Column("RASP3", "flag", missing=PILOT),
    Column("RSBP", unit="mm[Hg]", least=40, most=350),
    *(Column(f"RDEF{deficit}", "category", levels=ASSESSED) for deficit in range(1, 9)),
    Column("STYPE", "category", levels=("TACS", "PACS", "LACS", "POCS", "OTH")),
    Column("RXASP", "flag"),
    Column("RXHEP", "category", levels=("N", "L", "M")),
)
"""What was known at randomisation, in the file's order; the last two are what the patient was allocated to."""

TARGETS: Mapping[str, tuple[str, Mapping[str, int]]] = {
    "death_14_days": ("ID14", {"0": 0, "1": 1}),
    "dependent_6_months": ("OCCODE", {"1": 1, "2": 1, "3": 0, "4": 0}),
}
"""The column of each outcome and the label of each of its codes; any other code is unknown."""

OUTCOMES = {
    "death_14_days": "death within 14 days (9.2 % of all patients)",
    "dependent_6_months": "dead or dependent after 6 months (62.9 % of all patients)",
}
SITES = {"hospital": "HOSPNUM", "country": "COUNTRY"}
PLACES = {"hospital": "hospitals", "country": "countries"}
READ = (*(column.name for column in COLUMNS), *SITES.values(), "RDATE", "ID14", "OCCODE")
MONTHS = ("sty", "lut", "mar", "kwi", "maj", "cze", "lip", "sie", "wrz", "pa", "lis", "gru")

NOTES = (
    "Only what was known at randomisation is a feature: all that was recorded later is an outcome or leaks it.",
    "RATRIAL and RASP3 were not asked in the pilot phase (984 patients), RHEP24 not of 344 of them: missing.",
    "RDEF1 to RDEF8 are N, Y or C, which cannot be assessed and is a level of its own, not missing.",
    "RXHEP = H (245 patients of the pilot phase) is the main phase's M: heparin in the higher dose.",
    "RDATE is a month, with Polish names whose one letter beyond ASCII differs between copies of the file.",
    "A site's size is its number of randomised patients, whatever is known of their outcome.",
)
COUNTRIES = "Sites are countries, each of many hospitals: whoever wants hospitals leaves out `by`."


@dataclass(frozen=True)
class Stroke(Task):
    """19,435 patients of 466 hospitals, 22 columns known at randomisation.

    target: what is predicted. by: what a site is. hospitals, at_least: just the largest sites take part, so many of
    those with so many randomised patients (20 by default; 466 with at_least = 50 are 118 hospitals); of equal sizes
    those whose number or code comes first.
    """

    key = "stroke"
    title = "International Stroke Trial"
    outcome = OUTCOMES["death_14_days"]
    citation = IST.citation
    licence = IST.licence
    training = Training(network="mlp", hidden=16, learning_rate=0.3, batch_size=32, local_steps=10)
    rounds = 30
    source = IST
    sites = PLACES["hospital"]
    expected = Expected(patients=4801, hospitals=20, prevalence=0.097, auroc=0.782)

    target: Literal["death_14_days", "dependent_6_months"] = "death_14_days"
    by: Literal["hospital", "country"] = "hospital"
    hospitals: Annotated[int, Field(ge=1, le=10_000)] = 20
    at_least: Annotated[int, Field(ge=1, le=1_000_000)] = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "outcome", OUTCOMES[self.target])
        object.__setattr__(self, "sites", PLACES[self.by])

    @property
    def has_times(self) -> bool:
        """The month of randomisation is known."""
        return True

    def requires(self) -> str | None:
        """None when the file is on this machine; what it says is checked when it is read."""
        return sources.requires(IST, (FILE,))

    def cohort(self) -> Cohort:
        """See `Task.cohort`; patients are in the file's order."""
        frame = texts(sources.read(IST, FILE), FILE, READ)
        frame = frame.assign(RDATE=_months(frame))
        if (found := _digest(frame)) != CELLS:
            told = f"what its columns say has SHA-256 {found}, expected {CELLS}"
            raise ChainwardError(f"{FILE}: {told}: replace it with version 2, doi:10.7488/ds/104")
        return cohort_of(frame, self)


def cohort_of(frame: pd.DataFrame, task: Stroke) -> Cohort:
    """The cohort of a table with the columns `READ` as text, RDATE as "1991-01".

    Raises:
        ChainwardError: a cell is not what its column holds, or no site is large enough.
    """
    sites, large = _largest(frame, task)
    here = np.isin(sites, large)
    column, codes = TARGETS[task.target]
    labels = frame[column].map(dict(codes)).to_numpy(dtype=np.float64)
    kept = here & ~np.isnan(labels)
    present, numbers = np.unique(sites[kept], return_inverse=True)
    high = (frame["RXHEP"] == "H").to_numpy()
    main = frame.assign(RXHEP=frame["RXHEP"].mask(high, "M"))
    columns, repaired = features(main[kept], COLUMNS, FILE, {"N": 0, "Y": 1})
    if high[kept].any():
        repaired["RXHEP = H is M"] = int(high[kept].sum())
    excluded = {
        _outside(task): int((~here).sum()),
        f"{task.target} unknown": int((here & ~kept).sum()),
    }
    return Cohort(
        columns=COLUMNS,
        frame=columns,
        labels=labels[kept].astype(np.int64),
        hospitals=numbers.astype(np.int64),
        names=tuple(f"hospital {site:.0f}" if task.by == "hospital" else str(site) for site in present),
        rows=len(frame),
        excluded={reason: count for reason, count in excluded.items() if count},
        repaired=repaired,
        times=frame["RDATE"][kept].to_numpy(dtype="datetime64[s]"),
        notes=(*NOTES, *((COUNTRIES,) if task.by == "country" else ())),
    )


def _outside(task: Stroke) -> str:
    """Why a row is left out whose site is not large enough."""
    enough = f" with {task.at_least:,} patients or more" if task.at_least > 1 else ""
    return f"not at one of the {task.hospitals:,} largest {task.sites}{enough}"


def _largest(frame: pd.DataFrame, task: Stroke) -> tuple[NDArray[Any], NDArray[Any]]:
    """The site of each row [n], a hospital's number or a country's code, and those that take part, in their order."""
    name = SITES[task.by]
    sites = number(frame, Column(name), FILE)[0] if task.by == "hospital" else frame[name].to_numpy(dtype=str)
    found, sizes = np.unique(sites, return_counts=True)
    ranked = np.argsort(-sizes, kind="stable")
    large = ranked[sizes[ranked] >= task.at_least][: task.hospitals]
    if not len(large):
        told = f"no {task.by} has {task.at_least} patients, the largest {sizes.max(initial=0)}; ask for fewer"
        raise ChainwardError(f"task stroke, parameter 'at_least': {told}")
    return sites, np.sort(found[large])


def _months(frame: pd.DataFrame) -> pd.Series[str]:
    """RDATE, "sty-91", as "1991-01".

    Raises:
        ChainwardError: a cell is none.
    """
    parts = frame["RDATE"].fillna("").str.extract(r"^(pa|[a-z]{3}).*-(9\d)$")
    numbers = {name: f"{place:02}" for place, name in enumerate(MONTHS, 1)}
    months = "19" + parts[1] + "-" + parts[0].map(numbers)
    strange = months.isna()
    if strange.any():
        row = int(np.flatnonzero(strange)[0])
        told = f"{str(frame['RDATE'].iloc[row])[:40]!r} is not a month as in sty-91"
        raise ChainwardError(f"{FILE}: column 'RDATE', row {row + 1}: {told}; get the file again")
    return months


def _digest(frame: pd.DataFrame) -> str:
    return hashlib.sha256(frame.to_csv(sep="\t", index=False, lineterminator="\n").encode()).hexdigest()
