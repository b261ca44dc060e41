"""Hospitals that do not keep to the rules: drawn by seed, acting inside the hospital, seen by no strategy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainward.methods.attack import POISONS, label_flip
from chainward.methods.randomness import stream
from chainward.tasks.base import Patients
from chainward.world import Update

LABEL_FLIP = "label_flip"
KINDS = (LABEL_FLIP, *POISONS)


@dataclass(frozen=True)
class Attack:
    """A share of the hospitals, rounded down, attacks in one way; `strength` is its c or the share of labels.

    Raises:
        ValueError: no such kind; a share beyond 0 to 1; a share of labels beyond 0 to 1.
    """

    kind: str
    share: float
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no attack is called {self.kind!r}; there is {', '.join(KINDS)}")
        if not 0 <= self.share <= 1:
            raise ValueError(f"share: {self.share} of the hospitals cannot attack; give 0 to 1")
        if self.kind == LABEL_FLIP and not 0 <= self.strength <= 1:
            raise ValueError(f"strength: {self.strength} of the labels cannot be flipped; give 0 to 1")

    def attackers(self, hospitals: Sequence[str], seed: int) -> tuple[str, ...]:
        """Return who attacks in a trial, in the order of the hospitals."""
        count = int(self.share * len(hospitals) + 1e-9)
        drawn = stream(seed, "attackers").choice(len(hospitals), size=count, replace=False)
        return tuple(hospitals[number] for number in sorted(drawn.tolist()))

    @property
    def on_records(self) -> bool:
        """Whether attackers use spoiled patients; else they give out spoiled updates."""
        return self.kind == LABEL_FLIP

    def records(self, patients: Patients, rng: np.random.Generator) -> Patients:
        """Return an attacker's training patients as it uses them."""
        if not self.on_records:
            return patients
        labels: Any = label_flip(patients.labels, self.strength, rng)
        return replace(patients, labels=labels)

    def update(self, received: Any, update: Update, rng: np.random.Generator) -> Update:
        """Return what an attacker gives out as its training's result; `received` are the weights [P] it began from."""
        poison = POISONS.get(self.kind)
        return (
            update if poison is None else update._replace(weights=poison(received, update.weights, self.strength, rng))
        )
