"""All results of a report together: what judges and tables look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from chainward.results.papers import Papers
from chainward.results.predictions import Predictions, decode, decode_own_models
from chainward.results.record import Completed, Record
from chainward.strategy import Card


class Opener(Protocol):
    """Opens what a trial predicted, when somebody asks.

    Both raise Unsound where the file is not the one that the record names, ValueError where it cannot be judged.
    """

    def predictions(self, record: Completed) -> Predictions:
        """Return what a trial predicted for its test patients."""

    def own_models(self, record: Completed) -> Mapping[str, Predictions]:
        """Return what each hospital's own model predicted for all of them; empty where all have one model."""


@dataclass(frozen=True)
class InMemory:
    """Opens predictions from the content of their files, by id of the trial."""

    files: Mapping[str, bytes]

    def predictions(self, record: Completed) -> Predictions:
        """Return what a trial predicted for its test patients."""
        return decode(self.files[record.id])

    def own_models(self, record: Completed) -> Mapping[str, Predictions]:
        """Return what each hospital's own model predicted for all of them; empty where all have one model."""
        return decode_own_models(self.files[record.id])


@dataclass(frozen=True)
class Results:
    """Records in order of task, strategy and seed, the papers of their strategies, and what opens predictions."""

    records: tuple[Record, ...]
    papers: Papers
    opener: Opener

    @property
    def completed(self) -> tuple[Completed, ...]:
        """The trials that ran to their end."""
        return tuple(record for record in self.records if record.status == "completed")

    @property
    def strategies(self) -> tuple[str, ...]:
        """Every strategy in the records, in alphabetical order."""
        return tuple(sorted({record.specification.strategy for record in self.records}))

    def card(self, strategy: str) -> Card | None:
        """Return a strategy's card, where its paper is at hand."""
        paper = self.papers.get(strategy)
        return paper.card if paper else None
