"""Rows of other tables -> who serves a need best: sets of rows that cannot be told apart, never a winner among ties."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count, groupby

from chainward.report.tables.eyes import LADDER, with_eyes
from chainward.report.tables.groups import Row
from chainward.results.comparison import best

PAY = frozenset({"paid", "reward", "tokens", "net"})
"""Outcomes by which a protocol tells what a party earned."""

NOT_TRIED = "not tried here"


def need_rows(tables: Mapping[str, Sequence[Row]]) -> list[Row]:
    """Who serves each need best, for each task in its first setting of the leaderboard.

    A row is a set: `papers` and, apart from them, `references`, with the range of their figures from `least` to `most`.
    `place` 1 is the best one; only the ladder of eyes has further ones, each a `case`, and none where no paper stands.
    Other cases are an attack or absences. Where nothing is known, `words` say so. `accurate` are those that cost least
    among the most accurate.
    """
    rows = with_eyes(tables["leaderboard"], tables["disclosures"])
    return [
        {"task": task, "setting": setting, **need}
        for task, setting, mine in _main(rows)
        for need in (
            *_simple(mine),
            *_ladder(mine),
            *_attackers(_of(tables["attacks"], task, setting), _of(rows, task, setting)),
            *_absence([row for row in rows if row["task"] == task], setting),
            _paying(mine, _of(tables["outcomes"], task, setting), _of(tables["hospitals"], task, setting)),
        )
    ]


def not_told_apart(rows: Sequence[Row], value: Callable[[Row], float] = lambda row: row["auroc_mean"]) -> list[Row]:
    """The rows that cannot be told apart from the one of the highest value, in the order of labels."""
    if not rows:
        return []
    top = rows[best([value(row) for row in rows], [row["label"] for row in rows])]
    tied = [row for row in rows if row["label"] not in top["better_than"] and top["label"] not in row["better_than"]]
    return sorted(tied, key=lambda row: str(row["label"]))


def _main(rows: Sequence[Row]) -> Iterable[tuple[str, str, list[Row]]]:
    for task, members in groupby(rows, key=lambda row: row["task"]):
        mine = list(members)
        setting = mine[0]["setting"]
        yield task, setting, [row for row in mine if row["setting"] == setting and row["rank"] is not None]


def _simple(rows: Sequence[Row]) -> list[Row]:
    accurate = {row["label"] for row in not_told_apart([row for row in rows if not row["reference"]])}
    return [
        _need("accuracy", rows, not_told_apart, lambda row: row["auroc_mean"], "measured"),
        _cost("gas", rows, lambda row: round(row["gas_total"]), "measured", accurate),
        _cost("latency", rows, lambda row: float(f"{row['latency_total_s']:.3g}"), "modelled", accurate),
    ]


def _cost(name: str, rows: Sequence[Row], cost: Callable[[Row], float], label: str, accurate: set[str]) -> Row:
    """Costs are compared as printed: what rounding hides is no difference."""

    def least(some: Sequence[Row]) -> list[Row]:
        return [row for row in some if cost(row) == min(map(cost, some))]

    found = _need(name, rows, least, cost, label)
    close = least([row for row in rows if row["label"] in accurate])
    if not close or {row["label"] for row in close} & set(found["papers"]):
        return found
    return {**found, "accurate": _labels(close), "accurate_least": cost(close[0])}


def _ladder(rows: Sequence[Row]) -> list[Row]:
    """A set a step that somebody stands on."""
    places, found = count(1), []
    for step in LADDER:
        need = _need("fewest eyes", [row for row in rows if row["eyes"] == step], list, None, "measured")
        if need["papers"] or need["references"]:
            found.append({**need, "case": step, "place": next(places) if need["papers"] else None})
    return found or [_need("fewest eyes", [], list, None, "measured")]


def _attackers(attacks: Sequence[Row], rows: Sequence[Row]) -> list[Row]:
    """Who loses least AUROC under each attack that was tried; who it does not reach has no figure."""
    reference = {row["label"]: row["reference"] for row in rows}
    known = [{**row, "reference": reference.get(row["label"], False)} for row in attacks if row["rank"] is not None]
    found = []
    for attack in dict.fromkeys(row["attack"] for row in known):
        members = [row for row in known if row["attack"] == attack]
        need = _need("attackers", members, _losing_least, lambda row: row["drop"], "measured")
        found.append({**need, "case": attack})
    return found or [_need("attackers", [], list, None, "measured")]


def _losing_least(rows: Sequence[Row]) -> list[Row]:
    return not_told_apart(rows, lambda row: -row["drop"])


def _absence(rows: Sequence[Row], main: str) -> list[Row]:
    """The most accurate where hospitals were absent, and all else as in the main setting, which may be such a one."""
    calm = {_calm(row) for row in rows if row["setting"] == main}
    found = []
    absent = [row for row in rows if row["faults"] and _calm(row) in calm]
    for faults, setting in dict.fromkeys((row["faults"], row["setting"]) for row in absent):
        members = [row for row in rows if row["setting"] == setting and row["rank"] is not None]
        need = _need("absence", members, not_told_apart, lambda row: row["auroc_mean"], "measured")
        found.append({**need, "case": faults})
    return found or [_need("absence", [], list, None, "measured")]


def _calm(row: Row) -> str:
    """The setting of a row, were nobody absent."""
    faults = row["faults"]
    return str(row["setting"]).replace(f"faults: {faults}", "no faults") if faults else str(row["setting"])


def _paying(rows: Sequence[Row], outcomes: Iterable[Row], hospitals: Iterable[Row]) -> Row:
    """Whoever paid a hospital anything in these trials."""
    names = {row["hospital"] for row in hospitals}
    paying = {row["label"] for row in outcomes if row["quantity"] in PAY and row["party"] in names and row["value"] > 0}
    found = _need("pays contributors", [row for row in rows if row["label"] in paying], list, None, "measured")
    return {**found, "words": "" if found["papers"] or found["references"] else "nobody was paid here"}


def _need(
    name: str,
    rows: Sequence[Row],
    among: Callable[[Sequence[Row]], list[Row]],
    figure: Callable[[Row], float] | None,
    label: str,
) -> Row:
    """The best among papers and, apart, among references."""
    papers, references = (among([row for row in rows if row["reference"] == kind]) for kind in (False, True))
    values = [figure(row) for row in papers] if figure else []
    others = [figure(row) for row in references] if figure else []
    return {
        "need": name,
        "case": "",
        "place": 1,
        "papers": _labels(papers),
        "references": _labels(references),
        "least": min(values, default=None),
        "most": max(values, default=None),
        "references_least": min(others, default=None),
        "references_most": max(others, default=None),
        "accurate": [],
        "accurate_least": None,
        "label": label,
        "words": "" if rows else NOT_TRIED if name in ("attackers", "absence") else "no paper has all its seeds",
    }


def _labels(rows: Iterable[Row]) -> list[str]:
    return sorted(str(row["label"]) for row in rows)


def _of(rows: Iterable[Row], task: str, setting: str) -> list[Row]:
    return [row for row in rows if row["task"] == task and row["setting"] == setting]
