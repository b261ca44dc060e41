"""Whether a trial that was run again came out as it is recorded: quantity by quantity, to the last bit.

Measured times and bytes on the wire depend on the machine, and where and when a trial ran is told, not compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chainward.results.predictions import decode, decode_own_models
from chainward.results.record import adapter
from chainward.results.store import Ended

ENDED = "how it ended"

OF_ROUNDS: Mapping[str, tuple[str, ...]] = {
    "rounds": ("round", "missing", "unreadable", "spoiled"),
    "validation AUROC": ("validation_auroc",),
    "gas": ("gas", "gas_eip7623", "transactions"),
    "bytes": ("bytes",),
    "disclosures": ("audience", "disclosures", "raw_records"),
    "latency (modelled)": ("latency_s",),
}
"""The fields of each round that make a quantity."""

OF_TRIALS: Mapping[str, tuple[str, ...]] = {
    "patients": ("hospitals", "preprocessing"),
    "gas": ("gas_functions",),
    "disclosures": ("disclosures", "facts"),
    "outcomes": ("numbers", "outcomes", "attackers"),
}
"""The fields of a record that make a quantity."""

Leaves = Mapping[tuple[str | int, ...], Any]


@dataclass(frozen=True)
class Quantity:
    """One quantity of a trial that was run twice: of so many `values` so many are `differing`, the first one `where`.

    `largest` is the largest difference of two numbers, None where none differs.
    """

    name: str
    values: int
    differing: int
    largest: float | None
    where: str

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return self.differing == 0


def compared(recorded: Ended, again: Ended) -> tuple[Quantity, ...]:
    """Compare a trial with its record; where one of them failed, how they ended alone.

    Raises:
        ValueError: predictions are none.
    """
    one, other = _quantities(recorded), _quantities(again)
    names = one if one.keys() == other.keys() else [ENDED]
    return tuple(_quantity(name, one[name], other[name]) for name in names)


def _quantities(ended: Ended) -> dict[str, Any]:
    """What may not differ, by name, as plain data."""
    record = adapter().dump_python(ended.record, mode="json")
    if ended.predictions is None:
        return {ENDED: [record["status"], record["error"]["type"]]}
    names = dict.fromkeys([*OF_TRIALS, *OF_ROUNDS])
    told = {name: _fields(record, name) for name in names}
    return {ENDED: [record["status"], ""], "predictions": _predicted(ended.predictions), **told}


def _fields(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    of_rounds = {part: {field: record[part][field] for field in OF_ROUNDS.get(name, ())} for part in _PARTS}
    return {**of_rounds, **{field: record[field] for field in OF_TRIALS.get(name, ())}}


_PARTS = ("setup", "rounds")


def _predicted(content: bytes) -> dict[str, Any]:
    found = decode(content)
    own = {name: each.probability.tolist() for name, each in decode_own_models(content).items()}
    names = ("hospital", "patient", "label", "probability")
    return {**{name: getattr(found, name).tolist() for name in names}, "own models": own}


def _quantity(name: str, recorded: Any, again: Any) -> Quantity:
    one, other = dict(_leaves(recorded)), dict(_leaves(again))
    places = list(dict.fromkeys([*one, *other]))
    apart = [place for place in places if place not in one or place not in other or one[place] != other[place]]
    gaps = [gap for place in apart if (gap := _gap(one.get(place), other.get(place))) is not None]
    where = ".".join(map(str, apart[0])) if apart else ""
    return Quantity(name, len(places), len(apart), max(gaps, default=None), where)


def _gap(one: Any, other: Any) -> float | None:
    """The difference of two numbers."""
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    return abs(one - other) if numbers else None


def _leaves(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every value that holds no others, by its place; what holds nothing has a place too."""
    parts = _parts(value)
    if not parts:
        yield place, value if parts is None else type(value).__name__
        return
    for name, part in parts:
        yield from _leaves(part, (*place, name))


def _parts(value: Any) -> Sequence[tuple[str | int, Any]] | None:
    if isinstance(value, Mapping):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list | tuple) else None
