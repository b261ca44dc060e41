"""Results -> their snapshot: what two versions of a report are compared by."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chainward.codec import fields
from chainward.report.tables.groups import Group, group
from chainward.report.tables.words import canonical
from chainward.results.collection import Results
from chainward.results.document import digest
from chainward.results.record import Completed, Record
from chainward.results.snapshots import Figures, Line, Snapshot, Tested, Timed, figures, snapshot, tested
from chainward.tasks.division import LEAVE_ONE_HOSPITAL_OUT

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
        found = tested(predictions)
        name = digest(canonical(fields(found)).encode())[:16]
        patients[name] = found
        return figures(record, predictions, name, clock(record))

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
