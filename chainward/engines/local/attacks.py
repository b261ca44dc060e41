"""Hospitals that do not keep to the rules: drawn by seed, acting inside the hospital, seen by no strategy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainward.methods.attack import MALFORMED, POISONS, label_flip
from chainward.methods.randomness import stream
from chainward.tasks.base import Patients
from chainward.world import Update

LABEL_FLIP, COPY = "label_flip", "copy"
CONDUCT = ("malformed", "false_score", "first_to_answer", "silent", COPY)
"""What attackers do in the protocol, whatever their updates are."""

KINDS = (LABEL_FLIP, *POISONS, *CONDUCT)


@dataclass(frozen=True)
class Attack:
    """A share of the hospitals, rounded down, attacks in one way, and `also` in others of `CONDUCT`.

    `strength` is an update's c or the share of labels; of what attackers do in the protocol it is the share of
    occasions on which they do. `form` is one of `MALFORMED`, or "" to draw one for each occasion.

    Raises:
        ValueError: no such kind or form; a share, of hospitals, labels or occasions, beyond 0 to 1.
    """

    kind: str
    share: float
    strength: float = 1.0
    also: tuple[str, ...] = ()
    form: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no attack is called {self.kind!r}; there is {', '.join(KINDS)}")
        if unknown := next((kind for kind in self.also if kind not in CONDUCT), None):
            raise ValueError(f"also: no conduct is called {unknown!r}; there is {', '.join(CONDUCT)}")
        if len({self.kind, *self.also}) <= len(self.also):
            raise ValueError(f"also: {', '.join(self.also)} beside {self.kind} says something twice; say it once")
        if self.form and "malformed" not in (self.kind, *self.also):
            raise ValueError(f"form: {self.kind} has none; only malformed has")
        if self.form and self.form not in MALFORMED:
            raise ValueError(f"form: none is called {self.form!r}; there is {', '.join(MALFORMED)}")
        if not 0 <= self.share <= 1:
            raise ValueError(f"share: {self.share} of the hospitals cannot attack; give 0 to 1")
        if self.kind in (LABEL_FLIP, *CONDUCT) and self.kind != COPY and not 0 <= self.strength <= 1:
            what = "labels" if self.on_records else "occasions"
            raise ValueError(f"strength: {self.strength} is no share of {what}; give 0 to 1")

    def attackers(self, hospitals: Sequence[str], seed: int) -> tuple[str, ...]:
        """Return who attacks in a trial, in the order of the hospitals."""
        count = int(self.share * len(hospitals) + 1e-9)
        drawn = stream(seed, "attackers").choice(len(hospitals), size=count, replace=False)
        return tuple(hospitals[number] for number in sorted(drawn.tolist()))

    @property
    def on_records(self) -> bool:
        """Whether attackers use spoiled patients; else they give out spoiled updates."""
        return self.kind == LABEL_FLIP

    @property
    def on_updates(self) -> bool:
        """Whether attackers give out another update than the one they trained."""
        return self.kind in POISONS or COPY in (self.kind, *self.also)

    def conduct(self, rng: np.random.Generator) -> frozenset[str]:
        """Return what an attacker does in the protocol on one occasion."""
        own = {self.kind} & set(CONDUCT) if rng.random() < self.strength else set()
        return frozenset(own | set(self.also))

    def records(self, patients: Patients, rng: np.random.Generator) -> Patients:
        """Return an attacker's training patients as it uses them."""
        if not self.on_records:
            return patients
        labels: Any = label_flip(patients.labels, self.strength, rng)
        return replace(patients, labels=labels)

    def update(self, received: Any, update: Update, copied: Any, rng: np.random.Generator) -> Update:
        """Return what an attacker gives out as its training's result.

        `received` are the weights [P] it began from, `copied` those of somebody else that it read last.
        """
        if COPY in (self.kind, *self.also):
            update = update._replace(weights=copied)
        poison = POISONS.get(self.kind)
        return (
            update if poison is None else update._replace(weights=poison(received, update.weights, self.strength, rng))
        )
