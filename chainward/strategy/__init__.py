"""What a paper is, and the line-up of papers."""

from chainward.strategy.base import Card, Model, State, Strategy
from chainward.world import Audience, Vector

__all__ = ["Audience", "Card", "Model", "State", "Strategy", "Vector"]
