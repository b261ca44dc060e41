"""Ties are ties: who can be told apart, shared ranks, the front, and that noise orders nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_fixtures import PAPERS, card, failure, record, results
from sample_records import ended, specified

from chainward.report import all_tables
from chainward.report.page.html import page
from chainward.report.page.summary import resolution
from chainward.report.tables.ranking import Contestant, Ranking
from chainward.results.comparison import compare
from chainward.results.inference import Mean, difference, mean_over_seeds
from chainward.results.influence import auroc
from chainward.results.papers import Paper
from chainward.results.predictions import Predicted, Predictions

DEMO = Path(__file__).parents[1] / "fixtures" / "demo_heart.npz"
REFERENCES = ("fedavg", "local_only", "pooled")


@cache
def demo() -> dict[str, list[Predictions]]:
    """What seven strategies predicted for the 920 patients of `heart` in five seeds."""
    with np.load(DEMO) as file:
        arrays = {name: file[name] for name in file.files}
    found = {}
    for name, probability in zip(arrays["strategies"].tolist(), arrays["probability"], strict=True):
        rows = [arrays["seed"] == seed for seed in range(5)]
        hospital = arrays["hospitals"][arrays["hospital"]]
        columns = (hospital, arrays["patient"].astype(np.int64), arrays["label"].astype(np.float64), probability)
        found[name] = [Predictions(*(column[mine] for column in columns)) for mine in rows]
    return found


@cache
def demo_means() -> dict[str, Mean]:
    """The mean AUROC of each."""
    return {name: mean_over_seeds(auroc, seeds) for name, seeds in demo().items()}


def demo_trials(noise: float = 0.0):
    """The same as trials, each probability moved by up to `noise`."""
    rng = np.random.default_rng(7)
    for strategy, seeds in demo().items():
        for seed, one in enumerate(seeds):
            moved = np.clip(one.probability + noise * rng.uniform(-1, 1, len(one.label)), 0, 1)
            what = Predicted(one.hospital, one.patient, one.label.astype(np.uint8), moved, {})
            yield ended(specified(strategy, seed=seed), what)


def demo_tables(noise: float = 0.0):
    cards = {name: Paper(card(name, reference=name in REFERENCES), ()) for name in demo()}
    return all_tables(results(demo_trials(noise), **cards), [])


def test_what_can_be_told_apart_on_heart() -> None:
    """Holm over the 21 pairs of the demo's seven strategies."""
    names, means = zip(*demo_means().items(), strict=True)
    found = compare(means)
    told = {(names[i], names[j]) for i, j in zip(*np.nonzero(found.better), strict=True)}
    above_explorer = {(name, "explorer_chain") for name in ("swarm_learning", "pooled", "fedavg", "blockflow")}
    assert told == {("fedavg", "bflc"), ("pooled", "bflc")} | above_explorer
    assert found.pairs == 21


def test_the_leaderboard_says_so_for_every_row() -> None:
    tables = demo_tables()
    rows = {row["strategy"]: row for row in tables["leaderboard"]}
    assert [row["strategy"] for row in tables["leaderboard"]] == [
        "blockflow",
        "fedavg",
        "local_only",
        "pooled",
        "swarm_learning",
        "bflc",
        "explorer_chain",
    ]
    assert [row["rank"] for row in tables["leaderboard"]] == [1, 1, 1, 1, 1, 3, 5]
    assert rows["pooled"]["better_than"] == ["bflc", "explorer_chain"]
    # The best paper is the swarm: only ExplorerChain is told apart from it.
    assert {name for name, row in rows.items() if not row["tied_with_best"]} == {"explorer_chain"}
    pair = difference(demo_means()["bflc"], demo_means()["fedavg"])
    bflc = rows["bflc"]
    assert (bflc["auroc_minus_baseline"], bflc["auroc_minus_baseline_low"]) == (pair.estimate, pair.low)
    assert pair.p < bflc["auroc_minus_baseline_p"] < 0.05
    assert rows["fedavg"]["auroc_minus_baseline"] == 0
    (told,) = tables["resolution"]
    assert (told["best"], told["pairs"], told["pairs_told_apart"], told["decisive"]) == ("swarm_learning", 21, 6, False)
    assert resolution(told) == (
        "6 of 21 pairs of rows are told apart, with 920 patients as units; a difference of AUROC of 0.003 to 0.023 is "
        "enough, by the pair, 0.016 in the median. The ranking is not decisive: bflc, blockflow, fedavg, "
        "local_only, pooled cannot be told apart from swarm_learning."
    )
    one_pair = {**told, "pairs": 1, "needed_least": 0.015, "needed_median": 0.015, "needed_most": 0.015}
    assert "; a difference of AUROC of 0.015 is enough. The" in resolution(one_pair)


