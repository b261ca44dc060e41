"""One check for `run`, `report` and `verify`: are the files of a trial what they should be?

It finds a file that is torn, missing, of another kind or no record; content that its own digest or its id contradicts,
also before there is a manifest; predictions that are not the record's; whatever differs from the manifest. It does not
find changes by somebody who renews the digests in record and manifest with them: nothing is signed, so keep the Merkle
root elsewhere for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from chainward.results import store
from chainward.results.document import Unsound, digest
from chainward.results.record import Record


@dataclass(frozen=True)
class Sound:
    """A record that was checked, with the digests of its files by their path in the folder."""

    record: Record
    files: Mapping[str, str]


def sound(out: Path, identifier: str, files: Mapping[str, str]) -> Sound:
    """Return a trial whose files are what they should be, and as in `files`, the digests of a manifest.

    What the manifest does not name is held against the digests in the record alone.

    Raises:
        Unsound: a file is missing, was changed or is not what it should be.
    """
    name = f"record {identifier}"
    data = store.record_content(out, identifier)
    digests = {store.record_name(identifier): digest(data)}
    unchanged(digests, files, f"{name} was changed")
    record = store.parsed(identifier, data)
    if record.status == "completed":
        store.predictions_content(out, identifier, record.predictions)
        digests[store.predictions_name(identifier)] = record.predictions
        unchanged(digests, files, f"predictions file of {name} was changed")
    return Sound(record, digests)


def partition(out: Path, identifiers: Iterable[str], files: Mapping[str, str]) -> tuple[list[Sound], list[str]]:
    """Return the trials that are sound and, in words, what is wrong with the others; see `sound`."""
    found, problems = [], []
    with store.collector_paused():
        for identifier in identifiers:
            try:
                found.append(sound(out, identifier, files))
            except Unsound as problem:
                problems.append(str(problem))
    return found, problems


def unchanged(digests: Mapping[str, str], files: Mapping[str, str], complaint: str) -> None:
    """Hold digests against those of a manifest, where it has them.

    Raises:
        Unsound: one differs.
    """
    if any(files.get(path, value) != value for path, value in digests.items()):
        raise Unsound(complaint)
