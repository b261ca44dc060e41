"""The page in a real browser, offline."""

import os
import shutil

import pytest
from report_fixtures import records, results, verdicts

from chainward.report import write_report

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
)
pytestmark = pytest.mark.browser


def chromium():
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="module")
def browser():
    path = chromium()
    if path is None:
        pytest.skip("no chromium found; set $CHROMIUM")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report(results(records()), verdicts(), folder)
    return (folder / "index.html").as_uri()


@pytest.fixture
def troubles():
    return []


@pytest.fixture
def page(browser, address, troubles):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True, color_scheme="light")
    page = context.new_page()
    page.on("console", lambda message: troubles.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: troubles.append(request.url) if request.url.startswith("http") else None)
    page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
    page.goto(address)
    yield page
    context.close()


def test_opens_quietly_and_asks_nobody(page, troubles):
    assert page.locator("h1").inner_text() == "chainward"
    assert page.locator("#leaderboard table").count() >= 2
    assert troubles == []


@pytest.mark.parametrize("width", [1280, 390])
def test_fits(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_sorting(page, troubles):
    table = page.locator("#leaderboard table").nth(0)
    button = table.get_by_role("button", name="Gas, total")
    heading = table.locator("th", has=page.get_by_role("button", name="Gas, total"))

    def gas():
        column = heading.evaluate("one => one.cellIndex")
        return table.locator("tbody tr").evaluate_all(f"rows => rows.map(row => row.cells[{column}].innerText)")

    button.focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert gas() == ["2,300,000", "700,000", "0"]
    button.click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert gas() == ["0", "700,000", "2,300,000"]
    table.get_by_role("button", name="Strategy").click()
    assert heading.get_attribute("aria-sort") is None
    assert table.locator("tbody th").all_inner_texts()[1].startswith("bflc")
    assert troubles == []


def test_failures_stay_last(page):
    table = page.locator("#leaderboard table", has=page.locator("td.failed[colspan]")).first
    for _ in range(2):
        table.get_by_role("button", name="Gas, total").click()
        assert table.locator("tbody tr").last.locator("td.failed[colspan]").count() == 1


def test_dark_toggle(page):
    def paper():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    toggle, light = page.locator("#theme"), paper()
    assert toggle.get_attribute("aria-pressed") == "false"
    toggle.click()
    assert toggle.get_attribute("aria-pressed") == "true"
    assert paper() != light
    toggle.click()
    assert paper() == light


def test_link_to_a_record_unfolds_the_index(page):
    link = page.locator("#claims a[href^='#record-']").first
    link.click()
    page.wait_for_function("document.getElementById('records').open")
    assert page.locator(link.get_attribute("href")).is_visible()


def test_works_without_scripts(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator("#leaderboard table").first.is_visible()
    assert not page.locator("#theme").is_visible()
    context.close()
