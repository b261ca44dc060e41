import io
import sys

import numpy as np
import pytest
from published import write

from chainward.errors import ChainwardError
from chainward.tasks import event_files
from chainward.tasks.event_files import Layout, chunks, moments, places, table

LAYOUT = Layout(numbers=("stay", "value"), texts=("name",), optional=("value", "name"))


def read(path, layout=LAYOUT):
    return list(chunks(path, layout))


def test_chunks_are_the_whole_table_in_its_order(tmp_path, monkeypatch):
    monkeypatch.setattr(event_files, "CHUNK", 4)
    path = write(tmp_path, "rows.csv", "stay,name,other,value", [(n, f"n{n % 3}", "x", n / 2) for n in range(10)])
    parts = read(path)
    assert [len(part) for part in parts] == [4, 4, 2]
    assert [list(part.columns) for part in parts] == [["stay", "name", "value"]] * 3
    whole = table(path, LAYOUT)
    assert whole["stay"].tolist() == list(range(10))
    assert whole["value"].tolist() == [n / 2 for n in range(10)]
    assert whole["name"].tolist() == [f"n{n % 3}" for n in range(10)]


def test_empty_cells_are_missing_and_words_for_it_are_words(tmp_path):
    path = write(tmp_path, "rows.csv", "stay,value,name", [(1, "", ""), (2, 1, "NA"), (3, 2, "None")])
    whole = table(path, LAYOUT)
    np.testing.assert_array_equal(whole["value"], [np.nan, 1, 2])
    assert whole["name"].tolist() == [None, "NA", "None"]


def test_a_word_for_missing_is_no_number(tmp_path):
    path = write(tmp_path, "rows.csv", "stay,value,name", [(1, "NULL", "")])
    with pytest.raises(ChainwardError, match=r"rows.csv: column 'value', row 2: 'NULL' is no number"):
        read(path)


def test_optional_columns_may_be_absent(tmp_path):
    whole = table(write(tmp_path, "rows.csv", "stay", [(1,), (2,)]), LAYOUT)
    assert whole["value"].isna().all()
    assert whole["name"].tolist() == [None, None]


def test_no_rows_are_a_table_too(tmp_path):
    whole = table(write(tmp_path, "rows.csv", "stay,value,name", []), LAYOUT)
    assert list(whole.columns) == ["stay", "value", "name"]
    assert not len(whole)


def test_the_wrong_cell_is_named_with_its_row_in_a_later_chunk(tmp_path, monkeypatch):
    monkeypatch.setattr(event_files, "CHUNK", 3)
    rows = [(n, "n", "x" if n == 7 else n) for n in range(10)]
    with pytest.raises(ChainwardError, match="column 'value', row 9: 'x'"):
        read(write(tmp_path, "rows.csv", "stay,name,value", rows))


def test_cells_beyond_the_headers_are_not_looked_at_and_absent_ones_are_empty(tmp_path):
    path = write(tmp_path, "rows.csv", "stay,value,name", [(1, 2, "a", 3, 4), (5,)])
    whole = table(path, LAYOUT)
    assert whole["stay"].tolist() == [1, 5]
    assert whole["name"].tolist() == ["a", None]


def test_moments_are_read_however_the_two_parts_are_joined(tmp_path):
    import pandas as pd

    texts = pd.Series(["2150-01-02 03:04:05", None, "1850-01-02T03:04:05Z", "2150-01-02"])
    expected = np.array(["2150-01-02T03:04:05", "NaT", "1850-01-02T03:04:05", "2150-01-02"], dtype="datetime64[s]")
    np.testing.assert_array_equal(moments(tmp_path, "at", texts), expected)
    with pytest.raises(ChainwardError, match="column 'at': '03/04/2150' is no date and time"):
        moments(tmp_path, "at", pd.Series(["2150-01-02", "03/04/2150"]))


def test_places_of_what_is_not_known_are_minus_one():
    assert places(np.array([5.0, np.nan, 7.0, 6.0]), np.array([7.0, 5.0])).tolist() == [1, -1, 0, -1]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("screen", "patience", "shown"),
    [(Terminal, 0.0, True), (io.StringIO, 0.0, False), (Terminal, 60.0, False)],
    ids=["a terminal", "no terminal", "soon over"],
)
def test_a_bar_is_drawn_on_a_terminal_when_it_takes_long(tmp_path, monkeypatch, screen, patience, shown):
    monkeypatch.setattr(event_files, "PATIENCE_S", patience)
    monkeypatch.setattr(sys, "stderr", screen())
    for compressed in (False, True):
        read(write(tmp_path, "rows.csv", "stay,value,name", [(n, n, "a") for n in range(9)], compressed=compressed))
        assert ("rows.csv" in sys.stderr.getvalue()) == shown
