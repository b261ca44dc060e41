"""From MEDS events to one row a prediction: what was seen up to its time, counted a batch of events at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from chainward.tasks.meds_files import STATIC, Events, Integers, Labelled

BIRTH, DEATH = "MEDS_BIRTH", "MEDS_DEATH"
HOUR = 3_600_000_000
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Survey:
    """What a first look at all events tells of n predictions, from events up to their times alone.

    seen, dead [n]: whether any event was, and whether one says that the subject died. births [n]: microseconds, or
    NEVER. sites [n]: text or None. codes: how many events of each code fall into a prediction's window, over all
    predictions; numeric: the codes of those that have a value.
    """

    seen: NDArray[np.bool_]
    dead: NDArray[np.bool_]
    births: Integers
    sites: NDArray[np.object_]
    codes: Counter[str] = field(default_factory=Counter)
    numeric: set[str] = field(default_factory=set)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Every event with every prediction that may look at it: its place in the batch, the prediction's row."""

    event: Integers
    row: Integers


def survey(rows: Labelled, batches: Iterable[Events], prefix: str | None, window: float | None) -> Survey:
    """Look at all events once. `prefix` is of codes that name where a subject is, who is where the events' own `sites`
    say if they have any; `window` in hours."""
    count = len(rows)
    found = Survey(
        np.zeros(count, np.bool_), np.zeros(count, np.bool_), np.full(count, NEVER), np.full(count, None, dtype=object)
    )
    since = np.full(count, STATIC)
    for events in batches:
        known = pairs(rows, events)
        found.seen[known.row] = True
        found.dead[known.row[_is(events, DEATH)[known.event]]] = True
        _births(found, events, known)
        _sites(found, since, events, known, prefix)
        _count(found, events, within(rows, events, known, window))
    return found


def pairs(rows: Labelled, events: Events) -> Pairs:
    """Events with the predictions of the same subject that are not before them; static events with all."""
    first = np.searchsorted(rows.subjects, events.subjects, "left")
    sizes = np.searchsorted(rows.subjects, events.subjects, "right") - first
    event = np.repeat(np.arange(len(sizes)), sizes)
    row = np.arange(len(event)) + np.repeat(first - (np.cumsum(sizes) - sizes), sizes)
    known = events.times[event] <= rows.times[row]
    return Pairs(event[known], row[known])


def within(rows: Labelled, events: Events, known: Pairs, window: float | None) -> Pairs:
    """Those whose event is static or at most `window` hours before the prediction."""
    if window is None:
        return known
    times = events.times[known.event]
    near = (times == STATIC) | (times >= rows.times[known.row] - int(window * HOUR))
    return Pairs(known.event[near], known.row[near])


@dataclass(frozen=True, eq=False)
class Table:
    """Of n predictions and k codes: how often each was seen and its last value [n, k], NaN where it had none;
    `infinite` counts values that are no numbers."""

    counts: NDArray[np.float64]
    last: NDArray[np.float64]
    infinite: int


def table(rows: Labelled, batches: Iterable[Events], codes: tuple[str, ...], window: float | None) -> Table:
    """Look at all events again, at these codes alone. Of values at one time the one that is read last stands."""
    shape = (len(rows), len(codes))
    counts, last, since = np.zeros(shape), np.full(shape, np.nan), np.full(shape, STATIC)
    places, infinite = {code: place for place, code in enumerate(codes)}, 0
    for events in batches:
        known = within(rows, events, pairs(rows, events), window)
        column = np.array([places.get(code, -1) for code in events.codes], dtype=np.int64)[events.places[known.event]]
        chosen = column >= 0
        cell, event = (known.row * shape[1] + column)[chosen], known.event[chosen]
        cells, times = np.unique(cell, return_counts=True)
        counts.flat[cells] += times
        infinite += int(np.isinf(events.values[np.unique(event)]).sum())
        valued = np.isfinite(events.values[event])
        _latest(last, since, cell[valued], events.times[event[valued]], events.values[event[valued]])
    return Table(counts, last, infinite)


def _latest(
    last: NDArray[np.float64], since: Integers, cell: Integers, times: Integers, values: NDArray[np.float64]
) -> None:
    """Put each cell's latest value, when it is no earlier than what stands there."""
    order = np.lexsort((times, cell))
    cell, times, values = cell[order], times[order], values[order]
    final = np.append(cell[1:] != cell[:-1], True)[: len(cell)]
    cell, times, values = cell[final], times[final], values[final]
    later = times >= since.flat[cell]
    last.flat[cell[later]], since.flat[cell[later]] = values[later], times[later]


def _is(events: Events, code: str) -> NDArray[np.bool_]:
    marked: NDArray[np.bool_] = np.array([one == code for one in events.codes], dtype=np.bool_)[events.places]
    return marked


def _births(found: Survey, events: Events, known: Pairs) -> None:
    born = (_is(events, BIRTH) & (events.times != STATIC))[known.event]
    np.minimum.at(found.births, known.row[born], events.times[known.event[born]])


def _sites(found: Survey, since: Integers, events: Events, known: Pairs, prefix: str | None) -> None:
    """The latest site of each prediction so far; of two at one time the one that is read last."""
    if events.sites is not None:
        named = events.sites
    elif prefix is not None:
        texts = [code.removeprefix(prefix) if code.startswith(prefix) else None for code in events.codes]
        named = np.array([*texts, None], dtype=object)[events.places]
    else:
        return
    tells = np.array([one is not None for one in named], dtype=np.bool_)[known.event]
    event, row = known.event[tells], known.row[tells]
    order = np.lexsort((events.times[event], row))
    event, row = event[order], row[order]
    final = np.append(row[1:] != row[:-1], True)[: len(row)]
    event, row = event[final], row[final]
    later = events.times[event] >= since[row]
    found.sites[row[later]], since[row[later]] = named[event[later]], events.times[event[later]]


def _count(found: Survey, events: Events, known: Pairs) -> None:
    places = events.places[known.event]
    counts = np.bincount(places, minlength=len(events.codes)).tolist()
    found.codes.update({code: many for code, many in zip(events.codes, counts, strict=True) if many})
    valued = np.unique(places[np.isfinite(events.values[known.event])])
    found.numeric.update(events.codes[place] for place in valued.tolist())
