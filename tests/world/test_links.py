"""Arrival times differ by a jitter that belongs to (seed, hospital, occasion), so nobody is always the earliest."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_world import ASK, HOSPITALS, SPEEDS, replying, world

from chainward.world import Faults, HospitalAbsent, World

UNEVEN = replace(SPEEDS, jitter=0.5)


def uneven(seed: int) -> World:
    made = world(replying(1))
    made.seed, made.speeds = seed, UNEVEN
    return made


def earliest(seed: int) -> str:
    return next(iter(uneven(seed).ask(HOSPITALS, ASK, 0, first=1)))


def test_the_earliest_of_equals_differs_by_seed_and_is_the_same_on_a_seed() -> None:
    assert {earliest(seed) for seed in range(40)} == set(HOSPITALS)
    assert [earliest(seed) for seed in range(5)] == [earliest(seed) for seed in range(5)]


def test_the_jitter_is_a_share_of_the_trips() -> None:
    for seed in range(40):
        replies = uneven(seed).ask(HOSPITALS, ASK, 0)
        for reply in replies.values():
            asked, queued = 1.0, 4.0  # a byte takes a second, and so does each answer on the one link
            assert 0.5 + asked + 1 <= reply.arrival <= 1.5 + asked + queued
        assert uneven(seed).ask("A", ASK, 0)["A"].arrival - 2.0 == pytest.approx(1.0, abs=0.5)


def test_who_is_absent_cannot_create_a_contract() -> None:
    alone = world(replying(1), Faults(absent={"A": ()}))
    with pytest.raises(HospitalAbsent, match="A is absent and cannot create Tally"):
        alone.deploy("Tally", sender="A")
