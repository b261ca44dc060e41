"""Circles of auditors: everybody is audited by as many, and medians are those of members' scores."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainward.methods.aggregation import lower_median
from chainward.methods.auditing import Circle


def circle(agents: int, audits: int) -> Circle:
    names = tuple(f"agent {number}" for number in range(agents))
    return Circle(names, tuple(f"model of {name}" for name in names), audits)


@st.composite
def circles(draw: st.DrawFn) -> Circle:
    agents = draw(st.integers(1, 8))
    return circle(agents, draw(st.integers(1, agents)))


@given(circles())
def test_each_audits_itself_first_and_is_audited_by_as_many(some: Circle) -> None:
    audited = {auditor: some.audited(auditor) for auditor in some.agents}
    assert all(own[0] == auditor and len(set(own)) == some.audits for auditor, own in audited.items())
    assert Counter(model for own in audited.values() for model in own) == dict.fromkeys(some.agents, some.audits)


def test_those_audited_come_next_in_the_circle() -> None:
    assert circle(4, 3).audited("agent 2") == ("agent 2", "agent 3", "agent 0")


@pytest.mark.parametrize("row", [(3, 0, 1), (3, 0, 1, 9), [3, 0, 1]])
def test_a_row_holds_what_is_not_nothing_and_of_those_audited_only(row: list[int]) -> None:
    assert circle(4, 3).held("agent 2", row) == {"agent 2": 3, "agent 0": 1}


def test_a_short_row_holds_what_it_has() -> None:
    some = circle(4, 3)
    assert some.held("agent 2", [b"key"]) == {"agent 2": b"key"}
    assert some.held("agent 2", []) == {}


@given(circles(), st.data())
def test_medians_are_of_the_scores_that_members_gave_members(some: Circle, data: st.DataObject) -> None:
    size = len(some.agents)
    members = data.draw(st.sets(st.sampled_from(some.agents)))
    score = st.integers(1, 9)
    rows = [[data.draw(score), *(data.draw(st.just(0) | score) for _ in range(some.audits - 1))] for _ in range(size)]
    expected = {
        name: lower_median(
            [
                rows[(place - step) % size][step] - 1
                for step in range(some.audits)
                if rows[(place - step) % size][step] and some.agents[(place - step) % size] in members
            ]
        )
        for place, name in enumerate(some.agents)
        if name in members
    }
    assert some.medians(rows, members) == expected


def test_medians_come_in_the_order_of_the_circle_and_need_a_row_an_agent() -> None:
    assert list(circle(3, 1).medians([[1], [2], [3]], ["agent 2", "agent 0"])) == ["agent 0", "agent 2"]
    with pytest.raises(ValueError, match="shorter"):
        circle(3, 1).medians([[1], [2]], ["agent 0"])


def test_a_table_has_what_each_row_holds_and_needs_one_an_agent() -> None:
    assert circle(2, 2).table([(True, False), (True, True)]) == {
        "agent 0": {"agent 0": True},
        "agent 1": {"agent 1": True, "agent 0": True},
    }
    with pytest.raises(ValueError, match="longer"):
        circle(2, 2).table([(), (), ()])
