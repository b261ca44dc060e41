"""How often a 95 % interval holds the truth: fresh populations, models trained anew on each, five folds a partition.

CHAINWARD_BENCH=1 pytest benchmarks/test_coverage.py -s        # 500 populations each, some minutes
python benchmarks/interval_coverage.py 4 230 2000              # one setting, as a table
"""

from __future__ import annotations

import os

import pytest
from interval_coverage import SEEDS, drawn, table

WHOLE = bool(os.environ.get("CHAINWARD_BENCH"))
DRAWS = 500 if WHOLE else 120
SIZES = [(4, 230), (20, 200)]


@pytest.mark.slow
@pytest.mark.parametrize(("hospitals", "patients"), SIZES if WHOLE else SIZES[:1])
def test_an_interval_holds_the_truth_as_often_as_it_says(hospitals: int, patients: int) -> None:
    """Within three deviations of chance of 93 to 97 %, for every measure, difference and number of seeds."""
    slack = 3 * (0.95 * 0.05 / DRAWS) ** 0.5
    found = drawn(hospitals, patients, DRAWS, SEEDS if WHOLE else SEEDS[:2])
    print(f"{hospitals} x {patients} patients\n{table(found)}")
    for quantity, one in found.items():
        assert 0.93 - slack <= one.covered <= 0.97 + slack, quantity
