"""The robust merges against Flower's own and against the mean, on float32 updates of which three in ten are longer.

Flower measures Krum's distances in single precision, we in double, in about the same time. Its Bulyan computes K * K
distances in a loop for every update it selects, so it is given a small cohort. A cohort of 1,000 updates of 100,000
weights is 0.4 GB, all differences of two of them would be 400 GB, and the process stays within 4 GiB.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from common_work import hold, interleaved, report

from chainward.methods.aggregation import coordinate_median, geometric_median, mean, trimmed_mean
from chainward.methods.selection import bulyan, multi_krum

Updates = npt.NDArray[np.float32]
Merge = Callable[[], Updates]
FLOWER = "needs the flower extra: pip install 'chainward[flower]'"
GIB = 4.0
sizes = pytest.mark.parametrize(
    ("hospitals", "weights"), [(100, 10_000), pytest.param(1_000, 100_000, marks=pytest.mark.slow)]
)


def cohort(hospitals: int, weights: int) -> tuple[Updates, int]:
    """Updates [K, P] and how many of them, the last, are so long that what Krum keeps does not hang on rounding."""
    updates = np.random.default_rng(0).standard_normal((hospitals, weights), dtype=np.float32)
    liars = hospitals * 3 // 10
    updates[-liars:] *= 1.5
    return updates, liars


def peak_gib() -> float:
    """The most memory that the process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)


def against(benchmark: Any, name: str, ours: Merge, theirs: Merge, target: float) -> None:
    """Time both in turns after holding them to one result."""
    found = benchmark.pedantic(ours, rounds=3, warmup_rounds=1)
    np.testing.assert_allclose(found, theirs(), rtol=0, atol=1e-5)
    ours_s, flower_s = interleaved(ours, theirs, 3)
    report(benchmark, name, ours_s=ours_s, flower_s=flower_s, ratio=flower_s / ours_s)
    hold(flower_s / ours_s, target)


@sizes
def test_multi_krum_against_flower(benchmark: Any, hospitals: int, weights: int) -> None:
    pytest.importorskip("flwr", reason=FLOWER)
    from flwr.app import ArrayRecord, MetricRecord, RecordDict
    from flwr.serverapp.strategy.multikrum import select_multikrum
    from flwr.serverapp.strategy.strategy_utils import aggregate_arrayrecords

    updates, liars = cohort(hospitals, weights)
    kept, samples = hospitals - liars, MetricRecord({"samples": 1})
    replies = [RecordDict({"arrays": ArrayRecord([update]), "metrics": samples}) for update in updates]

    def theirs() -> Updates:
        merged = aggregate_arrayrecords(select_multikrum(replies, liars, kept), "samples")
        return merged.to_numpy_ndarrays()[0]

    against(benchmark, f"Multi-Krum of {hospitals}", partial(multi_krum, updates, liars, kept), theirs, 1)


@sizes
def test_median_against_flower(benchmark: Any, hospitals: int, weights: int) -> None:
    pytest.importorskip("flwr", reason=FLOWER)
    from flwr.server.strategy.aggregate import aggregate_median

    updates, _ = cohort(hospitals, weights)
    results = [([update], 1) for update in updates]
    ours = partial(coordinate_median, updates)
    against(benchmark, f"median of {hospitals}", ours, lambda: aggregate_median(results)[0], 3)


@sizes
def test_trimmed_mean_against_flower(benchmark: Any, hospitals: int, weights: int) -> None:
    pytest.importorskip("flwr", reason=FLOWER)
    from flwr.server.strategy.aggregate import aggregate_trimmed_avg

    updates, liars = cohort(hospitals, weights)
    results = [([update], 1) for update in updates]
    ours = partial(trimmed_mean, updates, liars)
    against(benchmark, f"trimmed mean of {hospitals}", ours, lambda: aggregate_trimmed_avg(results, 0.3)[0], 4)


def test_bulyan_against_flower(benchmark: Any) -> None:
    pytest.importorskip("flwr", reason=FLOWER)
    from flwr.server.strategy.aggregate import aggregate_bulyan, aggregate_krum

    updates, _ = cohort(50, 2_000)

    def theirs() -> Updates:
        return aggregate_bulyan([([update], 1) for update in updates], 11, aggregate_krum, to_keep=0)[0]

    against(benchmark, "Bulyan of 50", partial(bulyan, updates, 11), theirs, 40)


@sizes
@pytest.mark.parametrize("name", ["Multi-Krum", "Bulyan", "median", "trimmed mean", "geometric median"])
def test_robust_merge_against_the_mean(benchmark: Any, name: str, hospitals: int, weights: int) -> None:
    updates, liars = cohort(hospitals, weights)
    merge: Merge = {
        "Multi-Krum": partial(multi_krum, updates, liars, hospitals - liars),
        "Bulyan": partial(bulyan, updates, hospitals * 6 // 25),
        "median": partial(coordinate_median, updates),
        "trimmed mean": partial(trimmed_mean, updates, liars),
        "geometric median": partial(geometric_median, updates, tolerance=1e-6),
    }[name]
    assert np.abs(benchmark.pedantic(merge, rounds=1, warmup_rounds=1)).max() < 2
    robust_s, mean_s = interleaved(merge, partial(mean, updates), 1)
    figures = {"seconds": robust_s, "times_the_mean": robust_s / mean_s, "peak_gib": peak_gib()}
    report(benchmark, f"{name} of {hospitals}", **figures)
    assert figures["peak_gib"] <= GIB
