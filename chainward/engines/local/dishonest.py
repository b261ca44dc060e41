"""The inside of a hospital that attacks: what it reads, says and publishes goes another way there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainward.methods.attack import MALFORMED, malformed
from chainward.world import Kind, Site

COPIED = "copied"
"""Where an attacker's memory holds the weights [P] of somebody else that it read last."""

ALSO_REPLIED = 0.25
"""How often a reply is malformed too where something malformed was published with it."""


@dataclass
class DishonestSite(Site):
    """A site whose hospital does the things in `conduct`; `accomplices` are all who attack, itself among them."""

    conduct: frozenset[str] = frozenset()
    accomplices: tuple[str, ...] = ()
    form: str = ""
    luck: np.random.Generator = field(default_factory=np.random.default_rng)
    copied: Any = None
    acted: bool = False

    def __post_init__(self) -> None:
        self.form = self.form or str(self.luck.choice(list(MALFORMED)))

    def scores(self, scores: Mapping[str, Any], lowest: Any, highest: Any) -> dict[str, Any]:
        """Return the highest score for itself and its accomplices, the lowest for all others, if it lies."""
        if "false_score" not in self.conduct:
            return super().scores(scores, lowest, highest)
        self.acted = True
        return {party: highest if party in self.accomplices else lowest for party in scores}

    def publish(self, value: Any, kind: Kind, readers: tuple[str, ...] | None = None) -> str:
        """Put something else into the store than what it must be, or nothing."""
        if "malformed" not in self.conduct:
            return super().publish(value, kind, readers)
        self.acted = True
        if self.form == "unserved":
            return str(malformed("", self.form, self.luck))
        return super().publish(malformed(value, self.form, self.luck), kind, readers)

    def reply(self, value: Any) -> Any:
        """Return what it replies in place of a value: where it published something malformed, mostly the value."""
        if "malformed" not in self.conduct or (self.acted and self.luck.random() >= ALSO_REPLIED):
            return value
        self.acted = True
        return malformed(value, self.form, self.luck)

    def _readable(self, given: Mapping[str, Any], reading: Any) -> dict[str, Any]:
        found = super()._readable(given, reading)
        for party, value in found.items():
            weights = getattr(value, "weights", value)
            if party != self.name and getattr(weights, "shape", None) == (self.network.parameters,):
                self.copied = weights
        return found
