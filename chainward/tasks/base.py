"""What a task is: hospitals with patients, an outcome to predict, and how everyone trains on it."""

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from chainward.errors import ChainwardError, DataMissing
from chainward.tasks.cohort import Cohort
from chainward.tasks.division import BY_TIME, SPLITS, Division
from chainward.tasks.sources import Source

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Patients:
    """Patients of one party: features [n, d] float32 (float64 where a task is used raw), labels [n] of the same
    type, 0 or 1, and patients [n] int64, numbers of patients that are the same for every seed."""

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


NOT_FROZEN = math.nan
"""The learning rate of a task that has none: it is chosen on validation patients when the task is run."""


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
    preprocessing: bytes that each hospital disclosed about its training patients so that all could be prepared alike,
    by kind of what it disclosed.
    digest: SHA-256 over every name, type, shape and array, in order.
    notes: what a reader of the results must know about these data.
    outside: who takes no part in training in this seed; the one model that comes out predicts their test patients.
    sequence: how many times a patient's features are about, d / sequence for each one after another; None where they
    are about none.
    """

    hospitals: tuple[HospitalDataset, ...]
    feature_names: tuple[str, ...]
    preprocessing: Mapping[str, Mapping[str, int]]
    digest: str
    notes: tuple[str, ...]
    outside: tuple[HospitalDataset, ...] = ()
    sequence: int | None = None

    @property
    def everyone(self) -> tuple[HospitalDataset, ...]:
        """Who takes part, then who is outside."""
        return (*self.hospitals, *self.outside)


@dataclass(frozen=True)
class Expected:
    """What is known of a task with its own parameters before its data are here; a test holds the data against it.

    auroc: of pooled logistic regression under five-fold cross-validation, median imputation and missing-indicators;
    a loader that reaches it to `within` reads the source as others do. None where nobody has published one.
    """

    patients: int
    hospitals: int
    prevalence: float
    auroc: float | None = None
    within: float = 0.015


@dataclass(frozen=True)
class Task(ABC):
    """A source of patients. Subclasses are frozen dataclasses: their fields are the plan's task parameters.

    `key` is the name of the module or the entry point that a task is found by, `rounds` the common track's default,
    `source` what `chainward data get` fetches for it, `sites` what its hospitals really are, `expected` what its data
    hold with the parameters as they are. `shared_validation` says why training patients validate too, where they do;
    `private` data are in no record, be it in the words of an error.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    outcome: ClassVar[str]
    citation: ClassVar[str]
    licence: ClassVar[str]
    training: ClassVar[Training]
    rounds: ClassVar[int]
    source: ClassVar[Source | None] = None
    sites: ClassVar[str] = "hospitals"
    expected: ClassVar[Expected | None] = None
    shared_validation: ClassVar[str] = ""
    private: ClassVar[bool] = False

    @abstractmethod
    def cohort(self) -> Cohort:
        """All patients, as read from the source. Equal parameters and files give equal cohorts.

        Raises DataMissing when `requires()` is not None, ChainwardError, with file and column, when a file is not what
        it should be.
        """

    def dataset(self, seed: int, division: Division = Division()) -> FederatedDataset:  # noqa: B008 (it is frozen)
        """The patients, dealt, split and prepared for `seed`. Equal parameters, seed and division give equal bytes.

        Raises what `cohort` raises, and ChainwardError when the task refuses the division or it leaves nobody to train.
        """
        if lacking := self.requires():
            raise DataMissing(lacking)
        return self.divided(self.cohort(), seed, division)

    def divided(self, cohort: Cohort, seed: int, division: Division) -> FederatedDataset:
        """`dataset` for who has the cohort at hand."""
        from chainward.tasks.divide import divide  # a report that names a task need not wait for it

        if refused := self.refuses(division):
            raise ChainwardError(f"task {self.key}: {refused}")
        return divide(cohort, seed, division)

    def requires(self) -> str | None:
        """None when the data are on this machine, else one line that says what to fetch."""
        return None

    def read_from(self) -> str | None:
        """Where the data that are here lie, where that is not the folder of `source`."""
        return None

    def refuses(self, division: Division) -> str | None:
        """None when the patients can be divided so, else one line that says why not."""
        if division.split not in SPLITS:
            return f"no split is called {division.split!r}; there is {', '.join(SPLITS)}"
        if division.split == BY_TIME and not self.has_times:
            return f'has no times; drop the task, or drop split = "{BY_TIME}"'
        return None

    @property
    def has_times(self) -> bool:
        """Whether its cohort says when each row's record begins."""
        return False


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
