"""Who sees the update of one hospital: a ladder from nobody to everyone, by what the meter recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from chainward.report.tables.groups import Row

LADDER = (
    "nobody",
    "noised",
    "one party",
    "some hospitals",
    "every hospital",
    "everyone",
    "raw records leave",
)
"""Who sees a hospital's update, from fewest eyes to most; a patient's record that leaves its hospital outweighs all."""

_STEPS = {"coordinator": "one party", "one hospital a round": "one party"}


def eyes(row: Row, disclosures: Iterable[Row]) -> str | None:
    """The step of the ladder on which a row of the leaderboard stands, by what was opened; None without a trial."""
    seen = row["sees_individual_updates"]
    if seen is None:
        return None
    if row["raw_records_shared"]:
        return LADDER[-1]
    kinds = {one["kind"] for one in disclosures if "individual update" in one["kind"]}
    if seen != "nobody" and kinds == {"noised individual update"}:
        return "noised"
    return _STEPS.get(seen, str(seen))


def with_eyes(leaderboard: Iterable[Row], disclosures: Iterable[Row]) -> list[Row]:
    """The rows of the leaderboard, each with its step of the ladder as `eyes`."""
    opened = defaultdict(list)
    for one in disclosures:
        opened[_row(one)].append(one)
    return [{**row, "eyes": eyes(row, opened[_row(row)])} for row in leaderboard]


def _row(row: Row) -> tuple[str, str, str]:
    return row["task"], row["setting"], row["label"]
