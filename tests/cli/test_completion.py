"""What the shell completes: commands, and keys and names as values, without loading what they name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_cli_help import HEAVY

from chainward import tasks
from chainward.cli import completion
from chainward.engines import ENGINES
from chainward.folders import CHECKOUT
from chainward.ledgers import LEDGERS
from chainward.plans import shipped
from chainward.strategy import discovery

PROGRAM = f"""\
import atexit, os, sys
atexit.register(lambda: os.write(2, ' '.join(set({HEAVY!r}) & set(sys.modules)).encode()))
sys.argv = ['chainward']
from chainward.cli import main
main()
"""


def completed(*words: str) -> list[str]:
    """What bash is offered for the last of these words, told by the program as the shell asks for it."""
    asked = {"_CHAINWARD_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=CHECKOUT,
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == "", "it has loaded what takes time"
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_keys_are_those_that_are_found_where_all_is_loaded(strategy_package, task_package) -> None:
    strategy_package("their_paper", "pass")
    task_package("their_hospitals")
    assert completion.strategy_keys() == [*discovery.keys()]
    assert completion.task_keys() == [*tasks.names()]
    assert {"their_paper", "bflc"} < {*completion.strategy_keys()}
    assert {"their_hospitals", "heart"} < {*completion.task_keys()}


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["chainward", "sh"], ["show"]),
        (["chainward", "show", "b"], ["baffle", "bflc", "bindaas", "biscotti", "blockfl", "blockflow"]),
        (["chainward", "run", "line"], ["line-up", "line"]),  # the last stands for files that begin so
        (["chainward", "run", "demo", "--strategy", "block"], ["blockfl", "blockflow"]),
        (["chainward", "run", "demo", "--task", "synthetic"], ["synthetic", "synthetic_skewed"]),
        (["chainward", "run", "demo", "--engine", ""], list(ENGINES)),
        (["chainward", "run", "demo", "--ledger", ""], list(LEDGERS)),
        (["chainward", "run", "demo", "--see"], ["--seeds", "--seed"]),
        (["chainward", "data", "describe", "edi"], ["edin"]),
        (["chainward", "flower", "export", "fedav"], ["fedavg"]),
        (["chainward", "list", "p"], ["plans"]),
    ],
)
def test_the_shell_is_offered(words: list[str], offered: list[str]) -> None:
    assert completed(*words) == offered


def test_every_plan_is_offered() -> None:
    assert set(shipped.NAMES) < set(completed("chainward", "run", ""))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_documented_line_of_each_shell_gives_a_script_it_reads(shell: str, tmp_path: Path) -> None:
    page = (CHECKOUT / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert f"_CHAINWARD_COMPLETE={shell}_source chainward" in page
    asked = {**os.environ, "_CHAINWARD_COMPLETE": f"{shell}_source"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=CHECKOUT, env=asked, capture_output=True, text=True, timeout=60, check=True
    )
    assert f"_CHAINWARD_COMPLETE={shell}_complete" in done.stdout
    if program := shutil.which(shell):
        script = tmp_path / "script"
        script.write_text(done.stdout, encoding="utf-8")
        subprocess.run([program, "-n", str(script)], check=True, timeout=60)
