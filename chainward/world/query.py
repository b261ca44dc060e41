"""What a party can be asked to do with its own records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from annotated_types import Interval

from chainward.names import is_identifier, quoted
from chainward.world.forms import ContentId, Records
from chainward.world.site import Site
from chainward.world.vocabulary import Kind, Memory, Update

Local = Callable[[Site, Memory, Any], tuple[Any, Memory]]


@dataclass(frozen=True)
class Query:
    """A named local function `(site, memory, payload) -> (reply, memory)`, perhaps followed by others.

    The name is an identifier, because a deployment makes it a message type. A query without a function is the task's
    own training, which an engine runs for all asked parties at once. What one step replies is the next one's payload.
    `reply` is the form of what comes back, a type as Pydantic takes it, read strictly: what has another form is
    unreadable, and nobody gets to work with it.
    """

    name: str
    kind: Kind
    local: Local | None = None
    tail: Query | None = None
    reply: Any = Any

    def __post_init__(self) -> None:
        if not is_identifier(self.name):
            raise ValueError(f"a query cannot be called {quoted(self.name)}; its name is an identifier")

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

    @property
    def form(self) -> Any:
        """The form of what comes back in the end."""
        return self.steps[-1].reply


def _evaluate(site: Site, memory: Memory, weights: Any) -> tuple[Any, Memory]:
    return float(site.accuracy(weights)), memory


def _evaluate_held_out(site: Site, memory: Memory, weights: Any) -> tuple[Any, Memory]:
    accuracy = site.held_out_accuracy(weights)
    return None if accuracy is None else float(accuracy), memory


def _publish(site: Site, memory: Memory, value: Any) -> tuple[Any, Memory]:
    return site.publish(value, Kind.UPDATE), memory


def _share_records(site: Site, memory: Memory, _: Any) -> tuple[Any, Memory]:
    return {"features": site.train.features, "labels": site.train.labels}, memory


def _keep_records(site: Site, memory: Memory, records: Any) -> tuple[Any, Memory]:
    own, kind = site.train.features[:0], site.train.features.dtype
    fitting = [part for part in records.values() if part["features"].shape[1] == own.shape[1]]
    features = np.concatenate([own, *(part["features"].astype(kind) for part in fitting)])
    labels = np.concatenate([site.train.labels[:0], *(part["labels"].astype(kind) for part in fitting)])
    return features.shape[1], {**memory, "features": features, "labels": labels}


def _present(_: Site, memory: Memory, __: None) -> tuple[bool, Memory]:
    return True, memory


PRESENT = Query("present", Kind.CONTROL, _present, reply=bool)
"""Be there; replies True."""

FIT = Query("fit", Kind.UPDATE, reply=Update)
"""Train the task's network from the weights [P] in the payload, also `Held`, `Passes` or `Proximal`.

Replies an `Update`.
"""

ACCURACY = Query("accuracy", Kind.SCORES, _evaluate, reply=Annotated[float, Interval(ge=0.0, le=1.0)])
"""Accuracy of the weights [P] in the payload on the party's own training patients."""

HELD_OUT_ACCURACY = Query(
    "held_out_accuracy", Kind.SCORES, _evaluate_held_out, reply=Annotated[float, Interval(ge=0.0, le=1.0)] | None
)
"""Accuracy of the weights [P] in the payload on the party's held-out patients; None where it has none."""

PUBLISH = Query("publish", Kind.CONTROL, _publish, reply=ContentId)
"""Put what the step before replied into the store, readable by everyone; replies its content id."""

SHARE_RECORDS = Query("share_records", Kind.RECORDS, _share_records, reply=Records)
"""Reply the party's raw training records."""

KEEP_RECORDS = Query("receive", Kind.STATISTICS, _keep_records, reply=int)
"""Keep the records that parties shared, together as `features` and `labels`; replies how many features there are."""
