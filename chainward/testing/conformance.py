"""All checks together."""

from __future__ import annotations

from chainward.testing.attacked import AttackChecks
from chainward.testing.card import CardChecks
from chainward.testing.facts import FactChecks
from chainward.testing.runs import RunChecks


class StrategyConformance(CardChecks, FactChecks, RunChecks, AttackChecks):
    """What every strategy must hold. Inherit it, set `key`, and let pytest collect the class."""
