"""Every command line that README, docs and help show is called, in an empty folder with what it names.

What takes minutes is cut: `run` reads its whole plan and then runs one trial of it, of one round. Nothing is fetched,
and reports go without pictures, as they do where the program that draws cannot be started.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from documented import (
    CODES,
    DATA,
    ELSEWHERE,
    FILES,
    FLOWER,
    PLACEHOLDERS,
    At,
    callable_form,
    calls,
    codes,
    fenced,
    inline,
    lines,
    with_ids,
)

from chainward import tasks
from chainward.cli import run
from chainward.plans.plan import Plan
from chainward.report.charts import drawing
from chainward.tasks import downloads
from chainward.trials.workers import InProcess

LINES = lines()
FORMS = list(dict.fromkeys(map(callable_form, LINES)))


class Undrawn:
    """In place of the module `subprocess`: nothing can be started."""

    TimeoutExpired = subprocess.TimeoutExpired

    @staticmethod
    def Popen(*_: object, **__: object) -> None:
        raise OSError


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """One trial a run, in this process; no picture, no download."""
    whole, place = run._plan, run._place
    monkeypatch.setattr(run, "_plan", lambda *given: cut(whole(*given)))
    monkeypatch.setattr(run, "_place", lambda *given: place(*given) and InProcess())
    monkeypatch.setattr(drawing, "subprocess", Undrawn)
    monkeypatch.setattr(downloads, "fetch", lambda source, progress: (Path(source.folder, "file"),))


def cut(plan: Plan) -> Plan:
    """The first trial of a plan, with one round and a learning rate."""
    first = plan.leaves[0]
    rate = first.training.learning_rate or (0.1 if first.tasks[0].key == "csv" else None)
    return first.model_copy(
        update={
            **{name: getattr(first, name)[:1] for name in ("tasks", "strategies", "attacks", "seeds")},
            "rounds": 1,
            "training": first.training.model_copy(update={"learning_rate": rate}),
        }
    )


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which commands are called."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def prepare(line: str, at: At) -> list[str]:
    """Make the files and folders that a line names and does not make itself; return its words, ids those of records."""
    _, *words = shlex.split(line)
    made = {after for before, after in pairwise(words) if before in ("--out", "-o", "--folder", "--keep")}
    for word in words:
        name = word.removeprefix("csv:")
        maker = next((maker for pattern, maker in FILES.items() if re.fullmatch(pattern, name)), None)
        if maker and name not in made and not (at.place / name).exists():
            (at.place / name).parent.mkdir(parents=True, exist_ok=True)
            maker(at.place / name, at)
    return with_ids(words, at.report) if words[0] == "rerun" else words


@pytest.mark.parametrize("line", FORMS)
def test_a_documented_command_does_what_it_should(line: str, place: Path, finished: Any, chainward: Any) -> None:
    assert not re.search(r"(?<![\w:])[A-Z]{3,}(?![\w-])", line.replace("BFLC", "")), "name it in PLACEHOLDERS"
    elsewhere = next((why for pattern, why in ELSEWHERE.items() if re.search(pattern, line)), "")
    if re.search(FLOWER, line) and find_spec("flwr") is None:
        pytest.skip("needs the flower extra: pip install 'chainward[flower]'")
    words = prepare(line, At(place, finished.folder, finished.plan, chainward))
    done = chainward(*words, *(["--estimate"] if elsewhere else []))
    lacking = next((tasks.load(key).requires() for name, key in DATA.items() if re.search(name, line)), None)
    if lacking and done.code == 2:
        assert "chainward data get" in done.err
    else:
        assert done.code in codes(line), (done.out, done.err)
    assert "Traceback" not in done.err


# --- that lines are found, and tables are of use -------------------------------------------------


def test_lines_are_found_in_blocks_and_text() -> None:
    page = """
Call `chainward show
bflc`, or `chainward.load(folder)`, or chainward alone.

```
$ .venv/bin/chainward run demo --jobs 2 \\
    --seeds 1   # a remark: chainward run nothing
A=1 chainward list plans --json | jq . && chainward doctor > told.txt
KEYS="$(chainward list strategies --json | python -c 'print()')" make
git clone chainward && cd chainward
```
"""
    assert list(fenced(page)) == [
        "chainward run demo --jobs 2 --seeds 1",
        "chainward list plans --json",
        "chainward doctor",
        "chainward list strategies --json",
    ]
    assert list(inline(page)) == ["chainward show bflc"]
    assert list(calls("pip install chainward cowsay")) == []


def test_every_page_and_command_has_its_part() -> None:
    assert len(LINES) > 60
    assert {shlex.split(line)[1] for line in LINES} > {"run", "show", "list", "report", "verify", "data", "new"}


@pytest.mark.parametrize("pattern", [*PLACEHOLDERS, *DATA, *ELSEWHERE, *CODES])
def test_no_entry_of_the_tables_is_left_over(pattern: str) -> None:
    assert any(re.search(pattern, line) for line in (*LINES, *FORMS))


@pytest.mark.parametrize(
    ("line", "form"),
    [
        ("chainward run PLAN --estimate", "chainward run demo --estimate"),
        ("chainward report", "chainward report --help"),
        ("chainward data", "chainward data --help"),
        ("chainward list strategies", "chainward list strategies"),
        ("chainward new strategy my_paper", "chainward new strategy my_paper"),
        ("chainward run --claims my_paper", "chainward run --claims bflc"),
    ],
)
def test_a_line_is_called_with_something_for_each_placeholder(line: str, form: str) -> None:
    assert callable_form(line) == form


@pytest.mark.parametrize("line", ["chainward show nobody", "chainward report nowhere", "chainward run demo --seeds 0"])
def test_a_line_that_is_wrong_would_fail(line: str, place: Path, chainward: Any) -> None:
    assert chainward(*shlex.split(line)[1:]).code not in codes(line)
