"""Charts are well-formed, named, themed and safe."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import vl_convert
from report_fixtures import HOSTILE, records, results, verdicts

from chainward.folders import CHECKOUT
from chainward.report import all_tables, charts, write_report
from chainward.report.charts import drawing
from chainward.report.charts.drawing import PROGRAM, draw
from chainward.report.charts.theme import PARTS

CHARTS = ["pareto", "pareto_latency", "learning_curves", "latency_parts", "gas_functions", "partition"]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def tables():
    found = all_tables(results(records()), [])
    return {name: [row for row in rows if row.get("task") == "heart"] for name, rows in found.items()}


def drawn(tables, name):
    rows = name if name in ("learning_curves", "gas_functions", "partition") else "leaderboard"
    return getattr(charts, name)(tables[rows], "key")


def svg(chart):
    """The picture of one chart."""
    return draw([chart])[chart.key].svg


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart(tables, name):
    chart = drawn(tables, name)
    picture = svg(chart)
    root = ElementTree.fromstring(picture)
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "key-title key-desc"
    assert (root.find(f"{SVG}title").text, root.find(f"{SVG}desc") is None) == (chart.title, False)
    assert "var(--" in picture  # colours follow the page
    assert not re.search(r"<(script|img|image|foreignObject)\b|onerror=[^&]*\"|href=", picture)
    assert all(one.get("id", "key-").startswith("key-") for one in root.iter())


@pytest.mark.parametrize("name", CHARTS)
def test_same_rows_same_picture(tables, name):
    one, other = drawn(tables, name), drawn(tables, name)
    assert one == other
    assert svg(one) == svg(other)


@pytest.mark.parametrize("name", CHARTS)
def test_nothing_to_draw(name):
    assert getattr(charts, name)([], "key") is None


def test_what_spends_no_gas_stands_at_zero(tables):
    words = [one.text for one in ElementTree.fromstring(svg(drawn(tables, "pareto"))).iter(f"{SVG}text")]
    assert {"0", "no gas", "local"} <= set(words)
    paid = [row for row in tables["leaderboard"] if row["gas_total"]]
    assert ">no gas<" not in svg(charts.pareto(paid, "key"))
    free = [row for row in tables["leaderboard"] if not row["gas_total"]]
    assert ">no gas<" in svg(charts.pareto(free, "key"))


def test_hostile_names_are_text(tables):
    picture = svg(drawn(tables, "latency_parts"))
    assert "<script" not in picture
    assert "\x00" not in picture
    assert HOSTILE[:9] in "".join(ElementTree.fromstring(picture).itertext())


# --- whose patients are where --------------------------------------------------------------------


def dealt(number):
    """Rows of so many hospitals, the largest first."""
    return [
        {
            "task": "stroke",
            "setting": "x",
            "hospital": f"hospital {place}",
            "seeds": 5,
            "train": 2.0 * number,
            "validation": 1.0,
            "test": float(number - place),
            "tested": 9,
            "positives": 3,
            "prevalence": place / number,
        }
        for place in range(number)
    ]


def test_a_partition_names_up_to_forty_hospitals_and_draws_five_hundred():
    few, many = (svg(charts.partition(dealt(number), "key")) for number in (40, 500))
    names = [{one.text for one in ElementTree.fromstring(picture).iter(f"{SVG}text")} for picture in (few, many)]
    assert {f"hospital {place}" for place in range(40)} <= names[0]
    assert not any(name and name.startswith("hospital ") for name in names[1])
    assert len(many) < 250_000


def test_a_partition_says_its_sizes_and_shows_who_has_no_prediction():
    rows = [{**row, "prevalence": None, "tested": None, "positives": None} for row in dealt(3)]
    chart = charts.partition(rows, "key")
    assert "3 hospitals of 8 to 10 patients a seed" in chart.description
    assert "<svg" in svg(chart)
    assert charts.partition([{**rows[0], "train": 0, "validation": 0, "test": 0}], "key") is None


# --- a process that dies -------------------------------------------------------------------------

ABORTING = """
import json, os, sys
for number, line in enumerate(sys.stdin):
    if number == 1:
        sys.stdout.write('{"svg": "torn')
        sys.stdout.flush()
        os.abort()
    sys.stdout.write(json.dumps({"svg": "<svg xmlns='http://www.w3.org/2000/svg'/>"}) + chr(10))
    sys.stdout.flush()
"""
UNABLE = """
import sys
for line in sys.stdin:
    sys.stdout.write('{"why": "ValueError: no \\\\n such mark"}' + chr(10))
