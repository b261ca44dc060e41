"""Records -> every table beside the leaderboard. Pure, like the leaderboard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from chainward.report.tables.costs import mean
from chainward.report.tables.groups import Group, Record, Row, group, plain

Verdict = Mapping[str, Any]


def gas_function_rows(records: Iterable[Record]) -> list[Row]:
    """Gas a contract function: extremes over all trials, the median of the trials' medians, means of the totals."""
    rows = []
    for one in group(records):
        for (contract, function, phase), found in _by(one, "gas_functions", ("contract", "function", "phase")):
            trials = len(one.completed)
            sums = {name: sum(each[name] for each in found) for name in ("calls", "total", "total_eip7623", "reverted")}
            figures = {name: value / trials for name, value in sums.items()}
            spread = {
                "min": min(each["min"] for each in found),
                "median": median(each["median"] for each in found),
                "max": max(each["max"] for each in found),
            }
            rows.append(
                {**one.identity, "contract": contract, "function": function, "phase": phase, **spread, **figures}
            )
    return rows


def learning_curve_rows(records: Iterable[Record]) -> list[Row]:
    """Validation AUROC a round: mean, least and greatest over the seeds that reached it."""
    rows = []
    for one in group(records):
        for (number,), found in _by(one, "rounds", ("round",)):
            known = [each["validation_auroc"] for each in found if each["validation_auroc"] is not None]
            if known:
                spread = {"auroc_mean": mean(known), "auroc_min": min(known), "auroc_max": max(known)}
                rows.append({**one.identity, "round": number, "trials": len(known), **spread})
    return rows


def disclosure_rows(records: Iterable[Record]) -> list[Row]:
    """What was opened by whom: count and bytes a trial, means over the completed trials."""
    rows = []
    for one in group(records):
        for (kind, audience), found in _by(one, "disclosures", ("kind", "audience")):
            figures = {name: sum(each[name] for each in found) / len(one.completed) for name in ("count", "bytes")}
            rows.append({**one.identity, "kind": kind, "audience": audience, **figures})
    return rows


def hospital_rows(leaderboard: Iterable[Row]) -> list[Row]:
    """AUROC in each hospital from pooled out-of-fold predictions, or why there is none; from leaderboard rows."""
    names = ("task", "strategy", "track", "label", "setting")
    return [{**{name: row[name] for name in names}, **one} for row in leaderboard for one in row["auroc_hospitals"]]


def number_rows(records: Iterable[Record]) -> list[Row]:
    """Hyper-parameters asked for and counts actually used (a committee scaled to the federation, say)."""
    rows = []
    for one in group(records):
        asked = {name: [value] for name, value in one.records[0]["specification"]["params"].items()}
        used: dict[str, list[Any]] = {}
        for trial in one.completed:
            for name, value in (trial["numbers"] or {}).items():
                used.setdefault(name, []).append(value)
        for kind, values in (("parameter", asked), ("number used", used)):
            rows += [
                {**one.identity, "kind": kind, "name": name, "value": ", ".join(sorted(set(map(plain, values[name]))))}
                for name in sorted(values)
            ]
    return rows


def outcome_rows(records: Iterable[Record]) -> list[Row]:
    """What a protocol decided about each party or part in the end (pay, scores, forks), mean over completed trials."""
    rows = []
    for one in group(records):
        found: dict[tuple[str, str], list[float]] = {}
        for trial in one.completed:
            for quantity, values in trial.get("outcomes", {}).items():
                for party, value in values.items():
                    found.setdefault((quantity, party), []).append(value)
        for (quantity, party), values in sorted(found.items()):
            rows.append({**one.identity, "quantity": quantity, "party": party, "value": mean(values)})
    return rows


def failed_rows(records: Iterable[Record]) -> list[Row]:
    """Trials that raised, with their traceback."""
    rows = []
    for one in group(records):
        for trial in one.records:
            if trial["status"] != "completed":
                error = trial["error"] or {}
                told = {name: error.get(name, "") for name in ("type", "message", "traceback")}
                rows.append({**one.identity, "id": trial["id"], "seed": trial["specification"]["seed"], **told})
    return rows


def record_rows(records: Iterable[Record]) -> list[Row]:
    """The index of trials: identity, status, digests."""
    rows = []
    for one in group(records):
        for trial in one.records:
            about = {"id": trial["id"], "seed": trial["specification"]["seed"], "status": trial["status"]}
            digests = {f"{name}_digest": trial["digests"][name] for name in ("data", "code")}
            created = (trial["provenance"] or {}).get("created")
            rows.append({**about, **one.identity, **digests, "created": created})
    return rows


def provenance_rows(records: Iterable[Record]) -> list[Row]:
    """Where the trials ran: one row a distinct commit, machine and set of versions."""
    found: dict[tuple[str, ...], list[str]] = {}
    for record in records:
        made = record["provenance"] or {}
        versions = ", ".join(f"{name} {value}" for name, value in sorted((made.get("versions") or {}).items()))
        key = (str(made.get("commit") or ""), str(made.get("platform") or ""), str(made.get("device") or ""), versions)
        found.setdefault(key, []).append(str(made.get("created") or ""))
    names = ("commit", "platform", "device", "versions")
    return [
        {**dict(zip(names, key, strict=True)), "trials": len(times), "first": min(times), "last": max(times)}
        for key, times in sorted(found.items())
    ]


def card_rows(records: Iterable[Record]) -> list[Row]:
    """The cards, one a strategy, as their records carried them."""
    cards = {one.identity["strategy"]: one.card for one in group(records) if one.card}
    return [{"strategy": name, **cards[name]} for name in sorted(cards)]


def claim_rows(records: Sequence[Record], verdicts: Iterable[Verdict]) -> list[Row]:
    """Every claim on a card with its verdict; a claim that nobody judged says so."""
    judged = {(verdict["strategy"], verdict["key"]): dict(verdict) for verdict in verdicts}
    unjudged = {"verdict": "not judged", "found": "", "records": [], "why": "no plan in these records decides it"}
    ordered = sorted(records, key=lambda record: (record["specification"]["strategy"], record["id"]))
    known: dict[tuple[str, str], Row] = {}
    for record in ordered:
        for claim in record["claims"] or []:
            strategy = record["specification"]["strategy"]
            told = {name: claim.get(name, "") for name in ("key", "claim", "tier", "quoted")}
            known[strategy, claim["key"]] = {"strategy": strategy, **told, "rule": _rule(claim), **unjudged}
    return [known.get(key, {}) | judged.get(key, {}) for key in sorted(known.keys() | judged.keys())]


def _rule(claim: Mapping[str, Any]) -> dict[str, str]:
    """A claim's rule as verdicts carry it; a paper's own file writes the two parts side by side."""
    parts = claim.get("rule", claim)
    return {name: parts.get(name, "") for name in ("reproduced", "partly")}


def _by(one: Group, field: str, names: tuple[str, ...]) -> list[tuple[tuple[Any, ...], list[Row]]]:
    """The entries of `field` in all completed trials, by the values of `names`."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for trial in one.completed:
        for entry in trial[field] or []:
            found.setdefault(tuple(entry[name] for name in names), []).append(entry)
    return sorted(found.items())
