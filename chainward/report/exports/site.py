"""The report on many pages: an index, one a section, one a task and one a strategy's card.

Links are relative and every page has all that it needs, so that it works from a disk and from any server of files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from markupsafe import escape

from chainward.report.exports.pieces import Piece, anchors, frame, linked, pieces, stand_ins, without_rows
from chainward.report.formats import printable
from chainward.report.page.html import page
from chainward.report.page.origin import Origin
from chainward.report.page.write import texts_of
from chainward.report.tables.by_name import Tables
from chainward.report.tables.groups import Row
from chainward.report.tables.scenarios import Assumptions
from chainward.results.manifest import Manifest

INDEX, WHOLE, CARDS = "index.html", "whole.html", "cards"


def site(tables: Tables, manifest: Manifest | None, prices: Assumptions, origin: Origin) -> dict[str, str]:
    """Return the pages by name, the index first, and beside them the tables and the plan that they link to."""
    files = texts_of(tables, manifest, prices, origin)
    whole = files.pop(INDEX)
    known = list(dict.fromkeys(row["task"] for row in tables["leaderboard"]))
    tasks = {
        _named("task", number, task): (task, page(_of_task(tables, task), manifest, prices, origin))
        for number, task in enumerate(known, 1)
        if known[1:]  # of one alone the whole page tells
    }
    headings = {name: str(escape(printable(str(task)))) for name, (task, _) in tasks.items()}
    pages = _apart(whole, headings, tables["cards"])
    beside = {**files, **({"plan.toml": origin.plan} if origin.plan else {})}
    return {**pages, WHOLE: whole, **{name: html for name, (_, html) in tasks.items()}, **beside}


def _of_task(tables: Tables, task: str) -> Tables:
    """The rows of one task, with the cards of its strategies; what is of no task stays."""
    mine = {name: [row for row in rows if row.get("task", task) == task] for name, rows in tables.items()}
    keys = {row["strategy"] for row in mine["leaderboard"]}
    return {**mine, **{name: [row for row in mine[name] if row["strategy"] in keys] for name in ("cards", "claims")}}


def _apart(whole: str, tasks: Mapping[str, str], cards: Sequence[Row]) -> dict[str, str]:
    """The pages that one page comes apart into; `tasks` are headings of further pages by name."""
    sections, articles = pieces(whole)
    names = [_named("strategy", number, card["strategy"]) for number, card in enumerate(cards, 1)]
    of_cards = dict(zip(names, articles, strict=True))
    of_sections = {INDEX if place == 0 else f"{one.id}.html": one for place, one in enumerate(sections)}
    homes = {anchor: name for name, one in of_sections.items() for anchor in anchors(one.html)}
    homes |= {anchor: name for name, one in of_cards.items() for anchor in anchors(one.html)}
    headings = {name: one.heading for name, one in (*of_sections.items(), *of_cards.items())}
    contents = _contents(
        {name: headings[name] for name in of_sections}, tasks, {name: headings[name] for name in names}
    )
    mains = {name: one.html for name, one in of_sections.items()} | {name: one.html for name, one in of_cards.items()}
    mains[INDEX] += contents
    if f"{CARDS}.html" in mains:
        mains[f"{CARDS}.html"] = _listed(of_sections[f"{CARDS}.html"], articles, of_cards)
    return {name: _page(whole, main, name, headings[name], homes) for name, main in mains.items()}


def _page(whole: str, main: str, name: str, heading: str, homes: Mapping[str, str]) -> str:
    """One page: the frame of the whole one, what is on this page, and links that lead to where things are now."""
    before, after = frame(whole)
    if name != INDEX:
        after = without_rows(after)
        before = re.sub(
            r"<title>(.*?)</title>", lambda found: f"<title>{heading} · {found[1]}</title>", before, count=1
        )
    own = (anchors(main) or [""])[0]
    before = re.sub(r'class="skip" href="#[^"]*"', f'class="skip" href="#{own}"', before, count=1)
    html = linked(f"{before}\n{main}\n{after}", name, homes)
    return html.replace("<footer>", f"{stand_ins(html)}\n<footer>", 1)


def _contents(sections: Mapping[str, str], tasks: Mapping[str, str], cards: Mapping[str, str]) -> str:
    parts = (("By section", sections), ("By task", tasks), ("By strategy", cards))
    lists = (f"<h3>{title}</h3>{_links(names.items())}" for title, names in parts if names)
    whole = f'<p><a href="{WHOLE}">All of it on one page</a></p>'
    return f'\n<section id="contents">\n<h2>Pages</h2>\n{"".join(lists)}{whole}\n</section>'


def _listed(section: Piece, articles: Sequence[Piece], names: Mapping[str, Piece]) -> str:
    """The section of the cards, with a link in the place of each."""
    if not articles:
        return section.html
    start, end = articles[0].start - section.start, articles[-1].end - section.start
    links = _links((name, piece.heading) for name, piece in names.items())
    return f"{section.html[:start]}{links}{section.html[end:]}"


def _links(named: Iterable[tuple[str, str]]) -> str:
    items = (f'<li><a href="{name}">{heading}</a></li>' for name, heading in named)
    return f"<ul>{''.join(items)}</ul>"


def _named(kind: str, number: int, word: object) -> str:
    """The name of a file, which any system and server takes."""
    told = re.sub(r"[^a-z0-9_]+", "-", str(word).lower())[:40].strip("-")
    return f"{kind}-{number}-{told}.html" if told else f"{kind}-{number}.html"
