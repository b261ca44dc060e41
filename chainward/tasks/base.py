"""What a task is: hospitals with patients, an outcome to predict, and how everyone trains on it."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from chainward.tasks.sources import Source

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int64]

BY_PATIENT = "by-patient"
"""Seed s tests a part of every hospital's patients, fold s of five where the task does not come split."""
LEAVE_ONE_HOSPITAL_OUT = "leave-one-hospital-out"
"""Seed s tests all patients of hospital s (modulo their number) and nobody else's; the others train."""
SPLITS = (BY_PATIENT, LEAVE_ONE_HOSPITAL_OUT)


@dataclass(frozen=True, eq=False)
class Patients:
    """Patients of one party: features [n, d] float32 (float64 where a task is used raw), labels [n] of the same
    type, 0 or 1, and patients [n] int64, identities that are unique within the task and the same for every seed."""

    features: Floats
    labels: Floats
    patients: Integers

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class HospitalDataset:
    """One hospital's patients for one seed."""

    name: str
    train: Patients
    validation: Patients
    test: Patients


@dataclass(frozen=True)
class Training:
    """The common track: what every strategy trains with on this task. `hidden` units are the multilayer perceptron's,
    or the channels of the temporal convolutions ("tcn"), for which a patient's features are one sequence;
    `local_steps` are gradient steps a hospital takes a round."""

    network: Literal["mlp", "logistic", "tcn"]
    hidden: int
    learning_rate: float
    batch_size: int
    local_steps: int


@dataclass(frozen=True, eq=False)
class FederatedDataset:
    """What a task yields for one seed.

    hospitals: who takes part in training, each with a training patient at least, in an order that never changes.
    feature_names: d names, one a column of every `features`.
    preprocessing: bytes that each hospital disclosed about its training patients so that all could be prepared alike.
    digest: SHA-256 over every name, type, shape and array, in order.
    notes: what a reader of the results must know about these data.
    outside: who takes no part in training in this seed; the one model that comes out predicts their test patients.
    """

    hospitals: tuple[HospitalDataset, ...]
    feature_names: tuple[str, ...]
    preprocessing: Mapping[str, int]
    digest: str
    notes: tuple[str, ...]
    outside: tuple[HospitalDataset, ...] = ()

    @property
    def everyone(self) -> tuple[HospitalDataset, ...]:
        """Who takes part, then who is outside."""
        return (*self.hospitals, *self.outside)


@dataclass(frozen=True)
class Task(ABC):
    """A source of patients. Subclasses are frozen dataclasses: their fields are the plan's task parameters.

    `key` is the name of the module that defines the task, `rounds` the common track's default, `source` what
    `chainward data get` fetches for it.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    outcome: ClassVar[str]
    citation: ClassVar[str]
    licence: ClassVar[str]
    training: ClassVar[Training]
    rounds: ClassVar[int]
    source: ClassVar[Source | None] = None

    @abstractmethod
    def dataset(self, seed: int, split: str = BY_PATIENT) -> FederatedDataset:
        """The patients, split for `seed` (see `partition.split`). Equal parameters, seed and split give equal bytes.

        Raises DataMissing when `requires()` is not None, ChainwardError when a file is not the pinned one, the task
        refuses the split, or it leaves nobody to train.
        """

    def requires(self) -> str | None:
        """None when the data are on this machine, else one line that says what to fetch."""
        return None

    def refuses(self, split: str) -> str | None:
        """None when the patients can be split so, else one line that says why not."""
        return None if split in SPLITS else f"no split is called {split!r}; there is {', '.join(SPLITS)}"


def digest(hospitals: Iterable[HospitalDataset]) -> str:
    """SHA-256 over the hospitals' names and arrays: `FederatedDataset.digest`."""
    total = hashlib.sha256()
    for hospital in hospitals:
        total.update(repr(hospital.name).encode())
        for part in (hospital.train, hospital.validation, hospital.test):
            for array in (part.features, part.labels, part.patients):
                total.update(f"{array.dtype.str}{array.shape}".encode())
                total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()
