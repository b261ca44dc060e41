"""Results -> whose patients are where, and what hospitals disclosed beforehand: one of each setting, for all rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from chainward.report.tables.costs import mean
from chainward.report.tables.groups import Group, Row
from chainward.results.record import Record

PARTS = ("train", "validation", "test")


def partition_rows(groups: Sequence[Group], hospitals: Iterable[Row]) -> list[Row]:
    """A row a setting and hospital, the largest first: patients in each part, means over seeds; of those tested in any
    seed how many there are and how many have the outcome, from the rows of `hospitals`, None where nobody predicted."""
    tested: dict[tuple[str, str, str], Row] = {}
    for row in hospitals:
        tested.setdefault((row["task"], row["setting"], row["hospital"]), row)
    rows: list[Row] = []
    for (task, setting), records in _settings(groups):
        sizes: dict[str, list[Mapping[str, int]]] = {}
        for record in records:
            for hospital in record.hospitals:
                parts = {part: getattr(hospital, part) for part in PARTS}
                sizes.setdefault(hospital.name, []).append(parts)
        found = [
            {
                "task": task,
                "setting": setting,
                "hospital": name,
                "seeds": len(records),
                **{part: sum(parts[part] for parts in each) / len(records) for part in PARTS},
                **_outcomes(tested.get((task, setting, name))),
            }
            for name, each in sizes.items()
        ]
        rows += sorted(found, key=lambda row: -sum(row[part] for part in PARTS))
    return rows


def preprocessing_rows(groups: Sequence[Group]) -> list[Row]:
    """A row a setting and kind of what hospitals disclosed so that all could be prepared alike: bytes, over all of
    them, mean over seeds."""
    rows: list[Row] = []
    for (task, setting), records in _settings(groups):
        kinds = dict.fromkeys(kind for record in records for kind in record.preprocessing)
        for kind in kinds:
            told = [record.preprocessing.get(kind, 0) for record in records]
            rows.append({"task": task, "setting": setting, "kind": kind, "bytes": mean(told)})
    return rows


def _settings(groups: Sequence[Group]) -> Iterator[tuple[tuple[str, str], list[Record]]]:
    """Each setting with a record a seed: what is asked here is the same for all strategies, if there are patients."""
    for setting, members in groupby(groups, key=lambda one: (one.specification.task, one.setting)):
        seeds: dict[int, Record] = {}
        for group in members:
            for record in sorted(
                group.records, key=lambda one: one.status
            ):  # those that ended before those that failed
                seeds.setdefault(record.specification.seed, record)
        yield setting, [seeds[seed] for seed in sorted(seeds) if seeds[seed].hospitals]


def _outcomes(row: Row | None) -> Row:
    if row is None:
        return {"tested": None, "positives": None, "prevalence": None}
    positives, tested = row["positives"], row["positives"] + row["negatives"]
    return {"tested": tested, "positives": positives, "prevalence": positives / tested if tested else None}
