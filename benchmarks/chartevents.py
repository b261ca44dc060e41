"""What preparing a long `chartevents` takes: `python benchmarks/chartevents.py [ROWS] [PATIENTS]`.

Writes invented records in MIMIC-III's layout into a temporary folder, prepares the task `mimic` from them in a process
of its own, and prints its seconds and the most memory it held. By default 50 million rows of 30,000 patients, who are
all in the cohort: about as many as a full release leaves. It needs about 1.5 GB of disk.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from chainward.tasks.mimic_items import CHART

BLOCK = 1_000_000
"""Rows that are written again and again: a gzip file may be several one after another."""
OURS = 0.25
"""The share of rows that the task uses; the others are of other items."""
HEADER = (
    "ROW_ID,SUBJECT_ID,HADM_ID,ICUSTAY_ID,ITEMID,CHARTTIME,STORETIME,CGID,VALUE,VALUENUM,VALUEUOM,WARNING,ERROR,"
    "RESULTSTATUS,STOPPED\n"
)
CHILD = """
import resource, time
from chainward.tasks.mimic import Mimic
start, busy = time.perf_counter(), time.process_time()
cohort = Mimic().cohort()
seconds, busy = time.perf_counter() - start, time.process_time() - busy
again = time.perf_counter()
Mimic().cohort()
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
kept = time.perf_counter() - again
print(f"{len(cohort):,} patients, {seconds:.0f} s ({busy:.0f} s of a processor), {most:.2f} GiB at most")
print(f"from the disk {kept:.1f} s")
"""


def block(patients: int, rng: np.random.Generator) -> bytes:
    """A million rows of events in the first three days of stays."""
    ours = [item for ways in CHART.values() for _, items in ways for item in items]
    others = np.arange(228_500, 230_500)
    items = np.where(rng.random(BLOCK) < OURS, rng.choice(ours, BLOCK), rng.choice(others, BLOCK))
    subjects, minutes = rng.integers(patients, size=BLOCK), rng.integers(72 * 60, size=BLOCK)
    times = (np.datetime64("2150-01-01T00:00:00") + minutes.astype("timedelta64[m]")).astype(str)
    values = rng.integers(40, 180, size=BLOCK)
    lines = (
        f"{row},{who},{who},{who},{item},{at[:10]} {at[11:]},{at[:10]} {at[11:]},15001,{value},{value},mmHg,0,0,,\n"
        for row, (who, item, at, value) in enumerate(zip(subjects, items, times, values, strict=True))
    )
    return gzip.compress("".join(lines).encode(), compresslevel=1)


def publish(folder: Path, rows: int, patients: int) -> None:
    """The five files of MIMIC-III, with as many rows of chart events."""
    everyone = range(patients)
    tables = {
        "PATIENTS": ["SUBJECT_ID,GENDER,DOB", *(f"{who},F,2090-01-01 00:00:00" for who in everyone)],
        "ADMISSIONS": [
            "HADM_ID,ADMISSION_TYPE,DEATHTIME,HOSPITAL_EXPIRE_FLAG",
            *(f"{who},EMERGENCY,,{int(who % 8 == 0)}" for who in everyone),
        ],
        "ICUSTAYS": [
            "SUBJECT_ID,HADM_ID,ICUSTAY_ID,FIRST_CAREUNIT,INTIME,OUTTIME",
            *(f"{who},{who},{who},MICU,2150-01-01 00:00:00,2150-01-04 00:00:00" for who in everyone),
        ],
        "LABEVENTS": ["SUBJECT_ID,ITEMID,CHARTTIME,VALUENUM"],
    }
    for name, lines in tables.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    member = block(patients, np.random.default_rng(0))
    with (folder / "CHARTEVENTS.csv.gz").open("wb") as file:
        file.write(gzip.compress(HEADER.encode()))
        for _ in range(rows // BLOCK):
            file.write(member)


def main(rows: int = 50_000_000, patients: int = 30_000) -> None:
    """Publish, prepare, print."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "mimic3")
        folder.mkdir()
        publish(folder, rows, patients)
        size = (folder / "CHARTEVENTS.csv.gz").stat().st_size / 1e9
        print(f"{rows:,} rows, {size:.2f} GB compressed", flush=True)
        surroundings = {**os.environ, "CHAINWARD_DATA": place, "CHAINWARD_CACHE": place}
        subprocess.run([sys.executable, "-c", CHILD], env=surroundings, check=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
