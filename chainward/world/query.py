"""What a party can be asked to do with its own records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from chainward.world.site import Site

Memory = Mapping[str, Any]
Local = Callable[["Site", Memory, Any], tuple[Any, Memory]]


class Kind(StrEnum):
    """What sort of thing leaves a party; the meter counts disclosures by it."""

    UPDATE = "individual update"
    NOISED_UPDATE = "noised individual update"
    RECORDS = "raw records"
    SCORES = "scores"
    STATISTICS = "statistics"
    AGGREGATE = "aggregate"
    REFERENCE = "reference"

    @property
    def individual(self) -> bool:
        """Whether this is one hospital's own update, noised or not."""
        return self in (Kind.UPDATE, Kind.NOISED_UPDATE)


class Update(NamedTuple):
    """What training at a party returns: its weights [P], how many patients it has, its mean training loss."""

    weights: npt.NDArray[np.float32]
    samples: int
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
class Query:
    """A named local function `(site, memory, payload) -> (reply, memory)`, perhaps followed by others.

    The name is an identifier, because a deployment makes it a message type. A query without a function is the task's
    own training, which an engine runs for all asked parties at once. What one step replies is the next one's payload.
    """

    name: str
    kind: Kind
    local: Local | None = None
    tail: Query | None = None

    def then(self, tail: Query) -> Query:
        """Return the query that does this and then `tail` at the same party."""
        return replace(self, tail=tail if self.tail is None else self.tail.then(tail))

    @property
    def steps(self) -> tuple[Query, ...]:
        """The functions in order."""
        return (self, *self.tail.steps) if self.tail else (self,)

    @property
    def replies(self) -> Kind:
        """The kind of what comes back in the end."""
        return self.steps[-1].kind


def _evaluate(site: Site, memory: Memory, weights: Any) -> tuple[Any, Memory]:
    probability = site.predict(weights, site.train.features)
    return float(np.mean((probability >= 0.5) == (site.train.labels > 0.5))), memory


def _publish(site: Site, memory: Memory, value: Any) -> tuple[Any, Memory]:
    return site.publish(value, Kind.UPDATE), memory


def _share_records(site: Site, memory: Memory, _: Any) -> tuple[Any, Memory]:
    return {"features": site.train.features, "labels": site.train.labels}, memory


FIT = Query("fit", Kind.UPDATE)
"""Train the task's network from the weights [P] in the payload, also `Held` or `Proximal`; replies an `Update`."""

ACCURACY = Query("accuracy", Kind.SCORES, _evaluate)
"""Accuracy of the weights [P] in the payload on the party's own training patients."""

PUBLISH = Query("publish", Kind.REFERENCE, _publish)
"""Put what the step before replied into the store, readable by everyone; replies its content id."""

SHARE_RECORDS = Query("share_records", Kind.RECORDS, _share_records)
"""Reply the party's raw training records."""
