"""Time and memory from 10 to 10,000 hospitals of 100 patients, ten rounds of one epoch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from common_work import hold, report

SCRIPT = Path(__file__).parent / "scale.py"
GIB = 2.0


def measured(hospitals: int) -> dict[str, float]:
    call = [sys.executable, str(SCRIPT), str(hospitals)]
    ended = subprocess.run(call, capture_output=True, text=True, check=True, timeout=600)
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("hospitals", [100, *(pytest.param(n, marks=pytest.mark.slow) for n in (1_000, 10_000))])
def test_time_grows_no_faster_than_hospitals(benchmark, hospitals: int) -> None:
    """Against a tenth of the hospitals, in the same run."""
    fewer = measured(hospitals // 10)
    more = benchmark.pedantic(measured, (hospitals,), rounds=1)
    growth = more["seconds"] / fewer["seconds"]
    assert more["peak_gib"] <= GIB
    assert 0 < more["weight"] < 10
    report(benchmark, f"{hospitals} hospitals", seconds=more["seconds"], peak_gib=more["peak_gib"], growth=growth)
    hold(10 / growth, 1)
