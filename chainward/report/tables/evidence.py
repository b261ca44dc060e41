"""What a rendered report says of each paper, typed: the columns of its tables that needs are held against."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from chainward.errors import ChainwardError
from chainward.strategy.paper import mistake
from chainward.strategy.threats import Threat

COMMON, UNDISTURBED = "common", "no faults"

_SIZE = re.compile(r"\bhospitals \d+(, | · )")
"""How a setting says how many hospitals it has, where those are not the task's own."""


@dataclass(frozen=True)
class Line:
    """A row of the leaderboard."""

    task: str
    label: str
    strategy: str
    title: str
    setting: str
    track: str
    attack: str
    reference: bool
    hospitals: int
    trials: int
    failed: int
    rounds: float | None
    auroc_mean: float | None
    auroc_low: float | None
    auroc_high: float | None
    better_than: Sequence[str] | None
    gas_deploy: float | None
    gas_per_round: float | None
    gas_total: float | None
    latency_per_round_s: float | None
    latency_per_round_p95_s: float | None
    ended_by_itself: bool | None
    raw_records_shared: float | None
    sees_individual_updates: str | None
    scenario: str
    usd: float | None
    usd_l1_calm: float | None
    usd_l1_busy: float | None
    usd_rollup: float | None
    usd_private: float | None

    @property
    def whole(self) -> bool:
        """Whether all of its trials ended."""
        return self.trials > 0 and not self.failed


@dataclass(frozen=True)
class Drop:
    """A row about an attack: what it costs at the honest hospitals."""

    task: str
    label: str
    setting: str
    attack: str
    attackers: str
    trials: int
    drop: float | None
    drop_low: float | None
    drop_high: float | None
    note: str


@dataclass(frozen=True)
class Opened:
    """What was disclosed to whom in a row of the leaderboard."""

    task: str
    label: str
    setting: str
    kind: str
    audience: str


@dataclass(frozen=True)
class Decided:
    """What the protocol decided about a party."""

    task: str
    label: str
    setting: str
    quantity: str
    party: str
    value: float


@dataclass(frozen=True)
class Hospital:
    """A hospital of a row's trials."""

    task: str
    label: str
    setting: str
    hospital: str


@dataclass(frozen=True)
class Carded:
    """A strategy's card, as far as needs are about it."""

    strategy: str
    tolerates_absence: bool
    threats: Sequence[Threat]


@dataclass(frozen=True)
class Resolved:
    """On how many patients, or hospitals, a table rests."""

    task: str
    setting: str
    unit: str
    units: int


@dataclass(frozen=True)
class Tables:
    """The tables of a report that are looked at."""

    leaderboard: Sequence[Line]
    attacks: Sequence[Drop]
    disclosures: Sequence[Opened]
    outcomes: Sequence[Decided]
    hospitals: Sequence[Hospital]
    cards: Sequence[Carded]
    resolution: Sequence[Resolved]


@dataclass(frozen=True)
class Made:
    """When and by which versions a run ended."""

    created: str
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Run:
    """The plan of a run and where it ended."""

    plan: str
    environment: Made


@dataclass(frozen=True)
class Evidence:
    """A rendered report: its tables and the run behind it, where that is known."""

    tables: Tables
    manifest: Run | None


@cache
def _adapter() -> TypeAdapter[Evidence]:
    return TypeAdapter(Evidence)


def evidence(document: Any, where: str) -> Evidence:
    """Return what the document of a report.json says.

    Raises:
        ChainwardError: it is no such document, or lacks a column; the message names `where` and the column.
    """
    try:
        return _adapter().validate_python(document)
    except ValidationError as error:
        raise ChainwardError(f"{where}: {mistake(error)}; render it again with `chainward report`") from None


def main_lines(found: Evidence, task: str | None) -> tuple[str, list[Line]]:
    """Return a task and the rows of papers in its main setting, at every number of hospitals; no attacks, no faults.

    The main setting has most papers; so has the task where none is named. Of equals the first in the report.

    Raises:
        ChainwardError: there is no such task, or no row of a paper at all.
    """
    settings: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in found.tables.leaderboard:
        if not line.reference and line.track == COMMON and not line.attack and line.setting.endswith(UNDISTURBED):
            settings[line.task, _SIZE.sub("", line.setting)].append(line)
    tasks = sorted({name for name, _ in settings})
    if task is not None and task not in tasks:
        raise ChainwardError(f"no paper ran on {task!r} undisturbed; there is {', '.join(tasks) or 'none'}")
    if not tasks:
        raise ChainwardError("no paper ran undisturbed on the common track; run one, or name another folder")
    able = [lines for (name, _), lines in settings.items() if task in (None, name)]
    main = max(able, key=lambda lines: len({line.label for line in lines}))
    return main[0].task, main
