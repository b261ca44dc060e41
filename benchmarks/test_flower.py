"""The cohort engine against Flower's simulation engine; its settings are in peers/flower_simulation.py."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from common_work import assert_same_model, cohort_engine, dataset, hold, peer, report, together

pytest.importorskip("flwr", reason="needs the flower extra: pip install 'chainward[flower]'")
pytest.importorskip("ray", reason="needs the flower extra: pip install 'chainward[flower]'")
pytestmark = pytest.mark.slow
PAIRS = 3


@pytest.mark.parametrize(("hospitals", "target"), [(10, 60), (100, 40)])
def test_cohort_engine_against_flower_simulation(benchmark, hospitals: int, target: int) -> None:
    """The median of three ratios. A ratio is one run of Flower's over our time just before and just after it, so that
    what else the machine does meets both."""
    data = dataset(hospitals)
    run = partial(together, cohort_engine(data), data)
    found = benchmark.pedantic(run, rounds=5, warmup_rounds=1)
    pairs, before = [], seconds(run)
    for _ in range(PAIRS):
        theirs, expected = peer(sys.executable, "flower_simulation.py", data)
        assert_same_model(found, expected, data)
        after = seconds(run)
        pairs.append(((before + after) / 2, theirs))
        before = after
    ratios = [theirs / ours for ours, theirs in pairs]
    ours_s, theirs_s = np.median(pairs, axis=0)
    spread = {"least": min(ratios), "most": max(ratios)}
    report(benchmark, f"{hospitals} hospitals", ours_s=ours_s, flower_s=theirs_s, ratio=np.median(ratios), **spread)
    hold(float(np.median(ratios)), target)


def seconds(run: Callable[[], object]) -> float:
    """Median seconds of five runs."""
    spent = []
    for _ in range(5):
        started = time.perf_counter()
        run()
        spent.append(time.perf_counter() - started)
    return float(np.median(spent))
