"""What a terminal of any width shows: no key and no number is broken, and no line is wider than it."""

from __future__ import annotations

import io
import os
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from chainward import tasks
from chainward.cli import leaderboard, streams
from chainward.cli.layout import Column, lay_out, wrapped
from chainward.cli.output import as_table, tell
from chainward.strategy import discovery

NAMES = tuple(discovery.keys())
WIDTHS = (80, 100, 120, 200)

KEYS = st.text("abcxyz_019", min_size=1, max_size=20)
NUMBERS = st.integers(0, 10**12).map(lambda value: f"{value:,}") | st.floats(-9, 9).map(lambda value: f"{value:+.3f}")
SENTENCES = st.lists(KEYS | NUMBERS, max_size=40).map(" ".join)
LINES = st.lists(SENTENCES, min_size=1, max_size=3).map("\n".join)


class Screen(io.StringIO):
    """A terminal, as far as `isatty` tells, while it is open."""

    def isatty(self) -> bool:
        super().isatty()
        return True


def words(text: str) -> list[str]:
    return text.split()


@st.composite
def tables(draw: st.DrawFn) -> list[Column]:
    rows = draw(st.integers(0, 6))
    kinds = draw(st.lists(st.sampled_from([KEYS, NUMBERS, LINES]), min_size=1, max_size=8))
    columns = []
    for number, kind in enumerate([KEYS, *kinds]):
        cells = draw(st.lists(kind, min_size=rows, max_size=rows))
        spare = draw(st.integers(0, 3)) if number else 0
        heading = f"heading {number}" if spare else draw(st.sampled_from(["", f"heading {number}"]))
        columns.append(Column(heading, tuple(cells), draw(st.booleans()), spare))
    return columns


@given(columns=tables(), width=st.sampled_from(WIDTHS))
@settings(max_examples=200, deadline=None)
def test_no_line_is_too_wide_and_no_word_is_broken(columns: list[Column], width: int) -> None:
    found = lay_out(columns, width)
    assert all(cell_len(line) <= width for line in found.lines)
    assert all(line == line.rstrip() for line in found.lines)
    printed = words("\n".join(found.lines))
    left_out = [one for one in columns if one.spare and one.heading in found.left_out]
    for one in columns:
        if one not in left_out:
            assert {word for cell in one.cells for word in words(cell)} <= set(printed)
    assert set(found.left_out) <= {one.heading for one in columns if one.spare}


@given(columns=tables())
@settings(max_examples=100, deadline=None)
def test_piped_a_row_is_a_line(columns: list[Column]) -> None:
    found = lay_out(columns, None)
    assert len(found.lines) == 1 + len(columns[0].cells)
    assert all(line == line.rstrip() and "\n" not in line for line in found.lines)
    for line, *cells in zip(found.lines[1:], *(one.cells for one in columns), strict=True):
        assert cells[0] in line
        assert all(piece.strip() in line for cell in cells for piece in cell.split("\n"))


@given(text=st.lists(KEYS, max_size=40).map(" ".join), width=st.integers(25, 100), indent=st.integers(0, 4))
def test_lines_are_broken_between_words_and_keep_their_indent(text: str, width: int, indent: int) -> None:
    found = wrapped(" " * indent + text, width)
    assert words(" ".join(found)) == words(text)
    assert all(cell_len(line) <= width and line.startswith(" " * indent) for line in found)


def test_letters_of_two_columns_are_counted_as_two() -> None:
    columns = [Column("name", ("東京大学病院", "ab")), Column("n", ("1", "2"), right=True)]
    assert lay_out(columns, 80).lines == ("name          n", "東京大学病院  1", "ab            2")
    assert wrapped("東京 大学", 8) == ["東京", "大学"]


def test_a_word_wider_than_the_terminal_stays_whole() -> None:
    assert wrapped(f"see {'x' * 30} there", 20) == ["see", "x" * 30, "there"]


def screen(monkeypatch: pytest.MonkeyPatch, width: int) -> Screen:
    """Have standard output be a terminal of so many columns."""
    found = Screen()
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "stdout", found)
    return found


ROW = {
    "task": "stroke",
    "setting": "common track · evm: poa, period_s 5, signers 4, silent 0, confirmations 0 · cohort engine",
    "scenario": "private chain, gas at 0 gwei",
    "rank": 1,
    "tied_with_best": True,
    "trials": 5,
    "failed": 0,
    "auroc_mean": 0.7731,
    "auroc_low": 0.7512,
    "auroc_high": 0.7934,
    **{f"auroc_minus_{what}{end}": -0.0123 for what in ("baseline", "best") for end in ("", "_low", "_high")},
    "auroc_worst_hospital": 0.6384,
    "rounds": 30,
    "latency_per_round_s": 20.123,
    "latency_total_s": 13401.5,
    "gas_total": 1_601_316_530,
    "raw_records_shared": 3454,
    "sees_individual_updates": "one hospital a round",
}
RESOLUTION = {"task": "stroke", "setting": ROW["setting"]}


