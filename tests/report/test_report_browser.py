"""The page in a real browser, offline: it opens, sorts, changes its theme and works without scripts."""

import pytest
from report_fixtures import provenance

from chainward.report import write_report
from chainward.results.folder import close

pytestmark = pytest.mark.browser


@pytest.fixture
def page(visit, address):
    return visit(address)


def test_opens_quietly_and_asks_nobody(page, troubles):
    assert page.locator("h1").inner_text() == "chainward"
    assert page.locator("#leaderboard table").count() >= 2
    assert troubles == []


def test_the_first_screen_has_title_date_version_findings_and_needs(visit, rich):
    page = visit(rich)
    assert page.title() == "sample · chainward"
    assert page.locator("h1").inner_text() == "chainward sample"
    assert "2025-01-04 · version 0.1.0" in page.locator("header").inner_text()
    assert page.locator("#summary .lead li").count() == 2
    needs = page.locator("table.needs")
    assert needs.locator("thead th").all_inner_texts() == ["Need", "heart", "icu"]
    assert needs.locator("tbody tr").count() == 7
    assert needs.bounding_box()["y"] + needs.bounding_box()["height"] < 900
    assert not page.locator("#legend dl").is_visible()
    order = [page.locator(one).first.bounding_box()["y"] for one in ("#summary", "#pareto svg", "#leaderboard table")]
    assert order == sorted(order)


def test_papers_and_references_stand_apart(visit, rich):
    table = visit(rich).locator("#leaderboard table").first
    names = [body.locator("tr[data-s] th").all_inner_texts() for body in table.locator("tbody").all()]
    assert [len(one) for one in names] == [4, 1]
    assert names[1][0].startswith("floor")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("which", ["address", "rich"])
def test_fits(visit, request, which, width):
    page = visit(request.getfixturevalue(which), width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_verified_report_fits_a_phone(visit, tmp_path):
    """The Merkle root is one word of 64 letters."""
    found, manifest = close(tmp_path, [], "a", "chainward run a.toml", provenance(0))
    write_report(found, [], tmp_path, manifest)
    page = visit((tmp_path / "index.html").as_uri(), 390)
    assert manifest.merkle_root in page.locator("#verified").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_sorting(page, troubles):
    table = page.locator("#leaderboard table").nth(0)
    button = table.get_by_role("button", name="Gas, total")
    heading = table.locator("th", has=page.get_by_role("button", name="Gas, total"))

    def gas():
        column = heading.evaluate("one => one.cellIndex")
        return table.locator("tbody tr[data-s]").evaluate_all(f"rows => rows.map(row => row.cells[{column}].innerText)")

    assert gas() == ["2,300,000", "700,000", "0"]
    button.focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert gas() == ["700,000", "2,300,000", "0"]
    button.click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert gas() == ["2,300,000", "700,000", "0"]
    table.get_by_role("button", name="Strategy").click()
    assert heading.get_attribute("aria-sort") is None
    assert table.locator("tbody tr[data-s] th").all_inner_texts()[1].startswith("bflc")
    assert troubles == []


@pytest.mark.parametrize(
    ("title", "first"),
    [
        ("Strategy", "ascending"),
        ("AUROC [95 %]", "descending"),
        ("Latency, total, s", "ascending"),
    ],
)
def test_sorting_starts_at_the_useful_end(visit, rich, title, first):
    page = visit(rich)
    heading = page.locator("#leaderboard table").first.locator("th", has_text=title).first
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == first


def test_failures_stay_last(page):
    table = page.locator("#leaderboard table", has=page.locator("td.failed[colspan]")).first
    body = table.locator("tbody", has=page.locator("td.failed[colspan]"))
    for _ in range(2):
        table.get_by_role("button", name="Gas, total").click()
        assert body.locator("tr").last.locator("td.failed[colspan]").count() == 1


def test_the_theme_is_chosen_and_remembered(page, address, troubles):
    def paper():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    toggle, light = page.locator("#theme"), paper()
    assert toggle.get_attribute("aria-pressed") == "false"
    toggle.click()
    assert toggle.get_attribute("aria-pressed") == "true"
    dark = paper()
    assert dark != light
    page.reload()
    assert paper() == dark
    toggle.click()
    assert paper() == light
    assert troubles == []


def test_without_storage_a_theme_is_still_chosen(visit, address, troubles):
    page = visit("about:blank")
    page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('denied'); } });")
    page.goto(address)
    page.locator("#theme").click()
    assert page.locator("#theme").get_attribute("aria-pressed") == "true"
    assert troubles == []


def test_link_to_a_record_unfolds_the_index(page):
    link = page.locator("#claims a[href^='#record-']").first
    link.click()
    page.wait_for_function("document.getElementById('records').open")
    assert page.locator(link.get_attribute("href")).is_visible()


def test_works_without_scripts(visit, rich):
    page = visit(rich, java_script_enabled=False)
    assert page.locator("#leaderboard table").first.is_visible()
    assert page.locator("table.needs").is_visible()
    assert page.locator("tr[data-s]").count() == page.locator("tr[data-s]:not([hidden])").count()
    for control in ("#theme", "#explore", "#download"):
        assert not page.locator(control).is_visible()
