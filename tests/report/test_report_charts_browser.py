"""Charts in a real browser: no text beyond the edge of its picture, no name on another, whatever names are."""

from functools import cache
from itertools import combinations

import pytest
from report_fixtures import HOSTILE, record, results

from chainward.report import all_tables, charts
from chainward.results.rounds import DisclosureRow
from chainward.world import Kind

pytestmark = pytest.mark.browser

LONG = "committee of " + "every third hospital, " * 13
WIDE = "MW@Ü宽字" * 50
NAMES = [LONG + "1", LONG + "2", WIDE, HOSTILE, "a", "x" * 300, "\u202eright to left " * 20]
ATTACK = {"kind": "sign_flip", "share": 0.3, "strength": 4.0}
BOXES = """() => [...document.querySelectorAll('svg')].map(svg => {
  const box = one => (({left, right, top, bottom}) => ({left, right, top, bottom}))(one.getBoundingClientRect())
  const texts = [...svg.querySelectorAll('text')].filter(one => one.textContent.trim())
  return {id: svg.getAttribute('aria-labelledby'), frame: box(svg),
          texts: texts.map(one => ({...box(one), text: one.textContent}))}
})"""


def trials(names, sizes=(4, 6, 8)):
    found = []
    for number, name in enumerate(names):
        told: dict = {"params": {"note": name, "k": number}, "gas": 100_000 + 900 * number, "skill": 0.3 + number / 99}
        told["disclosures"] = (DisclosureRow(Kind.NOISED_UPDATE.value, "hospitals", 4, 4000),)
        free = {"gas": 0, "deploy": 0} if number % 3 == 2 else {}
        for seed in (0, 1):
            found += [record("bflc", seed=seed, **told | free)]
            found += [record("bflc", seed=seed, attackers=("north",), spoiled=4, attack=ATTACK, **told | free)]
        for size in sizes if number < 8 else ():
            hospitals = tuple(f"{name[:290]} {i}" for i in range(size))
            found += [record("bflc", "synthetic", hospitals=hospitals, task_params={"hospitals": size}, **told)]
    return found


def pictures(names):
    """Every chart of the settings of these names."""
    tables = all_tables(results(trials(names)), [])
    calm, under, swept = (
        {
            name: [row for row in rows if row.get("task") == task and bool(row.get("attack")) == attacked]
            for name, rows in tables.items()
        }
        for task, attacked in (("heart", False), ("heart", True), ("synthetic", False))
    )
    first = next(row["setting"] for row in swept["partition"])
    return [
        charts.pareto(calm["leaderboard"], "pareto"),
        charts.pareto_latency(calm["leaderboard"], "pareto-latency"),
        charts.learning_curves(calm["learning_curves"], "curves"),
        charts.latency_parts(calm["leaderboard"], "latency"),
        charts.gas_functions(calm["gas_functions"], "functions"),
        charts.audiences(calm["privacy"], "privacy"),
        charts.attack_drops(under["attacks"], "attacks"),
        charts.partition([row for row in swept["partition"] if row["setting"] == first], "partition"),
        charts.scaling(swept["scaling"], "scaling"),
    ]


@cache
def drawn(names):
    found = charts.draw(pictures(names))
    assert not [one.why for one in found.values() if one.why]
    return [one.svg for one in found.values()]


def measured(browser, svgs):
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_content(f"<!doctype html><meta charset=utf-8>{''.join(svgs)}")
    found = page.evaluate(BOXES)
    page.close()
    return found


def beyond(picture):
    """Texts that reach beyond the picture by more than half a pixel."""
    frame = picture["frame"]
    return [
        one["text"]
        for one in picture["texts"]
        if min(one["left"] - frame["left"], frame["right"] - one["right"]) < -0.5
        or min(one["top"] - frame["top"], frame["bottom"] - one["bottom"]) < -0.5
    ]


def collisions(picture):
    """Pairs of different texts that share more than two pixels each way."""
    return [
        (one["text"], other["text"])
        for one, other in combinations(picture["texts"], 2)
        if min(one["right"], other["right"]) - max(one["left"], other["left"]) > 2
        and min(one["bottom"], other["bottom"]) - max(one["top"], other["top"]) > 2
        and one["text"] != other["text"]
    ]


@pytest.mark.parametrize("names", [tuple(NAMES), tuple(f"variant {i}" for i in range(30))], ids=["hostile", "thirty"])
def test_no_text_is_clipped_and_none_covers_another(browser, names):
    found = measured(browser, drawn(names))
    assert len(found) == 9
    assert {one["id"]: beyond(one) for one in found if beyond(one)} == {}
    assert {one["id"]: collisions(one) for one in found if collisions(one)} == {}


def test_that_test_sees_what_is_clipped_and_what_covers(browser):
    text = '<text x="{x}" y="20">{words}</text>'
    inside = text.format(x=2, words="one") + text.format(x=60, words="two")
    clipped = text.format(x=180, words="beyond the edge") + text.format(x=185, words="above another")
    svgs = [f'<svg width="200" height="40">{texts}</svg>' for texts in (inside, clipped)]
    good, bad = measured(browser, svgs)
    assert (beyond(good), collisions(good)) == ([], [])
    assert (len(beyond(bad)), len(collisions(bad))) == (2, 1)
