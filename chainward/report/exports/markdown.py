"""The findings as GitHub-flavoured Markdown, short enough for a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from chainward.report.exports.rows import main_settings, name, outcome, rank, verdict_counts
from chainward.report.formats import printable
from chainward.report.page.needs import findings
from chainward.report.page.origin import Origin
from chainward.report.page.summary import headline, resolution, totals
from chainward.report.tables.by_name import Tables
from chainward.report.tables.groups import Row
from chainward.results.manifest import Manifest

ROWS, LONGEST = 30, 300
"""Rows of a table, and letters of one text from outside."""

_MARKUP = re.compile(r"[\\`*_\[\]<>&|~#@$]")
_COUNTED = {"strategies": ("strategy", "strategies"), "tasks": ("task", "tasks"), "trials": ("trial", "trials")}
_NAMED = re.compile(r"(?<=[@#:])(?=\S)|(?<=\bGH)(?=-\d)", re.IGNORECASE)
_ADDRESS = re.compile(r"\b(www)\.", re.IGNORECASE)


def markdown(tables: Tables, manifest: Manifest | None, origin: Origin) -> str:
    """Return the report in Markdown: findings, needs, the leaderboard of each task, verdicts, where the rest is."""
    parts = [_head(tables, manifest, origin), *_findings(tables), *_needs(tables)]
    for told, rows in main_settings(tables):
        parts += [
            f"### {plain(told['task'])}",
            f"Setting: {plain(told['setting'])}",
            plain(resolution(told), 2000),
            _leaderboard(rows),
        ]
    parts += [*_claims(tables["claims"]), _files(bool(origin.plan))]
    return "\n\n".join(filter(None, parts)) + "\n"


def plain(text: object, longest: int = LONGEST) -> str:
    r"""Return text on one line that Markdown shows as it stands: no markup, no link, nobody is called by name.

    An empty comment stands where GitHub would else find a name, an issue or an emoji in the text.

    Examples:
        >>> plain("a|b @all")
        'a\\|b \\@<!-- -->all'
    """
    told = printable(" ".join(str(text).split()))
    cut = told if len(told) <= longest else f"{told[:longest]}…"
    marked = _NAMED.sub("\0", cut)
    escaped = _MARKUP.sub(lambda found: f"\\{found[0]}", marked)
    return _ADDRESS.sub(r"\1\\.", escaped).replace("\0", "<!-- -->")


def _head(tables: Tables, manifest: Manifest | None, origin: Origin) -> str:
    count, told_of = totals(tables["leaderboard"], tables["claims"]), headline(manifest, (), origin.plan)
    failed = f", {count['failed']} failed" if count["failed"] else ""
    strategies, tasks, trials = (_counted(count[of], *words) for of, words in _COUNTED.items())
    told = f"{strategies} on {tasks}, {trials}{failed}."
    if manifest is None:
        return f"## chainward report\n\n{told} Not verified: there is no manifest."
    verified = "Verified" if origin.verified else "**Not verified**"
    return f"## {plain(told_of['title'])}\n\n{told} {verified}; Merkle root `{manifest.merkle_root}`."


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _findings(tables: Tables) -> Iterator[str]:
    """A sentence a task."""
    compared = {told["task"]: sum(map(_contestant, rows)) for told, rows in main_settings(tables)}
    if found := findings(tables["needs"], compared):
        yield "### Findings"
        yield "\n".join(f"- On {plain(task)}: {plain(sentence, 2000)}" for task, sentence in found)


def _contestant(row: Row) -> bool:
    return row["rank"] is not None and not row["reference"]


def _needs(tables: Tables) -> Iterator[str]:
    """Who serves which need best: sets of rows that cannot be told apart."""
    rows = [row for row in tables["needs"] if row["place"] == 1]
    if rows:
        yield "### Who serves which need"
        columns = ("Task", "Need", "Papers", "References")
        yield _table(columns, ((row["task"], _need(row), *_sets(row)) for row in rows))


def _need(row: Row) -> str:
    return f"{row['need']} ({row['case']})" if row["case"] else str(row["need"])


def _sets(row: Row) -> tuple[str, str]:
    return ", ".join(row["papers"]) or row["words"] or "–", ", ".join(row["references"]) or "–"


def _leaderboard(rows: Sequence[Row]) -> str:
    columns = (
        *("Rank", "Strategy", "AUROC [95 %]", "Minus fedavg", "Gas, total", "Latency, total, s (modelled)"),
        "Sees updates",
    )
    return _table(columns, ((rank(row), name(row), *outcome(row)) for row in rows))


def _claims(rows: Sequence[Row]) -> Iterator[str]:
    if rows:
        yield "### Claims of the papers"
        yield _table(("Verdict", "Claims"), verdict_counts(rows))


def _table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    heads, lines = [*columns], [[*row] for row in rows]
    told = [heads, ["---"] * len(heads), *([plain(cell) for cell in line] for line in lines[:ROWS])]
    more = f"\n\n{len(lines) - ROWS} more rows are in the CSV." if len(lines) > ROWS else ""
    return "\n".join(f"| {' | '.join(line)} |" for line in told) + more


def _files(plan: bool) -> str:
    names = ("index.html", "leaderboard.csv", "claims.csv", "report.json", *(["plan.toml"] if plan else []))
    return f"The whole report: {', '.join(f'[{name}]({name})' for name in names)}."
