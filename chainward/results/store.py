"""The trials in a report folder: for each a record, packed or not, and beside it a file with what it predicted."""

from __future__ import annotations

import gc
import gzip
import io
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chainward.errors import ChainwardError
from chainward.files import read_file, replace_file
from chainward.plans.identity import trial_id
from chainward.results import predictions
from chainward.results.document import Unsound, decode, digest, encode, seal, unseal
from chainward.results.predictions import Predictions
from chainward.results.record import Completed, Record, adapter

REMEMBERED = 1 << 28
"""Bytes of predictions: twenty thousand trials on a thousand patients."""

LARGEST_FILE = 1 << 30
"""Bytes of any other file."""

LARGEST_RECORD = 1 << 28
"""Bytes; ten thousand hospitals over a hundred rounds need a tenth of it."""


@dataclass(frozen=True)
class Ended:
    """A trial as it ended: its record and, where it completed, the content of its file of predictions."""

    record: Record
    predictions: bytes | None = None


def record_name(identifier: str) -> str:
    """Return the path of a record in its folder."""
    return f"records/{identifier}.json"


def packed_name(identifier: str) -> str:
    """Return the path of a packed record, whose content is that of the plain file."""
    return f"{record_name(identifier)}.gz"


def predictions_name(identifier: str) -> str:
    """Return the path of a trial's predictions in its folder."""
    return f"predictions/{identifier}.npz"


def write(out: Path, ended: Ended) -> Path:
    """Write a trial's predictions and then its record; after a crash each file is either absent or whole.

    Raises:
        ChainwardError: the folder cannot be written.
        ValueError: the record holds what no record can, such as a number that is not finite.
    """
    data = to_bytes(ended.record)
    path = out / record_name(ended.record.id)
    try:
        if ended.predictions is not None:
            replace_file(out / predictions_name(ended.record.id), ended.predictions)
        replace_file(path, data)
        (out / packed_name(ended.record.id)).unlink(missing_ok=True)
    except OSError as error:
        raise ChainwardError(f"{out}: cannot be written ({error.strerror}); choose another folder with --out") from None
    return path


def to_bytes(record: Record) -> bytes:
    """Return the content of a record's file.

    Raises:
        ValueError: the record holds what no record can, such as a number that is not finite.
    """
    return seal(encode(adapter(), _identified(record)))


def from_bytes(data: bytes) -> Record:
    """Return the record that a file holds.

    Raises:
        Unsound: it holds none, or one that was changed.
    """
    return _identified(decode(adapter(), unseal(data)))


def _identified(record: Record) -> Record:
    """The record, whose id is what its specification, data and code give."""
    try:
        identifier = trial_id(record.specification, record.digests.data, record.digests.code)
    except ValueError:
        raise Unsound("specification: a number is not finite") from None
    if record.id != identifier:
        raise Unsound("id: is not that of its specification, data and code")
    return record


def read(out: Path, identifier: str) -> Record:
    """Return a record; its predictions stay unread.

    Raises:
        Unsound: it is missing, was changed or is none.
    """
    return parsed(identifier, record_content(out, identifier))


def read_all(out: Path) -> list[Record]:
    """Return every sound record of a report folder, in order of task, strategy, seed and id.

    Raises:
        ChainwardError: there is none.
    """
    found = []
    with collector_paused():
        for identifier in identifiers(out):
            try:
                found.append(read(out, identifier))
            except Unsound:
                continue
    if not found:
        raise ChainwardError(f"{out}: no records here; run a plan first, e.g. `chainward run demo`")
    return sorted(found, key=lambda record: record.order)


def identifiers(out: Path) -> list[str]:
    """Return the ids of all records in a report folder, sound or not, in order."""
    names = (path.name.removesuffix(".gz") for path in (out / "records").glob("*.json*"))
    return sorted({name.removesuffix(".json") for name in names if name.endswith(".json")})


def recorded(out: Path, identifier: str) -> bool:
    """Tell whether a folder has something in the place of a record, sound or not."""
    return any(os.path.lexists(out / name(identifier)) for name in (record_name, packed_name))


