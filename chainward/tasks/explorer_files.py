"""What `edin` and `ca` share: two sites, each with a training and a test file that are used exactly as published."""

from dataclasses import dataclass
from io import BytesIO
from typing import ClassVar

import numpy as np

from chainward.errors import ChainwardError, DataMissing
from chainward.tasks import sources
from chainward.tasks.base import BY_PATIENT, FederatedDataset, Floats, HospitalDataset, Patients, Task, digest

SITES = (1, 2)
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

    def requires(self) -> str | None:
        """None when all four files are on this machine; their digests are checked when they are read."""
        return sources.requires(sources.EXPLORER, self._names())

    def refuses(self, split: str) -> str | None:
        """None for who takes the files as they are."""
        return None if split == BY_PATIENT else f"comes split as published; drop the task, or drop split = {split!r}"

    def dataset(self, seed: int, split: str = BY_PATIENT) -> FederatedDataset:
        """See `Task.dataset`; the seed does not matter."""
        lacking, refused = self.requires(), self.refuses(split)
        if refused:
            raise ChainwardError(f"task {self.key}: {refused}")
        if lacking:
            raise DataMissing(lacking)
        files = [np.loadtxt(BytesIO(sources.read(sources.EXPLORER, name)), ndmin=2) for name in self._names()]
        starts = np.cumsum([0, *map(len, files)])
        records = [_records(rows, start) for rows, start in zip(files, starts[:-1], strict=True)]
        hospitals = tuple(
            HospitalDataset(f"site {site}", train=train, validation=train, test=test)
            for site, train, test in zip(SITES, records[: len(SITES)], records[len(SITES) :], strict=True)
        )
        disclosed = {hospital.name: 0 for hospital in hospitals}
        return FederatedDataset(hospitals, self.feature_names, disclosed, digest(hospitals), NOTES)

    def _names(self) -> tuple[str, ...]:
        return tuple(f"{self.prefix}_{part}_{site}.txt" for part in ("train", "test") for site in SITES)


def _records(rows: Floats, start: int) -> Patients:
    return Patients(
        features=rows[:, :-1], labels=rows[:, -1], patients=np.arange(start, start + len(rows), dtype=np.int64)
    )
