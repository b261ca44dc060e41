"""What a user's own table came to, told before anybody trains on it, and what a report will hold of it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from chainward.cli.output import as_table, say
from chainward.plans.plan import Plan
from chainward.tasks.base import Task
from chainward.tasks.leaks import SUSPECT
from chainward.tasks.overview import HospitalOverview, Overview
from chainward.trials.whole import private_tasks

MOST_HOSPITALS = 20
HELD = (
    "Held: hospitals' names and sizes, names of columns, and for each patient a number in the order of the file, the "
    "label and predicted probabilities; no other cell. Nothing leaves this machine."
)

_COLUMNS = {
    "name": "hospital",
    "rows": "rows",
    "positives": "with outcome",
    "share": "share",
    "missing": "cells empty",
}


def tell_tables(plan: Plan, out: Path) -> None:
    """Print what each private task of a plan came to, and write it to `data/` in the folder of the report."""
    for one in private_tasks(plan, out):
        _tell(one.task, one.found, one.said)
        say(f"{out}: {HELD}\nThe figures above are in {one.path}.\n")


def _tell(task: Task, found: Overview, said: Mapping[str, str]) -> None:
    for line in _lines(task, found, said):
        say(line)
    shown = found.hospitals
    if len(shown) > MOST_HOSPITALS:
        shown = tuple(sorted(shown, key=lambda one: -one.rows)[:MOST_HOSPITALS])
    as_table([_cells(hospital) for hospital in shown], _COLUMNS, stream=sys.stderr)
    if len(found.hospitals) > len(shown):
        say(f"and {len(found.hospitals) - len(shown):,} smaller hospitals")


def _cells(hospital: HospitalOverview) -> dict[str, str]:
    rate = f"{hospital.positives / hospital.rows:.1%}" if hospital.rows else "–"
    counts = {"rows": f"{hospital.rows:,}", "positives": f"{hospital.positives:,}"}
    return {"name": hospital.name, **counts, "share": rate, "missing": f"{hospital.missing:.1%}"}


def _lines(task: Task, found: Overview, said: Mapping[str, str]) -> Iterator[str]:
    yield f"{getattr(task, 'path', task.key)}: {found.rows:,} rows = {found.kept:,} kept + {found.rows - found.kept:,}"
    yield f"  left out: {_counts(found.excluded)}"
    yield f"  repaired: {_counts(found.repaired)}"
    share = found.positives / found.kept
    yield f"  patients: {found.patients:,}; with the outcome: {found.positives:,} rows ({share:.1%})"
    kinds = Counter(column.kind for column in found.columns)
    yield f"  columns: {', '.join(f'{kind} {count}' for kind, count in kinds.items())}"
    lacking = sorted((one for one in found.columns if one.missing), key=lambda one: -one.missing)
    yield f"  most often empty: {', '.join(f'{one.name} {one.missing:.1%}' for one in lacking[:10]) or 'none'}"
    for note in found.notes:
        yield f"  {note}"
    for one in found.suspects:
        why = said.get(one.column, "")
        yield f"  suspected leak: {one.column} alone ({one.of}) reaches AUROC {one.auroc:.3f}; said of it: {why}"
    if not found.suspects:
        yield f"  suspected leaks: none, no column alone reaches AUROC {SUSPECT}"


def _counts(named: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in named.items()) or "none"
