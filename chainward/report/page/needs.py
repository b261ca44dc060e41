"""Rows of needs -> what the first screen says: a finding a task in a sentence, and a table of needs by tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chainward.report.formats import fixed, integer, shown, signed, significant
from chainward.report.tables.groups import Row

NEEDS = {
    "accuracy": ("Accuracy", "Highest AUROC, by the paired test with Holm’s correction over all pairs of the table."),
    "gas": ("Low gas", "Least total gas, set-up included, as printed."),
    "latency": ("Low latency", "Least total latency on the virtual clock, as printed."),
    "fewest eyes": (
        "Fewest eyes",
        "One hospital’s update, from nobody to everyone; noised ones by whoever sees them. Last, where records leave.",
    ),
    "attackers": ("Attackers", "Smallest drop of AUROC at the honest hospitals, by the paired test."),
    "absence": ("Absence", "Highest AUROC where hospitals were absent, by the paired test."),
    "pays contributors": ("Pays contributors", "Whoever paid a hospital anything in these trials."),
}
"""Each need's heading and what serves it best."""

_FORMS = {"accuracy": "AUROC {}", "absence": "AUROC {}", "gas": "{} gas", "latency": "{} s", "attackers": "drop {}"}
_SEEN = {
    "nobody": "nobody sees an update",
    "noised": "who sees an update sees it with noise",
    "one party": "one party sees updates",
    "some hospitals": "some hospitals see updates",
    "every hospital": "every hospital sees updates",
    "everyone": "everyone sees updates",
    "raw records leave": "records leave their hospital",
}
CALM = "no faults"
_STYLES = {"gas": integer, "latency": significant, "attackers": signed}


@dataclass(frozen=True)
class Line:
    """A set in a cell: its case (a step of the ladder, an attack), who is in it, references apart, what to add."""

    case: str
    papers: tuple[str, ...]
    figure: str
    references: tuple[str, ...]
    reference_figure: str
    accurate: str
    words: str


@dataclass(frozen=True)
class Need:
    """A row of the table: a need, whether its figures are measured or modelled, and a cell a task."""

    key: str
    title: str
    help: str
    label: str
    cells: tuple[tuple[Line, ...], ...]


def need_table(rows: Sequence[Row]) -> tuple[tuple[str, ...], tuple[Need, ...]]:
    """The tasks, and a row a need with a cell for each of them."""
    tasks = tuple(dict.fromkeys(row["task"] for row in rows))
    found = []
    for key, (title, words) in NEEDS.items():
        mine = [row for row in rows if row["need"] == key]
        cells = tuple(tuple(_line(row) for row in mine if row["task"] == task) for task in tasks)
        found.append(Need(key, title, words, mine[0]["label"] if mine else "", cells))
    return tasks, tuple(found)


def findings(rows: Sequence[Row], compared: Row) -> list[tuple[str, str]]:
    """Each task and what was found there, in a sentence; `compared` counts the papers of each task."""
    found = []
    for task in dict.fromkeys(row["task"] for row in rows):
        mine = [row for row in rows if row["task"] == task and row["place"] == 1]
        sentence = _sentence({row["need"]: row for row in mine}, compared[task])
        found.append((task, f"{sentence}{_disturbed(str(mine[0]['setting']))}"))
    return found


def _disturbed(setting: str) -> str:
    """What a reader would else take for a calm setting, as where a task ran under an attack alone."""
    parts = setting.split(" · ")
    at = max((i for i, part in enumerate(parts) if part == CALM or part.startswith("faults: ")), default=len(parts))
    told = [part for part in parts[at:] if part != CALM]
    return f" All of it under {' and '.join(told)}." if told else ""


def _sentence(needs: Row, papers: int) -> str:
    accuracy = needs["accuracy"]
    near = accuracy["papers"]
    if not near:
        return "no paper has all its seeds."
    figure = _range(accuracy, "least", "most")
    if papers == 1:
        first = f"{near[0]} reaches {figure}"
    elif len(near) == 1:
        first = f"{near[0]} is more accurate than the other {_number(papers - 1, 'paper')} ({figure})"
    else:
        first = f"{len(near)} of {_number(papers, 'paper')} cannot be told apart from the most accurate ({figure})"
    costs = f"; of these {_costs(needs)}" if len(near) > 1 else ""
    eyes = needs["fewest eyes"]
    seen = f". With {_names(eyes['papers'])} {_SEEN[eyes['case']]}"
    return f"{first}{costs}{seen}."


def _costs(needs: Row) -> str:
    gas, time = (_cheapest(needs[name], needs["accuracy"]) for name in ("gas", "latency"))
    if gas == time:
        return f"{_names(gas)} {_verb('takes', gas)} the least gas and the least time"
    return f"{_names(gas)} {_verb('takes', gas)} the least gas, {_names(time)} the least time"


def _cheapest(cost: Row, accuracy: Row) -> list[str]:
    return cost["accurate"] or [name for name in cost["papers"] if name in accuracy["papers"]]


def _line(row: Row) -> Line:
    need = row["need"]
    accurate = ""
    if row["accurate"]:
        figure = _form(need, row["accurate_least"], row["accurate_least"])
        accurate = f"among the most accurate: {', '.join(row['accurate'])} {figure}"
    return Line(
        row["case"],
        tuple(row["papers"]),
        _range(row, "least", "most"),
        tuple(row["references"]),
        _range(row, "references_least", "references_most"),
        accurate,
        row["words"],
    )


def _range(row: Row, low: str, high: str) -> str:
    return "" if row[low] is None else _form(row["need"], row[low], row[high])


def _form(need: str, low: float, high: float) -> str:
    least, most = (_STYLES.get(need, fixed)(value) for value in (low, high))
    return _FORMS[need].format(least if least == most else f"{least} to {most}")


def _names(names: Sequence[str]) -> str:
    told = [shown(name, "text") for name in names]
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _verb(verb: str, names: Sequence[str]) -> str:
    return verb if len(names) == 1 else verb[:-1]
