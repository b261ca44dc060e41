"""Hundreds of hospitals: nobody refuses them, and the records hold the counts that were used."""

from __future__ import annotations

from typing import Any

import pytest

from chainward.results.record import Completed
from chainward.testing import completed, run_small


def trial(key: str, hospitals: int, **params: Any) -> Completed:
    sizes = {"hospitals": hospitals, "patients": 20}
    return completed(run_small(key, rounds=1, task_params=sizes, params=params))


def test_baffle_ranks_the_bids_of_118() -> None:
    record = trial("baffle", 118)
    assert record.numbers["winners"] == 59
    assert max(record.outcomes["times_written"].values()) == 59


def test_fedcoin_cuts_orders_of_118() -> None:
    record = trial("fedcoin", 118, permutations=20, solvers=2, distance=1.5)
    assert record.numbers["truncation"] == 0.002
    assert record.outcomes["tasks"] == {"paid": 1, "unpaid": 0}


@pytest.mark.slow
def test_biscotti_takes_as_many_updates_of_400_as_a_vote_has_bits() -> None:
    record = trial("biscotti", 400)
    assert record.numbers["wanted"] == 256
    assert sum(record.outcomes["accepted"].values()) == 256 - record.numbers["tolerated"]


@pytest.mark.slow
def test_twenty_audit_each_model_of_blockflow_of_118() -> None:
    record = trial("blockflow", 118)
    assert (record.numbers["auditors"], record.numbers["cutoff"]) == (20, 11)
    (revealed,) = (row for row in record.gas_functions if row.function == "revealScores")
    assert revealed.calls == 118
    assert revealed.max < 200_000  # of all 118 pairs it is more than 500,000


@pytest.mark.slow
@pytest.mark.parametrize("key", ["baffle", "bflc", "blockfl", "swarm_learning", "two_cp"])
def test_500_hospitals_are_ordinary(key: str) -> None:
    assert len(trial(key, 500).rounds) == 1