def record_content(out: Path, identifier: str) -> bytes:
    """Return the content of a record's file, unpacked where it is packed; of both the plain one, which is the newer.

    Raises:
        Unsound: it is missing, no regular file, or cannot be unpacked.
    """
    name, packed = f"record {identifier}", out / packed_name(identifier)
    if os.path.lexists(out / record_name(identifier)) or not os.path.lexists(packed):
        return content(out / record_name(identifier), name, LARGEST_RECORD)
    try:
        with gzip.open(io.BytesIO(content(packed, name, LARGEST_RECORD))) as file:
            data = file.read(LARGEST_RECORD + 1)
    except (OSError, EOFError, zlib.error):
        raise Unsound(f"{name} cannot be unpacked") from None
    if len(data) > LARGEST_RECORD:
        raise Unsound(f"{name} is larger than {LARGEST_RECORD:,} bytes")
    return data


def pack(out: Path, identifier: str) -> None:
    """Pack a record with gzip; what reads it finds the same content, and equal content gives equal bytes.

    Raises:
        Unsound: it is missing or cannot be read.
        Unwritable: the folder cannot be written.
    """
    if os.path.lexists(out / record_name(identifier)):
        data = record_content(out, identifier)
        replace_file(out / packed_name(identifier), gzip.compress(data, mtime=0))
        (out / record_name(identifier)).unlink()


def unpack(out: Path, identifier: str) -> None:
    """Invert `pack`.

    Raises:
        Unsound: it is missing or cannot be read.
        Unwritable: the folder cannot be written.
    """
    if os.path.lexists(out / packed_name(identifier)):
        replace_file(out / record_name(identifier), record_content(out, identifier))
        (out / packed_name(identifier)).unlink()


def parsed(identifier: str, data: bytes) -> Record:
    """Return the record that the file of this name holds.

    Raises:
        Unsound: it holds none, or another.
    """
    try:
        record = from_bytes(data)
        if record.id != identifier:
            raise Unsound("id: is not the name of its file")
    except Unsound as problem:
        raise Unsound(f"record {identifier}: {problem}") from None
    return record


def content(path: Path, name: str, largest: int = LARGEST_FILE) -> bytes:
    """Return the content of a file.

    Raises:
        Unsound: it is missing or no regular file; the message gives it this name.
    """
    try:
        return read_file(path, largest)
    except FileNotFoundError:
        raise Unsound(f"{name} is missing") from None
    except ChainwardError as error:
        raise Unsound(f"{name} {error}") from None


@contextmanager
def collector_paused() -> Iterator[None]:
    """Records hold no cycles, and looking for some among ten thousand takes longer than reading them."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


class PredictionFiles:
    """Opens the predictions in a report folder. Those asked for last stay in memory, up to `REMEMBERED` bytes."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._remembered: dict[str, Predictions] = {}
        self._size = 0

    def predictions(self, record: Completed) -> Predictions:
        """Return what a trial predicted for its test patients."""
        if record.predictions not in self._remembered:
            content = predictions_content(self._out, record.id, record.predictions)
            self._remember(record.predictions, predictions.decode(content))
        return self._remembered[record.predictions]

    def own_models(self, record: Completed) -> Mapping[str, Predictions]:
        """Return what each hospital's own model predicted for all of them; empty where all have one model."""
        return predictions.decode_own_models(predictions_content(self._out, record.id, record.predictions))

    def _remember(self, digest_of_file: str, found: Predictions) -> None:
        self._remembered[digest_of_file] = found
        self._size += found.nbytes
        while self._size > REMEMBERED and len(self._remembered) > 1:
            self._size -= self._remembered.pop(next(iter(self._remembered))).nbytes


def predictions_content(out: Path, identifier: str, expected: str) -> bytes:
    """Return the content of a trial's file of predictions.

    Raises:
        Unsound: it is missing, or its digest is another than the record's.
    """
    name = f"predictions file of record {identifier}"
    data = content(out / predictions_name(identifier), name)
    if digest(data) != expected:
        raise Unsound(f"{name} was changed")
    return data
