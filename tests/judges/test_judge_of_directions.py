"""The judge of which way figures go, on trials made by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from judged import CHANCE, ONE_SWAPPED, PERFECT, REVERSED, claim_of, judged, part
from sample_records import entry
from test_judges_of_second_rules import sizes

from chainward.judges import NOT_REPRODUCED, NOT_TESTABLE, PARTLY, REPRODUCED
from chainward.plans.specification import Specification
from chainward.results.rounds import Rounds

COUNTS, HIDDEN = (2, 3, 4), (7, 15, 33)
JUDGE = {"name": "directions", "partly": 2}
BY_PARTIES = part("deepchain", tasks=[{"key": "synthetic", "hospitals": count, "patients": 20} for count in COUNTS])
BY_GRADIENTS = [part("deepchain", training={"hidden": hidden}) for hidden in HIDDEN]
CLAIM = claim_of(JUDGE, BY_PARTIES, *BY_GRADIENTS)
RISING, DIPPING = (REVERSED, CHANCE, PERFECT), (CHANCE, REVERSED, PERFECT)


def seeing(
    accuracy: Sequence[Sequence[float]], seconds: Sequence[float], of_gradients: Sequence[float]
) -> Callable[[Specification], Mapping[str, Any]]:
    """What is predicted and the seconds of a round by hospitals, and the seconds by hidden units."""

    def figures(one: Specification) -> Mapping[str, Any]:
        if hidden := one.training.get("hidden"):
            return {"rounds": Rounds.of([entry(1, latency={"compute": of_gradients[HIDDEN.index(hidden)]})])}
        place = COUNTS.index(one.task_params["hospitals"])
        rounds = Rounds.of([entry(1, latency={"network": seconds[place]})])
        return {"rounds": rounds, "probabilities": accuracy[place], "hospitals": sizes((1,) * COUNTS[place])}

    return figures


@pytest.mark.parametrize(
    ("accuracy", "seconds", "of_gradients", "expected"),
    [
        (RISING, (1, 2, 3), (1, 2, 3), REPRODUCED),
        (DIPPING, (1, 2, 3), (1, 2, 3), PARTLY),
        (RISING, (1, 1, 3), (1, 2, 3), PARTLY),
        (RISING, (1, 2, 3), (1, 3, 2), PARTLY),
        (DIPPING, (3, 2, 1), (1, 2, 3), NOT_REPRODUCED),
        ((ONE_SWAPPED,) * 3, (1, 1, 1), (1, 1, 1), NOT_REPRODUCED),
    ],
)
def test_directions(
    accuracy: Sequence[Sequence[float]], seconds: Sequence[float], of_gradients: Sequence[float], expected: str
) -> None:
    found = judged("deepchain", CLAIM, seeing(accuracy, seconds, of_gradients))
    assert found["verdict"] == expected, found["found"]
    assert len(found["records"]) == 6


def test_it_tells_all_figures() -> None:
    found = judged("deepchain", CLAIM, seeing(RISING, (1, 2, 3), (0.5, 1, 3)))["found"]
    assert "seconds a round 1 with 2, 2 with 3, 3 with 4 hospitals" in found
    assert "AUROC 0.0000 with 2, 0.5000 with 3, 1.0000 with 4 hospitals" in found
    assert found.count("hidden units") == 1


def test_one_size_is_not_testable() -> None:
    claim = claim_of(JUDGE, part("deepchain"), BY_GRADIENTS[0])
    assert judged("deepchain", claim)["verdict"] == NOT_TESTABLE
