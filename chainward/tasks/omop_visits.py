"""Which visits of an OMOP extract make a cohort, who they are of, and how they end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainward.errors import ChainwardError
from chainward.tasks.omop_files import DAY, Integers, Part, Times, whole_table

ADULT, OLDEST = 18, 130
GENDERS = {8507: "male", 8532: "female"}
OTHER = "other"
_NEVER = np.datetime64("NaT", "s")


@dataclass(frozen=True, eq=False)
class Stays:
    """Visits [n] in the order of persons, then starts: ids, persons, care sites (0 if none), starts, ends (NaT if
    open); each person's age in years, gender (None if not recorded) and death (NaT if none is recorded)."""

    ids: Integers
    persons: Integers
    sites: Integers
    starts: Times
    ends: Times
    ages: NDArray[np.float64]
    genders: NDArray[np.object_]
    deaths: Times

    def take(self, which: NDArray[Any]) -> Stays:
        """Some of them, or all in another order."""
        return Stays(*(getattr(self, name)[which] for name in self.__dataclass_fields__))

    def __len__(self) -> int:
        return len(self.ids)

    def died(self, days: int) -> NDArray[np.bool_]:
        """Whether each person died on a day of the visit, or within so many days of its first [n]."""
        start, death, end = (times.astype("datetime64[D]") for times in (self.starts, self.deaths, self.ends))
        return (death <= start + days * DAY) | (death <= end)  # a comparison with NaT is false


@dataclass(frozen=True)
class Criteria:
    """Whose visits are taken: of these concepts, that last `hours` at least, each person's first or all."""

    concepts: tuple[int, ...]
    hours: float
    first: bool


def stays(folder: Path, criteria: Criteria) -> tuple[Stays, int, Mapping[str, int]]:
    """The visits that are taken, how many rows were read, and how many are left out, by the first reason that holds.

    Raises:
        ChainwardError: a table cannot be read, or two rows of `person` are of one person.
    """
    everyone, inpatient, known = _everyone(folder, criteria)
    until = everyone.starts + _seconds(criteria.hours)
    reasons = {
        "visit is of no concept that is taken": ~inpatient,
        "visit_occurrence_id is there before": _seen_before(everyone.ids),
        "person_id is not in person": ~known,
        "visit has no start": np.isnat(everyone.starts),
        f"younger than {ADULT}, or of unknown age": ~((everyone.ages >= ADULT) & (everyone.ages <= OLDEST)),
        "died before the visit": everyone.deaths < everyone.starts,
        f"died within {criteria.hours:g} hours": everyone.deaths <= until,
        f"visit ended within {criteria.hours:g} hours": everyone.ends <= until,
    }
    kept, excluded = np.ones(len(everyone), dtype=np.bool_), {}
    for reason, holds in reasons.items():
        excluded[reason] = int((kept & holds).sum())
        kept &= ~holds
    if criteria.first:
        later = np.zeros(len(everyone), dtype=np.bool_)
        later[kept] = _seen_before(everyone.persons[kept])
        excluded["a later visit of the same person"] = int(later.sum())
        kept &= ~later
    return everyone.take(kept), len(everyone), {reason: many for reason, many in excluded.items() if many}


def until(stays: Stays, hours: float) -> Times:
    """When the first hours of each visit end [n]."""
    return stays.starts + _seconds(hours)


def _seconds(hours: float) -> np.timedelta64:
    return np.timedelta64(round(hours * 3600), "s")


def _seen_before(numbers: Integers) -> NDArray[np.bool_]:
    """Whether a number is there in an earlier row [n]."""
    before = np.ones(len(numbers), dtype=np.bool_)
    before[np.unique(numbers, return_index=True)[1]] = False
    return before


def _everyone(folder: Path, criteria: Criteria) -> tuple[Stays, NDArray[np.bool_], NDArray[np.bool_]]:
    """All rows of visit_occurrence, whether each is of a concept that is taken, and whether its person is known."""
    needed = ("visit_occurrence_id", "person_id", "visit_concept_id", "visit_start_date", "visit_end_date")
    more = ("visit_start_datetime", "visit_end_datetime", "visit_source_concept_id", "care_site_id")
    read = whole_table(folder, "visit_occurrence", needed, more)
    ids, persons = read.whole("visit_occurrence_id"), read.whole("person_id")
    starts, ends = read.times("visit_start", late=False), read.times("visit_end", late=True)
    taken = np.isin(read.whole("visit_concept_id"), criteria.concepts)
    taken |= np.isin(read.whole_or_none("visit_source_concept_id"), criteria.concepts)
    people, place, known = _people(folder, persons)
    stays = Stays(
        *(ids, persons, read.whole_or_none("care_site_id"), starts, ends),
        *(_ages(people, place, starts), _genders(people)[place], _deaths(folder, persons)),
    )
    order = np.lexsort((ids, starts, persons))
    return stays.take(order), taken[order], known[order]


def _people(folder: Path, persons: Integers) -> tuple[Part, Integers, NDArray[np.bool_]]:
    """The table `person`, the row in it of each visit's person [n], and whether there is one."""
    needed = ("person_id", "gender_concept_id", "year_of_birth")
    read = whole_table(folder, "person", needed, ("month_of_birth", "day_of_birth"))
    own = read.whole("person_id")
    if not len(own):
        raise ChainwardError(f"{read.path}: no row after the header; a cohort needs persons")
    if twice := int(_seen_before(own).sum()):
        raise ChainwardError(
            f"{read.path}: column person_id: {twice:,} rows are of a person in an earlier row; keep one"
        )
    order = np.argsort(own)
    place = order[np.minimum(np.searchsorted(own, persons, sorter=order), len(own) - 1)]
    return read, place, own[place] == persons


def _ages(people: Part, place: Integers, starts: Times) -> NDArray[np.float64]:
    """Completed years [n] at the start of a visit; born on 1 July where only the year is known, on the first of a month
    where only that is."""
    years, months, days = (people.whole_or_none(f"{part}_of_birth")[place] for part in ("year", "month", "day"))
    months, days = np.where(months == 0, 7, months), np.where(days == 0, 1, days)
    day = starts.astype("datetime64[D]")
    year, month = day.astype("datetime64[Y]").astype(np.int64) + 1970, day.astype("datetime64[M]").astype(np.int64) % 12
    of_month = (day - day.astype("datetime64[M]")).astype(np.int64) + 1
    early = (month + 1 < months) | ((month + 1 == months) & (of_month < days))
    return np.where((years == 0) | np.isnat(day), np.nan, year - years - early)


def _genders(people: Part) -> NDArray[np.object_]:
    concepts = people.whole("gender_concept_id").tolist()
    return np.array([GENDERS.get(one, OTHER) if one else None for one in concepts], dtype=np.object_)


def _deaths(folder: Path, persons: Integers) -> Times:
    """When each visit's person died first [n]; NaT where no death is recorded."""
    read = whole_table(folder, "death", ("person_id", "death_date"), ("death_datetime",))
    own, times = read.whole("person_id"), read.times("death", late=True)
    order = np.lexsort((times, own))
    own, times = np.append(own[order], 0), np.append(times[order], _NEVER)
    place = np.searchsorted(own[:-1], persons)
    return np.where(own[place] == persons, times[place], _NEVER)
