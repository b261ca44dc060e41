"""Time that a protocol's own model says has passed."""

from __future__ import annotations

import math

import pytest
from small_world import replying, world


def test_modelled_time_passes_for_a_part() -> None:
    one = world(replying())
    one.elapse("consensus", 3.5)
    one.elapse("network", 0.0)
    assert one.clock.now == 3.5
    assert {part: seconds for part, seconds in one.clock.parts.items() if seconds} == {"consensus": 3.5}


@pytest.mark.parametrize(("part", "seconds"), [("mining", 1.0), ("consensus", -1.0), ("waiting", math.inf)])
def test_time_that_cannot_pass_is_refused(part: str, seconds: float) -> None:
    one = world(replying())
    with pytest.raises(ValueError, match=rf"{seconds} s of '{part}' cannot pass; parts are compute, network"):
        one.elapse(part, seconds)
    assert one.clock.now == 0


@pytest.mark.parametrize("seconds", [math.nan])
def test_no_number_of_seconds_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="cannot pass"):
        world(replying()).elapse("consensus", seconds)
