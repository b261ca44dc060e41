"""Whatever letters a terminal has, every command prints: what it lacks is written in ASCII."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainward.cli import _tell_of_a_bug, bars, streams
from chainward.cli.letters import ALIKE, encodable

ENCODINGS = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "cp932": {"PYTHONIOENCODING": "cp932"},
    "C locale": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}

# What prints in every way there is: tables, cards, texts of click, errors of ours and of click, a run and its report.
COMMANDS = [
    ["--help"],
    ["run", "--help"],
    ["list", "strategies"],
    ["list", "tasks"],
    ["data", "list"],
    ["show", "bflc"],
    ["show", "Zürich – µ"],
    ["list", "Zürich – µ"],
    ["run", "plan – µ.toml"],
    ["report", "."],
]

PLAN = """\
title = "Zürich – µ ≤ 東京"
strategies = ["fedavg"]
seeds = 1
rounds = 1
tasks = [{key = "synthetic", hospitals = 2, patients = 20}]
faults.delay = {"hospital 1" = 1.0}
"""


ONE_AFTER_ANOTHER = """\
import json, sys
from chainward.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["chainward", *words]
    try:
        main()
    except SystemExit as left:
        assert left.code in (0, 2, None), (words, left.code)
"""


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_command_prints(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    first = ["run", "plan.toml", "--out", "report", "--in-process"]
    words = json.dumps([first, *COMMANDS, ["report", "report"]])
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONIO"))}
    done = subprocess.run(
        [sys.executable, "-c", ONE_AFTER_ANOTHER, words],
        cwd=tmp_path,
        env={**inherited, **ENCODINGS[encoding]},
        capture_output=True,
        timeout=300,
        check=False,
    )
    letters = "ascii" if encoding == "C locale" else encoding
    out, err = done.stdout.decode(letters), done.stderr.decode(letters)
    assert done.returncode == 0, err
    assert out.count("private chain, gas at 0 gwei") == 2
    assert all(told in err for told in ("no strategy", "no plan is called", "manifest.json"))


@given(text=st.text(max_size=30), encoding=st.sampled_from(["ascii", "latin-1", "cp932", "utf-8", "no such"]))
def test_what_is_encodable_can_be_encoded_and_nothing_else_changes(text: str, encoding: str) -> None:
    known = "ascii" if encoding == "no such" else encoding
    found = encodable(text, encoding)
    found.encode(known)
    if text.encode(known, errors="ignore").decode(known) == text:
        assert found == text


def test_signs_become_those_that_read_alike() -> None:
    assert encodable("0.7 – 0.8 − 1 … 5 µs ≤ 2 × 3", "ascii") == "0.7 - 0.8 - 1 ... 5 us <= 2 x 3"
    assert all(alike.isascii() and not sign.isascii() for sign, alike in ALIKE.items()), ALIKE


def test_a_stream_that_lacks_letters_prints_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    streams.forgive()
    print("µ – ü")
    assert raw.getvalue() == b"u - \\xfc\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp932", "utf-8"])
def test_a_bar_is_drawn_with_the_letters_there_are(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    terminal = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    monkeypatch.setattr(terminal.buffer, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stderr", terminal)
    streams.forgive()
    with bars.counted("rates – µ \x1b[31m", 3) as step:
        step()
    told = raw.getvalue().decode(encoding)
    assert "1/3" in told or "0/3" in told
    assert r"\x1b[31m" in told
    assert ("⠋" in told) == (encoding == "utf-8")


def test_a_traceback_acts_on_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise RuntimeError("\x1b[31m")
    except RuntimeError as error:
        _tell_of_a_bug(RuntimeError, error, error.__traceback__)
    told = capsys.readouterr().err
    assert told.startswith("Traceback (most recent call last):\n")
    assert told.endswith("RuntimeError: \\x1b[31m\n")
