"""Who serves a need: sets, never a winner among those that cannot be told apart."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_fixtures import record, results

from chainward.report.page.needs import NEEDS, findings, need_table
from chainward.report.tables.by_name import all_tables
from chainward.report.tables.eyes import LADDER, eyes
from chainward.report.tables.needs import NOT_TRIED, need_rows, not_told_apart
from chainward.world import Audience

EMPTY = {name: [] for name in ("leaderboard", "disclosures", "attacks", "outcomes", "hospitals")}


def row(label, auroc=0.7, gas=0.0, seconds=1.0, better_than=(), **facts):
    told = {
        "task": "heart",
        "setting": "calm · no faults",
        "faults": "",
        "strategy": label,
        "label": label,
        "reference": False,
        "rank": 1,
        "auroc_mean": auroc,
        "gas_total": gas,
        "latency_total_s": seconds,
        "better_than": list(better_than),
        "sees_individual_updates": "everyone",
        "raw_records_shared": 0.0,
    }
    return {**told, **facts}


def needs_of(rows, **tables):
    found = need_rows({**EMPTY, "leaderboard": rows, **tables})
    return {(one["need"], one["case"]): one for one in found}


@st.composite
def boards(draw):
    """Rows whose differences count beyond a margin, with few different costs."""
    count = draw(st.integers(1, 7))
    values = draw(st.lists(st.integers(0, 9), min_size=count, max_size=count))
    margin = draw(st.integers(0, 9))
    gas, seconds = (draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)) for _ in range(2))
    kinds = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    return [
        row(
            f"s{i}",
            value / 10,
            float(gas[i]),
            float(seconds[i]),
            [f"s{j}" for j, other in enumerate(values) if value - other > margin],
            reference=kinds[i],
        )
        for i, value in enumerate(values)
    ]


@given(boards())
def test_a_set_holds_exactly_those_that_cannot_be_told_apart(rows):
    found = needs_of(rows)
    for kind, names in ((False, "papers"), (True, "references")):
        mine = {one["label"]: one for one in rows if one["reference"] is kind}
        if not mine:
            assert found["accuracy", ""][names] == []
            continue
        top = max(one["auroc_mean"] for one in mine.values())
        best = min(label for label, one in mine.items() if one["auroc_mean"] == top)
        assert found["accuracy", ""][names] == sorted(set(mine) - set(mine[best]["better_than"]))
        for need, field in (("gas", "gas_total"), ("latency", "latency_total_s")):
            least = min(one[field] for one in mine.values())
            assert found[need, ""][names] == sorted(label for label, one in mine.items() if one[field] == least)


@given(boards())
def test_the_cheapest_of_the_accurate_are_named_where_they_are_not_the_cheapest(rows):
    found = needs_of(rows)
    accurate = set(found["accuracy", ""]["papers"])
    cost = {one["label"]: one["gas_total"] for one in rows}
    gas = found["gas", ""]
    if not accurate or accurate & set(gas["papers"]):
        assert gas["accurate"] == []
    else:
        least = min(cost[label] for label in accurate)
        assert gas["accurate"] == sorted(label for label in accurate if cost[label] == least)
        assert gas["accurate_least"] == least > gas["least"]


def test_costs_are_compared_as_printed():
    found = needs_of([row("b", gas=0.4, seconds=1.0), row("a", gas=0.2, seconds=1.0 + 3e-13), row("c", gas=1.0)])
    assert found["gas", ""]["papers"] == ["a", "b"]
    assert found["latency", ""]["papers"] == ["a", "b", "c"]


def test_nothing_known_is_said_in_words():
    assert need_rows(EMPTY) == []
    found = needs_of([row("a", rank=None)])
    assert {one["words"] for (need, _), one in found.items() if need in ("accuracy", "gas", "fewest eyes")} == {
        "no paper has all its seeds"
    }
    found = needs_of([row("a")])
    assert found["attackers", ""]["words"] == found["absence", ""]["words"] == NOT_TRIED
    assert found["pays contributors", ""]["words"] == "nobody was paid here"


@pytest.mark.parametrize(
    ("facts", "kinds", "step"),
    [
        ({"sees_individual_updates": "nobody"}, [], "nobody"),
        ({"sees_individual_updates": "some hospitals"}, ["noised individual update"], "noised"),
        ({"sees_individual_updates": "some hospitals"}, ["noised individual update", "individual update"], LADDER[3]),
        ({"sees_individual_updates": "coordinator"}, ["individual update"], "one party"),
        ({"sees_individual_updates": "one hospital a round"}, ["individual update"], "one party"),
        ({"sees_individual_updates": "nobody", "raw_records_shared": 0.5}, [], LADDER[-1]),
        ({"sees_individual_updates": None, "raw_records_shared": None}, [], None),
    ],
)
def test_the_step_of_a_ladder(facts, kinds, step):
    assert eyes(row("a", **facts), [{"kind": kind} for kind in kinds]) == step


def test_every_audience_has_a_step():
    assert {eyes(row("a", sees_individual_updates=one), []) for one in Audience} <= set(LADDER)


def test_the_ladder_names_whoever_stands_on_a_step_and_counts_papers_alone():
    seen = {"a": "everyone", "b": "nobody", "c": "everyone"}
    rows = [row(label, sees_individual_updates=one) for label, one in seen.items()]
    rows.append(row("floor", sees_individual_updates="coordinator", reference=True))
    found = {case: one for (need, case), one in needs_of(rows).items() if need == "fewest eyes"}
    assert list(found) == ["nobody", "one party", "everyone"]
    assert [one["place"] for one in found.values()] == [1, None, 2]
    assert found["everyone"]["papers"] == ["a", "c"]
    assert found["one party"]["references"] == ["floor"]


def test_attackers_are_judged_by_the_drop_and_its_pairs():
    rows = [row(label) for label in ("a", "b", "c")]
    same = {"task": "heart", "setting": "calm · no faults", "attack": "noise"}
    attacks = [
        {**same, "label": "a", "rank": 1, "drop": 0.01, "better_than": ["c"]},
        {**same, "label": "b", "rank": 1, "drop": 0.03, "better_than": []},
        {**same, "label": "c", "rank": 2, "drop": 0.2, "better_than": []},
        {**same, "label": "d", "rank": None, "drop": None, "better_than": None},
    ]
    found = needs_of(rows, attacks=attacks)["attackers", "noise"]
    assert (found["papers"], found["least"], found["most"]) == (["a", "b"], 0.01, 0.03)


def test_a_reference_without_a_rank_is_no_paper_under_attack():
    rows = [row("a"), row("fedavg", reference=True, rank=None)]
    same = {"task": "heart", "setting": "calm · no faults", "attack": "noise", "rank": 1, "better_than": []}
    attacks = [{**same, "label": "a", "drop": 0.1}, {**same, "label": "fedavg", "drop": 0.0}]
    found = needs_of(rows, attacks=attacks)["attackers", "noise"]
    assert (found["papers"], found["references"]) == (["a"], ["fedavg"])


def test_absence_is_the_same_setting_with_faults_alone():
    calm = [row("a"), row("b")]
    absent = [
        row("a", 0.6, faults="drop 0.3", setting="calm · faults: drop 0.3", better_than=["b"]),
        row("b", 0.5, faults="drop 0.3", setting="calm · faults: drop 0.3"),
        row("c", 0.9, faults="drop 0.3", setting="another track · faults: drop 0.3"),
    ]
    found = {case: one["papers"] for (need, case), one in needs_of([*calm, *absent]).items() if need == "absence"}
    assert found == {"drop 0.3": ["a"]}


def test_only_who_paid_a_hospital_pays_contributors():
    same = {"task": "heart", "setting": "calm · no faults", "quantity": "paid"}
    outcomes = [
        {**same, "label": "a", "party": "north", "value": 0.5},
        {**same, "label": "b", "party": "north", "value": 0.0},
        {**same, "label": "c", "party": "miner", "value": 5.0},
        {**same, "label": "d", "party": "north", "value": 5.0, "quantity": "score"},
    ]
    hospitals = [{"task": "heart", "setting": "calm · no faults", "hospital": "north"}]
    found = needs_of([row(label) for label in "abcd"], outcomes=outcomes, hospitals=hospitals)
    assert found["pays contributors", ""]["papers"] == ["a"]


def test_a_task_that_ran_disturbed_alone_is_not_told_of_as_calm():
    absent = all_tables(results([record("a", faults={"drop": 0.3})]), [])["needs"]
    ((_, sentence),) = findings(absent, {"heart": 1})
    assert sentence.endswith(" All of it under faults: drop 0.3.")
    assert [(one["case"], one["papers"]) for one in absent if one["need"] == "absence"] == [("drop 0.3", ["a"])]
    flip = {"kind": "sign_flip", "share": 0.5, "strength": 4.0}
    attacked = all_tables(results([record("a", attack=flip, attackers=("south",))]), [])["needs"]
    ((_, sentence),) = findings(attacked, {"heart": 1})
    assert " All of it under sign flip" in sentence
    calm = all_tables(results([record("a"), record("a", faults={"drop": 0.3})]), [])["needs"]
    ((_, sentence),) = findings(calm, {"heart": 1})
    assert "All of it" not in sentence


def test_records_with_attacks_and_faults_fill_every_need():
    attack = {"kind": "sign_flip", "share": 0.5, "strength": 4.0}
    paid = {"outcomes": {"paid": {"north": 1.0, "south": 0.0}}}
    trials = [record(name, seed=seed, **paid) for name in ("a", "b") for seed in (0, 1)]
    trials += [record("a", seed=seed, attack=attack, attackers=("south",), spoiled=1, skill=0.2) for seed in (0, 1)]
    trials += [record("a", seed=seed, faults={"drop": 0.3}) for seed in (0, 1)]
    tables = all_tables(results(trials), [])
    tasks, rows = need_table(tables["needs"])
    assert tasks == ("heart",)
    assert [one.key for one in rows] == list(NEEDS)
    for need in rows:
        (cell,) = need.cells
        assert cell
        assert all(line.papers and not line.words for line in cell), need.key
    assert json.dumps(tables["needs"])
    ((task, sentence),) = findings(tables["needs"], {"heart": 2})
    assert task == "heart"
    assert sentence.startswith("2 of 2 papers cannot be told apart from the most accurate (AUROC ")
    assert "a and b take the least gas and the least time" in sentence
    assert sentence.endswith("With a and b everyone sees updates.")


def test_a_sentence_never_names_one_best_among_several():
    several = need_rows({**EMPTY, "leaderboard": [row("a", 0.8), row("b", 0.7), row("c", 0.1)]})
    assert findings(several, {"heart": 3})[0][1].startswith("3 of 3 papers cannot be told apart")
    single = need_rows({**EMPTY, "leaderboard": [row("a", 0.8, better_than=["b"]), row("b", 0.7)]})
    assert findings(single, {"heart": 2})[0][1].startswith("a is more accurate than the other 1 paper (AUROC 0.800)")
    nobody = need_rows({**EMPTY, "leaderboard": [row("a", rank=None)]})
    assert findings(nobody, {"heart": 0}) == [("heart", "no paper has all its seeds.")]


def test_nobody_is_not_told_apart_from_nobody():
    assert not_told_apart([]) == []
