"""Decisions are referred to by id: ids count up, and whatever replaces an entry comes after it."""

from __future__ import annotations

import re
from pathlib import Path

DECISIONS = Path(__file__).parents[1] / "docs" / "decisions.md"
ENTRY = re.compile(r"D(?P<id>[1-9]\d*) · (?P<date>\d{4}-\d{2}-\d{2}) · \S.*")
REPLACED = re.compile(r"(?:superseded|amended) by D(\d+)", re.IGNORECASE)


def entries() -> list[tuple[int, str, str]]:
    """Id, date and text of every entry of docs/decisions.md, in order."""
    _, *sections = re.split("^## ", DECISIONS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = []
    for section in sections:
        heading, _, text = section.partition("\n")
        entry = ENTRY.fullmatch(heading)
        assert entry, f"docs/decisions.md: write '## D7 · 2026-11-24 · Title', not '## {heading}'"
        found.append((int(entry["id"]), entry["date"], text))
    return found


def test_ids_count_up_from_one_and_dates_never_go_back() -> None:
    ids, dates, _ = zip(*entries(), strict=True)
    assert ids == tuple(range(1, len(ids) + 1))
    assert list(dates) == sorted(dates)


def test_what_replaces_an_entry_is_a_later_one() -> None:
    last = entries()[-1][0]
    replaced = [(entry, int(by)) for entry, _, text in entries() for by in REPLACED.findall(text)]
    assert replaced
    assert [(entry, by) for entry, by in replaced if not entry < by <= last] == []
