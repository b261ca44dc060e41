"""Who opened what, as rows, as a matrix of the page and as a picture."""

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_fixtures import HOSTILE, failure, record, results

from chainward.report import all_tables
from chainward.report.charts import audiences, draw
from chainward.report.page.html import page
from chainward.report.page.privacy import matrix, matrix_columns
from chainward.report.tables.privacy import KINDS, LADDER, privacy_rows, widest
from chainward.results.rounds import DisclosureRow
from chainward.world import Audience, Kind

SVG = "{http://www.w3.org/2000/svg}"
UPDATE, SCORES, RECORDS = Kind.UPDATE.value, Kind.SCORES.value, Kind.RECORDS.value


def rows_of(*disclosures, **changes):
    opened = tuple(DisclosureRow(*one) for one in disclosures)
    return all_tables(results([record("x", disclosures=opened, **changes)]), [])["privacy"]


def test_a_row_a_who_with_what_was_opened():
    rows = rows_of((SCORES, "coordinator", 4, 40), (UPDATE, "everyone", 2, 900), (UPDATE, "coordinator", 1, 7))
    assert [row["who"] for row in rows] == ["coordinator", "everyone"]
    first, last = rows
    assert (first["scores_opened"], first["scores_bytes"], first["update_opened"]) == (4, 40, 1)
    assert (last["update_opened"], last["update_bytes"], last["update_by"]) == (2, 900, "everyone")
    assert (last["scores_opened"], last["scores_bytes"], last["scores_by"]) == (None, None, None)


def test_parties_that_differ_in_their_number_are_one_who():
    rows = rows_of(*((RECORDS, f"solver {i}", 20, 100) for i in range(1, 6)), (RECORDS, "centre 1", 3, 5))
    told = [(row["who"], row["audience"], row["records_opened"], row["records_bytes"]) for row in rows]
    assert told == [("centre", "another party", 3, 5), ("solver (5 of them)", "another party", 100, 500)]


@pytest.mark.parametrize("seen", [Audience.ONE_HOSPITAL, Audience.SOME_HOSPITALS, Audience.EVERY_HOSPITAL])
def test_how_many_hospitals_is_known_of_updates_alone(seen):
    (row,) = rows_of((UPDATE, "hospitals", 2, 9), (SCORES, "hospitals", 2, 9), sees=seen)
    assert (row["update_by"], row["scores_by"]) == (seen.value, "hospitals")


def test_and_not_where_a_wider_audience_hides_it():
    rows = rows_of((UPDATE, "hospitals", 2, 9), (UPDATE, "everyone", 2, 9), sees=Audience.EVERYONE)
    assert [row["update_by"] for row in rows] == ["hospitals", "everyone"]
    assert widest(rows)["update"] == "everyone"


def test_where_nobody_opened_anything_there_is_a_row_that_says_so():
    (row,) = rows_of(sees=Audience.NOBODY)
    assert (row["who"], set(widest([row]).values())) == ("nobody", {"nobody"})
    assert all_tables(results([failure("x")]), [])["privacy"] == []


def test_every_kind_has_its_columns_and_every_audience_its_step():
    assert set(KINDS.values()) == {kind.value for kind in Kind}
    assert set(LADDER) >= {audience.value for audience in Audience}
    assert [one for one in LADDER if one in set(Audience)] == [audience.value for audience in Audience]


PARTIES = ("coordinator", "hospitals", "everyone", "centre 1", "solver 1", "solver 2", HOSTILE)


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from([kind.value for kind in Kind]), st.sampled_from(PARTIES)), st.integers(1, 99)
    )
)
def test_nothing_opened_is_lost_or_told_twice(opened):
    """Whatever was opened by whomever, the sums of each kind stay."""
    identity = {"task": "t", "strategy": "x", "track": "common", "label": "x", "setting": "s", "attack": ""}
    told = [
        {**identity, "kind": kind, "audience": who, "count": count, "bytes": 10 * count}
        for (kind, who), count in opened.items()
    ]
    board = [{**identity, "trials": 1, "failed": 0, "sees_individual_updates": "nobody"}]
    rows = privacy_rows(board, told)
    for name, kind in KINDS.items():
        total = sum(count for (one, _), count in opened.items() if one == kind)
        assert sum(row[f"{name}_opened"] or 0 for row in rows) == total
        assert sum(row[f"{name}_bytes"] or 0 for row in rows) == 10 * total
        assert (widest(rows)[name] == "nobody") == (total == 0)


def test_the_matrix_of_the_page_has_a_column_for_each_kind_that_was_opened():
    rows = rows_of((UPDATE, "hospitals", 2, 9000), (SCORES, "coordinator", 1, 5), sees=Audience.SOME_HOSPITALS)
    assert [column.key for column in matrix_columns(rows)] == ["label", "who", "update", "scores"]
    assert [(row["who"], row["update"], row["scores"]) for row in matrix(rows)] == [
        ("coordinator", "", "1 ×, 5.00 B"),
        ("hospitals", "2 ×, 9.00 kB, some hospitals", ""),
    ]


def texts(chart):
    return [one.text for one in ElementTree.fromstring(draw([chart])[chart.key].svg).iter(f"{SVG}text")]


def test_the_picture_says_each_audience_in_words_and_who_shows_least_stands_first():
    opened = {"loud": (RECORDS, "everyone"), "quiet": (SCORES, "coordinator"), "mute": None}
    found = [
        record(name, disclosures=(DisclosureRow(*told, 1, 1),) if told else (), sees=Audience.NOBODY)
        for name, told in opened.items()
    ]
    chart = audiences(all_tables(results(found), [])["privacy"], "key")
    words = texts(chart)
    assert [one for one in words if one in opened] == ["mute", "quiet", "loud"]
    assert {"raw records", "scores", "everyone", "coordinator", "–"} <= set(words)
    assert "secret share" not in words
    assert audiences([], "key") is None


def test_the_page_draws_it_and_holds_its_figures():
    html = page(all_tables(results([record("x", disclosures=(DisclosureRow(UPDATE, "everyone", 3, 12),))]), []))
    assert "Who opens what, heart" in html
    assert "3 ×, 12.0 B" in html
