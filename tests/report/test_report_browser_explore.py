"""The page in a real browser: what a reader narrows down, and that the address brings it back."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture
def page(visit, rich):
    return visit(rich)


def shown(page, inside="#leaderboard div[data-task] > .scroll"):
    """Names of the rows that are to be seen in the main leaderboards."""
    rows = page.locator(f"{inside} table.long tr[data-s] th:visible")
    return rows.evaluate_all("all => all.map(one => one.dataset.value)")


def pick(page, name, value):
    page.locator("#options > summary").click()
    page.locator(f"#explore select[name={name}]").select_option(value)
    page.keyboard.press("Escape")
    assert not page.locator(".panel").is_visible()


@pytest.mark.parametrize(
    ("name", "value", "names"),
    [
        ("task", "icu", {"committee", "leader", "wanderer", "floor"}),
        ("family", "committee", {"committee", "leader"}),
        ("consensus", "PBFT", {"committee"}),
        ("sees", "nobody", {"wanderer", "floor"}),
        ("sees", "noised", {"leader"}),
    ],
)
def test_filters(page, troubles, name, value, names):
    before = shown(page)
    pick(page, name, value)
    assert set(shown(page)) == names
    assert f"{name}={value}" in page.url.replace("+", " ")
    assert page.locator("#shown").inner_text() == f"{len(shown(page))} of {len(before)}"
    page.locator("#options > summary").click()
    page.locator("#reset").click()
    assert shown(page) == before
    assert name not in page.url
    assert troubles == []


def test_filter_by_attack(page):
    tables = page.locator("#attacks div[data-attack]:visible")
    assert tables.count() == 1
    page.evaluate("choose('attack', 'another')")
    assert tables.count() == 0
    assert set(shown(page)) >= {"committee", "floor"}
    pick(page, "attack", page.locator("select[name=attack] option").nth(1).get_attribute("value"))
    assert tables.count() == 1


def test_search_reaches_names_titles_and_authors_in_all_tables_and_cards(page):
    for words, name in (("wander", "wanderer"), ("model TRAVELS", "wanderer"), ("kuo", "wanderer")):
        page.locator("#find").fill(words)
        assert set(shown(page)) == {name}
        assert page.locator("article.card:visible h3").count() == 1
    page.locator("#find").fill("no such scheme")
    assert shown(page) == []
    assert page.locator("tr.group:visible").count() == 0


def test_an_address_brings_everything_back(page, visit, rich, troubles):
    page.locator("#find").fill("e")
    pick(page, "family", "committee")
    page.locator("#leaderboard table").first.get_by_role("button", name="Gas, total").click()
    page.locator("#options > summary").click()
    page.locator("#columns input[value=raw_records_shared]").uncheck()
    page.locator("#explore input[name=gwei]").fill("1")
    page.keyboard.press("Escape")
    page.locator("nav a", has_text="Leaderboard").click()

    def state(page):
        table = page.locator("#leaderboard table").first
        cells = table.locator("tr[data-s]:visible").evaluate_all(
            "rows => rows.map(row => [...row.cells].filter(one => !one.hidden).map(one => one.innerText))"
        )
        sorts = table.locator("th[aria-sort]").evaluate_all("all => all.map(one => one.innerText)")
        chosen = page.locator("#explore select[name=family]").input_value(), page.locator("#find").input_value()
        return cells, sorts, chosen

    found = state(page)
    assert page.url.split("#")[1].startswith("leaderboard?")
    assert found[0]
    assert state(visit(page.url)) == found
    assert visit(page.url).evaluate("scrollY") > 300
    assert troubles == []


def test_a_link_within_the_page_keeps_what_was_chosen_and_back_brings_it_back(page):
    page.locator("#find").fill("leader")
    page.locator("nav a", has_text="Claims").click()
    page.wait_for_url("**#claims?q=leader")
    assert set(shown(page)) == {"leader"}


@pytest.mark.parametrize(
    "hostile", ["#%E0%A4%A?q=%", "#x?sort=9.9.up", "#?sort=0.0.<b>", "#?gwei=NaN&ether=-1", "#??hide=,"]
)
def test_an_address_that_makes_no_sense_changes_nothing(page, visit, rich, troubles, hostile):
    found = visit(rich + hostile)
    if "q=" not in hostile:
        assert shown(found) == shown(page)
    assert troubles == []


def test_columns_are_chosen(page):
    board = page.locator("#leaderboard table").first
    heading = board.locator("th[data-key=usd]")
    assert heading.is_visible()
    page.locator("#options > summary").click()
    page.locator("#columns input[value=usd]").uncheck()
    assert not heading.is_visible()
    assert page.locator("#gas th[data-key=usd], #pareto th[data-key=usd]").count() > 0
    assert "hide=usd" in page.url
    page.locator("#columns input[value=usd]").check()
    assert heading.is_visible()


def test_gas_is_priced_anew(page):
    board = page.locator("#leaderboard table").first
    cell = board.locator("tr[data-s]", has_text="wanderer").locator("td[data-gas]")
    reported = cell.inner_text()
    page.evaluate("choose('gwei', '10')")
    page.evaluate("choose('ether', '2000')")
    assert cell.inner_text() == f"{140_000 * 10 * 1e-9 * 2000:.2f}"
    assert "at 10 gwei, 2,000 USD" in board.locator("th[data-key=usd]").inner_text()
    assert "modelled" in page.locator(".panel .badge").first.get_attribute("class")
    board.get_by_role("button", name="USD").click()
    assert shown(page)[0] == "wanderer"
    page.evaluate("choose('gwei', '')")
    page.evaluate("choose('ether', '')")
    assert cell.inner_text() == reported


def test_marks_of_charts_speak_to_pointer_and_keyboard(page):
    mark = page.locator("#pareto svg [data-tip]").first
    words = mark.get_attribute("data-tip")
    mark.hover()
    assert page.locator("#tip").inner_text() == " ".join(words.split())
    page.mouse.move(0, 0)
    assert not page.locator("#tip").is_visible()
    mark.focus()
    assert page.locator("#tip").is_visible()
    page.keyboard.press("ArrowRight")
    after = page.evaluate("document.activeElement.dataset.tip")
    assert after == page.locator("#pareto svg").first.locator("[data-tip]").nth(1).get_attribute("data-tip")
    assert page.locator("#pareto svg").first.locator("[data-tip][tabindex='0']").count() == 1


def test_files_and_papers_are_linked(page):
    for table in page.locator(".scroll:has(table)").all():
        assert table.evaluate("one => /\\.csv/.test(one.parentElement.innerHTML)")
    row = page.locator("#leaderboard tr", has_text="committee").first
    links = [one.get_attribute("href") for one in row.locator("a[rel]").all()]
    assert [one.inner_text() for one in row.locator("a[rel]").all()] == ["doi", "arXiv"]
    assert links == ["https://doi.org/10.1109/MNET.011.2000263", "https://arxiv.org/abs/2004.00773"]
    assert page.locator("article.card a[rel]").count() >= 2


def test_the_rows_are_taken_along_as_json(page, rich):
    with page.expect_download() as taken:
        page.locator("#download").click()
    rows = json.loads(Path(taken.value.path()).read_text())
    whole = json.loads(Path(urlsplit(rich).path).with_name("leaderboard.json").read_text())
    by_row = {(row["setting"], row["task"], row["label"]): row for row in whole}
    assert len(rows) == 9
    for row in rows:
        same = by_row[row["setting"], row["task"], row["label"]]
        assert {name: row[name] for name in ("gas_total", "auroc_mean", "tied_with_best")} == {
            name: same[name] for name in ("gas_total", "auroc_mean", "tied_with_best")
        }


def test_head_and_first_column_stay_in_sight(page):
    page.set_viewport_size({"width": 900, "height": 500})
    page.evaluate("document.querySelector('#leaderboard .scroll').style.maxHeight = '160px'")
    moved = page.evaluate(
        """() => {
          const box = document.querySelector("#leaderboard .scroll");
          box.classList.remove("fits");
          box.scrollTo(200, 60);
          const [frame, head] = [box.getBoundingClientRect(), box.querySelector("thead th").getBoundingClientRect()];
          const first = box.querySelector("tbody th").getBoundingClientRect();
          return [box.scrollLeft, Math.round(head.top - frame.top), Math.round(first.left - frame.left)];
        }"""
    )
    assert moved[0] > 0
    assert moved[1:] == [0, 0]


def test_on_a_phone_a_row_is_a_card_with_labelled_figures(visit, rich):
    page = visit(rich, 390, 844)
    row = page.locator("#leaderboard tr[data-s]", has_text="committee").first
    for place, key in ((3, "AUROC [95 %]"), (4, "Gas, total"), (5, "Latency, total, s"), (7, "Who sees")):
        cell = row.locator(f"td:nth-child({place})")
        box = cell.bounding_box()
        assert 0 <= box["x"] < box["x"] + box["width"] <= 390
        assert cell.evaluate("one => getComputedStyle(one, '::before').content") == f'"{key}"'
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#options > summary").click()
    assert page.locator("#explore select[name=family]").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_nothing_covers_the_open_filter_or_the_row_of_links(visit, rich):
    page = visit(rich)
    page.locator("#options > summary").click()
    covered = """(box, step) => {
      const {left, top, right, bottom} = box.getBoundingClientRect(), found = [];
      for (let x = left + 4; x < right - 4; x += step) for (let y = top + 4; y < bottom - 4; y += step)
        if (!box.contains(document.elementFromPoint(x, y))) found.push([x, y]);
      return found;
    }"""
    panel, links = page.locator("#options .panel"), page.locator("nav")
    assert panel.evaluate(f"box => ({covered})(box, 8)") == []
    page.locator("#options > summary").click()
    table = page.locator("#leaderboard thead").first
    for above in range(0, 40, 8):
        table.evaluate("(one, above) => scrollTo(0, one.getBoundingClientRect().top + scrollY - above)", above)
        assert links.evaluate(f"box => ({covered})(box, 8)") == []
