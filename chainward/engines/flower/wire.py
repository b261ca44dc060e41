"""What travels between driver and hospitals, as canonical bytes that keep types, order and no code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from inspect import isroutine
from types import ModuleType
from typing import Annotated, Any, NamedTuple

from annotated_types import Interval
from pydantic import TypeAdapter

from chainward import codec
from chainward.errors import ChainwardError
from chainward.names import is_identifier, quoted
from chainward.strategy import Strategy
from chainward.world import Answer, Cost, Held, Kind, Passes, Proximal, Published, Query, Update
from chainward.world import query as built_in
from chainward.world.forms import Garbled

CONFIG, ASKED, ANSWER, ERROR, SETTINGS = "config", "question", "answer", "error", "settings"
"""The record of our messages, and what may be in it."""

_MAPPING, _SEQUENCE, _UPDATE, _HELD, _PROXIMAL, _PASSES = range(6)
_BUILT_IN = built_in.__name__


def dumps(value: Any) -> bytes:
    """Encode so that `loads` gives the same again: mappings keep their order, and the world's own types their name."""
    return codec.encode(_packed(value))


def loads(data: bytes) -> Any:
    """Invert `dumps`; lists come back as tuples, other dataclasses as mappings of their fields."""
    return _unpacked(codec.decode(data))


def _packed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return (_MAPPING, *(_packed(part) for item in value.items() for part in item))
    if isinstance(value, Held):
        return (_HELD, value.name, value.owner)
    if isinstance(value, Proximal):
        return (_PROXIMAL, _packed(value.weights), value.mu)
    if isinstance(value, Passes):
        return (_PASSES, _packed(value.weights), value.passes)
    if isinstance(value, tuple | list):
        return (_UPDATE if isinstance(value, Update) else _SEQUENCE, *(_packed(item) for item in value))
    return value


def _unpacked(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    sort, *parts = value
    items = [_unpacked(part) for part in parts]
    if sort == _MAPPING:
        return dict(zip(items[::2], items[1::2], strict=True))
    sorts = {_UPDATE: Update, _HELD: Held, _PROXIMAL: Proximal, _PASSES: Passes}
    return tuple(items) if sort == _SEQUENCE else sorts[sort](*items)


@dataclass(frozen=True)
class Question:
    """One message to one hospital: the steps of a query by name, the occasion, the payload."""

    steps: tuple[tuple[str, str, str | None], ...]
    label: str
    payload: Any

    @classmethod
    def of(cls, query: Query, label: str, payload: Any) -> Question:
        """Name the steps of `query`: each by its name, kind and local function."""
        return cls(tuple((step.name, step.kind.value, _where(step)) for step in query.steps), label, payload)

    def bytes(self) -> bytes:
        """Return what travels."""
        return dumps((self.steps, self.label, self.payload))

    def query(self, strategy: Strategy[Any]) -> Query:
        """Return the query, made of the functions of `strategy` as it is installed here."""
        steps = [Query(name, Kind(kind), _function(where, strategy)) for name, kind, where in self.steps]
        return reduce(Query.then, steps)


def _where(step: Query) -> str | None:
    """`METHOD` of the strategy, `module:FUNCTION` of its file or of the built-in queries, None to train."""
    if step.local is None:
        return None
    if isinstance(getattr(step.local, "__self__", None), Strategy):
        return str(step.local.__name__)
    return f"{step.local.__module__}:{getattr(step.local, '__qualname__', '')}"


def _function(where: str | None, strategy: Strategy[Any]) -> Callable[..., Any] | None:
    """Find a local function among those a hospital may be asked for: the paper's own file and the built-in ones."""
    if where is None:
        return None
    module, _, name = str(where).rpartition(":")
    if not is_identifier(name):
        found = None
    elif module:
        found = next((vars(home).get(name) for home in _homes(strategy) if home.__name__ == module), None)
    else:
        found = None if hasattr(Strategy, name) else getattr(strategy, name, None)
    if not isroutine(found) or (module and getattr(found, "__module__", None) != module):
        raise ChainwardError(f"{strategy.card.key} has no local function {quoted(where)}: write it in the paper's file")
    return found


def _homes(strategy: Strategy[Any]) -> Iterator[ModuleType]:
    papers = (kind for kind in type(strategy).__mro__ if issubclass(kind, Strategy) and kind is not Strategy)
    for name in (*(kind.__module__ for kind in papers), _BUILT_IN):
        yield sys.modules[name]


def answer_document(answer: Answer | None) -> tuple[Any, ...]:
    """Return an answer, or that there is none, as what `dumps` takes."""
    if answer is None:
        return ()
    cost = answer.cost
    published = tuple((item.kind.value, item.readers, item.size) for item in cost.published)
    spent = (cost.flops, cost.fetched, published, cost.trips, cost.seconds)
    return answer.value, *spent, cost.spoiled, cost.hasty, cost.unreadable


def answer_of(data: bytes) -> Answer | None:
    """Invert `dumps` of `answer_document`, None where there is no answer.

    Bytes that somebody made up, and costs that nothing has, are an answer that no form admits.
    """
    try:
        document = loads(data)
        return _answer(*document) if document else None
    except Exception:  # they fail in any way
        return Answer(Garbled(), Cost(0.0, 0, (), 0, 0.0))


def _answer(value: Any, flops: Any, fetched: Any, published: Any, *rest: Any) -> Answer:
    items = tuple(Published(Kind(kind), readers, size) for kind, readers, size in published)
    return Answer(value, Cost(*_told().validate_python((flops, fetched, items, *rest), strict=True)))


class _Told(NamedTuple):
    """The fields of a `Cost` as a hospital may tell them, with limits that no work comes near."""

    flops: Annotated[float, Interval(ge=0, le=1e24)]
    fetched: Annotated[int, Interval(ge=0, le=2**48)]
    published: tuple[Published, ...]
    trips: Annotated[int, Interval(ge=0, le=2**32)]
    seconds: Annotated[float, Interval(ge=0, le=1e9)]
    spoiled: Annotated[int, Interval(ge=0, le=1)]
    hasty: bool
    unreadable: tuple[str, ...]


@cache
def _told() -> TypeAdapter[_Told]:
    return TypeAdapter(_Told)
