"""When blocks are made: the time models of consensus behind a ledger.

A model is one file: a frozen dataclass of the parameters a plan may set, the laws it is checked against, and
`blocks(seed)`. It is simulated event by event with SimPy, which is loaded with the first model that is asked for.
"""

from __future__ import annotations

import dataclasses
import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from importlib import import_module
from itertools import count
from typing import Any, ClassVar, Protocol

from chainward.errors import ChainwardError, UnknownName
from chainward.methods.randomness import stream
from chainward.names import quoted

MODELS = {
    "poa": "authority.Authority",
    "pow": "work.Work",
    "pos": "stake.Stake",
    "pbft": "pbft.PBFT",
    "raft": "raft.Raft",
    "committee": "committee.Committee",
}
DEFAULT = "poa"
PUBLIC = frozenset(("pow", "pos"))
"""Chains that anybody may use, so that the room in their blocks has a price."""

MOST = {int: 10_000, float: 1e9}
"""The largest number of nodes, blocks, ... and of seconds that a plan may set."""


class BlockTimes(Protocol):
    """Block n is made at `time(n)` seconds; block 0 is the genesis at 0."""

    def time(self, number: int) -> float:
        """Return when block `number` is made."""

    def newest(self, at: float) -> int:
        """Return the number of the newest block at a moment."""


@dataclasses.dataclass(frozen=True)
class Rules:
    """What a chain holds besides when its blocks are made.

    A transaction is final once its block has so many `confirmations`, further blocks. Without a `beacon` a block has no
    randomness of its own (PREVRANDAO is the same in each, as under Clique, QBFT and Raft), and contracts have the
    hashes of earlier blocks.
    """

    confirmations: int = 0
    beacon: bool = False


class Model(Protocol):
    """A consensus with its parameters."""

    confirmations: int
    beacon: ClassVar[bool]

    def blocks(self, seed: int) -> BlockTimes:
        """Return when its blocks are made; what is random is drawn for the seed."""


@dataclasses.dataclass(frozen=True)
class Periodic:
    """A block every `period_s` seconds."""

    period_s: float = 5.0

    def time(self, number: int) -> float:
        """Return when block `number` is made."""
        return number * self.period_s

    def newest(self, at: float) -> int:
        """Return the number of the newest block at a moment."""
        number = math.floor(at / self.period_s)
        return number + 1 if self.time(number + 1) <= at else number


class Spaced:
    """Blocks as far apart as `gaps` says, which never end; they are made as they are asked for."""

    def __init__(self, gaps: Iterator[float]) -> None:
        self._gaps = gaps
        self._times = [0.0]

    def time(self, number: int) -> float:
        """Return when block `number` is made."""
        while len(self._times) <= number:
            self._times.append(self._times[-1] + next(self._gaps))
        return self._times[number]

    def newest(self, at: float) -> int:
        """Return the number of the newest block at a moment."""
        while self._times[-1] <= at:
            self.time(len(self._times))
        return bisect_right(self._times, at) - 1


class Poisson(Spaced):
    """Proof of work: exponential gaps between blocks with mean `mean_s`, drawn from the trial's seed."""

    def __init__(self, mean_s: float = 13.0, seed: int = 0) -> None:
        draws = stream(seed, "proof of work")
        super().__init__(float(draws.exponential(mean_s)) for _ in count())


def parameters(name: str) -> tuple[str, ...]:
    """Return what a plan may set of the model called `name`.

    Examples:
        >>> parameters("poa")
        ('period_s', 'signers', 'silent', 'confirmations')
    """
    return tuple(defaults(name))


def defaults(name: str) -> dict[str, Any]:
    """Return what the model called `name` has where a plan sets nothing.

    Raises:
        UnknownName: there is no such model.
    """
    return {field.name: field.default for field in dataclasses.fields(_kind(name))}


def described(name: str, params: Mapping[str, Any]) -> str:
    """Return a model with the value of each of its parameters, those in `params` in place of its own.

    Examples:
        >>> described("poa", {"period_s": 2})
        'poa, period_s 2, signers 4, silent 0, confirmations 0'
    """
    told = {**defaults(name), **params}
    numbers = {key: f"{value:,.10g}" if isinstance(value, int | float) else value for key, value in told.items()}
    return ", ".join([name, *(f"{key} {value}" for key, value in numbers.items())])


def block_times(name: str, seed: int, params: Mapping[str, Any] | None = None) -> BlockTimes:
    """Return the blocks of the model called `name`, with these parameters in place of its own.

    Raises:
        UnknownName: there is no such model.
        ChainwardError: a parameter is unknown, is no number, or makes a chain that stands still.

    Examples:
        >>> blocks = block_times("poa", seed=0, params={"period_s": 5})
        >>> blocks.newest(12.5), blocks.time(3)
        (2, 15)
    """
    return _model(name, params).blocks(seed)


def rules(name: str, params: Mapping[str, Any] | None = None) -> Rules:
    """Return what else the model called `name` says of a chain; see `block_times`."""
    model = _model(name, params)
    return Rules(model.confirmations, model.beacon)


def _model(name: str, params: Mapping[str, Any] | None) -> Model:
    kind, chosen = _kind(name), dict(params or {})
    kinds: dict[str, Any] = {field: type(default) for field, default in defaults(name).items()}
    for key, value in chosen.items():
        if key not in kinds:
            raise ChainwardError(f"ledger: consensus {name} has no parameter {key!r}; it has {', '.join(kinds)}")
        if isinstance(value, bool) or not isinstance(value, int | kinds[key]) or not 0 <= value < math.inf:
            what = "whole number" if kinds[key] is int else "number"
            raise ChainwardError(f"ledger.{key}: must be a {what} of 0 or more, not {quoted(value)}")
        if value > (most := MOST[kinds[key]]):
            raise ChainwardError(f"ledger.{key}: at most {most:,.0f}, not {quoted(value)}")
    model: Model = kind(**chosen)
    return model


def module(name: str) -> str:
    """Return the name of the module of the model called `name`.

    Raises:
        UnknownName: there is no such model.
    """
    if name not in MODELS:
        raise UnknownName(f"no consensus model is called {quoted(name)}; there is {', '.join(MODELS)}")
    return f"{__name__}.{MODELS[name].partition('.')[0]}"


def _kind(name: str) -> Any:
    return getattr(import_module(module(name)), MODELS[name].partition(".")[2])
