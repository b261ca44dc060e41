"""The committed gas snapshot: what each contract function costs, so that a change of cost is a line in review."""

from __future__ import annotations

from typing import Any

from chainward.folders import GAS_SNAPSHOT

HEADER = "# contract function calls min median max (gas; three rounds on six synthetic hospitals)"


def read() -> list[dict[str, Any]]:
    """Return the rows of the committed snapshot; none when it is missing."""
    if not GAS_SNAPSHOT.is_file():
        return []
    lines = (
        line.split() for line in GAS_SNAPSHOT.read_text(encoding="utf-8").splitlines() if line[:1] not in ("#", "")
    )
    return [
        {
            "contract": contract,
            "function": function,
            "calls": int(calls),
            "min": int(low),
            "median": float(median),
            "max": int(high),
        }
        for contract, function, calls, low, median, high in lines
    ]


def text(rows: list[dict[str, Any]]) -> str:
    """Return the snapshot file for rows as `read` gives them."""
    lines = [
        f"{row['contract']} {row['function']} {row['calls']} {row['min']} {row['median']:.0f} {row['max']}"
        for row in sorted(rows, key=lambda row: (row["contract"], row["function"]))
    ]
    return "\n".join([HEADER, *lines]) + "\n"