@pytest.mark.parametrize("width", WIDTHS)
def test_the_leaderboard_fits_and_says_what_it_leaves_out(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainward.report.page.summary.resolution", lambda _: "One sentence of all this.")
    out = screen(monkeypatch, width)
    rows = [{**ROW, "label": key, "strategy": key} for key in NAMES]
    leaderboard.print_leaderboard(rows, [RESOLUTION])
    told = out.getvalue()
    assert all(len(line) <= width for line in told.splitlines())
    assert set(NAMES) <= set(words(told))
    for figures in ("0.773 [0.751, 0.793]", "1,601,316,530"):
        assert told.count(figures) == len(rows)
    left_out = [heading for heading in leaderboard._COLUMNS.values() if heading not in told.split("\n\n")[0]]
    assert ("leaderboard.csv" in told) == ("left out at" in told) == (width < 160)
    assert left_out == [] or width < 160


def test_the_leaderboard_in_a_file_has_every_column(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("chainward.report.page.summary.resolution", lambda _: "One sentence.")
    leaderboard.print_leaderboard([{**ROW, "label": "bflc", "strategy": "bflc"}], [RESOLUTION])
    heading = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("rank"))
    assert all(name in heading for name in leaderboard._COLUMNS.values())


VERDICT = {
    "claim": "Accuracy like basic federated learning when nobody attacks.",
    "tier": "T2",
    "verdict": "not testable here",
    "first_rule": "judged on identically distributed hospitals, where merges cannot differ",
    "identity": "",
    "found": None,
    "why": "this report holds 0 of 5 seeds of baffle on synthetic (hospitals 20, patients 200), 30 rounds, track tuned",
    "records": ["a", "b"],
}
ATTACKED = {
    **{name: ROW[name] for name in ("task", "setting", "rank")},
    "attack": "sign flip, strength 4, by 30% of hospitals",
    "attackers": 6,
    "auroc_without": 0.781,
    "auroc_under": None,
    **{f"drop{end}": 0.0123 for end in ("", "_low", "_high")},
    "note": "the meter saw nothing spoiled, so it does not apply",
}


@pytest.mark.parametrize("width", WIDTHS)
def test_verdicts_and_attacks_fit(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    out = screen(monkeypatch, width)
    leaderboard.print_verdicts([{**VERDICT, "strategy": key} for key in NAMES])
    leaderboard.print_attacks([{**ATTACKED, "label": key} for key in NAMES])
    told = out.getvalue()
    assert all(len(line) <= width for line in told.splitlines())
    assert words(told).count("30") >= len(NAMES)
    assert all(words(told).count(key) == 2 for key in NAMES if key != "baffle")
    assert told.count("+0.012 [+0.012, +0.012]") == len(NAMES)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_refusal_fits(width: int, tmp_path: Path, chainward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainward.cli.streams.width", lambda _: width)
    for command in (["show", "fedavgg"], ["list", "strategy"], ["run", tmp_path / "none.toml"]):
        told = chainward(*command)
        assert told.code == 2
        assert all(len(line) <= width or len(words(line)) == 1 for line in told.err.splitlines())
        assert str(command[-1]) in told.err


COMMANDS = {
    "list strategies": discovery.keys,
    "list tasks": tasks.names,
    "list ledgers": lambda: ("evm", "brownie"),
    "list engines": lambda: ("cohort", "lightning"),
    "data list": tasks.names,
    "show bflc": lambda: ("BFLC", "committee_size"),
    "show fedavg": lambda: ("weighted",),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_fits_every_width(command: str, chainward, monkeypatch: pytest.MonkeyPatch) -> None:
    piped = chainward(*command.split()).out
    assert all(line == line.rstrip() for line in piped.splitlines())
    figures = set(re.findall(r"\b\d[\d,.]*\d\b", piped))
    monkeypatch.setattr("chainward.cli.streams.width", lambda stream: int(os.environ["COLUMNS"]))
    for width in WIDTHS:
        monkeypatch.setenv("COLUMNS", str(width))
        told = chainward(*command.split()).out
        long = [line for line in told.splitlines() if cell_len(line) > width]
        assert all(len(words(line)) == 1 or "://" in line for line in long), long
        assert set(COMMANDS[command]()) <= set(words(told))
        if "left out at" not in told:
            assert {figure for figure in figures if figure not in told} == set()


def test_a_command_in_a_real_terminal(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty", reason="there are no such terminals on this system")
    import fcntl
    import struct
    import termios

    child, terminal = pty.fork()
    if not child:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
        os.execve(
            sys.executable, [sys.executable, "-m", "chainward", "list", "strategies"], {**environment, "TERM": "xterm"}
        )
    told = b""
    try:
        while piece := os.read(terminal, 65536):
            told += piece
    except OSError:  # how Linux tells that the child has left
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    lines = told.decode().replace("\r\n", "\n").splitlines()
    assert lines[0].startswith("\x1b[1mkey ")
    assert max(len(re.sub(r"\x1b\[[0-9]*m", "", line)) for line in lines) <= 80
    assert all(any(line.startswith(key) for line in lines) for key in NAMES)


def test_what_is_no_terminal_has_no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = Screen()
    closed.close()
    monkeypatch.setenv("COLUMNS", "200")
    assert streams.width(io.StringIO()) is None
    assert streams.width(closed) is None
    assert streams.width(Screen()) == 200


def test_titles_and_cells_act_on_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    out = screen(monkeypatch, 80)
    tell("a\x1b[31m title")
    as_table([{"a": "\x1b]0;x\x07", "b": "[red]x[/red]"}], {"a": "\x1b[2J", "b": "b"}, title="\x1b[1mt")
    assert "\x1b" not in out.getvalue()
    assert r"\x1b[31m title" in out.getvalue()
    assert "[red]x[/red]" in out.getvalue()
