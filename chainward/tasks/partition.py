"""Whose patients are where: at their own hospitals, or dealt to pseudo-sites that differ as much as asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainward.errors import ChainwardError
from chainward.tasks.cohort import Cohort, Integers
from chainward.tasks.division import Partition
from chainward.tasks.encoding import Encoded

Floats = NDArray[np.float64]
_TRIES = 100


@dataclass(frozen=True, eq=False)
class Dealt:
    """Which rows [r] of a cohort take part, ascending, the site [r] of each as a place in `names`, and a note on it."""

    rows: Integers
    sites: Integers
    names: tuple[str, ...]
    notes: tuple[str, ...]


def deal(cohort: Cohort, encoded: Encoded, how: Partition) -> Dealt:
    """Deal patients to sites, all rows of a patient to one where they are dealt anew.

    Raises:
        ChainwardError: there are fewer patients than sites, or no hospital has as many as a sample asks for.
    """
    if how.kind == "natural":
        return Dealt(np.arange(len(cohort), dtype=np.int64), cohort.hospitals, cohort.names, ())
    rng = np.random.default_rng([how.seed, 2])
    if how.kind == "sample":
        return _sampled(cohort, how, rng)
    _, first, whose = np.unique(cohort.identities, return_index=True, return_inverse=True)
    if len(first) < how.hospitals:
        raise ChainwardError(
            f"partition: {len(first)} patients cannot be dealt to {how.hospitals} sites; ask for fewer"
        )
    sites = _DEALERS[how.kind](_Patients(encoded.take(first), np.asarray(cohort.labels)[first]), how, rng)[whose]
    names = tuple(f"site {number:0{len(str(how.hospitals))}}" for number in range(1, how.hospitals + 1))
    note = (
        f"Sites are no hospitals: patients of {len(cohort.names)} were dealt to {how.hospitals} ({_WORDS[how.kind]})."
    )
    return Dealt(np.arange(len(cohort), dtype=np.int64), sites, names, (note,))


@dataclass(frozen=True, eq=False)
class _Patients:
    """One row a patient, with its label [n]."""

    encoded: Encoded
    labels: NDArray[Any]


def _sampled(cohort: Cohort, how: Partition, rng: np.random.Generator) -> Dealt:
    """So many patients, with all their rows, at each of the largest hospitals; equal sizes in the order of names."""
    patients = [np.unique(cohort.identities[cohort.hospitals == site]) for site in range(len(cohort.names))]
    sizes = np.array([len(own) for own in patients])
    kept = [int(site) for site in np.argsort(-sizes, kind="stable")[: how.hospitals] if sizes[site] >= how.patients]
    if len(kept) < how.hospitals:
        told = f"{int((sizes >= how.patients).sum())} of {len(sizes)} hospitals have {how.patients} patients"
        raise ChainwardError(f"partition: {told}, not {how.hospitals}; ask for fewer hospitals or fewer patients")
    drawn = [rng.choice(patients[site], how.patients, replace=False) for site in sorted(kept)]
    members = [
        np.flatnonzero((cohort.hospitals == site) & np.isin(cohort.identities, own))
        for site, own in zip(sorted(kept), drawn, strict=True)
    ]
    rows = np.concatenate(members)
    order, sites = np.argsort(rows), np.repeat(np.arange(len(members)), [len(own) for own in members])
    note = f"{how.patients} patients were drawn at each of the {how.hospitals} largest hospitals."
    return Dealt(rows[order], sites[order], tuple(cohort.names[site] for site in sorted(kept)), (note,))


def _evenly(patients: _Patients, how: Partition, rng: np.random.Generator) -> Integers:
    return _cut(rng.permutation(len(patients.labels)), np.full(how.hospitals, 1 / how.hospitals))


def _by_quantity(patients: _Patients, how: Partition, rng: np.random.Generator) -> Integers:
    """Shares of a Dirichlet distribution, with one patient a site at least."""
    count = len(patients.labels)
    shares = rng.dirichlet(np.full(how.hospitals, _positive(how)))
    spare = np.concatenate([np.ones(how.hospitals), shares * (count - how.hospitals)])
    own = spare[: how.hospitals] + spare[how.hospitals :]
    return _cut(rng.permutation(count), own / count)


def _by_label(patients: _Patients, how: Partition, rng: np.random.Generator) -> Integers:
    """Each label's patients by shares of their own; drawn again while a site would have nobody."""
    labels = patients.labels > 0
    for _ in range(_TRIES):
        sites = np.empty(len(labels), dtype=np.int64)
        for label in (False, True):
            members = np.flatnonzero(labels == label)
            shares = rng.dirichlet(np.full(how.hospitals, _positive(how)))
            sites[rng.permutation(members)] = _cut(np.arange(len(members)), shares)
        if len(np.unique(sites)) == how.hospitals:
            return sites
    told = f"concentration {how.concentration:g} leaves a site without patients in {_TRIES} draws"
    raise ChainwardError(f"partition: {told}; ask for a larger one, or for fewer hospitals")


def _by_feature(patients: _Patients, how: Partition, rng: np.random.Generator) -> Integers:
    """Bands of the leading principal component of standardised features, blurred by normal noise."""
    component = _leading(patients.encoded)
    blurred = component + how.concentration * rng.standard_normal(len(component))
    return _cut(np.argsort(blurred, kind="stable"), np.full(how.hospitals, 1 / how.hospitals))


def _leading(encoded: Encoded) -> Floats:
    """Each patient's place [n] along the leading principal component, with unit variance; its sign is fixed."""
    one_hot = [encoded.codes[:, [k]] == np.arange(len(texts)) for k, texts in enumerate(encoded.texts)]
    numbers = encoded.numbers
    if encoded.series is not None and len(encoded.series):
        numbers = np.hstack([numbers, encoded.series.mean(axis=1, where=~np.isnan(encoded.series))])
    with np.errstate(all="ignore"):
        centred = numbers - np.nanmean(numbers, axis=0, keepdims=True)
        scaled = centred / np.nanstd(numbers, axis=0, keepdims=True)
    matrix = np.hstack([np.nan_to_num(scaled, posinf=0.0, neginf=0.0), *one_hot]).astype(np.float64)
    matrix -= matrix.mean(axis=0)
    _, vectors = np.linalg.eigh(matrix.T @ matrix)
    leading = vectors[:, -1]
    place = matrix @ (leading * np.sign(leading[np.abs(leading).argmax()]))
    deviation = place.std()
    return np.asarray(place / deviation if deviation > 0 else place)


def _cut(order: NDArray[Any], shares: Floats) -> Integers:
    """The site [n] of each place in `order` [n]: consecutive parts, as large as shares that add up to one."""
    ends = np.rint(len(order) * np.cumsum(shares)).astype(np.int64)
    ends[-1] = len(order)
    sites = np.empty(len(order), dtype=np.int64)
    sites[order] = np.searchsorted(ends, np.arange(len(order)), side="right")
    return sites


def _positive(how: Partition) -> float:
    if not how.concentration:
        raise ChainwardError(f"partition: concentration: {how.kind} needs more than 0")
    return how.concentration


_DEALERS: Mapping[str, Callable[[_Patients, Partition, np.random.Generator], Integers]] = {
    "iid": _evenly,
    "labels": _by_label,
    "quantity": _by_quantity,
    "features": _by_feature,
}
_WORDS = {
    "iid": "evenly, at random",
    "labels": "by a Dirichlet distribution for each label",
    "quantity": "in sizes of a Dirichlet distribution",
    "features": "by their leading principal component",
}
