"""Where a report comes from: verified or not, the plan, commands, citations."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from report_fixtures import HOSTILE, records, results, verdicts
from sample_records import PROVENANCE, ended, specified

from chainward.folders import CHECKOUT
from chainward.report import all_tables, citation, write_tables
from chainward.report.citation import citations
from chainward.report.page.html import page
from chainward.report.page.origin import Origin, origin_of
from chainward.report.tables.by_name import Tables
from chainward.report.tex import tex
from chainward.results import store
from chainward.results.folder import close
from chainward.results.manifest import Manifest

yaml = pytest.importorskip("yaml")

PLAN = 'name = "a"\ntitle = "<b>&\\"</b>"\n'
TRIALS = (ended(specified("bflc")), ended(specified("fedavg")), ended(specified("fedavg", seed=1)))


@pytest.fixture
def closed(tmp_path: Path) -> tuple[Path, Manifest, Tables]:
    """A folder with a plan, its manifest, and the tables of its trials."""
    for trial in TRIALS:
        store.write(tmp_path, trial)
    ids = [trial.record.id for trial in TRIALS]
    found, manifest = close(tmp_path, ids, "a", "chainward run a.toml", PROVENANCE, PLAN)
    return tmp_path, manifest, all_tables(found, [])


def test_a_folder_as_recorded_is_verified_and_tells_its_plan(closed: tuple[Path, Manifest, Tables]) -> None:
    folder, manifest, tables = closed
    assert origin_of(folder, manifest, tables) == Origin(PLAN, ())
    write_tables(tables, folder, manifest)
    html = (folder / "index.html").read_text(encoding="utf-8")
    assert "<strong>Verified</strong>" in html
    assert manifest.merkle_root in html
    assert "title = &#34;&lt;b&gt;&amp;\\&#34;&lt;/b&gt;&#34;" in html
    assert json.loads((folder / "report.json").read_bytes())["manifest"]["verified"] is True


def test_whatever_is_not_as_recorded_makes_a_page_that_says_so(closed: tuple[Path, Manifest, Tables]) -> None:
    folder, manifest, tables = closed
    store.write(folder, replace(TRIALS[0], record=replace(TRIALS[0].record, notes=("changed",))))
    (folder / "plan.toml").write_text("name = 'b'\n", encoding="utf-8")
    write_tables(tables, folder, manifest)
    html = (folder / "index.html").read_text(encoding="utf-8")
    assert "<strong>Verified</strong>" not in html
    assert f"record {TRIALS[0].record.id} was changed" in html
    assert "plan.toml was changed" in html
    assert json.loads((folder / "report.json").read_bytes())["manifest"]["verified"] is False


def test_trials_that_the_manifest_does_not_name_are_not_verified(closed: tuple[Path, Manifest, Tables]) -> None:
    folder, manifest, tables = closed
    fewer = {**tables, "records": tables["records"][1:]}
    assert origin_of(folder, manifest, fewer).problems == ("1 trials are in this report or in its manifest alone",)
    assert not origin_of(folder / "elsewhere", manifest, tables).verified
    assert not origin_of(folder, None, tables).verified
    assert "no manifest was given" in page(tables)
    assert "<strong>Verified</strong>" not in page(tables, manifest)  # nobody looked


def test_every_row_and_every_trial_has_its_command() -> None:
    trials = records()
    tables = all_tables(results(trials), verdicts())
    html = page(tables)
    for trial in trials:
        assert f'<td class="code">chainward rerun . {trial.record.id[:12]}</td>' in html
    of_rows = re.findall(r"chainward rerun \.((?: [0-9a-f]{12})+)", html.partition('id="records"')[0])
    named = sorted(name for command in of_rows for name in command.split())
    assert named == sorted(trial.record.id[:12] for trial in trials)
    assert len(of_rows) == len(tables["leaderboard"])


def test_the_citation_is_that_of_the_repository() -> None:
    told = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (told["title"], told["authors"], told["license"]) == (
        citation.TITLE,
        [{"name": citation.AUTHORS}],
        citation.LICENSE,
    )
    assert (project["name"], project["description"], project["authors"]) == (
        citation.TITLE,
        citation.ABOUT,
        [{"name": citation.AUTHORS}],
    )
    assert (told["version"], told["license"]) == (project["version"], project["license"])


MACHINES = [
    {"versions": "chainward 0.1.0, torch 2.13.0", "last": "2025-01-02T00:00:00Z"},
    {"versions": "chainward 0.2.0", "last": "2026-03-02T00:00:00Z"},
]
CARD = {
    "strategy": "bflc",
    "title": "Blocks & 50 %",
    "authors": "Li, Agüera y Arcas, Chen",
    "where": "IEEE Network 35(1), 2021, arXiv 2004.00773, 10.1109/MNET.011.2000263 (r)",
    "year": 2021,
}


def test_software_and_papers_by_hand() -> None:
    software, paper = citations([CARD, {**CARD, "authors": "reference"}], MACHINES)
    assert software.text == (
        f"chainward contributors. chainward: {citation.ABOUT}, version 0.1.0 and 0.2.0, 2026. Apache-2.0."
    )
    assert "  author = {{chainward contributors}},\n" in software.bibtex
    assert paper.text == f"Li, Agüera y Arcas, Chen. Blocks & 50 %. {CARD['where']}."
    assert paper.bibtex == (
        "@misc{bflc,\n"
        "  title = {{Blocks \\& 50 \\%}},\n"
        '  author = {Li and {Ag\\"uera y Arcas} and Chen},\n'
        "  year = {2021},\n"
        "  howpublished = {IEEE Network 35(1), 2021, arXiv 2004.00773, 10.1109/MNET.011.2000263 (r)},\n"
        "  doi = {10.1109/MNET.011.2000263},\n"
        "  eprint = {2004.00773},\n"
        "  archiveprefix = {arXiv},\n"
        "}\n"
    )


def test_others_and_hostile_words() -> None:
    _, paper = citations([{**CARD, "strategy": HOSTILE, "authors": "Warnat-Herresthal et al.", "title": HOSTILE}], [])
    assert "author = {Warnat-Herresthal and others}" in paper.bibtex
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", paper.key)
    assert paper.bibtex.count("{") == paper.bibtex.count("}")


def test_text_for_latex_is_on_one_line_and_begins_with_nothing_that_a_line_break_takes() -> None:
    assert tex("a\n\n b\tc") == "a b c"
    assert tex("[1em]") == "{}[1em]"
    assert tex("*") == "{}*"
