"""Charts are well-formed, named, themed and safe."""

import re
from xml.etree import ElementTree

import pytest
from report_fixtures import HOSTILE, records, results

from chainward.report import all_tables, charts
from chainward.report.charts.labels import Box, place, width_of

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def tables():
    found = all_tables(results(records()), [])
    return {name: [row for row in rows if row.get("task") == "heart"] for name, rows in found.items()}


def drawn(tables, name):
    rows = {"learning_curves": "learning_curves", "gas_functions": "gas_functions"}.get(name, "leaderboard")
    return getattr(charts, name)(tables[rows], "key")


@pytest.mark.parametrize("name", ["pareto", "learning_curves", "latency_parts", "gas_functions"])
def test_every_chart(tables, name):
    chart = drawn(tables, name)
    root = ElementTree.fromstring(chart.svg)
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "key-title key-desc"
    assert (root.find(f"{SVG}title").text, root.find(f"{SVG}desc") is None) == (chart.title, False)
    assert "var(--" in chart.svg  # colours follow the page
    assert not re.search(r"<(script|img|image|foreignObject)\b|onerror=[^&]*\"|href=", chart.svg)
    assert all(one.get("id", "key-").startswith("key-") for one in root.iter())


@pytest.mark.parametrize("name", ["pareto", "learning_curves", "latency_parts", "gas_functions"])
def test_same_rows_same_picture(tables, name):
    assert drawn(tables, name) == drawn(tables, name)


@pytest.mark.parametrize("name", ["pareto", "learning_curves", "latency_parts", "gas_functions"])
def test_nothing_to_draw(name):
    assert getattr(charts, name)([], "key") is None


def test_what_spends_no_gas_stands_at_zero(tables):
    words = [one.text for one in ElementTree.fromstring(drawn(tables, "pareto").svg).iter(f"{SVG}text")]
    assert {"0", "no gas", "local"} <= set(words)
    paid = [row for row in tables["leaderboard"] if row["gas_total"]]
    assert ">no gas<" not in charts.pareto(paid, "key").svg
    free = [row for row in tables["leaderboard"] if not row["gas_total"]]
    assert ">no gas<" in charts.pareto(free, "key").svg


def test_hostile_names_are_text(tables):
    svg = drawn(tables, "latency_parts").svg
    assert "<script" not in svg
    assert "\x00" not in svg
    assert HOSTILE[:9] in "".join(ElementTree.fromstring(svg).itertext())


def test_names_of_points_do_not_overlap():
    points = [(100.0 + i, 100.0 + 3 * i) for i in range(6)]
    names = ["name"] * 6
    offsets = place(points, names, Box(0, 0, 400, 300))
    boxes = [
        Box(x + dx - width_of("name") / 2, y + dy - 6, x + dx + width_of("name") / 2, y + dy + 6)
        for (x, y), (dx, dy) in zip(points, offsets, strict=True)
    ]
    assert not any(a.overlap(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert place([(399.0, 100.0)], ["name"], Box(0, 0, 400, 300))[0][0] < 0  # no room on the right
