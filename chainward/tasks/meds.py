"""MEDS: any data set of the Medical Event Data Standard and a table of binary labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from chainward.errors import ChainwardError, DataMissing
from chainward.tasks import meds_files
from chainward.tasks.base import Task, Training
from chainward.tasks.cohort import Cohort, Column, Integers
from chainward.tasks.division import Division
from chainward.tasks.meds_events import BIRTH, DEATH, HOUR, NEVER, Survey, Table, survey, table
from chainward.tasks.meds_files import Labelled
from chainward.tasks.places import absent, place
from chainward.tasks.prepared import prepared

MODULES = tuple(f"chainward.tasks.{name}" for name in ("meds", "meds_events", "meds_files", "cohort"))

YEAR = 365.25 * 24 * HOUR
OLDEST = 130.0
EVERYWHERE = "everywhere"


@dataclass(frozen=True)
class Meds(Task):
    """One row a label. Features are what the subject's events tell up to its prediction time, that time included, as
    MEDS defines it: of each chosen code how often it was recorded and its last value, and the age.

    folder: the data set, which holds data/**/*.parquet; labels: its label table, a Parquet file or a folder of them.
    Both are looked for here, then below $CHAINWARD_DATA.
    site: how a subject's hospital is known: a column of the label table, else a column of the data, else the prefix
    of codes. Of a column of the data or a prefix (such as "SITE//", followed by the site's name) the last event up to
    the prediction time counts; a static one is earlier than all others. None: it is not known, and a partition deals
    subjects to pseudo-sites.
    codes: how many; the most frequent up to the prediction times are taken, over all rows and without their labels.
    window_hours: how far to look back from the prediction time for codes, without end if None. Static events count.
    """

    key = "meds"
    title = "A MEDS data set and label table"
    outcome = "the label table's boolean_value"
    citation = (
        "Arnrich B, Choi E, Fries JA, McDermott MBA, Oh J, Pollard T, Shah N, Steinberg E, Wornow M, van de Water R. "
        "Medical Event Data Standard (MEDS): Facilitating Machine Learning for Health. ICLR 2024 Workshop on Learning "
        "from Time Series for Health. Cite the data set too."
    )
    licence = "that of the data set"
    training = Training(network="mlp", hidden=16, learning_rate=0.1, batch_size=32, local_steps=10)
    rounds = 30
    private = True
    sites = "hospitals as `site` names them, else pseudo-sites"

    folder: str = "meds"
    labels: str = "meds/labels"
    site: Annotated[str, Field(min_length=1)] | None = None
    codes: Annotated[int, Field(ge=1, le=10_000)] = 100
    window_hours: Annotated[float, Field(gt=0, le=1e7, allow_inf_nan=False)] | None = None

    def requires(self) -> str | None:
        """None when the packages are installed and the data set and its labels are here."""
        found = place(self.folder)
        if told := meds_files.lacking():
            return told
        if found is None or not (found / "data").is_dir():
            return absent(self.folder, "MEDS data set (a folder with data/**/*.parquet)")
        return absent(self.labels, "MEDS label table") if place(self.labels) is None else None

    def refuses(self, division: Division) -> str | None:
        """See `Task.refuses`; without a site there are no hospitals to leave subjects at."""
        if self.site is None and division.partition.kind in ("natural", "sample"):
            return 'knows no hospitals; name them by `site`, or deal pseudo-sites: partition = {kind = "iid"}'
        return super().refuses(division)

    @property
    def has_times(self) -> bool:
        """True: prediction times."""
        return True

    def cohort(self) -> Cohort:
        """See `Task.cohort`; rows are in the order of subjects, then prediction times."""
        if told := self.requires():
            raise DataMissing(told)
        found = [place(self.folder), place(self.labels)]
        files = sorted(
            {one for path in found if path for one in (path.rglob("*.parquet") if path.is_dir() else [path])}
        )
        return prepared(self.key, asdict(self), files, MODULES, lambda: self.identified()[0])

    def identified(self) -> tuple[Cohort, Integers, Integers]:
        """The cohort, and of each of its rows [n] the subject_id and the prediction time in microseconds since 1970,
        for who writes predictions about them; no model and no record sees a subject_id.

        Raises what `cohort` raises.
        """
        if told := self.requires():
            raise DataMissing(told)
        folder, path = place(self.folder), place(self.labels)
        assert folder is not None
        assert path is not None
        shards, rows = meds_files.shards(folder), meds_files.labelled(path, self.site)
        if not shards:
            raise ChainwardError(f"{folder / 'data'}: no Parquet file; a MEDS data set has its events there")
        column = self.site if rows.sites is None and self.site and meds_files.has_column(shards, self.site) else None
        prefix = self.site if rows.sites is None and column is None else None
        found = survey(rows, meds_files.batches(shards, column), prefix, self.window_hours)
        found = found if rows.sites is None else replace(found, sites=rows.sites)
        choice = _choice(found, prefix)
        chosen = tuple(sorted(choice[: self.codes]))
        values = table(rows, meds_files.batches(shards, None), chosen, self.window_hours)
        kept, excluded = _kept(found, self.site)
        if not kept.any():
            told = ", ".join(f"{many:,} {reason}" for reason, many in excluded.items())
            raise ChainwardError(f"{path}: none of {len(rows):,} labels can be used ({told}); see folder, labels, site")
        cohort = _cohort(rows, found, values, chosen, (kept, excluded), self._notes(len(chosen), len(choice)))
        return cohort, rows.subjects[kept], rows.times[kept]

    def _notes(self, chosen: int, choice: int) -> tuple[str, ...]:
        told = f"the {chosen} most frequent of {choice} up to the prediction times"
        codes = f"Codes are {told}, over all rows and without their labels, as a schema would name them."
        return (codes,) if self.site else (codes, "No site is known of any subject: sites are pseudo-sites.")


def _choice(found: Survey, prefix: str | None) -> list[str]:
    """The codes that can be features, the most frequent first, equal ones by name; births, deaths, sites are none."""
    sites = () if prefix is None else (prefix,)
    able = [code for code in found.codes if code not in (BIRTH, DEATH) and not code.startswith(sites)]
    return sorted(able, key=lambda code: (-found.codes[code], code))


def _kept(found: Survey, site: str | None) -> tuple[NDArray[np.bool_], Mapping[str, int]]:
    """Which rows [n] can be used, and how many cannot, by the first reason that holds."""
    without = np.array([one is None or one == "" for one in found.sites], dtype=np.bool_)
    reasons = {
        "without an event up to the prediction time": ~found.seen,
        "predicted at or after the subject's death": found.dead,
        f"without a site ({site})": without & (site is not None),
    }
    kept, excluded = np.ones(len(found.seen), dtype=np.bool_), {}
    for reason, holds in reasons.items():
        if many := int((kept & holds).sum()):
            excluded[reason] = many
        kept &= ~holds
    return kept, excluded


def _cohort(
    rows: Labelled,
    found: Survey,
    values: Table,
    codes: tuple[str, ...],
    kept: tuple[NDArray[np.bool_], Mapping[str, int]],
    notes: tuple[str, ...],
) -> Cohort:
    import pandas as pd

    ages = np.where(found.births == NEVER, np.nan, (rows.times - found.births) / YEAR)
    odd = ages > OLDEST
    parts = {Column("age", unit="a", least=0, most=OLDEST): np.where(odd, np.nan, ages)}
    for number, code in enumerate(codes):
        parts[Column(f"{code}: count", unit="{events}", clipped=True)] = values.counts[:, number]
        if code in found.numeric:
            parts[Column(f"{code}: last", missing="no value recorded", clipped=True)] = values.last[:, number]
    here, excluded = kept
    repaired = {f"age beyond {OLDEST:g} years": int(odd[here].sum()), "numeric_value is infinite": values.infinite}
    sites = [EVERYWHERE if one is None else one for one in found.sites[here]]
    names = tuple(sorted(set(sites)))
    return Cohort(
        columns=tuple(parts),
        frame=pd.DataFrame({column.name: array[here] for column, array in parts.items()}),
        labels=rows.labels[here],
        hospitals=np.array([names.index(one) for one in sites], dtype=np.int64),
        names=names,
        rows=len(rows),
        excluded=excluded,
        repaired={reason: many for reason, many in repaired.items() if many},
        patients=np.unique(rows.subjects[here], return_inverse=True)[1].astype(np.int64),
        times=rows.times[here].astype("datetime64[us]").astype("datetime64[s]"),
        notes=notes,
    )