"""


def three(tables):
    return [replace(drawn(tables, "pareto"), key=key) for key in "abc"]


def test_an_abort_costs_the_pictures_after_it(tables):
    found = draw(three(tables), (sys.executable, "-c", ABORTING))
    assert found["a"].svg.startswith("<svg")
    assert [(found[key].svg, found[key].why) for key in "bc"] == 2 * [("", "memory")]


def test_a_chart_that_cannot_be_drawn_says_why(tables):
    found = draw(three(tables), (sys.executable, "-c", UNABLE))
    assert [(one.svg, one.why) for one in found.values()] == 3 * [("", "ValueError: no such mark")]


def test_a_process_that_cannot_start_or_does_not_end_costs_the_pictures(tables, monkeypatch):
    assert {one.why for one in draw(three(tables), ("/nowhere/python",)).values()} == {"memory"}
    monkeypatch.setattr(drawing, "START_S", 0.2)
    monkeypatch.setattr(drawing, "CHART_S", 0.0)
    endless = (sys.executable, "-c", "import time; time.sleep(60)")
    assert {one.why for one in draw(three(tables), endless).values()} == {"time"}
    assert draw([]) == {}


@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space are Linux's")
def test_under_a_limit_of_memory_the_report_is_whole_but_for_its_pictures(tables, tmp_path):
    """V8 reserves more than four gigabytes of addresses at its start, and aborts where it cannot."""
    script = (
        "import resource, sys; sys.path[:0] = ['tests/report', 'tests/results']\n"
        "resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))\n"
        "from pathlib import Path\n"
        "from report_fixtures import records, results, verdicts\n"
        "from chainward.report import write_report\n"
        "write_report(results(records()), verdicts(), Path(sys.argv[1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "small"], cwd=CHECKOUT, capture_output=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    write_report(results(records()), verdicts(), tmp_path / "whole")
    small, whole = (
        {path.name: path.read_text("utf-8") for path in (tmp_path / name).iterdir()} for name in ("small", "whole")
    )
    pages = small.pop("index.html"), whole.pop("index.html")
    assert small == whole
    told = "this chart could not be drawn (memory)"
    assert pages[0] == re.sub(r'<svg xmlns="http.*?</svg>', told, pages[1], flags=re.DOTALL)
    assert pages[0].count(told) == pages[0].count("<figure") > 0
    assert [path.name for path in CHECKOUT.glob("core*")] == []


def test_nothing_to_draw_loads_no_altair():
    script = (
        "import sys; sys.path[:0] = ['tests/report', 'tests/results']\n"
        "from report_fixtures import failure, results\n"
        "from chainward.report import all_tables\n"
        "from chainward.report.page.html import page\n"
        "text = page(all_tables(results([failure('fedavg')]), []))\n"
        "print('<figure' in text, 'altair' in sys.modules, 'vl_convert' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout == "False False False\n"


def test_the_process_loads_nothing_of_ours():
    assert PROGRAM[1] == "-P"
    assert "chainward" not in re.sub(r'""".*?"""', "", Path(PROGRAM[2]).read_text("utf-8"), flags=re.DOTALL)


def test_a_mark_says_what_it_stands_for(tables):
    """In words that a page may show: names whole, figures as tables write them."""
    drawn_by_vega = vl_convert.vegalite_to_svg(dict(drawn(tables, "pareto").specification))
    labels = {one.get("aria-label") for one in ElementTree.fromstring(drawn_by_vega).iter(f"{SVG}path")}
    row = next(row for row in tables["leaderboard"] if row["label"] == "bflc")
    interval = f"{row['auroc_mean']:.3f} [{row['auroc_low']:.3f}, {row['auroc_high']:.3f}]"
    assert f"bflc: AUROC {interval}, 700,000 gas" in labels


# --- greyscale -----------------------------------------------------------------------------------


def test_each_part_of_a_bar_has_a_pattern_of_its_own(tables):
    root = ElementTree.fromstring(svg(drawn(tables, "latency_parts")))
    patterns = {one.get("id"): ElementTree.tostring(one) for one in root.iter(f"{SVG}pattern")}
    assert set(patterns) == {f"key-part-{i}" for i in range(2, 6)}  # the first is plain
    drawn_strokes = {re.sub(rb'id="[^"]*"|fill="var[^"]*"', b"", text) for text in patterns.values()}
    assert len(drawn_strokes) == len(patterns)
    fills = {one.get("fill") for one in root.iter(f"{SVG}path")}
    assert {f"url(#{name})" for name in patterns} <= fills
    assert not any(colour in fills for colour in PARTS[1:])


def test_what_has_no_parts_has_no_pattern(tables):
    assert "<pattern" not in svg(drawn(tables, "pareto"))
