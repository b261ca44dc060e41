"""Needs held against a report: one group a paper, reasons throughout, and stricter needs that never add a paper."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_fixtures import card, record, results

from chainward.errors import ChainwardError
from chainward.folders import REFERENCE
from chainward.report import all_tables, as_json
from chainward.report.tables.asked import PRIVACY, SCENARIOS, Needs
from chainward.report.tables.evidence import (
    Carded,
    Decided,
    Drop,
    Evidence,
    Hospital,
    Line,
    Opened,
    Resolved,
    Tables,
    evidence,
)
from chainward.report.tables.reach import gas_of, per_size
from chainward.report.tables.recommend import Recommendation, recommend
from chainward.report.tables.standing import Standing
from chainward.report.tables.threatened import KNOWN, threatened
from chainward.results.papers import Paper
from chainward.results.rounds import DisclosureRow
from chainward.strategy.threats import Threat
from chainward.world import Audience

SETTING = "common track · evm: poa · cohort engine · no faults"
SATISFIES, UNKNOWN, FALLS_OUT = Standing.SATISFIES, Standing.UNKNOWN, Standing.FALLS_OUT
FLIP = {"kind": "sign_flip", "share": 0.5, "strength": 4.0}


def line(label: str = "one", **told: Any) -> Line:
    plain: dict[str, Any] = {
        "task": "stroke",
        "label": label,
        "strategy": label,
        "title": label,
        "setting": SETTING,
        "track": "common",
        "attack": "",
        "reference": False,
        "hospitals": 20,
        "trials": 5,
        "failed": 0,
        "rounds": 30.0,
        "auroc_mean": 0.78,
        "auroc_low": 0.76,
        "auroc_high": 0.80,
        "better_than": [],
        "gas_deploy": 1_000_000.0,
        "gas_per_round": 100_000.0,
        "gas_total": 4_000_000.0,
        "latency_per_round_s": 15.0,
        "latency_per_round_p95_s": 20.0,
        "ended_by_itself": False,
        "raw_records_shared": 0.0,
        "sees_individual_updates": "everyone",
        "scenario": "",
        "usd": 0.0,
        "usd_l1_calm": 60.0,
        "usd_l1_busy": 600.0,
        "usd_rollup": 4.0,
        "usd_private": 0.0,
    }
    return Line(**{**plain, **told})


def report(*lines: Line, **tables: Any) -> Evidence:
    empty: dict[str, Any] = dict.fromkeys(("attacks", "disclosures", "outcomes", "hospitals", "cards"), ())
    resolution = [Resolved("stroke", SETTING, "patient", 4801)]
    return Evidence(Tables(leaderboard=lines, resolution=resolution, **{**empty, **tables}), None)


def standing(found: Evidence, **needs: Any) -> Standing:
    (only,) = recommend(found, Needs(**needs)).candidates
    assert all(judged.need and judged.reason for judged in only.judged)
    return only.standing


def reason(found: Evidence, **needs: Any) -> str:
    (only,) = recommend(found, Needs(**needs)).candidates
    (judged,) = only.judged
    return judged.reason


def rendered(*trials: Any, **papers: Paper) -> Evidence:
    """What a report of made trials says, by way of its own JSON."""
    tables = all_tables(results(trials, **papers), ())
    return evidence(json.loads(as_json({"tables": tables, "manifest": None})), "report.json")


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        ({"min_auroc": 0.76}, SATISFIES),
        ({"min_auroc": 0.77}, UNKNOWN),
        ({"min_auroc": 0.81}, FALLS_OUT),
        ({"max_latency_s": 20.0}, SATISFIES),
        ({"max_latency_s": 17.0}, FALLS_OUT),  # the median is within, the 95th percentile is not
        ({"max_latency_s": 14.0}, FALLS_OUT),
        ({"budget_usd": 60.0}, SATISFIES),
        ({"budget_usd": 59.0}, FALLS_OUT),
        ({"budget_usd": 90.0, "rounds": 50}, SATISFIES),  # 1,000,000 + 50 × 100,000 gas
        ({"budget_usd": 89.0, "rounds": 50}, FALLS_OUT),
        ({"hospital_budget_usd": 3.0}, SATISFIES),
        ({"hospital_budget_usd": 2.9}, FALLS_OUT),
        ({"budget_usd": 60.0, "scenario": "l1-busy"}, FALLS_OUT),
        ({"budget_usd": 0.0, "scenario": "own"}, SATISFIES),
        ({"budget_usd": 4.0, "scenario": "rollup"}, SATISFIES),
        ({"budget_usd": 5.0, "scenario": "rollup", "rounds": 60}, UNKNOWN),  # at least 4 USD, at most 8
        ({"budget_usd": 8.0, "scenario": "rollup", "rounds": 60}, SATISFIES),
        ({"privacy": "no-raw-data"}, SATISFIES),
        ({"privacy": "no-individual-updates"}, FALLS_OUT),
        ({"absence": True}, UNKNOWN),
        ({"pays": True}, FALLS_OUT),
        ({"threats": ("sign_flip",)}, UNKNOWN),
        ({"hospitals": 50, "min_auroc": 0.1}, UNKNOWN),
        ({"rounds": 30, "min_auroc": 0.76}, SATISFIES),
        ({"rounds": 1, "min_auroc": 0.76}, UNKNOWN),  # nobody looked after one round
        ({"rounds": 90, "min_auroc": 0.99}, UNKNOWN),
        ({"hospitals": 50, "budget_usd": 1e9}, UNKNOWN),
        ({"hospitals": 50, "max_latency_s": 1e9}, UNKNOWN),
        ({"hospitals": 50, "privacy": "no-raw-data"}, SATISFIES),
    ],
)
def test_one_need(needs: dict[str, Any], expected: Standing) -> None:
    assert standing(report(line()), **needs) == expected


def test_a_figure_says_what_it_rests_on() -> None:
    assert "run at 20 hospitals: not known for 50" in reason(report(line()), hospitals=50, budget_usd=1.0)
    assert "set-up + 50 × a round, extrapolated from 30 rounds" in reason(report(line()), rounds=50, budget_usd=1.0)
    assert reason(report(line()), max_latency_s=20.0).endswith("modelled on a virtual clock, run at 20 hospitals")
    assert "extrapolated" not in reason(report(line()), rounds=30, budget_usd=1.0)
    flip = dropped("sign flip, strength 4, by 30% of hospitals", 0.0, 0.01)
    assert reason(report(line(), attacks=[flip]), hospitals=50, threats=("sign_flip",)).endswith("not known for 50")
    assert reason(report(line()), hospitals=50, threats=("sign_flip",)) == "not tried here"
    assert reason(report(line()), privacy="no-raw-data") == "0 raw records left their hospitals, metered"
    found = recommend(report(line()), Needs(pays=True))
    assert "4,801 patients of 20 hospitals, 5 seeds" in found.rests


def test_who_ends_by_itself_costs_no_more_for_more_rounds() -> None:
    """And who is cut off before costs less."""
    own = [line(ended_by_itself=True)]
    more, fewer = gas_of(own, 20, 100), gas_of(own, 20, 10)
    assert more is not None
    assert fewer is not None
    assert (more.high, fewer.high) == (4_000_000, 2_000_000)
    assert "ends by itself" in more.rests


def test_who_ends_by_itself_is_as_accurate_after_more_rounds() -> None:
    own = report(line(ended_by_itself=True))
    assert standing(own, rounds=100, min_auroc=0.76) == SATISFIES
    assert standing(own, rounds=10, min_auroc=0.76) == UNKNOWN
    assert reason(own, rounds=10, min_auroc=0.76) == "measured after 30 rounds: not known after 10"


def test_who_ends_by_itself_in_some_seeds_alone_is_not_known_to_end() -> None:
    ends = [record("one", seed=0), record("one", seed=1)]
    ends[0] = replace(
        ends[0], record=replace(ends[0].record, facts=replace(ends[0].record.facts, ended_by_itself=True))
    )
    assert [one.ended_by_itself for one in rendered(*ends).tables.leaderboard] == [False]
    assert [one.ended_by_itself for one in rendered(ends[0]).tables.leaderboard] == [True]


def test_where_no_size_is_asked_for_all_figures_are_of_the_largest() -> None:
    small = line(
        hospitals=4, gas_total=400_000.0, usd_l1_calm=6.0, latency_per_round_s=1.0, latency_per_round_p95_s=2.0
    )
    both = report(small, line())
    assert "gas 4,000,000" in reason(both, budget_usd=60.0)
    assert "20 hospitals" in reason(both, budget_usd=60.0)
    assert standing(both, budget_usd=59.0) == FALLS_OUT
    assert standing(both, hospital_budget_usd=2.9) == FALLS_OUT
    assert standing(both, max_latency_s=14.0) == FALLS_OUT


def test_failed_trials_leave_it_unknown() -> None:
    assert standing(report(line(failed=1)), privacy="no-raw-data") == UNKNOWN
    assert standing(report(line(failed=1)), privacy="no-individual-updates") == FALLS_OUT


def sizes(law: Any, *hospitals: int) -> list[Line]:
    return [
        line(hospitals=n, gas_deploy=1e6, gas_per_round=float(law(n)), gas_total=1e6 + 30 * law(n)) for n in hospitals
    ]


def test_other_sizes_take_a_law_over_three() -> None:
    straight = sizes(lambda n: 1000 + 500 * n, 10, 20, 40)
    for hospitals, expected in ((30, 16_000), (80, 41_000), (5, 3_500)):
        found = per_size(straight, hospitals, "gas_per_round")
        assert found is not None
        assert found.low <= expected * (1 + 1e-9)
        assert found.high >= expected * (1 - 1e-9)
        assert ("extrapolated" in found.rests) is (hospitals != 30)
        assert "10, 20, 40 hospitals" in found.rests
    assert per_size(straight, 81, "gas_per_round") is None
    assert per_size(straight, 4, "gas_per_round") is None
    assert per_size(straight[:2], 15, "gas_per_round") is None
    assert per_size(sizes(lambda n: n**2, 10, 20, 40), 30, "gas_per_round") is None  # no line
    assert per_size(straight, 20, "gas_per_round").rests == "run at 20 hospitals"  # type: ignore[union-attr]


@given(
    st.floats(1, 1e6), st.floats(0, 1e5), st.lists(st.integers(2, 200), min_size=3, max_size=6, unique=True), st.data()
)
def test_a_law_finds_a_straight_line(start: float, slope: float, at: list[int], data: st.DataObject) -> None:
    wanted = data.draw(st.integers(min(at), max(at)))
    found = per_size(sizes(lambda n: start + slope * n, *at), wanted, "gas_per_round")
    assert found is not None
    assert found.low * (1 - 1e-6) <= start + slope * wanted <= found.high * (1 + 1e-6)


def dropped(attack: str, low: float, high: float, note: str = "") -> Drop:
    none = bool(note)
    middle = None if none else (low + high) / 2
    return Drop(
        "stroke", "one", SETTING, attack, "6 of 20", 5, middle, None if none else low, None if none else high, note
    )


@pytest.mark.parametrize(
    ("drops", "threats", "expected"),
    [
        ([("sign flip, strength 4, by 30% of hospitals", -0.01, 0.02, "")], [], SATISFIES),
        ([("sign flip, strength 4, by 30% of hospitals", 0.01, 0.05, "")], [], UNKNOWN),
        ([("sign flip, strength 4, by 30% of hospitals", 0.04, 0.30, "")], [], FALLS_OUT),
        ([("sign flip and first to answer, strength 4, by 30% of hospitals", 0.04, 0.30, "")], [], FALLS_OUT),
        ([("sign flip, strength 4, by 30% of hospitals", 0, 0, "does not apply")], [], SATISFIES),
        ([("sign flip, strength 4, by 30% of hospitals", 0, 0, "nobody attacks")], [], UNKNOWN),
        ([("label flip, strength 1, by 30% of hospitals", 0.04, 0.30, "")], [], UNKNOWN),
        (
            [("sign flip, strength 1, by 1%", 0, 0.01, ""), ("sign flip, strength 4, by 1%", 0.1, 0.2, "")],
            [],
            FALLS_OUT,
        ),
        ([], [("a sign flip that is seen", "held")], UNKNOWN),  # one number of a test is no drop of accuracy
    ],
)
def test_trials_under_attack(drops: list[Any], threats: list[Any], expected: Standing) -> None:
    tried = [Threat(attack, "safe", outcome) for attack, outcome in threats]
    assert threatened("sign_flip", [dropped(*one) for one in drops], tried).standing == expected


@pytest.mark.parametrize(
    ("kind", "threats", "expected"),
    [
        ("silent", [("all miners are silent for ever", "held")], SATISFIES),
        ("silent", [("the leader is silent", "held"), ("devices that are silent", "succeeds")], FALLS_OUT),
        ("silent", [("a poisoned update", "succeeds")], UNKNOWN),
        ("copy", [("a trainer copies an update bit for bit", "held")], SATISFIES),
        ("false_score", [("two of four members score an accomplice 1", "succeeds")], FALLS_OUT),
        ("label_flip", [("hospitals turn the labels of their patients around", "succeeds")], FALLS_OUT),
    ],
)
def test_tests_on_a_card(kind: str, threats: list[Any], expected: Standing) -> None:
    judged = threatened(kind, [], [Threat(attack, "safe", outcome) for attack, outcome in threats])
    assert judged.standing == expected
    assert judged.reason


def test_privacy_by_what_the_meter_saw() -> None:
    noised = [Opened("stroke", "one", SETTING, "noised individual update", "hospitals")]
    plain = [*noised, Opened("stroke", "one", SETTING, "individual update", "coordinator")]
    seen = line(sees_individual_updates="some hospitals")
    for opened, privacy, expected in (
        (noised, "noised-or-hidden", SATISFIES),
        (noised, "no-individual-updates", FALLS_OUT),
        (plain, "noised-or-hidden", FALLS_OUT),
        (plain, "no-raw-data", SATISFIES),
    ):
        assert standing(report(seen, disclosures=opened), privacy=privacy) == expected
    hidden = line(sees_individual_updates="nobody", raw_records_shared=3.0)
    assert standing(report(hidden), privacy="no-individual-updates") == FALLS_OUT  # records are worse than updates
    assert standing(report(replace(hidden, raw_records_shared=0.0)), privacy="no-individual-updates") == SATISFIES


def test_absence_and_pay() -> None:
    assert standing(report(line(), cards=[Carded("one", True, ())]), absence=True) == SATISFIES
    assert standing(report(line(), cards=[Carded("one", False, ())]), absence=True) == FALLS_OUT
    hospitals = [Hospital("stroke", "one", SETTING, "north")]
    paid = [Decided("stroke", "one", SETTING, "paid", "north", 0.5)]
    assert standing(report(line(), hospitals=hospitals, outcomes=paid), pays=True) == SATISFIES
    for party, value in (("a miner", 0.5), ("north", 0.0)):
        other = [replace(paid[0], party=party, value=value)]
        assert standing(report(line(), hospitals=hospitals, outcomes=other), pays=True) == FALLS_OUT


def test_a_set_and_no_winner_among_ties() -> None:
    found = recommend(
        report(
            line("high", auroc_mean=0.79, better_than=["low"]),
            line("tied", auroc_mean=0.78),
            line("low", auroc_mean=0.6),
        ),
        Needs(privacy="no-raw-data"),
    )
    assert found.best == ("high", "tied")
    assert [one.label for one in found.candidates] == ["high", "tied", "low"]


def test_the_task_with_most_papers_counts() -> None:
    lines = [line("one"), line("two"), line("one", task="heart"), line("three", task="heart", reference=True)]
    assert recommend(report(*lines), Needs(pays=True)).task == "stroke"
    assert len(recommend(report(*lines), Needs(pays=True, task="heart")).candidates) == 1
    with pytest.raises(ChainwardError, match="there is heart, stroke"):
        recommend(report(*lines), Needs(pays=True, task="lungs"))
    disturbed = [line(attack="sign flip"), line(track="published"), line(setting="faults: absent")]
    with pytest.raises(ChainwardError, match="no paper ran undisturbed"):
        recommend(report(*disturbed), Needs(pays=True))


def test_only_the_main_setting_counts_at_every_size() -> None:
    """Other partitions are other questions; a size that is not the task's own is said in the setting's words."""
    lines = [line("one"), line("two"), line("one", setting=f"partition: kind labels · {SETTING}", hospitals=10)]
    lines += [line("one", setting=f"hospitals 40, patients 9 · {SETTING}", hospitals=40)]
    lines += [line("one", setting=f"hospitals 40 · {SETTING}", hospitals=40, auroc_mean=0.5)]
    told = recommend(report(*lines), Needs(hospitals=40, privacy="no-raw-data"))
    assert {one.label: one.auroc[:5] for one in told.candidates} == {"one": "0.500", "two": "0.780"}


def test_by_way_of_a_rendered_report() -> None:
    """The columns that are read are those that a report writes."""
    secret = {"sees": Audience.NOBODY, "disclosures": (DisclosureRow("aggregate", "coordinator", 4, 4000),)}
    attacked = {"attackers": ("north",), "spoiled": 4, "attack": FLIP}
    trials = [
        record(name, seed=seed, skill=0.5, **told) for name, told in (("bflc", {}), ("two", secret)) for seed in (0, 1)
    ]
    trials += [record(name, seed=seed, skill=0.0, **attacked) for name in ("bflc",) for seed in (0, 1)]
    found = rendered(
        *trials, two=Paper(card("two", tolerates_absence=False), (), (Threat("a silent leader", "on", "held"),))
    )
    needs = Needs(privacy="no-individual-updates", threats=("silent",))
    groups = {one.label: one.standing for one in recommend(found, needs).candidates}
    assert groups == {"bflc": FALLS_OUT, "two": SATISFIES}
    flipped = recommend(found, Needs(threats=("sign_flip",)))
    assert {one.label: one.standing for one in flipped.candidates} == {"bflc": FALLS_OUT, "two": UNKNOWN}
    usd = 3000 * 5e-9 * (500_000 + 2 * 100_000)  # the fixtures' deploy and two rounds
    for budget, expected in ((usd * 1.001, SATISFIES), (usd * 0.999, FALLS_OUT)):
        cost = recommend(found, Needs(budget_usd=budget))
        assert {one.standing for one in cost.candidates} == {expected}


def test_the_reference_report_that_comes_along_is_read() -> None:
    found = evidence(json.loads((REFERENCE / "report.json").read_text()), "report.json")
    told = recommend(found, Needs(hospitals=20, rounds=50, privacy="no-raw-data", budget_usd=100.0, max_latency_s=60.0))
    assert len(told.candidates) >= 15
    assert all(one.judged for one in told.candidates)


@pytest.mark.parametrize("broken", [None, {}, {"tables": {}}, {"tables": {"leaderboard": [{"task": 3}]}}])
def test_what_is_no_report_is_refused_in_one_line(broken: Any) -> None:
    with pytest.raises(ChainwardError, match="render it again") as caught:
        evidence(broken, "report.json")
    assert "\n" not in str(caught.value)


FIGURES = st.floats(0, 1e7)


@st.composite
def lines(draw: Any) -> Line:
    low, mean, high = sorted(draw(st.tuples(*[st.floats(0, 1)] * 3)))
    setup, each, rounds = draw(FIGURES), draw(FIGURES), draw(st.integers(1, 60))
    return line(
        draw(st.sampled_from(["one", "two", "three"])),
        hospitals=draw(st.sampled_from([4, 10, 20])),
        rounds=float(rounds),
        failed=draw(st.sampled_from([0, 0, 0, 1])),
        auroc_low=low,
        auroc_mean=mean,
        auroc_high=high,
        gas_deploy=setup,
        gas_per_round=each,
        gas_total=setup + rounds * each,
        usd_l1_calm=1.5e-5 * (setup + rounds * each),
        usd_rollup=2e-7 * (setup + rounds * each),
        latency_per_round_s=draw(st.floats(0, 60)),
        latency_per_round_p95_s=draw(st.floats(60, 90)),
        ended_by_itself=draw(st.booleans()),
        raw_records_shared=draw(st.sampled_from([0.0, 0.0, 7.0])),
        sees_individual_updates=draw(st.sampled_from(["nobody", "everyone"])),
    )


@st.composite
def reports(draw: Any) -> Evidence:
    rows = draw(st.lists(lines(), min_size=1, max_size=8, unique_by=lambda one: (one.label, one.hospitals)))
    names = ["one", "two", "three"]
    outcome = st.sampled_from(["held", "succeeds"])
    cards = [Carded(name, draw(st.booleans()), (Threat("a silent leader", "on", draw(outcome)),)) for name in names]
    bounds = [sorted(draw(st.tuples(st.floats(-0.1, 0.4), st.floats(-0.1, 0.4)))) for _ in names]
    flip = "sign flip, strength 4, by 30% of hospitals"
    drops = [replace(dropped(flip, *pair), label=name) for name, pair in zip(names, bounds, strict=True)]
    return report(*rows, cards=cards, attacks=drops)


STRICTER: dict[str, Any] = {
    "budget_usd": lambda draw, value: draw(st.floats(0, value or 1e6)),
    "hospital_budget_usd": lambda draw, value: draw(st.floats(0, value or 1e6)),
    "max_latency_s": lambda draw, value: draw(st.floats(0, value or 100)),
    "min_auroc": lambda draw, value: draw(st.floats(value or 0, 1)),
    "rounds": lambda draw, value: draw(st.integers(value or 60, 200)),
    "privacy": lambda draw, value: draw(st.sampled_from(PRIVACY[PRIVACY.index(value or PRIVACY[0]) :])),
    "threats": lambda draw, value: (*value, draw(st.sampled_from(KNOWN))),
    "absence": lambda draw, value: True,
    "pays": lambda draw, value: True,
}


@st.composite
def needs(draw: Any) -> Needs:
    told = {name: change(draw, getattr(Needs(), name)) for name, change in STRICTER.items() if draw(st.booleans())}
    hospitals = draw(st.sampled_from([None, 4, 10, 15, 20, 50]))
    return Needs(hospitals=hospitals, scenario=draw(st.sampled_from([*SCENARIOS])), **told)


def labels(found: Recommendation, *standings: Standing) -> set[str]:
    return {one.label for standing in standings for one in found.group(standing)}


@settings(max_examples=200)
@given(reports(), needs(), st.sampled_from([*STRICTER]), st.data())
def test_a_stricter_need_never_adds_a_paper(found: Evidence, before: Needs, name: str, data: st.DataObject) -> None:
    """Neither to the set nor to those that may satisfy it. `rounds` count for what a training costs."""
    if name == "rounds" and before.rounds is None:
        before = replace(before, rounds=60)
    after = replace(before, **{name: STRICTER[name](data.draw, getattr(before, name))})
    was, now = recommend(found, before), recommend(found, after)
    assert labels(now, SATISFIES) <= labels(was, SATISFIES)
    assert labels(now, SATISFIES, UNKNOWN) <= labels(was, SATISFIES, UNKNOWN)


@settings(max_examples=100)
@given(reports(), needs())
def test_every_paper_is_in_one_group_with_reasons(found: Evidence, asked: Needs) -> None:
    told = recommend(found, asked)
    groups = [labels(told, standing) for standing in Standing]
    papers = {one.label for one in found.tables.leaderboard}
    assert set().union(*groups) == papers
    assert sum(map(len, groups)) == len(papers) == len(told.candidates)
    for one in told.candidates:
        assert all(judged.need and judged.reason for judged in one.judged)
        if one.standing != SATISFIES:
            assert any(judged.standing == one.standing for judged in one.judged)
        else:
            assert {judged.standing for judged in one.judged} <= {SATISFIES}
    assert set(told.best) <= labels(told, SATISFIES)
