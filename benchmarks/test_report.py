"""A report of many trials: how large its page is, how much memory it takes, and how long against reading the files.

CHAINWARD_BENCH=1 pytest benchmarks/test_report.py -s      # also with ten thousand trials, some minutes
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from report_records import fill

WHOLE = bool(os.environ.get("CHAINWARD_BENCH"))
TRIALS = [500, *([10_000] if WHOLE else [])]
MOST_BYTES, MOST_MEMORY = 3_000_000, 2 * 2**30
MOST_TIMES, START_S = 4, 10.0
"""How often the report may take what it takes to read its files alone, besides what every report takes."""

MEASURED = """
import resource, subprocess, sys, time
started = time.perf_counter()
subprocess.run([sys.executable, "-m", "chainward", "report", sys.argv[1]], check=True, stdout=subprocess.DEVNULL)
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


def read(folder: Path) -> None:
    """Read every record with `json` and every file of predictions with NumPy: the least a report could do."""
    for path in (folder / "records").iterdir():
        json.loads(path.read_bytes())
    for path in (folder / "predictions").iterdir():
        with np.load(path) as file:
            _ = [file[name] for name in ("hospital", "patient", "label", "probability")]


@pytest.mark.parametrize("trials", TRIALS)
def test_a_report_of_many_trials(trials: int, tmp_path: Path) -> None:
    fill(tmp_path, trials)
    started = time.perf_counter()
    read(tmp_path)
    reading = time.perf_counter() - started
    command = [sys.executable, "-c", MEASURED, str(tmp_path)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    seconds, memory = map(float, told[-2:])
    size = (tmp_path / "index.html").stat().st_size
    sizes = f"{memory / 2**20:.0f} MiB, page {size / 1e6:.2f} MB"
    print(f"\n{trials} trials: {seconds:.1f} s, {sizes}; reading alone {reading:.1f} s")
    assert size <= MOST_BYTES
    assert memory <= MOST_MEMORY
    assert seconds <= START_S + MOST_TIMES * reading
