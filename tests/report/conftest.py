"""A real browser, offline, and a report to look at in it."""

import pytest
from chromium import launched
from report_fixtures import PAPERS, card, failure, provenance, record, records, results, verdicts

from chainward.report import write_report
from chainward.results.manifest import manifest_of
from chainward.results.papers import Paper
from chainward.results.rounds import DisclosureRow
from chainward.world import Audience

MANIFEST = manifest_of({"papers.json": "ab" * 32}, "sample", "chainward run sample.toml", provenance(0))


@pytest.fixture(scope="package")  # an event loop runs as long as it is open, which other tests need not meet
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture
def troubles():
    """What a page complained about, asked the network for, or opened."""
    return []


@pytest.fixture
def visit(browser, troubles):
    """Open an address in a window of its own: `visit(address, width, height, scheme)`."""
    contexts = []

    def open_page(address, width=1280, height=900, scheme="light", **more):
        viewport = {"width": width, "height": height}
        context = browser.new_context(viewport=viewport, offline=True, color_scheme=scheme, **more)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda one: troubles.append(one.text) if one.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda one: troubles.append(one.url) if one.url.startswith("http") else None)
        page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def address(tmp_path_factory):
    """A small report with a failure and hostile names."""
    folder = tmp_path_factory.mktemp("report")
    write_report(results(records()), verdicts(), folder)
    return (folder / "index.html").as_uri()


@pytest.fixture(scope="session")
def rich(tmp_path_factory):
    """A report of two tasks, four papers of two families and a reference, an attack and absences."""
    folder = tmp_path_factory.mktemp("rich")
    write_report(results(rich_records(), **rich_papers()), verdicts(), folder, MANIFEST)
    return (folder / "index.html").as_uri()


def rich_papers():
    where = "IEEE Examples 1(2), 2021, arXiv 2004.00773, 10.1109/MNET.011.2000263 (r)"
    told = {
        "committee": card("committee", family="committee", consensus="PBFT", where=where),
        "wanderer": card("wanderer", family="one model", title="A model that travels", authors="C. Kuo"),
        "leader": card("leader", family="committee", consensus="proof of work"),
        "floor": card("floor", reference=True, family="reference"),
    }
    return {**PAPERS, **{name: Paper(one, ()) for name, one in told.items()}}


def rich_records():
    noised = {
        "sees": Audience.SOME_HOSPITALS,
        "disclosures": (DisclosureRow("noised individual update", "some", 1, 9),),
    }
    nobody = {"sees": Audience.NOBODY, "disclosures": ()}
    costs = {
        "committee": {"gas": 300_000},
        "wanderer": {"gas": 20_000, "deploy": 100_000, **nobody},
        "leader": {"gas": 100_000, **noised},
        "floor": {"gas": 0, "deploy": 0, **nobody},
    }
    attack = {"kind": "sign_flip", "share": 0.5, "strength": 4.0}
    attacked = {"attack": attack, "attackers": ("south",), "spoiled": 1, "skill": 0.1}
    return [
        *(
            record(name, task, seed, **more)
            for name, more in costs.items()
            for task in ("heart", "icu")
            for seed in (0, 1)
        ),
        *(
            record(name, "heart", seed, **{**costs[name], **attacked})
            for name in ("committee", "leader")
            for seed in (0, 1)
        ),
        *(record("leader", "heart", seed, **costs["leader"], faults={"drop": 0.3}) for seed in (0, 1)),
        *(record("bflc", "heart", seed) for seed in (0, 1)),
        failure("leader", "icu", 3),
    ]
