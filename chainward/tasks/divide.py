"""From a cohort to what trains: dealt to sites, split for a seed, prepared by what hospitals disclose."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from chainward.errors import ChainwardError
from chainward.tasks import splits
from chainward.tasks.base import FederatedDataset, HospitalDataset, Integers, Patients, digest
from chainward.tasks.cohort import Cohort
from chainward.tasks.division import PER_HOSPITAL, Division
from chainward.tasks.encoding import Encoded, encode
from chainward.tasks.partition import deal
from chainward.tasks.preprocessing import Preparation, Summary, prepare, summarise
from chainward.tasks.sketches import Sketches, limits, sketched

MOST_NAMED = 20


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows that take part: encoded, label and site [n] of each, and the sites' names."""

    encoded: Encoded
    labels: Integers
    sites: Integers
    names: tuple[str, ...]


def divide(cohort: Cohort, seed: int, division: Division, parts: splits.Split | None = None) -> FederatedDataset:
    """Deal, split and prepare a cohort for `seed`, fitting the preparation on training patients only.

    `parts`, of all rows where they naturally are, stand in for the split of the division. A hospital without a
    training patient is outside, and a note says so.

    Raises:
        ChainwardError: no hospital has a training patient, one has none and each is to prepare its own, or patients
            cannot be dealt as asked.
    """
    encoded = encode(cohort)
    dealt = deal(cohort, encoded, division.partition)
    rows = _Rows(
        encoded.take(dealt.rows) if len(dealt.rows) < len(cohort) else encoded,
        np.asarray(cohort.labels)[dealt.rows],
        dealt.sites,
        dealt.names,
    )
    times = None if cohort.times is None else cohort.times[dealt.rows]
    whose = None if cohort.patients is None else rows.encoded.patients
    if parts is None:
        parts = splits.split(rows.sites, rows.labels, seed, division.split, whose, times)
    trained: list[int] = np.unique(rows.sites[parts.train]).tolist()
    if not trained:
        raise ChainwardError(f"no hospital has a training patient ({division.split}, seed {seed}); have more patients")
    preparations, disclosed = _preparations(rows, parts, trained, division.preparation)
    everyone = [_hospital(rows, number, parts, preparations[number]) for number in range(len(rows.names))]
    hospitals = tuple(everyone[number] for number in trained)
    outside = tuple(hospital for hospital in everyone if not len(hospital.train))
    sequence = None if encoded.series is None else encoded.series.shape[1]
    names = preparations[trained[0]].names(rows.encoded)
    return FederatedDataset(
        hospitals=hospitals,
        feature_names=names,
        preprocessing={rows.names[number]: kinds for number, kinds in disclosed.items()},
        digest=_digest((*hospitals, *outside), names, disclosed, sequence),
        notes=(*cohort.notes, *dealt.notes, *_left_out(rows, parts), *_sit_out(outside)),
        outside=outside,
        sequence=sequence,
    )


def _digest(
    hospitals: Sequence[HospitalDataset],
    names: Sequence[str],
    disclosed: Mapping[int, Mapping[str, int]],
    sequence: int | None,
) -> str:
    """SHA-256 over all arrays, and what else a record says of them."""
    told = [digest(hospitals), names, sorted((number, sorted(kinds.items())) for number, kinds in disclosed.items())]
    return hashlib.sha256(json.dumps([*told, sequence]).encode()).hexdigest()


def _left_out(rows: _Rows, parts: splits.Split) -> tuple[str, ...]:
    """How many rows are in no part."""
    count = len(rows.labels) - len(parts.train) - len(parts.validation) - len(parts.test)
    told = "of patients who are tested elsewhere, or are later than who is tested, take no part in this seed."
    return (f"{count} rows {told}",) if count else ()


def _preparations(
    rows: _Rows, parts: splits.Split, trained: Sequence[int], how: str
) -> tuple[Mapping[int, Preparation], dict[int, dict[str, int]]]:
    """How each site prepares its patients, and what each that trains disclosed for it, by kind."""
    own = {number: rows.encoded.take(_own(rows, parts.train, number)) for number in trained}
    sketches = {number: sketched(part) for number, part in own.items()}
    if how == PER_HOSPITAL:
        return _apart(rows, own, sketches)
    within = limits(rows.encoded, list(sketches.values()))
    summaries = {number: summarise(part, within) for number, part in own.items()}
    shared = prepare(rows.encoded, within, list(summaries.values()))
    disclosed = {number: dict(summary.kinds) for number, summary in summaries.items()}
    for number, sketch in sketches.items():
        if sketch.nbytes:
            disclosed[number]["quantile sketches"] = sketch.nbytes
    return dict.fromkeys(range(len(rows.names)), shared), disclosed


def _apart(
    rows: _Rows, own: Mapping[int, Encoded], sketches: Mapping[int, Sketches]
) -> tuple[Mapping[int, Preparation], dict[int, dict[str, int]]]:
    """Each site by its own patients; only levels, and which columns anybody lacks, are agreed on."""
    lacking = [name for number, name in enumerate(rows.names) if number not in own and np.any(rows.sites == number)]
    if lacking:
        told = f'{lacking[0]} has no training patient to prepare its others by; write preparation = "federated"'
        raise ChainwardError(f"preparation: {told}")
    within = {number: limits(part, [sketches[number]]) for number, part in own.items()}
    summaries = {number: summarise(part, within[number]) for number, part in own.items()}
    agreed = prepare(rows.encoded, next(iter(within.values())), list(summaries.values()))
    preparations = dict.fromkeys(range(len(rows.names)), agreed) | {
        number: replace(
            prepare(rows.encoded, within[number], [summary]), levels=agreed.levels, indicated=agreed.indicated
        )
        for number, summary in summaries.items()
    }
    disclosed = {number: {"columns": len(rows.encoded.columns), **_levels(one)} for number, one in summaries.items()}
    return preparations, disclosed


def _levels(summary: Summary) -> dict[str, int]:
    return {kind: size for kind, size in summary.kinds.items() if kind == "levels"}


def _own(rows: _Rows, among: Integers, site: int) -> Integers:
    own: Integers = among[rows.sites[among] == site]
    return own


def _hospital(rows: _Rows, number: int, parts: splits.Split, preparation: Preparation) -> HospitalDataset:
    def patients(among: Integers) -> Patients:
        own = _own(rows, among, number)
        features = preparation.apply(rows.encoded.take(own))
        return Patients(features, rows.labels[own].astype(np.float32), rows.encoded.patients[own])

    return HospitalDataset(rows.names[number], *map(patients, (parts.train, parts.validation, parts.test)))


def _sit_out(outside: Sequence[HospitalDataset]) -> tuple[str, ...]:
    names = [hospital.name for hospital in outside]
    if len(names) > MOST_NAMED:
        names[MOST_NAMED:] = [f"{len(names) - MOST_NAMED} more"]
    if len(names) > 1:
        return (f"{', '.join(names[:-1])} and {names[-1]} have no training patient in this seed and sit out.",)
    return tuple(f"{name} has no training patient in this seed and sits out." for name in names)
