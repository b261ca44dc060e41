"""The cohort engine against Flower's simulation engine; its settings are in peers/flower_simulation.py."""

from __future__ import annotations

import sys

import pytest
from common_work import against_peer, hold, report

pytest.importorskip("flwr", reason="needs the flower extra: pip install 'chainward[flower]'")
pytest.importorskip("ray", reason="needs the flower extra: pip install 'chainward[flower]'")
pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("hospitals", "target"), [(10, 60), (100, 40)])
def test_cohort_engine_against_flower_simulation(benchmark, hospitals: int, target: int) -> None:
    ours_s, theirs_s = against_peer(benchmark, sys.executable, "flower_simulation.py", hospitals)
    report(benchmark, f"{hospitals} hospitals", ours_s=ours_s, flower_s=theirs_s, ratio=theirs_s / ours_s)
    hold(theirs_s / ours_s, target)
