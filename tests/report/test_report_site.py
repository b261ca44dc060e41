"""The report on many pages: nothing is lost, every link leads somewhere, and each page works from a disk."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from report_fixtures import record, records, results, verdicts

from chainward.report import Assumptions, all_tables
from chainward.report.exports.pieces import anchors, frame, linked, pieces, stand_ins
from chainward.report.exports.site import site
from chainward.report.page.origin import Origin
from chainward.results.collection import Results

ORIGIN = Origin('name = "x"\n', ())


def made(found: Results) -> dict[str, str]:
    return site(all_tables(found, verdicts()), None, Assumptions(), ORIGIN)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return made(results(records()))


class Links(HTMLParser):
    """The ids and the links of a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.ids += [told["id"] or ""] if "id" in told else []
        self.links += [told["href"] or ""] if tag == "a" and "href" in told else []


def apart(pages: dict[str, str]) -> dict[str, Links]:
    """What the whole page came apart into."""
    return {
        name: Links(html) for name, html in pages.items() if name.endswith(".html") and not re.match("whole|task", name)
    }


def test_an_index_a_page_a_section_a_task_and_a_card(pages: dict[str, str]) -> None:
    sections, cards = pieces(pages["whole.html"])
    assert next(iter(pages)) == "index.html"
    assert {f"{one.id}.html" for one in sections[1:]} <= pages.keys()
    assert {"leaderboard.html", "provenance.html", "task-1-heart.html", "task-2-synthetic.html"} <= pages.keys()
    of_cards = sorted(name for name in pages if name.startswith("strategy-"))
    assert len(of_cards) == len(cards) == 3
    assert {"strategy-2-bflc.html", "strategy-3-local.html"} <= set(of_cards)
    assert all(re.fullmatch(r"[a-z0-9_.-]+", name) for name in pages)
    assert {"leaderboard.csv", "report.json", "plan.toml"} <= pages.keys()


def test_nothing_of_the_whole_page_is_lost_or_stands_twice(pages: dict[str, str]) -> None:
    found = apart(pages)
    before, after = frame(pages["whole.html"])
    common = {*anchors(before), *anchors(after)}
    whole = [name for name in Links(pages["whole.html"]).ids if name not in common]
    hidden = {name: set(anchors(stand_ins(pages[name].replace("<div hidden>", "")))) for name in found}
    assert not any(hidden.values())  # what a script looks for is on every page
    own = [one for page in found.values() for one in page.ids if one in set(whole)]
    stood_in = [
        one for html in pages.values() for part in re.findall(r"<div hidden>.*?</div>", html) for one in anchors(part)
    ]
    assert sorted(own) == sorted([*whole, *(one for one in stood_in if one in whole)])


def test_every_link_leads_to_a_file_and_an_anchor_that_are_there(pages: dict[str, str]) -> None:
    told = {name: Links(html) for name, html in pages.items() if name.endswith(".html")}
    led = 0
    for name, page in told.items():
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = unquote(link).partition("#")
            home = file or name
            assert home in pages, (name, link)
            assert not anchor or anchor in told[home].ids, (name, link)
            led += bool(file and anchor)
    assert led > 20


def test_a_task_has_the_rows_of_its_own_alone(pages: dict[str, str]) -> None:
    ids = {trial.record.id: trial.record.specification.task for trial in records()}
    for name, task in (("task-1-heart.html", "heart"), ("task-2-synthetic.html", "synthetic")):
        found = {one.removeprefix("record-") for one in Links(pages[name]).ids if one.startswith("record-")}
        assert found == {identifier for identifier, of in ids.items() if of == task}


def test_of_one_task_alone_the_whole_page_tells_and_equal_records_give_an_equal_site() -> None:
    trials = [record("bflc"), record("local", gas=0, deploy=0)]
    found = made(results(trials))
    assert "whole.html" in found
    assert not [name for name in found if name.startswith("task-")]
    assert made(results(trials[::-1])) == found


def test_hostile_words_stay_text(pages: dict[str, str]) -> None:
    for name, html in pages.items():
        if name.endswith(".html"):
            assert "<script>alert" not in html
            assert "<img" not in html
    assert any("&lt;/script&gt;" in html for html in pages.values())


PAGE = """<main>
<section id="one"><h2>One &amp; <b>only</b></h2><section id="inner"></section><p id="a"></p></section>
<section id="two"><h2>Two</h2><article class="card" id="card-1"><h3>C</h3></article></section>
</main>"""


def test_a_task_of_control_characters_is_listed_without_them() -> None:
    found = made(results([record("bflc"), record("bflc", "a\x1b[31m\ud800<b>")]))
    assert "a\ufffd[31m\ufffd&lt;b&gt;</a>" in found["index.html"]
    assert all(html.isascii() or html.encode() for name, html in found.items() if name.endswith(".html"))
    assert "\x1b" not in found["index.html"]


def test_pieces_of_a_small_page() -> None:
    sections, cards = pieces(PAGE)
    assert [(one.id, one.heading) for one in sections] == [("one", "One &amp; only"), ("two", "Two")]
    assert pieces('<section id="summary"></section>')[0][0].heading == "Summary"
    assert sections[0].html.startswith('<section id="one">')
    assert sections[0].html.endswith('<p id="a"></p></section>')
    assert [one.html for one in cards] == ['<article class="card" id="card-1"><h3>C</h3></article>']


def test_links_lead_to_where_their_anchor_went() -> None:
    html = '<a href="#a"></a><a href="#b"></a><a href="#c"></a><a href="x.csv"></a>'
    moved = linked(html, "one.html", {"a": "one.html", "b": "two.html"})
    assert moved == '<a href="#a"></a><a href="two.html#b"></a><a href="#c"></a><a href="x.csv"></a>'


def test_what_a_script_looks_for_is_there_unseen() -> None:
    html = '<p id="a"></p><script>at("a"); at("b"); document.getElementById(\'c\')</script>'
    assert anchors(stand_ins(html)) == ["b", "c"]
    assert stand_ins('<p id="a"></p><script>at("a")</script>') == ""


@pytest.mark.browser
def test_every_kind_of_page_works_from_a_disk(
    visit, troubles: list[str], pages: dict[str, str], tmp_path: Path
) -> None:
    for name, text in pages.items():
        (tmp_path / name).write_bytes(text.encode("utf-8", "replace"))
    for name in ("index.html", "claims.html", "strategy-2-bflc.html", "task-1-heart.html", "leaderboard.html"):
        page = visit((tmp_path / name).as_uri())
        assert page.locator("main > section, main > article").first.is_visible()
        page.locator("#theme").click()  # the script ran to its end
        assert page.locator("#theme").get_attribute("aria-pressed") == "true"
    page.locator("table th a", has_text="bflc").first.click()
    assert page.url.endswith("strategy-2-bflc.html#card-2")
    assert page.locator("#card-2").is_visible()
    assert troubles == []
