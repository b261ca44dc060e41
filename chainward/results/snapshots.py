"""What a report came to, as far as two versions of it can be compared: small enough to be committed as a baseline.

One JSON file, a figure a line, so that a change of gas is a line in review. Predictions are kept to the last bit.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field, TypeAdapter

from chainward.errors import ChainwardError
from chainward.files import replace_file
from chainward.results.document import STRICT, Unsound, decode, encode
from chainward.results.predictions import Predictions
from chainward.results.record import Digest
from chainward.results.rounds import Count, Seconds
from chainward.results.store import content

SCHEMA: Literal[1] = 1
LARGEST = 1 << 28
"""Bytes of a file of snapshots."""

Measured = Annotated[float, Field(ge=0, le=1e9)]
"""Seconds."""

Packed: TypeAlias = str
"""An array's bytes, little-endian, in base 64."""


def packed(values: npt.ArrayLike, kind: str) -> Packed:
    """Return an array as text; `kind` is NumPy's name of a type, such as `<f8`."""
    return base64.b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode()


def unpacked(text: Packed, kind: str) -> npt.NDArray[np.generic]:
    """Return the array of a text.

    Raises:
        Unsound: it holds none.
    """
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), dtype=kind)
    except ValueError:
        raise Unsound(f"{text[:20]!r}… holds no array of {kind}") from None


@dataclass(frozen=True)
class Spent:
    """How often a contract function was called in a trial, and what gas all its calls took."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    calls: Count
    gas: Count


@dataclass(frozen=True)
class Timed:
    """Measured seconds of a trial and, where it was run beside one, of the calibration kernel on the same machine."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    trial_s: Measured
    kernel_s: Measured | None


@dataclass(frozen=True)
class Figures:
    """One trial: gas by `Contract.function`, modelled seconds by part, bytes by place and items disclosed by kind and
    audience, set-up and rounds together. `timed` is None where other trials ran beside it. `tested` names its test
    patients among those of the snapshot; `probability` are their predictions [n], float64."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    seed: Count
    data: Digest
    gas: Mapping[str, Spent]
    latency_s: Mapping[str, Seconds]
    bytes: Mapping[str, Count]
    disclosures: Mapping[str, Count]
    timed: Timed | None
    tested: str
    probability: Packed


@dataclass(frozen=True)
class Line:
    """The trials of one row of a leaderboard. `key` is the digest of all that is set but the seed, `code` that of the
    code that can change its figures; `leaves_out` says that each seed tests one hospital, which is then the unit.
    `failed` says why trials have no figures, by seed."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    key: Digest
    code: Digest
    task: str
    strategy: str
    setting: str
    label: str
    leaves_out: bool
    trials: tuple[Figures, ...]
    failed: Mapping[str, str]

    @property
    def name(self) -> str:
        """What messages call it, e.g. `bflc on heart`."""
        return f"{self.label} on {self.task}"


@dataclass(frozen=True)
class Tested:
    """Test patients of a trial: names of hospitals, the place among them [n] uint32, patient [n] int64, label [n]."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    hospitals: tuple[str, ...]
    hospital: Packed
    patient: Packed
    label: Packed


@dataclass(frozen=True)
class Snapshot:
    """Lines of a report, what versions they ran under, and the test patients that their trials name."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    schema: Literal[1]
    versions: Mapping[str, str]
    tested: Mapping[str, Tested]
    lines: tuple[Line, ...]

    def __post_init__(self) -> None:
        """Raises ValueError where a trial names patients that are not there."""
        named = {one.tested for line in self.lines for one in line.trials}
        if unknown := sorted(named - self.tested.keys()):
            raise ValueError(f"no test patients are called {unknown[0][:20]!r}")

    def predictions(self, figures: Figures) -> Predictions:
        """Return what a trial predicted.

        Raises:
            Unsound: they, or its test patients, are none.
        """
        try:
            return Predictions(*self._columns[figures.tested], unpacked(figures.probability, "<f8").astype(np.float64))
        except ValueError as error:
            raise Unsound(f"predictions of seed {figures.seed}: {error}") from None

    @cached_property
    def _columns(self) -> dict[str, tuple[npt.NDArray[np.str_], npt.NDArray[np.int64], npt.NDArray[np.uint8]]]:
        return {name: _columns(one) for name, one in self.tested.items()}


def _columns(one: Tested) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    places = unpacked(one.hospital, "<u4").astype(np.intp)
    if len(places) and places.max() >= len(one.hospitals):
        raise Unsound("a test patient is of no hospital")
    names = np.array(one.hospitals, dtype=np.str_)[places]
    return names, unpacked(one.patient, "<i8").astype(np.int64), unpacked(one.label, "u1").astype(np.uint8)


def snapshot(lines: Iterable[Line], versions: Mapping[str, str], patients: Mapping[str, Tested]) -> Snapshot:
    """Return lines with the test patients that they name, in an order that depends on nothing else."""
    ordered = tuple(sorted(lines, key=lambda line: (line.task, line.setting, line.label, line.key)))
    named = sorted({one.tested for line in ordered for one in line.trials})
    return Snapshot(SCHEMA, dict(versions), {name: patients[name] for name in named}, ordered)


@cache
def adapter() -> TypeAdapter[Snapshot]:
    """Return what reads and writes snapshots."""
    return TypeAdapter(Snapshot)


def read(path: Path) -> Snapshot:
    """Read a snapshot from its file.

    Raises:
        ChainwardError: there is none, or it is not what `write` writes; the message names file and field.
    """
    try:
        return decode(adapter(), content(path, "it", LARGEST))
    except Unsound as problem:
        raise ChainwardError(f"{path}: {problem}; write it again with `chainward compare --keep`") from None


def write(path: Path, one: Snapshot) -> None:
    """Write a snapshot, a figure a line.

    Raises:
        ChainwardError: the file cannot be written.
    """
    replace_file(path, encode(adapter(), one, indent=1) + b"\n")
