"""The words that strategies, engines and meters share: what leaves a party, who sees it, what can go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from annotated_types import Interval

from chainward.errors import ChainwardError
from chainward.world.forms import Weights

Memory = Mapping[str, Any]

MOST_SAMPLES = 10**9
"""The most patients that anybody can say to have trained on."""


class Audience(StrEnum):
    """Who gets to see the update of one hospital within one round, from fewest to most."""

    NOBODY = "nobody"
    COORDINATOR = "coordinator"
    ONE_HOSPITAL = "one hospital a round"
    SOME_HOSPITALS = "some hospitals"
    EVERY_HOSPITAL = "every hospital"
    EVERYONE = "everyone"

    @property
    def rank(self) -> int:
        """Position in the order from nobody (0) to everyone (5)."""
        return list(Audience).index(self)


class Kind(StrEnum):
    """What sort of thing leaves a party; the meter counts disclosures by it."""

    UPDATE = "individual update"
    NOISED_UPDATE = "noised individual update"
    RECORDS = "raw records"
    SCORES = "scores"
    STATISTICS = "statistics"
    AGGREGATE = "aggregate"
    SHARE = "secret share"
    CONTROL = "control message"

    @property
    def individual(self) -> bool:
        """Whether this is one hospital's own update, noised or not."""
        return self in (Kind.UPDATE, Kind.NOISED_UPDATE)


class Update(NamedTuple):
    """What training at a party returns: its weights [P], how many patients it has, its mean training loss."""

    weights: Weights
    samples: Annotated[int, Interval(ge=0, le=MOST_SAMPLES)]
    loss: float


@dataclass(frozen=True)
class Held:
    """Weights that stay in a party's memory under `name`; before there are any, the task's first weights.

    As the payload of `FIT` a party trains on from its own; as a strategy's model for a hospital they are judged on
    that hospital's patients. `owner` names another party than the one itself.
    """

    name: str
    owner: str | None = None


@dataclass(frozen=True)
class Proximal:
    """Weights [P] from which `FIT` trains and to which (mu / 2) ||w - weights||^2 in its objective holds it.

    Li et al. 2020, "Federated Optimization in Heterogeneous Networks", eq. 2. With mu = 0 it is the weights alone.
    """

    weights: Any
    mu: float


@dataclass(frozen=True)
class Passes:
    """Weights [P] from which `FIT` trains for so many passes over a party's patients, in place of the task's steps."""

    weights: Any
    passes: int


class HospitalAbsent(ChainwardError):
    """A strategy that cannot go on without a hospital names it."""


class Reverted(ChainwardError):
    """A contract refused a call; `reason` is the contract's own word."""

    def __init__(self, contract: str, function: str, reason: str) -> None:
        super().__init__(f"{contract}.{function} reverted: {reason}")
        self.contract, self.function, self.reason = contract, function, reason

    def __reduce__(self) -> tuple[type[Reverted], tuple[str, str, str]]:
        return type(self), (self.contract, self.function, self.reason)
