"""What a paper is, and the line-up of papers.

A paper is a `Strategy`: a frozen dataclass whose fields are hyper-parameters, with `open`, `round` and `model`, and a
`card`, which is a `Card`: its words, and facts that the meter checks. These and `chainward.world` are all that an
author imports besides pure functions of `chainward.methods`:

    from chainward.strategy import Audience, Card, Strategy, Vector
    from chainward.world import FIT, PUBLISH, Kind, Memory, Query, Site, World

Audience
    Who sees the update of one hospital, from `Audience.NOBODY` to `Audience.EVERYONE`; a card promises it.
Vector
    The type of a float32 array, such as the weights [P] of the task's network.
Model
    What `Strategy.model` returns: weights, anything else that `predict` takes, or a mapping from hospital to its own.
State
    The type variable of a strategy's state: `class MyPaper(Strategy[State])` names its own dataclass.

`chainward.strategy.discovery` finds strategies by their keys; `load("fedavg")` returns the class. A package of your own
brings strategies by entry points of the group `chainward.strategies`. A key that another package has too is refused,
unless it is written `package:key`, or `chainward:key` for ours.
"""

from chainward.strategy.base import Model, State, Strategy
from chainward.strategy.card import Card
from chainward.world import Audience, Vector

__all__ = ["Audience", "Card", "Model", "State", "Strategy", "Vector"]
