"""The report as Markdown, LaTeX, spreadsheets and a site: text from outside stays text, equal rows give equal bytes."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hostile_words import WORDS
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from report_fixtures import HOSTILE, records, results, verdicts

from chainward.report import Assumptions, all_tables
from chainward.report.exports.forms import FORMS
from chainward.report.exports.latex import latex
from chainward.report.exports.markdown import LONGEST, markdown, plain
from chainward.report.exports.sheets import sheets
from chainward.report.formats import printable
from chainward.report.page.origin import Origin
from chainward.report.page.write import as_csv
from chainward.report.tables.by_name import Tables
from chainward.report.tex import tex

UNIQUE = {"all hostile words differ": len(set(WORDS)) == len(WORDS), "are fifty": len(WORDS) >= 50}
ORIGIN = Origin('name = "x"\n', ())


@pytest.fixture(scope="module")
def tables() -> Tables:
    return all_tables(results(records()), verdicts())


def with_words(tables: Tables, word: str) -> Tables:
    """The same tables in which every text that may come from outside is this word."""
    foreign = {"label", "setting", "task", "claim", "found", "why", "verdict", "sees_individual_updates", "best"}
    changed = {
        name: [
            {key: word if key in foreign and value is not None else value for key, value in row.items()} for row in rows
        ]
        for name, rows in tables.items()
    }
    few = {"leaderboard": 1, "resolution": 1, "claims": 2}
    named = {"papers": [word], "references": [word], "words": word, "accurate": []}
    last = [
        {**row, **named} for row, of in zip(changed["needs"], tables["needs"], strict=True) if of["task"] == "synthetic"
    ]
    return {**changed, **{name: changed[name][:count] for name, count in few.items()}, "needs": last}


def test_the_words_are_many() -> None:
    assert all(UNIQUE.values()), UNIQUE


# ------------------------------------------------------------------------------------------------ Markdown

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
ALLOWED = {"h2", "h3", "p", "table", "thead", "tbody", "tr", "th", "td", "a", "code", "ul", "li", "strong"}


class Read(HTMLParser):
    """The tags and the text of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.cells: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag in ("td", "p"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self.cells:
            self.cells[-1] += data


def shown(word: str) -> str:
    told = printable(" ".join(word.split()))
    return told if len(told) <= LONGEST else f"{told[:LONGEST]}…"


@pytest.mark.parametrize("word", WORDS, ids=range(len(WORDS)))
def test_markdown_shows_any_word_as_it_stands_in_a_cell_and_calls_nobody(word: str) -> None:
    found = Read(MARKDOWN.render(f"| a | b |\n| --- | --- |\n| {plain(word)} | last |"))
    assert set(found.tags) <= ALLOWED
    assert found.links == []
    assert [cell.strip() for cell in found.cells[:2]] == [shown(word).strip(), "last"]
    assert not any(re.search(r"@\w|#\d|:\w|:/|GH-\d", text, re.IGNORECASE) for text in found.texts)


@given(st.text(max_size=60))
def test_markdown_shows_any_text(text: str) -> None:
    found = Read(MARKDOWN.render(f"| a | b |\n| --- | --- |\n| x{plain(text)}x | last |"))
    assert set(found.tags) <= ALLOWED
    assert [cell.strip() for cell in found.cells[:2]] == [f"x{shown(text)}x", "last"]


def test_markdown_would_call_people_and_issues_without_its_comments() -> None:
    """The text of one node is what GitHub looks for names in."""
    found = Read(MARKDOWN.render(plain("@all #12 :tada: GH-3")))
    assert "".join(found.texts).strip() == "@all #12 :tada: GH-3"
    assert not any(re.search(r"@\w|#\d|:\w|GH-\d", text) for text in found.texts)


def test_markdown_of_a_report(tables: Tables) -> None:
    text = markdown({**tables, "needs": []}, None, ORIGIN)
    found = Read(MARKDOWN.render(text))
    assert set(found.tags) <= ALLOWED
    assert found.links == ["index.html", "leaderboard.csv", "claims.csv", "report.json", "plan.toml"]
    cells = [cell.strip() for cell in found.cells]
    assert {"bflc", "local (reference)", "partly", "1"} <= set(cells)
    assert shown(HOSTILE) in " ".join(found.cells)
    assert text == markdown({**tables, "needs": []}, None, ORIGIN)
    assert "Not verified" in text
    alone = markdown(all_tables(results(records()[:1]), []), None, ORIGIN)
    assert "1 strategy on 1 task, 1 trial. Not verified" in alone


def test_markdown_tells_needs_as_sets(tables: Tables) -> None:
    need = {"task": "heart", "need": "gas", "case": "", "place": 1, "papers": ["a", "b"], "references": [], "words": ""}
    rows = [need, {**need, "need": "attackers", "papers": [], "words": "not tried here"}, {**need, "place": 2}]
    told = {**tables, "needs": [*tables["needs"], *rows]}
    text = markdown(told, None, ORIGIN)
    assert "| heart | gas | a, b | – |\n| heart | attackers | not tried here | – |\n\n" in text


@pytest.mark.parametrize("word", WORDS, ids=range(len(WORDS)))
def test_a_whole_report_in_hostile_words_keeps_its_form(word: str, tables: Tables) -> None:
    hostile = with_words(tables, word)
    found = Read(MARKDOWN.render(markdown(hostile, None, Origin())))
    assert set(found.tags) <= ALLOWED
    assert found.tags.count("table") == 3
    assert found.tags.count("tr") == 3 + 1 + 1 + len(hostile["needs"])
    assert found.links == ["index.html", "leaderboard.csv", "claims.csv", "report.json"]
    balanced(latex(hostile))


# ------------------------------------------------------------------------------------------------ LaTeX


def balanced(text: str) -> None:
    """Every brace closes, every environment ends, and no special character stands bare but our own."""
    bare = re.sub(r"\\[\\{}%&#$_^~]", "", text)
    depth = 0
    for letter in bare:
        depth += (letter == "{") - (letter == "}")
        assert depth >= 0
    assert depth == 0
    begun, ended = (re.findall(rf"\\{word}\{{(\w+)\}}", text) for word in ("begin", "end"))
    assert sorted(begun) == sorted(ended)
    assert set(begun) <= {"table", "tabular", "longtable"}
    assert not set("#$^~") & set(bare.replace(r"\ensuremath{^", ""))
    assert "%" not in "".join(line for line in bare.splitlines() if not line.startswith("% "))


@pytest.mark.parametrize("word", WORDS, ids=range(len(WORDS)))
def test_no_word_is_a_command_of_latex(word: str) -> None:
    told = tex(word)
    balanced(told)
    assert "\n" not in told
    assert not re.search(r"\\(input|write|end|begin|csname|catcode)\b", told)


@given(st.text(max_size=60))
def test_no_text_is_a_command_of_latex(text: str) -> None:
    told = tex(text)
    balanced(told)
    assert told[:1] not in ("[", "*")
    assert "--" not in told


def rows_of(text: str) -> int:
    return len(re.findall(r" \\\\$", text, re.MULTILINE))


def test_latex_of_a_report(tables: Tables) -> None:
    text = latex(tables)
    balanced(text)
    assert text == latex(tables)
    tasks = len({row["task"] for row in tables["leaderboard"]})
    main = sum(
        text.count(rf"\label{{tab:{kind}-{n}}}") for kind in ("leaderboard", "costs") for n in range(1, tasks + 1)
    )
    assert main == 2 * tasks
    assert r"\label{tab:claims}" in text
    assert rows_of(text) == 2 * (tasks + 3 + 2) + 1 + len(tables["claims"])  # with a heading each; 3 and 2 strategies


@pytest.mark.slow
def test_latex_compiles_with_all_hostile_words(tables: Tables, tmp_path: Path) -> None:
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("no pdflatex")
    words = " \\\\\n".join(tex(word[:500]) for word in WORDS)
    (tmp_path / "words.tex").write_text(
        f"\\begin{{tabular}}{{p{{9cm}}}}\n{words}\n\\end{{tabular}}\n", encoding="utf-8"
    )
    (tmp_path / "tables.tex").write_text(latex(tables), encoding="utf-8")
    (tmp_path / "all.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs,longtable,textcomp}\\begin{document}"
        "\\input{tables.tex}\\clearpage\\tiny\\input{words.tex}\\end{document}",
        encoding="utf-8",
    )
    command = [program, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "all.tex"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=120)
    assert told.returncode == 0, told.stdout.decode(errors="replace")[-2000:]


# ------------------------------------------------------------------------------------------------ spreadsheets


def test_sheets_are_the_tables_behind_a_mark(tables: Tables) -> None:
    found = sheets(tables)
    assert found.keys() == {f"{name}.csv" for name in tables}
    for name, rows in tables.items():
        data = found[f"{name}.csv"].encode("utf-8", "replace")
        assert data.startswith(b"\xef\xbb\xbf")
        assert data.decode("utf-8-sig").encode() == as_csv(rows).encode("utf-8", "replace")


@pytest.mark.parametrize("word", WORDS, ids=range(len(WORDS)))
def test_no_word_is_a_formula_or_another_row(word: str) -> None:
    text = sheets({"x": [{"a": word, "b": 1}]})["x.csv"]
    ((cell, one),) = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))[1:]
    assert cell.removeprefix("'") == word
    assert one == "1"
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


# ------------------------------------------------------------------------------------------------ all forms


@pytest.mark.parametrize("form", ["markdown", "latex", "bom"])
def test_equal_rows_give_equal_text_whatever_the_order_of_records(form: str, tables: Tables) -> None:
    def text(of: Any) -> Any:
        return FORMS[form](of, None, Assumptions(), ORIGIN)

    assert text(tables) == text(all_tables(results(records()[::-1]), verdicts()))
