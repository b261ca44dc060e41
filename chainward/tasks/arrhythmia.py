"""Heart beats of patients: ventricular or supraventricular ones among all others, from MIT-BIH or made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from chainward.errors import ChainwardError
from chainward.tasks import beats_made, mitdb_files
from chainward.tasks.base import FederatedDataset, Task, Training
from chainward.tasks.beats import BEYOND, COLUMNS, Beats, plausible
from chainward.tasks.cohort import Cohort
from chainward.tasks.division import BY_PATIENT, Division, Partition
from chainward.tasks.mitdb_files import DS1, DS2, EXTRA, SOURCE
from chainward.tasks.prepared import prepared
from chainward.tasks.splits import given

OUTCOMES = {"veb": "ventricular ectopic beat (V)", "sveb": "supraventricular ectopic beat (S)"}
CLASSES = {"veb": "V", "sveb": "S"}
_CODE = tuple(f"chainward.tasks.{name}" for name in ("arrhythmia", "beats", "beats_made", "mitdb_files", "cohort"))
BEATS = "A row is a beat and a site a patient's record; beats are in the order of time."
NOTES = {
    "mitdb": (
        BEATS,
        "Classes are those of ANSI/AAMI EC57; records 102, 104, 107 and 217 have paced beats and take no part.",
        "Records 201 and 202 are of one patient; by the division of de Chazal et al. one trains and one is tested.",
    ),
    "synthetic": (
        BEATS,
        "These beats are SYNTHETIC: ECGSYN's waves in a made rhythm. What is reached on them says nothing of hearts.",
    ),
}


@dataclass(frozen=True)
class Arrhythmia(Task):
    """Beats as windows of 0.7 s around the R peak, in 50 points, and three intervals between beats.

    data: "mitdb", your own copy of the MIT-BIH Arrhythmia Database, or "synthetic" ones: so many `beats` of each of
    so many `records`, of a `population` that is the seed of the beats.
    target: which class is told from all others, as one against the rest.
    protocol: "harness" leaves the split to the plan (by-time: a patient's latest fifth); "inter-patient" trains on
    DS1, the first half of the records, and tests on DS2, of whom nobody knows anything; "first-minutes" trains also on
    the first `minutes` of DS2 and tests on the rest.
    """

    key = "arrhythmia"
    title = "Heart beats (MIT-BIH Arrhythmia, or synthetic)"
    outcome = OUTCOMES["veb"]
    citation = f"{SOURCE.citation}. Synthetic: McSharry PE et al., IEEE Trans Biomed Eng 2003;50(3):289-294"
    licence = SOURCE.licence
    training = Training(network="mlp", hidden=16, learning_rate=0.3, batch_size=32, local_steps=10)
    rounds = 30
    source = SOURCE
    sites = "patients' records"

    data: Literal["synthetic", "mitdb"] = "synthetic"
    target: Literal["veb", "sveb"] = "veb"
    protocol: Literal["harness", "inter-patient", "first-minutes"] = "harness"
    minutes: Annotated[float, Field(gt=0, le=30)] = 5.0
    records: Annotated[int, Field(ge=2, le=1_000)] = 12
    beats: Annotated[int, Field(ge=1, le=10_000)] = 120
    population: Annotated[int, Field(ge=0, lt=2**31)] = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "outcome", OUTCOMES[self.target])
        if self.data == "synthetic":
            object.__setattr__(self, "sites", "made patients' records (synthetic)")

    @property
    def has_times(self) -> bool:
        """When each beat comes is known."""
        return True

    def requires(self) -> str | None:
        """None when the records are here, or beats can be made, else one line that says what to get."""
        if self.data == "mitdb":
            return mitdb_files.lacking()
        return None if find_spec("neurokit2") else f"making beats needs neurokit2: {EXTRA}"

    def cohort(self) -> Cohort:
        """See `Task.cohort`; records of DS1 come first."""
        files = mitdb_files.paths() if self.data == "mitdb" else ()
        return prepared(self.key, asdict(self), files, _CODE, self._made)

    def refuses(self, division: Division) -> str | None:
        """See `Task.refuses`; a protocol says itself who is tested."""
        dealt = division.split != BY_PATIENT or division.partition != Partition()
        if self.protocol != "harness" and dealt:
            return f'protocol = "{self.protocol}" says who is tested; leave out split and partition'
        return super().refuses(division)

    def divided(self, cohort: Cohort, seed: int, division: Division) -> FederatedDataset:
        """See `Task.divided`."""
        if self.protocol == "harness":
            return super().divided(cohort, seed, division)
        from chainward.tasks.divide import divide  # a report that names a task need not wait for it

        if refused := self.refuses(division):
            raise ChainwardError(f"task {self.key}: {refused}")
        return divide(cohort, seed, division, given(cohort.hospitals, cohort.labels, seed, self.tested(cohort)))

    def tested(self, cohort: Cohort) -> NDArray[np.bool_]:
        """Which rows [n] the protocol tests: of DS2 all, or those after its first minutes."""
        second = cohort.hospitals >= (len(cohort.names) + 1) // 2
        if self.protocol == "inter-patient":
            return second
        assert cohort.times is not None
        late: NDArray[np.bool_] = cohort.times >= np.datetime64(round(60 * self.minutes), "s")
        return second & late

    def _made(self) -> Cohort:
        """Read or make all records."""
        if self.data == "mitdb":
            found = {f"record {record}": mitdb_files.read(record) for record in (*DS1, *DS2)}
        else:
            places = range(1, self.records + 1)
            found = {f"made {place:02}": beats_made.record(self.population, place, self.beats) for place in places}
        return cohort_of(found, CLASSES[self.target], NOTES[self.data])


def cohort_of(records: dict[str, Beats], positive: str, notes: tuple[str, ...]) -> Cohort:
    """The cohort of records by name, those of one class being the positive ones."""
    import pandas as pd

    sizes = [len(one.seconds) for one in records.values()]
    features, repaired = plausible(np.concatenate([one.features for one in records.values()]))
    seconds = np.concatenate([one.seconds for one in records.values()])
    left_out = sum(one.left_out for one in records.values())
    return Cohort(
        columns=COLUMNS,
        frame=pd.DataFrame(features, columns=[column.name for column in COLUMNS]),
        labels=np.concatenate([one.classes == positive for one in records.values()]).astype(np.int64),
        hospitals=np.repeat(np.arange(len(sizes)), sizes),
        names=tuple(records),
        rows=sum(sizes) + left_out,
        excluded={BEYOND: left_out} if left_out else {},
        repaired=repaired,
        times=seconds.astype("datetime64[s]"),
        notes=notes,
    )