def test_noise_orders_nothing() -> None:
    """Predictions moved by 1e-12 change no table, no page and no order; figures alone, in digits nobody prints."""
    plain, moved = demo_tables(), demo_tables(noise=1e-12)
    for one, other in zip(plain["leaderboard"], moved["leaderboard"], strict=True):
        for name, value in one.items():
            if isinstance(value, float):
                assert other[name] == pytest.approx(value, abs=1e-9), name
            elif name != "auroc_hospitals":
                assert other[name] == value, name
    assert page_text(plain) == page_text(moved)
    for name in ("hospitals", "resolution"):
        assert [labels(tables[name]) for tables in (plain, moved)] == [labels(plain[name])] * 2


def labels(rows) -> list[str]:
    return [row.get("label", row.get("best")) for row in rows]


def page_text(tables) -> str:
    """The page without the raw rows it carries for a download, and without digests of trials."""
    html = page({**tables, "records": [], "provenance": []})
    start = html.index('<script type="application/json"')
    return html[:start] + html[html.index("</script>", start) :]


@given(st.permutations(range(7)))
@settings(max_examples=15)
def test_the_order_of_rows_decides_nothing(order: list[int]) -> None:
    contestants = [
        Contestant(name, name in REFERENCES, name == "fedavg", found, 1000 + number)
        for number, (name, found) in enumerate(demo_means().items())
    ]
    plain, turned = Ranking(tuple(contestants)), Ranking(tuple(contestants[i] for i in order))
    for place, i in enumerate(order):
        assert turned.columns(place) == plain.columns(i)
    assert turned.resolution() == plain.resolution()


