"""Results -> the leaderboard. Pure: the same results give the same rows, whatever their order."""

from __future__ import annotations

from collections.abc import Sequence

from chainward.report.tables.accuracy import accuracy, difference
from chainward.report.tables.assumptions import Assumptions
from chainward.report.tables.costs import bytes_figures, gas_figures, latency_figures, mean, on_chain, privacy_figures
from chainward.report.tables.groups import Group, Row, group
from chainward.results.collection import Opener, Results


def leaderboard_rows(results: Results, assumptions: Assumptions | None = None) -> list[Row]:
    """One row a strategy and setting; a figure is the mean over its completed trials, null where there is none.

    Within a setting, the most accurate first, strategies without a completed trial last. `on_front` marks the rows
    that no other paper beats on both AUROC and total gas; reference strategies are shown but never on the front.
    """
    prices = assumptions or Assumptions()
    settings: dict[tuple[str, str], list[Group]] = {}
    for one in group(results):
        settings.setdefault((one.identity["task"], one.setting), []).append(one)
    return [row for groups in settings.values() for row in _ranked(groups, results.opener, prices)]


def _ranked(groups: Sequence[Group], opener: Opener, assumptions: Assumptions) -> list[Row]:
    """The rows of one setting, with what can only be said among them: front, distance from the best, order."""
    rows = [leaderboard_row(one, opener, assumptions) for one in groups]
    front = pareto_front(rows)
    able = [i for i, row in enumerate(rows) if row["auroc_mean"] is not None and not row["reference"]]
    best = groups[max(able, key=lambda i: rows[i]["auroc_mean"])].completed if able else ()
    rows = [
        {**row, "on_front": i in front, **difference(groups[i].completed if best else (), best, opener)}
        for i, row in enumerate(rows)
    ]
    return sorted(rows, key=lambda row: (row["auroc_mean"] is None, -(row["auroc_mean"] or 0), row["label"]))


def leaderboard_row(group: Group, opener: Opener, assumptions: Assumptions) -> Row:
    """Every leaderboard figure of one group."""
    done = group.completed
    gas = gas_figures(done)
    chain_bytes = mean(on_chain(trial) for trial in done)
    usd = assumptions.scenarios(gas["gas_total"] or 0.0, chain_bytes or 0.0)
    return {
        **identity(group),
        **accuracy(done, opener),
        **latency_figures(done),
        **gas,
        **(usd if done else dict.fromkeys(usd)),
        **bytes_figures(done),
        **privacy_figures(done, group.card),
    }


def identity(group: Group) -> Row:
    """Who the row is about and how many trials stand behind it."""
    card, done = group.card, group.completed
    first = next((trial.error for trial in group.failed), None)
    return {
        **group.identity,
        "title": card.title if card else group.identity["strategy"],
        "family": card.family if card else "",
        "reference": card is not None and card.reference,
        "interpretation": card is not None and card.interpretation,
        "own_learner": card is not None and card.own_learner,
        "hospitals": max((len(trial.hospitals) for trial in group.records), default=0),
        "trials": len(group.records),
        "failed": len(group.failed),
        "error": None if first is None else f"{first.type}: {first.message}",
        "rounds": mean(len(trial.rounds) for trial in done),
    }


def pareto_front(rows: Sequence[Row]) -> frozenset[int]:
    """Indices of the rows that no other row beats: less gas and no worse AUROC, or the other way round."""
    able = [i for i, row in enumerate(rows) if row["auroc_mean"] is not None and not row["reference"]]
    place = {i: (rows[i]["gas_total"], -rows[i]["auroc_mean"]) for i in able}
    beaten = {
        i
        for i in able
        for j in able
        if place[j] != place[i] and all(a <= b for a, b in zip(place[j], place[i], strict=True))
    }
    return frozenset(able) - beaten
