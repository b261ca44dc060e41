"""Results -> accuracy with and without an attack, at the honest hospitals, on the same patients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from chainward.report.tables.accuracy import interval, means_of
from chainward.report.tables.groups import Group, Row
from chainward.report.tables.ranking import Contestant, Ranking
from chainward.report.tables.words import describe_attack
from chainward.results.collection import Opener
from chainward.results.inference import Mean, difference
from chainward.results.influence import auroc
from chainward.results.predictions import Predictions
from chainward.results.record import Completed

NOBODY_ATTACKS, NO_UPDATE = "nobody attacks", "does not apply"
ALONE, EVERYBODY_ATTACKS = "no trial without the attack", "every hospital attacks"


@dataclass(frozen=True, eq=False)
class Attacked:
    """A group under attack beside the same trials without: the mean AUROC of each at the honest hospitals.

    There is no drop between them where one is missing, or `note` says why it would be no such figure.
    """

    group: Group
    seeds: tuple[int, ...]
    without: Mean | None
    under: Mean | None
    attackers: str
    note: str


def attack_rows(groups: Sequence[Group], opener: Opener) -> list[Row]:
    """One row a strategy and attack; those that lose least first, ties by label, those an attack does not reach last.

    A row is about the seeds that ran both ways. Its partner without the attack is that of the same whole setting.
    """
    honest = {one.key: one for one in groups if not one.specification.attack}
    pairs = [(honest.get(one.calm_key), one) for one in groups if one.specification.attack]
    found = [_judged(before, after, opener) for before, after in pairs]
    settings = groupby(found, key=lambda one: (one.group.specification.task, one.group.setting))
    return [row for _, members in settings for row in _ordered(list(members))]


def _ordered(found: Sequence[Attacked]) -> Iterable[Row]:
    ranking = Ranking(tuple(Contestant(one.group.label, False, False, _spared(one), 0, _seeds(one)) for one in found))
    told = [ranking.columns(i) for i in range(len(found))]
    rows = [
        {**_row(one), "rank": each["rank"], "better_than": each["better_than"]}
        for one, each in zip(found, told, strict=True)
    ]
    return sorted(rows, key=lambda row: (row["rank"] is None, row["rank"], row["label"]))


def _seeds(one: Attacked) -> tuple[tuple[int, str], ...]:
    return tuple((seed, "") for seed in one.seeds)


def _spared(one: Attacked) -> Mean | None:
    """What an attack leaves, as a mean that is higher where less is lost; None where seeds are missing."""
    if one.note or not one.without or not one.under or len(one.seeds) < len(one.group.records):
        return None
    value, influences = one.under.value - one.without.value, one.under.influences - one.without.influences
    return replace(one.under, value=value, influences=influences)


def _judged(before: Group | None, after: Group, opener: Opener) -> Attacked:
    """What cannot be judged is a row that says why: one bad trial must not cost the report."""
    nothing = Attacked(after, (), None, None, "", ALONE)
    if before is None:
        return nothing
    try:
        return _attacked(before, after, opener)
    except ValueError as error:
        return replace(nothing, note=str(error))


def _attacked(before: Group, after: Group, opener: Opener) -> Attacked:
    calm, attacked = _both(before, after)
    note = _note(attacked)
    counts = sorted({f"{len(trial.attackers)} of {len(trial.hospitals)}" for trial in attacked})
    without, under = (
        _mean([_at_honest(opener.predictions(one), other) for one, other in zip(side, attacked, strict=True)], after)
        for side in (calm, attacked)
    )
    seeds = tuple(trial.specification.seed for trial in attacked)
    return Attacked(after, seeds, without, under, ", ".join(counts), note)


def _both(before: Group, after: Group) -> tuple[list[Completed], list[Completed]]:
    """The trials without and with the attack of each seed that ran both ways on the same patients."""
    calm = {(trial.specification.seed, trial.digests.data): trial for trial in before.completed}
    keys = [(trial.specification.seed, trial.digests.data) for trial in after.completed]
    attacked = [trial for key, trial in zip(keys, after.completed, strict=True) if key in calm]
    return [calm[key] for key in keys if key in calm], attacked


def _note(trials: Sequence[Completed]) -> str:
    """Why there is no drop, if so: nobody attacks, or the meter saw nothing that an attacker spoiled."""
    if trials and not any(trial.attackers for trial in trials):
        return NOBODY_ATTACKS
    if trials and all(len(trial.attackers) == len(trial.hospitals) for trial in trials):
        return EVERYBODY_ATTACKS
    return NO_UPDATE if trials and not any(trial.facts.spoiled for trial in trials) else ""


def _at_honest(found: Predictions, trial: Completed) -> Predictions:
    """Predictions for the patients of hospitals that do not attack."""
    kept = ~np.isin(found.hospital, trial.attackers)
    return Predictions(found.hospital[kept], found.patient[kept], found.label[kept], found.probability[kept])


def _mean(seeds: Sequence[Predictions], one: Group) -> Mean | None:
    return means_of({"auroc": auroc}, seeds, one)["auroc"] if seeds else None


def _row(one: Attacked) -> Row:
    identity = one.group.identity
    under = None if one.note else one.under
    found = difference(one.without, under) if one.without and under else None
    return {
        **identity,
        "setting": one.group.calm,
        "attack": describe_attack(one.group.specification),
        "attackers": one.attackers,
        "trials": len(one.seeds),
        "asked": len(one.group.records),
        **interval("auroc_without", "auroc_without", one.without),
        **interval("auroc_under", "auroc_under", under),
        "drop": found and found.estimate,
        "drop_low": found and found.low,
        "drop_high": found and found.high,
        "note": one.note,
    }
