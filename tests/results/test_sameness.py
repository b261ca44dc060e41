"""What must not differ when a trial is run again, and what may."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from sample_records import ended, entry, failed, predicted, result, specified

from chainward.results.record import Completed, Measured, Provenance
from chainward.results.rounds import DisclosureRow, Latency, Round, Rounds, Traffic
from chainward.results.sameness import ENDED, OF_ROUNDS, OF_TRIALS, compared
from chainward.results.store import Ended

MEASURED = {"measured_compute_s", "measured_wall_s"}
NOT_OF_THE_TRIAL = {"id", "specification", "digests", "provenance", "notes", "schema", "status", "measured"}
ASIDE = {"setup", "rounds", "predictions"}


def test_every_field_of_a_record_is_compared_or_named_as_one_that_may_differ() -> None:
    of_rounds = [name for names in OF_ROUNDS.values() for name in names]
    of_trials = [name for names in OF_TRIALS.values() for name in names]
    assert sorted(of_rounds) == sorted({field.name for field in fields(Round)} - MEASURED)
    assert sorted(of_trials) == sorted({field.name for field in fields(Completed)} - NOT_OF_THE_TRIAL - ASIDE)


def differing(one: Ended, other: Ended) -> dict[str, Any]:
    return {quantity.name: quantity for quantity in compared(one, other) if not quantity.equal}


def with_round(**changes: Any) -> Ended:
    changed = Rounds.of([entry(1), replace(entry(2), **changes)])
    return ended(rounds=changed)


def test_a_trial_is_equal_to_itself_whenever_wherever_and_how_fast_it_ran() -> None:
    elsewhere = Provenance("2031-01-01T00:00:00Z", {"chainward": "9"}, "Darwin arm64", "cuda", None)
    slow = Measured(50.0, 200.0, apportioned=False, contended=True, inclusion_s=None, wire_bytes=7)
    again = ended(provenance=elsewhere, measured=slow, notes=("as written",))
    assert all(quantity.equal for quantity in compared(ended(), again))
    assert not differing(ended(), with_round(measured_compute_s=9.0, measured_wall_s=9.0))
    assert {quantity.name for quantity in compared(ended(), again)} == {ENDED, "predictions", *OF_ROUNDS, *OF_TRIALS}


ROUND_CHANGES = {
    "gas": {"gas": 301},
    "bytes": {"bytes": Traffic(1001, 200, 50)},
    "validation AUROC": {"validation_auroc": None},
    "rounds": {"missing": ("north",)},
    "disclosures": {"disclosures": (DisclosureRow("individual update", "everyone", 4, 4001),)},
    "latency (modelled)": {"latency_s": Latency(0, 0, 0, 0, 1e-12)},
}


@pytest.mark.parametrize("name", ROUND_CHANGES)
def test_one_value_of_one_round_is_found_and_no_other_quantity_is_blamed(name: str) -> None:
    assert differing(ended(), with_round(**ROUND_CHANGES[name])).keys() == {name}


TRIAL_CHANGES = {
    "patients": {"preprocessing": {"counts": 25, "sums": 40}},
    "outcomes": {"numbers": {"committee": 3}},
    "disclosures": {"facts": replace(result()["facts"], spoiled=1)},
    "gas": {"gas_functions": ()},
}


@pytest.mark.parametrize("name", TRIAL_CHANGES)
def test_one_value_of_a_trial_is_found(name: str) -> None:
    assert differing(ended(), ended(**TRIAL_CHANGES[name])).keys() == {name}


def test_the_last_bit_of_one_prediction_is_found_with_its_place_and_size() -> None:
    other = ended(predictions=predicted(probability=(0.1, 0.9 + 2**-53)))
    found = differing(ended(), other)["predictions"]
    assert (found.where, found.differing) == ("probability.1", 1)
    assert found.largest == pytest.approx(2**-53)


def test_the_models_of_single_hospitals_are_predictions_too() -> None:
    one = ended(predictions=predicted(own_models={"north": (0.1, 0.9)}))
    other = ended(predictions=predicted(own_models={"north": (0.1, 0.7)}))
    found = differing(one, other)["predictions"]
    assert found.where == "own models.north.1"
    assert found.largest == pytest.approx(0.2)


def test_another_label_is_found_among_equal_probabilities() -> None:
    other = ended(predictions=predicted(label=(1, 0)))
    assert differing(ended(), other)["predictions"].differing == 2


def test_a_round_more_differs() -> None:
    found = differing(ended(), ended(count=3))
    assert {"rounds", "gas", "bytes"} <= found.keys()
    assert found["gas"].largest is None  # a value that is missing on one side has no difference
    assert found["gas"].where == "rounds.gas.2"


def test_where_one_of_two_failed_they_differ_in_how_they_ended() -> None:
    (found,) = compared(ended(), failed(specified()))
    assert (found.name, found.equal) == (ENDED, False)
    (same,) = compared(failed(specified()), failed(specified(), message="elsewhere"))
    assert same.equal
