"""Records -> how accurate each strategy is with and without an attack, on the same patients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chainward.report.tables.accuracy import interval
from chainward.report.tables.groups import Group, Record, Row, group


def attack_rows(records: Iterable[Record]) -> list[Row]:
    """One row a strategy and attack: AUROC without and with it, and the drop; over the seeds that ran both ways."""
    groups = group(records)
    honest = {(one.calm, one.variant): one for one in groups if not one.identity["attack"]}
    pairs = [(honest.get((one.calm, one.variant)), one) for one in groups if one.identity["attack"]]
    return [_row(before, after) for before, after in pairs if before is not None]


def _row(before: Group, after: Group) -> Row:
    seeds = _seeds(before) & _seeds(after)
    figures = [interval(_of(one, seeds)) for one in (before, after)]
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
    kind = one.records[0]["specification"]["attack"]["kind"]
    gives = not one.card.get("own_learner") and one.card.get("raw_records_shared", "none") == "none"
    return kind == "label_flip" or gives


def _seeds(one: Group) -> set[int]:
    return {int(trial["specification"]["seed"]) for trial in one.completed}


def _of(one: Group, seeds: set[int]) -> Sequence[Record]:
    return [trial for trial in one.completed if trial["specification"]["seed"] in seeds]
