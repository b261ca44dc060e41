"""How gas and latency grow with the number of hospitals: the law that is found, the one that is quoted, the picture."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_fixtures import card, failure, record, results

from chainward.report import all_tables
from chainward.report.charts import draw, scaling
from chainward.report.formats import law
from chainward.report.page.html import page
from chainward.report.tables.groups import group
from chainward.report.tables.laws import fitted
from chainward.report.tables.scaling import scaling_rows
from chainward.results.papers import Paper
from chainward.strategy import discovery
from chainward.strategy.claims import Claim, Law

SVG = "{http://www.w3.org/2000/svg}"
SIZES = (4, 6, 8, 12)
NUMBERS = st.integers(-10_000, 10_000)


# --- laws ----------------------------------------------------------------------------------------


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_law_without_noise_is_found_whole(a, b, c):
    values = [a + b * size + c * size**2 for size in SIZES]
    found = fitted(SIZES, values)
    assert [found.at(size) for size in SIZES] == pytest.approx(
        values, rel=1e-5, abs=1e-5 * max(map(abs, values)) + 1e-9
    )


@pytest.mark.parametrize(
    ("values", "form"),
    [
        ([7.0, 7.0, 7.0, 7.0], "a"),
        ([5.0 + 2 * size for size in SIZES], "a + b N"),
        ([5.0 + 2 * size + 3 * size**2 for size in SIZES], "a + b N + c N²"),
        ([100.0, 101.0, 99.0, 100.5], "a"),  # noise is no growth
        ([10.4, 11.8, 14.1, 17.7], "a + b N"),  # nor is a bend
    ],
)
def test_the_simplest_law_that_foretells_is_kept(values, form):
    assert fitted(SIZES, values).form == form


def test_three_sizes_leave_none_to_spare_for_a_parabola_and_two_make_no_law():
    assert fitted((2, 4, 6), [4, 16, 36]).form == "a + b N"
    assert fitted((2, 4), [4, 16]) is None
    assert fitted((2, 2, 4), [4, 4, 16]) is None


def test_r2_is_the_share_that_is_explained():
    """By hand: of 1, 2, 4 at 1, 2, 3 the line is −2/3 + 3/2 N, and leaves 1/6 of 14/3."""
    found = fitted((1, 2, 3), [1, 2, 4])
    assert found.coefficients == pytest.approx((-2 / 3, 3 / 2))
    assert found.r2 == pytest.approx(1 - (1 / 6) / (14 / 3))
    assert fitted((1, 2, 3), [5, 5, 5]).r2 is None


def test_a_term_that_adds_nothing_is_none():
    assert fitted(SIZES, [2e9 * size for size in SIZES]).coefficients == (0.0, 2e9)
    assert fitted(SIZES, [70.04000016000003, 70.04000016000002, 70.04000016, 70.04000016]).coefficients == (
        70.04000016,
    )


def test_a_law_in_words():
    assert law((542_045.4, 31_913.0), "integer") == "542,045 + 31,913 N"
    assert law((5.0, -0.25, 1.0), "significant") == "5.00 − 0.250 N + 1.00 N²"


# --- sweeps --------------------------------------------------------------------------------------


def trials(name="blockflow", sizes=SIZES, **changes):
    """Trials of so many hospitals, whose gas a round is 1,000 a hospital and whose set-up is 50,000."""
    found = []
    for size in sizes:
        hospitals = tuple(f"hospital {i}" for i in range(size))
        told = {"gas": 1_000 * size, "deploy": 50_000, "task_params": {"hospitals": size}, "hospitals": hospitals}
        found.append(record(name, "synthetic", **{**told, **changes}))
    return found


def rows_of(found, **papers):
    whole = results(found, **papers)
    return scaling_rows(group(whole), whole)


def test_a_sweep_is_trials_that_differ_in_hospitals_alone():
    rows = rows_of(trials())
    gas = [row for row in rows if row["quantity"] == "gas_total"]
    assert [(row["hospitals"], row["value"]) for row in gas] == [(size, 50_000 + 2 * 1_000 * size) for size in SIZES]
    assert {(row["form"], law(row["coefficients"], "integer")) for row in gas} == {("a + b N", "50,000 + 2,000 N")}
    assert {row["quantity"] for row in rows} == {"gas_total", "latency_total_s"}
    assert "hospitals" not in rows[0]["setting"]


def test_two_sizes_or_another_difference_make_none():
    assert rows_of(trials(sizes=(4, 6))) == []
    mixed = [trials(sizes=(size,), faults={"drop": size / 100})[0] for size in SIZES]
    assert rows_of(mixed) == []
    changed = [trials(sizes=(size,), code=str(size))[0] for size in SIZES]
    assert rows_of(changed) == []
    assert rows_of([*trials(sizes=(4, 6)), failure("blockflow", "synthetic", task_params={"hospitals": 8})]) == []


def test_what_spends_no_gas_has_no_law_of_it():
    assert {row["quantity"] for row in rows_of(trials(gas=0, deploy=0))} == {"latency_total_s"}


def claim(**told_law):
    told = {"key": "law", "claim": "gas grows", "tier": "T1", "quoted": "2 N R", "reproduced": "yes", "partly": ""}
    return Claim.of({**told, "law": told_law}, "here")


def test_the_law_of_a_paper_stands_beside_the_measured_one():
    told = claim(of="gas_total", terms={"1": 7, "N R": 2, "N N": 3})
    rows = rows_of(trials(), blockflow=Paper(card("blockflow"), (told,)))
    gas = [row for row in rows if row["quantity"] == "gas_total"]
    assert [row["quoted"] for row in gas] == [7 + 2 * size * 2 + 3 * size**2 for size in SIZES]
    assert {(row["quoted_law"], row["tier"]) for row in gas} == {("2 N R", "T1")}
    assert {row["quoted"] for row in rows if row["quantity"] != "gas_total"} == {None}


def test_gas_of_set_up_is_told_where_a_paper_has_a_law_of_it():
    told = claim(of="gas_setup", terms={"N": 10})
    rows = rows_of(trials(), blockflow=Paper(card("blockflow"), (told,)))
    found = [(row["hospitals"], row["value"], row["quoted"]) for row in rows if row["quantity"] == "gas_setup"]
    assert found == [(size, 50_000, 10 * size) for size in SIZES]


def test_the_laws_in_the_papers_files_are_those_that_they_quote():
    """BlockFLow: 31,913 N + 542,045 R + 477,050 N R an agent; 2CP: 4,493,943 with two and 968,283 a further one."""
    found = {
        (key, one.key): one.law
        for key in ("blockflow", "two_cp")
        for one in discovery.claims(discovery.load(key))
        if one.law
    }
    agent = found["blockflow", "gas-law-2"]
    assert agent.at(5, 3) == 5 * (31_913 * 5 + 542_045 * 3 + 477_050 * 5 * 3)
    consortium = found["two_cp", "set-up-gas"]
    assert [consortium.at(size, 30) for size in (2, 3, 6)] == [4_493_943, 5_462_226, 4_493_943 + 4 * 968_283]


def test_a_law_that_cannot_be_read_says_how_it_is_written():
    with pytest.raises(ValueError, match="'n' is no product of N and R"):
        Law(of="gas_total", terms={"n": 1})


# --- the picture ---------------------------------------------------------------------------------


def test_a_panel_a_strategy_and_quantity_with_its_laws():
    told = claim(of="gas_total", terms={"N R": 2})
    rows = rows_of([*trials(), *trials("bflc")], blockflow=Paper(card("blockflow"), (told,)))
    chart = scaling(rows, "key")
    picture = draw([chart])["key"].svg
    texts = [one.text or "" for one in ElementTree.fromstring(picture).iter(f"{SVG}text")]
    spans = "".join(ElementTree.fromstring(picture).itertext())
    assert texts.count("hospitals") == 4
    assert "a + b N, r² 1.0000" in spans
    assert "50,000 + 2,000 N" in spans
    assert "quoted, T1: 2 N R" in spans
    assert picture.count("stroke-dasharray") == 1
    assert picture == draw([scaling(rows, "key")])["key"].svg
    assert scaling([], "key") is None


def test_the_page_shows_growth_where_there_is_a_sweep_and_nobody_attacks():
    swept = page(all_tables(results(trials()), []))
    assert '<section id="scaling">' in swept
    assert 'href="#scaling"' in swept
    assert 'id="scaling' not in page(all_tables(results(trials(sizes=(4, 6))), []))


def test_two_sweeps_of_one_strategy_do_not_mix():
    rows = rows_of([*trials(), *trials(rounds=3)])
    gas = [row for row in rows if row["quantity"] == "gas_total"]
    assert {(row["rounds"], law(row["coefficients"], "integer")) for row in gas} == {
        (2, "50,000 + 2,000 N"),
        (3, "50,000 + 3,000 N"),
    }


def test_a_law_is_no_part_of_a_rule():
    plain = replace(claim(of="gas_total", terms={"N": 1}), law=None)
    assert plain.rule_digest == claim(of="gas_total", terms={"N": 1}).rule_digest
    rows = rows_of(trials(), blockflow=Paper(card("blockflow"), (plain,)))
    assert {row["quoted"] for row in rows} == {None}
