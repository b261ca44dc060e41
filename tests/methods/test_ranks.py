"""Ranks by hand and against SciPy's."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from chainward.methods.ranks import mean_ranks


def test_by_hand() -> None:
    assert mean_ranks([0.3, 0.1, 0.3, 0.9]).tolist() == [2.5, 1.0, 2.5, 4.0]
    assert mean_ranks([]).tolist() == []


@given(st.lists(st.one_of(st.integers(0, 3), st.floats(allow_nan=False)), max_size=50))
def test_ranks_are_scipys_to_the_bit(values: list[float]) -> None:
    array = np.array(values, dtype=np.float64)
    assert mean_ranks(array).tolist() == rankdata(array).tolist()
