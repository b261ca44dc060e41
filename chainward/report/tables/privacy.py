"""Who opened what: for each strategy the audiences of each kind of thing, and which of them is the widest."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from chainward.report.tables.groups import Row
from chainward.world import Audience, Kind

KINDS: Mapping[str, str] = {
    kind.name.lower(): kind.value
    for kind in (
        Kind.RECORDS,
        Kind.UPDATE,
        Kind.NOISED_UPDATE,
        Kind.SCORES,
        Kind.STATISTICS,
        Kind.SHARE,
        Kind.AGGREGATE,
        Kind.CONTROL,
    )
}
"""What may be opened, by the name of its columns, what tells most of a patient first."""

PARTY, HOSPITALS = "another party", "hospitals"
LADDER = (
    Audience.NOBODY.value,
    Audience.COORDINATOR.value,
    PARTY,
    Audience.ONE_HOSPITAL.value,
    Audience.SOME_HOSPITALS.value,
    HOSPITALS,
    Audience.EVERY_HOSPITAL.value,
    Audience.EVERYONE.value,
)
"""Audiences, the narrowest first. How many hospitals opened a thing is known of updates; else it is `hospitals`."""

_AMONG_HOSPITALS = (Audience.ONE_HOSPITAL, Audience.SOME_HOSPITALS, Audience.EVERY_HOSPITAL)
_INDIVIDUAL = {kind.value for kind in Kind if kind.individual}
_NUMBER = re.compile(r" \d+$")
_NAMES = ("task", "strategy", "track", "label", "setting", "attack")


def privacy_rows(leaderboard: Iterable[Row], disclosures: Iterable[Row]) -> list[Row]:
    """A row a strategy and who opened something of others, `nobody` where none did; from other tables' rows.

    Of each kind `KIND_opened` and `KIND_bytes`, means a trial, are None where nothing was opened, and `KIND_by` is the
    step of `LADDER`. Parties that differ in their number alone are one who.
    """
    opened: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in disclosures:
        opened[_key(row)].append(row)
    return [
        each
        for row in leaderboard
        if row["trials"] > row["failed"]
        for each in _rows({name: row[name] for name in _NAMES}, opened[_key(row)], row["sees_individual_updates"])
    ]


def widest(rows: Iterable[Row]) -> dict[str, str]:
    """The widest audience of each kind over the rows of one strategy; nobody of what was not opened."""
    rows = list(rows)
    steps = {kind: [row[f"{kind}_by"] for row in rows if row[f"{kind}_by"]] for kind in KINDS}
    return {kind: max(found, key=LADDER.index, default=LADDER[0]) for kind, found in steps.items()}


def _key(row: Row) -> tuple[str, ...]:
    return row["task"], row["setting"], row["label"]


def _rows(identity: Row, disclosures: Sequence[Row], seen: str | None) -> list[Row]:
    parties: dict[str, list[Row]] = defaultdict(list)
    for row in disclosures:
        parties[_NUMBER.sub("", row["audience"])].append(row)
    found = [_row(identity, who, rows, seen) for who, rows in parties.items()]
    found.sort(key=lambda row: (LADDER.index(row["audience"]), row["who"]))
    return found or [_row(identity, LADDER[0], [], seen)]


def _row(identity: Row, who: str, disclosures: Sequence[Row], seen: str | None) -> Row:
    several = len({row["audience"] for row in disclosures})
    audience = who if who in LADDER else PARTY
    told: Row = {**identity, "who": f"{who} ({several} of them)" if several > 1 else who, "audience": audience}
    for name, kind in KINDS.items():
        mine = [row for row in disclosures if row["kind"] == kind]
        told[f"{name}_opened"], told[f"{name}_bytes"] = (
            sum(row[figure] for row in mine) if mine else None for figure in ("count", "bytes")
        )
        told[f"{name}_by"] = _step(audience, kind, seen) if mine else None
    return told


def _step(audience: str, kind: str, seen: str | None) -> str:
    """How many hospitals is known of updates, where no wider audience hides it."""
    known = audience == HOSPITALS and kind in _INDIVIDUAL and seen in _AMONG_HOSPITALS
    return str(seen) if known else audience
