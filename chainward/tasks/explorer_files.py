"""What `edin` and `ca` share: two sites, each with a training and a test file that are used exactly as published."""

from dataclasses import dataclass
from io import BytesIO
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from chainward.errors import ChainwardError, DataMissing
from chainward.tasks import sources
from chainward.tasks.base import FederatedDataset, Floats, HospitalDataset, Patients, Task, digest
from chainward.tasks.cohort import Cohort, Column, Kind
from chainward.tasks.division import Division

SITES = (1, 2)
AS_PUBLISHED = Division()
NOTES = (
    "The published training and test files are used as they are: every seed gives the same dataset.",
    "Features are raw: no imputation, no standardisation, nothing disclosed beforehand.",
    "Every training row trains, as the authors' figures need: validation shows the training rows again.",
)


@dataclass(frozen=True)
class ExplorerTask(Task):
    """Files `PREFIX_train_1.txt` and so on of `sources.EXPLORER`: numbers apart by blanks, the label last, float64."""

    citation = (
        "Kuo T-T, Gabriel RA, Cidambi KR, Ohno-Machado L. EXpectation Propagation LOgistic REgRession on permissioned "
        "blockCHAIN (ExplorerChain). J Am Med Inform Assoc 2020;27(5):747-756. doi:10.1093/jamia/ocaa023"
    )
    licence = sources.EXPLORER.licence
    source = sources.EXPLORER
    prefix: ClassVar[str]
    feature_names: ClassVar[tuple[str, ...]]
    kind: ClassVar[Kind] = "number"
    unit: ClassVar[str] = ""
    shared_validation = NOTES[-1]

    def requires(self) -> str | None:
        """None when all four files are on this machine; their digests are checked when they are read."""
        return sources.requires(sources.EXPLORER, self._names())

    def refuses(self, division: Division) -> str | None:
        """None for who takes the files as they are."""
        for name, asked in (("split", division.split), ("partition", division.partition)):
            if asked != getattr(AS_PUBLISHED, name):
                told = asked if isinstance(asked, str) else asked.kind
                return f"comes split as published; drop the task, or drop {name} = {told!r}"
        return None

    def cohort(self) -> Cohort:
        """All rows of the four files, training files first."""
        import pandas as pd

        files = self._files()
        rows = np.concatenate(files)
        sizes = [len(file) for file in files]
        return Cohort(
            columns=tuple(Column(name, self.kind, self.unit) for name in self.feature_names),
            frame=pd.DataFrame(rows[:, :-1], columns=list(self.feature_names)),
            labels=rows[:, -1],
            hospitals=np.repeat([0, 1, 0, 1], sizes),
            names=tuple(f"site {site}" for site in SITES),
            rows=len(rows),
            notes=NOTES,
        )

    def divided(self, cohort: Cohort, seed: int, division: Division) -> FederatedDataset:
        """See `Task.divided`; neither the seed nor how patients are prepared matters."""
        if refused := self.refuses(division):
            raise ChainwardError(f"task {self.key}: {refused}")
        features, labels = cohort.frame.to_numpy(), cohort.labels
        tested = np.arange(len(cohort)) >= sum(len(file) for file in self._files()[: len(SITES)])
        hospitals = tuple(
            HospitalDataset(name, train, train, test)
            for number, name in enumerate(cohort.names)
            for train, test in [
                [_records(features, labels, (cohort.hospitals == number) & part) for part in (~tested, tested)]
            ]
        )
        disclosed: dict[str, dict[str, int]] = {name: {} for name in cohort.names}
        return FederatedDataset(hospitals, self.feature_names, disclosed, digest(hospitals), cohort.notes)

    def _files(self) -> list[Floats]:
        if lacking := self.requires():
            raise DataMissing(lacking)
        return [np.loadtxt(BytesIO(sources.read(sources.EXPLORER, name)), ndmin=2) for name in self._names()]

    def _names(self) -> tuple[str, ...]:
        return tuple(f"{self.prefix}_{part}_{site}.txt" for part in ("train", "test") for site in SITES)


def _records(features: Floats, labels: Floats, rows: NDArray[np.bool_]) -> Patients:
    return Patients(features=features[rows], labels=labels[rows], patients=np.flatnonzero(rows))
