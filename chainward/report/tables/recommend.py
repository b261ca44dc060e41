"""Needs against a report: which papers satisfy all of them, of which it is not known, and which fall out. Pure.

Each need gives every paper a standing with its reason. What is known only within bounds satisfies a need if all of the
bounds does, and falls out if none of it does. A need that is made stricter never adds a paper to the set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from chainward.report.tables.asked import Needs, auroc, judged
from chainward.report.tables.evidence import Evidence, Line, main_lines
from chainward.report.tables.standing import Judged, Standing, worst


@dataclass(frozen=True)
class Candidate:
    """A paper, as the leaderboard names it, with how it stands to each need and to all together."""

    label: str
    title: str
    standing: Standing
    auroc: str
    judged: tuple[Judged, ...]


@dataclass(frozen=True)
class Recommendation:
    """Every paper in one of three groups, whom fewest needs keep out first. `best`: of those that satisfy all, who
    cannot be told apart in AUROC from the highest; `rests`: in words what all of it was measured on."""

    task: str
    rests: str
    best: tuple[str, ...]
    candidates: tuple[Candidate, ...]

    def group(self, standing: Standing) -> tuple[Candidate, ...]:
        """The papers that stand so."""
        return tuple(one for one in self.candidates if one.standing == standing)


def recommend(found: Evidence, needs: Needs) -> Recommendation:
    """Hold every paper of a report against needs.

    Raises:
        ChainwardError: nobody ran on the task.
    """
    task, lines = main_lines(found, needs.task)
    sizes = [list(members) for _, members in groupby(sorted(lines, key=_order), key=lambda line: line.label)]
    chosen = [(_at(mine, needs.hospitals), mine) for mine in sizes]
    candidates = [(line, _candidate(line, mine, found, needs)) for line, mine in chosen]
    able = [line for line, one in candidates if one.standing == Standing.SATISFIES]
    ordered = tuple(one for _, one in sorted(candidates, key=_nearest))
    return Recommendation(task, rests_on(found, [line for line, _ in chosen]), _best(able), ordered)


def _nearest(pair: tuple[Line, Candidate]) -> tuple[int, float, str]:
    """Whom fewest needs keep out, then the most accurate."""
    line, one = pair
    unmet = sum(each.standing != Standing.SATISFIES for each in one.judged)
    return unmet, -(line.auroc_mean or 0.0), line.label


def _order(line: Line) -> tuple[str, int, str]:
    return line.label, line.hospitals, line.setting


def _at(lines: Sequence[Line], hospitals: int | None) -> Line:
    """Of a paper's rows the one at so many hospitals, else the largest federation."""
    return next((line for line in lines if line.hospitals == hospitals), lines[-1])


def _candidate(line: Line, lines: Sequence[Line], found: Evidence, needs: Needs) -> Candidate:
    each = tuple(judged(line, lines, found, replace(needs, hospitals=needs.hospitals or line.hospitals)))
    away = "" if needs.hospitals in (None, line.hospitals) else f" at {line.hospitals} hospitals"
    return Candidate(line.label, line.title, worst(one.standing for one in each), f"{auroc(line)}{away}", each)


def _best(lines: Sequence[Line]) -> tuple[str, ...]:
    """Those that cannot be told apart from the highest AUROC."""
    known = [line for line in lines if line.auroc_mean is not None and line.better_than is not None]
    if not known:
        return ()
    top = min(known, key=lambda line: (-round(line.auroc_mean or 0.0, 6), line.label))
    tied = [one.label for one in known if one.label not in (top.better_than or ())]
    return tuple(sorted(tied))


def rests_on(found: Evidence, lines: Sequence[Line]) -> str:
    """In a sentence what a recommendation rests on."""
    first = lines[0]
    sizes = ", ".join(str(size) for size in sorted({line.hospitals for line in lines}))
    here = (one for one in found.tables.resolution if (one.task, one.setting) == (first.task, first.setting))
    units = next((f"{one.units:,} {one.unit}s" for one in here), "patients")
    seeds = max(line.trials for line in lines)
    return f"{first.task}, {units} of {sizes} hospitals, {seeds} seeds ({_run(found)}); {first.setting}"


def _run(found: Evidence) -> str:
    if found.manifest is None:
        return "of a run that left no manifest"
    made = found.manifest.environment
    version = made.versions.get("chainward", "of unknown version")
    return f"plan {found.manifest.plan}, {made.created[:10]}, chainward {version}"
