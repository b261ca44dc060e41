"""Names in charts: as wide as they are said to be, as short as their place, and clear of each other."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chainward.report.charts.base import log_axis, whole_axis
from chainward.report.charts.labels import LINE, POINT, Box, box_of, place, spread
from chainward.report.charts.text import lines_of, natural, short_names, shortened, width_of

FRAME = Box(0, 0, 600, 400)
TEXTS = st.text(max_size=80)


def boxes(points, names, frame=FRAME):
    return [box_of(*at, name) for at, name in zip(place(points, names, frame), names, strict=True)]


def covered(found, points):
    """Pairs of names that share area, and names that lie on a point."""
    marks = [Box(x - POINT, y - POINT, x + POINT, y + POINT) for x, y in points]
    pairs = sum(one.overlap(other) > 0 for i, one in enumerate(found) for other in found[:i])
    return pairs, sum(one.overlap(mark) > 0 for one in found for mark in marks)


def test_names_of_a_crowd_cover_neither_each_other_nor_a_point():
    points = [(200.0 + 9 * (i % 6), 150.0 + 3 * (i // 6)) for i in range(24)]
    names = [f"strategy {i}" for i in range(24)]
    found = boxes(points, names)
    assert covered(found, points) == (0, 0)
    assert all(one.overlap(FRAME) == (one.right - one.left) * (one.bottom - one.top) for one in found)


def test_that_test_sees_names_that_do():
    points = [(100.0, 100.0), (104.0, 100.0)]
    side = [box_of(x + 30, y, "name") for x, y in points]
    assert covered(side, points) == (1, 0)
    assert covered([box_of(100.0, 100.0, "name")], points[:1]) == (0, 1)


def test_a_name_stays_in_the_frame():
    ((x, _),) = place([(599.0, 100.0)], ["name"], FRAME)
    assert x < 599  # no room on the right
    ((x, _),) = place([(1.0, 100.0)], ["name"], FRAME)
    assert x > 1


def test_a_name_alone_stands_beside_its_point():
    ((x, y),) = place([(300.0, 200.0)], ["name"], FRAME)
    assert (x - width_of("name") / 2 - 300, y) == (POINT + 3, 200.0)


@given(st.lists(st.floats(0, 300), max_size=20))
def test_a_column_keeps_order_and_distance(places):
    found = spread(places, 0, 300)
    order = sorted(range(len(places)), key=lambda i: (places[i], i))
    gaps = [found[b] - found[a] for a, b in pairwise(order)]
    assert all(gap >= LINE - 1e-6 for gap in gaps)
    assert all(-1e-6 <= one <= 300 + 1e-6 for one in found)
    if all(abs(a - b) >= LINE for i, a in enumerate(places) for b in places[:i]):
        assert found == places


def test_a_column_with_no_room_is_even():
    assert spread([5.0] * 5, 0, 20) == [0, 5, 10, 15, 20]
    assert spread([], 0, 20) == []
    assert spread([10.0, 10.0], 0, 100) == [10 - LINE / 2, 10 + LINE / 2]


def test_widths_are_those_of_the_font():
    """Helvetica's own figures: i is 222, W 944, 5 is 556 thousandths of the size."""
    assert [round(width_of(one, 1000)) for one in ("i", "W", "5", "iW5", "")] == [222, 944, 556, 1722, 0]


@given(TEXTS, st.floats(30, 300))
def test_a_short_text_fits_and_a_fitting_one_stays(text, width):
    found = shortened(text, width)
    assert width_of(found) <= width
    whole = shortened(text, 1e9)
    assert found == whole or (width_of(whole) > width and "…" in found)


def test_of_a_long_name_both_ends_stay():
    assert shortened("bflc (committee 2, members 40, rounds 30)", 130) == "bflc (committe…rounds 30)"


@given(st.lists(TEXTS, max_size=12), st.floats(60, 200))
def test_no_two_short_names_are_alike(names, width):
    found = short_names(names, width)
    assert set(found) == set(names)
    assert len(set(found.values())) == len(found)
    assert all(width_of(one) <= width for one in found.values())


@given(TEXTS, st.integers(1, 4))
def test_lines_fit_and_hold_the_text_if_there_is_room(text, most):
    found = lines_of(text, 90, most)
    assert 1 <= len(found) <= most
    assert all(width_of(line) <= 90 for line in found)
    if not any("…" in line for line in found):
        assert "".join("".join(found).split()) == "".join(shortened(text, 1e9).split())


def test_lines_break_between_words():
    assert lines_of("bflc (committee 2, members 40)", 120, 2) == ["bflc (committee 2,", "members 40)"]
    assert lines_of("bflc", 120, 2) == ["bflc"]


def test_numbers_in_names_are_sorted_as_numbers():
    names = ["bflc (k 10)", "bflc (k 9)", "bflc", "7", "aa"]
    assert sorted(names, key=natural) == ["7", "aa", "bflc", "bflc (k 9)", "bflc (k 10)"]


@given(st.floats(-3, 9), st.floats(0.2, 6))
def test_a_log_axis_has_three_to_sixteen_lines_within(exponent, span):
    low, high = 10**exponent, 10 ** (exponent + span)
    values = log_axis(low, high).to_dict()["values"]
    assert 3 <= len(values) <= 16
    assert all(low * 0.999 <= one <= high * 1.001 for one in values)
    assert len(set(values)) == len(values)


@given(st.integers(0, 500), st.integers(0, 5000), st.integers(2, 8))
def test_an_axis_of_whole_numbers_tells_each_once(low, span, most):
    values = whole_axis(low, low + span, most).to_dict()["values"]
    assert all(low <= one <= low + span for one in values)
    assert len(values) <= most
    assert len(set(values)) == len(values)
    if span == 0:
        assert values == [low]


def test_axes_by_hand():
    assert whole_axis(1, 30).to_dict()["values"] == [10, 20, 30]
    assert whole_axis(1, 2).to_dict()["values"] == [1, 2]
    assert log_axis(900, 1.1e7).to_dict()["values"] == [1e3, 1e4, 1e5, 1e6, 1e7]
