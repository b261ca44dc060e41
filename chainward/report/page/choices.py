"""What a reader of the page may narrow it down by."""

from __future__ import annotations

from collections.abc import Sequence

from chainward.report.tables.by_name import Tables
from chainward.report.tables.eyes import LADDER
from chainward.report.tables.groups import Row


def strategy_facts(tables: Tables) -> list[Row]:
    """What a reader may look for in rows of each strategy: facts of its card, words, who sees its updates anywhere."""
    cards = {row["strategy"]: row for row in tables["cards"]}
    keys = dict.fromkeys([row["strategy"] for row in (*tables["leaderboard"], *tables["claims"])])
    found = []
    for key in dict.fromkeys((*keys, *cards)):
        card = cards.get(key, {})
        words = " ".join(str(card.get(name, "")) for name in ("title", "authors", "where", "year", "family"))
        facts = {"family": str(card.get("family", "")).split(", "), "consensus": str(card.get("consensus", ""))}
        sees = sorted({row["eyes"] or "" for row in tables["leaderboard"] if row["strategy"] == key})
        found.append({"key": key, **facts, "sees": sees, "words": f"{key} {words}"})
    return found


def choices(tables: Tables, strategies: Sequence[Row]) -> list[tuple[str, str, list[str]]]:
    """What the page can be narrowed down by: a name in the address, its words, and the values there are."""
    sees = {value for one in strategies for value in one["sees"]}
    return [
        ("task", "Task", sorted({row["task"] for row in tables["leaderboard"]})),
        ("family", "Family", sorted({part for one in strategies for part in one["family"]} - {""})),
        ("consensus", "Consensus in the paper", sorted({one["consensus"] for one in strategies} - {""})),
        ("sees", "Who sees updates", [step for step in LADDER if step in sees]),
        ("attack", "Attack", sorted({row["attack"] for row in tables["attacks"]})),
    ]
