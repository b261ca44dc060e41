"""Results -> their snapshot: what two versions of a report are compared by."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from chainward.codec import fields
from chainward.report.tables.costs import PLACES
from chainward.report.tables.groups import Group, group
from chainward.report.tables.words import canonical
from chainward.results.collection import Results
from chainward.results.document import digest
from chainward.results.predictions import Predictions
from chainward.results.record import Completed, Record
from chainward.results.snapshots import Figures, Line, Snapshot, Spent, Tested, Timed, packed, snapshot
from chainward.tasks.division import LEAVE_ONE_HOSPITAL_OUT
from chainward.world.clock import PARTS

RAW = "raw records"

Clock = Callable[[Completed], Timed | None]


def alone(record: Completed) -> Timed | None:
    """Return the seconds that set-up and rounds took, where no other trial ran beside this one."""
    return None if record.measured.contended else Timed(record.measured.wall_s, None)


def snapshot_of(results: Results, clock: Clock = alone) -> Snapshot:
    """Return the snapshot of results; `clock` says how long a trial took.

    Raises:
        Unsound: a file of predictions is not the one that its record names.
        ValueError: predictions cannot be judged.
    """
    patients: dict[str, Tested] = {}

    def figured(record: Completed) -> Figures:
        predictions = results.opener.predictions(record)
        found = _tested(predictions)
        name = digest(canonical(fields(found)).encode())[:16]
        patients[name] = found
        return _figures(record, predictions, name, clock(record))

    return snapshot([_line(one, figured) for one in group(results)], _versions(results.records), patients)


def _versions(records: Iterable[Record]) -> dict[str, str]:
    """What trials ran under; where some ran under others, all of them."""
    found: dict[str, set[str]] = {}
    for record in records:
        told = {"platform": record.provenance.platform, **record.provenance.versions}
        for name, version in told.items():
            found.setdefault(name, set()).add(version)
    return {name: " and ".join(sorted(versions)) for name, versions in sorted(found.items())}


def _line(one: Group, figured: Callable[[Completed], Figures]) -> Line:
    specification = one.specification
    told = {name: value for name, value in fields(specification).items() if name != "seed"}
    return Line(
        key=digest(canonical(told).encode()),
        code=one.records[0].digests.code,
        task=specification.task,
        strategy=specification.strategy,
        setting=one.setting,
        label=one.label,
        leaves_out=specification.split == LEAVE_ONE_HOSPITAL_OUT,
        trials=tuple(figured(trial) for trial in one.completed),
        failed={str(trial.specification.seed): f"{trial.error.type}: {trial.error.message}" for trial in one.failed},
    )


def _tested(predictions: Predictions) -> Tested:
    """Return the patients of these predictions."""
    names, places = np.unique(predictions.hospital, return_inverse=True)
    columns = packed(places, "<u4"), packed(predictions.patient, "<i8"), packed(predictions.label, "u1")
    return Tested(tuple(names.tolist()), *columns)


def _figures(record: Completed, predictions: Predictions, patients: str, timed: Timed | None) -> Figures:
    """Return the figures of a trial on the test patients of this name."""
    return Figures(
        seed=record.specification.seed,
        data=record.digests.data,
        gas=_spent(record),
        latency_s={part: _total(record, "latency_s", part) for part in PARTS},
        bytes={place: int(_total(record, "bytes", place)) for place in PLACES},
        disclosures=_disclosed(record),
        timed=timed,
        tested=patients,
        probability=packed(predictions.probability, "<f8"),
    )


def _spent(record: Completed) -> dict[str, Spent]:
    found: dict[str, Spent] = {}
    for row in record.gas_functions:
        name = f"{row.contract}.{row.function}"
        known = found.get(name, Spent(0, 0))
        found[name] = Spent(known.calls + row.calls, known.gas + row.total)
    return dict(sorted(found.items()))


def _total(record: Completed, column: str, part: str) -> float:
    once, again = getattr(record.setup, column), getattr(record.rounds, column)
    return float(getattr(once, part) + sum(getattr(again, part)))


def _disclosed(record: Completed) -> dict[str, int]:
    raw = {RAW: record.facts.raw_records_shared} if record.facts.raw_records_shared else {}
    return raw | {f"{row.kind} to {row.audience}": row.count for row in record.disclosures}
