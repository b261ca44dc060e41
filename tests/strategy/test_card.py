"""A card's words stand beside the file; a mistake in them is one line that names file and field."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from chainward.errors import ChainwardError
from chainward.strategy import Audience, Card, discovery

WORDS = """\
[card]
title = "A Paper"
authors = "One, Two"
where = "2020, arXiv 1"
year = 2020
family = "committee"
tier = "T1"
summary = "They train."
consensus = "any"
deviations = ["One.", "Two."]

[card.published.training]
learning_rate = 0.5
"""


def beside(folder: Path, words: str | None) -> Card:
    if words is not None:
        (folder / "paper.toml").write_text(words, encoding="utf-8")
    return Card.beside(
        str(folder / "paper.py"),
        contracts=("One",),
        sees_individual_updates=Audience.NOBODY,
        raw_records_shared="none",
        spends_gas=True,
        tolerates_absence=False,
    )


def test_words_beside_the_file_and_facts_in_the_code_make_a_card(tmp_path: Path) -> None:
    card = beside(tmp_path, WORDS)
    assert (card.key, card.title, card.year, card.tier) == ("paper", "A Paper", 2020, "T1")
    assert card.deviations == ("One.", "Two.")
    assert card.published == {"training": {"learning_rate": 0.5}}
    assert (card.contracts, card.spends_gas, card.ends_by_itself, card.names) == (("One",), True, False, ())
    assert card == Card(**{field.name: getattr(card, field.name) for field in dataclasses.fields(Card)})


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (None, "paper.toml: cannot be read"),
        ("", r"paper.toml: no table \[card\]"),
        ("card = 1", "paper.toml: card: must be a table"),
        ("[card", "paper.toml: "),
        (WORDS.replace('authors = "One, Two"\n', ""), "paper.toml: card: authors: "),
        (WORDS.replace('"A Paper"', "7"), "paper.toml: card: title: .* string .*7"),
        (WORDS.replace("2020\n", '"2020"\n'), "paper.toml: card: year: .* integer .*'2020'"),
        (WORDS.replace('"T1"', '"T4"'), "paper.toml: card: tier: .*T1.*T4"),
        (WORDS.replace('["One.", "Two."]', '["One.", 2]'), r"paper.toml: card: deviations.1: .* string"),
        (WORDS.replace("summary", "sumary"), "paper.toml: card: no field 'sumary'; it has title, "),
        (WORDS.replace("[card]", "[card]\nspends_gas = true"), "paper.toml: card: no field 'spends_gas'"),
    ],
)
def test_a_mistake_names_file_and_field_in_one_line(tmp_path: Path, words: str | None, told: str) -> None:
    with pytest.raises(ChainwardError, match=told) as caught:
        beside(tmp_path, words)
    assert "\n" not in str(caught.value)


def test_a_paper_with_a_broken_card_says_so_under_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "REIMPLEMENTATIONS", tmp_path)
    call = (
        "Card.beside(__file__, sees_individual_updates=None, raw_records_shared='', spends_gas=0, tolerates_absence=0)"
    )
    text = f"from chainward.strategy import Card\n\ncard = {call}\n"
    (tmp_path / "broken_card.py").write_text(text, encoding="utf-8")
    with pytest.raises(ChainwardError, match=r"^broken_card.toml: cannot be read"):
        discovery.load("broken_card")
