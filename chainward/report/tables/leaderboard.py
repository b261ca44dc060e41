"""Results -> the leaderboard. Pure: the same results give the same rows, whatever their order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from chainward import tasks
from chainward.report.tables.accuracy import Accuracy, accuracy
from chainward.report.tables.costs import (
    bytes_figures,
    gas_figures,
    latency_figures,
    mean,
    on_chain,
    privacy_figures,
    transactions,
)
from chainward.report.tables.groups import Group, Row
from chainward.report.tables.ranking import BASELINE, Contestant, Ranking
from chainward.report.tables.scenarios import Assumptions
from chainward.report.tables.words import COMMON, describe_faults
from chainward.results.collection import Opener


@dataclass(frozen=True)
class Leaderboard:
    """`rows`: one a strategy and setting; `resolution`: one a setting, what its rows can be told apart by."""

    rows: list[Row]
    resolution: list[Row]


def leaderboard(groups: Iterable[Group], opener: Opener, prices: Assumptions) -> Leaderboard:
    """Return every figure of each group; one is the mean over its completed trials, null where there is none.

    Within a setting by rank, which rows that cannot be told apart share, and then by label; last those that take no
    part in ranks since seeds they were asked for are missing, or their patients are others.
    """
    rows, resolution = [], []
    for (task, words), members in groupby(groups, key=lambda one: (one.specification.task, one.setting)):
        ranked, told = _ranked(list(members), opener, prices)
        rows += ranked
        resolution.append({"task": task, "setting": words, **told})
    return Leaderboard(rows, resolution)


def _ranked(groups: Sequence[Group], opener: Opener, prices: Assumptions) -> tuple[list[Row], Row]:
    """The rows of one setting in order, and what this table can tell apart."""
    found = [accuracy(one, opener) for one in groups]
    rows = [{**_row(one, prices), **each.figures} for one, each in zip(groups, found, strict=True)]
    usual = _usual_rounds(groups)
    contestants = (_contestant(*each, usual) for each in zip(groups, rows, found, strict=True))
    ranking = Ranking(tuple(contestants))
    rows = [{**row, **ranking.columns(i)} for i, row in enumerate(rows)]
    rows.sort(key=lambda row: (row["auroc_mean"] is None, row["rank"] is None, row["rank"], row["label"]))
    return rows, ranking.resolution()


def _usual_rounds(groups: Sequence[Group]) -> int:
    """The rounds of most rows; of equals those of the task itself, or else the fewer."""
    counts, own = Counter(group.specification.rounds for group in groups), _rounds_of_task(groups[0])
    return min(counts, key=lambda rounds: (-counts[rounds], rounds != own, rounds))


def _rounds_of_task(group: Group) -> int | None:
    """None where the task is not here any more."""
    try:
        return tasks.load(group.specification.task, **group.specification.task_params).rounds
    except ValueError:
        return None


def _contestant(group: Group, row: Row, found: Accuracy, usual: int) -> Contestant:
    """A group as a row among others; one that lacks a seed it was asked for is not compared."""
    specification = group.specification
    plain = not specification.params and specification.track == COMMON and specification.rounds == usual
    return Contestant(
        label=group.label,
        reference=row["reference"],
        baseline=specification.strategy == BASELINE and plain,
        mean=None if group.failed else found.means["auroc"],
        gas=round(row["gas_total"] or 0),
        trials=tuple((trial.specification.seed, trial.digests.data) for trial in group.completed),
    )


def _row(group: Group, prices: Assumptions) -> Row:
    """Every figure of one group but its accuracy."""
    done, scenario = group.completed, group.scenario
    gas = gas_figures(done)
    posted, sent = mean(map(on_chain, done)), mean(map(transactions, done))
    usd = prices.everywhere(gas["gas_total"] or 0.0, posted or 0.0, sent or 0.0)
    known = usd if done else dict.fromkeys(usd)
    return {
        **identity(group),
        **latency_figures(done),
        **gas,
        "scenario": scenario.words(prices),
        "usd": known.get(scenario.price),
        **known,
        **bytes_figures(done),
        **privacy_figures(done, group.card),
    }


def identity(group: Group) -> Row:
    """Who the row is about and how many trials stand behind it."""
    card, done = group.card, group.completed
    first = next((trial.error for trial in group.failed), None)
    return {
        **group.identity,
        "faults": describe_faults(group.specification),
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
