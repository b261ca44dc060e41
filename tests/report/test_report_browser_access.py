"""The page in a real browser: for everybody, on paper, and with whatever names come from outside."""

import csv
import re

import pytest
from report_fixtures import SCREENSHOTS, card, failure, provenance, record, results

from chainward.report import write_report
from chainward.report.formats import printable
from chainward.results.manifest import manifest_of
from chainward.results.papers import Paper
from chainward.strategy.claims import Claim

pytestmark = pytest.mark.browser
SIZES = {"desk": (1280, 900), "phone": (390, 844)}
MOST_PAGES = 8


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing_serious(visit, rich, size, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    page = visit(rich, *SIZES[size], scheme)
    page.locator("#options > summary").click()
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    found = [one for one in axe.run(page).response["violations"] if one["impact"] in ("serious", "critical")]
    assert [(one["id"], [node["target"] for node in one["nodes"]][:5]) for one in found] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_screenshots_are_kept(visit, rich, size, scheme):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{size}-{scheme}.png"
    visit(rich, *SIZES[size], scheme).screenshot(path=path)
    assert path.stat().st_size > 10_000


def printed(page, name):
    """How many pages a printer takes; what is unfolded for it is folded again."""
    folded = page.locator("details[open]").count()
    told = page.pdf(prefer_css_page_size=True)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    (SCREENSHOTS / f"{name}.pdf").write_bytes(told)
    page.wait_for_function(f"document.querySelectorAll('details[open]').length === {folded}")
    return len(re.findall(rb"/Type\s*/Page\b", told))


def demo():
    """As many rows as the demo has: three tasks, seven papers or references and two references more."""
    papers = {name: card(name) for name in ("committee", "wanderer", "leader", "peers", "fifth", "sixth", "seventh")}
    floors = {name: card(name, reference=True) for name in ("floor", "roof")}
    known = {name: Paper(one, ()) for name, one in {**papers, **floors}.items()}
    tasks = ("heart", "stroke", "synthetic_skewed")
    hospitals = {"heart": ("a", "b", "c", "d"), "stroke": tuple(f"h{i}" for i in range(20))}
    trials = [
        record(name, task, skill=0.2 + 0.02 * i, gas=100_000 * (i + 1), hospitals=hospitals.get(task, ("n", "s")))
        for i, name in enumerate(known)
        for task in tasks
    ]
    return results(trials, **known)


def test_the_demo_prints_on_few_pages_with_its_legend_and_whole_tables(visit, tmp_path):
    write_report(demo(), [], tmp_path)
    page = visit((tmp_path / "index.html").as_uri())
    assert printed(page, "print") <= MOST_PAGES
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#legend dl").is_visible()
    assert not page.locator("nav").is_visible()
    for table in page.locator("#leaderboard table:visible, #summary table").all():
        assert table.evaluate("one => one.scrollWidth <= document.documentElement.clientWidth")
        assert table.evaluate("one => getComputedStyle(one.parentElement).breakInside") == "avoid"
        assert table.evaluate("one => getComputedStyle(one.parentElement).overflow") == "visible"


MARKUP = ("<b>", "</td>", "</table></div>", "<script>alert(1)</script>", "</script>", "</style>", "<!--", "-->", "]]>")
HOSTILE = (
    *(f"{one} bold" for one in MARKUP),
    *("<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "<iframe src=javascript:alert(1)>", "<base href=//x>"),
    *('" onmouseover="alert(1)', "' onfocus='alert(1)' autofocus x='", "javascript:alert(1)", "&lt;b&gt;", "&amp;amp;"),
    *("{{ 7*7 }}", "{% raw %}", "{# x #}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "{{config.items()}}", "%(x)s", "{0}"),
    *("=1+1", "+1+1", "-1+1", "@SUM(A1)", '=HYPERLINK("http://x")', "=cmd|' /C calc'!A0", "\t=1", "\r=1"),
    *("\x1b[31mred\x1b[0m", "\x1b]8;;http://x\x07link\x1b]8;;\x07", "\x1b[2J", "\x9b31m", "\x00", "bell\x07", "\x7f"),
    *(
        "\u202eright to left",
        "\u2066isolate",
        "שלום",
        "مرحبا",
        "\u200bzero",
        "\ufeffmark",
        "e\u0301",
        "🧪",
    ),
    *(
        "a\nb",
        "a\r\nb",
        "a,b;c",
        'a"b""c',
        "x" * 10_000,
        "word " * 2_000,
        "../../etc/passwd",
        "C:\\nul",
        "%00%0a",
        "null",
    ),
)


def as_text(text):
    """What a browser makes of it: no control characters, every line end one character."""
    return printable(text).replace("\r\n", "\n").replace("\r", "\n")


def test_there_are_enough_hostile_strings():
    assert len(set(HOSTILE)) == len(HOSTILE) >= 50


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Every string as strategy, card, claim, message and traceback; some of them also where figures are."""
    folder = tmp_path_factory.mktemp("hostile")
    claim = {"key": "k", "tier": "T1", "quoted": "", "reproduced": "x", "partly": ""}
    papers = {
        one: Paper(
            card(one, title=one, summary=one, where=one, family=one, consensus=one, deviations=(one,)),
            (Claim.of({**claim, "claim": one}, "here"),),
        )
        for one in HOSTILE
    }
    trials = [failure(one, message=one) for one in HOSTILE]
    trials += [record(one, "synthetic", outcomes={one: {one: 1.0}}) for one in HOSTILE[::12]]
    manifest = manifest_of({"papers.json": "ab" * 32}, HOSTILE[3], HOSTILE[9], provenance(0))
    write_report(results(trials, **papers), [], folder, manifest)
    return folder


def test_hostile_text_is_text(visit, hostile, troubles):
    page = visit((hostile / "index.html").as_uri())
    assert page.title() == f"{HOSTILE[3]} · chainward"
    assert page.locator("h1").text_content() == f"chainward {HOSTILE[3]}"
    told = {as_text(one) for one in HOSTILE}
    texts = "all => all.map((one) => one.textContent)"
    values = "all => all.map((one) => one.dataset.value)"
    assert set(page.locator("#leaderboard tr:has([data-wide]) > th").evaluate_all(values)) == told
    assert set(page.locator("#claims tbody td:nth-child(2)").evaluate_all(texts)) == told
    assert set(page.locator(".card h3 + .cite + p").evaluate_all(texts)) == told
    assert set(page.locator("article.card li").evaluate_all(texts)) >= told
    traces = page.locator("#failed pre").evaluate_all(texts)
    assert all(any(one in trace for trace in traces) for one in told)
    script = page.locator("script").count()
    assert script == 4
    assert page.locator("img, iframe, base, object, svg[onload], [onerror], [onfocus]").count() == 0
    for word in ("alert", "=1+1", "right"):
        page.locator("#find").fill(word)
    page.locator("#find").fill("")
    page.locator("#leaderboard th [role=button]").first.click()
    assert troubles == []


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_names_break_no_layout(visit, hostile, width):
    page = visit((hostile / "index.html").as_uri(), width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_text_is_text_in_csv(hostile):
    with (hostile / "cards.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    guarded = {"'" + one if one.startswith(("=", "+", "-", "@", "\t", "\r")) else one for one in HOSTILE}
    assert {row["title"] for row in rows} == guarded
