"""A trial in which nobody trained, or nothing was learned, gives no figure."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainward.plans.resolve import resolve
from chainward.testing.small import dataset, run_small, small
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.prepare import Trial, prepared
from chainward.trials.run import run_trial
from chainward.trials.trained import NobodyTrained

HOSPITALS = tuple(f"hospital {number}" for number in range(1, 7))
ROUNDS = (1, 2)
NOBODY = "no hospital answered in any round: nothing was trained"
NOTHING = "the model is still the first one: nothing was learned"
HOW_OFTEN = st.sampled_from([None, (), (1,), (2,), (1, 2), (0, 1, 2)])
ABSENCES = st.one_of(
    st.fixed_dictionaries(dict.fromkeys(HOSPITALS, HOW_OFTEN)),
    st.fixed_dictionaries(dict.fromkeys(HOSPITALS, st.sampled_from([(), (1, 2), (0, 1, 2)]))),
)


def absent(rounds: list[int]) -> dict[str, Any]:
    """Faults that keep every hospital away in these rounds."""
    return {"absent": dict.fromkeys(HOSPITALS, rounds)}


def told(record: Any) -> tuple[str, str]:
    return (record.status, "") if record.status == "completed" else (record.error.type, record.error.message)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["fedavg", "local_only", "blockfl"]), ABSENCES)
def test_a_trial_has_a_figure_if_and_only_if_somebody_answered(key: str, absences: dict[str, Any]) -> None:
    away = {name: list(rounds) for name, rounds in absences.items() if rounds is not None}
    answers = any(
        name not in away or (away[name] and number not in away[name]) for name, number in product(HOSPITALS, ROUNDS)
    )
    expected = ("completed", "") if answers else ("NobodyTrained", NOBODY)
    assert told(run_small(key, faults={"absent": away})) == expected


def test_answers_that_come_too_late_are_none() -> None:
    late = {"delay": dict.fromkeys(HOSPITALS, 700.0)}
    assert told(run_small("fedavg", faults=late)) == ("NobodyTrained", NOBODY)
    assert told(run_small("fedavg", faults=late, speeds={"patience_s": 900.0})) == ("completed", "")


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(["fedavg", "local_only", "baffle"]), st.floats(0, 1))
def test_only_where_every_hospital_rides_free_is_nothing_learned(key: str, share: float) -> None:
    record = run_small(key, attack={"kind": "free_rider", "share": share, "strength": 1.0})
    assert told(record) == (("NothingLearned", NOTHING) if int(share * 6 + 1e-9) == 6 else ("completed", ""))


@pytest.mark.parametrize("key", ["baffle", "biscotti", "blockflow"])
def test_who_only_signed_up_has_trained_nothing(key: str) -> None:
    assert told(run_small(key, faults=absent([1, 2]))) == ("NothingLearned", NOTHING)


@pytest.mark.parametrize("key", ["pooled", "explorer_pooled", "explorer_chain"])
def test_who_gave_records_or_a_first_model_at_set_up_has_trained(key: str) -> None:
    assert told(run_small(key, faults=absent([1, 2]))) == ("completed", "")


def ready(rounds: list[int]) -> Trial:
    specification = small("fedavg", faults=absent(rounds))
    return prepared(resolve(specification), dataset(specification), "cpu")


def test_a_resumed_trial_remembers_who_answered(tmp_path: Any) -> None:
    class Cut(Exception):
        """The trial ends after its first round."""

    def cut(_: int) -> None:
        raise Cut

    with pytest.raises(Cut):
        run_trial(ready([2]), Checkpoint(tmp_path / "progress", interval_s=0.0), cut)
    result, _ = run_trial(ready([2]), Checkpoint(tmp_path / "progress"))
    assert result.rounds.missing[1] == HOSPITALS
    with pytest.raises(NobodyTrained):
        run_trial(ready([1, 2]), Checkpoint())
