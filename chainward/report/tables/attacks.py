"""Results -> how accurate each strategy is with and without an attack, on the same patients."""

from __future__ import annotations

from collections.abc import Sequence

from chainward.report.tables.accuracy import interval
from chainward.report.tables.groups import Group, Row, group
from chainward.results.collection import Opener, Results
from chainward.results.record import Completed


def attack_rows(results: Results) -> list[Row]:
    """One row a strategy and attack: AUROC without and with it, and the drop; over the seeds that ran both ways."""
    groups = group(results)
    honest = {(one.calm, one.variant): one for one in groups if not one.identity["attack"]}
    pairs = [(honest.get((one.calm, one.variant)), one) for one in groups if one.identity["attack"]]
    return [_row(before, after, results.opener) for before, after in pairs if before is not None]


def _row(before: Group, after: Group, opener: Opener) -> Row:
    seeds = _seeds(before) & _seeds(after)
    figures = [interval(_of(one, seeds), opener) for one in (before, after)]
    without, under = (row["auroc_mean"] for row in figures)
    reaches = _reaches(after)
    return {
        **before.identity,
        "attack": after.identity["attack"],
        "trials": len(seeds),
        "auroc_without": without,
        "auroc_under": under,
        "auroc_under_low": figures[1]["auroc_low"],
        "auroc_under_high": figures[1]["auroc_high"],
        "drop": None if without is None or under is None else without - under,
        "reaches": reaches,
    }


def _reaches(one: Group) -> bool:
    """Whether an attack has anything to act on: labels always, an update only where hospitals give one."""
    kind = one.records[0].specification.attack["kind"]
    gives = one.card is None or (not one.card.own_learner and one.card.raw_records_shared == "none")
    return bool(kind == "label_flip" or gives)


def _seeds(one: Group) -> set[int]:
    return {trial.specification.seed for trial in one.completed}


def _of(one: Group, seeds: set[int]) -> Sequence[Completed]:
    return [trial for trial in one.completed if trial.specification.seed in seeds]
