"""Where a report comes from and how to make it again: what the page's section on provenance says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chainward.report.citation import citations
from chainward.report.page.columns import Column
from chainward.report.page.settings import Table
from chainward.report.tables.by_name import Tables
from chainward.report.tables.groups import Row
from chainward.results import folder as folders
from chainward.results.document import Unsound
from chainward.results.manifest import Manifest

DIGITS = 12
"""How much of a record's id a command names."""

COMMAND = Column("command", "Run it again", style="code", help="In the folder of this page.")
ROWS_AGAIN = (
    Column("label", "Strategy", style="strategy"),
    Column("task", "Task"),
    Column("setting", "Setting", style="long"),
)


@dataclass(frozen=True)
class Origin:
    """The plan of a report as TOML, empty where none was kept, and what is wrong with the files of its folder.

    `problems` are None where nobody looked.
    """

    plan: str = ""
    problems: tuple[str, ...] | None = None

    @property
    def verified(self) -> bool:
        """Whether the files were looked at and are those of the manifest."""
        return self.problems == ()


def origin_of(folder: Path, manifest: Manifest | None, tables: Tables) -> Origin:
    """Return the origin of a report in `folder`, by the check of `chainward verify`, as it is now."""
    if manifest is None:
        return Origin()
    problems = folders.verify(folder, manifest)
    shown = {row["id"] for row in tables["records"]}
    if shown != set(manifest.trials):
        problems.append(f"{len(shown ^ set(manifest.trials))} trials are in this report or in its manifest alone")
    try:
        plan = folders.read_plan(folder, manifest)
    except Unsound:  # among the problems
        plan = ""
    return Origin(plan, tuple(problems))


def provenance(tables: Tables, manifest: Manifest | None, origin: Origin, trials: Table) -> dict[str, Any]:
    """What the template says: whether it was verified, the plan, commands, citations; `trials` are the index."""
    cited = citations(tables["cards"], tables["provenance"])
    return {
        "verified": origin.verified,
        "problems": list(origin.problems or ())[:20],
        "trials": len(manifest.trials) if manifest else 0,
        "root": manifest.merkle_root if manifest else "",
        "command": manifest.command if manifest else "",
        "plan": origin.plan,
        "rows": _rows_again(tables),
        "records": _with_commands(trials),
        "citations": [one.text for one in cited],
        "bibtex": "\n".join(one.bibtex for one in cited),
    }


def again(identifiers: Sequence[str]) -> str:
    """The command that runs recorded trials again, in the folder of their report."""
    return " ".join(["chainward rerun .", *(identifier[:DIGITS] for identifier in identifiers)])


def _rows_again(tables: Tables) -> Table:
    """Each row of the leaderboard, with the command that runs all its trials again."""
    ids: dict[tuple[str, ...], list[str]] = {}
    for row in tables["records"]:
        ids.setdefault(_name(row), []).append(row["id"])
    rows = [
        {name: row[name] for name in ("strategy", "label", "task", "setting")} | {"command": again(ids[_name(row)])}
        for row in tables["leaderboard"]
        if _name(row) in ids
    ]
    return Table.of("Each row of the leaderboard", (*ROWS_AGAIN, COMMAND), rows, "records")


def _name(row: Row) -> tuple[str, ...]:
    return row["task"], row["setting"], row["label"]


def _with_commands(trials: Table) -> Table:
    rows = tuple({**row, "command": again([row["id"]])} for row in trials.rows)
    return replace(trials, columns=(*trials.columns, COMMAND), rows=rows)