def mean(value: float, spread: float = 0.0, patients: int = 400, seed: int = 0) -> Mean:
    """A mean over patients 0, 1, …; two with equal spread and seed differ by their values alone."""
    influences = spread * np.random.default_rng(seed).normal(size=patients) / patients**0.5
    return Mean(value, np.arange(patients), influences, patients // 2)


def ranking(*rows: tuple[str, float, int], **options: Mapping[str, float]) -> Ranking:
    spread = {"spread": 0.01, **options}
    contestants = [
        Contestant(name, False, False, mean(value, seed=place, **spread), gas)
        for place, (name, value, gas) in enumerate(rows)
    ]
    return Ranking(tuple(contestants))


def on_front(one: Ranking) -> set[str]:
    return {row.label for i, row in enumerate(one.everybody) if one.columns(i)["on_front"]}


@pytest.mark.parametrize(
    ("rows", "front"),
    [
        ([("a", 0.70, 1), ("b", 0.80, 2), ("c", 0.75, 3)], {"a", "b"}),
        ([("a", 0.70, 1), ("b", 0.701, 2)], {"a"}),  # a little more at more gas is no more
        ([("a", 0.701, 1), ("b", 0.70, 1)], {"a", "b"}),  # a little more at as much gas is as much
        ([("a", 0.70, 1), ("b", 0.80, 1)], {"b"}),
    ],
)
def test_the_front_counts_only_what_is_told_apart(rows, front) -> None:
    assert on_front(ranking(*rows)) == front


def test_references_are_compared_and_never_the_best_nor_on_the_front() -> None:
    reference = Contestant("floor", True, False, mean(0.9, 0.01), 0)
    found = Ranking((reference, *ranking(("a", 0.8, 1), ("b", 0.799, 1)).everybody))
    assert found.columns(0)["rank"] == 1
    assert found.columns(0)["better_than"] == ["a", "b"]
    assert found.best == 1
    assert on_front(found) == {"a", "b"}


def test_the_first_by_name_of_equals_is_called_the_best() -> None:
    found = ranking(("b", 0.8, 1), ("a", 0.8 - 1e-13, 1))
    assert found.best == 1


def test_others_are_compared_with_the_baseline_of_the_usual_rounds() -> None:
    trials = [record(name, rounds=2, skill=0.4) for name in ("fedavg", "bflc")]
    trials += [record("fedavg", rounds=9, skill=0.1), record("fedavg", params={"weighted": False}, skill=0.0)]
    rows = {row["label"]: row for row in all_tables(results(trials), [])["leaderboard"]}
    differences = {label: row["auroc_minus_baseline"] for label, row in rows.items()}
    assert [label for label, found in differences.items() if found == 0] == ["bflc", "fedavg (rounds 2)"]


def test_a_missing_seed_takes_part_in_no_rank() -> None:
    trials = [record(name, seed=seed, skill=0.4) for name in ("bflc", "other") for seed in (0, 1)]
    lacking = [record("lacking", seed=0, skill=0.9), failure("lacking", seed=1)]
    tables = all_tables(results([*trials, *lacking]), [])
    rows = {row["strategy"]: row for row in tables["leaderboard"]}
    assert (rows["lacking"]["rank"], rows["lacking"]["auroc_minus_best"]) == (None, None)
    assert rows["lacking"]["on_front"] is False
    assert rows["lacking"]["auroc_mean"] is not None
    assert tables["leaderboard"][-1]["strategy"] == "lacking"
    assert [rows[name]["rank"] for name in ("bflc", "other")] == [1, 1]
    assert (tables["resolution"][0]["compared"], tables["resolution"][0]["not_compared"]) == (2, 1)
    assert "1 row takes no part" in resolution(tables["resolution"][0])
    assert "1 of 2" in page(tables)


def test_other_patients_than_most_take_part_in_no_rank() -> None:
    trials = [record(name, seed=seed) for name in ("bflc", "other") for seed in (0, 1)]
    rows = all_tables(results([*trials, record("more", seed=5)]), [])["leaderboard"]
    assert {row["strategy"]: row["rank"] for row in rows} == {"bflc": 1, "other": 1, "more": None}


def test_a_row_of_one_seed_puts_nobody_out() -> None:
    """Fewer patients never outvote more, however many rows have them."""
    trials = [record("whole", seed=seed) for seed in (0, 1)] + [record(name, skill=0.9) for name in ("one", "two")]
    tables = all_tables(results(trials), [])
    assert {row["strategy"]: row["rank"] for row in tables["leaderboard"]} == {"whole": 1, "one": None, "two": None}
    assert resolution(tables["resolution"][0]) == "2 rows cannot be compared."


def test_the_same_patients_split_otherwise_are_not_compared() -> None:
    trials = [record(name, seed=seed) for name in ("a", "b") for seed in (0, 1)]
    digests = replace(trials[2].record.digests, data="0" * 64)
    other = [replace(one, record=replace(one.record, digests=digests)) for one in trials[2:]]
    mixed = [*trials[:2], *other, *(record("c", seed=seed) for seed in (0, 1))]
    rows = all_tables(results(mixed), [])["leaderboard"]
    assert {row["strategy"]: row["rank"] for row in rows} == {"a": 1, "b": None, "c": 1}


def test_settings_that_read_alike_are_never_one_table() -> None:
    flip = {"kind": "sign_flip", "strength": 1.0}
    shares = (0.3, 0.3000000000000001, 0.304)
    trials = [record(name, attack={**flip, "share": share}) for name in ("a", "b") for share in shares]
    tables = all_tables(results(trials), [])
    assert [len(rows) for rows in tables_of(tables["leaderboard"])] == [2, 2, 2]
    assert len(tables["resolution"]) == 3
    assert page(tables)


def tables_of(rows):
    settings = dict.fromkeys((row["task"], row["setting"]) for row in rows)
    return [[row for row in rows if (row["task"], row["setting"]) == setting] for setting in settings]


def test_the_page_looks_for_the_cheapest_among_all_rows_and_draws_the_whole_front() -> None:
    """Also among those it has no room for."""
    trials = [record(f"s{number:03}", gas=100_000 + number) for number in range(130)]
    trials.append(record("zcheap", gas=10_000))
    tables = all_tables(results(trials), [])
    html = page(tables)
    needs = html[html.index('id="summary"') : html.index('id="pareto"')]
    assert re.search(r"Low gas.*?zcheap.*?520,000 gas", needs, re.DOTALL)
    assert "On the Pareto front: zcheap." in html
    assert "more rows are in the table." in html


def test_a_table_of_one_has_nothing_to_say() -> None:
    tables = all_tables(results([record("bflc")], **PAPERS), [])
    assert resolution(tables["resolution"][0]) == ""
    assert tables["leaderboard"][0]["tied_with_best"] is True
