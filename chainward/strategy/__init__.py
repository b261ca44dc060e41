"""What a paper is, and the line-up of papers."""

from chainward.strategy.base import Model, State, Strategy
from chainward.strategy.card import Card
from chainward.world import Audience, Vector

__all__ = ["Audience", "Card", "Model", "State", "Strategy", "Vector"]
