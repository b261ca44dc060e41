"""Results -> which trials there are, where they ran, and why some failed."""

from __future__ import annotations

from collections.abc import Sequence

from chainward.report.tables.groups import Group, Row
from chainward.results.collection import Results


def failed_rows(groups: Sequence[Group]) -> list[Row]:
    """Trials that raised, with their traceback."""
    return [
        {
            **one.identity,
            "id": trial.id,
            "seed": trial.specification.seed,
            "type": trial.error.type,
            "message": trial.error.message,
            "traceback": trial.error.traceback,
        }
        for one in groups
        for trial in one.failed
    ]


def record_rows(groups: Sequence[Group]) -> list[Row]:
    """The index of trials: identity, status, digests."""
    return [
        {
            "id": trial.id,
            "seed": trial.specification.seed,
            "status": trial.status,
            **one.identity,
            "data_digest": trial.digests.data,
            "code_digest": trial.digests.code,
            "created": trial.provenance.created,
        }
        for one in groups
        for trial in one.records
    ]


def provenance_rows(results: Results) -> list[Row]:
    """Where the trials ran: one row a distinct commit, machine and set of versions."""
    found: dict[tuple[str, ...], list[str]] = {}
    for record in results.records:
        made = record.provenance
        versions = ", ".join(f"{name} {value}" for name, value in sorted(made.versions.items()))
        found.setdefault((made.commit or "", made.platform, made.device, versions), []).append(made.created)
    names = ("commit", "platform", "device", "versions")
    return [
        {**dict(zip(names, key, strict=True)), "trials": len(times), "first": min(times), "last": max(times)}
        for key, times in sorted(found.items())
    ]
