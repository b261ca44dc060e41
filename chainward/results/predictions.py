"""What one trial predicted, in a columnar file of its own: NumPy's npz, compressed, without pickles.

Arrays: `hospitals` [H] names and `hospital` [n] the place in them; `patient`, `label`, `probability` [n] by test
patient; where hospitals have models of their own, `own_hospitals` [K], `own_index` [K] and `own_rows` [R, n] with the
R distinct predictions: hospitals that end with one model store it once.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainward.results.document import Unsound

Numbers: TypeAlias = npt.NDArray[np.float64]

_BROKEN = (
    *(ValueError, KeyError, IndexError, TypeError, OSError, EOFError, MemoryError, OverflowError),
    *(zipfile.BadZipFile, zlib.error, RuntimeError),  # the last where it says to be encrypted
)
LARGEST = 1 << 30
"""Bytes of one array: a hundred hospitals' own models on a million patients. A file of zeros packs a thousandfold."""

_PREFIX = 10  # bytes of magic, version and length before the header of an array


@dataclass(frozen=True, eq=False)
class Predicted:
    """Hospital [n] str, patient [n] int64, label [n] 0 or 1 and probability [n] of every test patient, in their order.

    `own_models`: where every hospital has a model of its own, what each predicts for all test patients [n].
    """

    hospital: npt.NDArray[np.str_]
    patient: npt.NDArray[np.int64]
    label: npt.NDArray[np.uint8]
    probability: Numbers
    own_models: Mapping[str, Numbers]


@dataclass(frozen=True, eq=False)
class Predictions:
    """What one trial predicted for its test patients: hospital [n] str, patient [n] int64, label [n] 0 or 1,
    probability [n]; a patient of several stays comes once a stay. Raises ValueError when lengths differ or a
    probability is none."""

    hospital: npt.NDArray[np.str_]
    patient: npt.NDArray[np.int64]
    label: npt.NDArray[np.number]
    probability: Numbers

    def __post_init__(self) -> None:
        """Sorted by patient, so that two strategies' predictions for the same patients line up."""
        columns = [np.asarray(column) for column in (self.hospital, self.patient, self.label, self.probability)]
        if len({column.shape for column in columns}) != 1:
            raise ValueError("hospital, patient, label and probability differ in length")
        if not np.all(columns[1][1:] > columns[1][:-1]):
            order = np.argsort(columns[1], kind="stable")
            columns = [column[order] for column in columns]
        for name, column in zip(("hospital", "patient", "label", "probability"), columns, strict=True):
            object.__setattr__(self, name, column)
        if not np.isfinite(self.probability).all():
            raise ValueError("a predicted probability is not finite")
        if len(self.probability) and not 0 <= self.probability.min() <= self.probability.max() <= 1:
            raise ValueError("a predicted probability is not between 0 and 1")

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        return self.hospital.nbytes + self.patient.nbytes + self.label.nbytes + self.probability.nbytes


@dataclass(frozen=True, eq=False)
class Pooled:
    """The predictions of all seeds one after another, by `fold` [n] 0, 1, …; a patient is there once a partition."""

    fold: npt.NDArray[np.int64]
    hospital: npt.NDArray[np.str_]
    patient: npt.NDArray[np.int64]
    label: npt.NDArray[np.number]
    probability: Numbers


def pooled(seeds: Sequence[Predictions]) -> Pooled:
    """Return the predictions of all seeds one after another.

    Raises:
        ValueError: no seed was given.
    """
    if not seeds:
        raise ValueError("no seed was given")
    fold = np.repeat(np.arange(len(seeds)), [len(seed.label) for seed in seeds])
    names = ("hospital", "patient", "label", "probability")
    return Pooled(fold, *(np.concatenate([getattr(seed, name) for seed in seeds]) for name in names))


