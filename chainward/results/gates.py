"""What may change between two reports: gates from a TOML file, and in a line each what is beyond them, with its cause.

A gate that a file does not name holds nothing. Measured time is held only beside a calibration kernel of the same run,
which reports do not have: two machines, or one that is busy, differ by more than any change worth a gate.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from chainward.errors import ChainwardError
from chainward.files import read_file
from chainward.names import quoted
from chainward.plans.fields import Strict
from chainward.results.change_words import auroc_words, cost_words, lost_words, signed
from chainward.results.changes import Change, Changes
from chainward.results.moves import Cost, Part
from chainward.results.snapshots import Line

LARGEST = 100_000
"""Bytes of a file of gates."""

Percent = Annotated[float, Field(ge=0, le=1e6)]
Share = Annotated[float, Field(ge=0, le=1)]


class AccuracyGate(Strict):
    """`loss`: AUROC that may be lost, where the paired 95 % interval excludes zero. `predictions`: how far any
    patient's probability may move, which asks for the same trials on the same patients."""

    loss: Share | None = None
    predictions: Share | None = None


class CostGate(Strict):
    """`more_percent`: by how much a trial may cost more. `exact`: it may cost neither more nor less, part by part."""

    more_percent: Percent | None = None
    exact: bool = False


class TimeGate(Strict):
    """A trial may take `ratio` times as long against the calibration kernel, and `slack_s` seconds besides, by which
    the shortest trials differ from run to run."""

    ratio: Annotated[float, Field(ge=1, le=1e6)]
    slack_s: Annotated[float, Field(ge=0, le=1e6)] = 0.0


class LineGate(Strict):
    """`kept`: every trial of the first report must have ended in the second too, on the same patients."""

    kept: bool = True


class Gates(Strict):
    """What may change, by quantity."""

    lines: LineGate = LineGate()
    accuracy: AccuracyGate = AccuracyGate()
    gas: CostGate = CostGate()
    latency: CostGate = CostGate()
    bytes: CostGate = CostGate()
    disclosures: CostGate = CostGate()
    time: TimeGate | None = None


@dataclass(frozen=True)
class Beyond:
    """A change of a line beyond the gate of a quantity, in words that say why."""

    quantity: str
    line: Line
    told: str

    def __str__(self) -> str:
        """One line, such as `gas of bflc on heart: +22,100 (+1.3 %), all in BFLC.propose`."""
        return f"{self.quantity} of {self.line.name}: {self.told}"


def read(path: Path) -> Gates:
    """Read gates from their file.

    Raises:
        ChainwardError: it is missing, no TOML, or a field is wrong; the message names file, field and fix.
    """
    try:
        return Gates.model_validate(tomllib.loads(read_file(path, LARGEST).decode()))
    except FileNotFoundError:
        raise ChainwardError(f"{path}: no such file of gates; benchmarks/gates.toml is an example") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ChainwardError(f"{path}: {where}: {first['msg']} (got {quoted(first['input'])})") from None
    except ChainwardError as error:
        raise ChainwardError(f"{path}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise ChainwardError(f"{path}: not valid TOML: {error}") from None


def beyond(found: Changes, gates: Gates) -> tuple[Beyond, ...]:
    """Return every change beyond its gate, in the order of the lines."""
    gone = [Beyond("trials", line, "not in the second") for line in found.removed if gates.lines.kept]
    return (*gone, *(one for change in found.lines for one in _beyond(change, gates)))


def _beyond(change: Change, gates: Gates) -> Iterator[Beyond]:
    line = change.after
    if gates.lines.kept:
        yield from (Beyond("trials", line, told) for told in lost_words(change))
    if (told := _accuracy(change, gates.accuracy)) is not None:
        yield Beyond("accuracy", line, told)
    held: Mapping[str, CostGate] = {name: getattr(gates, name) for name in change.costs}
    for quantity, cost in change.costs.items():
        if _is_beyond(quantity, cost, held[quantity]):
            yield Beyond(quantity, line, cost_words(quantity, cost))
    if (told := _time(change, gates.time)) is not None:
        yield Beyond("time", line, told)


def _accuracy(change: Change, gate: AccuracyGate) -> str | None:
    found = change.accuracy
    if found is None:
        return None
    if gate.predictions is not None and found.apart > gate.predictions:
        moved = f"predictions moved by up to {found.apart:.2g}, beyond {gate.predictions:g}"
        return "; ".join(filter(None, (moved, auroc_words(found.before, found.after))))
    lost = found.difference
    if gate.loss is None or lost is None or lost.estimate >= -gate.loss or lost.high >= 0:
        return None
    interval = f"{signed(lost.estimate)} [{signed(lost.low)}, {signed(lost.high)}]"
    return f"{auroc_words(found.before, found.after)}, {interval}, more than {gate.loss:g} lost"


def _is_beyond(quantity: str, cost: Cost, gate: CostGate) -> bool:
    if gate.exact:
        return bool(cost.moved)
    if gate.more_percent is None:
        return False
    # Who sees more of one kind does not see less for seeing less of another.
    apart = (
        cost.moved.values()
        if quantity == "disclosures"
        else (Part(cost.trials * cost.before, cost.trials * (cost.before + cost.more)),)
    )
    return any(part.more > 0 and part.more > gate.more_percent / 100 * part.before for part in apart)


def _time(change: Change, gate: TimeGate | None) -> str | None:
    found = change.time
    if gate is None or found is None or not found.calibrated:
        return None
    allowed = gate.ratio * found.expected_s + gate.slack_s
    if found.after_s <= allowed or (found.low is not None and found.low <= 1):
        return None
    return (
        f"{found.after_s:.2f} s where {found.expected_s:.2f} s are expected by the calibration kernel "
        f"({found.ratio:.1f} times as long); {allowed:.2f} s are allowed"
    )