def encode(predicted: Predicted) -> bytes:
    """Return the bytes of the file; equal predictions give equal bytes.

    Raises:
        ValueError: a probability is not finite, lengths differ, or the name of a hospital ends in a NUL.
    """
    names = list(dict.fromkeys(predicted.hospital.tolist()))
    places = {name: place for place, name in enumerate(names)}
    _check(predicted, names)
    rows: dict[bytes, Numbers] = {}
    for values in predicted.own_models.values():
        rows.setdefault(values.tobytes(), values)
    order = {row: place for place, row in enumerate(rows)}
    file = io.BytesIO()
    np.savez_compressed(
        file,
        hospitals=np.array(names, dtype=np.str_),
        hospital=np.array([places[name] for name in predicted.hospital.tolist()], dtype=np.uint32),
        patient=predicted.patient,
        label=predicted.label,
        probability=predicted.probability,
        own_hospitals=np.array(list(predicted.own_models), dtype=np.str_),
        own_index=np.array([order[values.tobytes()] for values in predicted.own_models.values()], dtype=np.uint32),
        own_rows=np.array(list(rows.values()), dtype=np.float64).reshape(len(rows), len(predicted.patient)),
    )
    return file.getvalue()


def decode(data: bytes) -> Predictions:
    """Return hospital, patient, label and probability; own models stay unread.

    Raises:
        Unsound: this is no such file.
        ValueError: the predictions cannot be judged.
    """
    try:
        names, place, patient, label, probability = _arrays(
            data, "hospitals", "hospital", "patient", "label", "probability"
        )
        if names.itemsize * place.size > LARGEST:
            raise ValueError("names of hospitals are too long")
        hospital = names[place]
    except _BROKEN as error:
        raise Unsound(f"predictions cannot be read ({type(error).__name__})") from None
    return Predictions(hospital, patient, label, probability)


def decode_own_models(data: bytes) -> dict[str, Predictions]:
    """Return what each hospital's own model predicts for all test patients; empty where all have one model.

    Raises:
        Unsound: this is no such file.
        ValueError: the predictions cannot be judged.
    """
    everybody = decode(data)
    try:
        hospitals, index, rows, patient = _arrays(data, "own_hospitals", "own_index", "own_rows", "patient")
        names, order = hospitals.tolist(), np.argsort(patient, kind="stable")
        rows = rows[:, order] if names else rows
        own = {name: rows[place] for name, place in zip(names, index.tolist(), strict=True)}
    except _BROKEN as error:
        raise Unsound(f"own models' predictions cannot be read ({type(error).__name__})") from None
    return {
        name: Predictions(everybody.hospital, everybody.patient, everybody.label, values)
        for name, values in own.items()
    }


def _arrays(data: bytes, *names: str) -> list[npt.NDArray[Any]]:
    """Arrays of the file by name. As `np.load`, which takes twice as long as it parses every header anew."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return [_array(_unpacked(file, f"{name}.npy")) for name in names]


def _unpacked(file: zipfile.ZipFile, name: str) -> bytes:
    """The content of a member; `read` gives no more than the size that the file tells."""
    if file.getinfo(name).file_size > LARGEST:
        raise ValueError(f"an array is larger than {LARGEST:,} bytes")
    return file.read(name)


def _array(data: bytes) -> npt.NDArray[Any]:
    start = _PREFIX + int.from_bytes(data[_PREFIX - 2 : _PREFIX], "little")
    shape, by_column, dtype = _header(data[:start])
    return np.frombuffer(data, dtype, offset=start).reshape(shape, order="F" if by_column else "C")


@lru_cache(maxsize=1024)
def _header(data: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("arrays are of version 1.0")
    shape, by_column, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.hasobject:
        raise ValueError("an object is no figure")
    return shape, by_column, dtype


def _check(predicted: Predicted, names: list[str]) -> None:
    probabilities = (predicted.probability, *predicted.own_models.values())
    shapes = {predicted.patient.shape, predicted.label.shape, *(column.shape for column in probabilities)}
    if shapes != {predicted.hospital.shape}:
        raise ValueError("predictions differ in length")
    if not all(np.isfinite(values).all() for values in probabilities):
        raise ValueError("a predicted probability is not finite")
    if not all(((values >= 0) & (values <= 1)).all() for values in probabilities):
        raise ValueError("a predicted probability is not between 0 and 1")
    if any(name.endswith("\0") for name in (*names, *predicted.own_models)):
        raise ValueError("the name of a hospital ends in a NUL")
